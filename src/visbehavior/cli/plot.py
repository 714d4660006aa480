"""``visbehavior plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbehavior.cli.arguments import open_session, session_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import NUMBER, output_option, print_message, report_errors
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    from visbehavior.session import BehaviorSession

FIGURE_SIZE = (15.0, 5.0)
"""Width and height (inches)."""


@click.command()
@session_argument
@click.option("--start", metavar="SECONDS", type=NUMBER, help="Start time.  [default: start of the session]")
@click.option("--stop", metavar="SECONDS", type=NUMBER, help="Stop time.  [default: end of the session]")
@output_option("behavior_session_<id>_<start>-<stop>s.png")
@cache_options
@report_errors
def plot(session: str, start: float | None, stop: float | None, output: Path | None, cache: CacheOptions) -> None:
    """Plot running, licks, rewards and images of a session.

    \b
    Examples:
      visbehavior plot behavior_session_891635659.nwb -o timeline.png
      visbehavior plot 891635659 --start 290 --stop 330
    """
    save_timeline(open_session(session, cache, DEFAULT_ALLENSDK_VERSION), start, stop, output)


def save_timeline(session: BehaviorSession, start: float | None, stop: float | None, output: Path | None) -> None:
    """Plot a time range of a session, save the figure and print its path."""
    from visbehavior.plots.figure import new_figure, save_figure
    from visbehavior.plots.timeline import plot_timeline

    figure, ax = new_figure(*FIGURE_SIZE)
    plot_timeline(
        session.running_speed, session.licks, session.rewards, session.stimulus_presentations, ax, start, stop
    )
    mouse_id, session_type = session.metadata["mouse_id"], session.metadata["session_type"]
    ax.set_title(f"Session {session.behavior_session_id}, mouse {mouse_id}, {session_type}")
    first, last = ax.get_xlim()
    path = output or Path(f"behavior_session_{session.behavior_session_id}_{first:.0f}-{last:.0f}s.png")
    print_message(f"Wrote {save_figure(figure, path)}")
