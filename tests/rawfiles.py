"""Made-up pickles of the change detection task, with what is read of them in the shapes in which a rig writes it."""

from __future__ import annotations

import collections
import datetime
import gzip
import pathlib
import pickle as pickles
import uuid
from typing import Any

import numpy as np

Pickle = dict[str, Any]

IMAGES = ("im065", "im077", "im066", "im061", "im063", "im062", "im085", "im069")
ORIENTATIONS = {0: "horizontal", 90: "vertical", 180: "horizontal", 270: "vertical"}
IMAGE_SET = "//allen/image_dictionaries/Natural_Images_Lum_Matched_set_training_2017.07.14.pkl"
FLASH, CYCLE = 15, 45
SHORT_GRAY, SLOW_GRAY, SLOWER = 200, 3000, 6
SWEEPS, RUNS = 60, 2
MILLISECONDS = 1000 / 60
LOGGED_LATE = 6.0
TOP, SUPPLY = 4.87, 4.884
OUTCOMES = ("aborted", "auto", "hit", "miss", "false_alarm", "correct_reject")
WITHOUT_LICKS = ("miss", "auto", "correct_reject")
PASSIVE = ("miss", "correct_reject")


def seconds(frame: int) -> np.float64:
    """What a rig logs beside a frame: by another clock, so not to be used."""
    return np.float64(LOGGED_LATE + frame * MILLISECONDS / 1000 + 0.0021)


def event(name: str, frame: int, detail: str = "") -> list[Any]:
    return [name, detail, seconds(frame), frame]


# Trials


def choose(stimulus: str, rng: np.random.Generator, other_than: Any = None) -> Any:
    """An image's name or an orientation as a rig pickles it, another one than this."""
    choices = list(IMAGES) if stimulus == "images" else list(ORIENTATIONS)
    return [what for what in choices if what != other_than][rng.integers(len(choices) - (other_than is not None))]


def called(what: Any) -> tuple[Any, Any]:
    """An image with its category."""
    return (what, what) if isinstance(what, str) else (ORIENTATIONS[what], what)


def outcome_events(outcome: str, change: int, lick: int) -> list[list[Any]]:
    """What the rig logs from the change on."""
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
    """The first lick decides; others follow it, some in the frame of the change or in the one in which the next begins."""
    first = {"aborted": start + int(rng.integers(1, 170)), "auto": change + int(rng.integers(-3, 60))}
    late = change + int(rng.integers(47, 200))
    decisive = first.get(outcome, change + int(rng.integers(9, 46)) if outcome in ("hit", "false_alarm") else late)
    if outcome not in ("hit", "false_alarm", "aborted") and rng.random() < 0.4:
        return []
    early = [change] if outcome == "miss" and rng.random() < 0.5 else []
    bout = [decisive + 9 * i for i in range(rng.integers(1, 6))]
    return early + (bout if outcome != "aborted" else bout[:2])


def make_trial(index: int, outcome: str, start: int, pair: tuple[Any, Any], rng: np.random.Generator) -> Pickle:
    """An entry of the trial log; `frames` holds its change, its end and its licks, and is taken out again."""
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
    given = {"auto": (0.005, change + 10), "hit": (0.007, licks[0] if licks else change)}
    volume, frame = given.get(outcome, (0.0, 0))
    from_to = [(*(called(what) for what in pair), seconds(change), change)]
    return {
        "index": index,
        "trial_params": {"catch": outcome in ("false_alarm", "correct_reject"), "auto_reward": outcome == "auto"},
        "events": [*events, event("trial_end", end)],
        "rewards": [(volume, seconds(frame), frame)] if outcome in given else [],
        "stimulus_changes": from_to if changes else [],
        "frames": {"change": change if changes else None, "end": end, "licks": licks},
    }


def make_trials(stimulus: str, outcomes: list[str], first: int, rng: np.random.Generator) -> tuple[list[Pickle], list]:
    """The trial log, and the set log, (kind, what, time, frame), that goes with it."""
    kind, shown = ("Image" if stimulus == "images" else "Ori"), choose(stimulus, rng)
    log, chosen, start = [], [(kind, shown, seconds(0), 0)], first
    for index, outcome in enumerate(outcomes):
        following = choose(stimulus, rng, other_than=shown)
        log.append(make_trial(index, outcome, start, (shown, following), rng))
        frames = log[-1]["frames"]
        if frames["change"] is not None:
            shown = following
            chosen.append((kind, shown, seconds(frames["change"]), frames["change"]))
        start = first + CYCLE * ((frames["end"] - first) // CYCLE + 1)
    return log, chosen


# The screen


def draw_screen(n: int, begins: list[int], end: int, flashes: bool, rng: np.random.Generator) -> list[int]:
    """1 in each frame with an image: flashes that begin in these frames, not all equally long, or all up to the end."""
    log = [0] * n
    if not flashes:
        log[begins[0] : end] = [1] * (end - begins[0])
    for frame in begins if flashes else []:
        length = FLASH + int(rng.choice([0, 0, 0, -1, 2]))
        log[frame : frame + length] = [1] * length
    return log


def leave_out(first: int, end: int, kept: set[int], rng: np.random.Generator) -> list[int]:
    """Flashes that are left out, the last one among them, but never the first or the image that a change shows."""
    flashes = list(range(first + CYCLE, end, CYCLE))
    return [frame for frame in flashes if frame not in kept and (frame == flashes[-1] or rng.random() < 0.1)]


def omission_log(left_out: list[int], first: int, early: bool) -> list[int]:
    """As logged: one twice, two beside images that were shown after all, one not near enough to one."""
    beside = [first + CYCLE * 2 + 3, first + CYCLE * 3 - 3, first + CYCLE * 4 - 4]
    return sorted(([first - 20] if early else []) + left_out[:1] + left_out + beside)


def make_intervals(n: int, slow: int, rng: np.random.Generator) -> Any:
    """At 60 Hz, but for slow frames at the beginning: five minutes of gray in a small file."""
    intervals = rng.normal(MILLISECONDS, 0.3, n - 1)
    intervals[:slow] *= SLOWER
    return intervals


def make_stimulus(stimulus: str, chosen: list[Any], draw_log: list[int], flashes: bool) -> Pickle:
    """An entry of `stimuli`."""
    groups = [[name, [0, 180] if name == "horizontal" else [90, 270]] for name in ("horizontal", "vertical")]
    images = {
        "image_set": IMAGE_SET,
        "stim_groups": collections.OrderedDict((name, [name]) for name in IMAGES),
    }
    gratings = {"stim_groups": groups, "phase": 0.25, "sf": 0.04}
    return {
        "set_log": chosen,
        "draw_log": draw_log,
        "flash_interval_sec": [0.25, 0.5] if flashes else None,
        **(images if stimulus == "images" else gratings),
    }


def make_movie(start: int, n: int, rng: np.random.Generator) -> Pickle:
    """A movie, two frames an image, after some gray; some frames were dropped."""
    shown = SWEEPS * RUNS * 2
    gray = n - start - shown - 5
    indices = np.delete(np.arange(start, n), rng.choice(np.arange(gray, n - start - 1), 5, replace=False))
    return {
        "starting_frame": start,
        "frame_indices": indices.astype(np.uint32),
        "static_stimulus": {
            "sweep_frames": [(2 * i, 2 * i + 1) for i in range(SWEEPS * RUNS)],
            "frame_list": np.r_[np.full(gray, -1), np.repeat(np.arange(SWEEPS * RUNS), 2)].astype(np.int32),
            "runs": RUNS,
        },
    }


# The wheel


def make_encoder(n: int, rng: np.random.Generator, backward: bool, surplus: int) -> Pickle:
    """A wheel that runs, rests and turns back, with wraps either way, jumps of more than 1 V and a few outliers."""
    pace = np.repeat(rng.choice([0.0, 0.02, 0.06, -0.03], n // 300 + 2, p=[0.3, 0.3, 0.3, 0.1]), 300)[: n + surplus]
    turned = np.cumsum(pace * rng.normal(1, 0.2, n + surplus)) * (-1 if backward else 1)
    v = (turned + rng.uniform(0, TOP)) % TOP + rng.normal(0, 0.002, n + surplus)
    v[rng.choice(n, 8, replace=False)] = 2.5
    v[rng.choice(n, 3, replace=False)] = 5.2
    v[rng.choice(n, 4, replace=False)] += 0.9
    vin = SUPPLY + rng.choice([0.0, 0.0013], n + surplus)
    return {"vsig": v.tolist(), "vin": vin.tolist(), "dx": np.diff(v, prepend=v[0]).astype(np.float32)}


# The whole


def stage_of(stimulus: str, movie: bool, passive: bool) -> str:
    name = "OPHYS_1_" if movie else "TRAINING_3_"
    return name + ("images_A" if stimulus == "images" else "gratings") + ("_passive" if passive else "")


def settings(stage: str, omissions: bool) -> Pickle:
    """`params`, `cl_params` and `config`."""
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


def draw_outcomes(licks: bool, passive: bool, count: int, rng: np.random.Generator) -> list[str]:
    """Each outcome that there can be at least once."""
    possible = PASSIVE if passive else OUTCOMES if licks else WITHOUT_LICKS
    lots = [*possible, *rng.choice(possible, max(0, count - len(possible)))]
    return [str(outcome) for outcome in rng.permutation(lots)]


def lick_log(trials: list[Pickle], n: int, first: int) -> list[int]:
    """Licks of all trials, also before the first and in its first frame, where the next begins, and one past the end."""
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
    """A pickle; gratings that are never omitted stay on the screen, a passive session has neither licks nor rewards."""
    rng = np.random.default_rng(seed)
    first = SHORT_GRAY + (SLOW_GRAY if gray_before else 0)
    flashes, licks = stimulus == "images" or omissions, licks and not passive
    log, chosen = make_trials(stimulus, draw_outcomes(licks, passive, trials, rng), first, rng)
    end = first + CYCLE * ((log[-1]["frames"]["end"] - first) // CYCLE + 2)
    n = end + (SHORT_GRAY + SWEEPS * RUNS * 2 if movie else 8)
    left_out = leave_out(first, end, {entry[3] for entry in chosen}, rng) if omissions else []
    name = "images" if stimulus == "images" else "grating"
    begins = [frame for frame in range(first, end, CYCLE) if frame not in left_out]
    draw_log = draw_screen(n, begins, end, flashes, rng)
    session = {
        "intervalsms": make_intervals(n, SLOW_GRAY if gray_before else 0, rng),
        "lick_sensors": [{"lick_events": lick_log(log, n, first) if licks else []}],
        "encoders": [make_encoder(n, rng, backward, surplus)],
        "stimuli": {name: make_stimulus(stimulus, chosen, draw_log, flashes)},
        "items": {"fingerprint": make_movie(end, n, rng)} if movie else {},
        "trial_log": [{key: value for key, value in trial.items() if key != "frames"} for trial in log],
        **settings(stage_of(stimulus, movie, passive), omissions),
    }
    if omissions:
        session["omitted_flash_frame_log"] = {f"{name}_0": omission_log(left_out, first, begins_with_omission)}
    return {
        "start_time": datetime.datetime(2019, 4, 11, 19, 31, 50),
        "session_uuid": str(uuid.UUID(int=seed)),
        "items": {"behavior": session},
    }


def write_raw(path: pathlib.Path, pickle: Pickle, protocol: int = 2) -> pathlib.Path:
    """The pickle as a file, packed if its name ends with .gz."""
    plain = pickles.dumps(pickle, protocol=protocol)
    path.write_bytes(gzip.compress(plain, mtime=0) if path.suffix == ".gz" else plain)
    return path


def session_data(path: pathlib.Path, **more: Any) -> dict[str, Any]:
    """What `from_json` takes, for the pickle at this path."""
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
        **more,
    }
