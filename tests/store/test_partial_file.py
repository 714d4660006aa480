"""Partial files: bytes that they return are right, and all other blocks are missing."""

from __future__ import annotations

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.store.objects import files_beside, opened, partial_and_journal, random_bytes
from tests.store.partial_files import OBJECTS, OLD, ONE, TWO, cached_blocks, created, part_of, read, write
from visbehavior.errors import CannotWrite, ChangedFile
from visbehavior.store import partial_file as module
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.source import ObjectInfo


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_objects_of_any_size(tmp_path: pathlib.Path, size: int) -> None:
    info, content = ObjectInfo(size, '"odd"', None), random_bytes(size)
    partial = PartialFile(tmp_path / "session.nwb")
    assert (partial.load(), partial.cached_bytes()) == (None, 0)
    partial.create(info)
    assert (partial.block_count, partial.cached_bytes()) == (-(-size // BLOCK), 0)
    cached = 0
    for block in reversed(range(partial.block_count)):
        part = part_of(content, (block, block + 1))
        write(partial, (block, block + 1), part, info)
        cached += len(part)
        assert partial.cached_bytes() == cached
    assert cached_blocks(partial.final, content) == set(range(partial.block_count))
    assert read(partial, 0, 0) == b""
    partial.finish(partial.path.stat().st_ino)
    assert partial.final.read_bytes() == content
    assert not files_beside(partial.final)


def test_block_count_of_a_deleted_partial_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        _ = PartialFile(tmp_path / "session.nwb").block_count


def test_cached_blocks_are_counted_once(tmp_path: pathlib.Path) -> None:
    partial = created(tmp_path / "session.nwb", ONE, (0, 2), (1, 3), (1, 2), (5, 6))
    again = PartialFile(partial.final)
    again.load()
    for instance in (partial, again):
        assert instance.cached_bytes() == 3 * BLOCK + 17
        assert instance.missing(range(6)) == [3, 4]


def test_cached_blocks_are_not_rewritten(tmp_path: pathlib.Path) -> None:
    """They may be hashed already, and downloaded bytes may be wrong."""
    partial = created(tmp_path / "session.nwb", ONE, (1, 2), (3, 4))
    wrong = memoryview(bytes(5 * BLOCK))
    PartialFile(partial.final).load()
    other = PartialFile(partial.final)
    other.load()
    write(other, (0, 5), wrong, ONE)
    is_wrong = [read(other, block * BLOCK, (block + 1) * BLOCK) == bytes(BLOCK) for block in range(5)]
    assert is_wrong == [True, False, True, False, True]
    for block in (1, 3):
        assert read(other, block * BLOCK, (block + 1) * BLOCK) == part_of(OBJECTS[ONE], (block, block + 1))


def test_damaged_blocks_are_rewritten(tmp_path: pathlib.Path) -> None:
    partial = created(tmp_path / "session.nwb", ONE, (0, 3))
    with partial.path.open("rb+") as file:
        file.seek(BLOCK)
        file.write(b"damage")
    again = PartialFile(partial.final)
    again.load()
    write(again, (0, 3), part_of(OBJECTS[ONE], (0, 3)), ONE)
    assert cached_blocks(partial.final, OBJECTS[ONE]) == {0, 1, 2}


def test_a_file_without_journal_is_not_reused(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    """A smaller object must not end with the bytes of a larger one."""
    monkeypatch.setattr(module, "supports_sparse_files", lambda folder: False)
    partial = created(tmp_path / "session.nwb", ONE, (0, 6))
    partial_and_journal(partial.final)[1].unlink()
    partial = created(tmp_path / "session.nwb", OLD, (0, 3))
    partial.finish(partial.path.stat().st_ino)
    assert partial.final.read_bytes() == OBJECTS[OLD]


def test_blocks_of_a_replaced_object_are_not_written(tmp_path: pathlib.Path) -> None:
    """The process that writes them has not noticed the new file, which may even have the old one's inode."""
    late = created(tmp_path / "session.nwb", ONE, (0, 6))
    other = PartialFile(late.final)
    other.load()
    other.discard()
    other.create(TWO)
    write(other, (0, 1), part_of(OBJECTS[TWO], (0, 1)), TWO)
    with pytest.raises(FileNotFoundError):
        write(late, (1, 3), part_of(OBJECTS[ONE], (1, 3)), ONE)
    assert cached_blocks(late.final, OBJECTS[TWO]) == {0}
    with pytest.raises(ChangedFile, match="Open the session again to restart the download"):
        late.create(ONE)


@pytest.mark.parametrize("info", [ONE, TWO])
def test_checked_blocks_of_a_discarded_file_are_missing(tmp_path: pathlib.Path, info: ObjectInfo) -> None:
    reader = created(tmp_path / "session.nwb", ONE, (0, 6))
    assert read(reader, 0, ONE.size) == OBJECTS[ONE]
    other = PartialFile(reader.final)
    other.discard()
    other.create(info)
    assert reader.load() == info
    assert read(reader, 0, ONE.size) == set(range(6))


def test_checked_blocks_of_an_exchanged_file_are_checked_again(tmp_path: pathlib.Path) -> None:
    """A backup program may restore the file without its holes."""
    reader = created(tmp_path / "session.nwb", ONE, (0, 6))
    assert read(reader, 0, ONE.size) == OBJECTS[ONE]
    (tmp_path / "backup").write_bytes(bytes(BLOCK) + OBJECTS[ONE][BLOCK:])
    (tmp_path / "backup").replace(reader.path)
    assert read(reader, 0, ONE.size) == {0}
    assert read(reader, BLOCK, ONE.size) == OBJECTS[ONE][BLOCK:]


def call_before_next_write(monkeypatch: Any, function: Callable[[], object]) -> None:
    """Call a function after `PartialFile.write` checked the file and before it writes."""
    write_at = module.write_at

    def call_and_write(*arguments: Any) -> None:
        monkeypatch.setattr(module, "write_at", write_at)
        function()
        write_at(*arguments)

    monkeypatch.setattr(module, "write_at", call_and_write)


@pytest.mark.parametrize("by_same_instance", [True, False])
@pytest.mark.parametrize("info", [ONE, TWO])
def test_a_file_restarted_during_a_write_gets_no_old_blocks(
    tmp_path: pathlib.Path, monkeypatch: Any, info: ObjectInfo, by_same_instance: bool
) -> None:
    partial = created(tmp_path / "session.nwb", ONE, (0, 1))
    other = partial if by_same_instance else PartialFile(partial.final)

    def restart() -> None:
        other.discard()
        other.create(info)

    call_before_next_write(monkeypatch, restart)
    with pytest.raises(FileNotFoundError):
        write(partial, (1, 6), part_of(OBJECTS[ONE], (1, 6)), ONE)
    assert (partial.load(), partial.cached_bytes()) == (info, 0)
    assert read(partial, 0, ONE.size) == set(range(6))
    assert cached_blocks(partial.final, OBJECTS[info]) == set()


def test_a_file_restarted_between_load_and_write_gets_no_old_blocks(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    partial = created(tmp_path / "session.nwb", ONE, (0, 1))
    other = PartialFile(partial.final)
    load = PartialFile.load

    def load_and_restart(self: PartialFile, *files: Any) -> ObjectInfo | None:
        info = load(self, *files)
        monkeypatch.setattr(PartialFile, "load", load)
        other.discard()
        other.create(TWO)
        write(other, (1, 2), part_of(OBJECTS[TWO], (1, 2)), TWO)
        return info

    monkeypatch.setattr(PartialFile, "load", load_and_restart)
    with pytest.raises(FileNotFoundError):
        write(partial, (1, 2), part_of(OBJECTS[ONE], (1, 2)), ONE)
    assert read(other, BLOCK, 2 * BLOCK) == part_of(OBJECTS[TWO], (1, 2))


def test_a_file_finished_during_a_write_stays_complete(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    partial = created(tmp_path / "session.nwb", ONE, (0, 5))
    other = created(tmp_path / "session.nwb")

    def finish() -> None:
        write(other, (5, 6), part_of(OBJECTS[ONE], (5, 6)), ONE)
        other.finish(other.inode)

    call_before_next_write(monkeypatch, finish)
    with pytest.raises(FileNotFoundError):
        write(partial, (5, 6), part_of(OBJECTS[ONE], (5, 6)), ONE)
    assert partial.final.read_bytes() == OBJECTS[ONE]
    assert not files_beside(partial.final)


def test_finish_renames_only_the_file_that_was_hashed(tmp_path: pathlib.Path) -> None:
    """Without effective locks another process may have finished it, and a third one restarted it."""
    partial = created(tmp_path / "session.nwb", ONE, (0, 6))
    with opened(partial.path) as file:
        hashed = os.fstat(file).st_ino
        PartialFile(partial.final).finish(hashed)
        third = created(tmp_path / "session.nwb", ONE, (2, 3))
        with pytest.raises(FileNotFoundError):
            partial.finish(hashed)
    assert partial.final.read_bytes() == OBJECTS[ONE]
    assert cached_blocks(third.final, OBJECTS[ONE]) == {2}
    with pytest.raises(FileNotFoundError):
        partial.finish(hashed)
    assert files_beside(partial.final) == [path.name for path in partial_and_journal(partial.final)]


def test_finish_without_hard_links(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    def raise_permission_error(*_: Any) -> None:
        raise PermissionError("exFAT has no hard links")

    monkeypatch.setattr(os, "link", raise_permission_error)
    test_finish_renames_only_the_file_that_was_hashed(tmp_path)


def test_other_processes_read_who_downloads_the_file(tmp_path: pathlib.Path) -> None:
    partial = created(tmp_path / "session.nwb")
    partial.record_downloader("the other")
    again = PartialFile(partial.final)
    again.load()
    assert again.downloader == "the other"
    partial.discard()
    with pytest.raises(FileNotFoundError):
        again.record_downloader("me")
    again.load()
    assert again.downloader == ""


def test_simultaneous_creations_agree(tmp_path: pathlib.Path) -> None:
    for attempt in range(30):
        final = tmp_path / str(attempt) / "session.nwb"
        barrier = threading.Barrier(8)

        def create(final: pathlib.Path = final, barrier: threading.Barrier = barrier) -> PartialFile:
            barrier.wait()
            return created(final)

        with ThreadPoolExecutor(8) as pool:
            instances = [future.result() for future in [pool.submit(create) for _ in range(8)]]
        for partial in instances:
            partial.load()
            write(partial, (0, 1), part_of(OBJECTS[ONE], (0, 1)), ONE)
        assert cached_blocks(final, OBJECTS[ONE]) == {0}


def test_simultaneous_reads_writes_and_discards(tmp_path: pathlib.Path) -> None:
    """By threads that share an instance, and by others that do not."""
    final = tmp_path / "session.nwb"
    shared = created(final)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        partial = shared if seed % 2 else PartialFile(final)
        for _ in range(60):
            with suppress(FileNotFoundError, ChangedFile):
                step(rng, partial)

    def step(rng: random.Random, partial: PartialFile) -> None:
        partial.create(ONE)
        first = rng.randrange(6)
        if rng.random() < 0.05:
            partial.discard()
        elif rng.random() < 0.5:
            write(partial, (first, first + 1), part_of(OBJECTS[ONE], (first, first + 1)), ONE)
        else:
            span = first * BLOCK, min((first + 1) * BLOCK, ONE.size)
            assert read(partial, *span) in ({first}, OBJECTS[ONE][slice(*span)])

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, seed) for seed in range(8)]:
            future.result()
    cached_blocks(final, OBJECTS[ONE])


def child_output(*arguments: object) -> list[str]:
    """Lines printed by a child process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.partial_file_child", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not limit the size of files")
def test_a_full_disk_raises_and_keeps_the_cached_blocks(tmp_path: pathlib.Path) -> None:
    lines = child_output("full", tmp_path)
    assert [line.split()[0] for line in lines] == ["written", "DiskFull", "written", "DiskFull", "DiskFull"]
    assert lines[1].endswith(
        "its disk is full. Downloaded bytes are kept. Free some space or choose another cache_dir."
    )
    assert cached_blocks(tmp_path / "session.nwb", random_bytes(8 * BLOCK + 5)) == {0, 1, 3}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_read_only_folder_can_be_read_but_not_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        lines = child_output("forbidden", folder)
        assert len(lines) == 3, lines
        for line in lines:
            assert line.startswith("CannotWrite ")
            assert line.endswith(
                "Permission denied. Cached data can be read; to download more, choose a cache_dir with write permission."
            )


@pytest.mark.skipif(os.name == "nt", reason="Windows reports that the file does not exist")
def test_a_folder_that_is_a_file_cannot_be_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    partial = PartialFile(tmp_path / "file" / "session.nwb")
    for attempt in (partial.load, lambda: partial.create(ONE), partial.make_folder):
        with pytest.raises(
            CannotWrite,
            match=r"cannot be written: (Not a directory|File exists)\. .* choose a cache_dir with write permission",
        ):
            attempt()
