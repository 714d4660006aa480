"""Options that select sessions."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import MOUSE_SESSIONS, Invoke, run, run_csv

pytestmark = pytest.mark.usefixtures("public_data")


def selected(*options: str) -> list[str]:
    return [row["behavior_session_id"] for row in run_csv("sessions", "--columns", "session_type", *options)]


def test_selected_sessions_fulfill_all_options() -> None:
    assert selected("--mouse", "445002") == MOUSE_SESSIONS
    assert selected("--mouse", "445002", "--session-type", "training") == MOUSE_SESSIONS[:2]
    assert selected("--mouse", "445002", "--session-type", "OPHYS_6") == []


def test_performance_of_selected_sessions() -> None:
    rows = run_csv("performance", "--session-type", "TRAINING", "--columns", "hit_rate")
    assert {row["behavior_session_id"] for row in rows} == set(MOUSE_SESSIONS[:2])


def test_all_sessions_are_those_of_the_release() -> None:
    done = run("performance", "--all", "--format", "csv", "--columns", "hit_rate")
    rows = done.stdout.splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == set(MOUSE_SESSIONS)
    assert done.stderr.splitlines()[-1] == "1 of 4 sessions could not be read."


def test_sessions_named_twice_are_computed_once() -> None:
    rows = run_csv("performance", "837658854", "837658854", "--mouse", "445002", "--columns", "hit_rate")
    assert [row["behavior_session_id"] for row in rows] == ["837658854", "838515247", "848613406"]


def test_empty_selection_is_reported(invoke: Invoke) -> None:
    status, _, err = invoke("performance", "--session-type", "nothing")
    assert status == 2
    assert "No session has all of the selected properties. visbehavior sessions lists the sessions." in err


def test_folder_named_as_a_bucket_is_explained(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bucket").mkdir()
    done = run("sessions", "--bucket", "bucket", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is a folder of this name. Did you mean ./bucket?" in done.stderr
