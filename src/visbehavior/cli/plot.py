"""``visbehavior plot`` and ``visbehavior plot-performance``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbehavior.cli.cache import CacheOptions, cache_options, mouse_option, open_session, sessions_of
from visbehavior.cli.common import convention_option, errors_in_one_line, say
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    import pandas as pd

    from visbehavior.session import BehaviorSession

# Inches: a stretch is read along, and a session needs room for its label.
TIMELINE = (15.0, 5.0)
WIDTH_OF_A_SESSION = 0.45
LEAST_WIDTH = 10.0

output_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The figure: .png, .pdf, .svg ...  [default: named after the session; printed]",
)


@click.command()
@click.argument("named", metavar="FILE|ID")
@click.option("--start", type=float, help="Start of the stretch (s).  [default: of the session]")
@click.option("--stop", type=float, help="End of the stretch (s).  [default: of the session]")
@output_option
@cache_options
@errors_in_one_line
def plot(named: str, start: float | None, stop: float | None, output: Path | None, cache: CacheOptions) -> None:
    """Draw a stretch of a session: running, licks, rewards, figures and omissions.

    \b
    Examples:
      visbehavior plot behavior_session_891635659.nwb --start 290 --stop 330 -o timeline.png
      visbehavior plot 891635659 --start 290 --stop 330
    """
    draw_timeline(open_session(named, cache, DEFAULT_ALLENSDK_VERSION), start, stop, output)


def draw_timeline(session: BehaviorSession, start: float | None, stop: float | None, output: Path | None) -> None:
    """Write the figure of a stretch of a session, and say where."""
    from visbehavior.plots.figure import new_figure, save_figure
    from visbehavior.plots.timeline import plot_timeline

    figure, ax = new_figure(*TIMELINE)
    plot_timeline(
        session.running_speed, session.licks, session.rewards, session.stimulus_presentations, ax, start, stop
    )
    kind = session.metadata["session_type"]
    ax.set_title(f"Session {session.behavior_session_id}, mouse {session.metadata['mouse_id']}, {kind}")
    first, last = ax.get_xlim()
    name = output or Path(f"behavior_session_{session.behavior_session_id}_{first:.0f}-{last:.0f}s.png")
    say(f"Wrote {save_figure(figure, name)}")


@click.command("plot-performance")
@click.argument("sessions", metavar="[FILE|ID]...", nargs=-1)
@mouse_option
@output_option
@convention_option
@cache_options
@errors_in_one_line
def plot_performance(
    sessions: tuple[str, ...], mouse: str | None, output: Path | None, allensdk_version: str, cache: CacheOptions
) -> None:
    """Draw the greatest d' of every session of a mouse, in order of acquisition.

    A session that cannot be read is reported and skipped; the exit status is then 1.

    \b
    Examples:
      visbehavior plot-performance --mouse 445002
      visbehavior plot-performance behavior_session_*.nwb -o mouse.png
    """
    from visbehavior.cli.sessions import performance_table

    table, failed = performance_table(sessions_of(sessions, mouse, cache), cache, allensdk_version)
    if len(table):
        draw_performance(table, output)
    if failed:
        sys.exit(1)


def draw_performance(table: pd.DataFrame, output: Path | None) -> None:
    """Write the figure of a mouse's greatest d', and say where."""
    from visbehavior.plots.figure import new_figure, save_figure
    from visbehavior.plots.performance import plot_max_dprime

    figure, ax = new_figure(max(LEAST_WIDTH, 6 + WIDTH_OF_A_SESSION * len(table)), 6)
    plot_max_dprime(table, ax)
    say(f"Wrote {save_figure(figure, output or Path(f'mouse_{table.mouse_id.iloc[0]}_max_dprime.png'))}")
