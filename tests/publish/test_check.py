"""Tests of checking a release."""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil

import pandas as pd
import pytest

from visbehavior import NotFound, check_release
from visbehavior.project.manifest import PROJECT


def test_new_release_has_no_problems(release: pathlib.Path) -> None:
    assert check_release(release) == []


def test_changed_and_missing_files_are_reported(release: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(release, tmp_path / "bucket")
    sessions = sorted((folder / PROJECT / "behavior_sessions").glob("*.nwb"))
    with open(sessions[0], "r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    sessions[1].unlink()
    assert sorted(check_release(folder)) == sorted(
        [
            f"behavior_sessions/{sessions[0].name} does not have the hash in the manifest",
            f"behavior_sessions/{sessions[1].name} is missing",
        ]
    )


def test_missing_release_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="no release in"):
        check_release(tmp_path / "nothing")


def test_table_that_differs_from_the_files_is_reported(release: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(release, tmp_path / "bucket")
    (manifest_path,) = (folder / PROJECT / "manifests").iterdir()
    table_path = folder / PROJECT / "project_metadata" / "behavior_session_table.csv"
    table = pd.read_csv(table_path)
    table.loc[2, "hit_trial_count"] += 1
    table.loc[3, "experience_level"] = "Familiar"
    table.loc[7, "file_id"] = 99
    table.to_csv(table_path, index=False)
    manifest = json.loads(manifest_path.read_text())
    entry = manifest["metadata_files"]["behavior_session_table"]
    entry["file_hash"] = hashlib.blake2b(table_path.read_bytes()).hexdigest()
    manifest_path.write_text(json.dumps(manifest))
    problems = "\n".join(check_release(folder))
    assert f"session {table.loc[2, 'behavior_session_id']}: hit_trial_count is" in problems
    assert (
        "experience_level is Familiar in behavior_session_table, expected Novel 1 from its file and the other rows"
        in (problems)
    )
    assert "file 99 is in behavior_session_table and not in the manifest" in problems
    assert "file 8 is in the manifest and not in behavior_session_table" in problems
