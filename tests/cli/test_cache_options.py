"""Options that select the cache, the bucket and the release."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests.cli.command import run
from tests.faultserver import FaultServer
from tests.project.synthetic_release import PROJECT

pytestmark = pytest.mark.usefixtures("public_data")


def test_data_version_selects_a_release() -> None:
    assert run("show", 838515247, "--data-version", "1.0.1").returncode == 0
    done = run("sessions", "--data-version", "9.9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "visual-behavior-ophys_project_manifest_v1.0.1.json" in done.stderr


def test_cached_sessions_can_be_used_offline(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("show", "837658854")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = run("show", "837658854")
    assert done.returncode == 0
    assert done.stderr == (
        f"Warning: Newer releases could not be looked up in http://127.0.0.1:9/{PROJECT}-data; "
        f"the releases in {tmp_path / 'cache'} are used.\n"
    )
    uncached = run("show", "838515247")
    assert (uncached.returncode, uncached.stdout) == (1, "")
    assert re.search(r"^Error: behavior_session_838515247\.nwb, .* is not in the cache", uncached.stderr, re.MULTILINE)
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "empty"))
    assert "There is no release in" in run("sessions").stderr


def test_endpoint_cache_dir_and_bucket(
    public_data: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    options = ["--cache-dir", tmp_path / "other", "--endpoint", public_data.endpoint]
    assert run("show", "837658854", *options).returncode == 0
    assert (tmp_path / "other").is_dir()
    assert run("show", "837658854", "--cache-dir", tmp_path / "third", "--bucket", public_data.folder).returncode == 0
    wrong = run("sessions", "--endpoint", "localhost:9000")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Error: The endpoint is 'localhost:9000'; expected a URL")
