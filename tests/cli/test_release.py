"""``visbehavior release build``, ``check`` and ``serve``."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.cli.command import Invoke
from visbehavior import VisualBehaviorOphysProjectCache
from visbehavior.project.manifest import PROJECT


def test_release_is_built_checked_and_opened(
    invoke: Invoke, simulated_pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    bucket = tmp_path / "bucket"
    manifest = invoke("release", "build", *simulated_pickles, "-o", bucket)[1]
    assert manifest.strip().endswith("visual-behavior-ophys_project_manifest_v1.0.0.json")
    assert invoke("release", "check", bucket) == (0, "", "No problems found.\n")
    cache = ["--bucket", bucket, "--cache-dir", tmp_path / "cache"]
    assert "OPHYS_1_images_A" in invoke("sessions", "--mouse", "905002", *cache)[1]
    assert "max_dprime" in invoke("performance", "--mouse", "905001", *cache)[1]
    next((bucket / PROJECT / "behavior_sessions").iterdir()).unlink()
    status, out, err = invoke("release", "check", bucket)
    assert (status, err) == (1, "Problems found: 1.\n")
    assert "is missing" in out


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["build", "-o", "x"], "Missing argument 'FILE...'", 2),
        (["build", "absent.pkl", "-o", "new"], "1 of 1 sessions could not be released", 1),
        (["check", "nowhere"], "Error: There is no release in nowhere", 1),
        (["serve", "nowhere"], "Error: There is no folder", 1),
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
    code, out, err = invoke("release", *arguments)
    assert (code, out) == (status, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
def test_server_runs_until_interrupted(
    invoke: Invoke, simulated_pickles: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    invoke("release", "build", simulated_pickles[0], "-o", tmp_path / "bucket")
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
