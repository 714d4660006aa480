"""An object of a source, and its cached blocks on disk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from visbehavior.atomic import atomic_write
from visbehavior.errors import ChangedFile, CorruptFile, NotCached, NotFound, TransferFailed, VisBehaviorError
from visbehavior.interrupts import interruptible
from visbehavior.store.coalesce import BLOCK, STREAM_MAX_BLOCKS, STREAM_MAX_GAP, Span, coalesce_blocks
from visbehavior.store.open_partial import OpenPartial
from visbehavior.store.os_files import size_and_mtime
from visbehavior.store.partial_file import Part, PartialFile
from visbehavior.store.remote_file import RemoteFile
from visbehavior.store.source import ObjectInfo, ObjectSource
from visbehavior.store.steps import Batch, Steps, complete
from visbehavior.store.verified import VerifiedFiles, hash_file

# Received bytes are written to disk in pieces of this size, or after so many seconds on a slow link.
_WRITE_SIZE = 1 << 20
_WRITE_INTERVAL = 1.0
# A batch of at most so many requests and blocks is small. Each response is received in one piece, and all are written together
# in the thread that reads the file, which takes less CPU time. Slow links meet the time limit of quick requests then.
_SMALL_BATCH_REQUESTS, _SMALL_BATCH_BLOCKS = 4, (1 << 20) // BLOCK


class RemoteObject:
    """An object of a source, and its cached blocks on disk. It can be pickled and used from threads.

    Parameters
    ----------
    source : ObjectSource
    key : str
        Name of the object in the source.
    version : str or None
        Object version.
    file_hash : str or None
        BLAKE2b-512 of the object if it is known.
    final : pathlib.Path
        Path of the complete file.
    verified : VerifiedFiles or None
        Record of verified files; None: one in the folder of the file.
    """

    def __init__(
        self,
        source: ObjectSource,
        key: str,
        version: str | None,
        file_hash: str | None,
        final: Path,
        verified: VerifiedFiles | None = None,
    ) -> None:
        self.source = source
        self.key = key
        self.version = version
        self.file_hash = file_hash
        self.partial = PartialFile(final)
        self.verified = VerifiedFiles(final.parent) if verified is None else verified
        self._damaged_file: tuple[int, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "key": self.key,
            "version": self.version,
            "file_hash": self.file_hash,
            "final": self.final,
            "verified": self.verified,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def final(self) -> Path:
        """Path of the complete file."""
        return self.partial.final

    @property
    def location(self) -> str:
        """URL or path of the object, for messages."""
        return f"{self.source}/{self.key}"

    @property
    def is_complete(self) -> bool:
        """True if the complete file exists, has the object's hash, and was not marked as damaged."""
        if self._final_file() in (None, self._damaged_file):
            return False
        return self.verified.is_verified(self.final, self.file_hash)

    def verify(self, on_progress: Callable[[int], object] = lambda _: None) -> bool:
        """Hash the file of the final name if there is one; return True if it is the object."""
        if self._final_file() in (None, self._damaged_file):
            return False
        if hash_file(self.final, on_progress) != self.file_hash:
            self.mark_damaged()
            return False
        self.verified.record(self.final, self.file_hash)
        return True

    def finish(self, inode: int) -> None:
        """Give the hashed partial file, whose inode is given, its final name."""
        self.partial.finish(inode)
        self.verified.record(self.final, str(self.file_hash))

    def mark_damaged(self) -> None:
        """Treat the file of the final name as damaged. It is kept until a verified one replaces it."""
        self._damaged_file = self._final_file()

    def _final_file(self) -> tuple[int, int] | None:
        """Return size and modification time of the file of the final name."""
        try:
            return size_and_mtime(self.final)
        except (FileNotFoundError, NotADirectoryError):
            return None

    @property
    def needs_full_download(self) -> bool:
        """True if the object cannot be streamed: the server has no ranges, or the disk no sparse files."""
        return not self.source.has_ranges or not self.partial.is_sparse

    def info(self) -> ObjectInfo:
        """Return size and identity, from the partial file or else from the source."""
        with self._offline_as_not_cached():
            return self.partial.load() or self.source.info(self.key, self.version)

    def start(self) -> ObjectInfo:
        """Return size and identity; the first block is cached afterwards. Takes one request if there is no partial file."""
        return complete(self.starting())

    def starting(self) -> Steps[ObjectInfo]:
        """Do the same as `start`, in steps."""
        known = self.partial.load()
        if known is not None:
            return known
        batch = Batch([self._read_first_block])
        yield batch
        [(content, info)] = batch.results()
        if not info.size:
            raise CorruptFile(f"{self.location} is empty.", path=self.location)
        # Another process may finish or discard the file meanwhile. Opening it shows which.
        with suppress(FileNotFoundError):
            self.partial.create(info, content)
        if self.is_complete:
            self.partial.discard()
        return info

    def _read_first_block(self) -> tuple[memoryview, ObjectInfo]:
        with self._offline_as_not_cached():
            return self.source.read(self.key, 0, BLOCK, version=self.version, quick=True)

    def fetch_small(self) -> int:
        """Download a small object in one request if its hash is as expected; return the number of bytes, 0 if it is not kept.

        Raises the errors of the source, and those of writing the file.
        """
        if self.partial.load() is not None:
            return 0
        content = self.source.read_small(self.key, version=self.version)
        if hashlib.blake2b(content).hexdigest() != self.file_hash:
            return 0
        self.partial.make_folder()
        with atomic_write(self.final, needed=len(content)) as path:
            path.write_bytes(content)
        self.verified.record(self.final, self.file_hash)
        return len(content)

    def open(self, info: ObjectInfo | None = None) -> RemoteFile:
        """Return a file object that reads the cached blocks. `info` is what `starting` returned; without it, `start` is called."""
        return RemoteFile(self, info or self.start())

    def fetching(self, blocks: Iterable[int], files: OpenPartial | None = None) -> Steps[list[Part]]:
        """Download blocks in one batch of requests, except those that are cached; return the runs that are still in memory.

        `files` are the partial file and its journal, if they are open already.
        """
        info = self.partial.load(files)
        if info is None:
            return []
        runs = coalesce_blocks(self.partial.missing(blocks), STREAM_MAX_GAP, STREAM_MAX_BLOCKS)
        count = sum(stop - first for first, stop in runs)
        is_small = len(runs) <= _SMALL_BATCH_REQUESTS and count <= _SMALL_BATCH_BLOCKS
        batch = Batch([partial(self._receive, run, info, is_small=is_small) for run in runs])
        try:
            try:
                yield batch
            finally:
                # What was downloaded is kept, also after an error or Ctrl-C.
                parts = [part for writer in batch.finished() for part in writer.take()]
                self.partial.write(parts, info, files)
            batch.results()
        except ChangedFile:
            # The cached blocks are those of an object that does not exist any more.
            self.partial.discard()
            raise
        except FileNotFoundError as error:
            # Another process finished or restarted the file. The next read shows which.
            if isinstance(error, NotFound):
                raise
            return []
        return parts

    def fetch_range(
        self,
        run: Span,
        info: ObjectInfo,
        connection: AbstractContextManager[Any] | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> int:
        """Download a run of blocks in one request and return the number of bytes. Blocks are written as they arrive.

        Parameters
        ----------
        run : (int, int)
        info : ObjectInfo
            The object that the bytes must belong to.
        connection : context manager, optional
            Entered during the request. It limits simultaneous requests.
        is_cancelled : function
            The download ends as soon as it returns True.
        """
        return self._receive(run, info, connection, is_cancelled).received

    def _receive(
        self,
        run: Span,
        info: ObjectInfo,
        connection: AbstractContextManager[Any] | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
        is_small: bool = False,
    ) -> _BlockWriter:
        """Download a run of blocks; return its writer. In a small batch the writer still has the last blocks."""
        first, stop = run
        writer = _BlockWriter(self.partial, info, first, is_cancelled)
        with connection or nullcontext(), self._offline_as_not_cached():
            interruptible(
                lambda: self.source.read_chunks(
                    self.key,
                    first * BLOCK,
                    stop * BLOCK,
                    writer.add,
                    version=info.version,
                    if_match=info.etag,
                    on_info=lambda current: self._check_unchanged(current, info),
                    quick=is_small,
                )
            )
        if not is_small:
            self.partial.write(writer.take(), info)
        return writer

    def fetch_stream(self, info: ObjectInfo, is_cancelled: Callable[[], bool] = lambda: False) -> int:
        """Download the complete object in one request, for servers without ranges; return the number of new bytes."""
        cached_before = self.partial.cached_bytes()
        current, chunks = self.source.stream(self.key, version=info.version, if_match=info.etag)
        self._check_unchanged(current, info)
        writer = _BlockWriter(self.partial, info, 0, is_cancelled)
        for chunk in chunks:
            writer.add(chunk)
        self.partial.write(writer.take(), info)
        if writer.received != info.size:
            raise TransferFailed(
                f"{self.location} returned another number of bytes than its size, {info.size}. Try again.", key=self.key
            )
        return info.size - cached_before

    def _check_unchanged(self, current: ObjectInfo, info: ObjectInfo) -> None:
        if current != info:
            raise ChangedFile(
                f"{self.location} was replaced while it was read: found {current}, expected {info}. Open the session again.",
                path=self.location,
            )

    @contextmanager
    def _offline_as_not_cached(self) -> Iterator[None]:
        """Raise NotCached if the source cannot be reached."""
        try:
            yield
        except TransferFailed as error:
            if not error.offline:
                raise
            raise NotCached(
                f"{self.final.name}, or a part of it that is needed, is not in the cache, and {self.source} cannot be reached. Connect to "
                "the network, or use cached data.",
                path=str(self.final),
                url=self.location,
            ) from error


def fetch_small_objects(remotes: Iterable[RemoteObject], on_fetched: Callable[[RemoteObject], object]) -> None:
    """Download small objects at once, one request each; a function is called with each as soon as it is complete.

    Whatever fails is left to `visbehavior.store.download`, which tries again block by block, and says what is wrong.

    Raises
    ------
    NotCached
        If the source cannot be reached.
    """
    batch = Batch([partial(_try_to_fetch, remote) for remote in remotes])
    batch.wait(lambda remote: remote and on_fetched(remote))
    batch.results()


def _try_to_fetch(remote: RemoteObject) -> RemoteObject | None:
    try:
        with remote._offline_as_not_cached():
            return remote if remote.fetch_small() else None
    except NotCached:
        raise
    except VisBehaviorError:
        return None


class DownloadCancelled(Exception):
    """The download was cancelled. Internal: users never see it."""


class _BlockWriter:
    """Writes the bytes of a response to the partial file: complete blocks, as soon as there is enough or it took long."""

    def __init__(
        self, partial: PartialFile, info: ObjectInfo, first: int, is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self.received = 0
        self._partial, self._info, self._first, self._is_cancelled = partial, info, first, is_cancelled
        self._buffer = bytearray()
        self._last_write = time.monotonic()

    def add(self, chunk: memoryview) -> None:
        """Add bytes; DownloadCancelled if the download was cancelled."""
        self._buffer += chunk
        self.received += len(chunk)
        is_cancelled = self._is_cancelled()
        is_due = time.monotonic() - self._last_write > _WRITE_INTERVAL
        if is_cancelled or is_due or len(self._buffer) >= _WRITE_SIZE:
            self._write(len(self._buffer) // BLOCK)
        if is_cancelled:
            raise DownloadCancelled

    def take(self) -> list[Part]:
        """Return the bytes that are not written yet, among them the object's last block, which may be short."""
        count = -(-len(self._buffer) // BLOCK)
        return [self._take(count)] if count else []

    def _write(self, count: int) -> None:
        if count:
            self._partial.write([self._take(count)], self._info)
            self._last_write = time.monotonic()

    def _take(self, count: int) -> Part:
        span, size = (self._first, self._first + count), count * BLOCK
        content, self._buffer = memoryview(self._buffer)[:size], self._buffer[size:]
        self._first += count
        return span, content
