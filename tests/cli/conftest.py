"""Fixtures of the command line tests."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.cli.command import SESSION_TYPES, Invoke, run
from tests.nwbfiles import write_session
from tests.rawfiles import write_raw
from tests.synthetic_session import make_session
from visbehavior import Mouse, simulate
from visbehavior.cli.main import main


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Run the command in this process and return its exit status, stdout and stderr."""

    def invoke(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments], prog_name="visbehavior")
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return invoke


@pytest.fixture(scope="session")
def nwb_files(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    """NWB files of three sessions of one mouse."""
    folder = tmp_path_factory.mktemp("cli")
    return [
        write_session(folder / f"{i}.nwb", make_session(i).replace(behavior_session_id=990200000 + i)) for i in range(3)
    ]


@pytest.fixture(scope="session")
def pickle_and_json(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    """A compressed pickle, and a JSON file with metadata of the same session."""
    folder = tmp_path_factory.mktemp("pickle")
    raw = simulate("OPHYS_4_images_B", mouse=Mouse(impulsivity=-1.0, engagement=3.0), minutes=2, seed=5)
    raw["session_data"].pop("behavior_session_id", None)
    path = write_raw(folder / "990400001.pkl.gz", raw)
    session_data = {"behavior_stimulus_file": path.name, "external_specimen_name": "m7"}
    (folder / "session.json").write_text(json.dumps(session_data))
    return [path, folder / "session.json"]


@pytest.fixture(scope="session")
def simulated_pickles(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    """Pickles of two simulated mice, written by ``visbehavior simulate``."""
    folder = tmp_path_factory.mktemp("rig")
    options = ["-o", folder, "--mice", 2, "--minutes", 2, "--seed", 5]
    return [pathlib.Path(line) for line in run("simulate", *SESSION_TYPES, *options).stdout.splitlines()]


@pytest.fixture(params=["cut.pkl.gz", "none.pkl", "none.json", "bad.json"])
def unreadable_file(
    request: pytest.FixtureRequest, pickle_and_json: list[pathlib.Path], tmp_path: pathlib.Path
) -> pathlib.Path:
    """A pickle or JSON file that is truncated, missing or incomplete."""
    (tmp_path / "cut.pkl.gz").write_bytes(pickle_and_json[0].read_bytes()[:20_000])
    (tmp_path / "bad.json").write_text("{}")
    return tmp_path / str(request.param)
