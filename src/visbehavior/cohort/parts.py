"""The parts of a store: which sessions each has, and writing their Parquet files."""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from visbehavior.atomic import atomic_write, make_folder
from visbehavior.cohort.database import connect, quote_name, quote_text
from visbehavior.cohort.staging import hash_session, read_staged_table
from visbehavior.cohort.store import SESSIONS_TABLE, Description, Part, PartFile, describe_columns, hash_bytes
from visbehavior.extras import import_extra
from visbehavior.schema.cohort import SESSION_ID, file_columns, sql_type, stored_columns
from visbehavior.schema.columns import Column
from visbehavior.store.records import Record
from visbehavior.store.verified import read_file

SESSIONS_PER_PART = 24
"""A part of more than one and a half times as many sessions is divided: writing it would take too much memory."""
_MEMORY = "150MB"
_ROW_GROUP = 10**9
"""Rows of a row group at most: a part is one row group."""
_DICTIONARY = 200
"""Distinct values of a column up to which it gets a dictionary. Times and row numbers are smaller without one."""


@dataclass(frozen=True)
class PlannedPart:
    """A part to write.

    Attributes
    ----------
    key : str
        Hash of its content.
    ids : tuple of int
        Its sessions, sorted.
    earlier : dict of int to str
        For a session that is not staged: the key of the part that has its rows.
    """

    key: str
    ids: tuple[int, ...]
    earlier: Mapping[int, str]


def plan_parts(
    records: Mapping[int, Record], staged: Iterable[int], description: Description | None, tables: Sequence[str]
) -> list[PlannedPart]:
    """Divide sessions into parts.

    A session belongs to the part whose range of ids has its id, so that a new session changes one part only.

    Parameters
    ----------
    records : dict of int to dict
        Records of the sessions that the store will have.
    staged : iterable of int
        Sessions whose rows are staged. Those of the others are in parts of the store.
    description : Description or None
        The store as it is.
    tables : sequence of str
    """
    parts = () if description is None else description.parts
    bounds = [part.ids[0] for part in parts][1:]
    groups: dict[int, list[int]] = {}
    for number in sorted(records):
        groups.setdefault(bisect_right(bounds, number), []).append(number)
    divided = [group for _, ids in sorted(groups.items()) for group in _divide(ids)]
    from_staging = set(staged)
    part_of = {number: part.key for part in parts for number in part.ids if number not in from_staging}
    return [
        PlannedPart(
            _part_key(ids, records, tables),
            tuple(ids),
            {number: part_of[number] for number in ids if number in part_of},
        )
        for ids in divided
    ]


def _divide(ids: list[int]) -> list[list[int]]:
    if 2 * len(ids) <= 3 * SESSIONS_PER_PART:
        return [ids]
    count = -(-len(ids) // SESSIONS_PER_PART)
    return [ids[len(ids) * n // count : len(ids) * (n + 1) // count] for n in range(count)]


def _part_key(ids: Iterable[int], records: Mapping[int, Record], tables: Sequence[str]) -> str:
    content = {name: describe_columns(name, tables) for name in tables}
    hashes = [hash_session(records[number]) for number in ids]
    return hash_bytes(json.dumps([content, hashes]).encode())


def write_part(folder: Path, part: PlannedPart, tables: Sequence[str]) -> Part:
    """Write the files of a part that do not exist, and return the part.

    Raises
    ------
    CorruptFile
        If the rows of a session are damaged.
    CannotWrite, DiskFull
    """
    files = {}
    for name in tables:
        path = folder / name / f"{part.key}.parquet"
        if not path.exists():
            make_folder(path.parent)
            columns = file_columns(name, tables)
            write_rows(path, columns, _read_rows(folder, part, name))
        files[name] = inspect_file(folder, path)
    return Part(part.key, part.ids, files)


class StoredRows(NamedTuple):
    """The rows of some sessions in a Parquet file."""

    path: Path
    ids: list[int]


def _read_rows(folder: Path, part: PlannedPart, name: str) -> list[pd.DataFrame | StoredRows]:
    """Return the rows of a part in the order of its sessions: tables of staged ones, and rows of earlier parts."""
    sources: list[pd.DataFrame | StoredRows] = []
    for key, run in groupby(part.ids, part.earlier.get):
        if key is None:
            sources += [read_staged_table(folder, number, name) for number in run]
        else:
            sources.append(StoredRows(folder / name / f"{key}.parquet", list(run)))
    return sources


def write_rows(path: Path, columns: Sequence[Column], sources: Sequence[pd.DataFrame | StoredRows]) -> None:
    """Write a Parquet file.

    Parameters
    ----------
    path : pathlib.Path
    columns : sequence of Column
    sources : sequence of pandas.DataFrame or StoredRows
        Rows, in the order of the file. They are not concatenated before, which would take their memory twice.
    """
    duckdb, connection = import_extra("duckdb"), _database().cursor()
    selects = []
    with connection:
        for position, source in enumerate(sources):
            if isinstance(source, StoredRows):
                selects.append(_select_stored(source, columns))
            else:
                connection.register(f"rows_{position}", _with_objects(source))
                selects.append(_select_values(f"rows_{position}", columns))
        with atomic_write(path) as part:
            try:
                query = f"COPY ({' UNION ALL '.join(selects)}) TO {quote_text(str(part))} ({_options(columns)})"
                connection.execute(query).fetchall()
            except duckdb.Error as error:
                raise RuntimeError(str(error)) from error


def _with_objects(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with texts as objects: not every version of DuckDB has pandas' dtype of texts."""
    texts = [name for name in frame if isinstance(frame[name].dtype, pd.StringDtype)]
    return frame.astype(dict.fromkeys(texts, object)) if texts else frame


def _select_stored(source: StoredRows, columns: Sequence[Column]) -> str:
    listed = ", ".join(quote_name(column.name) for column in columns)
    ids = ", ".join(map(str, source.ids))
    return f"SELECT {listed} FROM read_parquet({quote_text(str(source.path))}) WHERE {SESSION_ID.name} IN ({ids})"


def _select_values(source: str, columns: Sequence[Column]) -> str:
    return f"SELECT {', '.join(map(_value, columns))} FROM {source}"


def _value(column: Column) -> str:
    name, kind = quote_name(column.name), sql_type(column)
    value = f"CAST({name} AS {kind})"
    # pandas has no missing values other than NaN in columns of floats.
    return (
        f"CASE WHEN isnan({value}) THEN NULL ELSE {value} END AS {name}" if kind == "DOUBLE" else f"{value} AS {name}"
    )


def _options(columns: Sequence[Column]) -> str:
    meanings = json.dumps({column.name: {"unit": column.unit, "meaning": column.meaning} for column in columns})
    return (
        f"FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 9, "
        f"DICTIONARY_SIZE_LIMIT {_DICTIONARY}, ROW_GROUP_SIZE {_ROW_GROUP}, "
        f"KV_METADATA {{columns: {quote_text(meanings)}}}"
    )


@cache
def _database() -> Any:
    """Return the database of this process. One thread writes the same bytes for the same rows."""
    return connect(threads=1, memory=_MEMORY)


def inspect_file(folder: Path, path: Path) -> PartFile:
    """Return the description of a Parquet file of the store."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - 8))
        tail = file.read()
    end = int.from_bytes(tail[:4], "little") + 8
    with _database().cursor() as connection:
        query = f"SELECT num_rows FROM parquet_file_metadata({quote_text(str(path))})"
        rows = connection.execute(query).fetchall()[0][0]
    return PartFile(path.relative_to(folder).as_posix(), size, rows, end, hash_bytes(read_file(path)))


def write_footers(folder: Path, name: str, files: Sequence[PartFile]) -> str:
    """Write the ends of all files of a table into one file, and return its path in the store."""
    ends = []
    for file in files:
        with open(folder / file.path, "rb") as opened:
            opened.seek(file.size - file.end)
            ends.append(opened.read())
    content = zlib.compress(b"".join(ends))
    relative = f"{name}/{hash_bytes(content)}.footers"
    if not (folder / relative).exists():
        make_folder(folder / name)
        with atomic_write(folder / relative, needed=len(content)) as part:
            part.write_bytes(content)
    return relative


def write_sessions(folder: Path, frame: pd.DataFrame) -> PartFile:
    """Write the table of sessions."""
    columns = stored_columns(SESSIONS_TABLE, ())
    key = hash_bytes(frame.to_csv().encode())
    path = folder / SESSIONS_TABLE / f"{key}.parquet"
    if not path.exists():
        make_folder(path.parent)
        write_rows(path, columns, [frame])
    return inspect_file(folder, path)
