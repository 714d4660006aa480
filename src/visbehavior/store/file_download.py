"""The download of one file: its remaining requests, its hash so far, and its lock."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

from visbehavior.store.coalesce import BLOCK, DOWNLOAD_MAX_BLOCKS, Span, coalesce_blocks
from visbehavior.store.locks import make_lock, try_acquire
from visbehavior.store.os_files import inode_of, open_binary, read_at
from visbehavior.store.paths import lock_path
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectInfo

LOCK_TIMEOUT = 30.0
"""Seconds without progress after which the lock of another process is ignored."""


class FileDownload:
    """State of the download of one file.

    Parameters
    ----------
    remote : RemoteObject
    info : ObjectInfo

    Attributes
    ----------
    cached : int
        Number of bytes that the progress bar shows as downloaded.
    was_restarted : bool
        True after the first failure that discards the bytes. There is no second restart.
    """

    def __init__(self, remote: RemoteObject, info: ObjectInfo) -> None:
        self.remote = remote
        self.info = info
        self.was_restarted = False
        self._lock = make_lock(lock_path(remote.final))
        self._waiting_since: float | None = None
        self._file = -1
        self.reset()

    def reset(self) -> None:
        """Forget requests and hash; the cached blocks are the new start."""
        self.cached = min(self.remote.partial.cached_bytes(), self.info.size)
        self._runs: Iterator[Span] = iter(())
        self._all_requested = False
        self._running_requests = 0
        self._hasher = hashlib.blake2b()
        self._hashed_blocks = 0

    # Lock

    @property
    def lock_file(self) -> str:
        """Path of the lock."""
        return self._lock.lock_file

    def acquire_lock(self) -> bool:
        """Create the folder and acquire the lock; return False if another process has it.

        On file systems without locks every process gets it.
        """
        self.remote.partial.make_folder()
        return try_acquire(self._lock)

    def is_stalled(self) -> bool:
        """Return True if the process that has the lock made no progress for LOCK_TIMEOUT."""
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        return now - self._waiting_since > LOCK_TIMEOUT

    def release(self) -> None:
        """Close the file, release the lock and delete it."""
        self._close()
        if self._lock.is_locked:
            self._lock.release()
            with suppress(OSError):
                os.unlink(self._lock.lock_file)

    # Requests

    def start(self) -> None:
        """Plan the requests for the blocks that are missing now."""
        self.remote.start()
        partial_file = self.remote.partial
        partial_file.record_downloader(f"process {os.getpid()} on {socket.gethostname()}")
        missing = partial_file.missing(range(partial_file.block_count))
        self._runs = iter(coalesce_blocks(missing, 0, DOWNLOAD_MAX_BLOCKS))

    def next_request(
        self, connection: AbstractContextManager[Any], is_cancelled: Callable[[], bool]
    ) -> Callable[[], int] | None:
        """Return a function that performs the next request and returns its number of bytes; None if there is no more."""
        run = next(self._runs, None)
        if run is None:
            self._all_requested = True
            return None
        self._running_requests += 1
        if self.remote.source.has_ranges:
            return partial(self.remote.fetch_range, run, self.info, connection, is_cancelled)
        self._runs = iter(())
        return partial(self.remote.fetch_stream, self.info, is_cancelled)

    def request_done(self) -> None:
        """Count a completed request and hash what it made contiguous."""
        self._running_requests -= 1
        self.hash_contiguous()

    @property
    def has_all_blocks(self) -> bool:
        """True if all requests were completed."""
        return self._all_requested and not self._running_requests

    def update_cached(self, cached: int | None = None) -> int:
        """Set the number of downloaded bytes, by default that of the partial file; return the difference."""
        cached = min(self.remote.partial.cached_bytes(), self.info.size) if cached is None else cached
        increase = cached - self.cached
        if increase:
            self._waiting_since = None
        self.cached = cached
        return increase

    # Hash

    def hash_contiguous(self) -> None:
        """Hash the blocks that follow the hashed ones, so that little is left to hash at the end."""
        partial_file = self.remote.partial
        stop = self._hashed_blocks
        while stop < partial_file.block_count and not partial_file.missing([stop]):
            stop += 1
        if stop - self._hashed_blocks < DOWNLOAD_MAX_BLOCKS and stop < partial_file.block_count:
            return
        if self._file < 0:
            # Open until the end: the file that is hashed must be the one that is renamed.
            self._file = open_binary(partial_file.path, os.O_RDWR)
        for first, end in coalesce_blocks(range(self._hashed_blocks, stop), 0, DOWNLOAD_MAX_BLOCKS):
            content = bytearray(min(end * BLOCK, self.info.size) - first * BLOCK)
            read_at(self._file, first * BLOCK, memoryview(content))
            self._hasher.update(content)
        self._hashed_blocks = stop

    def finish(self) -> bool:
        """Rename the file to its final name; if its hash is wrong, discard it and return False."""
        self.hash_contiguous()
        if self._hasher.hexdigest() != self.remote.file_hash:
            self.remote.partial.discard()
            return False
        os.fsync(self._file)
        inode = inode_of(self._file)
        if os.name == "nt":
            # Windows cannot rename an open file. Elsewhere it stays open, so that its inode cannot be reused.
            self._close()
        self.remote.finish(inode)
        return True

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
