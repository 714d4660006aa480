"""Objects read through a cache of their blocks.

A read never waits for the network. If bytes are missing, the file object notes their blocks and raises `NotHere`. The caller
runs all independent reads until they stop, fetches the noted blocks in one batch of requests, and repeats them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from visbehavior.store.coalesce import BLOCK, Span, blocks_containing
from visbehavior.store.not_here import NotHere
from visbehavior.store.open_partial import OpenPartial
from visbehavior.store.os_files import open_binary, read_at
from visbehavior.store.source import ObjectInfo
from visbehavior.store.steps import Steps, complete

if TYPE_CHECKING:
    from visbehavior.store.remote_object import RemoteObject

# Blocks fetched for a small read, because HDF5 mostly continues after it. The first read after the file's first block finds
# the groups, which are stored together; large files, those of recordings, have more of them. An object header is read with 512 bytes at first; the object's other parts are
# stored after it, or a little before.
_FIRST_WINDOW = 5
_FIRST_WINDOW_OF_LARGE_FILE = 8
_LARGE_FILE = 2_000_000_000
_HEADER_WINDOW = 3
_HEADER_READ = 512
_BEFORE_HEADER = 16 << 10
# Blocks that a file keeps in memory, 4 MB.
_MAX_KEPT = 64


class RemoteFile:
    """File object for HDF5. It reads cached bytes and raises `NotHere` for others.

    Parameters
    ----------
    remote : RemoteObject
    info : ObjectInfo
        The object. If another one replaces it, reads raise ChangedFile.

    Attributes
    ----------
    size : int
        Bytes of the object.
    pending : set of int
        Blocks that reads did not find, for the next `fetch`.
    """

    def __init__(self, remote: RemoteObject, info: ObjectInfo) -> None:
        self.pending: set[int] = set()
        self.size = info.size
        self._remote = remote
        self._partial = remote.partial
        self._info = info
        self._position = 0
        self._files: OpenPartial | None = None
        self._final = -1
        self._blocks: dict[int, memoryview] = {}
        try:
            self._reopen()
        except BaseException:
            self.close()
            raise

    @property
    def identity(self) -> tuple[Any, ...]:
        """Values that differ between objects of the same name."""
        return self._info.size, self._info.version, self._info.etag

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, as `io.RawIOBase.seek`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def flush(self) -> None:
        """Do nothing; the file is read-only."""

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position, as `io.RawIOBase.readinto`; NotHere if bytes are missing.

        A small read also notes the blocks after it.
        """
        view = memoryview(buffer).cast("B")[: max(self.size - self._position, 0)]
        missing = self._read_or_missing(self._position, view)
        if missing and len(view) < BLOCK:
            missing.update(self._window(min(missing), len(view)))
        self._raise_if_missing(missing)
        self._position += len(view)
        return len(view)

    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a buffer from an offset; NotHere if bytes are missing, EOFError if the object ends before."""
        if start + len(view) > self.size:
            raise EOFError
        self._raise_if_missing(self._read_or_missing(start, view))

    def require(self, spans: Sequence[Span], ahead: int = 0) -> None:
        """Raise NotHere unless all these bytes are cached.

        Parameters
        ----------
        spans : sequence of (int, int)
        ahead : int
            Number of bytes after each span that are fetched with them, because they are probably needed, too.
        """
        if self._final < 0 and self._missing(spans):
            self._raise_if_missing(self._missing([(start, stop + ahead) for start, stop in spans]))

    def _missing(self, spans: Iterable[Span]) -> list[int]:
        blocks = blocks_containing((start, min(stop, self.size)) for start, stop in spans)
        return self._partial.missing(blocks)

    def pending_bytes(self) -> int:
        """Return the number of bytes that `fetch` would download."""
        return len(self._partial.missing(self.pending)) * BLOCK

    def fetch(self, on_progress: Callable[[int], object] = lambda _: None) -> None:
        """Download the pending blocks; a function is called with the number of bytes of each completed request."""
        complete(self.fetching(), lambda writer: on_progress(writer.received))

    def fetching(self) -> Steps[None]:
        """Do the same as `fetch`, in steps."""
        blocks, self.pending = self.pending, set()
        for (first, stop), content in (yield from self._remote.fetching(blocks, self._files)):
            self._keep({block: content[(block - first) * BLOCK :][:BLOCK] for block in range(first, stop)})
        self._reopen()

    def close(self) -> None:
        """Close the files on disk."""
        if self._files is not None:
            self._files.close()
            self._files = None
        if self._final >= 0:
            os.close(self._final)
            self._final = -1

    def _read_or_missing(self, start: int, view: memoryview) -> set[int]:
        """Fill a buffer; return the missing blocks, in which case nothing is read."""
        if self._files is None:
            read_at(self._final, start, view)
            return set()
        block, offset = divmod(start, BLOCK)
        if not view or offset + len(view) > BLOCK:
            return self._partial.read_into(self._files, start, view)
        content = self._blocks.get(block) or self._load(self._files, block)
        if content is None:
            return {block}
        view[:] = content[offset : offset + len(view)]
        return set()

    def _load(self, files: OpenPartial, block: int) -> memoryview | None:
        """Return a block and keep it in memory; None if it is not cached."""
        content = memoryview(bytearray(min(BLOCK, self.size - block * BLOCK)))
        if self._partial.read_into(files, block * BLOCK, content):
            return None
        self._keep({block: content})
        return content

    def _keep(self, blocks: dict[int, memoryview]) -> None:
        """Keep blocks in memory. HDF5 reads a file in many small pieces, and other threads may run at each system call."""
        if len(self._blocks) + len(blocks) > _MAX_KEPT:
            self._blocks.clear()
        self._blocks.update(blocks)

    def _raise_if_missing(self, blocks: Collection[int]) -> None:
        if blocks:
            self.pending.update(blocks)
            raise NotHere

    def _window(self, missing: int, size: int) -> range:
        """Return the blocks to fetch for a small read at the position, whose first missing block is given."""
        is_header = size == _HEADER_READ
        margin = _BEFORE_HEADER if is_header else 0
        count = _HEADER_WINDOW if is_header else 1
        if self._partial.cached_bytes() <= BLOCK:
            count = _FIRST_WINDOW if self.size < _LARGE_FILE else _FIRST_WINDOW_OF_LARGE_FILE
        first = min(max(self._position - margin, 0) // BLOCK, missing)
        return range(first, min(missing + count, -(-self.size // BLOCK)))

    def _reopen(self) -> None:
        """Open the complete file or the partial file, whichever exists by now.

        Another process may have finished the file, or discarded and restarted it.
        """
        while self._final < 0 and not self._is_open():
            self._partial.load(self._files)

    def _is_open(self) -> bool:
        """Return True if the partial file that exists was opened before the last `load`. Otherwise open what exists."""
        with suppress(FileNotFoundError):
            if self._partial.info is None:
                if self._remote.is_complete:
                    self._open_final()
                    return True
                self._remote.start()
            if self._partial.info is None:
                # Another process finished the file.
                return False
            self._partial.check_object(self._info)
            # Only the inode of an open file cannot be reused: the one that `load` found is compared with that of an open file.
            if self._files is not None and self._files.inode == self._partial.inode:
                return True
            self.close()
            self._files = self._partial.open()
        return False

    def _open_final(self) -> None:
        self.close()
        self._final = open_binary(self._remote.final, os.O_RDONLY)
