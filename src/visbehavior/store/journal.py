"""The journal of a partial file: the object's identity, and its cached blocks with a CRC each."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from visbehavior.store.coalesce import BLOCK
from visbehavior.store.os_files import open_binary, read_from, read_some
from visbehavior.store.records import Record, parse_records
from visbehavior.store.source import ObjectInfo

# Longer than most journals, which are then read in one system call. Other threads may run at each system call.
_HEAD = 8 << 10


@dataclass
class JournalState:
    """Content of one journal as far as it was read.

    Parameters
    ----------
    inode : int
        Inode of the partial file.
    first_record : bytes
        First line of the journal. It differs between partial files of the same path.
    """

    inode: int = 0
    first_record: bytes = b""
    file_id: str = ""
    info: ObjectInfo | None = None
    is_sparse: bool = True
    downloader: str = ""
    crcs: dict[int, int] = field(default_factory=dict)
    checked: set[int] = field(default_factory=set)
    offset: int = 0

    @property
    def block_count(self) -> int:
        """Number of blocks of the object."""
        return 0 if self.info is None else -(-self.info.size // BLOCK)

    def cached_bytes(self) -> int:
        """Return the number of bytes in the cached blocks. The last block of an object may be short."""
        if self.info is None:
            return 0
        has_last = self.block_count - 1 in self.crcs
        excess = self.block_count * BLOCK - self.info.size if has_last else 0
        return len(self.crcs) * BLOCK - excess

    def update(self, appended: bytes) -> None:
        """Apply the records that were appended since the last update."""
        records, length = parse_records(appended)
        self.offset += length
        for record in records:
            self.apply(record)

    def apply(self, record: Record) -> None:
        """Apply one record."""
        if "size" in record:
            if self.info is None and record.get("block") == BLOCK:
                self.info = ObjectInfo(record["size"], record["etag"], record["version"])
                self.file_id, self.is_sparse = record["mark"], record["sparse"]
        elif "holder" in record:
            self.downloader = record["holder"]
        elif self.info is not None and record["of"] == self.file_id:
            for block, crc in enumerate(record["crcs"], record["first"]):
                if self.crcs.get(block) != crc:
                    self.checked.discard(block)
                self.crcs[block] = crc


def load_journal(journal: Path, inode: int, known: JournalState) -> JournalState:
    """Open a journal and return its state, as `read_journal`; a state without an object if there is no journal."""
    try:
        file = open_binary(journal, os.O_RDONLY)
    except FileNotFoundError:
        return JournalState(inode)
    try:
        return read_journal(file, inode, known)
    finally:
        os.close(file)


def read_journal(file: int, inode: int, known: JournalState) -> JournalState:
    """Return the state of an open journal: the known one with what was appended, or a new one if the journal is another one.

    Parameters
    ----------
    file : int
        Descriptor of the journal.
    inode : int
        Inode of the partial file now.
    known : JournalState
    """
    head = read_some(file, 0, _HEAD)
    first_record = head.lstrip(b"\n").partition(b"\n")[0]
    is_same = (inode, first_record) == (known.inode, known.first_record)
    state = known if is_same else JournalState(inode, first_record)
    state.update(head[state.offset :] if len(head) < _HEAD else read_from(file, state.offset))
    return state


def object_record(info: ObjectInfo, is_sparse: bool) -> Record:
    """Return the first record of a new journal, with a unique id of its partial file."""
    identity = {"mark": uuid.uuid4().hex[:16], "size": info.size, "etag": info.etag, "version": info.version}
    return {**identity, "block": BLOCK, "sparse": is_sparse}


def blocks_record(file_id: str, first: int, crcs: list[int]) -> Record:
    """Return the record of a run of blocks."""
    return {"first": first, "crcs": crcs, "of": file_id}


def downloader_record(name: str) -> Record:
    """Return the record of the process that downloads the complete file."""
    return {"holder": name}
