"""Locks between processes, on file systems that have them."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout


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
