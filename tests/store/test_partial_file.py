"""The block file: what it gives is right, or a hole; never anything else, whatever happened to it."""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.objects import beside, made_bytes, parts_of
from visbehavior.errors import CannotWrite, ChangedFile
from visbehavior.store import partial_file as module
from visbehavior.store.coalesce import BLOCK, Span
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.source import ObjectInfo

CHILD = pathlib.Path(__file__).with_name("partial_file_child.py")
# An object, another one under its name, and an older version of another size.
OBJECTS = {
    ObjectInfo(5 * BLOCK + 17, '"one"', None): made_bytes(5 * BLOCK + 17, 1),
    ObjectInfo(5 * BLOCK + 17, '"two"', None): made_bytes(5 * BLOCK + 17, 2),
    ObjectInfo(3 * BLOCK, '"one"', "v1"): made_bytes(3 * BLOCK, 3),
}
ONE, TWO, OLD = OBJECTS
READERS = 3


def count_of(info: ObjectInfo) -> int:
    return -(-info.size // BLOCK)


def piece(content: bytes, span: Span) -> memoryview:
    return memoryview(content)[span[0] * BLOCK : span[1] * BLOCK]


@contextmanager
def opened(path: pathlib.Path) -> Iterator[int]:
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        yield file
    finally:
        os.close(file)


def read(blocks: PartialFile, start: int, stop: int) -> bytes | set[int]:
    """The bytes, or the blocks that lack."""
    content = bytearray(stop - start)
    with opened(blocks.path) as file:
        blocks.load()
        return blocks.read_into(file, start, memoryview(content)) or bytes(content)


def whole_blocks(final: pathlib.Path, content: bytes) -> set[int]:
    """The blocks that a process which comes anew finds, each with the right bytes."""
    blocks = PartialFile(final)
    if blocks.load() is None:
        return set()
    found = set()
    for block in range(blocks.count):
        span = block * BLOCK, min((block + 1) * BLOCK, len(content))
        got = read(blocks, *span)
        assert got in ({block}, content[slice(*span)])
        found |= {block} if isinstance(got, bytes) else set()
    return found


def begun(final: pathlib.Path, info: ObjectInfo = ONE, *spans: Span) -> PartialFile:
    blocks = PartialFile(final)
    blocks.begin(info)
    for span in spans:
        blocks.write(span, piece(OBJECTS[info], span), info)
    return blocks


class BlockFile(RuleBasedStateMachine):
    """Several processes on one block file, some with a file open on it since some time ago.

    `here` is what a process that comes anew must find. Where the journal was harmed, what others know is not entered again.
    """

    @initialize()
    def start(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.final = self.folder / "session.nwb"
        self.data, self.journal = parts_of(self.final)
        self.readers = [PartialFile(self.final) for _ in range(READERS)]
        self.files = [-1] * READERS
        self.here: set[int] = set()
        self.harmed = False
        self.readers[0].begin(ONE)
        self.come_anew()

    def teardown(self) -> None:
        for at in range(READERS):
            self.close_file(at)
        shutil.rmtree(self.folder)

    reader = st.integers(0, READERS - 1)
    info = st.sampled_from(list(OBJECTS))

    @rule(at=reader, info=info)
    def begin(self, at: int, info: ObjectInfo) -> None:
        there = self.readers[at].load()
        if there is None:
            self.nothing_is_here()
        with self.refused_for(there not in (None, info)):
            self.readers[at].begin(info)
        assert self.readers[at].info == (there or info)

    @contextmanager
    def refused_for(self, is_another: bool) -> Iterator[None]:
        if not is_another:
            yield
            return
        with pytest.raises(ChangedFile, match="holds parts of another version"):
            yield

    @rule(at=reader, info=info, first=st.integers(0, 5), length=st.integers(1, 6))
    def write(self, at: int, info: ObjectInfo, first: int, length: int) -> None:
        """Of whatever object a process takes it for, however long ago it looked."""
        span = min(first, count_of(info) - 1), min(first + length, count_of(info))
        try:
            self.readers[at].write(span, piece(OBJECTS[info], span), info)
        except FileNotFoundError:
            assert PartialFile(self.final).load() != info or self.readers[at].info != info or not self.journal.exists()
        else:
            assert PartialFile(self.final).load() == info
            self.here.update(() if self.harmed else range(*span))
            assert not self.readers[at].missing(range(*span))

    @rule(at=reader)
    def look(self, at: int) -> None:
        self.readers[at].load()

    @rule(at=reader)
    def open_again(self, at: int) -> None:
        """A process ends, and another comes."""
        self.close_file(at)
        self.readers[at] = PartialFile(self.final)
        self.readers[at].load()

    @rule(at=reader)
    def close_file(self, at: int) -> None:
        """From then on another file may get its inode."""
        if self.files[at] >= 0:
            os.close(self.files[at])
            self.files[at] = -1

    def open_file(self, at: int) -> None:
        with suppress(FileNotFoundError):
            self.files[at] = os.open(self.data, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.readers[at].load()

    @rule(at=reader, start=st.integers(0, 5 * BLOCK + 16), length=st.integers(1, 3 * BLOCK))
    def read(self, at: int, start: int, length: int) -> None:
        """From a file that may be another by now."""
        blocks = self.readers[at]
        if self.files[at] < 0:
            self.open_file(at)
        if self.files[at] < 0 or blocks.info is None:
            return
        content = OBJECTS[blocks.info][start : start + length]
        got = bytearray(len(content))
        if not blocks.read_into(self.files[at], start, memoryview(got)):
            assert got == content

    @rule(at=reader)
    def discard(self, at: int) -> None:
        self.readers[at].discard()
        self.nothing_is_here()
        assert not beside(self.final)

    @rule(at=reader)
    def finish(self, at: int) -> None:
        info = self.readers[at].load()
        if info is None or len(whole_blocks(self.final, OBJECTS[info])) < count_of(info):
            return
        self.readers[at].finish(self.data.stat().st_ino)
        assert self.final.read_bytes() == OBJECTS[info]
        assert not beside(self.final)
        self.final.unlink()
        self.nothing_is_here()

    def nothing_is_here(self) -> None:
        self.here.clear()
        self.harmed = False

    def come_anew(self) -> None:
        """What was read once is not checked again: the disk is taken to hold what it was seen to hold."""
        for at in range(READERS):
            self.open_again(at)

    @precondition(lambda self: self.data.exists() and self.data.stat().st_size)
    @rule(at=st.integers(0), mask=st.integers(1, 255))
    def flip_a_byte(self, at: int, mask: int) -> None:
        with self.data.open("rb+") as file:
            at %= self.data.stat().st_size
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ mask]))
        self.here.discard(at // BLOCK)
        self.come_anew()

    @precondition(lambda self: self.data.exists())
    @rule(size=st.integers(0, 5 * BLOCK))
    def cut_the_data(self, size: int) -> None:
        os.truncate(self.data, min(size, self.data.stat().st_size))
        self.here &= set(range(size // BLOCK))
        self.come_anew()

    @precondition(lambda self: self.journal.exists())
    @rule(lost=st.integers(1, 200))
    def tear_the_journal(self, lost: int) -> None:
        os.truncate(self.journal, max(self.journal.stat().st_size - lost, 0))
        self.here.clear()
        self.harmed = True

    @precondition(lambda self: self.journal.exists() and self.journal.stat().st_size)
    @rule(at=st.integers(0), garbage=st.binary(min_size=1, max_size=40))
    def garble_the_journal(self, at: int, garbage: bytes) -> None:
        with self.journal.open("rb+") as file:
            file.seek(at % self.journal.stat().st_size)
            file.write(garbage)
        self.here.clear()
        self.harmed = True

    @rule()
    def lose_the_journal(self) -> None:
        self.journal.unlink(missing_ok=True)
        self.here.clear()

    @rule()
    def lose_the_data(self) -> None:
        self.data.unlink(missing_ok=True)
        self.here.clear()

    @invariant()
    def what_was_kept_is_found(self) -> None:
        blocks = PartialFile(self.final)
        info = blocks.load()
        if info is None:
            assert not self.here
            return
        assert 0 <= blocks.here() <= info.size
        assert self.here <= whole_blocks(self.final, OBJECTS[info])


TestBlockFile = BlockFile.TestCase
TestBlockFile.settings = settings(stateful_step_count=50)


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_odd_sizes(tmp_path: pathlib.Path, size: int) -> None:
    info, content = ObjectInfo(size, '"odd"', None), made_bytes(size)
    blocks = PartialFile(tmp_path / "session.nwb")
    assert (blocks.load(), blocks.here()) == (None, 0)
    blocks.begin(info)
    assert (blocks.count, blocks.here()) == (-(-size // BLOCK), 0)
    here = 0
    for block in reversed(range(blocks.count)):
        blocks.write((block, block + 1), piece(content, (block, block + 1)), info)
        here += len(piece(content, (block, block + 1)))
        assert blocks.here() == here
    assert whole_blocks(blocks.final, content) == set(range(blocks.count))
    assert read(blocks, 0, 0) == b""
    blocks.finish(blocks.path.stat().st_ino)
    assert blocks.final.read_bytes() == content
    assert not beside(blocks.final)


def test_what_is_here_is_counted_once(tmp_path: pathlib.Path) -> None:
    blocks = begun(tmp_path / "session.nwb", ONE, (0, 2), (1, 3), (1, 2), (5, 6))
    again = PartialFile(blocks.final)
    again.load()
    for found in (blocks, again):
        assert found.here() == 3 * BLOCK + 17
        assert found.missing(range(6)) == [3, 4]


def test_what_is_here_is_not_written_again(tmp_path: pathlib.Path) -> None:
    """It may be hashed already; and what comes over a wire may come wrong."""
    blocks = begun(tmp_path / "session.nwb", ONE, (1, 2), (3, 4))
    wrong = memoryview(bytes(5 * BLOCK))
    PartialFile(blocks.final).load()
    other = PartialFile(blocks.final)
    other.load()
    other.write((0, 5), wrong, ONE)
    assert [read(other, at * BLOCK, (at + 1) * BLOCK) == bytes(BLOCK) for at in range(5)] == [1, 0, 1, 0, 1]
    for block in (1, 3):
        assert read(other, block * BLOCK, (block + 1) * BLOCK) == piece(OBJECTS[ONE], (block, block + 1))


def test_what_was_damaged_is_written_again(tmp_path: pathlib.Path) -> None:
    blocks = begun(tmp_path / "session.nwb", ONE, (0, 3))
    with blocks.path.open("rb+") as file:
        file.seek(BLOCK)
        file.write(b"damage")
    again = PartialFile(blocks.final)
    again.load()
    again.write((0, 3), piece(OBJECTS[ONE], (0, 3)), ONE)
    assert whole_blocks(blocks.final, OBJECTS[ONE]) == {0, 1, 2}


def test_a_bigger_remnant_leaves_nothing_in_a_smaller_file(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "has_sparse_files", lambda folder: False)
    blocks = begun(tmp_path / "session.nwb", ONE, (0, 6))
    parts_of(blocks.final)[1].unlink()
    blocks = begun(tmp_path / "session.nwb", OLD, (0, 3))
    blocks.finish(blocks.path.stat().st_ino)
    assert blocks.final.read_bytes() == OBJECTS[OLD]


def test_another_object_under_the_name(tmp_path: pathlib.Path) -> None:
    """Of what a process still believes to fill, not a byte enters, though the new file has the old one's inode."""
    late = begun(tmp_path / "session.nwb", ONE, (0, 6))
    other = PartialFile(late.final)
    other.load()
    other.discard()
    other.begin(TWO)
    other.write((0, 1), piece(OBJECTS[TWO], (0, 1)), TWO)
    with pytest.raises(FileNotFoundError):
        late.write((1, 3), piece(OBJECTS[ONE], (1, 3)), ONE)
    assert whole_blocks(late.final, OBJECTS[TWO]) == {0}
    with pytest.raises(ChangedFile, match="Open the session again, and it starts anew"):
        late.begin(ONE)


@pytest.mark.parametrize("info", [ONE, TWO])
def test_thrown_away_while_a_process_knows_it(tmp_path: pathlib.Path, info: ObjectInfo) -> None:
    """What was read and checked of the old file is a hole in the new one."""
    knowing = begun(tmp_path / "session.nwb", ONE, (0, 6))
    assert read(knowing, 0, ONE.size) == OBJECTS[ONE]
    other = PartialFile(knowing.final)
    other.discard()
    other.begin(info)
    assert knowing.load() == info
    assert read(knowing, 0, ONE.size) == set(range(6))


def test_another_file_in_its_place(tmp_path: pathlib.Path) -> None:
    """As from a backup that knew no holes."""
    knowing = begun(tmp_path / "session.nwb", ONE, (0, 6))
    assert read(knowing, 0, ONE.size) == OBJECTS[ONE]
    (tmp_path / "backup").write_bytes(bytes(BLOCK) + OBJECTS[ONE][BLOCK:])
    (tmp_path / "backup").replace(knowing.path)
    assert read(knowing, 0, ONE.size) == {0}
    assert read(knowing, BLOCK, ONE.size) == OBJECTS[ONE][BLOCK:]


def in_the_middle(monkeypatch: Any, happening: Callable[[], object]) -> None:
    """Something that happens when a write has made sure that it may, and before it writes."""
    real = module._write_at

    def write_at(*arguments: Any) -> None:
        monkeypatch.setattr(module, "_write_at", real)
        happening()
        real(*arguments)

    monkeypatch.setattr(module, "_write_at", write_at)


@pytest.mark.parametrize("through_itself", [True, False])
@pytest.mark.parametrize("info", [ONE, TWO])
def test_thrown_away_while_a_thread_writes(
    tmp_path: pathlib.Path, monkeypatch: Any, info: ObjectInfo, through_itself: bool
) -> None:
    blocks = begun(tmp_path / "session.nwb", ONE, (0, 1))
    other = blocks if through_itself else PartialFile(blocks.final)

    def begin_anew() -> None:
        other.discard()
        other.begin(info)

    in_the_middle(monkeypatch, begin_anew)
    blocks.write((1, 6), piece(OBJECTS[ONE], (1, 6)), ONE)
    assert (blocks.load(), blocks.here()) == (info, 0)
    assert read(blocks, 0, ONE.size) == set(range(6))
    assert whole_blocks(blocks.final, OBJECTS[info]) == set()


def test_thrown_away_between_a_look_and_a_write(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    """What another has read of the new file stays as it was read."""
    blocks = begun(tmp_path / "session.nwb", ONE, (0, 1))
    other = PartialFile(blocks.final)
    load = PartialFile.load

    def load_then(self: PartialFile) -> ObjectInfo | None:
        found = load(self)
        monkeypatch.setattr(PartialFile, "load", load)
        other.discard()
        other.begin(TWO)
        other.write((1, 2), piece(OBJECTS[TWO], (1, 2)), TWO)
        return found

    monkeypatch.setattr(PartialFile, "load", load_then)
    with pytest.raises(FileNotFoundError):
        blocks.write((1, 2), piece(OBJECTS[ONE], (1, 2)), ONE)
    assert read(other, BLOCK, 2 * BLOCK) == piece(OBJECTS[TWO], (1, 2))


def test_finished_while_a_thread_writes(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    blocks = begun(tmp_path / "session.nwb", ONE, (0, 5))
    other = begun(tmp_path / "session.nwb")

    def finish() -> None:
        other.write((5, 6), piece(OBJECTS[ONE], (5, 6)), ONE)
        other.finish(other.inode)

    in_the_middle(monkeypatch, finish)
    with pytest.raises(FileNotFoundError):
        blocks.write((5, 6), piece(OBJECTS[ONE], (5, 6)), ONE)
    assert blocks.final.read_bytes() == OBJECTS[ONE]
    assert not beside(blocks.final)


def test_only_the_file_that_was_hashed_gets_the_final_name(tmp_path: pathlib.Path) -> None:
    """Where locks do nothing, another may have finished it, and a third have begun anew."""
    blocks = begun(tmp_path / "session.nwb", ONE, (0, 6))
    with opened(blocks.path) as file:
        hashed = os.fstat(file).st_ino
        PartialFile(blocks.final).finish(hashed)
        third = begun(tmp_path / "session.nwb", ONE, (2, 3))
        with pytest.raises(FileNotFoundError):
            blocks.finish(hashed)
    assert blocks.final.read_bytes() == OBJECTS[ONE]
    assert whole_blocks(third.final, OBJECTS[ONE]) == {2}
    with pytest.raises(FileNotFoundError):
        blocks.finish(hashed)
    assert beside(blocks.final) == [path.name for path in parts_of(blocks.final)]


def test_a_disk_without_links(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError("exFAT has none")

    monkeypatch.setattr(os, "link", refuse)
    test_only_the_file_that_was_hashed_gets_the_final_name(tmp_path)


def test_who_brings_it(tmp_path: pathlib.Path) -> None:
    blocks = begun(tmp_path / "session.nwb")
    blocks.sign("the other")
    again = PartialFile(blocks.final)
    again.load()
    assert again.holder == "the other"
    blocks.discard()
    with pytest.raises(FileNotFoundError):
        again.sign("me")
    again.load()
    assert again.holder == ""


def test_many_begin_at_once(tmp_path: pathlib.Path) -> None:
    """Each for itself, as processes do; whoever began first, all agree in the end."""
    for at in range(30):
        final = tmp_path / str(at) / "session.nwb"
        gate = threading.Barrier(8)

        def begin(final: pathlib.Path = final, gate: threading.Barrier = gate) -> PartialFile:
            gate.wait()
            return begun(final)

        with ThreadPoolExecutor(8) as pool:
            several = [future.result() for future in [pool.submit(begin) for _ in range(8)]]
        for blocks in several:
            blocks.load()
            blocks.write((0, 1), piece(OBJECTS[ONE], (0, 1)), ONE)
        assert whole_blocks(final, OBJECTS[ONE]) == {0}


def test_threads_and_processes_at_once(tmp_path: pathlib.Path) -> None:
    """One object, filled and read by many, thrown away now and then."""
    final = tmp_path / "session.nwb"
    shared = begun(final)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        blocks = shared if seed % 2 else PartialFile(final)
        for _ in range(60):
            with suppress(FileNotFoundError, ChangedFile):
                step(rng, blocks)

    def step(rng: random.Random, blocks: PartialFile) -> None:
        blocks.begin(ONE)
        first = rng.randrange(6)
        if rng.random() < 0.05:
            blocks.discard()
        elif rng.random() < 0.5:
            blocks.write((first, first + 1), piece(OBJECTS[ONE], (first, first + 1)), ONE)
        else:
            span = first * BLOCK, min((first + 1) * BLOCK, ONE.size)
            assert read(blocks, *span) in ({first}, OBJECTS[ONE][slice(*span)])

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, seed) for seed in range(8)]:
            future.result()
    whole_blocks(final, OBJECTS[ONE])


def child(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.partial_file_child", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows does not limit the size of files")
def test_a_full_disk(tmp_path: pathlib.Path) -> None:
    said = child("full", tmp_path).splitlines()
    assert [line.split()[0] for line in said] == ["kept", "DiskFull", "kept", "DiskFull", "DiskFull"]
    assert said[1].endswith("its disk is full. What came is kept. Make room, or choose another cache_dir.")
    assert whole_blocks(tmp_path / "session.nwb", made_bytes(8 * BLOCK + 5)) == {0, 1, 3}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other ways to forbid writing")
def test_a_folder_that_may_not_be_written() -> None:
    """What is there can be read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        said = child("forbidden", folder).splitlines()
        assert len(said) == 3, said
        for line in said:
            assert line.startswith("CannotWrite ")
            assert line.endswith(
                "Permission denied. What is cached already can be used; for more choose a cache_dir that you may write to."
            )


@pytest.mark.skipif(os.name == "nt", reason="Windows says that nothing is there")
def test_a_folder_that_is_a_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    blocks = PartialFile(tmp_path / "file" / "session.nwb")
    for attempt in (blocks.load, lambda: blocks.begin(ONE), blocks.make_folder):
        with pytest.raises(
            CannotWrite,
            match=r"cannot be written: (Not a directory|File exists)\. .* choose a cache_dir that you may write to",
        ):
            attempt()
