"""Locks between processes, on file systems that have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from visbehavior.errors import BadValue

BUILD_LOCK = ".build.lock"
"""File in a folder that a build writes to."""


def make_lock(path: Path) -> FileLock:
    """Return a lock file that no process has locked yet. Any thread may release it."""
    return FileLock(str(path), thread_local=False)


def try_acquire(lock: FileLock) -> bool:
    """Acquire a lock; return False if another process has it. On file systems without locks every process gets it."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    except (OSError, NotImplementedError):
        return True
    return True


@contextmanager
def only_build(lock_path: Path, folder: Path) -> Iterator[None]:
    """Hold a lock, so that two builds do not write the same files; BadValue if another build in the folder holds it."""
    lock = make_lock(lock_path)
    if not try_acquire(lock):
        raise BadValue(
            f"Another build is running in {folder}. Nothing was written. Build again when it has ended, or in another folder.",
            path=str(folder),
        )
    try:
        yield
    finally:
        lock.release()
