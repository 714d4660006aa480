"""``visbehavior sessions``."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import MOUSE_SESSIONS, run, run_csv

pytestmark = pytest.mark.usefixtures("public_data")


def test_sessions_of_a_mouse_are_listed() -> None:
    done = run("sessions", "--mouse", "445002", "--columns", "mouse_id,session_type,day,date_of_acquisition")
    assert (done.returncode, done.stderr) == (0, "3 sessions.\n")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == MOUSE_SESSIONS
    assert done.stdout.splitlines()[-1].split()[1:5] == ["445002", "OPHYS_1_images_A", "3", "2019-05-20"]


def test_session_type_selects_sessions_and_csv_has_all_columns() -> None:
    rows = run_csv("sessions", "--session-type", "ophys_1")
    assert [row["behavior_session_id"] for row in rows] == ["848613406"]
    assert rows[0]["novelty"] == "2"


def test_json_has_null_for_missing_ids() -> None:
    rows = json.loads(run("sessions", "--session-type", "TRAINING_1", "--format", "json").stdout)
    assert [row["ophys_session_id"] for row in rows] == [None]


def test_no_matching_sessions() -> None:
    done = run("sessions", "--session-type", "OPHYS_9")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "0 sessions.\n")


def test_unknown_mouse_is_an_error() -> None:
    done = run("sessions", "--mouse", "7")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Release 1.1.0 has no mouse '7'.")
