"""``visbehavior plot``."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import Invoke, run
from visbehavior.cli.plot_kinds import BEHAVIOR_KINDS

PNG = b"\x89PNG"


def test_default_name_has_the_id_and_the_time_range(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = run("plot", newer_file, "--start", 60, "--stop", 90, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    path = tmp_path / "behavior_session_990200001_60-90s.png"
    assert done.stderr == f"Wrote {path}\n"
    assert path.read_bytes().startswith(PNG)


@pytest.mark.usefixtures("public_data")
def test_id(tmp_path: pathlib.Path) -> None:
    done = run("plot", 837658854, "--start", 20, "--stop", 50)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "behavior_session_837658854_20-50s.png").exists()


@pytest.mark.parametrize("which", [0, 1], ids=["pickle", "json"])
def test_pickle_and_json(
    invoke: Invoke, pickle_and_json: list[pathlib.Path], tmp_path: pathlib.Path, which: int
) -> None:
    figure = tmp_path / "timeline.png"
    done = invoke("plot", pickle_and_json[which], "--start", 20, "--stop", 50, "-o", figure)
    assert done == (0, "", f"Wrote {figure}\n")
    assert figure.read_bytes().startswith(PNG)


@pytest.mark.parametrize("kind", BEHAVIOR_KINDS)
def test_other_kinds(invoke: Invoke, pickle_and_json: list[pathlib.Path], tmp_path: pathlib.Path, kind: str) -> None:
    figure = tmp_path / "figure.png"
    status, out, err = invoke("plot", pickle_and_json[0], "--kind", kind, "-o", figure)
    assert (status, out) == (0, "")
    assert err.startswith("Wrote the ")
    assert err.endswith(f": {figure}\n")
    assert figure.read_bytes().startswith(PNG)


def test_time_range_of_another_kind_is_reported(invoke: Invoke, newer_file: pathlib.Path) -> None:
    status, _, err = invoke("plot", newer_file, "--kind", "raster", "--start", 5)
    assert status == 2
    assert "--kind raster plots the whole session" in err


def test_unreadable_file_is_named(invoke: Invoke, unreadable_file: pathlib.Path) -> None:
    status, out, err = invoke("plot", unreadable_file)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert unreadable_file.name in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--start", 9000, "--stop", 9100), "is outside the session"),
        (("-o", "no/such/folder/x.png"), "There is no folder"),
        (("-o", "x.doc"), "has the file extension '.doc'"),
    ],
)
def test_wrong_options_write_nothing(
    newer_file: pathlib.Path, tmp_path: pathlib.Path, arguments: tuple[object, ...], message: str
) -> None:
    done = run("plot", newer_file, *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
