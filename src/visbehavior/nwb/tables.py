"""Tables and dictionaries read as they are declared in `visbehavior.schema`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.nwb.file import NwbFile, Piece, optional
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.schema.columns import Column, Table


def read_table(file: NwbFile, table: Table) -> pd.DataFrame:
    """A table whose columns all lie at declared places; an empty one, all float64, where an optional table is absent."""
    columns = read_columns(file, table)
    if columns is None:
        return empty_table(table)
    return pd.DataFrame(columns, copy=False)


def read_columns(file: NwbFile, table: Table) -> dict[str, NDArray[Any]] | None:
    """The stored columns of such a table; None where an optional table is absent."""
    columns = file.read(column_pieces(table))
    if table.optional and all(values is None for values in columns.values()):
        return None
    check_lengths(file, table, columns)
    return columns


def column_pieces(table: Table) -> dict[str, Callable[[Hdf5File], Any]]:
    """A piece for each stored column of a table of numbers."""
    pieces: dict[str, Callable[[Hdf5File], Any]] = {}
    for column in table:
        if column.path is not None:
            piece: Piece = partial(Hdf5File.numbers, group=table.group, name=column.path)
            pieces[column.name] = optional(piece, table.group) if table.optional else piece
    return pieces


def check_lengths(file: NwbFile, table: Table, columns: Mapping[str, Any]) -> None:
    """Every column of a table must have as many rows as the others."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise BadValue(
            f"{file.path}: the columns of {table.name} (in /{table.group}) have different lengths: {said}. Expected one "
            "length: the file was changed or damaged. Get it again.",
            path=file.path,
            name=table.name,
            lengths=lengths,
        )


def empty_table(table: Table) -> pd.DataFrame:
    """The table without a row, every column float64, as AllenSDK has it."""
    index = pd.Index(np.empty(0), name=table.index) if table.index else None
    return pd.DataFrame(np.empty((0, len(table.columns))), columns=table.names(), index=index)


def read_dictionary(file: NwbFile, table: Table, only: Collection[str] = ()) -> dict[str, Any]:
    """A dictionary of attributes and small datasets; {} where an optional one is absent."""
    wanted = [column for column in table if column.path is not None and (not only or column.name in only)]
    pieces = {column.name: entry_piece(table.group, column) for column in wanted}
    if table.optional:
        pieces = {name: optional(piece, table.group) for name, piece in pieces.items()}
    found = file.read(pieces)
    if table.optional and all(value is None for value in found.values()):
        return {}
    return {column.name: converted(file, table, column, found[column.name]) for column in wanted}


def entry_piece(group: str, column: Column) -> Callable[[Hdf5File], Any]:
    """The piece that reads an entry of a dictionary; it gives None where an entry that need not be there is not."""
    path = str(column.path)
    full = path.lstrip("/") if path.startswith("/") else f"{group}/{path}"
    if "@" in path:
        folder, name = full.split("@")
        folder = folder.rstrip("/")
        read: Piece = partial(Hdf5File.attribute, group=folder, name=name)
        there: Piece = partial(Hdf5File.has_attribute, group=folder, name=name)
    else:
        folder, _, name = full.rpartition("/")
        read = partial(Hdf5File.small, group=folder, name=name)
        there = partial(Hdf5File.has_dataset, group=folder, name=name)
    if column.required:
        return read
    return lambda handle: read(handle) if handle.has(folder) and there(handle) else None


def converted(file: NwbFile, table: Table, column: Column, value: Any) -> Any:
    """An entry of a dictionary in its declared type."""
    if value is None and not column.required:
        return None
    try:
        return _CONVERTERS[column.dtype](value)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise BadValue(
            f"{file.path}: {column.name} (/{table.group}, {column.path}) is {value!r}, expected {column.dtype}. The file was "
            "changed or damaged. Get it again.",
            path=file.path,
            name=column.name,
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _float(value: Any) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError("not a number")
    return float(value)


def _integer(value: Any) -> int:
    if not isinstance(value, (int, float)) or value != int(value):
        raise TypeError("not a whole number")
    return int(value)


def _days(value: Any) -> int | None:
    # P114D; AllenSDK takes the first number of what begins with P, and nothing of the rest.
    digits = re.match(r"P\D*(\d+)", value)
    return int(digits[1]) if digits else None


def _floats(value: Any) -> list[float]:
    # The release stores pairs of numbers as pairs of texts.
    numbers = [float(item) for item in _list(value)]
    if not numbers:
        raise ValueError("empty")
    return numbers


def _texts(value: Any) -> list[str]:
    if not all(isinstance(item, str) for item in _list(value)):
        raise TypeError("not texts")
    return sorted(_list(value))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _datetime(value: Any) -> datetime:
    when = datetime.fromisoformat(value)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _uuid(value: Any) -> UUID | None:
    return None if value == "None" else UUID(value)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "float64": _float,
    "integer": _integer,
    "days": _days,
    "floats": _floats,
    "texts": _texts,
    "uuid": _uuid,
    "datetime": _datetime,
}
