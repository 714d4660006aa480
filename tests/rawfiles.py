"""Synthetic pickles of the change detection task, in the format of a rig.

They do not use the declarations of the package, so that a wrong declaration fails a test.
"""

from __future__ import annotations

import collections
import copy
import datetime
import gzip
import pathlib
import pickle as pickles
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np

from visbehavior import BehaviorSession

Pickle = dict[str, Any]

IMAGES = ("im065", "im077", "im066", "im061", "im063", "im062", "im085", "im069")
ORIENTATIONS = {0: "horizontal", 90: "vertical", 180: "horizontal", 270: "vertical"}
IMAGE_SET = "//allen/image_dictionaries/Natural_Images_Lum_Matched_set_training_2017.07.14.pkl"
FLASH, CYCLE = 15, 45
SHORT_GRAY, LONG_GRAY, SLOWDOWN = 200, 3000, 6
MOVIE_IMAGES, RUNS = 60, 2
MILLISECONDS = 1000 / 60
LOG_CLOCK_OFFSET = 6.0
TOP, SUPPLY = 4.87, 4.884
OUTCOMES = ("aborted", "auto", "hit", "miss", "false_alarm", "correct_reject")
NO_LICK_OUTCOMES = ("miss", "auto", "correct_reject")
PASSIVE_OUTCOMES = ("miss", "correct_reject")


def logged_time(frame: int) -> np.float64:
    """Return the time that a rig logs for a frame; it is from another clock and must not be read."""
    return np.float64(LOG_CLOCK_OFFSET + frame * MILLISECONDS / 1000 + 0.0021)


def event(name: str, frame: int, detail: str = "") -> list[Any]:
    return [name, detail, logged_time(frame), frame]


# Trials


def sample_image(stimulus: str, rng: np.random.Generator, other_than: Any = None) -> Any:
    """Return the name of an image or an orientation, different from `other_than`."""
    choices = list(IMAGES) if stimulus == "images" else list(ORIENTATIONS)
    return [image for image in choices if image != other_than][rng.integers(len(choices) - (other_than is not None))]


def with_category(image: Any) -> tuple[Any, Any]:
    """Return category and image."""
    return (image, image) if isinstance(image, str) else (ORIENTATIONS[image], image)


def outcome_events(outcome: str, change: int, lick: int) -> list[list[Any]]:
    """Return the events from the change on."""
    changed = event("sham_change" if outcome in ("false_alarm", "correct_reject") else "stimulus_changed", change)
    end = change + 46
    judged_auto = event("hit", lick) if change + 9 <= lick < end else event("miss", end)
    judged = {
        "auto": [event("auto_reward", change), judged_auto],
        "hit": [event("hit", lick)],
        "miss": [event("miss", end)],
        "false_alarm": [event("false_alarm", lick)],
        "correct_reject": [event("rejection", end)],
    }
    return [changed, event("response_window", change + 9, "enter"), *judged[outcome]]


def lick_frames(outcome: str, start: int, change: int, rng: np.random.Generator) -> list[int]:
    """Return the licks of a trial. The first decides the outcome; misses may have a lick in the frame of the change."""
    first = {"aborted": start + int(rng.integers(1, 170)), "auto": change + int(rng.integers(-3, 60))}
    late = change + int(rng.integers(47, 200))
    decisive = first.get(outcome, change + int(rng.integers(9, 46)) if outcome in ("hit", "false_alarm") else late)
    if outcome not in ("hit", "false_alarm", "aborted") and rng.random() < 0.4:
        return []
    early = [change] if outcome == "miss" and rng.random() < 0.5 else []
    bout = [decisive + 9 * i for i in range(rng.integers(1, 6))]
    return early + (bout if outcome != "aborted" else bout[:2])


def make_trial(index: int, outcome: str, start: int, pair: tuple[Any, Any], rng: np.random.Generator) -> Pickle:
    """Return an entry of the trial log; the additional key `frames` has its change, end and licks."""
    change = start + CYCLE * int(rng.integers(4, 7))
    licks = lick_frames(outcome, start, change, rng)
    events = [event("trial_start", start), event("initial_blank", start, "enter"), event("pre_change", start, "exit")]
    if outcome == "aborted":
        end = licks[0] + 30
        events += [event("early_response", licks[0]), event("abort", licks[0])]
    else:
        end = change + 46 + int(rng.integers(150, 220))
        events += outcome_events(outcome, change, licks[0] if licks else change)
    changes = outcome in ("auto", "hit", "miss")
    rewards = {"auto": (0.005, change + 10), "hit": (0.007, licks[0] if licks else change)}
    volume, frame = rewards.get(outcome, (0.0, 0))
    from_to = [(*(with_category(image) for image in pair), logged_time(change), change)]
    return {
        "index": index,
        "trial_params": {"catch": outcome in ("false_alarm", "correct_reject"), "auto_reward": outcome == "auto"},
        "events": [*events, event("trial_end", end)],
        "rewards": [(volume, logged_time(frame), frame)] if outcome in rewards else [],
        "stimulus_changes": from_to if changes else [],
        "frames": {"change": change if changes else None, "end": end, "licks": licks},
    }


def make_trials(stimulus: str, outcomes: list[str], first: int, rng: np.random.Generator) -> tuple[list[Pickle], list]:
    """Return the trial log and the set log (kind, image, time, frame)."""
    kind, shown = ("Image" if stimulus == "images" else "Ori"), sample_image(stimulus, rng)
    log, selected, start = [], [(kind, shown, logged_time(0), 0)], first
    for index, outcome in enumerate(outcomes):
        following = sample_image(stimulus, rng, other_than=shown)
        log.append(make_trial(index, outcome, start, (shown, following), rng))
        frames = log[-1]["frames"]
        if frames["change"] is not None:
            shown = following
            selected.append((kind, shown, logged_time(frames["change"]), frames["change"]))
        start = first + CYCLE * ((frames["end"] - first) // CYCLE + 1)
    return log, selected


# Stimuli


def make_draw_log(n: int, starts: list[int], end: int, flashes: bool, rng: np.random.Generator) -> list[int]:
    """Return 1 for each frame with an image: flashes of variable duration, or one image until the end."""
    log = [0] * n
    if not flashes:
        log[starts[0] : end] = [1] * (end - starts[0])
    for frame in starts if flashes else []:
        length = FLASH + int(rng.choice([0, 0, 0, -1, 2]))
        log[frame : frame + length] = [1] * length
    return log


def sample_omissions(first: int, end: int, shown: set[int], rng: np.random.Generator) -> list[int]:
    """Return the omitted flashes: the last one and random others, but never the first or a change."""
    flashes = list(range(first + CYCLE, end, CYCLE))
    return [frame for frame in flashes if frame not in shown and (frame == flashes[-1] or rng.random() < 0.1)]


def omission_log(omitted: list[int], first: int, early: bool) -> list[int]:
    """Return the log: one omission is repeated, two others are within 3 frames of an image, one 4 frames from it."""
    near_images = [first + CYCLE * 2 + 3, first + CYCLE * 3 - 3, first + CYCLE * 4 - 4]
    return sorted(([first - 20] if early else []) + omitted[:1] + omitted + near_images)


def make_intervals(n: int, slow: int, rng: np.random.Generator) -> Any:
    """Return intervals at 60 Hz after slow frames at the start, which give five minutes of gray in a small file."""
    intervals = rng.normal(MILLISECONDS, 0.3, n - 1)
    intervals[:slow] *= SLOWDOWN
    return intervals


def make_stimulus(stimulus: str, selected: list[Any], draw_log: list[int], flashes: bool) -> Pickle:
    """Return an entry of `stimuli`."""
    groups = [[name, [0, 180] if name == "horizontal" else [90, 270]] for name in ("horizontal", "vertical")]
    images = {
        "image_set": IMAGE_SET,
        "stim_groups": collections.OrderedDict((name, [name]) for name in IMAGES),
    }
    gratings = {"stim_groups": groups, "phase": 0.25, "sf": 0.04}
    return {
        "set_log": selected,
        "draw_log": draw_log,
        "flash_interval_sec": [0.25, 0.5] if flashes else None,
        **(images if stimulus == "images" else gratings),
    }


def make_movie(start: int, n: int, rng: np.random.Generator) -> Pickle:
    """Return a movie with two frames per image after a gray screen; some frames are dropped."""
    movie = MOVIE_IMAGES * RUNS * 2
    gray = n - start - movie - 5
    indices = np.delete(np.arange(start, n), rng.choice(np.arange(gray, n - start - 1), 5, replace=False))
    return {
        "starting_frame": start,
        "frame_indices": indices.astype(np.uint32),
        "static_stimulus": {
            "sweep_frames": [(2 * i, 2 * i + 1) for i in range(MOVIE_IMAGES * RUNS)],
            "frame_list": np.r_[np.full(gray, -1), np.repeat(np.arange(MOVIE_IMAGES * RUNS), 2)].astype(np.int32),
            "runs": RUNS,
        },
    }


# Encoder


def make_encoder(n: int, rng: np.random.Generator, backward: bool, surplus: int) -> Pickle:
    """Return an encoder with running, rest, backward running, wraps, steps of more than 1 V and outliers."""
    steps = np.repeat(rng.choice([0.0, 0.02, 0.06, -0.03], n // 300 + 2, p=[0.3, 0.3, 0.3, 0.1]), 300)[: n + surplus]
    angle = np.cumsum(steps * rng.normal(1, 0.2, n + surplus)) * (-1 if backward else 1)
    v = (angle + rng.uniform(0, TOP)) % TOP + rng.normal(0, 0.002, n + surplus)
    v[rng.choice(n, 8, replace=False)] = 2.5
    v[rng.choice(n, 3, replace=False)] = 5.2
    v[rng.choice(n, 4, replace=False)] += 0.9
    vin = SUPPLY + rng.choice([0.0, 0.0013], n + surplus)
    return {"vsig": v.tolist(), "vin": vin.tolist(), "dx": np.diff(v, prepend=v[0]).astype(np.float32)}


# Pickle


def session_type(stimulus: str, movie: bool, passive: bool) -> str:
    name = "OPHYS_1_" if movie else "TRAINING_3_"
    return name + ("images_A" if stimulus == "images" else "gratings") + ("_passive" if passive else "")


def settings(stage: str, omissions: bool) -> Pickle:
    """Return `params`, `cl_params` and `config`."""
    task = {
        "response_window": [0.15, 0.75],
        "blank_duration_range": (0.5, 0.5),
        "change_time_dist": "geometric",
        "auto_reward_volume": 0.005,
    }
    params = {"stage": stage, "flash_omit_probability": 0.05 if omissions else 0}
    return {
        "params": params,
        "cl_params": {"stage": stage},
        "config": {"DoC": task, "reward": {"reward_volume": 0.007}},
    }


def sample_outcomes(licks: bool, passive: bool, count: int, rng: np.random.Generator) -> list[str]:
    """Return random outcomes, with each possible one at least once."""
    possible = PASSIVE_OUTCOMES if passive else OUTCOMES if licks else NO_LICK_OUTCOMES
    outcomes = [*possible, *rng.choice(possible, max(0, count - len(possible)))]
    return [str(outcome) for outcome in rng.permutation(outcomes)]


def lick_log(trials: list[Pickle], n: int, first: int) -> list[int]:
    """Return the licks, including some before the first trial, in first frames of trials, and after the last frame."""
    starts = [trial["events"][0][3] for trial in trials[1:4]]
    frames = {first - 50, first, n - 5, n, *starts, *(frame for trial in trials for frame in trial["frames"]["licks"])}
    return sorted(frame for frame in frames if 0 <= frame <= n)


def make_raw(
    *,
    stimulus: str = "images",
    omissions: bool = True,
    movie: bool = True,
    gray_before: bool = True,
    licks: bool = True,
    passive: bool = False,
    begins_with_omission: bool = False,
    backward: bool = False,
    surplus: int = 0,
    trials: int = 24,
    seed: int = 0,
) -> Pickle:
    """Return a pickle. Gratings without omissions stay on; a passive session has no licks and no rewards."""
    rng = np.random.default_rng(seed)
    first = SHORT_GRAY + (LONG_GRAY if gray_before else 0)
    flashes, licks = stimulus == "images" or omissions, licks and not passive
    log, selected = make_trials(stimulus, sample_outcomes(licks, passive, trials, rng), first, rng)
    end = first + CYCLE * ((log[-1]["frames"]["end"] - first) // CYCLE + 2)
    n = end + (SHORT_GRAY + MOVIE_IMAGES * RUNS * 2 if movie else 8)
    omitted = sample_omissions(first, end, {entry[3] for entry in selected}, rng) if omissions else []
    name = "images" if stimulus == "images" else "grating"
    starts = [frame for frame in range(first, end, CYCLE) if frame not in omitted]
    draw_log = make_draw_log(n, starts, end, flashes, rng)
    session = {
        "intervalsms": make_intervals(n, LONG_GRAY if gray_before else 0, rng),
        "lick_sensors": [{"lick_events": lick_log(log, n, first) if licks else []}],
        "encoders": [make_encoder(n, rng, backward, surplus)],
        "stimuli": {name: make_stimulus(stimulus, selected, draw_log, flashes)},
        "items": {"fingerprint": make_movie(end, n, rng)} if movie else {},
        "trial_log": [{key: value for key, value in trial.items() if key != "frames"} for trial in log],
        **settings(session_type(stimulus, movie, passive), omissions),
    }
    if omissions:
        session["omitted_flash_frame_log"] = {f"{name}_0": omission_log(omitted, first, begins_with_omission)}
    return {
        "start_time": datetime.datetime(2019, 4, 11, 19, 31, 50),
        "session_uuid": str(uuid.UUID(int=seed)),
        "items": {"behavior": session},
    }


def write_raw(path: pathlib.Path, pickle: Pickle, protocol: int = 2) -> pathlib.Path:
    """Write a pickle, gzipped if its name ends with .gz; return the path."""
    content = pickles.dumps(pickle, protocol=protocol)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def session_data(path: pathlib.Path, **others: Any) -> dict[str, Any]:
    """Return complete session_data for the pickle at this path."""
    return {
        "behavior_session_id": 990200001,
        "external_specimen_name": 445002,
        "sex": "M",
        "age": "P99",
        "rig_name": "CAM2P.3",
        "full_genotype": "Slc17a7-IRES2-Cre/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/wt",
        "reporter_line": ["Ai93(TITL-GCaMP6f)"],
        "driver_line": ["Slc17a7-IRES2-Cre", "Camk2a-tTA"],
        "date_of_acquisition": "2019-04-11 12:31:50",
        "prior_images_shown": list(IMAGES[:5]),
        "project_code": "VisualBehavior",
        "behavior_stimulus_file": str(path),
        **others,
    }


def session_of(pickle: Pickle, **others: Any) -> BehaviorSession:
    """Return the session of a pickle in memory; `others` are entries of session_data."""
    return BehaviorSession.from_json(session_data(pathlib.Path(), **{"behavior_stimulus_file": pickle, **others}))


def changed_session(pickle: Pickle, change: Callable[[Pickle], Any]) -> BehaviorSession:
    """Return the session of a pickle after a change of its behavior session."""
    changed = copy.deepcopy(pickle)
    change(changed["items"]["behavior"])
    return session_of(changed)
