"""Saving figures."""

from __future__ import annotations

import pathlib

import pytest

from visbehavior import BadValue
from visbehavior.plots.figure import new_figure, save_figure


def test_figure_is_saved_in_the_format_of_its_extension(tmp_path: pathlib.Path) -> None:
    figure, _ = new_figure(2, 1)
    path = save_figure(figure, tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_unsupported_extension_writes_nothing(tmp_path: pathlib.Path) -> None:
    figure, _ = new_figure(2, 1)
    with pytest.raises(BadValue, match=r"has the file extension '\.doc'; expected one of .*\.png"):
        save_figure(figure, tmp_path / "a.doc")
    assert list(tmp_path.iterdir()) == []
