"""Recordings that are made of simulated sessions."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pandas as pd

from tests.publish.simulated_release import open_neuropixels_release
from visbehavior import BehaviorSession


def test_recordings_have_the_task_and_what_follows(
    neuropixels_release: pathlib.Path, neuropixels_pickles: list[dict[str, Any]]
) -> None:
    cache = open_neuropixels_release(neuropixels_release)
    number = cache.get_behavior_session_table().index[2]
    recording, task = (
        cache.get_behavior_session(number),
        BehaviorSession.from_json({"behavior_stimulus_file": neuropixels_pickles[2]}),
    )
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


def test_presentations_are_where_the_frames_are(neuropixels_release: pathlib.Path) -> None:
    cache = open_neuropixels_release(neuropixels_release)
    session = cache.get_behavior_session(cache.get_behavior_session_table().index[3])
    table, times = session.stimulus_presentations, session.stimulus_timestamps
    assert (np.diff(times) > 0).all()
    delay = table["start_time"].to_numpy() - times[table["start_frame"].to_numpy()]
    assert ((delay > 0) & (delay < 0.06)).all()
    gabors, flashes = (table[table["stimulus_block"] == block] for block in (2, 4))
    assert len(gabors.drop_duplicates(["position_x", "position_y", "orientation"])) == len(gabors) == 243
    assert set(flashes["color"]) == {-1.0, 1.0}
