"""The parts of a store: which sessions each has, and writing their Parquet files."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.atomic import atomic_write, make_folder
from visbehavior.cohort.database import connect, quote_name, quote_text
from visbehavior.cohort.staging import hash_bytes, hash_session, read_staged_table
from visbehavior.cohort.store import SESSIONS_TABLE, Description, Part, PartFile, describe_columns
from visbehavior.extras import import_extra
from visbehavior.schema.cohort import SESSION_ID, sql_type, stored_columns
from visbehavior.schema.columns import Column
from visbehavior.store.records import Record
from visbehavior.store.verified import hash_file

SESSIONS_PER_PART = 64
"""A part of more than twice as many sessions is divided."""
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
    if len(ids) <= 2 * SESSIONS_PER_PART:
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
            columns = stored_columns(name, tables)
            order = [column.name for column in columns[:2]]
            write_rows(path, columns, _read_rows(folder, part, name), order, tuple(part.earlier))
        files[name] = inspect_file(folder, path)
    return Part(part.key, part.ids, files)


def _read_rows(folder: Path, part: PlannedPart, name: str) -> list[pd.DataFrame | Path]:
    """Return the rows of a part: tables of staged sessions, and files of earlier parts."""
    earlier: list[pd.DataFrame | Path] = [
        folder / name / f"{key}.parquet" for key in dict.fromkeys(part.earlier.values())
    ]
    staged = [read_staged_table(folder, number, name) for number in part.ids if number not in part.earlier]
    filled = [frame for frame in staged if len(frame)] or staged[:1]
    return [*earlier, *([pd.concat(filled, ignore_index=True)] if filled else [])]


def write_rows(
    path: Path,
    columns: Sequence[Column],
    sources: Sequence[pd.DataFrame | Path],
    order: Sequence[str],
    ids: Sequence[int] = (),
) -> None:
    """Write a Parquet file.

    Parameters
    ----------
    path : pathlib.Path
    columns : sequence of Column
    sources : sequence of pandas.DataFrame or pathlib.Path
        Rows, and Parquet files with rows.
    order : sequence of str
        Columns by which rows are sorted.
    ids : sequence of int
        Sessions to take from Parquet files; none: all.
    """
    duckdb, connection = import_extra("duckdb"), _database().cursor()
    selects = []
    with connection:
        for position, source in enumerate(sources):
            if isinstance(source, Path):
                selects.append(_select_from_file(source, columns, ids))
            else:
                connection.register(f"rows_{position}", source)
                selects.append(_select_values(f"rows_{position}", columns))
        query = f"{' UNION ALL '.join(selects)} ORDER BY {', '.join(order)}"
        with atomic_write(path) as part:
            try:
                connection.execute(f"COPY ({query}) TO {quote_text(str(part))} ({_options(columns)})").fetchall()
            except duckdb.Error as error:
                raise RuntimeError(str(error)) from error


def _select_from_file(path: Path, columns: Sequence[Column], ids: Sequence[int]) -> str:
    listed = ", ".join(quote_name(column.name) for column in columns)
    selected = f" WHERE {SESSION_ID.name} IN ({', '.join(map(str, ids))})" if ids else ""
    return f"SELECT {listed} FROM read_parquet({quote_text(str(path))}){selected}"


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
    meanings = {column.name: {"unit": column.unit, "meaning": column.meaning} for column in columns}
    return (
        f"FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 9, "
        f"DICTIONARY_SIZE_LIMIT {_DICTIONARY}, ROW_GROUP_SIZE {_ROW_GROUP}, "
        f"KV_METADATA {{columns: {quote_text(json.dumps(meanings))}}}"
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
    return PartFile(path.relative_to(folder).as_posix(), size, rows, end, hash_file(path))


def write_footers(folder: Path, name: str, files: Sequence[PartFile]) -> str:
    """Write the ends of all files of a table into one file, and return its path in the store."""
    ends = []
    for file in files:
        with open(folder / file.path, "rb") as opened:
            opened.seek(file.size - file.end)
            ends.append(opened.read())
    content = b"".join(ends)
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
        write_rows(path, columns, [frame], [SESSION_ID.name])
    return inspect_file(folder, path)
