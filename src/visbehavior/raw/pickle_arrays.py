"""The arrays, dtypes and numpy numbers that a pickle may build.

numpy trusts what its own classes find in a pickle. These classes check it first: the dtype is a plain one, the shape needs as many
bytes as the pickle has, and the bytes are values of the dtype.
"""

from __future__ import annotations

import pickle
import re
from math import prod
from typing import Any

import numpy as np

from visbehavior.raw.pickle_values import PLAIN, Budget, as_text, checked_bytes, short_text

_ARRAY_SIZE = 200
_MAX_DIMENSIONS = 8
_MAX_EMPTY_ROWS = 1 << 16
_MAX_CODE_POINT = 0x10FFFF
_DTYPE = re.compile(r"b1|\?|[iu][1248]|f[248]|c(?:8|16)|[SU][1-9]\d{0,6}|O[48]?", re.ASCII)
_ORDERS = ("<", ">", "|", "=")


class _Ndarray:
    """Stands for numpy.ndarray as an argument; it cannot be called."""

    __slots__ = ()


NDARRAY = _Ndarray()


class PickledDtype:
    """A dtype from a pickle: a type code and a byte order."""

    __slots__ = ("_code", "_order")

    def __init__(self, budget: Budget, code: Any, *_: Any) -> None:
        budget.spend(0)
        code = as_text(code)
        if not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"a dtype that no rig writes: {short_text(code)}")
        self._code, self._order = code, "="

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("a dtype with fields")
        order = as_text(state[1])
        if order not in _ORDERS:
            raise pickle.UnpicklingError("a dtype of unknown byte order")
        self._order = order

    def resolve(self) -> np.dtype[Any]:
        """Return the numpy dtype."""
        dtype: np.dtype[Any] = np.dtype(self._order + self._code)
        return dtype


class PickledArray(np.ndarray[Any, np.dtype[Any]]):
    """An array that checks its state before numpy gets it. It accepts one state."""

    _budget: Budget | None = None

    def __setstate__(self, state: Any) -> None:
        budget, self._budget = self._budget, None
        if budget is None or type(state) is not tuple or len(state) not in (4, 5):
            raise pickle.UnpicklingError("an array of an unknown form")
        shape, dtype, is_fortran, content = state[-4:]
        if type(is_fortran) not in (bool, int) or is_fortran not in (0, 1):
            raise pickle.UnpicklingError("an array of an unknown form")
        resolved, count = _resolve(dtype), _checked_count(shape)
        if resolved.kind == "O":
            _check_objects(content, count)
            budget.spend(8 * count)
        else:
            content = _checked_values(content, resolved, count)
            budget.spend(len(content))
        checked: Any = (1, shape, resolved, bool(is_fortran), content)
        super().__setstate__(checked)

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)


def empty_array(budget: Budget, kind: Any, shape: Any, dtype: Any) -> PickledArray:
    """Return an empty array; the pickle then sets its state."""
    if kind is not NDARRAY:
        raise pickle.UnpicklingError("an array of another class")
    budget.spend(_ARRAY_SIZE)
    array: PickledArray = np.ndarray.__new__(PickledArray, (0,), np.int8)
    array._budget = budget
    return array


def contiguous_array(budget: Budget, content: Any, dtype: Any, shape: Any, order: Any) -> PickledArray:
    """Return an array of protocol 5, which keeps its byte order."""
    if type(order) is not str or order not in ("C", "F"):
        raise pickle.UnpicklingError("an array of an unknown form")
    resolved, count = _resolve(dtype), _checked_count(shape)
    if resolved.kind == "O":
        raise pickle.UnpicklingError("an array of objects without its objects")
    values = np.frombuffer(_checked_values(content, resolved, count), resolved)
    budget.spend(values.nbytes)
    checked: Any = order
    array: PickledArray = np.ndarray.__new__(PickledArray, shape, resolved, order=checked)
    array[...] = values.reshape(shape, order=checked)
    return array


def scalar(budget: Budget, dtype: Any, content: Any) -> Any:
    """Return a numpy number or text."""
    plain = _resolve(dtype)
    if plain.kind == "O":
        raise pickle.UnpicklingError("a scalar of an unknown form")
    budget.spend(plain.itemsize)
    return np.frombuffer(_checked_values(content, plain, 1), plain)[0]


def _resolve(dtype: Any) -> np.dtype[Any]:
    if type(dtype) is not PickledDtype:
        raise pickle.UnpicklingError(f"a dtype is {short_text(dtype)}")
    return dtype.resolve()


def _checked_count(shape: Any) -> int:
    """Return the number of values of an array with this shape."""
    is_shape = type(shape) is tuple and len(shape) <= _MAX_DIMENSIONS
    if not is_shape or not all(type(length) is int and 0 <= length < 1 << 40 for length in shape):
        raise pickle.UnpicklingError("a shape that no array has")
    count: int = prod(shape)
    # Other libraries loop over the rows of an empty array.
    if not count and prod(filter(None, shape)) > _MAX_EMPTY_ROWS:
        raise pickle.UnpicklingError("an empty array with too many rows")
    return count


def _check_objects(content: Any, count: int) -> None:
    """Raise unless the content of an array of objects is text, numbers and None, which cannot nest."""
    if type(content) is not list or len(content) != count:
        raise pickle.UnpicklingError("an array of objects without its objects")
    for kind in set(map(type, content)):
        if kind not in PLAIN and not issubclass(kind, np.generic):
            raise pickle.UnpicklingError(f"an array of objects with {kind.__name__}")


def _checked_values(content: Any, dtype: np.dtype[Any], count: int) -> bytes:
    """Return the content of an array if it has the right size, and bytes that numpy can read as values of this dtype."""
    checked = checked_bytes(content, count * dtype.itemsize)
    if dtype.kind == "b" and checked.strip(b"\0\1"):
        raise pickle.UnpicklingError("a boolean that is neither true nor false")
    if dtype.kind == "U" and np.any(np.frombuffer(checked, np.dtype(dtype.byteorder + "u4")) > _MAX_CODE_POINT):
        raise pickle.UnpicklingError("text with a character that does not exist")
    return checked
