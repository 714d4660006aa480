"""Checks of arguments that several public functions have: paths, numbers, ids, truth values, lists, and failures."""

from __future__ import annotations

import os
from collections.abc import Iterable, MutableMapping
from math import inf, nan
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from visbehavior.errors import BadValue, brief_repr

MAX_JOBS = 1000
"""Largest number of processes, threads or connections."""
_LARGEST_ID = 2**63 - 1


def parse_path(name: str, path: Any) -> Path:
    """Return a path with the home folder expanded.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    path : object
        The argument. The file or folder need not exist.

    Raises
    ------
    BadValue
        If no file or folder can have this path.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str) or not os.fspath(path):
        raise BadValue(
            f"{name} is {brief_repr(path)}; expected a path, as a str or pathlib.Path.", name=name, value=path
        )
    try:
        expanded = Path(path).expanduser()
        # The name may be too long, or contain characters that no file name has.
        os.lstat(expanded)
    except (FileNotFoundError, NotADirectoryError):
        return expanded
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadValue(
            f"{name} is {brief_repr(path)}, which is not a usable path: {reason}.", name=name, value=path
        ) from error
    return expanded


def check_number(
    name: str, value: Any, least: float = -inf, most: float = inf, *, above: float | None = None, unit: str = ""
) -> None:
    """Raise BadValue unless an argument is a number from `least` to `most`, or greater than `above`. NaN is no number."""
    number = as_float(value)
    if not least <= number <= most or (above is not None and number <= above):
        limits = "" if (least, most) == (-inf, inf) else f" from {least:g} to {most:g}"
        limits = limits if above is None else f" above {above:g}"
        raise BadValue(
            f"{name} is {brief_repr(value)}; expected a number{limits}{unit and f' ({unit})'}.", name=name, value=value
        )


def check_whole_number(name: str, value: Any, least: int, most: float = inf, unit: str = "") -> None:
    """Raise BadValue unless an argument is an integer from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        limits = f", {least} or more" if most == inf else f" from {least} to {most}"
        raise BadValue(
            f"{name} is {brief_repr(value)}; expected a whole number{unit and f' of {unit}'}{limits}.",
            name=name,
            value=value,
        )


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Raise BadValue unless an argument is one of several texts."""
    allowed = tuple(choices)
    if not isinstance(value, str) or value not in allowed:
        raise BadValue(f"{name} is {brief_repr(value)}; expected one of {', '.join(allowed)}.", name=name, value=value)


def check_jobs(name: str, value: Any) -> None:
    """Raise BadValue unless an argument is a number of processes, threads or connections."""
    check_whole_number(name, value, 1, MAX_JOBS)


def parse_id(value: Any) -> int:
    """Return an id as a number.

    Raises
    ------
    BadValue
        If it is not a whole number or the digits of one.
    """
    try:
        number = int(value)
        if isinstance(value, (bool, np.bool_)) or number != float(value) or abs(number) > _LARGEST_ID:
            raise ValueError("not a whole number")
    except (TypeError, ValueError, OverflowError) as error:
        raise BadValue(
            f"The id is {brief_repr(value)}; expected a whole number, or its digits as text.", value=value
        ) from error
    return number


def check_flags(**flags: Any) -> None:
    """Raise BadValue unless each argument is True or False, or 1 or 0."""
    for name, value in flags.items():
        if not isinstance(value, (bool, np.bool_)) and not (isinstance(value, Integral) and int(value) in (0, 1)):
            raise BadValue(f"{name} is {brief_repr(value)}; expected True or False.", name=name, value=value)


def check_failures(failures: Any) -> None:
    """Raise BadValue unless `failures` is None, or a dictionary that receives errors."""
    if failures is not None and not isinstance(failures, MutableMapping):
        raise BadValue(
            f"failures is {brief_repr(failures)}; expected a dictionary, which receives the errors, or None.",
            name="failures",
            value=failures,
        )


def as_iterable(name: str, value: Any, item_types: tuple[type, ...], expected: str) -> Iterable[Any]:
    """Return an argument that is one item or several as an iterable.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
        The argument.
    item_types : tuple of type
        Types of a single item.
    expected : str
        Description of what the argument should be, for the message.
    """
    if isinstance(value, item_types):
        return [value]
    try:
        iter(value)
    except TypeError as error:
        raise BadValue(f"{name} is {brief_repr(value)}; expected {expected}.", name=name, value=value) from error
    items: Iterable[Any] = value
    return items


def as_float(value: Any) -> float:
    """Return a number as float; NaN if it is no number, or an integer that is too large."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return nan
    try:
        return float(value)
    except OverflowError:
        return nan
