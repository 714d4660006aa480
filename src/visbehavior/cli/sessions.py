"""``visbehavior show`` and ``visbehavior performance``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from visbehavior.cli.cache import CacheOptions, cache_options, is_id, mouse_option, open_session, sessions_of
from visbehavior.cli.common import convention_option, errors_in_one_line, format_option, say, write_table
from visbehavior.errors import VisBehaviorError
from visbehavior.settings import ENGAGED_REWARD_RATE

if TYPE_CHECKING:
    import pandas as pd

# Fewer files are read by one process sooner than a second one starts.
FILES_WORTH_A_PROCESS = 30
FIRST_METRIC = "trial_count"


@click.command()
@click.argument("session", metavar="FILE|ID")
@convention_option
@cache_options
@errors_in_one_line
def show(session: str, allensdk_version: str, cache: CacheOptions) -> None:
    """Say what a session is: mouse, stage, date, duration, and what it holds.

    \b
    Examples:
      visbehavior show behavior_session_891635659.nwb
      visbehavior show 891635659
    """
    click.echo(open_session(session, cache, allensdk_version).describe())


@click.command()
@click.argument("sessions", metavar="[FILE|ID]...", nargs=-1)
@mouse_option
@format_option
@click.option(
    "--engaged-threshold",
    type=float,
    default=ENGAGED_REWARD_RATE,
    show_default=True,
    help="Rewards a minute above which the mouse counts as engaged.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=None, help="Processes to use.  [default: one a core, if worth it]"
)
@convention_option
@cache_options
@errors_in_one_line
def performance(
    sessions: tuple[str, ...],
    mouse: str | None,
    form: str,
    engaged_threshold: float,
    jobs: int | None,
    allensdk_version: str,
    cache: CacheOptions,
) -> None:
    """Performance metrics, one row for each session.

    Rates are AllenSDK's: means of rolling rates, not hits / go trials. A session that cannot be read is reported and skipped;
    the exit status is then 1.

    \b
    Examples:
      visbehavior performance --mouse 445002
      visbehavior performance 891635659
      visbehavior performance *.nwb --format csv > performance.csv
    """
    named = sessions_of(sessions, mouse, cache)
    table, failed = performance_table(named, cache, allensdk_version, engaged_threshold, jobs)
    if len(table):
        write_table(table, form)
    if failed:
        sys.exit(1)


def performance_table(
    named: Sequence[str],
    cache: CacheOptions,
    allensdk_version: str,
    engaged_threshold: float = ENGAGED_REWARD_RATE,
    jobs: int | None = None,
) -> tuple[pd.DataFrame, bool]:
    """The metrics of the sessions that can be read, the others said; and whether there were any others."""
    import pandas as pd

    ids, files = [name for name in named if is_id(name)], [name for name in named if not is_id(name)]
    parts, errors = [], []
    if files:
        table, failed = _of_files(files, allensdk_version, engaged_threshold, jobs)
        parts.append(table)
        errors += failed
    if ids:
        table, failed = _of_ids(ids, cache, allensdk_version, engaged_threshold)
        parts.append(table)
        errors += failed
    for error in errors:
        say(f"Error: {error}")
    if errors:
        say(f"{len(errors)} of {len(named)} sessions could not be read.")
    filled = [part for part in parts if len(part)]
    return pd.concat(filled) if filled else parts[0], bool(errors)


def _of_files(
    files: list[str], allensdk_version: str, engaged_threshold: float, jobs: int | None
) -> tuple[pd.DataFrame, list[VisBehaviorError]]:
    from visbehavior.performance_table import compute_performance_table

    failures: dict[str, VisBehaviorError] = {}
    table = compute_performance_table(
        files,
        allensdk_version=allensdk_version,
        engaged_trial_reward_rate_threshold=engaged_threshold,
        jobs=jobs or min(os.cpu_count() or 1, 1 + len(files) // FILES_WORTH_A_PROCESS),
        progress=True,
        failures=failures,
    )
    return table, list(failures.values())


def _of_ids(
    ids: list[str], cache: CacheOptions, allensdk_version: str, engaged_threshold: float
) -> tuple[pd.DataFrame, list[VisBehaviorError]]:
    from visbehavior.performance_table import DESCRIBED_BY

    failures: dict[int, VisBehaviorError] = {}
    table = cache.open(allensdk_version).get_performance_table(ids, engaged_threshold, failures=failures)
    first = list(table).index(FIRST_METRIC) if len(table) else len(list(table))
    return table[[*DESCRIBED_BY, *list(table)[first:]]], list(failures.values())
