"""Arguments that name sessions: files, ids, or all sessions of a mouse."""

from __future__ import annotations

import pytest

from tests.cli.command import run, run_csv
from tests.faultserver import FaultServer
from tests.project.synthetic_release import PROJECT

pytestmark = pytest.mark.usefixtures("public_data")


def test_files_and_ids_can_be_mixed(public_data: FaultServer) -> None:
    file = public_data.folder / PROJECT / "behavior_sessions" / "behavior_session_837658854.nwb"
    rows = run_csv("performance", file, "837658854")
    assert rows[0]["max_dprime"] == rows[1]["max_dprime"]
    assert list(rows[0]) == list(rows[1])


def test_sessions_are_required() -> None:
    done = run("performance")
    assert done.returncode == 2
    assert "Give files, behavior session ids, or options that select sessions" in done.stderr
