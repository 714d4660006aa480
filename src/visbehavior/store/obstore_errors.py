"""Mapping of obstore's exceptions to visbehavior's, in one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import NamedTuple

from visbehavior.errors import ChangedFile, NotFound, TransferFailed, VisBehaviorError
from visbehavior.extras import import_extra
from visbehavior.store.address import Location


class NoVersions(Exception):
    """The server keeps no versions of objects."""


class NoRanges(Exception):
    """The server returned the complete object instead of a range of it."""


class _Rule(NamedTuple):
    """One row of the table.

    Attributes
    ----------
    exception : exception class
    make_error : function
        Returns our error for a location, a key and obstore's message.
    pattern : str
        Text that the message must contain.
    option : str
        Request option without which the rule does not apply.
    """

    exception: type[Exception]
    make_error: Callable[[Location, str, str], Exception]
    pattern: str = ""
    option: str = ""


@contextmanager
def mapped_errors(location: Location, key: str, options: Container[str] = ()) -> Iterator[None]:
    """Raise our exceptions instead of obstore's.

    Parameters
    ----------
    location : Bucket, Mirror or Folder
    key : str
    options : container of str
        Names of the request's options. NoVersions and NoRanges are raised only for requests with "version" or "range".
    """
    try:
        yield
    except VisBehaviorError:
        raise
    except Exception as error:
        message = str(error)
        for rule in _rules():
            applies = not rule.option or rule.option in options
            if applies and isinstance(error, rule.exception) and rule.pattern in message:
                raise rule.make_error(location, key, message) from error
        raise


@cache
def _rules() -> list[_Rule]:
    """Return the table; the first rule that matches applies."""
    obstore = import_extra("obstore.exceptions")

    return [
        _Rule(FileNotFoundError, _not_found),
        _Rule(obstore.PreconditionError, _replaced),
        _Rule(obstore.PermissionDeniedError, _denied),
        _Rule(obstore.UnauthenticatedError, _denied),
        # obstore has no class for status 501, the answer of servers without versions.
        _Rule(obstore.BaseError, _no_versions, "501 Not Implemented", option="version"),
        _Rule(obstore.NotSupportedError, _no_ranges, option="range"),
        # The S3 store has no class for status 200 in answer to a range; the HTTP store raises NotSupportedError.
        _Rule(obstore.BaseError, _no_ranges, "non-partial response", option="range"),
        # PreconditionError is not raised if the object is replaced while obstore resumes a broken response.
        _Rule(obstore.BaseError, _replaced, "Request precondition failure"),
        # obstore has no class for a missing bucket.
        _Rule(obstore.BaseError, _no_bucket, "<Code>NoSuchBucket</Code>"),
        # PermissionDeniedError is not raised for listings.
        _Rule(obstore.BaseError, _denied, "403 Forbidden"),
        # obstore has no class for a server that cannot be reached.
        _Rule(obstore.BaseError, partial(_failed, offline=True), "error sending request"),
        _Rule(obstore.BaseError, _failed),
        # Files of a folder that cannot be read, and settings in environment variables that obstore rejects.
        _Rule(OSError, _unreadable),
        _Rule(ValueError, _unreadable),
    ]


def _not_found(location: Location, key: str, _: str) -> NotFound:
    return NotFound(f"{location} has no {key}.", key=key, location=str(location))


def _no_bucket(location: Location, *_: str) -> NotFound:
    return NotFound(f"{location} does not exist. Check the bucket name and the endpoint.", location=str(location))


def _replaced(location: Location, key: str, _: str) -> ChangedFile:
    return ChangedFile(f"{key} was replaced in {location} while it was read. Open the session again.", key=key)


def _denied(location: Location, key: str, _: str) -> TransferFailed:
    return TransferFailed(
        f"{key} cannot be read from {location}: access denied. Check the bucket name and the endpoint; a firewall or proxy may block the request.",
        key=key,
        denied=True,
    )


def _failed(location: Location, key: str, message: str, *, offline: bool = False) -> TransferFailed:
    return TransferFailed(
        f"{key} could not be read from {location}: {_reason(message)}. Downloaded bytes are kept; try again, or check the network.",
        key=key,
        offline=offline,
    )


def _unreadable(location: Location, key: str, message: str) -> TransferFailed:
    return TransferFailed(f"{key} cannot be read from {location}: {message}.", key=key)


def _no_versions(*_: object) -> NoVersions:
    return NoVersions()


def _no_ranges(*_: object) -> NoRanges:
    return NoRanges()


def _reason(message: str) -> str:
    """Return the cause in a message of obstore, without its debug output."""
    text = message.split("Debug source")[0].strip()
    # The last match is the innermost cause.
    cause = re.search(r".*(Server returned .*|HTTP error: .*|Requested \d.*|Received redirect .*)", text, re.DOTALL)
    return " ".join((cause[1] if cause else text).split())[:200]
