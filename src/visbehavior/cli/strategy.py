"""``visbehavior strategy``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from visbehavior.cli.arguments import open_session, sessions_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import PATH, is_missing, jobs_option, print_message, report_errors
from visbehavior.cli.selection import Selection, list_sessions, selection_options
from visbehavior.cli.table_output import format_option, write_table
from visbehavior.errors import BadValue, CannotWrite, VisBehaviorError
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

INDEX = "behavior_session_id"
ARGUMENT = "session"
"""Entry of a record with the file or id as it was given. Sessions are recognized by it when a run continues."""
_DESCRIPTION = ("mouse_id", "session_type")


@click.command()
@sessions_argument
@selection_options()
@format_option
@jobs_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=PATH,
    help="Also append a record per session to FILE (JSON lines). Sessions that FILE has are not fitted again.",
)
@cache_options
@report_errors
def strategy(
    sessions: tuple[str, ...],
    selection: Selection,
    table_format: str,
    jobs: int,
    output: Path | None,
    cache: CacheOptions,
) -> None:
    """Fit the strategy of each session, one row per session.

    A positive strategy_index means that the mouse relies on what it sees, a negative one on the time since its last bout.

    Sessions that cannot be fitted, such as passive ones, are reported and skipped, and the exit status is 1. With
    --output, an interrupted run can be continued.

    \b
    Examples:
      visbehavior strategy 891635659
      visbehavior strategy --mouse 445002 --format csv > strategy.csv
      visbehavior strategy --all --jobs 8 -o strategy.jsonl
    """
    arguments = list_sessions(sessions, selection, cache)
    known = {} if output is None else _read_records(output)
    unknown = [argument for argument in dict.fromkeys(arguments) if argument not in known]
    known |= _fit_all(unknown, cache, jobs, output)
    records = [known[argument] for argument in dict.fromkeys(arguments)]
    errors = [str(record["error"]) for record in records if "error" in record]
    fitted = [record for record in records if "error" not in record]
    if fitted:
        _write_records(fitted, table_format)
    for error in errors:
        print_message(f"Error: {error}")
    if errors:
        print_message(f"{len(errors)} of {len(records)} sessions could not be fitted.")
        sys.exit(1)


def _fit_all(arguments: list[str], cache: CacheOptions, jobs: int, output: Path | None) -> dict[str, Any]:
    """Return the records of sessions. Those that another run need not make again are appended to the output."""
    from visbehavior.processes import map_in_processes
    from visbehavior.progress import progress_bar

    results = map_in_processes(_attempt, [(argument, cache) for argument in arguments], min(jobs, len(arguments)))
    records = {}
    for _, (record, is_final) in progress_bar(True, results, total=len(arguments), unit="session", leave=False):
        records[record[ARGUMENT]] = record
        if output is not None and is_final:
            _append(output, record)
    return records


def _attempt(argument: str, cache: CacheOptions) -> tuple[dict[str, Any], bool]:
    """Return the record of a session, and whether another attempt would give the same."""
    record: dict[str, Any] = {ARGUMENT: argument}
    try:
        return record | _fit(argument, cache), True
    except BadValue as error:
        return record | {"error": f"{argument}: {error}"}, True
    except VisBehaviorError as error:
        # It may succeed next time: a missing file, or no network.
        return record | {"error": f"{argument}: {error}"}, False


def _fit(argument: str, cache: CacheOptions) -> dict[str, Any]:
    from visbehavior.models.strategy_record import compute_strategy_record

    session = open_session(argument, cache, DEFAULT_ALLENSDK_VERSION)
    described = {name: session.metadata[name] for name in _DESCRIPTION}
    return {INDEX: session.behavior_session_id, **described, **compute_strategy_record(session.get_flash_table())}


def _append(output: Path, record: dict[str, Any]) -> None:
    values = {name: None if is_missing(value) else value for name, value in record.items()}
    try:
        with open(output, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
    except OSError as error:
        raise CannotWrite(f"{output} cannot be written: {error.strerror}. Choose another file.") from error


def _read_records(output: Path) -> dict[str, Any]:
    """Return the records of an earlier run by session. A last line that was cut off is no record."""
    if not output.exists():
        return {}
    if not output.is_file():
        raise CannotWrite(f"{output} is not a file. Give the path of a file.", path=str(output))
    records = {}
    try:
        lines = output.read_text(encoding="utf-8").splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):
                record = json.loads(line)
                records[str(record[ARGUMENT])] = record
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadValue(
            f"{output} has a line that is not a record of this command: {error}. Give a new file, or one that the command wrote."
        ) from error
    if lines and not lines[-1].endswith("\n"):
        output.write_text("".join(lines[:-1]), encoding="utf-8")
    return records


def _write_records(records: list[dict[str, Any]], table_format: str) -> None:
    import pandas as pd

    write_table(pd.DataFrame(records).drop(columns=ARGUMENT).set_index(INDEX), table_format)
