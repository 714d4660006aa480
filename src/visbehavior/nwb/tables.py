"""Tables and dictionaries read by their declaration in `visbehavior.schema`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.nwb.file import NwbFile, Piece, optional
from visbehavior.nwb.open_file import OpenFile
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.columns import Column, Table
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import METADATA_GROUP, METADATA_TYPES

if TYPE_CHECKING:
    from uuid import UUID

_INTERNAL_COLUMNS = {"tags", "timeseries"}
"""NWB's own columns of intervals; `timeseries` holds object references, which are better not read (h5py#2395)."""
_CHANGED = "The file was changed or damaged. Download or copy it again."


def read_series(
    file: NwbFile, table: Table, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read a table whose columns are datasets of numbers at declared paths; {} if an optional table is absent."""
    columns = file.read(series_pieces(table, lambda name: wanted(name) and name not in known))
    if table.optional and columns and all(values is None for values in columns.values()):
        return {}
    columns = {column.name: known.get(column.name, columns.get(column.name)) for column in table if wanted(column.name)}
    check_lengths(file, table, columns)
    return columns


def series_pieces(table: Table, wanted: Callable[[str], bool] = every_column) -> dict[str, Piece]:
    """Return a piece for each stored column of a table of numbers."""
    pieces: dict[str, Piece] = {}
    for column in table:
        if column.path is not None and wanted(column.name):
            piece = methodcaller("numbers", table.group, column.path)
            pieces[column.name] = optional(piece, table.group) if table.optional else piece
    return pieces


def read_dictionary(
    file: NwbFile, table: Table, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read a dictionary of attributes and small datasets; {} if an optional one is absent."""
    entries = [column for column in table if column.path is not None and wanted(column.name)]
    pieces = {column.name: entry_piece(table.group, column) for column in entries}
    if table.optional:
        pieces = {name: optional(piece, table.group) for name, piece in pieces.items()}
    values = file.read(pieces)
    if table.optional and all(value is None for value in values.values()):
        return {}
    return {column.name: convert_entry(file, table, column, values[column.name]) for column in entries}


def entry_piece(group: str, column: Column) -> Piece:
    """Return the piece that reads an entry of a dictionary; its value is None if an optional entry is absent."""
    path = str(column.path)
    full = path.lstrip("/") if path.startswith("/") else f"{group}/{path}"
    is_attribute = "@" in path
    folder, _, name = full.rpartition("@" if is_attribute else "/")
    return partial(_read_entry, folder.rstrip("/"), name, is_attribute, column.required)


def _read_entry(folder: str, name: str, is_attribute: bool, required: bool, file: OpenFile) -> Any:
    if folder == METADATA_GROUP:
        folder = file.find_group(folder, METADATA_TYPES)
    exists = file.has_attribute if is_attribute else file.has_dataset
    if not required and not (file.has(folder) and exists(folder, name)):
        return None
    return file.attribute(folder, name) if is_attribute else file.small(folder, name)


def convert_entry(file: NwbFile, table: Table, column: Column, value: Any) -> Any:
    """Return an entry of a dictionary in its declared type."""
    if value is None and not column.required:
        return None
    try:
        return _CONVERTERS[column.dtype](value)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise BadValue(
            f"{file.path}: {column.name} (/{table.group}, {column.path}) is {brief_repr(value)}, expected {column.dtype}. {_CHANGED}",
            path=file.path,
            name=column.name,
        ) from error


def column_piece(table: Table, name: str, group: str, stored_name: str) -> Piece:
    """Return the piece that reads a column of intervals. The type of declared columns is known and checked."""
    column = table.by_name.get(name)
    kind = "column" if column is None else {"text": "text", "times": "ragged"}.get(column.dtype, "numbers")
    return methodcaller(kind, group, stored_name)


def read_column_names(file: NwbFile, groups: list[str]) -> dict[str, list[str]]:
    """Return the columns that groups of intervals name, in their order."""
    names = file.read({group: methodcaller("attribute", group, "colnames") for group in groups})
    for group, listed in names.items():
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise BadValue(
                f"{file.path}: the attribute colnames of /{group} is {brief_repr(listed)}, expected names of columns. {_CHANGED}",
                path=file.path,
                name=f"/{group}@colnames",
            )
    return {group: [name for name in listed if name not in _INTERNAL_COLUMNS] for group, listed in names.items()}


def check_columns(file: NwbFile, table: Table, group: str, required: Collection[str], names: Collection[str]) -> None:
    """Raise MissingData if a required column is missing."""
    missing = [name for name in required if name not in names]
    if missing:
        raise MissingData(
            f"{file.path}: {table.name} (in /{group}) has no column {', '.join(missing)}; it has {', '.join(names) or 'none'}. "
            "This file is incomplete, was changed, or was written by another program.",
            path=file.path,
            name=missing[0],
        )


def check_lengths(file: NwbFile, table: Table, columns: Mapping[str, Any]) -> None:
    """Raise BadValue unless all columns of a table have the same number of rows."""
    lengths = {
        name: len(values.counts) if isinstance(values, Ragged) else len(values) for name, values in columns.items()
    }
    if len(set(lengths.values())) > 1:
        by_length: dict[int, list[str]] = {}
        for name, length in lengths.items():
            by_length.setdefault(length, []).append(name)
        # A few columns of each length are enough to see which one is wrong.
        listed = ", ".join(f"{name} {length}" for length, names in by_length.items() for name in names[:3])
        raise BadValue(
            f"{file.path}: the columns of {table.name} (in /{table.group}) have different lengths: {listed}. {_CHANGED}",
            path=file.path,
            name=table.name,
            lengths=lengths,
        )


def check_booleans(file: NwbFile, table: Table, columns: Mapping[str, Any]) -> None:
    """Raise BadValue if a column of truth values holds anything but 0, 1 and, where declared, NaN."""
    for column in table:
        values = columns.get(column.name)
        if values is None or column.dtype not in ("bool", "boolean") or values.dtype.kind == "b":
            continue
        allowed: NDArray[np.bool_] = np.isin(values, (0, 1))
        if column.dtype == "boolean":
            allowed |= np.isnan(values)
        if not allowed.all():
            raise BadValue(
                f"{file.path}: the column {column.name} of {table.name} holds {values[~allowed][0]}, expected truth values. {_CHANGED}",
                path=file.path,
                name=column.name,
            )


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
    # P114D. AllenSDK takes the first number after the P.
    digits = re.match(r"P\D*(\d{1,9})", value)
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
    from uuid import UUID

    return None if value == "None" else UUID(value)


def _as_stored(value: Any) -> Any:
    return value


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "float64": _float,
    "number": _as_stored,
    "integer": _integer,
    "days": _days,
    "floats": _floats,
    "texts": _texts,
    "uuid": _uuid,
    "datetime": _datetime,
}
