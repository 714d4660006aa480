from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import Invoke

pytestmark = pytest.mark.usefixtures("public_data")


def test_the_curve_of_a_mouse_is_plotted(invoke: Invoke, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "curve.png"
    status, out, err = invoke("learning-curve", "--mouse", 445002, "--by", "session", "-o", path, "--format", "csv")
    assert (status, err) == (0, f"Wrote {path}\n")
    assert out.splitlines()[0] == "session,mean,low,high,mice"
    assert len(out.splitlines()) == 4
    assert path.stat().st_size > 1000


def test_a_store_gives_the_same_curve(invoke: Invoke, tmp_path: pathlib.Path) -> None:
    invoke("cohort", "build", tmp_path / "store", "--mouse", 445002, "--tables", "licks")
    options = ["--by", "stage", "-o", tmp_path / "x.png", "--format", "csv"]
    from_store = invoke("learning-curve", "--store", tmp_path / "store", *options)
    assert from_store == invoke("learning-curve", "--mouse", 445002, *options)


def test_unknown_mice_and_lines_are_reported(invoke: Invoke) -> None:
    status, _, err = invoke("learning-curve", "--mouse", "nothing")
    assert status == 1
    assert "The Cre lines are: " in err
    # The synthetic release has no Cre lines.
    assert "has no column cre_line" in invoke("learning-curve", "--cre", "nothing")[2]
    assert invoke("learning-curve")[0] == 2
