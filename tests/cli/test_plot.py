"""``visbehavior plot``."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests.cli.command import Invoke, run
from tests.imagingfiles import make_plane, write_plane
from tests.nwbfiles import write_session
from tests.project.synthetic_release import FILES, PROJECT, make_bucket_tree
from tests.synthetic_session import make_session
from visbehavior.cli.plot_kinds import BEHAVIOR_KINDS

PNG = b"\x89PNG"


def test_default_name_has_the_id_and_the_time_range(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = run("plot", newer_file, "--start", 60, "--stop", 90, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    path = tmp_path / "behavior_session_990200001_60-90s.png"
    assert done.stderr == f"Wrote the timeline of session 990200001, 60 to 90 s: {path}\n"
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
    status, out, err = invoke("plot", pickle_and_json[which], "--start", 20, "--stop", 50, "-o", figure)
    assert (status, out) == (0, "")
    assert re.fullmatch(rf"Wrote the timeline of session \d+, 20 to 50 s: {re.escape(str(figure))}\n", err)
    assert figure.read_bytes().startswith(PNG)


def test_long_range_is_an_overview(invoke: Invoke, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_session(tmp_path / "session.nwb", make_session(seed=3, trials=60))
    status, out, err = invoke("plot", path)
    figure = tmp_path / "behavior_session_990200001_0-372s.png"
    assert (status, out, err) == (0, "", f"Wrote the overview of session 990200001, 0 to 372 s: {figure}\n")
    assert figure.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--kind", "plane"), "maximum projection of imaging plane 990000001 with 4 cells"),
        (("--kind", "traces", "--start", 6, "--stop", 9), "traces of imaging plane 990000001, 6 to 9 s"),
        (("--kind", "population"), "population of imaging plane 990000001, 5 to 11 s"),
    ],
)
def test_file_of_an_imaging_plane(
    invoke: Invoke, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = invoke("plot", write_plane(tmp_path / "plane.nwb", make_plane()), *options)
    figure = tmp_path / f"imaging_plane_990000001_{options[1]}.png"
    assert (status, out, err) == (0, "", f"Wrote the {what}: {figure}\n")
    assert figure.read_bytes().startswith(PNG)


def test_id_of_an_imaging_plane(invoke: Invoke, tmp_path: pathlib.Path) -> None:
    bucket = make_bucket_tree(tmp_path)
    plane = write_plane(tmp_path / "plane.nwb", make_plane())
    (bucket / PROJECT / FILES["1"][0]).write_bytes(plane.read_bytes())
    options = ["--bucket", bucket, "--cache-dir", tmp_path / "cache", "-o", tmp_path / "plane.png"]
    status, _, err = invoke("plot", 22, "--kind", "plane", *options)
    assert (status, err.splitlines()[-1].startswith("Wrote the maximum projection of imaging plane")) == (0, True), err
    status, _, err = invoke("plot", 12, "--kind", "plane", *options)
    assert status == 1
    assert "is a behavior_session_id, of imaging planes 21, 22" in err


def test_file_without_imaging_is_explained(invoke: Invoke, newer_file: pathlib.Path) -> None:
    status, out, err = invoke("plot", newer_file, "--kind", "traces")
    assert (status, out) == (1, "")
    assert "is the file of a behavior session; expected that of an imaging plane" in err


def test_times_of_a_plane_are_refused(invoke: Invoke, newer_file: pathlib.Path) -> None:
    status, out, err = invoke("plot", newer_file, "--kind", "plane", "--start", 3)
    assert (status, out) == (2, "")
    assert "--kind plane plots the whole session. Remove --start and --stop." in err


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
