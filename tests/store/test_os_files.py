"""Operating system calls on files."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest

from tests.store.objects import opened
from visbehavior.store import os_files as module
from visbehavior.store.os_files import (
    allocated_bytes,
    inode_of,
    mark_sparse,
    open_binary,
    read_at,
    read_from,
    read_some,
    size_and_mtime,
    supports_sparse_files,
    write_all,
    write_at,
)

CONTENT = bytes(range(200)) * 50


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(params=[True, False], ids=["at an offset", "after seek"])
def _with_and_without_offsets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no calls that read and write at an offset."""
    if not request.param:
        for name in ("pread", "preadv", "pwrite"):
            monkeypatch.delattr(os, name, raising=False)


@pytest.mark.usefixtures("_with_and_without_offsets")
@pytest.mark.parametrize(("start", "stop"), [(0, len(CONTENT)), (7, 4001), (5, 5), (len(CONTENT) - 1, len(CONTENT))])
def test_read_at_returns_the_bytes_from_an_offset(path: pathlib.Path, start: int, stop: int) -> None:
    content = bytearray(stop - start)
    with opened(path) as file:
        read_at(file, start, memoryview(content))
    assert content == CONTENT[start:stop]


@pytest.mark.usefixtures("_with_and_without_offsets")
@pytest.mark.parametrize("start", [len(CONTENT) - 1, len(CONTENT), len(CONTENT) + 9])
def test_read_at_raises_after_the_end(path: pathlib.Path, start: int) -> None:
    with opened(path) as file, pytest.raises(EOFError):
        read_at(file, start, memoryview(bytearray(2)))


@pytest.mark.usefixtures("_with_and_without_offsets")
@pytest.mark.parametrize("size", [1, 7, 4096, len(CONTENT), 2 * len(CONTENT)])
def test_read_some_and_read_from_return_bytes_from_an_offset(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "_READ_SIZE", size)
    with opened(path) as file:
        for start in (0, 7, len(CONTENT) - 1, len(CONTENT), len(CONTENT) + 9):
            assert read_some(file, start, size) == CONTENT[start : start + size]
            assert read_from(file, start) == CONTENT[start:]


@pytest.mark.usefixtures("_with_and_without_offsets")
def test_write_at_replaces_the_bytes_at_an_offset(path: pathlib.Path) -> None:
    file = open_binary(path, os.O_RDWR)
    write_at(file, 3, memoryview(b"\r\n\x1a"))
    write_at(file, len(CONTENT), memoryview(b"end"))
    os.close(file)
    assert path.read_bytes() == CONTENT[:3] + b"\r\n\x1a" + CONTENT[6:] + b"end"


def test_write_all_continues_after_incomplete_writes(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda file, content: write(file, content[:7]))
    file = open_binary(path, os.O_WRONLY | os.O_TRUNC)
    write_all(file, CONTENT)
    os.close(file)
    assert path.read_bytes() == CONTENT


@pytest.mark.skipif(not hasattr(os, "pwrite"), reason="Windows writes after a seek")
def test_write_at_continues_after_incomplete_writes(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(module.os, "pwrite", lambda file, content, start: pwrite(file, content[:7], start))
    file = open_binary(path, os.O_RDWR)
    write_at(file, 3, memoryview(CONTENT))
    os.close(file)
    assert path.read_bytes() == CONTENT[:3] + CONTENT


def test_size_and_mtime_change_when_a_file_is_written(path: pathlib.Path) -> None:
    before = size_and_mtime(path)
    assert before[0] == len(CONTENT)
    os.utime(path, ns=(0, 1_234_567_890))
    assert size_and_mtime(path) == (len(CONTENT), 1_234_567_890)
    with pytest.raises(FileNotFoundError):
        size_and_mtime(path.with_name("none"))


def test_inode_of_a_path_and_of_its_open_file_are_equal(path: pathlib.Path) -> None:
    with opened(path) as file:
        assert inode_of(file) == inode_of(path) == path.stat().st_ino


def test_holes_of_sparse_files_are_not_allocated(tmp_path: pathlib.Path) -> None:
    if not supports_sparse_files(tmp_path):
        pytest.skip("the temporary folder does not support sparse files")
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        assert mark_sparse(file.fileno())
        file.truncate(8 << 20)
    allocated = allocated_bytes(path)
    assert allocated is None or allocated < 8 << 20
    assert [item.name for item in tmp_path.iterdir()] == ["sparse.bin"]


def test_no_sparse_files_where_holes_are_allocated(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "allocated_bytes", lambda path: path.stat().st_size)
    assert not supports_sparse_files(tmp_path)


def test_no_sparse_files_where_the_probe_fails(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> bool:
        raise OSError("not supported")

    monkeypatch.setattr(module, "mark_sparse", fail)
    assert not supports_sparse_files(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_success_of_the_probe_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe also fails if the disk is full."""
    with monkeypatch.context() as patched:
        patched.setattr(module, "mark_sparse", lambda file: False)
        assert not supports_sparse_files(tmp_path)
    if not supports_sparse_files(tmp_path):
        pytest.skip("the temporary folder does not support sparse files")
    monkeypatch.setattr(module, "mark_sparse", lambda file: False)
    assert supports_sparse_files(tmp_path)
