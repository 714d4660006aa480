"""Error reporting, table output and shared options."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from tests.cli.command import run


def test_error_is_reported_in_one_line(tmp_path: pathlib.Path) -> None:
    done = run("show", tmp_path / "none.nwb")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: There is no file ")
    assert len(done.stderr.splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path: pathlib.Path) -> None:
    done = run("show", "--debug", tmp_path / "none.nwb")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "NotFound" in done.stderr


def test_unknown_allensdk_version_is_a_usage_error(newer_file: pathlib.Path) -> None:
    done = run("show", newer_file, "--allensdk-version", "2.9")
    assert done.returncode == 2
    assert "expected '2.16'" in done.stderr


def test_closed_pipe_is_not_an_error(nwb_files: list[pathlib.Path]) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no head")
    line = f"{sys.executable} -m visbehavior performance {' '.join(map(str, nwb_files))} --format json | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
