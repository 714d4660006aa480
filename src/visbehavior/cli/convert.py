"""``visbehavior convert``: the rig's pickles to NWB files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from visbehavior.cli.common import errors_in_one_line, say
from visbehavior.errors import BadValue, VisBehaviorError

# Option, key of session_data, help.
_KNOWN = (
    ("--mouse", "external_specimen_name", "The mouse."),
    ("--sex", "sex", "M or F."),
    ("--age", "age", "Age, such as P114 (days)."),
    ("--genotype", "full_genotype", "Genotype."),
    ("--rig", "rig_name", "The rig."),
    ("--date", "date_of_acquisition", "When it began; without an offset Seattle's time.  [default: as pickled]"),
    ("--project-code", "project_code", "The project."),
    ("--pictures", "image_set_file", "The picture set (.pkl), to store the pictures."),
    ("--gratings", "grating_images_dir", "Folder of the grating pictures."),
    ("--sync", "sync_file", "Sync file of an imaging session (.h5); for one session."),
)
# Column of the behavior session table: key of session_data.
_OF_TABLE = {
    "mouse_id": "external_specimen_name",
    "sex": "sex",
    "full_genotype": "full_genotype",
    "driver_line": "driver_line",
    "reporter_line": "reporter_line",
    "equipment_name": "rig_name",
    "date_of_acquisition": "date_of_acquisition",
    "project_code": "project_code",
}


def _known_options(function: Any) -> Any:
    for option, key, text in reversed(_KNOWN):
        function = click.option(option, key, help=text)(function)
    return function


@click.command()
@click.argument("raw", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output-dir", required=True, type=click.Path(path_type=Path), help="Folder of the NWB files.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="What is known of the session, as JSON (from_json's session_data).",
)
@click.option(
    "--project-table",
    type=click.Path(path_type=Path),
    help="behavior_session_table.csv: a row for each session, by the number in the file's name.",
)
@_known_options
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@errors_in_one_line
def convert(
    raw: tuple[str, ...],
    output_dir: Path,
    json_file: Path | None,
    project_table: Path | None,
    jobs: int,
    **known: str | None,
) -> None:
    """Write the rig's pickles as NWB files, which AllenSDK opens too.

    What is known of a session comes from the pickle, then from --project-table, then from --json, then from the options. A file that is
    there already is passed over, so that what was broken off goes on. One that cannot be converted is reported and skipped; the exit status
    is then 1.

    \b
    Examples:
      visbehavior convert rig/*.pkl -o nwb --project-table behavior_session_table.csv --jobs 4
      visbehavior convert 891635659.pkl -o nwb --mouse 457841 --sex F --age P114 --rig BEH.D-Box2 --pictures images.pkl
    """
    from visbehavior.conversion import convert_raw
    from visbehavior.raw.road import default_session_data

    failures: dict[str, VisBehaviorError] = {}
    table = None if project_table is None else _table(project_table)
    given = {} if json_file is None else _json(json_file)
    sessions = []
    for path in raw:
        try:
            data = default_session_data(path)
        except VisBehaviorError as error:
            failures[path] = error
            continue
        row = {} if table is None else table.get(data["behavior_session_id"], {})
        options = {key: value for key, value in known.items() if value is not None}
        sessions.append(data | row | given | options | {"behavior_stimulus_file": path})
    for written in convert_raw(sessions, output_dir, jobs=jobs, progress=True, failures=failures):
        click.echo(written)
    for failed in failures.values():
        say(f"Error: {failed}")
    if failures:
        say(f"{len(failures)} of {len(raw)} files could not be converted.")
        sys.exit(1)


def _table(path: Path) -> dict[int, dict[str, Any]]:
    """What a project table knows, by session."""
    from visbehavior.project.tables import read_project_table
    from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE

    try:
        table = read_project_table(path.read_bytes(), BEHAVIOR_SESSION_TABLE, "2.16")
    except OSError as error:
        raise BadValue(
            f"{path} cannot be read: {error.strerror}. Expected behavior_session_table.csv.", path=str(path)
        ) from error
    rows = {}
    for number, row in table.iterrows():
        found = {key: row[column] for column, key in _OF_TABLE.items() if column in row and row[column] == row[column]}
        if "date_of_acquisition" in found:
            found["date_of_acquisition"] = found["date_of_acquisition"].isoformat()
        if "age_in_days" in row and row["age_in_days"] == row["age_in_days"]:
            found["age"] = f"P{int(row['age_in_days'])}"
        rows[int(number)] = found
    return rows


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError("it holds no dictionary")
    except (OSError, ValueError) as error:
        raise BadValue(f"{path} is no JSON of what is known of a session: {error}.", path=str(path)) from error
    # Files beside it are named as it sees them.
    files = ("image_set_file", "grating_images_dir", "sync_file")
    return found | {name: str(path.parent / found[name]) for name in files if found.get(name)}
