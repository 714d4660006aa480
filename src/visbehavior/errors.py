"""Every error that a user can meet.

::

    VisBehaviorError
    +-- NotFound          FileNotFoundError   no such file, session, mouse, table or release
    |   +-- NotCached     FileNotFoundError   it exists, but not on this machine
    +-- CorruptFile       OSError             cut short, overwritten, not readable as HDF5
    +-- ChangedFile       OSError             not the file any more that the session was opened from
    +-- UnsupportedFile   ValueError          a folder, not HDF5, not NWB, another lab's NWB
    +-- MissingData       KeyError            a table, a column or a field that should be there is not
    +-- BadValue          ValueError          wrong type, shape or value in a file or an argument
    +-- UnknownVersion    ValueError          a naming convention that does not exist
    +-- ClosedSession     ValueError          a session asked for more after close()
    +-- CannotWrite       OSError             a file or folder that cannot be written
    |   +-- DiskFull      OSError             no room for what was to be written
    +-- TransferFailed    ConnectionError     bytes that could not be brought: no network, refused, broken off
    +-- MissingExtra      ImportError         an optional library is not installed
    +-- AllenSDKImported  ImportError         AllenSDK itself was imported before visbehavior could stand in for it

Each message says what is wrong, where, what was expected and what to do next. The facts in it are attributes of the
error (``error.path``, ``error.name`` ...), so that a program need not read the message.
"""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any


class VisBehaviorError(Exception):
    """Base of all errors raised by visbehavior.

    Parameters
    ----------
    message : str
        What is wrong, where, what was expected, what to do.
    **facts
        The facts in the message; each becomes an attribute.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.__dict__.update(facts)

    def __str__(self) -> str:
        # KeyError would show the repr, OSError a number: the sentence is what helps.
        return self.message


class NotFound(VisBehaviorError, FileNotFoundError):
    """There is no such file, session, mouse, table or release."""


class NotCached(NotFound):
    """What was asked for exists in the release, but not in the cache."""


class CorruptFile(VisBehaviorError, OSError):
    """The file is damaged: cut short, or not readable as the HDF5 file that it claims to be."""


class ChangedFile(VisBehaviorError, OSError):
    """The file, or the object in the bucket, was replaced or written to since the session was opened from it."""


class UnsupportedFile(VisBehaviorError, ValueError):
    """What was given is no Visual Behavior session: a folder, not HDF5, not NWB, or another lab's NWB."""


class MissingData(VisBehaviorError, KeyError):
    """A table, column or field that was asked for is not there."""


class BadValue(VisBehaviorError, ValueError):
    """A value has the wrong type, shape or range."""


class UnknownVersion(VisBehaviorError, ValueError):
    """The naming convention that was asked for does not exist."""


class ClosedSession(VisBehaviorError, ValueError):
    """The session was closed, and something was asked for that had not been read before."""


class CannotWrite(VisBehaviorError, OSError):
    """A file or folder cannot be written. Nothing was left half written."""


class DiskFull(CannotWrite):
    """There is no room for what was to be written. Nothing was left half written."""


class TransferFailed(VisBehaviorError, ConnectionError):
    """Bytes could not be brought: no network, a server that refuses or fails, a line that breaks. What came is kept."""


class MissingExtra(VisBehaviorError, ImportError):
    """An optional library is not installed."""


class AllenSDKImported(VisBehaviorError, ImportError):
    """AllenSDK itself was imported before visbehavior could take its place."""


class VisBehaviorWarning(UserWarning):
    """The one class of warnings of visbehavior, so that one filter reaches them all."""


def warn(text: str) -> None:
    """Warn of something, at the user's line: the one from which this package was entered."""
    frame: FrameType | None = sys._getframe(1)
    level, entered = 1, 1
    while frame is not None:
        level += 1
        if frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
            entered = level
        frame = frame.f_back
    warnings.warn(text, VisBehaviorWarning, stacklevel=entered + 1)
