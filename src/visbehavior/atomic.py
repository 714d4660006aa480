"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from visbehavior.errors import CannotWrite, DiskFull

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
# h5py's OSErrors carry the system's number in the text alone.
_FULL_TEXTS = tuple(os.strerror(number) for number in _FULL)


@contextmanager
def atomic_write(target: Path, needed: int = 0) -> Iterator[Path]:
    """The path to write to; when the block ends well it becomes `target`, else nothing is left.

    Parameters
    ----------
    target : pathlib.Path
        The file to be; an older one of its name is replaced.
    needed : int
        Bytes that it will need at least: too little room is said before anything is written.

    Raises
    ------
    CannotWrite, DiskFull
        If the folder cannot be written, or has no room.
    """
    if not target.parent.is_dir():
        raise CannotWrite(
            f"There is no folder {target.parent} to write {target.name} into. Make it first.", path=str(target)
        )
    if target.is_dir():
        raise CannotWrite(f"{target} is a folder. Name a file.", path=str(target))
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise DiskFull(
            f"{target} needs {needed:,} bytes, and its disk has {free:,} free. Make room or choose another folder.",
            path=str(target),
            needed=needed,
            free=free,
        )
    part = target.with_name(f".part-{uuid.uuid4().hex[:8]}-{target.name}")
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    except (OSError, RuntimeError) as error:
        # h5py raises RuntimeError where closing a file fails.
        raise _cannot_write(target, error) from error
    finally:
        # On a disk that cannot be written there is none, and even that is refused.
        with suppress(OSError):
            part.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, if it is not there.

    Raises
    ------
    CannotWrite
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"The folder {folder} cannot be made: {error.strerror}. Name another one.", path=str(folder)
        ) from error


def is_full(error: OSError | RuntimeError) -> bool:
    """Whether an error tells of a disk, a quota or a file that is full."""
    return getattr(error, "errno", None) in _FULL or any(text in str(error) for text in _FULL_TEXTS)


def _cannot_write(target: Path, error: OSError | RuntimeError) -> CannotWrite:
    if is_full(error):
        return DiskFull(
            f"{target} cannot be written: its disk is full. Nothing was left of it. Make room or choose another folder.",
            path=str(target),
        )
    why = getattr(error, "strerror", None) or " ".join(str(error).split())
    return CannotWrite(
        f"{target} cannot be written: {why}. Nothing was left of it. Choose a folder that you may write to.",
        path=str(target),
    )
