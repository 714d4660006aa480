"""The command, run as a user runs it: data on stdout, words on stderr."""

from __future__ import annotations

import csv
import io
import json
import pathlib
import subprocess
import sys

import pytest

from tests.nwbfiles import Made, make_session, write_session
from visbehavior import BehaviorSession
from visbehavior._version import __version__
from visbehavior.cli.main import main


def run(*arguments: object, cwd: pathlib.Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visbehavior", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    folder = tmp_path_factory.mktemp("cli")
    return [
        write_session(folder / f"{i}.nwb", make_session(i).but(behavior_session_id=990200000 + i)) for i in range(3)
    ]


def test_show(newer_file: pathlib.Path) -> None:
    done = run("show", newer_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == BehaviorSession.from_nwb_path(newer_file).describe() + "\n"
    assert "\x1b" not in done.stdout


def test_performance_as_csv_has_all_digits(files: list[pathlib.Path]) -> None:
    done = run("performance", *files, "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["behavior_session_id"] for row in rows] == ["990200000", "990200001", "990200002"]
    for row, path in zip(rows, files, strict=True):
        metrics = BehaviorSession.from_nwb_path(path).get_performance_metrics()
        assert list(row)[-len(metrics) :] == list(metrics)
        assert float(row["mean_hit_rate"]) == metrics["mean_hit_rate"]


def test_performance_as_json_has_null_for_nan(tmp_path: pathlib.Path, files: list[pathlib.Path]) -> None:
    none = write_session(tmp_path / "s.nwb", make_session(outcomes="A"))
    done = run("performance", files[0], none, "--format", "json")
    first, last = json.loads(done.stdout)
    assert first["mouse_id"] == "457841"
    assert first["max_dprime"] == BehaviorSession.from_nwb_path(files[0]).get_performance_metrics()["max_dprime"]
    assert last["max_dprime"] is None


def test_performance_as_a_table_has_one_line_a_session(files: list[pathlib.Path]) -> None:
    lines = run("performance", *files).stdout.splitlines()
    assert len(lines) == 2 + 3
    assert "max_dprime_engaged" in lines[0]


def test_several_processes_give_the_same_in_the_same_order(files: list[pathlib.Path]) -> None:
    one, two = (run("performance", *files, *files, "--format", "csv", "--jobs", jobs).stdout for jobs in (1, 2))
    assert one == two


def test_the_engaged_threshold_is_heeded(files: list[pathlib.Path]) -> None:
    done = run("performance", files[0], "--engaged-threshold", 0.5, "--format", "json")
    expected = BehaviorSession.from_nwb_path(files[0]).get_performance_metrics(0.5)["engaged_trial_count"]
    assert json.loads(done.stdout)[0]["engaged_trial_count"] == expected


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_file_does_not_stop_the_others(tmp_path: pathlib.Path, files: list[pathlib.Path], jobs: int) -> None:
    (tmp_path / "bad.nwb").write_bytes(files[0].read_bytes()[:5000])
    done = run("performance", files[0], tmp_path / "bad.nwb", files[1], "--format", "csv", "--jobs", jobs)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    first, last = done.stderr.splitlines()
    assert first.startswith(f"Error: {tmp_path / 'bad.nwb'} is cut short")
    assert last == "1 of 3 sessions could not be read."


def test_an_error_is_one_line(tmp_path: pathlib.Path) -> None:
    done = run("show", tmp_path / "none.nwb")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: There is no file ")
    assert len(done.stderr.splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path: pathlib.Path) -> None:
    done = run("show", "--debug", tmp_path / "none.nwb")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "NotFound" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("performance",), ("nonsense",), ("performance", "x.nwb", "--format", "xml"), ("show", "a", "b")],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: visbehavior")


def test_an_unknown_convention(newer_file: pathlib.Path) -> None:
    done = run("show", newer_file, "--allensdk-version", "2.9")
    assert done.returncode == 2
    assert "expected '2.16'" in done.stderr


@pytest.mark.parametrize("name", sorted(main.commands))
def test_each_command_has_help_with_an_example_and_a_place_in_the_readme(name: str) -> None:
    done = run(name, "-h")
    assert done.returncode == 0
    assert f"  visbehavior {name} " in done.stdout
    readme = pathlib.Path(__file__).parents[2] / "README.md"
    assert f"visbehavior {name} " in readme.read_text()


def test_help_and_version() -> None:
    assert "Commands:" in run("-h").stdout
    assert run("--version").stdout == f"visbehavior, version {__version__}\n"


def test_the_command_is_installed(newer_file: pathlib.Path) -> None:
    command = pathlib.Path(sys.executable).with_name("visbehavior")
    if not command.exists() and not command.with_suffix(".exe").exists():
        pytest.skip("the package is not installed in this environment")
    done = subprocess.run([command, "show", newer_file], capture_output=True, text=True, check=True)
    assert "OPHYS_3_images_A" in done.stdout


def test_a_pipe_that_closes_early(files: list[pathlib.Path], made: Made) -> None:
    if sys.platform == "win32":
        pytest.skip("there is no head")
    line = f"{sys.executable} -m visbehavior performance {' '.join(map(str, files))} --format json | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_plot_says_the_name_it_chose(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = run("plot", newer_file, "--start", 60, "--stop", 90, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    path = tmp_path / "behavior_session_990200001_60-90s.png"
    assert done.stderr == f"Wrote {path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_plot_performance(files: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    done = run("plot-performance", *files, "-o", tmp_path / "mouse.svg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"Wrote {tmp_path / 'mouse.svg'}\n")
    assert "<svg" in (tmp_path / "mouse.svg").read_text()
    done = run("plot-performance", files[0], tmp_path / "none.nwb", cwd=tmp_path)
    assert done.returncode == 1
    assert "There is no file" in done.stderr
    assert (tmp_path / "mouse_457841_max_dprime.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--start", 9000, "--stop", 9100), "lies outside the session"),
        (("-o", "no/such/folder/x.png"), "There is no folder"),
        (("-o", "x.doc"), "has no ending of a figure"),
    ],
)
def test_an_image_that_cannot_be(
    newer_file: pathlib.Path, tmp_path: pathlib.Path, arguments: tuple[object, ...], message: str
) -> None:
    done = run("plot", newer_file, *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
