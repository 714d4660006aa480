"""Objects read through a cache of their blocks.

A read never waits for the network. If bytes are missing, the file object notes their blocks and raises `NotHere`. The caller
runs all independent reads until they stop, fetches the noted blocks in one batch of requests, and repeats them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visbehavior.store.coalesce import BLOCK, Span, blocks_containing
from visbehavior.store.not_here import NotHere
from visbehavior.store.os_files import inode_of, open_binary, read_at
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
    pending : set of int
        Blocks that reads did not find, for the next `fetch`.
    """

    def __init__(self, remote: RemoteObject, info: ObjectInfo) -> None:
        self.pending: set[int] = set()
        self._remote = remote
        self._partial = remote.partial
        self._info = info
        self._position = 0
        self._file = -1
        self._inode = 0
        self._blocks: dict[int, memoryview] = {}
        self._is_complete = False
        self._reopen()

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return self._info.size

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
        if not self._is_complete and self._missing(spans):
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
        for (first, stop), content in (yield from self._remote.fetching(blocks)):
            self._keep({block: content[(block - first) * BLOCK :][:BLOCK] for block in range(first, stop)})
        self._reopen()

    def close(self) -> None:
        """Close the file on disk."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read_or_missing(self, start: int, view: memoryview) -> set[int]:
        """Fill a buffer; return the missing blocks, in which case nothing is read."""
        if self._is_complete:
            read_at(self._file, start, view)
            return set()
        block, offset = divmod(start, BLOCK)
        if not view or offset + len(view) > BLOCK:
            return self._partial.read_into(self._file, self._inode, start, view)
        content = self._blocks.get(block) or self._load(block)
        if content is None:
            return {block}
        view[:] = content[offset : offset + len(view)]
        return set()

    def _load(self, block: int) -> memoryview | None:
        """Return a block and keep it in memory; None if it is not cached."""
        content = memoryview(bytearray(min(BLOCK, self.size - block * BLOCK)))
        if self._partial.read_into(self._file, self._inode, block * BLOCK, content):
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
        while not self._is_open():
            self._partial.load()

    def _is_open(self) -> bool:
        """Return True if the file that exists was opened before the last `load`. Otherwise open it.

        Only the inode of an open file cannot be reused: the inode that `load` found is compared with that of an open file.
        """
        with suppress(FileNotFoundError):
            path, inode = self._existing_file()
            if self._file >= 0 and self._inode == inode:
                return True
            self.close()
            self._file = open_binary(path, os.O_RDONLY)
            self._inode = inode_of(self._file)
        return False

    def _existing_file(self) -> tuple[Path, int]:
        """Return path and inode of the complete or the partial file, as of the last `load`."""
        self._is_complete = self._partial.info is None and self._remote.is_complete
        if self._is_complete:
            return self._remote.final, inode_of(self._remote.final)
        if self._partial.info is None:
            self._remote.start()
        if self._partial.info is None:
            # Another process finished the file.
            raise FileNotFoundError(self._partial.path)
        self._partial.check_object(self._info)
        return self._partial.path, self._partial.inode
