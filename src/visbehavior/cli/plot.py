"""``visbehavior plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbehavior.cli.arguments import open_session, session_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import NUMBER, output_option, print_message, report_errors
from visbehavior.cli.plot_kinds import KINDS
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    from visbehavior.session import BehaviorSession

TIMELINE = "timeline"
FIGURE_SIZE = (15.0, 5.0)
"""Width and height (inches)."""


@click.command()
@session_argument
@click.option(
    "--kind",
    type=click.Choice([TIMELINE, *KINDS]),
    default=TIMELINE,
    show_default=True,
    help="timeline: running, licks, rewards and images. triggered: running around changes. matrix: responses by pair of images. "
    "raster: licks around changes. engagement: by six definitions.",
)
@click.option(
    "--start", metavar="SECONDS", type=NUMBER, help="Start time of a timeline.  [default: start of the session]"
)
@click.option("--stop", metavar="SECONDS", type=NUMBER, help="Stop time of a timeline.  [default: end of the session]")
@output_option("behavior_session_<id>_<start>-<stop>s.png, or behavior_session_<id>_<kind>.png")
@cache_options
@report_errors
def plot(
    session: str, kind: str, start: float | None, stop: float | None, output: Path | None, cache: CacheOptions
) -> None:
    """Plot a session: running, licks, rewards and images over time, or another kind of figure.

    \b
    Examples:
      visbehavior plot behavior_session_891635659.nwb -o timeline.png
      visbehavior plot 891635659 --start 290 --stop 330
      visbehavior plot 891635659 --kind engagement
    """
    if kind != TIMELINE:
        if start is not None or stop is not None:
            raise click.UsageError("--start and --stop are options of --kind timeline only.")
        save_kind(open_session(session, cache, DEFAULT_ALLENSDK_VERSION), kind, output)
        return
    save_timeline(open_session(session, cache, DEFAULT_ALLENSDK_VERSION), start, stop, output)


def save_timeline(session: BehaviorSession, start: float | None, stop: float | None, output: Path | None) -> None:
    """Plot a time range of a session, save the figure and print its path."""
    from visbehavior.plots.figure import new_figure, save_figure
    from visbehavior.plots.timeline import plot_timeline

    figure, ax = new_figure(*FIGURE_SIZE)
    plot_timeline(
        session.running_speed, session.licks, session.rewards, session.stimulus_presentations, ax, start, stop
    )
    ax.set_title(_title(session))
    first, last = ax.get_xlim()
    path = output or Path(f"behavior_session_{session.behavior_session_id}_{first:.0f}-{last:.0f}s.png")
    print_message(f"Wrote {save_figure(figure, path)}")


def save_kind(session: BehaviorSession, kind: str, output: Path | None) -> None:
    """Plot another kind of figure of a session, save it and print its path."""
    from visbehavior.plots.figure import new_figure, save_figure

    figure, ax = new_figure(*KINDS[kind].size)
    KINDS[kind].draw(session, ax)
    ax.set_title(f"{KINDS[kind].title}\n{_title(session)}", fontsize="medium")
    path = output or Path(f"behavior_session_{session.behavior_session_id}_{kind}.png")
    print_message(f"Wrote {save_figure(figure, path)}")


def _title(session: BehaviorSession) -> str:
    mouse_id, session_type = session.metadata["mouse_id"], session.metadata["session_type"]
    return f"Session {session.behavior_session_id}, mouse {mouse_id}, {session_type}"
