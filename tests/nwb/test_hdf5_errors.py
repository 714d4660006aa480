"""Mapping of h5py's exceptions."""

from __future__ import annotations

import pathlib

import pytest

from visbehavior.errors import BadValue, CorruptFile, NotFound
from visbehavior.nwb.hdf5_errors import H5PY_ERRORS, damage, hdf5_errors
from visbehavior.store.not_here import NotHere


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    (tmp_path / "s.nwb").touch()
    return str(tmp_path / "s.nwb")


@pytest.mark.parametrize("error_class", H5PY_ERRORS)
def test_exceptions_of_h5py_become_corrupt_file(path: str, error_class: type[Exception]) -> None:
    with (
        pytest.raises(
            CorruptFile, match=r"is damaged: /a/b cannot be read \(.*addr overflow.*\)\. Download or copy"
        ) as caught,
        hdf5_errors(path, "/a/b"),
    ):
        raise error_class("addr overflow")
    assert (caught.value.path, caught.value.name) == (path, "/a/b")
    assert type(caught.value.__cause__) is error_class


@pytest.mark.parametrize("error", [BadValue("wrong."), CorruptFile("short."), NotHere(), KeyboardInterrupt()])
def test_other_exceptions_pass(path: str, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, hdf5_errors(path, "/a/b"):
        raise error
    assert caught.value is error


def test_deleted_file_is_not_found(tmp_path: pathlib.Path) -> None:
    error = damage(str(tmp_path / "gone.nwb"), "/a", OSError("read failed"))
    assert isinstance(error, NotFound)
    assert str(error) == f"{tmp_path / 'gone.nwb'} no longer exists. Restore it, or open another file."


def test_damage_of_a_remote_file_is_corrupt_file() -> None:
    error = damage("s3://bucket/s.nwb", "/a", OSError("read failed"))
    assert isinstance(error, CorruptFile)
    assert str(error).startswith("s3://bucket/s.nwb is damaged: /a cannot be read (read failed). Download")


def test_truncated_file_has_both_sizes(path: str) -> None:
    text = "Unable to open file (truncated file: eof = 96, sblock->base_addr = 0, stored_eof = 2048)"
    error = damage(path, "the file", OSError(text))
    assert isinstance(error, CorruptFile)
    assert (error.size, error.expected_size) == (96, 2048)
    assert str(error).startswith(f"{path} is truncated: it has 96 of 2048 bytes. A download may have been interrupted.")


def test_long_messages_are_shortened_to_one_line(path: str) -> None:
    message = str(damage(path, "/a", RuntimeError("many\n  lines " * 100)))
    assert "\n" not in message
    assert len(message) < len(path) + 400


def test_error_without_a_message_is_described_by_its_class(path: str) -> None:
    assert "/a cannot be read (MemoryError)." in str(damage(path, "/a", MemoryError()))
