"""``visbehavior learning-curve``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import output_option, print_message, report_errors
from visbehavior.cli.table_output import format_option, write_table
from visbehavior.errors import NotFound, VisBehaviorError

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_OUTPUT = "learning_curve.png"


@click.command("learning-curve")
@click.option("--mouse", "mice", metavar="MOUSE_ID", multiple=True, help="Select a mouse; may be repeated.")
@click.option("--cre", metavar="CRE_LINE", help="Select all mice of a Cre line, such as Vip-IRES-Cre.")
@click.option("--store", metavar="STORE", help="Read a cohort store (folder or URL) instead of the sessions' files.")
@click.option(
    "--metric", metavar="COLUMN", default="dprime", show_default=True, help="Metric, such as max_dprime or hit_rate."
)
@click.option(
    "--by", type=click.Choice(("day", "session", "stage")), default="day", show_default=True, help="Horizontal axis."
)
@output_option(DEFAULT_OUTPUT)
@format_option
@cache_options
@report_errors
def learning_curve(
    mice: tuple[str, ...],
    cre: str | None,
    store: str | None,
    metric: str,
    by: str,
    output: Path | None,
    table_format: str,
    cache: CacheOptions,
) -> None:
    """Plot how mice learn, and print the mean over mice.

    Each mouse is a thin line. Without --mouse and --cre, all mice of the store are selected; from the files of all mice, build
    a store first.

    \b
    Examples:
      visbehavior learning-curve --mouse 445002
      visbehavior learning-curve --store all-mice --cre Vip-IRES-Cre --by stage
    """
    from visbehavior.analysis.learning import compute_learning_curve, summarize_mice
    from visbehavior.plots.figure import save_figure
    from visbehavior.plots.learning import plot_learning_curve

    if store is None and not mice and cre is None:
        raise click.UsageError("Select mice (--mouse 445002), a Cre line (--cre Vip-IRES-Cre), or a store (--store).")
    sessions, failed = _from_cache(mice, cre, cache) if store is None else (_from_store(store, mice, cre), False)
    summary = summarize_mice(compute_learning_curve(sessions, metric, by))
    path = save_figure(plot_learning_curve(sessions, metric, by).figure, output or Path(DEFAULT_OUTPUT))
    write_table(summary, table_format)
    print_message(f"Wrote {path}")
    if failed:
        sys.exit(1)


def _from_store(store: str, mice: tuple[str, ...], cre: str | None) -> pd.DataFrame:
    from visbehavior.cohort.query import open_cohort

    with open_cohort(store) as opened:
        return _select(opened.table("sessions"), mice, cre)


def _from_cache(mice: tuple[str, ...], cre: str | None, cache: CacheOptions) -> tuple[pd.DataFrame, bool]:
    """Return the performance of the selected sessions, and whether some could not be read."""
    opened = cache.open()
    ids = _select(opened.get_behavior_session_table(), mice, cre).index
    failures: dict[int, VisBehaviorError] = {}
    table = opened.get_performance_table(ids, failures=failures)
    for error in failures.values():
        print_message(f"Error: {error}")
    return table, bool(failures)


def _select(sessions: pd.DataFrame, mice: tuple[str, ...], cre: str | None) -> pd.DataFrame:
    from visbehavior.project.tables import check_columns
    from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE

    selected = sessions
    if mice:
        selected = selected[selected["mouse_id"].astype(str).isin(mice)]
    if cre is not None:
        check_columns(sessions, ["cre_line"], BEHAVIOR_SESSION_TABLE)
        selected = selected[selected["cre_line"] == cre]
    if selected.empty:
        lines = sorted(sessions["cre_line"].dropna().astype(str).unique()) if "cre_line" in sessions else []
        raise NotFound(
            f"There is no session of these mice and this Cre line. The Cre lines are: {', '.join(lines) or 'none'}. "
            "The command visbehavior sessions lists the mice."
        )
    return selected
