"""``visbehavior show``."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import Invoke, run
from visbehavior import BehaviorSession


def test_nwb_file(newer_file: pathlib.Path) -> None:
    done = run("show", newer_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == BehaviorSession.from_nwb_path(newer_file).describe() + "\n"
    assert "\x1b" not in done.stdout


@pytest.mark.usefixtures("public_data")
def test_id() -> None:
    done = run("show", 837658854)
    assert done.stdout.startswith("session        837658854\n")
    assert done.stdout.splitlines()[-1].endswith("/behavior_sessions/behavior_session_837658854.nwb")


def test_pickle_and_json(invoke: Invoke, pickle_and_json: list[pathlib.Path]) -> None:
    pickle, json = pickle_and_json
    status, out, err = invoke("show", pickle)
    assert (status, err) == (0, "")
    assert out == BehaviorSession.from_json({"behavior_stimulus_file": str(pickle)}).describe() + "\n"
    status, out, err = invoke("show", json)
    assert (status, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["session"] == "990400001"
    assert lines["mouse"].startswith("m7 ")
    assert lines["file"] == str(pickle)


def test_unreadable_file_is_named(invoke: Invoke, unreadable_file: pathlib.Path) -> None:
    status, out, err = invoke("show", unreadable_file)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert unreadable_file.name in err
    assert len(err.splitlines()) == 1
