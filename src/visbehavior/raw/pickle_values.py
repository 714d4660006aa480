"""The objects that a pickle may build: dictionaries, arrays, numbers and dates.

None of them trusts the pickle. Dtypes and arrays are rebuilt from checked parts, no object has attributes that a pickle could
set, and all objects of a pickle share one budget of memory and time.
"""

from __future__ import annotations

import datetime
import pickle
import re
from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import numpy as np

from visbehavior.raw.pickle_scan import DICTIONARY, RejectedPickle

_OBJECT_SIZE = 64
_MAX_COMPARISONS = 50_000_000
_MAX_KEY_PARTS, _MAX_KEY_TEXT = 8, 100
"""Length of the longest tuple that is a key of a dictionary, and of a text in it."""
_MAX_DIMENSIONS = 8
_MAX_EMPTY_ROWS = 1 << 16
_MAX_CODE_POINT = 0x10FFFF
_DTYPE = re.compile(r"b1|\?|[iu][1248]|f[248]|c(?:8|16)|[SU][1-9]\d{0,6}|O[48]?", re.ASCII)
_ORDERS = ("<", ">", "|", "=")
_RANDOMLY_HASHED = frozenset((str, bytes))
_NUMBERS = frozenset((int, float, bool, type(None)))
_PLAIN = _RANDOMLY_HASHED | _NUMBERS | {datetime.datetime}


def short_text(value: Any) -> str:
    """Return the start of a text, or of the text of an exception, in one line; for other values the name of the type."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, Exception) else type(value).__name__
    return " ".join(text[:300].split())[:120] or type(value).__name__


class Budget:
    """The memory and time that a pickle may use when it builds objects from parts that it may use many times.

    Parameters
    ----------
    size : int
        Bytes that it may build.
    """

    __slots__ = ("_bytes", "_comparisons")

    def __init__(self, size: int) -> None:
        self._bytes = size
        self._comparisons = _MAX_COMPARISONS

    def spend(self, size: int) -> None:
        """Count the bytes of a new object."""
        self._bytes -= size + _OBJECT_SIZE
        if self._bytes < 0:
            raise RejectedPickle("it uses its parts so often that they need more memory than the file justifies")

    def compare(self, count: int) -> None:
        """Count the comparisons that a dictionary needs at worst: if all its keys have the same hash."""
        self._comparisons -= count
        if self._comparisons < 0:
            raise RejectedPickle("its dictionaries have too many keys that are not text")


def allowed_classes(budget: Budget) -> dict[tuple[str, str], Any]:
    """Return what a pickle gets for each class and function that it may name."""

    def builder(build: Callable[..., Any]) -> _Builder:
        return _Builder(lambda *arguments: build(budget, *arguments))

    array, scalar, contiguous = builder(_empty_array), builder(_scalar), builder(_contiguous_array)
    allowed: dict[tuple[str, str], Any] = {
        DICTIONARY: builder(PickledDictionary),
        ("collections", "OrderedDict"): builder(_ordered),
        ("datetime", "datetime"): builder(_date),
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): builder(_Dtype),
        ("_codecs", "encode"): builder(_encode),
        **{(module, "bytes"): builder(_empty_bytes) for module in ("__builtin__", "builtins")},
    }
    for core in ("numpy.core", "numpy._core"):
        allowed[f"{core}.multiarray", "_reconstruct"] = array
        allowed[f"{core}.multiarray", "scalar"] = scalar
        allowed[f"{core}.numeric", "_frombuffer"] = contiguous
    return allowed


class _Builder:
    """A function that a pickle may call. It has no attributes that a pickle could set."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("a pickle must not change what it calls")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a pickle must not change what it calls")


class _Ndarray:
    """Stands for numpy.ndarray as an argument; it cannot be called."""

    __slots__ = ()


_NDARRAY = _Ndarray()


class PickledDictionary(dict[Any, Any]):
    """A dictionary that checks keys before it hashes them.

    Text and bytes have a hash that no file can foresee. Other keys are limited, because a file may contain many of the
    same hash.
    """

    __slots__ = ("_budget",)

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        budget.spend(0)

    def __setstate__(self, items: Any) -> None:
        """Add items: a tuple of keys and values in turn."""
        if type(items) is not tuple or len(items) % 2:
            raise pickle.UnpicklingError("a dictionary with attributes")
        self.add(items[::2], items[1::2])

    def add(self, keys: tuple[Any, ...], values: tuple[Any, ...]) -> None:
        """Add items."""
        if not _RANDOMLY_HASHED.issuperset(map(type, keys)):
            unlike_text = [key for key in keys if type(key) not in _RANDOMLY_HASHED]
            _check_keys(unlike_text)
            self._budget.compare(len(unlike_text) * (len(self) + len(keys)))
        self.update(zip(keys, values, strict=True))

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class _Dtype:
    """A dtype from a pickle: a type code and a byte order."""

    __slots__ = ("_code", "_order")

    def __init__(self, budget: Budget, code: Any, *_: Any) -> None:
        budget.spend(0)
        code = _as_text(code)
        if not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"a dtype that no rig writes: {short_text(code)}")
        self._code, self._order = code, "="

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("a dtype with fields")
        order = _as_text(state[1])
        if order not in _ORDERS:
            raise pickle.UnpicklingError("a dtype of unknown byte order")
        self._order = order

    def resolve(self) -> np.dtype[Any]:
        """Return the numpy dtype."""
        order: Any = self._order
        return np.dtype(self._code).newbyteorder(order)


class PickledArray(np.ndarray[Any, np.dtype[Any]]):
    """An array that checks its state before numpy gets it. It accepts one state."""

    _budget: Budget | None = None

    def __setstate__(self, state: Any) -> None:
        budget, self._budget = self._budget, None
        if budget is None or type(state) is not tuple or len(state) not in (4, 5):
            raise pickle.UnpicklingError("an array of an unknown form")
        shape, dtype, is_fortran, content = state[-4:]
        if type(is_fortran) not in (bool, int):
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


def _empty_array(budget: Budget, kind: Any, shape: Any, dtype: Any) -> PickledArray:
    """Return an empty array; the pickle then sets its state."""
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array of another class")
    budget.spend(2 * _OBJECT_SIZE)
    array: PickledArray = np.ndarray.__new__(PickledArray, (0,), np.int8)
    array._budget = budget
    return array


def _contiguous_array(budget: Budget, content: Any, dtype: Any, shape: Any, order: Any) -> Any:
    """Return an array of protocol 5."""
    if type(order) is not str or order not in ("C", "F"):
        raise pickle.UnpicklingError("an array of an unknown form")
    array = _empty_array(budget, _NDARRAY, None, None)
    array.__setstate__((shape, dtype, order == "F", content))
    return array


def _scalar(budget: Budget, dtype: Any, content: Any) -> Any:
    plain = _resolve(dtype)
    if plain.kind == "O":
        raise pickle.UnpicklingError("a scalar of an unknown form")
    budget.spend(plain.itemsize)
    return np.frombuffer(_checked_values(content, plain, 1), plain)[0]


def _date(budget: Budget, content: Any, *others: Any) -> datetime.datetime:
    """Return a date without a time zone. The class itself does not check the day and the time in the bytes."""
    if others:
        raise pickle.UnpicklingError("a date with a time zone")
    budget.spend(0)
    value = datetime.datetime(_checked_bytes(content, 10))  # type: ignore[arg-type, call-arg]
    time = (value.hour, value.minute, value.second, value.microsecond)
    return datetime.datetime(value.year, value.month, value.day, *time, fold=value.fold)


def _ordered(budget: Budget, *arguments: Any) -> PickledDictionary:
    """Return an OrderedDict as a dictionary, which keeps the order too."""
    pairs = arguments[0] if arguments else ()
    if len(arguments) > 1 or not _are_pairs(pairs):
        raise pickle.UnpicklingError("an OrderedDict of something else than pairs")
    budget.spend(100 * len(pairs))
    ordered = PickledDictionary(budget)
    ordered.add(tuple(key for key, _ in pairs), tuple(value for _, value in pairs))
    return ordered


def _encode(budget: Budget, text: Any, encoding: Any = "latin1") -> bytes:
    """Return the bytes that a pickle of protocol 2 stores as text."""
    if type(text) is not str or type(encoding) is not str or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("bytes in another encoding")
    budget.spend(len(text))
    return text.encode("latin1")


def _empty_bytes(budget: Budget, *arguments: Any) -> bytes:
    if arguments:
        raise pickle.UnpicklingError("bytes with an argument")
    return b""


def _are_pairs(pairs: Any) -> bool:
    return type(pairs) in (list, tuple) and all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs)


def _as_text(value: Any) -> str:
    """Return a short text, which Python 2 stores as bytes; UnpicklingError for other values."""
    if type(value) is bytes:
        value = value.decode("latin1")
    if type(value) is not str:
        raise pickle.UnpicklingError(f"a text is {short_text(value)}")
    return value


def _check_keys(keys: Iterable[Any]) -> None:
    """Raise unless keys are numbers, dates, or short tuples of numbers and text."""
    for key in keys:
        is_plain = type(key) in _PLAIN or isinstance(key, np.generic)
        if not is_plain and not (type(key) is tuple and len(key) <= _MAX_KEY_PARTS and all(map(_is_key_part, key))):
            raise pickle.UnpicklingError(f"a dictionary with a key that no rig writes: {short_text(key)}")


def _is_key_part(part: Any) -> bool:
    return type(part) in _NUMBERS or (type(part) in _RANDOMLY_HASHED and len(part) <= _MAX_KEY_TEXT)


def _resolve(dtype: Any) -> np.dtype[Any]:
    if type(dtype) is not _Dtype:
        raise pickle.UnpicklingError(f"a dtype is {short_text(dtype)}")
    return dtype.resolve()


def _checked_count(shape: Any) -> int:
    """Return the number of values of an array with this shape."""
    is_shape = type(shape) is tuple and len(shape) <= _MAX_DIMENSIONS
    if not is_shape or not all(type(length) is int and 0 <= length < 1 << 40 for length in shape):
        raise pickle.UnpicklingError("a shape that no array has")
    count = prod(shape)
    # Other libraries loop over the rows of an empty array.
    if not count and prod(filter(None, shape)) > _MAX_EMPTY_ROWS:
        raise pickle.UnpicklingError("an empty array with too many rows")
    return count


def _check_objects(content: Any, count: int) -> None:
    """Raise unless the content of an array of objects is text, numbers and None, which cannot nest."""
    if type(content) is not list or len(content) != count:
        raise pickle.UnpicklingError("an array of objects without its objects")
    for kind in set(map(type, content)):
        if kind not in _PLAIN and not issubclass(kind, np.generic):
            raise pickle.UnpicklingError(f"an array of objects with {kind.__name__}")


def _checked_values(content: Any, dtype: np.dtype[Any], count: int) -> bytes:
    """Return the content of an array if it has the right size, and bytes that numpy can read as values of this dtype."""
    checked = _checked_bytes(content, count * dtype.itemsize)
    if dtype.kind == "b" and checked.strip(b"\0\1"):
        raise pickle.UnpicklingError("a boolean that is neither true nor false")
    characters = np.frombuffer(checked, np.dtype("u4").newbyteorder(dtype.byteorder)) if dtype.kind == "U" else ()  # type: ignore[arg-type]
    if np.max(characters, initial=0) > _MAX_CODE_POINT:
        raise pickle.UnpicklingError("text with a character that does not exist")
    return checked


def _checked_bytes(content: Any, size: int) -> bytes:
    """Return a copy of the content of an array if it has the size that its dtype and shape need."""
    if type(content) is str:
        # Python 2 stores bytes as text.
        content = content.encode("latin1")
    if type(content) not in (bytes, bytearray) or len(content) != size:
        raise pickle.UnpicklingError(f"an array whose content is not {size} bytes")
    return bytes(memoryview(content))
