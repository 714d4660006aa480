"""The open partial file of a read, with its journal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from visbehavior.store.os_files import inode_of, open_binary
from visbehavior.store.records import Record, append_to


class OpenPartial:
    """The descriptors of a partial file and of its journal, for one thread.

    While they are open, no other file has their inodes. If another process deletes the partial file and creates it again,
    this instance still writes to the deleted file, never to the new one.

    Parameters
    ----------
    partial, journal : pathlib.Path
    is_writable : bool

    Raises
    ------
    FileNotFoundError
        If one of the files does not exist.
    """

    def __init__(self, partial: Path, journal: Path, is_writable: bool) -> None:
        self.is_writable = is_writable
        self._journal_path = journal
        flags = os.O_RDWR if is_writable else os.O_RDONLY
        self.file = open_binary(partial, flags)
        try:
            self.journal = open_binary(journal, flags | os.O_APPEND)
        except BaseException:
            os.close(self.file)
            raise
        self.inode, self._journal_inode = inode_of(self.file), inode_of(self.journal)

    def append(self, records: Iterable[Record]) -> None:
        """Append records to the journal; FileNotFoundError if it was deleted or replaced, because other processes would not read them."""
        if inode_of(self._journal_path) != self._journal_inode:
            raise FileNotFoundError(self._journal_path)
        append_to(self.journal, records)

    def close(self) -> None:
        """Close both files."""
        os.close(self.file)
        os.close(self.journal)
