"""Releases of Visual Behavior Neuropixels: their tables and files."""

from __future__ import annotations

import hashlib
import json
import pathlib
import subprocess
from typing import Any

import pytest

from tests.oracle import PYTHON, needs_allensdk
from tests.publish.simulated_release import NEUROPIXELS_SESSION_TYPES, open_neuropixels_release
from tests.recordingfiles import RECORDING_ID, write_recording
from tests.synthetic_session import make_session
from visbehavior import BadValue, build_release, check_release
from visbehavior.project.projects import NEUROPIXELS


def test_release_has_the_tables_and_files_of_the_data_set(neuropixels_release: pathlib.Path) -> None:
    cache = open_neuropixels_release(neuropixels_release)
    sessions, recordings = cache.get_behavior_session_table(), cache.get_ecephys_session_table()
    assert sessions["session_type"].tolist() == list(NEUROPIXELS_SESSION_TYPES)
    assert sessions["session_number"].tolist() == [1, 2, 3, 4]
    assert sessions["image_set"].fillna("").tolist() == ["", "G", "G", "H"]
    assert sessions["prior_exposures_to_image_set"].fillna(-1).tolist() == [-1, 0, 1, 0]
    assert sessions["prior_exposures_to_omissions"].tolist() == [0, 0, 0, 1]
    assert sessions["file_id"].tolist() == [1, 2, -999, -999]
    assert sessions["ecephys_session_id"].dropna().tolist() == recordings.index.tolist()
    assert recordings["behavior_session_id"].tolist() == sessions.index[2:].tolist()
    assert recordings["session_number"].tolist() == [1, 2]
    assert recordings["experience_level"].tolist() == ["Familiar", "Novel"]
    assert len(cache.get_unit_table()) == len(cache.get_probe_table()) == len(cache.get_channel_table()) == 0
    root = neuropixels_release / NEUROPIXELS.name
    assert {path.parents[1].name for path in root.rglob("*.nwb")} == {
        "behavior_only_sessions",
        "behavior_ecephys_sessions",
    }
    assert check_release(neuropixels_release) == []


def test_files_of_recordings_are_copied(tmp_path: pathlib.Path) -> None:
    synthetic = make_session(trials=20).replace(session_type="EPHYS_1_images_G_5uL_reward", mouse_id="900001")
    path = write_recording(tmp_path / "recording.nwb", synthetic)
    build_release([path], tmp_path / "bucket", project="neuropixels")
    cache = open_neuropixels_release(tmp_path / "bucket")
    assert cache.get_ecephys_session_table().index.tolist() == [RECORDING_ID]
    session = cache.get_behavior_session(synthetic.behavior_session_id)
    assert pathlib.Path(session.source.location).read_bytes() == path.read_bytes()
    assert session.source.location.endswith(
        f"behavior_ecephys_sessions/{RECORDING_ID}/ecephys_session_{RECORDING_ID}.nwb"
    )


def test_building_again_writes_no_session_again(
    neuropixels_release: pathlib.Path, neuropixels_pickles: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    build_release(neuropixels_pickles, tmp_path / "bucket", project="neuropixels")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "bucket").rglob("*.nwb")}
    build_release(neuropixels_pickles, tmp_path / "bucket", project="neuropixels")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "bucket").rglob("*.nwb")} == before
    assert open_neuropixels_release(tmp_path / "bucket").list_manifest_file_names()[-1].endswith("v1.1.0.json")


def test_changed_table_is_found(neuropixels_pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    manifest_path = build_release(neuropixels_pickles[:1], tmp_path / "bucket", project="neuropixels")
    table = tmp_path / "bucket" / NEUROPIXELS.name / "project_metadata" / "behavior_sessions.csv"
    table.write_text(table.read_text().replace(",F,", ",M,"))
    manifest = json.loads(manifest_path.read_text())
    manifest["metadata_files"]["behavior_sessions"]["file_hash"] = hashlib.blake2b(table.read_bytes()).hexdigest()
    manifest_path.write_text(json.dumps(manifest))
    assert check_release(tmp_path / "bucket") == ["behavior_sessions.csv differs from the table that the files give"]


def test_unknown_data_set_is_an_error(neuropixels_pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match="project is 'mouse'; expected one of ophys, neuropixels"):
        build_release(neuropixels_pickles, tmp_path / "bucket", project="mouse")


OPEN_IN_ALLENSDK = """
import json, sys, warnings
warnings.simplefilter("ignore")
from allensdk.brain_observatory.behavior.behavior_project_cache import VisualBehaviorNeuropixelsProjectCache as Cache
cache = Cache.from_local_cache(sys.argv[1], use_static_cache=True)
number = int(cache.get_ecephys_session_table()["behavior_session_id"].iloc[0])
session = cache.get_behavior_session(number)
table = session.stimulus_presentations
columns = ["stimulus_block", "is_change", "flashes_since_change", "trials_id", "start_frame"]
print(json.dumps([number, {k: float(v) for k, v in session.get_performance_metrics().items()}, {name: table[name].astype(int).tolist() for name in columns}]))
"""


@needs_allensdk
def test_allensdk_opens_the_recordings(neuropixels_release: pathlib.Path) -> None:
    command = [PYTHON, "-c", OPEN_IN_ALLENSDK, neuropixels_release]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    number, metrics, columns = json.loads(output.splitlines()[-1])
    session = open_neuropixels_release(neuropixels_release).get_behavior_session(number)
    assert session.get_performance_metrics() == pytest.approx(metrics, nan_ok=True, rel=1e-12)
    for name, values in columns.items():
        assert session.stimulus_presentations[name].astype(int).tolist() == values
