"""The block file: what is here of an object that is not here whole.

While ``name.nwb`` is incomplete, ``name.nwb.blocks`` holds its bytes at their places, holes where nothing came yet, and
``name.nwb.blocks.journal`` says which blocks are whole, each with a CRC of its bytes. Bytes are written first and entered
after. What the journal does not name is a hole, whatever the file holds; what it names is checked against its CRC when a
process reads it for the first time, and is a hole too if it does not agree.

No lock is needed for that: blocks of one object at one place are the same bytes, whoever writes them, and the journal only
grows. When every block is there, the bytes are hashed and the file is renamed; nothing else makes a file of the final name.

A block file that is thrown away and begun again gets a new mark, in its journal's first record. Its inode does not tell it
from the older one, for systems give a number again at once; but not while a file of that number is open.
"""

from __future__ import annotations

import os
import threading
import uuid
import weakref
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from visbehavior.atomic import is_full
from visbehavior.errors import CannotWrite, ChangedFile, DiskFull
from visbehavior.store.coalesce import BLOCK, DOWNLOAD_LARGEST, Span, plan_requests
from visbehavior.store.records import Record, append_records, read_records
from visbehavior.store.source import ObjectInfo

BLOCKS_ENDING = ".blocks"
JOURNAL_ENDING = ".blocks.journal"

# Of the journal: more than the first record, which tells it from the next journal of its name.
_HEAD = 1024
_ATTEMPTS = 5


@dataclass
class _Begun:
    """What is known of one block file, from when it was begun until it is finished or thrown away."""

    inode: int = 0
    head: bytes = b""
    mark: str = ""
    info: ObjectInfo | None = None
    is_sparse: bool = True
    holder: str = ""
    crcs: dict[int, int] = field(default_factory=dict)
    checked: set[int] = field(default_factory=set)
    read_to: int = 0

    def enter(self, record: Record) -> None:
        if "size" in record:
            if self.info is None and record.get("block") == BLOCK:
                self.info = ObjectInfo(record["size"], record["etag"], record["version"])
                self.mark, self.is_sparse = record["mark"], record["sparse"]
        elif "holder" in record:
            self.holder = record["holder"]
        elif self.info is not None and record["of"] == self.mark:
            for block, crc in enumerate(record["crcs"], record["first"]):
                if self.crcs.get(block) != crc:
                    self.checked.discard(block)
                self.crcs[block] = crc


class PartialFile:
    """The blocks of an object in a folder.

    Threads may share it. Processes may each have their own of one object.

    Parameters
    ----------
    final : pathlib.Path
        Where the file will be when it is whole.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = final.with_name(final.name + BLOCKS_ENDING)
        self._journal = final.with_name(final.name + JOURNAL_ENDING)
        self._lock = threading.Lock()
        self._begun = _Begun()
        _all.add(self)

    @property
    def info(self) -> ObjectInfo | None:
        """The object, as far as is known since `load`."""
        return self._begun.info

    @property
    def is_sparse(self) -> bool:
        """Whether its disk keeps holes as holes."""
        return self._begun.is_sparse

    @property
    def inode(self) -> int:
        """Of the block file."""
        return self._begun.inode

    @property
    def holder(self) -> str:
        """Who said last that it brings the whole file."""
        return self._begun.holder

    @property
    def count(self) -> int:
        """How many blocks the object has; FileNotFoundError where nothing is known of it any more."""
        info = self.info
        if info is None:
            raise FileNotFoundError(self.path)
        return -(-info.size // BLOCK)

    def here(self) -> int:
        """How many bytes of it are here."""
        begun = self._begun
        if begun.info is None:
            return 0
        count = -(-begun.info.size // BLOCK)
        short = count * BLOCK - begun.info.size if count - 1 in begun.crcs else 0
        return len(begun.crcs) * BLOCK - short

    def load(self) -> ObjectInfo | None:
        """What object this is and which blocks are here, by the journal, others' entries too; None where there is nothing."""
        with self._lock, _writing(self.path):
            try:
                inode = os.stat(self.path).st_ino
            except FileNotFoundError:
                self._begun = _Begun()
                return None
            begun, head = self._begun, _head(self._journal)
            if (inode, head) != (begun.inode, begun.head):
                begun = _Begun(inode, head)
            records, begun.read_to = read_records(self._journal, begun.read_to)
            for record in records:
                begun.enter(record)
            self._begun = begun
            return begun.info

    def make_folder(self) -> None:
        """The folder of the file, if there is none yet."""
        with _writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)

    def begin(self, info: ObjectInfo) -> None:
        """Make room for an object, unless it is begun already.

        Raises
        ------
        ChangedFile
            If blocks of another object are here.
        """
        for _ in range(_ATTEMPTS):
            # Another that begins at the same time may take what has no journal yet for a remnant.
            if self.load() is not None:
                break
            self.make_folder()
            with _writing(self.path), suppress(FileNotFoundError):
                self._make(info)
        self.check_is_of(info)

    def _make(self, info: ObjectInfo) -> None:
        # What lies here without a journal is of no use, and a process that has it open may still write to it.
        self.discard()
        with open(self.path, "ab") as file:
            sparse = has_sparse_files(self.path.parent)
            if sparse:
                _mark_sparse(file.fileno())
                file.truncate(info.size)
        identity = {"mark": uuid.uuid4().hex[:16], "size": info.size, "etag": info.etag, "version": info.version}
        append_records(self._journal, [{**identity, "block": BLOCK, "sparse": sparse}])

    def check_is_of(self, info: ObjectInfo) -> None:
        """Whether the blocks are of this object; ChangedFile if they are not."""
        mine = self.info
        if mine is None:
            raise ChangedFile(
                f"{self.path} was removed while it was used. Open the session again, and it starts anew.",
                path=str(self.path),
            )
        same = (mine.size, mine.version) == (info.size, info.version)
        if not same or (mine.version is None and mine.etag != info.etag):
            raise ChangedFile(
                f"{self.path} holds parts of another version of the file than the source has now. Open the session again, and it starts anew.",
                path=str(self.path),
            )

    def sign(self, name: str) -> None:
        """Say to other processes who is bringing the whole file; nothing hangs on it."""
        with _writing(self.path):
            append_records(self._journal, [{"holder": name}], create=False)

    def missing(self, blocks: Iterable[int]) -> list[int]:
        """Those of some blocks that are not here."""
        crcs = self._begun.crcs
        return [block for block in blocks if block not in crcs]

    def read_into(self, file: int, start: int, view: memoryview) -> set[int]:
        """Fill a buffer with the bytes from `start`; the blocks that it would need, where some are not here.

        Parameters
        ----------
        file : int
            Descriptor of the block file, opened before the last `load`. One that was thrown away since holds nothing.
        """
        blocks = range(start // BLOCK, (start + len(view) - 1) // BLOCK + 1) if len(view) else range(0)
        begun = self._begun
        if os.fstat(file).st_ino != begun.inode:
            return set(blocks)
        holes = {block for block in blocks if not self._is_here(begun, file, block)}
        if not holes:
            read_at(file, start, view)
        return holes

    def write(self, span: Span, content: memoryview, info: ObjectInfo) -> None:
        """Keep the bytes of a run of blocks of an object: written, and only then entered. What is here stays as it is.

        Raises
        ------
        FileNotFoundError
            If the block file was finished, or begun anew, in between.
        DiskFull, CannotWrite
        """
        self.load()
        begun = self._begun
        first, stop = span
        with _writing(self.path):
            file = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                # Of an object that was replaced meanwhile not a byte may come into the new one's file. The journal is removed
                # first and made last: as long as it is the same, so is the file that was opened before.
                if begun.info != info or _head(self._journal) != begun.head:
                    raise FileNotFoundError(self.path)
                # Somebody may have hashed what is here.
                lacking = [block for block in range(first, stop) if not self._is_here(begun, file, block)]
                runs = plan_requests(lacking, 0, stop - first)
                records = [_written(file, run, content[(run[0] - first) * BLOCK :]) for run in runs]
                if len(lacking) >= DOWNLOAD_LARGEST:
                    # The disk writes while the next piece comes, not all at the end. Small runs have their CRC.
                    os.fsync(file)
            finally:
                os.close(file)
            records = [record | {"of": begun.mark} for record in records]
            append_records(self._journal, records, create=False)
        with self._lock:
            for record in records:
                begun.enter(record)
            begun.checked.update(lacking)

    def discard(self) -> None:
        """Forget all that is here."""
        with self._lock:
            self._journal.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            self._begun = _Begun()

    def finish(self, inode: int) -> None:
        """Give the file its final name.

        Parameters
        ----------
        inode : int
            Of the file of which the caller hashed every byte.

        Raises
        ------
        FileNotFoundError
            If that file was finished, or thrown away, by somebody else. What has its name now stays.
        """
        with _writing(self.path):
            # Given a second name first, it cannot be exchanged between the look at it and its last name; and at no time is
            # there neither it nor the final file.
            apart = self.final.with_name(f".part-{uuid.uuid4().hex[:8]}-{self.final.name}")
            try:
                os.link(self.path, apart)
            except FileNotFoundError:
                raise
            except OSError:
                # A disk that knows no second names.
                apart = self.path
            try:
                if os.stat(apart).st_ino != inode:
                    raise FileNotFoundError(self.path)
                os.replace(apart, self.final)
            finally:
                if apart != self.path:
                    apart.unlink(missing_ok=True)
            self.discard()

    def _is_here(self, begun: _Begun, file: int, block: int) -> bool:
        """Whether a block is entered, and its bytes are those that were entered."""
        if block in begun.checked:
            return True
        crc = begun.crcs.get(block)
        if crc is None or begun.info is None:
            return False
        content = memoryview(bytearray(min(BLOCK, begun.info.size - block * BLOCK)))
        try:
            read_at(file, block * BLOCK, content)
            is_right = zlib.crc32(content) == crc
        except EOFError:
            is_right = False
        with self._lock:
            if is_right:
                begun.checked.add(block)
            elif begun.crcs.get(block) == crc:
                del begun.crcs[block]
        return is_right


_all: weakref.WeakSet[PartialFile] = weakref.WeakSet()


def _after_fork() -> None:
    """In a forked child the lock may be held by a thread that does not exist there."""
    for blocks in _all:
        blocks._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _head(journal: Path) -> bytes:
    """The first record as it stands."""
    try:
        with open(journal, "rb", buffering=0) as file:
            return file.read(_HEAD).lstrip(b"\n").partition(b"\n")[0]
    except FileNotFoundError:
        return b""


def _written(file: int, run: Span, content: memoryview) -> Record:
    """Write a run of blocks; its record."""
    first, stop = run
    content = content[: (stop - first) * BLOCK]
    _write_at(file, first * BLOCK, content)
    return {"first": first, "crcs": [zlib.crc32(content[at : at + BLOCK]) for at in range(0, len(content), BLOCK)]}


def has_sparse_files(folder: Path) -> bool:
    """Whether a disk keeps holes as holes: exFAT does not, and would write zeros up to every new end."""
    probe = folder / f".sparse-{os.getpid()}-{threading.get_ident()}"
    size = 4 << 20
    try:
        with open(probe, "wb") as file:
            if not _mark_sparse(file.fileno()):
                return False
            file.truncate(size)
        return getattr(os.stat(probe), "st_blocks", 0) * 512 < size
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """The system's errors as ours, but for a file that is gone."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if is_full(error):
            raise DiskFull(
                f"{path} cannot grow: its disk is full. What came is kept. Make room, or choose another cache_dir.",
                path=str(path),
            ) from error
        raise CannotWrite(
            f"{path} cannot be written: {error.strerror or error}. What is cached already can be used; for more choose a cache_dir that you "
            "may write to.",
            path=str(path),
        ) from error


def _mark_sparse(descriptor: int) -> bool:
    """Windows makes a file sparse when it is told so; elsewhere each is that may be."""
    if os.name != "nt":
        return True
    import ctypes
    import msvcrt

    set_sparse = 0x000900C4
    handle = msvcrt.get_osfhandle(descriptor)  # type: ignore[attr-defined,unused-ignore]
    returned = ctypes.c_ulong()
    control = ctypes.windll.kernel32.DeviceIoControl  # type: ignore[attr-defined,unused-ignore]
    return bool(control(handle, set_sparse, None, 0, None, 0, ctypes.byref(returned), None))


def read_at(file: int, start: int, view: memoryview) -> None:
    """Fill a buffer with the bytes of an open file from a place; EOFError where it ends before."""
    if hasattr(os, "preadv"):
        while len(view):
            got = os.preadv(file, [view], start)
            if not got:
                raise EOFError
            start, view = start + got, view[got:]
        return
    os.lseek(file, start, os.SEEK_SET)
    while len(view):
        content = os.read(file, len(view))
        if not content:
            raise EOFError
        view[: len(content)] = content
        view = view[len(content) :]


def _write_at(file: int, start: int, content: memoryview) -> None:
    os.lseek(file, start, os.SEEK_SET)
    while len(content):
        content = content[os.write(file, content) :]
