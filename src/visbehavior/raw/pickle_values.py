"""The dictionaries, dates and bytes that a pickle may build, and the budget of memory and time that all its objects share."""

from __future__ import annotations

import datetime
import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np

from visbehavior.raw.pickle_scan import RejectedPickle

_OBJECT_SIZE = 64
_MAX_COMPARISONS = 50_000_000
_MAX_KEY_PARTS, _MAX_KEY_TEXT = 8, 100
"""Length of the longest tuple that is a key of a dictionary, and of a text in it."""
_RANDOMLY_HASHED = frozenset((str, bytes))
_NUMBERS = frozenset((int, float, bool, type(None)))
PLAIN = _RANDOMLY_HASHED | _NUMBERS | {datetime.datetime}
"""Types of values that contain no other values; numpy's numbers are also plain."""


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
        """Add items: a tuple in a tuple, with keys and values in turn."""
        if type(items) is not tuple or len(items) != 1 or type(items[0]) is not tuple or len(items[0]) % 2:
            raise pickle.UnpicklingError("a dictionary with attributes")
        self.add(items[0][::2], items[0][1::2])

    def add(self, keys: tuple[Any, ...], values: tuple[Any, ...]) -> None:
        """Add items."""
        if not _RANDOMLY_HASHED.issuperset(map(type, keys)):
            unlike_text = [key for key in keys if type(key) not in _RANDOMLY_HASHED]
            _check_keys(unlike_text)
            self._budget.compare(len(unlike_text) * (len(self) + len(keys)))
        self.update(zip(keys, values, strict=True))

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def date(budget: Budget, content: Any, *others: Any) -> datetime.datetime:
    """Return a date without a time zone. The class itself does not check the day and the time in the bytes."""
    if others:
        raise pickle.UnpicklingError("a date with a time zone")
    budget.spend(0)
    value = datetime.datetime(checked_bytes(content, 10))  # type: ignore[arg-type, call-arg]
    time = (value.hour, value.minute, value.second, value.microsecond)
    return datetime.datetime(value.year, value.month, value.day, *time, fold=value.fold)


def ordered(budget: Budget, *arguments: Any) -> PickledDictionary:
    """Return an OrderedDict as a dictionary, which keeps the order too."""
    pairs = arguments[0] if arguments else ()
    if len(arguments) > 1 or not _are_pairs(pairs):
        raise pickle.UnpicklingError("an OrderedDict of something else than pairs")
    budget.spend(100 * len(pairs))
    dictionary = PickledDictionary(budget)
    dictionary.add(tuple(key for key, _ in pairs), tuple(value for _, value in pairs))
    return dictionary


def encode(budget: Budget, text: Any, encoding: Any = "latin1") -> bytes:
    """Return the bytes that a pickle of protocol 2 stores as text."""
    if type(text) is not str or type(encoding) is not str or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("bytes in another encoding")
    budget.spend(len(text))
    return text.encode("latin1")


def empty_bytes(budget: Budget, *arguments: Any) -> bytes:
    """Return no bytes."""
    if arguments:
        raise pickle.UnpicklingError("bytes with an argument")
    return b""


def _are_pairs(pairs: Any) -> bool:
    return type(pairs) in (list, tuple) and all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs)


def as_text(value: Any) -> str:
    """Return a short text, which Python 2 stores as bytes; UnpicklingError for other values."""
    if type(value) is bytes:
        value = value.decode("latin1")
    if type(value) is not str:
        raise pickle.UnpicklingError(f"a text is {short_text(value)}")
    return value


def _check_keys(keys: Iterable[Any]) -> None:
    """Raise unless keys are numbers, dates, or short tuples of numbers and text: a deeply nested tuple crashes if it is hashed."""
    for key in keys:
        is_plain = type(key) in PLAIN or isinstance(key, np.generic)
        if not is_plain and not (type(key) is tuple and len(key) <= _MAX_KEY_PARTS and all(map(_is_key_part, key))):
            raise pickle.UnpicklingError(f"a dictionary with a key that no rig writes: {short_text(key)}")


def _is_key_part(part: Any) -> bool:
    return type(part) in _NUMBERS or (type(part) in _RANDOMLY_HASHED and len(part) <= _MAX_KEY_TEXT)


def checked_bytes(content: Any, size: int) -> bytes:
    """Return a copy of the content of an array if it has the size that its dtype and shape need."""
    if type(content) is str:
        # Python 2 stores bytes as text.
        content = content.encode("latin1")
    if type(content) not in (bytes, bytearray) or len(content) != size:
        raise pickle.UnpicklingError(f"an array whose content is not {size} bytes")
    return bytes(memoryview(content))
