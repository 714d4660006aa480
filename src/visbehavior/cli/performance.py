"""``visbehavior performance``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from visbehavior.cli.arguments import is_session_id, sessions_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import NUMBER, print_message, report_errors, version_option
from visbehavior.cli.selection import Selection, list_sessions, selection_options
from visbehavior.cli.table_output import columns_option, format_option, write_table
from visbehavior.errors import VisBehaviorError
from visbehavior.settings import ENGAGED_REWARD_RATE

if TYPE_CHECKING:
    import pandas as pd

# Starting another process takes about as long as reading this many files.
FILES_PER_PROCESS = 30
FIRST_METRIC = "trial_count"
DISPLAYED_COLUMNS = (
    "session_type",
    "dprime",
    "hit_rate",
    "false_alarm_rate",
    "trial_count",
    "max_dprime",
    "engaged_trial_count",
    "mean_hit_rate",
    "mean_false_alarm_rate",
    "mouse_id",
    "total_reward_volume",
)
"""Columns of the table, the most important first; those that do not fit on the screen are left out."""


@click.command()
@sessions_argument
@selection_options()
@format_option
@columns_option
@click.option(
    "--engaged-threshold",
    metavar="RATE",
    type=NUMBER,
    default=ENGAGED_REWARD_RATE,
    show_default=True,
    help="Rewards per minute above which the mouse is engaged.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    help=f"Number of processes.  [default: one per {FILES_PER_PROCESS} files, at most one per core]",
)
@version_option
@cache_options
@report_errors
def performance(
    sessions: tuple[str, ...],
    selection: Selection,
    table_format: str,
    columns: str | None,
    engaged_threshold: float,
    jobs: int | None,
    allensdk_version: str,
    cache: CacheOptions,
) -> None:
    """Compute performance metrics, one row per session.

    hit_rate, false_alarm_rate and dprime are those of all trials; mean_hit_rate, mean_false_alarm_rate and max_dprime are
    AllenSDK's, of rolling rates.

    Sessions that cannot be read are reported and skipped, and the exit status is 1.

    \b
    Examples:
      visbehavior performance --mouse 445002
      visbehavior performance 891635659
      visbehavior performance --cre Vip --session-type OPHYS_1 --columns hit_rate,dprime
      visbehavior performance *.nwb --format csv > performance.csv
    """
    arguments = list_sessions(sessions, selection, cache)
    table, has_errors = compute_performance(arguments, cache, allensdk_version, engaged_threshold, jobs)
    if len(table):
        write_table(table, table_format, columns, DISPLAYED_COLUMNS)
    if has_errors:
        sys.exit(1)


def compute_performance(
    arguments: Sequence[str],
    cache: CacheOptions,
    allensdk_version: str,
    engaged_threshold: float = ENGAGED_REWARD_RATE,
    jobs: int | None = None,
) -> tuple[pd.DataFrame, bool]:
    """Compute the metrics of files and ids; report sessions that cannot be read and return whether there are any."""
    import pandas as pd

    ids = [argument for argument in arguments if is_session_id(argument)]
    files = [argument for argument in arguments if not is_session_id(argument)]
    tables, errors = [], []
    if files:
        table, failures = _from_files(files, allensdk_version, engaged_threshold, jobs)
        tables.append(table)
        errors += failures
    if ids:
        table, failures = _from_cache(ids, cache, allensdk_version, engaged_threshold)
        tables.append(table)
        errors += failures
    for error in errors:
        print_message(f"Error: {error}")
    if errors:
        print_message(f"{len(errors)} of {len(arguments)} sessions could not be read.")
    filled = [table for table in tables if len(table)]
    return pd.concat(filled) if filled else tables[0], bool(errors)


def _from_files(
    files: list[str], allensdk_version: str, engaged_threshold: float, jobs: int | None
) -> tuple[pd.DataFrame, list[VisBehaviorError]]:
    from visbehavior.performance_table import compute_performance_table

    failures: dict[str, VisBehaviorError] = {}
    table = compute_performance_table(
        files,
        allensdk_version=allensdk_version,
        engaged_trial_reward_rate_threshold=engaged_threshold,
        jobs=jobs or min(os.cpu_count() or 1, 1 + len(files) // FILES_PER_PROCESS),
        progress=True,
        failures=failures,
    )
    return table, list(failures.values())


def _from_cache(
    ids: list[str], cache: CacheOptions, allensdk_version: str, engaged_threshold: float
) -> tuple[pd.DataFrame, list[VisBehaviorError]]:
    """Compute the metrics of ids, with the same columns as for files."""
    from visbehavior.performance_table import SESSION_COLUMNS

    failures: dict[int, VisBehaviorError] = {}
    table = cache.open(allensdk_version).get_performance_table(ids, engaged_threshold, failures=failures)
    first = list(table).index(FIRST_METRIC) if len(table) else len(list(table))
    return table[[*SESSION_COLUMNS, *list(table)[first:]]], list(failures.values())
