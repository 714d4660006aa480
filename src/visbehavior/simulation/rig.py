"""The stimulus pickle that the rig would write for a simulated session."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.stimulus_pickle import FRAME_RATE, Entry
from visbehavior.simulation.sequencer import (
    CATCH_PROBABILITY,
    CHANGE_FLASHES,
    FREE_REWARD_GROUPS,
    FREE_REWARD_MISSES,
    MAX_REPEATS,
    WARM_UP_TRIALS,
)
from visbehavior.simulation.stages import IMAGE_SET_FILES, ORIENTATIONS, Stage
from visbehavior.simulation.task import (
    AUTO_REWARD_VOLUME,
    FLASH_FRAMES,
    OMISSION_PROBABILITY,
    VOLUME_LIMIT,
    SessionLog,
    Trial,
)

Floats = NDArray[np.float64]
Values = dict[Entry | str, Any]
"""Values of the pickle by entry, or by the path of an entry that no table needs."""

GRAY_FRAMES = round(300 * FRAME_RATE)
"""Duration of the gray screen before the task, and of that before the movie (frames)."""
MOVIE_IMAGES, MOVIE_REPEATS, FRAMES_PER_MOVIE_IMAGE = 900, 10, 2
MOVIE_FRAMES = GRAY_FRAMES + MOVIE_IMAGES * MOVIE_REPEATS * FRAMES_PER_MOVIE_IMAGE
"""Duration of the gray screen before the movie and of the movie (frames)."""

FRAME_INTERVAL = 16.68
"""Mean frame interval (ms)."""
TIMESTAMP_SD, INTERVAL_SD = 0.0145, 0.006
"""Standard deviation of the time at which a frame is logged, and of the frame interval itself (ms)."""
DROPPED_FRAMES = {1: 2e-5, 2: 0.5e-5, 3: 0.5e-5}
"""Probability that this number of frames is dropped after a frame."""

IMAGE_FOLDER = "//simulated/image_dictionaries/"
_IMAGES, _GRATING = "images", "grating"
_GRATING_PHASE, _GRATING_FREQUENCY = 0.25, 0.04
_FLASH_SECONDS, _RESPONSE_SECONDS = (0.25, 0.5), (0.15, 0.75)


class SessionClock(NamedTuple):
    """Times of the frames of a session.

    Parameters
    ----------
    times : numpy.ndarray
        Time of each frame (s).
    task_start : int
        First frame of the task.
    """

    times: Floats
    task_start: int

    def at(self, frame: int) -> tuple[float, int]:
        """Return time (s) and frame of the session for a frame of the task."""
        return float(self.times[frame + self.task_start]), frame + self.task_start


def sample_frame_intervals(count: int, rng: np.random.Generator) -> Floats:
    """Return the intervals between `count` frames (ms)."""
    intervals = FRAME_INTERVAL + INTERVAL_SD * rng.normal(size=count - 1)
    # A late log entry makes one interval longer and the next one shorter.
    intervals += np.diff(TIMESTAMP_SD * rng.normal(size=count))
    draws = rng.random(count - 1)
    limit = 0.0
    for frames, probability in DROPPED_FRAMES.items():
        intervals[(draws >= limit) & (draws < limit + probability)] += frames * FRAME_INTERVAL
        limit += probability
    return intervals


def nest(values: Mapping[Entry | str, Any], stimulus: str) -> dict[str, Any]:
    """Return the pickle with each value at the keys of its entry.

    Parameters
    ----------
    values : dict
        Values by entry or path; entries of a dictionary come after the dictionary.
    stimulus : str
        Name of the stimulus.
    """
    content: dict[str, Any] = {}
    for entry, value in values.items():
        entry = Entry(entry, "", "") if isinstance(entry, str) else entry
        keys = entry.keys(stimulus=stimulus)
        parent: Any = content
        for key, following in itertools.pairwise(keys):
            if isinstance(parent, dict):
                parent.setdefault(key, [{}] if following == 0 else {})
            parent = parent[key]
        parent[keys[-1]] = value
    return content


def stimulus_name(stage: Stage) -> str:
    """Return the name of the stimulus of a stage."""
    return _IMAGES if stage.images else _GRATING


def behavior_values(
    stage: Stage, log: SessionLog, minutes: float, clock: SessionClock, intervals: Floats, encoder: tuple[Floats, ...]
) -> Values:
    """Return the values of the behavior session.

    Parameters
    ----------
    stage : Stage
        Stage of the session.
    log : SessionLog
        Events of the session.
    minutes : float
        Planned duration of the task (min).
    clock : SessionClock
        Times of the frames.
    intervals : numpy.ndarray
        Intervals between the frames (ms).
    encoder : tuple of numpy.ndarray
        Voltage (V), supply voltage (V) and rotation (deg) of the encoder at each frame.
    """
    trials = _trial_log(stage, log, clock)
    rewards = [reward for trial in trials for reward in trial[pickle.TRIAL_REWARDS.key]]
    signal, supply, rotation = encoder
    return {
        "trial_count": len(trials),
        pickle.TRIAL_LOG: trials,
        "rewards_dispensed": len(rewards),
        "volume_dispensed": float(sum(reward[0] for reward in rewards)),
        pickle.LICK_EVENTS: [frame + clock.task_start for frame in log.licks],
        pickle.ENCODER_SIGNAL: signal.tolist(),
        pickle.ENCODER_SUPPLY: supply.tolist(),
        pickle.ENCODER_ROTATION: rotation.astype(np.float32),
        pickle.INTERVALS: intervals,
        pickle.OMISSION_LOG: {f"{stimulus_name(stage)}_0": [frame + clock.task_start for frame in log.omissions]},
        **_stimulus_values(stage, log, clock),
        "items": {},
        **(_movie_values(log.n_frames + clock.task_start, len(clock.times)) if stage.has_movie else {}),
        **_parameter_values(stage, minutes),
        "update_count": len(clock.times),
    }


def _parameter_values(stage: Stage, minutes: float) -> Values:
    parameters: Values = {
        pickle.STAGE.path: stage.name,
        "params.task_id": "DoC",
        "params.reward_volume": stage.reward_volume,
        "params.auto_reward_vol": AUTO_REWARD_VOLUME,
        # The rigs write the int 0 for sessions without omissions.
        pickle.OMISSION_PROBABILITY.path: OMISSION_PROBABILITY if stage.has_omissions else 0,
        "params.periodic_flash": list(_FLASH_SECONDS) if stage.flashed else None,
        "params.change_time_dist": "geometric",
        "params.change_flashes_min": stage.min_change_flashes,
        "params.change_flashes_max": stage.min_change_flashes + CHANGE_FLASHES,
        "params.change_time_scale": 1 - stage.continuation_probability,
        "params.response_window": list(_RESPONSE_SECONDS),
        "params.failure_repeats": MAX_REPEATS,
        "params.free_reward_trials": FREE_REWARD_MISSES if stage.group in FREE_REWARD_GROUPS else 10_000,
        "params.warm_up_trials": -1 if stage.auto_rewarded else 0 if stage.passive else WARM_UP_TRIALS,
        "params.timeout_duration": 0.3,
        "params.max_task_duration_min": minutes,
        "params.volume_limit": VOLUME_LIMIT,
        "params.start_stop_padding": GRAY_FRAMES / FRAME_RATE if stage.has_movie else 0.0,
    }
    command_line: Values = {f"cl_{path}": value for path, value in parameters.items()}
    return {
        **parameters,
        **command_line,
        pickle.BLANK_DURATION: (0.5, 0.5),
        pickle.RESPONSE_WINDOW: list(_RESPONSE_SECONDS),
        pickle.CHANGE_DISTRIBUTION: "geometric",
        pickle.AUTO_REWARD_VOLUME: AUTO_REWARD_VOLUME,
        "config.DoC.catch_freq": CATCH_PROBABILITY,
        pickle.REWARD_VOLUME: stage.reward_volume,
        "config.behavior.task_id": "DoC",
    }


def _stimulus_values(stage: Stage, log: SessionLog, clock: SessionClock) -> Values:
    kind = pickle.IMAGE if stage.images else pickle.ORIENTATION
    # The first image is selected in the first frame of the session.
    selections = [(_image_name(stage, i), *(clock.at(frame) if frame else (0.0, 0))) for frame, i in log.selections]
    changes = [
        (_with_category(before), _with_category(after), time, frame)
        for (before, *_), (after, time, frame) in itertools.pairwise(selections)
    ]
    return {
        pickle.SET_LOG: [(kind, *selection) for selection in selections],
        "stimuli.<name>.change_log": changes,
        pickle.DRAW_LOG: _draw_log(stage, log, clock).tolist(),
        pickle.FLASH_INTERVAL: list(_FLASH_SECONDS) if stage.flashed else None,
        **(_image_values(stage) if stage.images else _grating_values()),
    }


def _image_values(stage: Stage) -> Values:
    path = IMAGE_FOLDER + IMAGE_SET_FILES[stage.image_set]
    return {
        pickle.STIMULUS_GROUPS: {name: [name] for name in stage.images},
        "stimuli.<name>.obj_type": "DoCImageStimulus",
        pickle.IMAGE_SET_PATH: path,
        "stimuli.<name>.image_path": path,
    }


def _grating_values() -> Values:
    return {
        pickle.STIMULUS_GROUPS: [[name, list(degrees)] for name, degrees in ORIENTATIONS.items()],
        "stimuli.<name>.obj_type": "DoCGratingStimulus",
        pickle.GRATING_PHASE: _GRATING_PHASE,
        pickle.GRATING_FREQUENCY: _GRATING_FREQUENCY,
    }


def _image_name(stage: Stage, image: int) -> str | int:
    """Return the name of an image, or the orientation of a grating (deg)."""
    degrees = [angle for group in ORIENTATIONS.values() for angle in group]
    return stage.images[image] if stage.images else degrees[image]


def _with_category(image: str | int) -> tuple[str, str | int]:
    """Return category and image; each image is its own category, and gratings have two."""
    if isinstance(image, str):
        return image, image
    return next(name for name, degrees in ORIENTATIONS.items() if image in degrees), image


def _draw_log(stage: Stage, log: SessionLog, clock: SessionClock) -> NDArray[np.int64]:
    """Return 1 for each frame in which an image is drawn, else 0."""
    drawn = np.zeros(len(clock.times), dtype=np.int64)
    if not stage.flashed:
        # The last frame has to be gray: it marks the end of the last image.
        drawn[clock.task_start : log.n_frames + clock.task_start - 1] = 1
        return drawn
    omitted = set(log.omissions)
    starts = np.array([frame for frame, _ in log.flashes if frame not in omitted], dtype=np.int64) + clock.task_start
    for frame in range(FLASH_FRAMES):
        drawn[starts + frame] = 1
    return drawn


def _trial_log(stage: Stage, log: SessionLog, clock: SessionClock) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = []
    count, volume = 0, 0.0
    for index, trial in enumerate(log.trials):
        first, after = np.searchsorted(log.licks, [trial.start, trial.stop + 1])
        rewards = [] if trial.reward is None else [(trial.reward[0], *clock.at(trial.reward[1]))]
        trials.append(
            {
                **_trial_values(stage, trial, clock),
                pickle.TRIAL_REWARDS.key: rewards,
                pickle.TRIAL_EVENTS.key: [[name, detail, *clock.at(frame)] for name, detail, frame in _events(trial)],
                pickle.TRIAL_INDEX.key: index,
                "cumulative_rewards": count,
                "cumulative_volume": volume,
                "licks": [clock.at(frame) for frame in log.licks[first:after]],
            }
        )
        count += len(rewards)
        volume += sum(reward[0] for reward in rewards)
    return trials


def _trial_values(stage: Stage, trial: Trial, clock: SessionClock) -> dict[str, Any]:
    changes = []
    if trial.change is not None and not trial.catch:
        before, after = (_with_category(_image_name(stage, image)) for image in trial.images)
        changes.append((before, after, *clock.at(trial.change)))
    return {
        pickle.TRIAL_PARAMS.key: {
            pickle.TRIAL_CATCH.key: trial.catch,
            pickle.TRIAL_AUTO_REWARD.key: trial.auto,
            "change_time": trial.change_time,
        },
        "success": _responded_in_window(trial) != trial.catch and not trial.auto,
        pickle.TRIAL_CHANGES.key: changes,
    }


def _events(trial: Trial) -> list[tuple[str, str, int]]:
    """Return name, detail and frame of the events of a trial, in order."""
    start, stop = trial.start, trial.stop
    events = [(pickle.TRIAL_START, "", start)]
    for period in ("initial_blank", "pre_change"):
        events += [(period, "enter", start), (period, "exit", start)]
    events.append(("stimulus_window", "enter", start))
    if trial.aborted is not None:
        lick = trial.aborted
        events += [
            ("early_response", "", lick),
            (pickle.ABORT, "", lick),
            ("timeout", "enter", lick),
            ("timeout", "exit", stop),
        ]
    elif trial.change is not None:
        events += _change_events(trial, trial.change)
        events += [("stimulus_window", "exit", stop), ("no_lick", "exit", stop)]
    return [*events, (pickle.TRIAL_END, "", stop)]


def _change_events(trial: Trial, change: int) -> list[tuple[str, str, int]]:
    """Return the events of a completed trial from its change to the end of the response window.

    The rig logs a lick before the response window of a catch trial as a false alarm, and later a rejection, too. It logs every
    trial with a free reward as a miss.
    """
    first, last = trial.window
    events = [(pickle.SHAM_CHANGE if trial.catch else pickle.STIMULUS_CHANGED, "", change)]
    if trial.auto:
        events.append(("auto_reward", "", change))
    window = [("response_window", "enter", first), ("response_window", "exit", last)]
    if trial.response is not None and not trial.auto:
        window.append((pickle.FALSE_ALARM if trial.catch else pickle.HIT, "", trial.response))
    events += sorted(window, key=lambda event: event[2])
    if _responded_in_window(trial):
        return events
    return [*events, (pickle.REJECTION if trial.catch else pickle.MISS, "", last)]


def _responded_in_window(trial: Trial) -> bool:
    """Return whether the rig logs a response in the response window."""
    return trial.response is not None and trial.response >= trial.window[0] and not trial.auto


def _movie_values(start: int, n_frames: int) -> Values:
    sweeps = MOVIE_IMAGES * MOVIE_REPEATS
    images = np.repeat(np.tile(np.arange(MOVIE_IMAGES), MOVIE_REPEATS), FRAMES_PER_MOVIE_IMAGE)
    return {
        "items.fingerprint.name": "fingerprint",
        pickle.MOVIE_START: start,
        "items.fingerprint.ending_frame": n_frames - 1,
        pickle.MOVIE_FRAMES: np.arange(start, start + MOVIE_FRAMES, dtype=np.uint32),
        pickle.MOVIE_RUNS: MOVIE_REPEATS,
        pickle.MOVIE_FRAME_LIST: np.concatenate([np.full(GRAY_FRAMES, -1), images]).astype(np.int32),
        pickle.MOVIE_SWEEPS: [(FRAMES_PER_MOVIE_IMAGE * i, FRAMES_PER_MOVIE_IMAGE * i + 1) for i in range(sweeps)],
        "items.fingerprint.static_stimulus.movie_path": IMAGE_FOLDER + "Movie_TOE1.npy",
    }
