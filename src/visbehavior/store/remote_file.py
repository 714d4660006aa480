"""An object of a source, read where it is: a file object that knows which of its bytes are here.

Nothing waits inside a read. A file object that meets a hole notes what it would need and raises `NotHere`; whoever reads
lets every independent piece run into its holes, then fetches all that was noted in one round, and tries again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from visbehavior.errors import ChangedFile, CorruptFile, NotCached, NotFound, TransferFailed
from visbehavior.store.coalesce import BLOCK, STREAM_GAP, STREAM_LARGEST, Span, blocks_of, plan_requests
from visbehavior.store.partial_file import PartialFile, read_at
from visbehavior.store.source import ObjectInfo, ObjectSource

# PartialFile to bring for a small want: what HDF5 asks for next lies behind it more often than not. The first want after the head
# of the file finds the groups, which lie together; what belongs to an object lies behind its header, of which HDF5 reads so
# many bytes at first, or a little before it.
_FIRST_WINDOW = 5
_HEADER_WINDOW = 2
_HEADER_READ = 512
_BEFORE_HEADER = 16 << 10
CONNECTIONS = 32
"""Requests of this process at once, while streaming."""


class NotHere(Exception):
    """Bytes that are not here yet; they were noted. Never for the eyes of users."""


class RemoteObject:
    """An object of a source, and what is kept of it in a folder. It can be pickled, and used from threads.

    Parameters
    ----------
    source : ObjectSource
    key : str
        Its name there.
    version : str or None
        Object version.
    file_hash : str or None
        BLAKE2b-512 of its bytes, where it is known.
    final : pathlib.Path
        Where the file will be when it is whole.
    """

    def __init__(self, source: ObjectSource, key: str, version: str | None, file_hash: str | None, final: Path) -> None:
        self.source = source
        self.key = key
        self.version = version
        self.file_hash = file_hash
        self.blocks = PartialFile(final)
        self._distrusted: tuple[int, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "key": self.key,
            "version": self.version,
            "file_hash": self.file_hash,
            "final": self.final,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def final(self) -> Path:
        """Where the file will be when it is whole."""
        return self.blocks.final

    @property
    def is_complete(self) -> bool:
        """Whether the file is here under its final name, and not distrusted."""
        return _state(self.final) not in (None, self._distrusted)

    def distrust(self) -> None:
        """Take the file that bears the final name for damaged: it stays until a whole one replaces it."""
        self._distrusted = _state(self.final)

    @property
    def location(self) -> str:
        """Where the object is, for eyes."""
        return f"{self.source}/{self.key}"

    def info(self) -> ObjectInfo:
        """Size and identity, by what is here already or by asking."""
        with self._online():
            return self.blocks.load() or self.source.info(self.key, self.version)

    def begin(self) -> ObjectInfo:
        """Size and identity, its first block being here: one request tells all of it."""
        known = self.blocks.load()
        if known is not None:
            return known
        with self._online():
            content, info = self.source.read(self.key, 0, BLOCK, version=self.version)
        if not info.size:
            raise CorruptFile(f"{self.location} is empty.", path=self.location)
        # Another process may finish the file meanwhile, or throw it away; whoever opens it sees which.
        with suppress(FileNotFoundError):
            self.blocks.begin(info)
            self.blocks.write((0, 1), content, info)
        if self.is_complete:
            self.blocks.discard()
        return info

    def fetch_run(self, run: Span, info: ObjectInfo, gate: AbstractContextManager[Any] | None = None) -> int:
        """Bring a run of blocks of this very object, being in a gate while the wire is used; how many bytes that were."""
        first, stop = run
        with gate or nullcontext(), self._online():
            content, found = self.source.read(
                self.key, first * BLOCK, stop * BLOCK, version=info.version, if_match=info.etag
            )
        self._check_is(found, info)
        self.blocks.write(run, content, info)
        return len(content)

    @contextmanager
    def _online(self) -> Iterator[None]:
        """Without a network the matter is that something is not cached."""
        try:
            yield
        except TransferFailed as error:
            if not getattr(error, "offline", False):
                raise
            raise NotCached(
                f"{self.final.name}, or what is wanted of it, is not in the cache, and {self.source} cannot be reached. Connect to the "
                "network, or use what is cached.",
                path=str(self.final),
                url=self.location,
            ) from error

    def _check_is(self, found: ObjectInfo, info: ObjectInfo) -> None:
        if found != info:
            raise ChangedFile(
                f"{self.location} was replaced while it was read: {found} instead of {info}. Open the session again.",
                path=self.location,
            )

    def fetch_in_one(self, info: ObjectInfo) -> int:
        """Bring the whole object in one answer, from its beginning: for servers that know no ranges; how many bytes are new."""
        before = self.blocks.here()
        found, pieces = self.source.stream(self.key, version=info.version, if_match=info.etag)
        self._check_is(found, info)
        first, held = 0, bytearray()
        for piece in pieces:
            held += piece
            whole = len(held) // BLOCK if first * BLOCK + len(held) < info.size else -(-len(held) // BLOCK)
            if whole:
                self.blocks.write((first, first + whole), memoryview(bytes(held[: whole * BLOCK])), info)
                del held[: whole * BLOCK]
                first += whole
        if first != self.blocks.count or held:
            raise TransferFailed(
                f"{self.location} came with other than its {info.size} bytes. Try again.", key=self.key
            )
        return info.size - before

    @property
    def needs_full_download(self) -> bool:
        """Whether it cannot stream: the server knows no ranges, or the disk no holes."""
        return not self.source.has_ranges or not self.blocks.is_sparse

    def fetch(self, wanted: Iterable[int], said: Callable[[int], object] = lambda _: None) -> None:
        """Bring blocks in one round; those that are here already, also through others, are not asked for.

        Parameters
        ----------
        wanted : iterable of int
            PartialFile.
        said : function
            Is told of bytes that came.
        """
        info = self.blocks.load()
        if info is None:
            return
        runs = plan_requests(self.blocks.missing(wanted), STREAM_GAP, STREAM_LARGEST)
        try:
            if len(runs) == 1:
                said(self.fetch_run(runs[0], info))
            else:
                _complete([_submit(self.fetch_run, run, info) for run in runs], said)
        except ChangedFile:
            # What is here is of an object that is no more: whoever comes next starts anew.
            self.blocks.discard()
            raise
        except FileNotFoundError as error:
            # Another process finished the file, or started it anew; the next look tells which.
            if isinstance(error, NotFound):
                raise

    def open(self) -> RemoteFile:
        """A file object over what is here."""
        return RemoteFile(self, self.begin())


class RemoteFile:
    """What HDF5 reads from: the bytes that are here, and `NotHere` for the others.

    Parameters
    ----------
    remote : RemoteObject
    info : ObjectInfo
        The object that it is of from now on.
    """

    def __init__(self, remote: RemoteObject, info: ObjectInfo) -> None:
        self._remote = remote
        self._blocks = remote.blocks
        self._info = info
        self._at = 0
        self._file = -1
        self.wanted: set[int] = set()
        self._reopen()

    @property
    def size(self) -> int:
        """Bytes of the whole object."""
        return self._info.size

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells this object from another."""
        return self._info.size, self._info.version, self._info.etag

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """As a file's."""
        return self._at

    def flush(self) -> None:
        """As a file's: nothing is ever written."""

    def readinto(self, buffer: Any) -> int:
        """As a file's; NotHere where bytes are missing. A small want notes what lies behind it, too."""
        view = memoryview(buffer).cast("B")[: max(self.size - self._at, 0)]
        holes = self._holes(self._at, view)
        if holes:
            if len(view) < BLOCK:
                holes.update(self._window(min(holes), len(view)))
            self._note(holes)
        self._at += len(view)
        return len(view)

    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a buffer from a place; NotHere where bytes are missing, EOFError where the object ends before."""
        if start + len(view) > self.size:
            raise EOFError
        holes = self._holes(start, view)
        if holes:
            self._note(holes)

    def need(self, spans: Iterable[Span]) -> None:
        """NotHere, unless all these bytes are here."""
        holes = self._blocks.missing(blocks_of((start, min(stop, self.size)) for start, stop in spans))
        if holes and not self._whole:
            self._note(holes)

    def missing(self) -> int:
        """Bytes of what was noted that are not here."""
        return len(self._blocks.missing(self.wanted)) * BLOCK

    def fetch(self, said: Callable[[int], object] = lambda _: None) -> None:
        """Bring all that was noted."""
        wanted, self.wanted = self.wanted, set()
        self._remote.fetch(wanted, said)
        self._reopen()

    def close(self) -> None:
        """Close the block file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _note(self, blocks: Iterable[int]) -> None:
        self.wanted.update(blocks)
        raise NotHere

    def _window(self, hole: int, size: int) -> range:
        is_header = size == _HEADER_READ
        before = _BEFORE_HEADER if is_header else 0
        count = _FIRST_WINDOW if self._blocks.here() <= BLOCK else _HEADER_WINDOW if is_header else 1
        first = min(max(self._at - before, 0) // BLOCK, hole)
        return range(first, min(hole + count, -(-self.size // BLOCK)))

    def _holes(self, start: int, view: memoryview) -> set[int]:
        if self._whole:
            read_at(self._file, start, view)
            return set()
        return self._blocks.read_into(self._file, start, view)

    def _reopen(self) -> None:
        """Another process may have finished the file, or thrown away what was damaged and begun again.

        What was opened is looked at again: only as long as a file is open is its inode its own.
        """
        while True:
            self._whole = self._blocks.load() is None and self._remote.is_complete
            if not self._whole:
                self._remote.begin()
                if self._blocks.info is None:
                    continue
                self._blocks.check_is_of(self._info)
            path = self._remote.final if self._whole else self._blocks.path
            with suppress(FileNotFoundError):
                inode = path.stat().st_ino if self._whole else self._blocks.inode
                if self._file >= 0 and os.fstat(self._file).st_ino == inode:
                    return
                self.close()
                self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size, found.st_mtime_ns


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _submit(function: Callable[..., int], *args: Any) -> Future[int]:
    """One pool for all files of the process, so that many sessions at once do not open hundreds of connections."""
    with _pools_lock:
        if os.getpid() not in _pools:
            _pools[os.getpid()] = ThreadPoolExecutor(CONNECTIONS, "visbehavior")
        pool = _pools[os.getpid()]
    return pool.submit(function, *args)


def _complete(futures: list[Future[int]], said: Callable[[int], object]) -> None:
    """Wait for all. Where one fails, or the user has enough, those whose turn has not come are not wanted any more."""
    try:
        for future in as_completed(futures):
            said(future.result())
    finally:
        for future in futures:
            future.cancel()


def _after_fork() -> None:
    global _pools_lock
    _pools_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
