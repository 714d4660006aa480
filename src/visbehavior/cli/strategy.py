"""``visbehavior strategy``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from visbehavior.cli.arguments import open_session, sessions_argument
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import PATH, is_missing, print_message, report_errors
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
      visbehavior strategy --all -o strategy.jsonl
    """
    arguments = list_sessions(sessions, selection, cache)
    known = {} if output is None else _read_records(output)
    records = [_record(argument, known, output, cache) for argument in dict.fromkeys(arguments)]
    errors = [str(record["error"]) for record in records if "error" in record]
    fitted = [record for record in records if "error" not in record]
    if fitted:
        _write_records(fitted, table_format)
    for error in errors:
        print_message(f"Error: {error}")
    if errors:
        print_message(f"{len(errors)} of {len(records)} sessions could not be fitted.")
        sys.exit(1)


def _record(argument: str, known: dict[str, Any], output: Path | None, cache: CacheOptions) -> dict[str, Any]:
    """Return the record of a session: a known one, or a new one, which is appended to the output."""
    if argument in known:
        return dict(known[argument])
    record: dict[str, Any] = {ARGUMENT: argument}
    try:
        record |= _fit(argument, cache)
    except BadValue as error:
        record["error"] = f"{argument}: {error}"
    except VisBehaviorError as error:
        # Not recorded, because it may succeed next time: a missing file, or no network.
        return record | {"error": f"{argument}: {error}"}
    if output is not None:
        _append(output, record)
    return record


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
