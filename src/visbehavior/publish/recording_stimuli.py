"""Simulated stimuli of a Neuropixels recording after the task: gray, Gabor patches, full-field flashes, and a passive replay of the task.

The order of the blocks and the parameters of the stimuli are those of Visual Behavior Neuropixels; gray periods are shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.stimulus_pickle import FRAME_RATE

Columns = dict[str, NDArray[Any]]

GAP = 5.0
"""Time from the last frame of a stimulus file to the first of the next (s)."""
MONITOR_DELAY = 0.035
"""Time from the signal of a frame to its display (s)."""
GRAY_SECONDS = 10.0
POSITIONS, ORIENTATIONS = np.arange(-40.0, 41.0, 10.0), (0.0, 45.0, 90.0)
"""Positions (deg) of the Gabor patches along each axis, and their orientations (deg)."""
FLASHES, FLASH_PERIOD = 30, 2.0
"""Number of full-field flashes, and the time from one to the next (s)."""
SHOWN_SECONDS = 0.25
"""Duration of a Gabor patch and of a flash (s)."""
GRAY, GABORS, MORE_GRAY, FLASHED, REPLAY = 1, 2, 3, 4, 5
"""Blocks after the task, which is block 0."""


class RecordingStimuli(NamedTuple):
    """The frames and presentations after the task.

    Parameters
    ----------
    timestamps : numpy.ndarray
        Times of the frames of all three stimulus files (s).
    blocks : list of dict
        Columns of the presentations of gray, Gabor patches and flashes.
    replay_frames, replay_seconds : int, float
        Frames and seconds from each flash of the task to its replay.
    """

    timestamps: NDArray[np.float64]
    blocks: list[Columns]
    replay_frames: int
    replay_seconds: float


def simulate_recording_stimuli(task_timestamps: NDArray[np.float64], seed: int) -> RecordingStimuli:
    """Simulate the stimuli of a recording after a task.

    Parameters
    ----------
    task_timestamps : numpy.ndarray
        Times of the frames of the task (s).
    seed : int
        Seed of the order of the Gabor patches.
    """
    start = task_timestamps[-1] + GAP
    gabors = _gabors(start + GRAY_SECONDS, np.random.default_rng(seed))
    flashes = _flashes(gabors["end_time"][-1] + GRAY_SECONDS)
    mapping = np.arange(start, flashes["end_time"][-1] + FLASH_PERIOD, 1 / FRAME_RATE)
    replay_seconds = float(mapping[-1] + GAP - task_timestamps[0])
    gray = _shown(
        np.array([start, gabors["end_time"][-1]]), np.array([GRAY, MORE_GRAY]), "spontaneous", duration=GRAY_SECONDS
    )
    blocks = [gray, gabors, flashes]
    for block in blocks:
        first = len(task_timestamps)
        for time, frame in (("start_time", "start_frame"), ("end_time", "end_frame")):
            block[frame] = first + np.searchsorted(mapping, block[time] - 0.5 / FRAME_RATE)
            block[time] = block[time] + MONITOR_DELAY
    timestamps = np.concatenate([task_timestamps, mapping, task_timestamps + replay_seconds])
    return RecordingStimuli(timestamps, blocks, len(task_timestamps) + len(mapping), replay_seconds)


def replay(task: Mapping[str, NDArray[Any]], stimuli: RecordingStimuli) -> Columns:
    """Return the presentations of the replay, made of those of the task."""
    moved = dict(task)
    for name in ("start_time", "end_time"):
        moved[name] = task[name] + stimuli.replay_seconds
    for name in ("start_frame", "end_frame"):
        moved[name] = task[name] + stimuli.replay_frames
    count = len(task["start_time"])
    return moved | {"stimulus_block": np.full(count, REPLAY), "active": np.zeros(count, dtype=np.bool_)}


def _gabors(start: float, rng: np.random.Generator) -> Columns:
    grid = np.array([(x, y, angle) for x in POSITIONS for y in POSITIONS for angle in ORIENTATIONS])
    x, y, orientation = rng.permutation(grid).T
    columns = _shown(start + SHOWN_SECONDS * np.arange(len(x)), np.full(len(x), GABORS), "gabor_20_deg_250ms", 0)
    constants = {"contrast": 0.8, "spatial_frequency": 0.08, "temporal_frequency": 4.0}
    parameters = {"position_x": x, "position_y": y, "orientation": orientation}
    return columns | parameters | {name: np.full(len(x), value) for name, value in constants.items()}


def _flashes(start: float) -> Columns:
    columns = _shown(start + FLASH_PERIOD * np.arange(FLASHES), np.full(FLASHES, FLASHED), "flash_250ms", 1)
    color = np.where(np.arange(FLASHES) % 2, 1.0, -1.0)
    return columns | {"color": color, "contrast": np.full(FLASHES, 0.8)}


def _shown(
    start_time: NDArray[np.floating[Any]],
    block: NDArray[np.int64],
    name: str,
    index: int = MISSING_INTEGER,
    duration: float = SHOWN_SECONDS,
) -> Columns:
    count = len(start_time)
    missing = np.full(count, MISSING_INTEGER)
    return {
        "start_time": start_time,
        "end_time": start_time + duration,
        "duration": np.full(count, duration),
        "stimulus_block": block,
        "flashes_since_change": missing,
        "trials_id": missing,
        "is_sham_change": np.zeros(count, dtype=np.bool_),
        "active": np.zeros(count, dtype=np.bool_),
        "stimulus_name": np.full(count, name, dtype=object),
        "stimulus_index": np.full(count, index),
    }
