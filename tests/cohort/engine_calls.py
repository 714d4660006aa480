"""Functions that engines call in worker processes."""

from __future__ import annotations

import os
import pathlib
import time

from visbehavior import BadValue


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    if number == 2:
        raise BadValue("two")
    return number


def die_once(number: int, folder: pathlib.Path) -> int:
    """End the process in the first call with the number 2."""
    marker = folder / "died"
    if number == 2 and not marker.exists():
        marker.touch()
        os._exit(1)
    return number


def die(number: int) -> int:
    """End the process in each call with the number 2."""
    if number == 2:
        os._exit(1)
    return number


def wait_for(path: pathlib.Path, number: int) -> tuple[int, int]:
    """Wait until a file exists, and return the number and the process."""
    (path.parent / f"began-{os.getpid()}").touch()
    while not path.exists():
        time.sleep(0.01)
    return number, os.getpid()
