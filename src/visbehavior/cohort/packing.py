"""Tables as bytes: the same bytes for the same values, whatever wrote them and in whatever order.

A packed table is the length of a header (8 bytes, little-endian), the header (JSON), and the values of each column:

- BOOLEAN: a byte for each row; 2 is missing.
- BIGINT: a byte for each row, 1 if it is missing, then int64, 0 where missing.
- DOUBLE: float64; NaN is missing.
- VARCHAR: int32 positions in a list of texts in the header, in the order of their first rows; -1 is missing.
- DOUBLE[]: int64 lengths, -1 where missing, then all values as float64.

Sessions are hashed and staged in this form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.frames import object_column
from visbehavior.schema.cohort import sql_type
from visbehavior.schema.columns import Column

Arrays = list[NDArray[Any]]
_LENGTH = 8


def pack(columns: Sequence[Column], frame: pd.DataFrame) -> bytes:
    """Return a table as bytes.

    Parameters
    ----------
    columns : sequence of Column
        Declared columns, whose dtypes decide the form.
    frame : pandas.DataFrame
        Has these columns.

    Raises
    ------
    BadValue
        If a column has values of another type.
    """
    described: list[list[Any]] = []
    chunks: Arrays = []
    for column in columns:
        try:
            arrays, texts = _PACKERS[sql_type(column)](frame[column.name])
        except (TypeError, ValueError) as error:
            raise BadValue(
                f"The column {column.name} has values that are not {column.dtype}: {error}.", name=column.name
            ) from error
        described.append([column.name, [[array.dtype.str, len(array)] for array in arrays], texts])
        chunks += arrays
    header = json.dumps({"rows": len(frame), "columns": described}).encode()
    return b"".join([len(header).to_bytes(_LENGTH, "little"), header, *(array.tobytes() for array in chunks)])


def unpack(columns: Iterable[Column], packed: bytes | memoryview) -> pd.DataFrame:
    """Return the table that was packed."""
    start = _LENGTH + int.from_bytes(packed[:_LENGTH], "little")
    header = json.loads(bytes(packed[_LENGTH:start]))
    types = {column.name: sql_type(column) for column in columns}
    data = {}
    for name, described, texts in header["columns"]:
        arrays = []
        for dtype, length in described:
            arrays.append(np.frombuffer(packed, dtype, length, start))
            start += arrays[-1].nbytes
        data[name] = _UNPACKERS[types[name]](arrays, texts)
    return pd.DataFrame(data, index=pd.RangeIndex(header["rows"]), copy=False)


def _pack_booleans(values: pd.Series) -> tuple[Arrays, None]:
    missing = values.isna().to_numpy(dtype=bool)
    flags = values.to_numpy(dtype=object, na_value=False) if missing.any() else values.to_numpy()
    numbers = np.asarray(flags).astype(np.float64)
    if not np.isin(numbers, (0.0, 1.0)).all():
        raise ValueError("expected true or false")
    return [np.where(missing, 2, numbers).astype(np.uint8)], None


def _pack_integers(values: pd.Series) -> tuple[Arrays, None]:
    missing = values.isna().to_numpy(dtype=bool)
    numbers = values.array if not missing.any() else values.astype("Float64").fillna(0).array
    if isinstance(values.dtype, pd.Int64Dtype):
        # Large numbers are no floats.
        numbers = values.fillna(0).array
    return [missing.astype(np.uint8), np.asarray(numbers).astype("<i8", casting="unsafe")], None


def _pack_floats(values: pd.Series) -> tuple[Arrays, None]:
    numbers = pd.to_numeric(values).to_numpy(dtype="<f8", na_value=np.nan)
    return [np.where(np.isnan(numbers), np.nan, numbers)], None


def _pack_texts(values: pd.Series) -> tuple[Arrays, list[str]]:
    codes, texts = pd.factorize(values.astype(object))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("expected text")
    return [codes.astype("<i4")], list(texts)


def _pack_lists(values: pd.Series) -> tuple[Arrays, None]:
    rows = [None if item is None or np.ndim(item) == 0 else np.asarray(item, dtype="<f8") for item in values]
    lengths = np.array([-1 if row is None else len(row) for row in rows], dtype="<i8")
    present = [row for row in rows if row is not None]
    return [lengths, np.concatenate(present) if present else np.empty(0, dtype="<f8")], None


def _unpack_booleans(arrays: Arrays, _: None) -> Any:
    missing = arrays[0] == 2
    return pd.arrays.BooleanArray(arrays[0] == 1, missing) if missing.any() else arrays[0] == 1


def _unpack_integers(arrays: Arrays, _: None) -> Any:
    missing = arrays[0] == 1
    return pd.arrays.IntegerArray(arrays[1], missing) if missing.any() else arrays[1]


def _unpack_texts(arrays: Arrays, texts: list[str]) -> Any:
    return object_column([*texts, None])[arrays[0]]


def _unpack_lists(arrays: Arrays, _: None) -> Any:
    lengths, flat = arrays
    stops = np.cumsum(np.maximum(lengths, 0))
    starts = stops - np.maximum(lengths, 0)
    rows = zip(starts.tolist(), stops.tolist(), lengths.tolist(), strict=True)
    return object_column(None if length < 0 else flat[start:stop] for start, stop, length in rows)


_PACKERS: dict[str, Callable[[pd.Series], tuple[Arrays, Any]]] = {
    "BOOLEAN": _pack_booleans,
    "BIGINT": _pack_integers,
    "DOUBLE": _pack_floats,
    "VARCHAR": _pack_texts,
    "DOUBLE[]": _pack_lists,
}
_UNPACKERS: dict[str, Callable[[Arrays, Any], Any]] = {
    "BOOLEAN": _unpack_booleans,
    "BIGINT": _unpack_integers,
    "DOUBLE": lambda arrays, _: arrays[0],
    "VARCHAR": _unpack_texts,
    "DOUBLE[]": _unpack_lists,
}
