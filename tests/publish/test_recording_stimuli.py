"""Stimuli of a recording after the task."""

from __future__ import annotations

import numpy as np
import pytest

from visbehavior.publish.recording_stimuli import (
    FLASHES,
    GAP,
    GRAY_SECONDS,
    MONITOR_DELAY,
    ORIENTATIONS,
    POSITIONS,
    RecordingStimuli,
    replay,
    simulate_recording_stimuli,
)

TASK = 3.0 + np.arange(600) / 60


@pytest.fixture(scope="module")
def stimuli() -> RecordingStimuli:
    return simulate_recording_stimuli(TASK, seed=4)


def test_frames_of_the_three_files_follow_each_other_with_gaps(stimuli: RecordingStimuli) -> None:
    times = stimuli.timestamps
    gaps = np.flatnonzero(np.diff(times) > 0.02)
    np.testing.assert_allclose(np.diff(times)[gaps], GAP)
    assert gaps.tolist() == [len(TASK) - 1, len(times) - len(TASK) - 1]
    np.testing.assert_array_equal(times[: len(TASK)], TASK)
    np.testing.assert_allclose(times[-len(TASK) :] - TASK, stimuli.replay_seconds)
    assert stimuli.replay_frames == len(times) - len(TASK)


def test_blocks_are_gray_gabors_gray_and_flashes(stimuli: RecordingStimuli) -> None:
    gray, gabors, flashes = stimuli.blocks
    assert [set(block["stimulus_block"]) for block in stimuli.blocks] == [{1, 3}, {2}, {4}]
    assert len(gabors["start_time"]) == len(POSITIONS) ** 2 * len(ORIENTATIONS)
    assert len(set(zip(gabors["position_x"], gabors["position_y"], gabors["orientation"], strict=True))) == 243
    assert len(flashes["start_time"]) == FLASHES
    ends = [gray["end_time"][0], gabors["end_time"][-1], gray["end_time"][1]]
    np.testing.assert_allclose(ends, [gabors["start_time"][0], gray["start_time"][1], flashes["start_time"][0]])
    np.testing.assert_allclose(gray["duration"], GRAY_SECONDS)


def test_start_frame_is_the_frame_that_was_drawn(stimuli: RecordingStimuli) -> None:
    for block in stimuli.blocks:
        delay = block["start_time"] - stimuli.timestamps[block["start_frame"]]
        assert (np.abs(delay - MONITOR_DELAY) <= 0.51 / 60).all()
        assert (block["end_frame"] > block["start_frame"]).all()


def test_replay_moves_times_and_frames_only(stimuli: RecordingStimuli) -> None:
    task = {
        "start_time": np.array([3.1, 4.1]),
        "end_time": np.array([3.35, 4.35]),
        "start_frame": np.array([6, 66]),
        "end_frame": np.array([21, 81]),
        "image_name": np.array(["im036_r", "omitted"], dtype=object),
        "stimulus_block": np.array([0, 0]),
        "active": np.array([True, True]),
    }
    again = replay(task, stimuli)
    np.testing.assert_allclose(again["start_time"], task["start_time"] + stimuli.replay_seconds)
    np.testing.assert_array_equal(again["end_frame"], task["end_frame"] + stimuli.replay_frames)
    assert again["image_name"] is task["image_name"]
    assert again["stimulus_block"].tolist() == [5, 5]
    assert not again["active"].any()
    assert task["active"].all()


def test_order_of_gabors_depends_on_the_seed(stimuli: RecordingStimuli) -> None:
    same, other = simulate_recording_stimuli(TASK, seed=4), simulate_recording_stimuli(TASK, seed=5)
    np.testing.assert_array_equal(same.blocks[1]["position_x"], stimuli.blocks[1]["position_x"])
    assert (other.blocks[1]["position_x"] != stimuli.blocks[1]["position_x"]).any()
