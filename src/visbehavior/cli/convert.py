"""``visbehavior convert``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from visbehavior.cli.common import PATH, F, is_missing, jobs_option, output_dir_option, print_message, report_errors
from visbehavior.errors import BadValue, VisBehaviorError
from visbehavior.schema.session_data import SESSION_DATA

# Entries of the session data that differ between sessions.
_SINGLE_SESSION_KEYS = ("behavior_session_id", "date_of_acquisition", "sync_file")


def _session_data_options(function: F) -> F:
    """Add an option for each entry of the session data that has one."""
    for entry in reversed(SESSION_DATA):
        if entry.option:
            function = click.option(entry.option, entry.key, help=entry.meaning)(function)
    return function


@click.command()
@click.argument("raw", metavar="FILE...", nargs=-1, required=True, type=PATH)
@output_dir_option("Folder for the NWB files.")
@click.option(
    "--project-table",
    metavar="CSV",
    type=PATH,
    help="Table such as behavior_session_table.csv, with metadata of the sessions.",
)
@_session_data_options
@jobs_option
@report_errors
def convert(
    raw: tuple[Path, ...], output_dir: Path, project_table: Path | None, jobs: int, **session_data: str | None
) -> None:
    """Convert stimulus pickles to NWB files.

    FILE is a stimulus pickle, or a .json file with metadata of a session, in which behavior_stimulus_file is the path
    of the pickle. Each metadata entry comes from the first of these that has it: the options, the .json file,
    --project-table, the pickle.

    AllenSDK can open the NWB files too. Existing NWB files are kept, so an interrupted conversion can be continued.
    Sessions that cannot be converted are reported and skipped, and the exit status is 1.

    \b
    Examples:
      visbehavior convert rig/*.pkl -o nwb --jobs 4
      visbehavior convert rig/*.pkl -o nwb --project-table sessions.csv
      visbehavior convert 891635659.pkl -o nwb --mouse 457841 --age P114
    """
    from visbehavior.convert import convert_raw

    options = {key: value for key, value in session_data.items() if value is not None}
    _check_single_session_options(options, len(raw))
    failures: dict[str, VisBehaviorError] = {}
    rows = None if project_table is None else _read_rows(project_table)
    sessions = []
    for path in dict.fromkeys(map(str, raw)):
        try:
            sessions.append(_merge_session_data(path, rows, options))
        except VisBehaviorError as error:
            failures[path] = error
    for written in convert_raw(sessions, output_dir, jobs=jobs, progress=True, failures=failures):
        click.echo(written)
    for failure in failures.values():
        print_message(f"Error: {failure}")
    if failures:
        print_message(f"{len(failures)} of {len(raw)} sessions could not be converted.")
        sys.exit(1)


def _check_single_session_options(options: dict[str, Any], count: int) -> None:
    names = [entry.option for entry in SESSION_DATA if entry.key in options and entry.key in _SINGLE_SESSION_KEYS]
    if count > 1 and names:
        raise click.UsageError(f"{' and '.join(names)} can be used with one session only; {count} were given.")


def _merge_session_data(path: str, rows: dict[int, dict[str, Any]] | None, options: dict[str, Any]) -> dict[str, Any]:
    from visbehavior.raw.file import RawSession, read_session_data

    session_data = read_session_data(path)
    if rows is None:
        return session_data | options
    session_id = RawSession(session_data | options).session_id()
    if session_id not in rows:
        raise BadValue(
            f"{path}: session {session_id} is not in the project table. Use the session's id as the file name, pass "
            "--id, or omit --project-table.",
            path=path,
            value=session_id,
        )
    return {"behavior_session_id": session_id, **rows[session_id]} | session_data | options


def _read_rows(path: Path) -> dict[int, dict[str, Any]]:
    """Read the metadata of each session from a project table."""
    from visbehavior.project.tables import read_project_table
    from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE
    from visbehavior.store.verified import read_file

    content = read_file(path)
    try:
        # A lab's table may have empty counts. The convention 2.10 allows them.
        table = read_project_table(content, BEHAVIOR_SESSION_TABLE, "2.10")
    except VisBehaviorError as error:
        raise BadValue(f"{path}: {error}", path=str(path)) from error
    keys = {entry.column: entry.key for entry in SESSION_DATA if entry.column in table}
    records = zip(table.index.tolist(), table[list(keys)].to_dict("records"), strict=True)
    return {
        int(session_id): {keys[column]: value for column, value in record.items() if not is_missing(value)}
        for session_id, record in records
    }
