"""Types of HDF5 datasets, and their text."""

from __future__ import annotations

from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5d, h5t
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.nwb.hdf5_errors import DOWNLOAD_AGAIN


class StoredType(NamedTuple):
    """Type of a dataset: its numpy dtype, and how its text is stored if it is text."""

    dtype: np.dtype[Any]
    is_text: bool
    is_variable: bool


_types: dict[bytes, StoredType] = {}


def type_of(data: h5d.DatasetID) -> StoredType:
    """Return the type of a dataset. A file has a handful, and asking h5py takes half the time of reading a short column."""
    stored = data.get_type()
    encoded = stored.encode()
    found = _types.get(encoded)
    if found is None:
        dtype = data.dtype
        is_text = dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None
        is_variable = isinstance(stored, h5t.TypeStringID) and bool(stored.is_variable_str())
        found = _types[encoded] = StoredType(dtype, is_text, is_variable)
    return found


def decode_text(values: NDArray[Any], where: str, path: str) -> NDArray[np.object_]:
    """Return bytes as str. Each distinct value is decoded once."""
    listed = values.tolist()
    try:
        decoded = {value: value if isinstance(value, str) else value.decode() for value in set(listed)}
    except UnicodeDecodeError as error:
        raise BadValue(
            f"{path}: {where} holds text that is not UTF-8 ({error}). {DOWNLOAD_AGAIN}", path=path, name=where
        ) from error
    except (AttributeError, TypeError) as error:
        # The values are lists, or references to other objects of the file.
        kinds = ", ".join(sorted({type(value).__name__ for value in listed}))
        raise BadValue(
            f"{path}: {where} holds values of type {kinds}, expected text.", path=path, name=where
        ) from error
    return np.array([decoded[value] for value in listed], dtype=object)


def describe_type(kind: StoredType) -> str:
    """Return what a dataset holds, for messages."""
    return "text" if kind.is_text else f"values of type {kind.dtype}"
