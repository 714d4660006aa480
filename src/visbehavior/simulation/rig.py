"""What the rig writes of a session: the dictionary of a camstim pickle."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.stimulus_pickle import (
    ABORT,
    CHANGED,
    FALSE_ALARM,
    FRAME_RATE,
    HIT,
    IMAGE,
    MISS,
    ORIENTATION,
    REJECTION,
    SHAM_CHANGE,
    TRIAL_END,
    TRIAL_START,
)
from visbehavior.simulation.stages import ORIENTATIONS, SET_FILES, Stage
from visbehavior.simulation.task import (
    AUTO_REWARD_VOLUME,
    FLASH,
    FLASHES_MAX,
    OMITTED,
    REPEATS,
    VOLUME_LIMIT,
    WARM_UP,
    WINDOW,
    Played,
    Trial,
    outcome,
)

GRAY = round(300 * FRAME_RATE)
"""Frames of gray before the task, and between it and the movie."""
MOVIE_IMAGES, MOVIE_RUNS, MOVIE_FRAMES = 900, 10, 2
"""Images of the movie, how often it is shown, and frames that an image stays."""

INTERVAL, JITTER = 16.68, 0.03
"""From frame to frame (ms): mean and spread."""
DROPPED = 2e-5
"""Probability that a frame is missed."""

FOLDER = "//simulated/image_dictionaries/"
_STIMULUS, _GRATING = "images", "grating"
_PHASE, _FREQUENCY = 0.25, 0.04


def frame_intervals(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Milliseconds from each of so many frames to the next."""
    intervals = rng.normal(INTERVAL, JITTER, size=count - 1)
    intervals[rng.random(count - 1) < DROPPED] += INTERVAL
    return intervals


def write_behavior(
    stage: Stage,
    played: Played,
    intervals: NDArray[np.float64],
    offset: int,
    encoder: tuple[NDArray[np.float64], ...],
    minutes: float,
) -> dict[str, Any]:
    """The behavior part of the pickle.

    Parameters
    ----------
    stage : Stage
        What was played.
    played : Played
        What happened, in frames from the beginning of the task.
    intervals : numpy.ndarray
        Milliseconds between the frames of the whole session.
    offset : int
        The frame with which the task begins.
    encoder : tuple of numpy.ndarray
        Voltage, supply and rotation at each frame.
    minutes : float
        Of the task.
    """
    times = np.concatenate([[0.0], np.cumsum(intervals)]) / 1000
    log = _trial_log(stage, played, times, offset)
    v_sig, v_in, dx = encoder
    name = _STIMULUS if stage.images else _GRATING
    params = _params(stage, minutes)
    items: dict[str, Any] = {}
    if stage.surrounded:
        items["fingerprint"] = _fingerprint(played.end + offset, len(times))
    return {
        "trial_count": len(log),
        "trial_log": log,
        "rewards_dispensed": sum(len(trial["rewards"]) for trial in log),
        "volume_dispensed": float(sum(reward[0] for trial in log for reward in trial["rewards"])),
        "lick_sensors": [{"lick_events": [frame + offset for frame in played.licks]}],
        "encoders": [{"vsig": v_sig.tolist(), "vin": v_in.tolist(), "dx": dx.astype(np.float32)}],
        "intervalsms": intervals,
        "omitted_flash_frame_log": {f"{name}_0": [frame + offset for frame in played.omitted]},
        "stimuli": {name: _stimulus(stage, played, times, offset)},
        "items": items,
        "params": params,
        "cl_params": dict(params),
        "config": _config(stage, params),
        "update_count": len(times),
    }


def _params(stage: Stage, minutes: float) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "task_id": "DoC",
        "reward_volume": stage.reward_volume,
        "auto_reward_vol": AUTO_REWARD_VOLUME,
        # As rigs write it: a whole 0.
        "flash_omit_probability": OMITTED if stage.omits else 0,
        "periodic_flash": [0.25, 0.5] if stage.flashed else None,
        "change_time_dist": "geometric",
        "change_flashes_min": stage.fewest_flashes,
        "change_flashes_max": stage.fewest_flashes + FLASHES_MAX,
        "change_time_scale": 1 - stage.go_on,
        "response_window": [0.15, 0.75],
        "failure_repeats": REPEATS,
        "warm_up_trials": -1 if stage.auto_rewarded else 0 if stage.passive else WARM_UP,
        "timeout_duration": 0.3,
        "max_task_duration_min": minutes,
        "volume_limit": VOLUME_LIMIT,
        "start_stop_padding": GRAY / FRAME_RATE if stage.surrounded else 0.0,
    }


def _config(stage: Stage, params: dict[str, Any]) -> dict[str, Any]:
    task = {
        "blank_duration_range": (0.5, 0.5),
        "response_window": params["response_window"],
        "change_time_dist": params["change_time_dist"],
        "auto_reward_volume": AUTO_REWARD_VOLUME,
        "catch_freq": 0.125,
    }
    return {"DoC": task, "reward": {"reward_volume": stage.reward_volume}, "behavior": {"task_id": params["task_id"]}}


def _stimulus(stage: Stage, played: Played, times: NDArray[np.float64], offset: int) -> dict[str, Any]:
    """What was chosen and drawn."""
    named = [(frame + offset if frame else 0, _named(stage, image)) for frame, image in played.chosen]
    kind = IMAGE if stage.images else ORIENTATION
    changes = [
        ((before, after), float(times[frame]), frame) for (_, before), (frame, after) in itertools.pairwise(named)
    ]
    made: dict[str, Any] = {
        "set_log": [(kind, name, float(times[frame]), frame) for frame, name in named],
        "change_log": [((_category(a), a), (_category(b), b), time, frame) for (a, b), time, frame in changes],
        "draw_log": _drawn(stage, played, len(times), offset).tolist(),
        "flash_interval_sec": [0.25, 0.5] if stage.flashed else None,
    }
    if not stage.images:
        made["stim_groups"] = [[name, list(degrees)] for name, degrees in ORIENTATIONS.items()]
        return made | {"obj_type": "DoCGratingStimulus", "phase": _PHASE, "sf": _FREQUENCY}
    path = FOLDER + SET_FILES[stage.image_set]
    made["stim_groups"] = {name: [name] for name in stage.images}
    return made | {"obj_type": "DoCImageStimulus", "image_set": path, "image_path": path}


def _named(stage: Stage, image: int) -> str | int:
    degrees = [angle for group in ORIENTATIONS.values() for angle in group]
    return stage.images[image] if stage.images else degrees[image]


def _category(name: str | int) -> str:
    """Each image is a category of its own; gratings have two."""
    return str(name) if isinstance(name, str) else next(k for k, angles in ORIENTATIONS.items() if name in angles)


def _drawn(stage: Stage, played: Played, count: int, offset: int) -> NDArray[np.int64]:
    """1 in each frame in which an image was up."""
    drawn = np.zeros(count, dtype=np.int64)
    if not stage.flashed:
        # The last frame is gray: when an image ended would not be known otherwise.
        drawn[offset : played.end + offset - 1] = 1
        return drawn
    omitted = set(played.omitted)
    starts = np.array([frame for frame, _ in played.flashes if frame not in omitted], dtype=np.int64) + offset
    for frame in range(FLASH):
        drawn[starts + frame] = 1
    return drawn


def _trial_log(stage: Stage, played: Played, times: NDArray[np.float64], offset: int) -> list[dict[str, Any]]:
    licks = np.array(played.licks, dtype=np.int64) + offset
    log: list[dict[str, Any]] = []
    count, volume = 0, 0.0
    for index, trial in enumerate(played.trials):
        begin, end = np.searchsorted(licks, [trial.start + offset, trial.stop + offset + 1])
        entry = _logged(stage, trial, times, offset)
        entry |= {"index": index, "cumulative_rewards": count, "cumulative_volume": volume}
        entry["licks"] = [(float(times[frame]), int(frame)) for frame in licks[begin:end]]
        count += len(entry["rewards"])
        volume += sum(reward[0] for reward in entry["rewards"])
        log.append(entry)
    return log


def _logged(stage: Stage, trial: Trial, times: NDArray[np.float64], offset: int) -> dict[str, Any]:
    came = outcome(trial)
    rewards, changes = [], []
    if trial.reward is not None:
        volume, frame = trial.reward
        rewards.append((volume, float(times[frame + offset]), frame + offset))
    if trial.change is not None and not trial.catch:
        before, after = (_named(stage, image) for image in trial.images)
        frame = trial.change + offset
        changes.append(((_category(before), before), (_category(after), after), float(times[frame]), frame))
    return {
        "trial_params": {"catch": trial.catch, "auto_reward": trial.auto, "change_time": trial.change_time},
        "success": came["hit"] or came["correct_reject"],
        "stimulus_changes": changes,
        "rewards": rewards,
        "events": [[name, what, float(times[f + offset]), f + offset] for name, what, f in _events(trial)],
    }


def _events(trial: Trial) -> list[tuple[str, str, int]]:
    """Name, detail, and frame from the beginning of the task, in order."""
    events = [(TRIAL_START, "", trial.start)]
    for part in ("initial_blank", "pre_change"):
        events += [(part, "enter", trial.start), (part, "exit", trial.start)]
    events.append(("stimulus_window", "enter", trial.start))
    if trial.aborted is not None:
        lick, stop = trial.aborted, trial.stop
        events += [
            ("early_response", "", lick),
            (ABORT, "", lick),
            ("timeout", "enter", lick),
            ("timeout", "exit", stop),
        ]
    else:
        events += _of_change(trial)
        events += [("stimulus_window", "exit", trial.stop), ("no_lick", "exit", trial.stop)]
    return [*events, (TRIAL_END, "", trial.stop)]


def _of_change(trial: Trial) -> list[tuple[str, str, int]]:
    assert trial.change is not None
    opens, closes = (trial.change + frames for frames in WINDOW)
    events = [(SHAM_CHANGE if trial.catch else CHANGED, "", trial.change)]
    if trial.auto:
        events.append(("auto_reward", "", trial.change))
    events.append(("response_window", "enter", opens))
    if trial.response is not None:
        events += [(FALSE_ALARM if trial.catch else HIT, "", trial.response), ("response_window", "exit", closes)]
    else:
        events += [("response_window", "exit", closes), (REJECTION if trial.catch else MISS, "", closes)]
    return events


def movie_frames() -> int:
    """Frames of the gray before the movie, and of the movie."""
    return GRAY + MOVIE_IMAGES * MOVIE_RUNS * MOVIE_FRAMES


def _fingerprint(start: int, count: int) -> dict[str, Any]:
    sweeps = MOVIE_IMAGES * MOVIE_RUNS
    shown = np.repeat(np.tile(np.arange(MOVIE_IMAGES), MOVIE_RUNS), MOVIE_FRAMES)
    return {
        "name": "fingerprint",
        "starting_frame": start,
        "ending_frame": count - 1,
        "frame_indices": np.arange(start, start + GRAY + len(shown), dtype=np.uint32),
        "static_stimulus": {
            "runs": MOVIE_RUNS,
            "frame_list": np.concatenate([np.full(GRAY, -1), shown]).astype(np.int32),
            "sweep_frames": [(MOVIE_FRAMES * i, MOVIE_FRAMES * i + 1) for i in range(sweeps)],
            "movie_path": FOLDER + "Movie_TOE1.npy",
        },
    }
