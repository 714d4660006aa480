"""``visbehavior plot``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visbehavior.cli.arguments import open_experiment, open_session, session_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import NUMBER, output_option, print_message, report_errors
from visbehavior.cli.plot_kinds import BEHAVIOR_KINDS
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION
from visbehavior.wording import count_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from visbehavior.session import BehaviorSession

PLANE_KINDS = ("plane", "traces", "population")
"""Kinds of plots that need an imaging plane."""
KINDS = ("timeline", *PLANE_KINDS, *BEHAVIOR_KINDS)


@click.command()
@session_argument
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="What to plot. plane, traces and population need the file or the id of an imaging plane.",
)
@click.option("--start", metavar="SECONDS", type=NUMBER, help="Start time.  [default: start of the session]")
@click.option("--stop", metavar="SECONDS", type=NUMBER, help="Stop time.  [default: end of the session]")
@output_option(
    "behavior_session_<id>_<start>-<stop>s.png, behavior_session_<id>_<kind>.png, or imaging_plane_<id>_<kind>.png"
)
@cache_options
@report_errors
def plot(
    session: str, kind: str, start: float | None, stop: float | None, output: Path | None, cache: CacheOptions
) -> None:
    """Plot a session or an imaging plane.

    \b
    timeline    running speed, licks, rewards, images and trials; an overview of more than 5 minutes
    plane       maximum projection with the outlines of the cells
    traces      dF/F of the first 10 cells, with the events of the task
    population  dF/F of all cells as a heat map
    triggered   running speed around changes and sham changes, by outcome
    matrix      fraction of flashes with a lick, by pair of images
    raster      licks around changes
    engagement  periods of engagement by six definitions

    \b
    Examples:
      visbehavior plot 891635659
      visbehavior plot 891635659 --start 290 --stop 330
      visbehavior plot behavior_session_891635659.nwb -o timeline.png
      visbehavior plot behavior_ophys_experiment_775614751.nwb --kind traces --start 290 --stop 330
      visbehavior plot 891635659 --kind engagement
    """
    if kind == "timeline":
        save_timeline(open_session(session, cache, DEFAULT_ALLENSDK_VERSION), start, stop, output)
    elif kind in ("plane", *BEHAVIOR_KINDS) and (start is not None or stop is not None):
        raise click.UsageError(f"--kind {kind} plots the whole session. Remove --start and --stop.")
    elif kind in BEHAVIOR_KINDS:
        save_behavior(open_session(session, cache, DEFAULT_ALLENSDK_VERSION), kind, output)
    else:
        save_plane(open_experiment(session, cache, DEFAULT_ALLENSDK_VERSION), kind, start, stop, output)


def save_timeline(session: BehaviorSession, start: float | None, stop: float | None, output: Path | None) -> None:
    """Plot a time range of a session, save the figure, and print what it shows and its path."""
    from visbehavior.plots.timeline import OVERVIEW_DURATION, plot_timeline

    ax = plot_timeline(session, start=start, stop=stop)
    first, last = ax.get_xlim()
    name = f"behavior_session_{session.behavior_session_id}_{first:.0f}-{last:.0f}s.png"
    what = "overview" if last - first > OVERVIEW_DURATION else "timeline"
    _save(ax, output or Path(name), f"{what} of session {session.behavior_session_id}, {first:.0f} to {last:.0f} s")


def save_behavior(session: BehaviorSession, kind: str, output: Path | None) -> None:
    """Plot responses or engagement of a session, save the figure, and print what it shows and its path."""
    shown = BEHAVIOR_KINDS[kind]
    ax = shown.draw(session)
    ax.set_title(f"{shown.title}, session {session.behavior_session_id}", fontsize="medium")
    path = output or Path(f"behavior_session_{session.behavior_session_id}_{kind}.png")
    _save(ax, path, f"{shown.title[0].lower()}{shown.title[1:]}, session {session.behavior_session_id}")


def save_plane(experiment: Any, kind: str, start: float | None, stop: float | None, output: Path | None) -> None:
    """Plot an imaging plane, save the figure, and print what it shows and its path."""
    from visbehavior.plots.plane import plot_plane
    from visbehavior.plots.traces import plot_population, plot_traces

    number = experiment.ophys_experiment_id
    path = output or Path(f"imaging_plane_{number}_{kind}.png")
    if kind == "plane":
        ax = plot_plane(experiment)
        _save(
            ax,
            path,
            f"maximum projection of imaging plane {number} with {count_text(len(experiment.cell_specimen_table), 'cell')}",
        )
        return
    draw: Callable[..., Axes] = plot_traces if kind == "traces" else plot_population
    ax = draw(experiment, start=start, stop=stop)
    first, last = ax.get_xlim()
    _save(ax, path, f"{kind} of imaging plane {number}, {first:.0f} to {last:.0f} s")


def _save(ax: Axes, path: Path, what: str) -> None:
    from visbehavior.plots.figure import save_figure

    print_message(f"Wrote the {what}: {save_figure(ax.figure, path)}")
