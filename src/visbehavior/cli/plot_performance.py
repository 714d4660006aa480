"""``visbehavior plot-performance``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbehavior.cli.arguments import sessions_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import output_option, print_message, report_errors, version_option
from visbehavior.cli.performance import compute_performance
from visbehavior.cli.selection import Selection, list_sessions, selection_options
from visbehavior.wording import count_text

if TYPE_CHECKING:
    import pandas as pd


@click.command("plot-performance")
@sessions_argument
@selection_options(with_all=False)
@output_option("mouse_<id>_max_dprime.png")
@version_option
@cache_options
@report_errors
def plot_performance(
    sessions: tuple[str, ...], selection: Selection, output: Path | None, allensdk_version: str, cache: CacheOptions
) -> None:
    """Plot the maximum d' of each session of a mouse.

    The x axis is in days since the first session. Sessions that cannot be read are reported and skipped, and the exit status
    is 1.

    \b
    Examples:
      visbehavior plot-performance --mouse 445002
      visbehavior plot-performance behavior_session_*.nwb -o mouse.png
    """
    table, has_errors = compute_performance(list_sessions(sessions, selection, cache), cache, allensdk_version)
    if len(table):
        save_max_dprime(table, output)
    if has_errors:
        sys.exit(1)


def save_max_dprime(table: pd.DataFrame, output: Path | None) -> None:
    """Plot the maximum d' of each session of a mouse, save the figure, and print what it shows and its path."""
    from visbehavior.plots.figure import save_figure
    from visbehavior.plots.performance import plot_max_dprime

    mouse_id = table["mouse_id"].iloc[0]
    path = save_figure(plot_max_dprime(table).figure, output or Path(f"mouse_{mouse_id}_max_dprime.png"))
    print_message(f"Wrote the maximum d' of {count_text(len(table), 'session')} of mouse {mouse_id}: {path}")
