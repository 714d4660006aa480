"""``visbehavior convert``: the rig's pickles to NWB files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from visbehavior.cli.common import errors_in_one_line, is_missing, jobs_option, say
from visbehavior.errors import BadValue, VisBehaviorError
from visbehavior.schema.stimulus_pickle import SESSION_DATA

F = TypeVar("F", bound=Callable[..., Any])

# What differs from session to session.
_OF_ONE = ("behavior_session_id", "date_of_acquisition", "sync_file")


def _known_options(function: F) -> F:
    """An option for each thing that a lab knows."""
    for known in reversed(SESSION_DATA):
        if known.option:
            function = click.option(known.option, known.key, help=known.meaning)(function)
    return function


@click.command()
@click.argument("raw", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output-dir", required=True, type=click.Path(path_type=Path), help="Folder of the NWB files.")
@click.option(
    "--project-table",
    type=click.Path(path_type=Path),
    help="behavior_session_table.csv: a row for each session, by the number in the file's name.",
)
@_known_options
@jobs_option
@errors_in_one_line
def convert(raw: tuple[str, ...], output_dir: Path, project_table: Path | None, jobs: int, **known: str | None) -> None:
    """Write the rig's pickles as NWB files, which AllenSDK opens too.

    RAW is a pickle, or a .json of what is known of a session (behavior_stimulus_file names the pickle beside it). What is known comes from
    the pickle, then from --project-table, then from the .json, then from the options. A file that is there already is passed over, so that
    what was broken off goes on. One that cannot be converted is reported and skipped; the exit status is then 1.

    \b
    Examples:
      visbehavior convert rig/*.pkl -o nwb --project-table behavior_session_table.csv --jobs 4
      visbehavior convert 891635659.pkl -o nwb --mouse 457841 --sex F --age P114 --rig BEH.D-Box2 --images images.pkl
    """
    from visbehavior.convert import convert_raw

    options = {key: value for key, value in known.items() if value is not None}
    of_one = [known.option for known in SESSION_DATA if known.key in options and known.key in _OF_ONE]
    if len(raw) > 1 and of_one:
        raise click.UsageError(f"{' and '.join(of_one)} can be given for one session; there are {len(raw)} of them.")
    failures: dict[str, VisBehaviorError] = {}
    table = None if project_table is None else _rows(project_table)
    sessions = []
    for path in dict.fromkeys(raw):
        try:
            sessions.append(_session_data(path, table, options))
        except VisBehaviorError as error:
            failures[path] = error
    for written in convert_raw(sessions, output_dir, jobs=jobs, progress=True, failures=failures):
        click.echo(written)
    for failed in failures.values():
        say(f"Error: {failed}")
    if failures:
        say(f"{len(failures)} of {len(raw)} sessions could not be converted.")
        sys.exit(1)


def _session_data(path: str, table: dict[int, dict[str, Any]] | None, options: dict[str, Any]) -> dict[str, Any]:
    from visbehavior.raw.file import RawSession, read_session_data

    data = read_session_data(path)
    if table is None:
        return data | options
    number = RawSession(data | options).session_id()
    if number not in table:
        raise BadValue(
            f"{path}: the project table has no session {number}. Name files after their sessions, say --id, or leave --project-table out.",
            path=path,
            value=number,
        )
    return {"behavior_session_id": number, **table[number]} | data | options


def _rows(path: Path) -> dict[int, dict[str, Any]]:
    """What a project table knows, by session."""
    from visbehavior.project.tables import read_project_table
    from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE

    try:
        # As it stands: what a lab knows of outcomes may be nothing.
        table = read_project_table(path.read_bytes(), BEHAVIOR_SESSION_TABLE, "2.10")
    except OSError as error:
        raise BadValue(
            f"{path} cannot be read: {error.strerror}. Expected a table like behavior_session_table.csv.",
            path=str(path),
        ) from error
    except VisBehaviorError as error:
        raise BadValue(f"{path}: {error}", path=str(path)) from error
    columns = {known.column: known.key for known in SESSION_DATA if known.column in table}
    rows = {}
    for number, row in zip(table.index.tolist(), table[list(columns)].to_dict("records"), strict=True):
        rows[int(number)] = {columns[name]: value for name, value in row.items() if not is_missing(value)}
    return rows
