"""``visbehavior fetch``."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import run

pytestmark = pytest.mark.usefixtures("public_data")


def test_paths_of_downloaded_files_are_printed() -> None:
    done = run("fetch", "837658854", "--plane", "22")
    assert (done.returncode, done.stderr) == (0, "")
    paths = [pathlib.Path(line) for line in done.stdout.splitlines()]
    assert [path.name for path in paths] == ["behavior_session_837658854.nwb", "behavior_ophys_experiment_22.nwb"]
    assert all(path.exists() for path in paths)


def test_failed_downloads_are_reported() -> None:
    done = run("fetch", "837658854", "999")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == (
        "Error: Release 1.1.0 has no behavior session 999. visbehavior sessions lists them. Sessions with Neuropixels "
        "recordings are found with --project neuropixels.\n"
        "1 of 2 files could not be downloaded.\n"
    )


def test_ids_are_required() -> None:
    assert run("fetch").returncode == 2
