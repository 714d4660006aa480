"""``visbehavior cache``."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import run, run_csv

pytestmark = pytest.mark.usefixtures("public_data")


@pytest.fixture
def filled(tmp_path: pathlib.Path) -> pathlib.Path:
    """A cache folder with the project tables and a partial file."""
    assert run("show", "837658854").returncode == 0
    return tmp_path / "cache"


def test_files_are_listed_with_their_state(filled: pathlib.Path) -> None:
    rows = {row["path"]: row for row in run_csv("cache", "ls")}
    states = {path.rpartition("/")[2]: row["state"] for path, row in rows.items()}
    assert states["behavior_session_837658854.nwb"] == "partial"
    assert states["behavior_session_table.csv"] == "complete"
    assert all(int(row["size"]) > 0 and row["release"] == "1.1.0" for row in rows.values())


def test_size_is_that_of_the_files(filled: pathlib.Path) -> None:
    rows = run_csv("cache", "ls")
    total = sum(int(row["size"]) for row in rows)
    last = run("cache", "size").stdout.splitlines()[-1]
    assert last.endswith(f": {len(rows)} files, {total / 1e6:,.1f} MB")


@pytest.mark.parametrize("command", ["ls", "size", "prune"])
def test_cached_files_are_shown_without_a_network(filled: pathlib.Path, command: str) -> None:
    done = run("cache", command, "--endpoint", "http://127.0.0.1:9")
    assert done.returncode == 0
    assert "newer releases" not in done.stderr


def test_missing_cache_has_no_files(tmp_path: pathlib.Path) -> None:
    done = run("cache", "size", "--cache-dir", str(tmp_path / "none"))
    assert done.returncode == 0
    assert done.stderr == f"0 files: there is no cache of this bucket in {tmp_path / 'none'}.\n"


def test_partial_files_are_removed_on_request(filled: pathlib.Path) -> None:
    before = sorted(path.name for path in filled.rglob("*"))
    done = run("cache", "prune")
    assert "behavior_session_837658854.nwb" in done.stdout
    assert "would be removed. Remove them with --yes." in done.stderr
    assert sorted(path.name for path in filled.rglob("*")) == before
    done = run("cache", "prune", "--yes")
    assert done.stderr.startswith("1 file, ")
    assert not list(filled.rglob("*.blocks*"))
    assert list(filled.rglob("behavior_session_table.csv"))
    assert run("show", "837658854").returncode == 0
