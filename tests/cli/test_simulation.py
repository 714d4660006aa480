"""``visbehavior simulate`` and ``visbehavior release``, as users type them."""

from __future__ import annotations

import pathlib
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from visbehavior import BehaviorSession, VisualBehaviorOphysProjectCache
from visbehavior.cli.main import main
from visbehavior.project.manifest import PROJECT

DAYS = ["TRAINING_0_gratings_autorewards_15min", "TRAINING_1_gratings", "OPHYS_1_images_A"]


def run(*words: object, status: int = 0) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture(scope="module")
def pickles(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    folder = tmp_path_factory.mktemp("rig")
    said = run("simulate", *DAYS, "-o", folder, "--mice", 2, "--minutes", 2, "--seed", 5)
    return [pathlib.Path(line) for line in said.splitlines()]


def test_simulate_writes_a_pickle_a_day(pickles: list[pathlib.Path]) -> None:
    sessions = [BehaviorSession.from_json({"behavior_stimulus_file": path}) for path in pickles]
    assert [session.metadata["session_type"] for session in sessions] == [*DAYS, *DAYS]
    assert [session.metadata["mouse_id"] for session in sessions] == ["905001"] * 3 + ["905002"] * 3
    assert [f"behavior_session_{s.behavior_session_id}.pkl.gz" for s in sessions] == [path.name for path in pickles]


def test_the_same_seed_writes_nothing_anew_and_the_same(pickles: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    stamps = [path.stat().st_mtime_ns for path in pickles]
    run("simulate", *DAYS, "-o", pickles[0].parent, "--mice", 2, "--minutes", 2, "--seed", 5)
    assert [path.stat().st_mtime_ns for path in pickles] == stamps
    again = run("simulate", *DAYS, "-o", tmp_path, "--mice", 2, "--minutes", 2, "--seed", 5, "--jobs", 2).splitlines()
    assert [pathlib.Path(path).read_bytes() for path in again] == [path.read_bytes() for path in pickles]


def test_a_release_is_built_checked_and_opened(pickles: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    bucket = tmp_path / "bucket"
    said = run("release", "build", *pickles, "-o", bucket)
    assert said.strip().endswith("visual-behavior-ophys_project_manifest_v1.0.0.json")
    assert run("release", "check", bucket) == "Nothing is wrong.\n"
    cache = ["--bucket", bucket, "--cache-dir", tmp_path / "cache"]
    assert re.search(r"OPHYS_1_images_A", run("sessions", "--mouse", "905002", *cache))
    assert "max_dprime" in run("performance", "--mouse", "905001", *cache)
    next((bucket / PROJECT / "behavior_sessions").iterdir()).unlink()
    assert "is not there" in run("release", "check", bucket, status=1)


@pytest.mark.parametrize(
    ("words", "says", "status"),
    [
        (["simulate", "OPHYS_8_images_A", "-o", "x"], "Error: There is no session type 'OPHYS_8_images_A'", 1),
        (["simulate", "OPHYS_1_images_A", "-o", "x"], "Error: Mouse 900001 has no first day", 1),
        (["simulate", "-o", "x", "--minutes", "0.1"], "Error: minutes is 0.1; expected a number from 1 to 60", 1),
        (["simulate", "-o", "x", "--mice", "0"], "Invalid value for '--mice'", 2),
        (["simulate"], "Missing option '-o'", 2),
        (["release", "build", "-o", "x"], "Missing argument 'FILE...'", 2),
        (["release", "build", "absent.pkl", "-o", "new"], "1 of 1 sessions could not be released", 1),
        (["release", "check", "nowhere"], "Error: There is no release in nowhere", 1),
        (["release", "serve", "nowhere"], "Error: There is no folder", 1),
    ],
)
def test_what_is_wrong_is_said_in_a_word(
    words: list[str], says: str, status: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(*words, status=status)
    assert says in said
    assert "Traceback" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
def test_a_release_is_served_until_it_is_stopped(pickles: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    run("release", "build", pickles[0], "-o", tmp_path / "bucket")
    command = [sys.executable, "-m", "visbehavior", "release", "serve", tmp_path / "bucket"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            endpoint = server.stdout.readline().strip()
            cache = VisualBehaviorOphysProjectCache.from_s3_cache(tmp_path / "cache", endpoint=endpoint)
            assert len(cache.get_behavior_session_table()) == 1
            assert urllib.request.urlopen(f"{endpoint}/visual-behavior-ophys-data?list-type=2").status == 200
            server.send_signal(signal.SIGINT)
            assert server.communicate(timeout=60)[1] == "Stopped.\n"
        finally:
            server.kill()
        assert server.returncode == 0
