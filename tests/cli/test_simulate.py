"""``visbehavior simulate``."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import SESSION_TYPES, Invoke
from visbehavior import BehaviorSession

OPTIONS = ("--mice", 2, "--minutes", 2, "--seed", 5)


def test_one_pickle_per_session_is_written(simulated_pickles: list[pathlib.Path]) -> None:
    sessions = [BehaviorSession.from_json({"behavior_stimulus_file": path}) for path in simulated_pickles]
    assert [session.metadata["session_type"] for session in sessions] == [*SESSION_TYPES, *SESSION_TYPES]
    assert [session.metadata["mouse_id"] for session in sessions] == ["905001"] * 3 + ["905002"] * 3
    names = [f"behavior_session_{session.behavior_session_id}.pkl.gz" for session in sessions]
    assert names == [path.name for path in simulated_pickles]


def test_existing_files_are_kept(invoke: Invoke, simulated_pickles: list[pathlib.Path]) -> None:
    times = [path.stat().st_mtime_ns for path in simulated_pickles]
    assert invoke("simulate", *SESSION_TYPES, "-o", simulated_pickles[0].parent, *OPTIONS)[0] == 0
    assert [path.stat().st_mtime_ns for path in simulated_pickles] == times


def test_same_seed_gives_the_same_pickles(
    invoke: Invoke, simulated_pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    out = invoke("simulate", *SESSION_TYPES, "-o", tmp_path, *OPTIONS, "--jobs", 2)[1]
    contents = [pathlib.Path(path).read_bytes() for path in out.splitlines()]
    assert contents == [path.read_bytes() for path in simulated_pickles]


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["OPHYS_8_images_A", "-o", "x"], "Error: There is no session type 'OPHYS_8_images_A'", 1),
        (["OPHYS_1_images_A", "-o", "x"], "Error: Mouse 900001 has no earlier sessions", 1),
        (["-o", "x", "--minutes", "0.1"], "Error: minutes is 0.1; expected a number from 1 to 60", 1),
        (["-o", "x", "--mice", "0"], "Invalid value for '--mice'", 2),
        ([], "Missing option '-o'", 2),
    ],
)
def test_wrong_arguments_are_reported(
    invoke: Invoke,
    arguments: list[str],
    message: str,
    status: int,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = invoke("simulate", *arguments)
    assert (code, out) == (status, "")
    assert message in err
    assert "Traceback" not in err
