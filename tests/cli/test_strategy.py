"""``visbehavior strategy``."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.cli.command import MOUSE_SESSIONS, Invoke, run, run_csv
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import BehaviorSession
from visbehavior.models.strategy_record import compute_strategy_record


@pytest.fixture(scope="module")
def session_file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return write_session(tmp_path_factory.mktemp("strategy") / "session.nwb", make_session(1, trials=60))


@pytest.fixture(scope="module")
def aborted_file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A session with too few licks."""
    return write_session(tmp_path_factory.mktemp("strategy") / "few.nwb", make_session(1, trials=2))


def test_csv_has_the_record_of_each_session(session_file: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(session_file)
    (row,) = run_csv("strategy", session_file)
    assert row["behavior_session_id"] == str(session.behavior_session_id)
    assert row["session_type"] == session.metadata["session_type"]
    for name, value in compute_strategy_record(session.get_flash_table()).items():
        assert row[name] == value if isinstance(value, str) else float(row[name]) == value


def test_session_that_cannot_be_fitted_says_why(
    invoke: Invoke, session_file: pathlib.Path, aborted_file: pathlib.Path
) -> None:
    status, out, err = invoke("strategy", aborted_file, session_file, "--format", "csv")
    assert status == 1
    assert len(out.splitlines()) == 2
    first, last = err.splitlines()
    assert first.startswith(f"Error: {aborted_file}: The session has ")
    assert "expected 10 or more" in first
    assert last == "1 of 2 sessions could not be fitted."


def test_output_continues_after_an_interruption(
    invoke: Invoke, session_file: pathlib.Path, aborted_file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    output = tmp_path / "strategy.jsonl"
    arguments = ("strategy", session_file, aborted_file, "--format", "json", "-o", output)
    status, out, _ = invoke(*arguments)
    assert status == 1
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert [record["session"] for record in records] == [str(session_file), str(aborted_file)]
    assert "10 or more" in records[1]["error"]
    # A changed record shows that it is used again; the cut-off last line is written again.
    records[0]["evidence"] = -1.0
    output.write_text(json.dumps(records[0]) + "\n" + json.dumps(records[1])[:30])
    _, again, _ = invoke(*arguments)
    assert json.loads(again) == [json.loads(out)[0] | {"evidence": -1.0}]
    assert [json.loads(line) for line in output.read_text().splitlines()] == records


def test_missing_file_is_tried_again(invoke: Invoke, session_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    output = tmp_path / "strategy.jsonl"
    status, _, err = invoke("strategy", tmp_path / "gone.nwb", "-o", output)
    assert status == 1
    assert "There is no file" in err
    assert not output.exists()


@pytest.mark.parametrize("content", ["[1]\n", "text\n", "{}\n"])
def test_other_output_file_is_kept(
    invoke: Invoke, session_file: pathlib.Path, tmp_path: pathlib.Path, content: str
) -> None:
    output = tmp_path / "other.txt"
    output.write_text(content)
    status, _, err = invoke("strategy", session_file, "-o", output)
    assert status == 1
    assert "has a line that is not a record of this command" in err
    assert output.read_text() == content


@pytest.mark.usefixtures("public_data")
def test_mouse() -> None:
    rows = run_csv("strategy", "--mouse", "445002")
    assert [row["behavior_session_id"] for row in rows] == MOUSE_SESSIONS


@pytest.mark.usefixtures("public_data")
def test_all_sessions_of_the_release() -> None:
    """One of them has no file."""
    done = run("strategy", "--all", "--format", "csv")
    assert set(MOUSE_SESSIONS) <= {line.split(",")[0] for line in done.stdout.splitlines()}
    assert "has no file for behavior session 14" in done.stderr


def test_processes_give_the_same_rows(invoke: Invoke, session_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    other = write_session(tmp_path / "other.nwb", make_session(2, trials=60))
    arguments = ("strategy", session_file, other, "--format", "csv")
    output = tmp_path / "strategy.jsonl"
    assert invoke(*arguments, "--jobs", "2", "-o", output) == invoke(*arguments)
    assert {json.loads(line)["session"] for line in output.read_text().splitlines()} == {str(session_file), str(other)}
