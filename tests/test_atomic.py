"""Files that appear under their name only when complete."""

from __future__ import annotations

import pathlib

import pytest

from visbehavior import CannotWrite
from visbehavior.atomic import atomic_write


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
