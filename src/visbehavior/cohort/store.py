"""The files of a cohort store: its description, its parts, and the records of its sessions.

::

    cohort.json                  description: tables, columns, parts; replaced last, in one step
    records.txt                  a record for each session: state, rows, hashes, metrics
    sessions/<key>.parquet       all sessions
    <table>/<key>.parquet        the rows of a group of sessions, sorted, in one row group
    <table>/<key>.footers        the ends of all parts of the table, compressed, so that a remote query reads them in one request
    states.json                  parameters of the states, in a store with their table
    staging/<session>.session    rows of a session that are in no part yet

A part is named by a hash of what it contains. It never changes, and its name appears when it is complete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from visbehavior._version import __version__
from visbehavior.arguments import parse_path
from visbehavior.atomic import atomic_write
from visbehavior.errors import BadValue, CorruptFile, NotFound, UnsupportedFile, one_line
from visbehavior.paths import is_inside
from visbehavior.schema.cohort import BY_NAME, sql_type, table_columns
from visbehavior.store.records import Record, append_records, read_records
from visbehavior.store.verified import read_file

FORMAT = 1
"""Version of the layout. A store of a higher one cannot be read."""
DESCRIPTION, RECORDS, STAGING = "cohort.json", "records.txt", "staging"
SESSIONS_TABLE = "sessions"


@dataclass(frozen=True)
class PartFile:
    """A Parquet file: path in the store, bytes, rows, length of its end (footer, its length, and ``PAR1``), hash."""

    path: str
    size: int
    rows: int
    end: int
    hash: str


@dataclass(frozen=True)
class Part:
    """A group of sessions, and a file for each table with their rows."""

    key: str
    ids: tuple[int, ...]
    files: Mapping[str, PartFile]


@dataclass(frozen=True)
class Description:
    """Content of a store.

    Attributes
    ----------
    tables : tuple of str
        Tables with rows, `visbehavior.schema.cohort.ROW_TABLES`.
    parts : tuple of Part
        In the order of their sessions.
    sessions : PartFile or None
        File of the table of sessions; None in a store without sessions.
    footers : dict of str to str
        Path of the file with the ends of all parts of a table, in their order.
    digest : str
        Hash of all rows of all sessions.
    """

    tables: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    sessions: PartFile | None = None
    footers: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    def files(self, table: str) -> list[PartFile]:
        """Return the files of a table."""
        if table == SESSIONS_TABLE:
            return [] if self.sessions is None else [self.sessions]
        return [part.files[table] for part in self.parts]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all tables."""
        return (SESSIONS_TABLE, *self.tables)

    def paths(self) -> set[str]:
        """Return the paths of all files that belong to the store."""
        return {file.path for name in self.names for file in self.files(name)} | set(self.footers.values())


_PATTERN = frozenset("*?[")
"""Characters with which DuckDB takes a path for a pattern, and would read the files of other folders."""


def parse_folder(name: str, path: Any) -> Path:
    """Return the absolute path of a store; BadValue if DuckDB would take it for a pattern."""
    folder = parse_path(name, path).absolute()
    if _PATTERN & set(str(folder)):
        raise BadValue(f"{name} is {folder}; expected a folder without *, ? and [ in its path. Rename it.", name=name)
    return folder


def encode_description(description: Description) -> bytes:
    """Return the content of ``cohort.json``."""
    content = {"format": FORMAT, "package_version": __version__, **asdict(description)}
    content["columns"] = {name: describe_columns(name, description.tables) for name in description.names}
    return json.dumps(content).encode()


def describe_columns(table: str, tables: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return type, unit and meaning of each column of a table, by name."""
    columns = table_columns(table, tables)
    return {c.name: {"type": sql_type(c), "unit": c.unit, "meaning": c.meaning} for c in columns}


def decode_description(content: bytes, location: str) -> Description:
    """Return the description that ``cohort.json`` contains.

    Raises
    ------
    UnsupportedFile
        If a newer version wrote it.
    CorruptFile
        If it is damaged.
    """
    try:
        raw = json.loads(content)
        if raw["format"] != FORMAT:
            raise UnsupportedFile(
                f"The cohort in {location} has format {one_line(str(raw['format']), 40)}, written by visbehavior "
                f"{one_line(str(raw.get('package_version')), 40)}; expected format {FORMAT}. Update visbehavior, or build the cohort again in a new folder.",
                path=location,
            )
        parts = tuple(
            Part(
                str(part["key"]),
                tuple(map(int, part["ids"])),
                {name: _part_file(file) for name, file in part["files"].items()},
            )
            for part in raw["parts"]
        )
        sessions = None if raw["sessions"] is None else _part_file(raw["sessions"])
        footers = {str(name): _checked(path) for name, path in raw["footers"].items()}
        description = Description(tuple(raw["tables"]), parts, sessions, footers, str(raw["digest"]))
        if not set(description.tables) < set(BY_NAME) or any(
            set(part.files) != set(description.tables) for part in parts
        ):
            raise ValueError("tables that are not declared")
    except UnsupportedFile:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFile(
            f"{DESCRIPTION} of the cohort in {location} is damaged ({one_line(repr(error), 80)}). Copy the store again, or build it again in a new folder.",
            path=location,
        ) from error
    return description


def _part_file(raw: Mapping[str, Any]) -> PartFile:
    file = PartFile(_checked(raw["path"]), int(raw["size"]), int(raw["rows"]), int(raw["end"]), str(raw["hash"]))
    if not 8 < file.end < file.size:
        raise ValueError("a file has a wrong size")
    return file


def _checked(path: Any) -> str:
    if not isinstance(path, str) or not is_inside(path):
        raise ValueError("a path is not in the store")
    return path


def read_description(folder: Path) -> Description | None:
    """Return the description of the store in a folder; None if it has none.

    Raises
    ------
    UnsupportedFile, CorruptFile
    """
    try:
        content = read_file(folder / DESCRIPTION)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotFound(f"{folder / DESCRIPTION} cannot be read: {error.strerror}.", path=str(folder)) from error
    return decode_description(content, str(folder))


def is_intact(folder: Path, file: PartFile) -> bool:
    """Return whether a file has the bytes that were written."""
    path = folder / file.path
    try:
        return path.stat().st_size == file.size and hash_bytes(read_file(path)) == file.hash
    except OSError:
        return False


def write_description(folder: Path, description: Description) -> None:
    """Replace the description of a store, which makes its new parts visible at once."""
    content = encode_description(description)
    with atomic_write(folder / DESCRIPTION, needed=len(content)) as part:
        part.write_bytes(content)


def hash_bytes(content: bytes | memoryview) -> str:
    """Return a hash of bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_session_records(folder: Path) -> dict[int, Record]:
    """Return the record of each session in a store."""
    records, _ = read_records(folder / RECORDS)
    return {record["id"]: record for record in records if isinstance(record.get("id"), int)}


def write_session_records(folder: Path, records: Sequence[Record]) -> None:
    """Replace the records of a store."""
    with atomic_write(folder / RECORDS) as part:
        append_records(part, records)
