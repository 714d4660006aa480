"""Files that appear under their name only when complete."""

from __future__ import annotations

import errno
import os
import pathlib
import threading
import time

import pytest

from visbehavior import CannotWrite
from visbehavior.atomic import atomic_write, flush_meanwhile

on_posix = pytest.mark.skipif(os.name == "nt", reason="Windows flushes at the end only")


def test_a_complete_file_replaces_the_older_one(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("older")
    with atomic_write(target) as temporary:
        temporary.write_text("newer")
        assert target.read_text() == "older"
    assert target.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_older_file(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("older")

    def write_half() -> None:
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise OSError("broken")

    with pytest.raises(CannotWrite, match=r"cannot be written: broken\. No incomplete file is left"):
        write_half()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]


def test_a_folder_is_not_replaced(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CannotWrite, match=r"is a folder\. Give the path of a file"), atomic_write(tmp_path):
        pass


def wait_for(event: threading.Event) -> None:
    assert event.wait(60)


@on_posix
def test_a_file_is_flushed_while_it_is_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed, fsync = threading.Event(), os.fsync

    def note(file: int) -> None:
        fsync(file)
        flushed.set()

    monkeypatch.setattr(os, "fsync", note)
    path, threads = tmp_path / "x.bin", set(threading.enumerate())
    with open(path, "wb") as file, flush_meanwhile(path):
        file.write(b"one")
        wait_for(flushed)
        file.write(b"two")
    assert path.read_bytes() == b"onetwo"
    # Threads of other tests may end meanwhile.
    assert set(threading.enumerate()) <= threads


@on_posix
def test_an_error_of_the_disk_during_the_block_is_raised_at_its_end(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, fsync = threading.Event(), os.fsync

    def fail_once(file: int) -> None:
        if failed.is_set():
            fsync(file)
            return
        failed.set()
        raise OSError(errno.EIO, "Input/output error")

    def write() -> None:
        with atomic_write(tmp_path / "x.bin") as part:
            part.write_bytes(b"one")
            with flush_meanwhile(part):
                wait_for(failed)

    monkeypatch.setattr(os, "fsync", fail_once)
    with pytest.raises(CannotWrite, match="Input/output error"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_block_ends_the_flushing(tmp_path: pathlib.Path) -> None:
    path, threads = tmp_path / "x.bin", set(threading.enumerate())
    path.write_bytes(b"one")

    def fail() -> None:
        with flush_meanwhile(path):
            time.sleep(0.05)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    # Threads of other tests may end meanwhile.
    assert set(threading.enumerate()) <= threads
