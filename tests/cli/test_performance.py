"""``visbehavior performance``."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.cli.command import MOUSE_SESSIONS, Invoke, run, run_csv
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import BehaviorSession, VisualBehaviorOphysProjectCache


def test_csv_has_all_digits(nwb_files: list[pathlib.Path]) -> None:
    rows = run_csv("performance", *nwb_files)
    assert [row["behavior_session_id"] for row in rows] == ["990200000", "990200001", "990200002"]
    for row, path in zip(rows, nwb_files, strict=True):
        session = BehaviorSession.from_nwb_path(path)
        metrics = session.get_performance_metrics() | session.get_session_rates()
        assert list(row)[-len(metrics) :] == list(metrics)
        assert float(row["mean_hit_rate"]) == metrics["mean_hit_rate"]


def test_json_has_null_for_nan(tmp_path: pathlib.Path, nwb_files: list[pathlib.Path]) -> None:
    aborted = write_session(tmp_path / "s.nwb", make_session(outcomes="A"))
    done = run("performance", nwb_files[0], aborted, "--format", "json")
    first, last = json.loads(done.stdout)
    assert first["mouse_id"] == "457841"
    assert first["max_dprime"] == BehaviorSession.from_nwb_path(nwb_files[0]).get_performance_metrics()["max_dprime"]
    assert last["max_dprime"] is None


def test_table_has_one_line_per_session(nwb_files: list[pathlib.Path]) -> None:
    done = run("performance", *nwb_files)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 2 + 3
    assert "max_dprime_engaged" in lines[0]


def test_result_does_not_depend_on_jobs(nwb_files: list[pathlib.Path]) -> None:
    arguments = ("performance", *nwb_files, *nwb_files, "--format", "csv", "--jobs")
    assert run(*arguments, 1).stdout == run(*arguments, 2).stdout


def test_engaged_threshold(nwb_files: list[pathlib.Path]) -> None:
    done = run("performance", nwb_files[0], "--engaged-threshold", 0.5, "--format", "json")
    expected = BehaviorSession.from_nwb_path(nwb_files[0]).get_performance_metrics(0.5)["engaged_trial_count"]
    assert json.loads(done.stdout)[0]["engaged_trial_count"] == expected


@pytest.mark.parametrize("jobs", [1, 2])
def test_unreadable_file_does_not_stop_the_others(
    tmp_path: pathlib.Path, nwb_files: list[pathlib.Path], jobs: int
) -> None:
    bad = tmp_path / "bad.nwb"
    bad.write_bytes(nwb_files[0].read_bytes()[:5000])
    done = run("performance", nwb_files[0], bad, nwb_files[1], "--format", "csv", "--jobs", jobs)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3
    first, last = done.stderr.splitlines()
    assert first.startswith(f"Error: {bad} is truncated")
    assert last == "1 of 3 sessions could not be read."


def test_unreadable_file_is_named(invoke: Invoke, unreadable_file: pathlib.Path) -> None:
    status, out, err = invoke("performance", unreadable_file)
    assert (status, out) == (1, "")
    first, last = err.splitlines()
    assert first.startswith("Error: ")
    assert unreadable_file.name in first
    assert last == "1 of 1 sessions could not be read."


def test_pickle_and_json(pickle_and_json: list[pathlib.Path]) -> None:
    rows = run_csv("performance", *pickle_and_json)
    pickle = {"behavior_stimulus_file": str(pickle_and_json[0])}
    metrics = BehaviorSession.from_json(pickle).get_performance_metrics()
    assert rows[1]["mouse_id"] == "m7"
    for row in rows:
        assert row["behavior_session_id"] == "990400001"
        assert int(row["trial_count"]) == metrics["trial_count"]
        assert float(row["mean_hit_rate"]) == metrics["mean_hit_rate"]


@pytest.mark.usefixtures("public_data")
def test_mouse() -> None:
    rows = run_csv("performance", "--mouse", "445002")
    assert [row["behavior_session_id"] for row in rows] == MOUSE_SESSIONS
    cache = VisualBehaviorOphysProjectCache.from_s3_cache()
    for row in rows:
        session = cache.get_behavior_session(row["behavior_session_id"])
        metrics = session.get_performance_metrics() | session.get_session_rates()
        assert list(row)[-len(metrics) :] == list(metrics)
        assert float(row["max_dprime"]) == metrics["max_dprime"]


@pytest.mark.usefixtures("public_data")
def test_unknown_ids_and_files_do_not_stop_the_others() -> None:
    done = run("performance", "837658854", "22", "gone.nwb", "--format", "csv")
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["behavior_session_id", "837658854"]
    assert "22 is an ophys_experiment_id, of behavior session 848613406." in done.stderr
    assert done.stderr.endswith("2 of 3 sessions could not be read.\n")
