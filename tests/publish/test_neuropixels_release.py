"""Releases in the layout of Visual Behavior Neuropixels: behavior-only sessions, and simulated recordings."""

from __future__ import annotations

import hashlib
import json
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.recordingfiles import RECORDING_ID, write_recording
from tests.synthetic_session import make_session
from visbehavior import (
    BadValue,
    BehaviorSession,
    Mouse,
    VisualBehaviorNeuropixelsProjectCache,
    build_release,
    check_release,
    simulate_mouse,
)
from visbehavior.project.projects import NEUROPIXELS

SESSION_TYPES = (
    "TRAINING_0_gratings_autorewards_15min_0uL_reward",
    "HABITUATION_5_images_G_handoff_ready_5uL_reward",
    "EPHYS_1_images_G_5uL_reward",
    "EPHYS_1_images_H_3uL_reward",
)


@pytest.fixture(scope="module")
def raws() -> list[dict[str, Any]]:
    return list(simulate_mouse(Mouse(mouse_id="900001"), sessions=SESSION_TYPES, minutes=2, seed=1))


@pytest.fixture(scope="module")
def folder(raws: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("release") / "bucket"
    build_release(raws, folder, project="neuropixels")
    return folder


def opened(folder: pathlib.Path) -> VisualBehaviorNeuropixelsProjectCache:
    return VisualBehaviorNeuropixelsProjectCache.from_local_cache(folder, use_static_cache=True)


def test_release_has_the_tables_and_files_of_the_data_set(folder: pathlib.Path) -> None:
    cache = opened(folder)
    sessions, recordings = cache.get_behavior_session_table(), cache.get_ecephys_session_table()
    assert sessions["session_type"].tolist() == list(SESSION_TYPES)
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
    root = folder / NEUROPIXELS.name
    assert {path.parents[1].name for path in root.rglob("*.nwb")} == {
        "behavior_only_sessions",
        "behavior_ecephys_sessions",
    }
    assert check_release(folder) == []


def test_recordings_have_the_task_and_what_follows(folder: pathlib.Path, raws: list[dict[str, Any]]) -> None:
    cache = opened(folder)
    number = cache.get_behavior_session_table().index[2]
    recording, task = cache.get_behavior_session(number), BehaviorSession.from_json({"behavior_stimulus_file": raws[2]})
    table, shown = recording.stimulus_presentations, task.stimulus_presentations
    assert list(dict.fromkeys(table["stimulus_block"])) == [0, 1, 2, 3, 4, 5]
    for block in (0, 5):
        rows = table[table["stimulus_block"] == block]
        for name in ("image_name", "omitted", "trials_id", "is_sham_change"):
            assert rows[name].tolist() == shown[name].tolist()
        assert rows["active"].eq(block == 0).all()
    np.testing.assert_array_equal(table["start_frame"][: len(shown)], shown["start_frame"])
    assert "image_index" not in table
    trials = recording.trials
    frames = trials["change_frame"].to_numpy()
    has_change = frames >= 0
    times = recording.stimulus_timestamps[frames[has_change]]
    np.testing.assert_array_equal(trials["change_time_no_display_delay"][has_change], times)
    assert trials["change_time_no_display_delay"][~has_change].isna().all()
    assert "change_time" not in trials
    pd.testing.assert_frame_equal(recording.licks, task.licks)
    pd.testing.assert_frame_equal(recording.running_speed, task.running_speed)
    assert len(recording.encoder) == len(recording.stimulus_timestamps) > len(task.stimulus_timestamps)
    assert recording.metadata == task.metadata


def test_presentations_are_where_the_frames_are(folder: pathlib.Path) -> None:
    cache = opened(folder)
    session = cache.get_behavior_session(cache.get_behavior_session_table().index[3])
    table, times = session.stimulus_presentations, session.stimulus_timestamps
    assert (np.diff(times) > 0).all()
    delay = table["start_time"].to_numpy() - times[table["start_frame"].to_numpy()]
    assert ((delay > 0) & (delay < 0.06)).all()
    gabors, flashes = (table[table["stimulus_block"] == block] for block in (2, 4))
    assert len(gabors.drop_duplicates(["position_x", "position_y", "orientation"])) == len(gabors) == 243
    assert set(flashes["color"]) == {-1.0, 1.0}


def test_files_of_recordings_are_copied(tmp_path: pathlib.Path) -> None:
    synthetic = make_session(trials=20).replace(session_type="EPHYS_1_images_G_5uL_reward", mouse_id="900001")
    path = write_recording(tmp_path / "recording.nwb", synthetic)
    build_release([path], tmp_path / "bucket", project="neuropixels")
    cache = opened(tmp_path / "bucket")
    assert cache.get_ecephys_session_table().index.tolist() == [RECORDING_ID]
    session = cache.get_behavior_session(synthetic.behavior_session_id)
    assert pathlib.Path(session.source.location).read_bytes() == path.read_bytes()
    assert session.source.location.endswith(
        f"behavior_ecephys_sessions/{RECORDING_ID}/ecephys_session_{RECORDING_ID}.nwb"
    )


def test_building_again_writes_no_session_again(
    folder: pathlib.Path, raws: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    build_release(raws, tmp_path / "bucket", project="neuropixels")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "bucket").rglob("*.nwb")}
    build_release(raws, tmp_path / "bucket", project="neuropixels")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "bucket").rglob("*.nwb")} == before
    assert opened(tmp_path / "bucket").list_manifest_file_names()[-1].endswith("v1.1.0.json")


def test_changed_table_is_found(raws: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    manifest_path = build_release(raws[:1], tmp_path / "bucket", project="neuropixels")
    table = tmp_path / "bucket" / NEUROPIXELS.name / "project_metadata" / "behavior_sessions.csv"
    table.write_text(table.read_text().replace(",F,", ",M,"))
    manifest = json.loads(manifest_path.read_text())
    manifest["metadata_files"]["behavior_sessions"]["file_hash"] = hashlib.blake2b(table.read_bytes()).hexdigest()
    manifest_path.write_text(json.dumps(manifest))
    assert check_release(tmp_path / "bucket") == ["behavior_sessions.csv differs from the table that the files give"]


def test_unknown_data_set_is_an_error(raws: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match="project is 'mouse'; expected one of ophys, neuropixels"):
        build_release(raws, tmp_path / "bucket", project="mouse")
