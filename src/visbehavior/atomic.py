"""Files that appear under their name only when complete."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from visbehavior.errors import CannotWrite, DiskFull

_DISK_FULL_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
# The OSErrors of h5py contain the error number only in their text.
_DISK_FULL_TEXTS = tuple(os.strerror(number) for number in _DISK_FULL_ERRORS)
_FLUSH_INTERVAL = 0.02


@contextmanager
def atomic_write(target: Path, needed: int = 0) -> Iterator[Path]:
    """Yield a temporary path to write to; it is renamed to `target` if the block succeeds, and deleted otherwise.

    Parameters
    ----------
    target : pathlib.Path
        Path of the file. An existing file is replaced.
    needed : int
        Minimum size in bytes, compared with the free space before anything is written.

    Raises
    ------
    CannotWrite, DiskFull
        If the folder cannot be written to, or does not have enough space.
    """
    if not target.parent.is_dir():
        raise CannotWrite(
            f"There is no folder {target.parent} to write {target.name} to. Create it first.", path=str(target)
        )
    if target.is_dir():
        raise CannotWrite(f"{target} is a folder. Give the path of a file.", path=str(target))
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise DiskFull(
            f"{target} needs {needed:,} bytes, and its disk has {free:,} free. Free some space or choose another folder.",
            path=str(target),
            needed=needed,
            free=free,
        )
    temporary = temporary_path(target)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except (OSError, RuntimeError) as error:
        # h5py raises RuntimeError if closing a file fails.
        raise _write_error(target, error) from error
    finally:
        # On a read-only disk there is no temporary file, and even deleting it fails.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def flush_meanwhile(path: Path) -> Iterator[None]:
    """Flush a file repeatedly while the block adds to it, so that little is left to flush at the end.

    An error of the disk is raised at the end of the block, because the system reports it only once.
    """
    if os.name == "nt":
        # Windows flushes only through a handle that can write.
        yield
        return
    is_complete = threading.Event()
    with open(path, "rb") as file, ThreadPoolExecutor(1) as pool:
        flushing = pool.submit(_flush_until, is_complete, file.fileno())
        try:
            yield
        finally:
            is_complete.set()
        flushing.result()


def _flush_until(is_complete: threading.Event, file: int) -> None:
    while not is_complete.wait(_FLUSH_INTERVAL):
        os.fsync(file)


def temporary_path(target: Path) -> Path:
    """Return a unique path in the same folder, for a file that will be renamed."""
    return target.with_name(f".part-{uuid.uuid4().hex[:8]}-{target.name}")


def make_folder(folder: Path) -> None:
    """Create a folder and its parents unless they exist.

    Raises
    ------
    CannotWrite
        If the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"The folder {folder} cannot be created: {error.strerror}. Choose another one.", path=str(folder)
        ) from error


def is_disk_full(error: OSError | RuntimeError) -> bool:
    """Return True if the cause of an error is a full disk, a quota or a limit of the file size."""
    return getattr(error, "errno", None) in _DISK_FULL_ERRORS or any(text in str(error) for text in _DISK_FULL_TEXTS)


def _write_error(target: Path, error: OSError | RuntimeError) -> CannotWrite:
    if is_disk_full(error):
        return DiskFull(
            f"{target} cannot be written: its disk is full. No incomplete file is left. Free some space or choose another folder.",
            path=str(target),
        )
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return CannotWrite(
        f"{target} cannot be written: {reason}. No incomplete file is left. Choose a folder with write permission.",
        path=str(target),
    )
