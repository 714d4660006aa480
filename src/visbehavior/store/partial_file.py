"""The partial file: the cached blocks of an object that is not completely downloaded.

While ``name.nwb`` is incomplete, ``name.nwb.blocks`` contains its cached bytes at their offsets, with holes elsewhere, and
``name.nwb.blocks.journal`` lists the cached blocks with a CRC of each. Bytes are written first and recorded afterwards.
Blocks that the journal does not list are missing, whatever the file contains. Listed blocks are checked against their CRC
when a process first reads them, and are missing, too, if it differs.

This is correct without a lock: a block of an object contains the same bytes whoever writes it, and the journal only grows.
When all blocks are cached, the bytes are hashed and the file is renamed; nothing else creates a file of the final name.

A partial file that is discarded and started again gets a new id in the first record of its journal. Its inode does not
distinguish it from the older file, because systems reuse inodes; they do not while the older file is open.
"""

from __future__ import annotations

import os
import random
import threading
import time
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from visbehavior.atomic import is_disk_full, temporary_path
from visbehavior.errors import CannotWrite, ChangedFile, DiskFull
from visbehavior.store.coalesce import BLOCK, DOWNLOAD_MAX_BLOCKS, Span, blocks_containing, coalesce_blocks
from visbehavior.store.journal import (
    JournalState,
    blocks_record,
    downloader_record,
    load_journal,
    object_record,
    read_journal,
)
from visbehavior.store.open_partial import OpenPartial
from visbehavior.store.os_files import inode_of, mark_sparse, open_binary, read_at, supports_sparse_files, write_at
from visbehavior.store.paths import journal_path, partial_path
from visbehavior.store.records import Record, append_records
from visbehavior.store.source import ObjectInfo

_CREATE_ATTEMPTS = 8
_CREATE_PAUSE = 0.001

Part: TypeAlias = tuple[Span, memoryview]
"""A run of blocks, and its bytes."""


class PartialFile:
    """Cached blocks of an object.

    Threads can share an instance, and processes can have one each for the same object.

    Parameters
    ----------
    final : pathlib.Path
        Path of the complete file.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = partial_path(final)
        self._journal = journal_path(final)
        self._lock = threading.Lock()
        self._state = JournalState()
        _instances.add(self)

    @property
    def info(self) -> ObjectInfo | None:
        """The object, as of the last `load`."""
        return self._state.info

    @property
    def is_sparse(self) -> bool:
        """True if holes of the file take no disk space."""
        return self._state.is_sparse

    @property
    def inode(self) -> int:
        """Inode of the partial file."""
        return self._state.inode

    @property
    def downloader(self) -> str:
        """Name of the process that last started to download the complete file."""
        return self._state.downloader

    @property
    def block_count(self) -> int:
        """Number of blocks of the object; FileNotFoundError if the partial file was deleted."""
        if self.info is None:
            raise FileNotFoundError(self.path)
        return self._state.block_count

    def cached_bytes(self) -> int:
        """Return the number of cached bytes."""
        return self._state.cached_bytes()

    def missing(self, blocks: Iterable[int]) -> list[int]:
        """Return the blocks that are not cached."""
        crcs = self._state.crcs
        return [block for block in blocks if block not in crcs]

    def load(self, files: OpenPartial | None = None) -> ObjectInfo | None:
        """Read what this and other processes added to the journal; return the object, or None if there is no file.

        The journal of `files` is read, unless it was deleted; without `files` the journal is opened.
        """
        with self._lock, _mapped_os_errors(self.path):
            try:
                inode = inode_of(self.path)
            except FileNotFoundError:
                self._state = JournalState()
                return None
            if files is not None and files.inode == inode:
                self._state = read_journal(files.journal, inode, self._state)
            else:
                self._state = load_journal(self._journal, inode, self._state)
            return self._state.info

    def open(self) -> OpenPartial:
        """Open the partial file and its journal, for reading only if they cannot be written."""
        with _mapped_os_errors(self.path):
            try:
                return OpenPartial(self.path, self._journal, is_writable=True)
            except FileNotFoundError:
                raise
            except OSError:
                return OpenPartial(self.path, self._journal, is_writable=False)

    def make_folder(self) -> None:
        """Create the folder of the file if there is none."""
        with _mapped_os_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)

    def create(self, info: ObjectInfo, first_block: memoryview | None = None) -> None:
        """Create the partial file of an object unless it exists, with its first block if it is given.

        Raises
        ------
        ChangedFile
            If there is a partial file of another object.
        """
        for attempt in range(_CREATE_ATTEMPTS):
            if self.load() is not None:
                break
            if attempt:
                # Others that create the file at the same time delete it as long as it has no journal. One of them succeeds
                # when not all try again at once.
                time.sleep(random.uniform(0, _CREATE_PAUSE * 2**attempt))
                if self.load() is not None:
                    break
            self.make_folder()
            with _mapped_os_errors(self.path), suppress(FileNotFoundError):
                self._create(info, first_block)
        self.check_object(info)

    def _create(self, info: ObjectInfo, first_block: memoryview | None) -> None:
        # A file without a journal is useless, but a process that opened it may still write to it: it is not reused.
        self.discard()
        is_sparse = supports_sparse_files(self.path.parent)
        records = [object_record(info, is_sparse)]
        file = open_binary(self.path, os.O_WRONLY | os.O_CREAT)
        try:
            if is_sparse:
                mark_sparse(file)
                os.ftruncate(file, info.size)
            if first_block is not None:
                records.append(blocks_record(records[0]["mark"], 0, _write_run(file, (0, 1), first_block)))
        finally:
            os.close(file)
        append_records(self._journal, records)

    def check_object(self, info: ObjectInfo) -> None:
        """Raise ChangedFile unless the partial file is of this object."""
        own = self.info
        if own is None:
            raise ChangedFile(
                f"{self.path} was deleted while it was in use. Open the session again to restart the download.",
                path=str(self.path),
            )
        is_same = (own.size, own.version) == (info.size, info.version)
        if not is_same or (own.version is None and own.etag != info.etag):
            raise ChangedFile(
                f"{self.path} contains blocks of another version of the file than the source has now. Open the session again to "
                "restart the download.",
                path=str(self.path),
            )

    def record_downloader(self, name: str) -> None:
        """Tell other processes who downloads the complete file; used in messages only."""
        with _mapped_os_errors(self.path):
            append_records(self._journal, [downloader_record(name)], create=False)

    def read_into(self, files: OpenPartial, start: int, view: memoryview) -> set[int]:
        """Fill a buffer with the bytes from an offset; return the missing blocks, in which case nothing is read.

        Parameters
        ----------
        files : OpenPartial
            Opened before the last `load`. A discarded file has no blocks.
        start : int
        view : memoryview
        """
        blocks = blocks_containing([(start, start + len(view))])
        state = self._state
        if files.inode != state.inode:
            return blocks
        missing = {block for block in blocks if not self._is_valid(state, files.file, block)}
        if not missing:
            read_at(files.file, start, view)
        return missing

    def write(self, parts: Sequence[Part], info: ObjectInfo, files: OpenPartial | None = None) -> None:
        """Write runs of blocks and record them afterwards. Blocks that are cached already stay as they are.

        Parameters
        ----------
        parts : sequence of ((int, int), memoryview)
        info : ObjectInfo
            The object that the bytes belong to.
        files : OpenPartial, optional
            The partial file and its journal, if they are open already. They are opened if these were deleted.

        Raises
        ------
        FileNotFoundError
            If the partial file was finished or restarted in the meantime.
        DiskFull, CannotWrite
        """
        if not parts:
            return
        with _mapped_os_errors(self.path):
            if files is not None and files.is_writable and self.load(files) == info and files.inode == self.inode:
                self._write_to(files, parts, info)
                return
            with closing(OpenPartial(self.path, self._journal, is_writable=True)) as opened:
                self.load(opened)
                self._write_to(opened, parts, info)

    def _write_to(self, files: OpenPartial, parts: Sequence[Part], info: ObjectInfo) -> None:
        state = self._state
        # Bytes of a replaced object must not enter the file of the new one. A journal is deleted before its partial file and
        # created after it: if the path still is the open file, the open journal belongs to it.
        if state.info != info or state.inode != files.inode:
            raise FileNotFoundError(self.path)
        records = [record for part in parts for record in self._write_missing(state, files.file, *part)]
        if sum(len(record["crcs"]) for record in records) >= DOWNLOAD_MAX_BLOCKS:
            # The disk writes during the download, not all at the end. Smaller runs rely on their CRC.
            os.fsync(files.file)
        if records:
            files.append(records)
        with self._lock:
            for record in records:
                state.apply(record)
                state.checked.update(range(record["first"], record["first"] + len(record["crcs"])))

    def _write_missing(self, state: JournalState, file: int, span: Span, content: memoryview) -> list[Record]:
        """Write the missing blocks of a run; return their records.

        Cached blocks are not rewritten, because a download may have hashed them.
        """
        first, stop = span
        missing = [block for block in range(first, stop) if not self._is_valid(state, file, block)]
        return [
            blocks_record(state.file_id, run[0], _write_run(file, run, content[(run[0] - first) * BLOCK :]))
            for run in coalesce_blocks(missing, 0, stop - first)
        ]

    def discard(self) -> None:
        """Delete the partial file and its journal."""
        with self._lock:
            self._journal.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            self._state = JournalState()

    def finish(self, inode: int) -> None:
        """Rename the partial file to its final name.

        Parameters
        ----------
        inode : int
            Inode of the file that the caller hashed.

        Raises
        ------
        FileNotFoundError
            If another process finished or discarded that file. A newer partial file is left alone.
        """
        with _mapped_os_errors(self.path):
            # A hard link keeps the file from being exchanged between the comparison of its inode and the rename, and the
            # partial file exists until the final one does.
            link = temporary_path(self.final)
            try:
                os.link(self.path, link)
            except FileNotFoundError:
                raise
            except OSError:
                # The file system has no hard links.
                link = self.path
            try:
                if inode_of(link) != inode:
                    raise FileNotFoundError(self.path)
                os.replace(link, self.final)
            finally:
                if link != self.path:
                    link.unlink(missing_ok=True)
            self.discard()

    def _is_valid(self, state: JournalState, file: int, block: int) -> bool:
        """Return True if a block is listed and its bytes have the CRC of the journal."""
        if block in state.checked:
            return True
        crc = state.crcs.get(block)
        if crc is None or state.info is None:
            return False
        content = memoryview(bytearray(min(BLOCK, state.info.size - block * BLOCK)))
        try:
            read_at(file, block * BLOCK, content)
            is_valid = zlib.crc32(content) == crc
        except EOFError:
            is_valid = False
        with self._lock:
            if is_valid:
                state.checked.add(block)
            elif state.crcs.get(block) == crc:
                del state.crcs[block]
        return is_valid


def _write_run(file: int, run: Span, content: memoryview) -> list[int]:
    """Write a run of blocks from the beginning of `content`; return the CRC of each."""
    first, stop = run
    content = content[: (stop - first) * BLOCK]
    write_at(file, first * BLOCK, content)
    return [zlib.crc32(content[start : start + BLOCK]) for start in range(0, len(content), BLOCK)]


@contextmanager
def _mapped_os_errors(path: Path) -> Iterator[None]:
    """Raise our exceptions instead of OSError, except FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(
                f"{path} cannot be written: its disk is full. Downloaded bytes are kept. Free some space or choose another cache_dir.",
                path=str(path),
            ) from error
        raise CannotWrite(
            f"{path} cannot be written: {error.strerror or error}. Cached data can be read; to download more, choose a cache_dir with "
            "write permission.",
            path=str(path),
        ) from error


_instances: weakref.WeakSet[PartialFile] = weakref.WeakSet()


def _after_fork() -> None:
    """Replace the locks in a forked child: a thread that exists only in the parent may hold them."""
    for instance in _instances:
        instance._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
