"""Exceptions and warnings raised by visbehavior.

::

    VisBehaviorError
    +-- NotFound          FileNotFoundError   a file, session, mouse, table or release that does not exist
    |   +-- NotCached     FileNotFoundError   it exists in the release, but not in the cache
    +-- CorruptFile       OSError             a file that is truncated, overwritten or not readable as HDF5
    +-- ChangedFile       OSError             a file that was replaced after the session was opened
    +-- UnsupportedFile   ValueError          a folder, not HDF5, not NWB, or another lab's NWB file
    +-- MissingData       KeyError            a table, column or field that is absent
    +-- BadValue          ValueError          a wrong type, shape or value in a file or an argument
    +-- UnknownVersion    ValueError          a naming convention that does not exist
    +-- ClosedSession     ValueError          a read from a session after close()
    +-- CannotWrite       OSError             a file or folder that cannot be written
    |   +-- DiskFull      OSError             not enough space on the disk
    +-- TransferFailed    ConnectionError     a failed download: no network, access denied, connection lost
    +-- MissingExtra      ImportError         an optional library that is not installed
    +-- AllenSDKImported  ImportError         AllenSDK was imported before visbehavior could replace it

Each message states what is wrong, where, what was expected and what to do, in one line of at most MAX_MESSAGE
characters. The facts in it are attributes of the exception (``error.path``, ``error.name`` ...), so that programs need not
parse the message.
"""

from __future__ import annotations

import re
import reprlib
import sys
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

MAX_MESSAGE = 500
"""Characters of the longest message. Longer ones, such as with a very long path, are cut in the middle."""
_MAX_VALUE = 80
_MAX_BITS = 200
"""Bits of the largest integer that a message shows. Python refuses to write integers of thousands of digits."""


class _BriefRepr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = _MAX_VALUE

    def repr_int(self, value: int, level: int) -> str:
        return f"an integer of {value.bit_length()} bits" if value.bit_length() > _MAX_BITS else repr(value)


_brief_repr = _BriefRepr()


def brief_repr(value: object) -> str:
    """Return the repr of any value for a message: one line of at most about 80 characters. It never raises."""
    text = _brief_repr.repr(value)
    return one_line(text, _MAX_VALUE)


def did_you_mean(name: object, known: Collection[str]) -> str:
    """Return a question with the known name that is most like an unknown one, after a space; "" if none is like it."""
    # Rarely needed, and takes 2 ms to import.
    from difflib import get_close_matches

    if not isinstance(name, str):
        return ""
    matches = get_close_matches(name[:_MAX_VALUE], known, n=1, cutoff=0.5)
    return f" Did you mean {matches[0]}?" if matches else ""


def one_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return a text without line breaks and other control characters, cut in the middle if it is too long."""
    text = re.sub(r"\s*[\x00-\x1f\x7f-\x9f\u2028\u2029]+\s*", " ", text).encode("utf-8", "replace").decode()
    if len(text) <= limit:
        return text
    end = limit // 3
    return f"{text[: limit - end - 5]} ... {text[-end:]}"


class VisBehaviorError(Exception):
    """Base class of all exceptions raised by visbehavior.

    Parameters
    ----------
    message : str
        The fault, its location, what was expected, and the way out, in this order.
    **facts
        Facts in the message; each becomes an attribute.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        self.message = one_line(message)
        super().__init__(self.message)
        self.__dict__.update(facts)

    def __str__(self) -> str:
        # KeyError would show the repr of the message, OSError an error number.
        return self.message


class NotFound(VisBehaviorError, FileNotFoundError):
    """The file, session, mouse, table or release does not exist."""


class NotCached(NotFound):
    """The file exists in the release, but is not in the cache and cannot be downloaded."""


class CorruptFile(VisBehaviorError, OSError):
    """The file is damaged: truncated, or not readable as HDF5."""


class ChangedFile(VisBehaviorError, OSError):
    """The file or the object in the bucket was replaced or modified since the session was opened."""


class UnsupportedFile(VisBehaviorError, ValueError):
    """The file is not a Visual Behavior session: a folder, not HDF5, not NWB, or another lab's NWB file."""


class MissingData(VisBehaviorError, KeyError):
    """A table, column or field is absent."""


class BadValue(VisBehaviorError, ValueError):
    """A value has the wrong type, shape or range."""


class UnknownVersion(VisBehaviorError, ValueError):
    """The naming convention does not exist."""


class ClosedSession(VisBehaviorError, ValueError):
    """The session was closed before the data were read."""


class CannotWrite(VisBehaviorError, OSError):
    """A file or folder cannot be written. No incomplete file is left under its name."""


class DiskFull(CannotWrite):
    """The disk does not have enough space. No incomplete file is left under its name."""


class TransferFailed(VisBehaviorError, ConnectionError):
    """A download failed: no network, access denied, a server error, or a lost connection. Downloaded bytes are kept.

    Attributes
    ----------
    offline : bool
        True if the server could not be reached.
    denied : bool
        True if the server denied access.
    """

    offline: bool = False
    denied: bool = False


class MissingExtra(VisBehaviorError, ImportError):
    """An optional library is not installed."""


class AllenSDKImported(VisBehaviorError, ImportError):
    """AllenSDK was imported before visbehavior could replace it."""


@contextmanager
def naming_file(location: str) -> Iterator[None]:
    """Add the file to the errors of functions that know only its tables."""
    try:
        yield
    except (MissingData, BadValue) as error:
        if hasattr(error, "path") or location in error.message:
            raise
        facts = {name: value for name, value in error.__dict__.items() if name != "message"}
        raise type(error)(f"{location}: {error.message}", **facts, path=location) from error


class VisBehaviorWarning(UserWarning):
    """Class of all warnings of visbehavior, so that one filter matches all of them."""


def warn(text: str) -> None:
    """Issue a VisBehaviorWarning that points to the line of the user's code that called this package."""
    frame: FrameType | None = sys._getframe(1)
    level, entry_level = 1, 1
    while frame is not None:
        level += 1
        if frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
            entry_level = level
        frame = frame.f_back
    warnings.warn(one_line(text), VisBehaviorWarning, stacklevel=entry_level + 1)
