"""Sequences of operations by several processes on one partial file, and damage of it: reads are right or blocks are missing."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.objects import files_beside, partial_and_journal
from tests.store.partial_files import OBJECTS, ONE, block_count, cached_blocks, part_of
from visbehavior.errors import ChangedFile
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.open_partial import OpenPartial
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.source import ObjectInfo

READERS = 3


class PartialFileStates(RuleBasedStateMachine):
    """Several processes with one partial file; some keep the file open for a long time.

    `expected` are the blocks that a new process must find. While the journal is damaged, blocks that other processes know
    are not recorded again, and nothing is added to `expected`.
    """

    @initialize()
    def start(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.final = self.folder / "session.nwb"
        self.data, self.journal = partial_and_journal(self.final)
        self.readers = [PartialFile(self.final) for _ in range(READERS)]
        self.files: list[OpenPartial | None] = [None] * READERS
        self.expected: set[int] = set()
        self.journal_damaged = False
        self.readers[0].create(ONE)
        self.restart_all()

    def teardown(self) -> None:
        for index in range(READERS):
            self.close_file(index)
        shutil.rmtree(self.folder)

    reader = st.integers(0, READERS - 1)
    info = st.sampled_from(list(OBJECTS))

    @rule(index=reader, info=info)
    def create(self, index: int, info: ObjectInfo) -> None:
        existing = self.readers[index].load()
        if existing is None:
            self.expect_nothing()
        with self.raises_if(existing not in (None, info)):
            self.readers[index].create(info)
        assert self.readers[index].info == (existing or info)

    @contextmanager
    def raises_if(self, is_another_object: bool) -> Iterator[None]:
        if not is_another_object:
            yield
            return
        with pytest.raises(ChangedFile, match="contains blocks of another version"):
            yield

    @rule(index=reader, info=info, first=st.integers(0, 5), length=st.integers(1, 6))
    def write(self, index: int, info: ObjectInfo, first: int, length: int) -> None:
        """Write blocks of any object, which may not be that of the file (any more)."""
        span = min(first, block_count(info) - 1), min(first + length, block_count(info))
        reader = self.readers[index]
        try:
            reader.write([(span, part_of(OBJECTS[info], span))], info, self.files[index])
        except FileNotFoundError:
            assert PartialFile(self.final).load() != info or reader.info != info or not self.journal.exists()
        else:
            assert PartialFile(self.final).load() == info
            self.expected.update(() if self.journal_damaged else range(*span))
            assert not reader.missing(range(*span))

    @rule(index=reader)
    def load(self, index: int) -> None:
        self.readers[index].load(self.files[index])

    @rule(index=reader)
    def restart(self, index: int) -> None:
        """One process ends and another one starts."""
        self.close_file(index)
        self.readers[index] = PartialFile(self.final)
        self.readers[index].load()

    @rule(index=reader)
    def close_file(self, index: int) -> None:
        """Close a file; then another file may get its inode."""
        if (files := self.files[index]) is not None:
            files.close()
            self.files[index] = None

    @rule(index=reader)
    def open_file(self, index: int) -> None:
        self.close_file(index)
        with suppress(FileNotFoundError):
            self.files[index] = self.readers[index].open()
        self.readers[index].load(self.files[index])

    @rule(index=reader, start=st.integers(0, 5 * BLOCK + 16), length=st.integers(1, 3 * BLOCK))
    def read(self, index: int, start: int, length: int) -> None:
        """Read from an open file, which may have been replaced."""
        reader = self.readers[index]
        if self.files[index] is None:
            self.open_file(index)
        files = self.files[index]
        if files is None or reader.info is None:
            return
        content = OBJECTS[reader.info][start : start + length]
        buffer = bytearray(len(content))
        if not reader.read_into(files, start, memoryview(buffer)):
            assert buffer == content

    @rule(index=reader)
    def discard(self, index: int) -> None:
        self.readers[index].discard()
        self.expect_nothing()
        assert not files_beside(self.final)

    @rule(index=reader)
    def finish(self, index: int) -> None:
        info = self.readers[index].load()
        if info is None or len(cached_blocks(self.final, OBJECTS[info])) < block_count(info):
            return
        self.readers[index].finish(self.data.stat().st_ino)
        assert self.final.read_bytes() == OBJECTS[info]
        assert not files_beside(self.final)
        self.final.unlink()
        self.expect_nothing()

    def expect_nothing(self) -> None:
        self.expected.clear()
        self.journal_damaged = False

    def restart_all(self) -> None:
        """Needed after damage of the data: blocks that a process has checked are not checked again."""
        for index in range(READERS):
            self.restart(index)

    @precondition(lambda self: self.data.exists() and self.data.stat().st_size)
    @rule(offset=st.integers(0), mask=st.integers(1, 255))
    def flip_a_byte(self, offset: int, mask: int) -> None:
        with self.data.open("rb+") as file:
            offset %= self.data.stat().st_size
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ mask]))
        self.expected.discard(offset // BLOCK)
        self.restart_all()

    @precondition(lambda self: self.data.exists())
    @rule(size=st.integers(0, 5 * BLOCK))
    def truncate_the_data(self, size: int) -> None:
        os.truncate(self.data, min(size, self.data.stat().st_size))
        self.expected &= set(range(size // BLOCK))
        self.restart_all()

    @precondition(lambda self: self.journal.exists())
    @rule(lost=st.integers(1, 200))
    def truncate_the_journal(self, lost: int) -> None:
        os.truncate(self.journal, max(self.journal.stat().st_size - lost, 0))
        self.expected.clear()
        self.journal_damaged = True

    @precondition(lambda self: self.journal.exists() and self.journal.stat().st_size)
    @rule(offset=st.integers(0), garbage=st.binary(min_size=1, max_size=40))
    def overwrite_the_journal(self, offset: int, garbage: bytes) -> None:
        with self.journal.open("rb+") as file:
            file.seek(offset % self.journal.stat().st_size)
            file.write(garbage)
        self.expected.clear()
        self.journal_damaged = True

    @rule()
    def delete_the_journal(self) -> None:
        self.journal.unlink(missing_ok=True)
        self.expected.clear()

    @rule()
    def delete_the_data(self) -> None:
        self.data.unlink(missing_ok=True)
        self.expected.clear()

    @invariant()
    def expected_blocks_are_cached(self) -> None:
        partial = PartialFile(self.final)
        info = partial.load()
        if info is None:
            assert not self.expected
            return
        assert 0 <= partial.cached_bytes() <= info.size
        assert self.expected <= cached_blocks(self.final, OBJECTS[info])


TestPartialFileStates = PartialFileStates.TestCase
TestPartialFileStates.settings = settings(stateful_step_count=50)
