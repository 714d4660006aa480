"""``visbehavior cohort build``, ``status``, ``query``, ``export`` and ``check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import PATH, print_message, report_errors
from visbehavior.cli.table_output import format_option, write_table
from visbehavior.schema.cohort import DEFAULT_TABLES, ROW_TABLES
from visbehavior.wording import count_text

if TYPE_CHECKING:
    import pandas as pd

# Starting another process takes about as long as reading this many sessions.
SESSIONS_PER_PROCESS = 30
_LISTED_FAILURES = 10

store_argument = click.argument("store", metavar="STORE")


@click.group()
def cohort() -> None:
    """Build and query a store with the tables of all sessions.

    A store is a folder of Parquet files. STORE is such a folder or, to query, also its URL (https or s3).

    \b
    Examples:
      visbehavior cohort build all-mice
      visbehavior cohort query all-mice "SELECT stage, avg(dprime) FROM sessions GROUP BY stage"
      visbehavior cohort check all-mice
    """


@cohort.command()
@click.argument("store", metavar="STORE", type=PATH)
@click.option("--mouse", metavar="MOUSE_ID", help="Add the sessions of a mouse only.")
@click.option("--ids", metavar="ID,...", help="Add these sessions only.")
@click.option(
    "--tables",
    metavar="TABLE,...",
    default=",".join(DEFAULT_TABLES),
    help=f"Tables of the store, of {', '.join(table.name for table in ROW_TABLES)}.  [default: the first {len(DEFAULT_TABLES)}]",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"Number of processes.  [default: one per {SESSIONS_PER_PROCESS} sessions, at most one per core]",
)
@click.option(
    "--scheduler", metavar="URL", help="Dask scheduler of a cluster, such as tcp://node:8786, which reads the sessions."
)
@click.option("--shard", metavar="I/N", help="Read only the I-th of N shares of the sessions, for an array of jobs.")
@cache_options
@report_errors
def build(
    store: Path,
    mouse: str | None,
    ids: str | None,
    tables: str,
    jobs: int | None,
    scheduler: str | None,
    shard: str | None,
    cache: CacheOptions,
) -> None:
    """Build or update a store.

    Only sessions that are new, or whose file or code changed, are read. An interrupted build continues where it stopped.
    Sessions that cannot be read are reported and skipped, and the exit status is 1.

    On a SLURM cluster, run an array of jobs with --shard, and then the command once without it. The folder of the store
    must be reached from all nodes.

    \b
    Examples:
      visbehavior cohort build all-mice
      visbehavior cohort build mouse --mouse 445002
      visbehavior cohort build all-mice --shard $SLURM_ARRAY_TASK_ID/100
    """
    from visbehavior.cohort.build import build_cohort

    opened = cache.open()
    sessions = opened.get_behavior_session_table()
    numbers: Any = None if ids is None else [part.strip() for part in ids.split(",")]
    if mouse is not None:
        numbers = [*(numbers or []), *opened.get_mouse(mouse).index]
    count = len(sessions if numbers is None else numbers)
    processes = jobs or min(os.cpu_count() or 1, 1 + count // SESSIONS_PER_PROCESS)
    with _executor(scheduler) as executor:
        status = build_cohort(
            opened,
            store,
            numbers,
            tables=[name.strip() for name in tables.split(",")],
            executor=executor,
            jobs=None if executor is not None and jobs is None else processes,
            shard=None if shard is None else _parse_shard(shard),
            progress=True,
        )
    _report(status, f", {opened.traffic.bytes / 1e6:,.1f} MB downloaded" if opened.traffic.bytes else "")


@contextmanager
def _executor(scheduler: str | None) -> Iterator[Any]:
    """Yield the executor of a cluster; None without a scheduler."""
    if scheduler is None:
        yield None
        return
    from visbehavior.cohort.engines import connect_scheduler

    with connect_scheduler(scheduler) as executor:
        yield executor


def _parse_shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and len(text) < 20 and 1 <= int(number) <= int(count)):
        raise click.BadParameter(f"{text!r} is not a share such as 3/100.", param_hint="--shard")
    return int(number), int(count)


def _report(status: pd.DataFrame, suffix: str) -> None:
    counts = status["status"].value_counts()
    listed = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("done", "unchanged", "failed"))
    print_message(f"{count_text(len(status), 'session')}: {listed}{suffix}.")
    failed = status.loc[status["status"] == "failed", "error"]
    for number, error in failed.head(_LISTED_FAILURES).items():
        print_message(f"Error: Session {number}: {error}")
    if len(failed):
        sys.exit(1)


@cohort.command()
@store_argument
@format_option
@report_errors
def status(store: str, table_format: str) -> None:
    """Print the tables of a store with their rows and bytes, and its digest.

    Two stores have the same digest if they have the same sessions with the same values. Sessions that could not be read
    are listed with the reason.

    \b
    Example:
      visbehavior cohort status all-mice
    """
    import pandas as pd

    from visbehavior.cohort.query import open_cohort
    from visbehavior.cohort.store import read_session_records

    opened = open_cohort(store)
    rows = [{"table": name, "rows": opened.count(name), "megabytes": opened.size(name) / 1e6} for name in opened.tables]
    write_table(pd.DataFrame(rows).set_index("table"), table_format)
    print_message(f"Digest: {opened.digest or 'none, the store has no sessions'}")
    _print_failures(read_session_records(Path(store)))


def _print_failures(records: dict[int, dict[str, Any]]) -> None:
    """Print the sessions that could not be read in the last build. A remote store does not have this list."""
    failed = {number: record["error"] for number, record in records.items() if record["status"] == "failed"}
    for number, error in list(failed.items())[:_LISTED_FAILURES]:
        print_message(f"Error: Session {number}: {error}")
    if failed:
        print_message(f"{count_text(len(failed), 'session')} could not be read. The next build tries them again.")


@cohort.command()
@store_argument
@click.argument("query", metavar="QUERY")
@format_option
@report_errors
def query(store: str, query: str, table_format: str) -> None:
    """Print the result of a query: one SELECT statement.

    \b
    Examples:
      visbehavior cohort query all-mice "SELECT count(*) FROM trials WHERE hit"
      visbehavior cohort query all-mice "DESCRIBE flashes"
    """
    from visbehavior.cohort.query import open_cohort

    with open_cohort(store) as opened:
        result = opened.sql(query)
    write_table(result.set_index(result.columns[0]) if len(result.columns) > 1 else result, table_format)


@cohort.command()
@store_argument
@click.argument("query", metavar="QUERY")
@click.option("-o", "--output", metavar="FILE", type=PATH, required=True, help="File, as .csv, .json or .parquet.")
@report_errors
def export(store: str, query: str, output: Path) -> None:
    """Write the result of a query into a file.

    \b
    Example:
      visbehavior cohort export all-mice "SELECT * FROM trials WHERE hit" -o hits.csv
    """
    from visbehavior.cohort.export import write_result
    from visbehavior.cohort.query import open_cohort

    with open_cohort(store) as opened:
        count = write_result(opened, query, output)
    print_message(f"Wrote {count_text(count, 'row')} to {output}")


@cohort.command()
@click.argument("store", metavar="STORE", type=PATH)
@click.option(
    "--sessions", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="Sessions to compare."
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the choice of sessions.",
)
@format_option
@cache_options
@report_errors
def check(store: Path, sessions: int, seed: int, table_format: str, cache: CacheOptions) -> None:
    """Compare a random sample of a store with the files. The exit status is 1 if they differ.

    \b
    Example:
      visbehavior cohort check all-mice --sessions 100
    """
    from visbehavior.cohort.check import EQUAL, check_cohort

    result = check_cohort(cache.open(), store, sessions=sessions, seed=seed, progress=True)
    write_table(result, table_format)
    if (result["result"] != EQUAL).any():
        sys.exit(1)
