"""``visbehavior show`` and ``visbehavior performance``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from visbehavior.cli.common import convention_option, errors_in_one_line, format_option, say, write_table
from visbehavior.errors import VisBehaviorError
from visbehavior.settings import ENGAGED_REWARD_RATE

if TYPE_CHECKING:
    import pandas as pd

# Fewer files are read by one process sooner than a second one starts.
FILES_WORTH_A_PROCESS = 30


@click.command()
@click.argument("file", type=click.Path())
@convention_option
@errors_in_one_line
def show(file: str, allensdk_version: str) -> None:
    """Say what a session is: mouse, stage, date, duration, and what it holds.

    \b
    Example:
      visbehavior show behavior_session_891635659.nwb
    """
    from visbehavior.session import BehaviorSession

    click.echo(BehaviorSession.from_nwb_path(file, allensdk_version=allensdk_version).describe())


@click.command()
@click.argument("files", type=click.Path(), nargs=-1, required=True)
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
@errors_in_one_line
def performance(
    files: tuple[str, ...], form: str, engaged_threshold: float, jobs: int | None, allensdk_version: str
) -> None:
    """Performance metrics, one row for each session.

    Rates are AllenSDK's: means of rolling rates, not hits / go trials. A file that cannot be read is reported and skipped;
    the exit status is then 1.

    \b
    Examples:
      visbehavior performance behavior_session_891635659.nwb
      visbehavior performance *.nwb --format csv > performance.csv
    """
    table, failed = performance_table(files, allensdk_version, engaged_threshold, jobs)
    if len(table):
        write_table(table, form)
    if failed:
        sys.exit(1)


def performance_table(
    files: tuple[str, ...],
    allensdk_version: str,
    engaged_threshold: float = ENGAGED_REWARD_RATE,
    jobs: int | None = None,
) -> tuple[pd.DataFrame, bool]:
    """The metrics of the files that can be read, the others said; and whether there were any others."""
    from visbehavior.batch import compute_performance_table

    failures: dict[str, VisBehaviorError] = {}
    table = compute_performance_table(
        files,
        allensdk_version=allensdk_version,
        engaged_trial_reward_rate_threshold=engaged_threshold,
        jobs=jobs or min(os.cpu_count() or 1, 1 + len(files) // FILES_WORTH_A_PROCESS),
        progress=True,
        failures=failures,
    )
    for error in failures.values():
        say(f"Error: {error}")
    if failures:
        say(f"{len(files) - len(table)} of {len(files)} files could not be read.")
    return table, bool(failures)
