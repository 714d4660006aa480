"""The door to optional libraries, and files that are whole or not there."""

from __future__ import annotations

import pathlib
import sys

import pytest

from visbehavior import BehaviorSession, CannotWrite, MissingExtra, write_nwb
from visbehavior.atomic import atomic_write
from visbehavior.extras import import_extra


@pytest.mark.parametrize(("module", "extra"), [("pynwb", "nwb"), ("matplotlib.figure", "plots")])
def test_a_missing_library_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module.split(".")[0], None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf'pip install "visbehavior\[{extra}\]"') as caught:
        import_extra(module)
    assert isinstance(caught.value, ImportError)


def test_writing_without_pynwb(
    monkeypatch: pytest.MonkeyPatch, newer_file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(MissingExtra):
        write_nwb(BehaviorSession.from_nwb_path(newer_file), tmp_path / "s.nwb")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_whole_replaces_the_older(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("older")
    with atomic_write(target) as part:
        part.write_text("newer")
        assert target.read_text() == "older"
    assert target.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_the_older_file(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "x.txt"
    target.write_text("older")

    def write_half() -> None:
        with atomic_write(target) as part:
            part.write_text("half")
            raise OSError("broken")

    with pytest.raises(CannotWrite, match=r"cannot be written: broken\. Nothing was left"):
        write_half()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]


def test_a_folder_for_a_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CannotWrite, match=r"is a folder\. Name a file"), atomic_write(tmp_path):
        pass
