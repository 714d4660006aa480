"""The record of files whose hash was computed."""

from __future__ import annotations

import os
import pathlib
import pickle

import pytest

from visbehavior.errors import NotFound, UnsupportedFile
from visbehavior.store.verified import FILE_NAME, VerifiedFiles, hash_file

HASH, OTHER = "a" * 128, "b" * 128


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "sub" / "a.nwb"
    path.parent.mkdir()
    path.write_bytes(b"content")
    return path


def test_a_file_is_verified_after_it_was_recorded(tmp_path: pathlib.Path, file: pathlib.Path) -> None:
    verified = VerifiedFiles(tmp_path)
    assert not verified.is_verified(file, HASH)
    verified.record(file, HASH)
    for other in (verified, VerifiedFiles(tmp_path), pickle.loads(pickle.dumps(verified))):
        assert other.is_verified(file, HASH)
        assert not other.is_verified(file, OTHER)
        assert not other.is_verified(file, None)


def test_another_process_sees_the_record(tmp_path: pathlib.Path, file: pathlib.Path) -> None:
    first, second = VerifiedFiles(tmp_path), VerifiedFiles(tmp_path)
    assert not second.is_verified(file, HASH)
    first.record(file, HASH)
    assert second.is_verified(file, HASH)


@pytest.mark.parametrize("change", ["size", "time", "deleted", "folder"])
def test_a_changed_file_is_not_verified(tmp_path: pathlib.Path, file: pathlib.Path, change: str) -> None:
    verified = VerifiedFiles(tmp_path)
    verified.record(file, HASH)
    if change == "size":
        file.write_bytes(b"longer content")
    elif change == "time":
        os.utime(file, ns=(1, 1))
    else:
        file.unlink()
        if change == "folder":
            file.mkdir()
    assert not verified.is_verified(file, HASH)


def test_a_moved_folder_keeps_its_record(tmp_path: pathlib.Path, file: pathlib.Path) -> None:
    VerifiedFiles(tmp_path / "sub").record(file, HASH)
    moved = tmp_path / "moved"
    (tmp_path / "sub").rename(moved)
    assert VerifiedFiles(moved).is_verified(moved / "a.nwb", HASH)


def test_records_can_be_in_another_folder(tmp_path: pathlib.Path, file: pathlib.Path) -> None:
    VerifiedFiles(tmp_path, tmp_path / "records").record(file, HASH)
    assert (tmp_path / "records" / FILE_NAME).exists()
    assert not (tmp_path / FILE_NAME).exists()
    assert VerifiedFiles(tmp_path, tmp_path / "records").is_verified(file, HASH)


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"00000000 {}\n", b"[" * 10_000 + b"\n"])
def test_a_damaged_record_verifies_nothing(tmp_path: pathlib.Path, file: pathlib.Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    verified = VerifiedFiles(tmp_path)
    assert not verified.is_verified(file, HASH)
    verified.record(file, HASH)
    assert VerifiedFiles(tmp_path).is_verified(file, HASH)


def test_what_cannot_be_hashed_is_an_error_and_never_waits(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        hash_file(tmp_path / "none")
    with pytest.raises(UnsupportedFile, match="is a folder or a device"):
        hash_file(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UnsupportedFile, match="is a folder or a device"):
            hash_file(tmp_path / "pipe")
