"""Slow reference implementation of `visbehavior.raw`, by frame, trial and presentation.

It is written from the definitions and does not use the declarations of the package. A pickle is its unpickled dictionary. A table is a
dictionary of lists with one item per row; None stands for a missing text or bool, NaN for a missing number. Presentations are those that
AllenSDK reads from the NWB file that it wrote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import signal

from tests import reference

Pickle = dict[str, Any]
Table = dict[str, list[Any]]
Row = dict[str, Any]

NAN = math.nan
MISSING = -99
DELAY = 0.02115
WHEEL_RADIUS = 0.5 * (2 * 6.5 * 2.54 / 3)
TRIAL_COLUMNS = (
    *("trials_id", "start_time", "stop_time", "initial_image_name", "change_image_name", "is_change", "change_time"),
    *("go", "catch", "lick_times", "response_time", "response_latency", "reward_time", "reward_volume", "hit"),
    *("false_alarm", "miss", "correct_reject", "aborted", "auto_rewarded", "change_frame", "trial_length"),
)


# Pickle


def behavior(pickle: Pickle) -> Pickle:
    """Return the behavior session."""
    return pickle["items"]["behavior"]


def text(value: Any) -> str:
    """Return text; Python 2 pickled it as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def is_text(value: Any) -> bool:
    """Return True for the name of an image, False for an orientation."""
    return isinstance(value, str | bytes)


def fingerprint(pickle: Pickle) -> Pickle | None:
    """Return the movie at the end of the session, or None."""
    return behavior(pickle)["items"].get("fingerprint")


def table(rows: Sequence[Row], columns: Sequence[str]) -> Table:
    """Return a list for each column."""
    return {column: [row[column] for row in rows] for column in columns}


# Clock


def clocks(pickle: Pickle, delay: float = DELAY) -> tuple[list[float], list[float], list[float]]:
    """Return the time of each frame from 0, the time with the monitor delay, and that without the delay again."""
    frames = np.cumsum([0.0, *behavior(pickle)["intervalsms"]]) / 1000
    times = [float(time) for time in frames]
    return times, [time + delay for time in times], [(time + delay) - delay for time in times]


# Licks and rewards


def licks(pickle: Pickle) -> Table:
    """Return the licks at the times of their frames, without a lick one frame after the last frame."""
    times = clocks(pickle)[0]
    frames = [int(frame) for frame in behavior(pickle)["lick_sensors"][0]["lick_events"]]
    if frames and frames[-1] == len(times):
        frames = frames[:-1]
    return {"timestamps": [times[frame] for frame in frames], "frame": frames}


def rewards(pickle: Pickle) -> Table:
    """Return the first reward of each rewarded trial, at the time of its frame."""
    times = clocks(pickle)[0]
    given = [trial for trial in behavior(pickle)["trial_log"] if len(trial["rewards"])]
    return {
        "volume": [trial["rewards"][0][0] for trial in given],
        "timestamps": [times[trial["rewards"][0][2]] for trial in given],
        "auto_rewarded": [trial["trial_params"]["auto_reward"] for trial in given],
    }


# Running


def voltages(pickle: Pickle) -> tuple[list[float], list[float]]:
    """Return the voltage of the encoder and its supply voltage for each frame, without an additional value."""
    encoder, n = behavior(pickle)["encoders"][0], len(clocks(pickle)[0])
    return [float(v) for v in encoder["vsig"]][:n], [float(v) for v in encoder["vin"]][:n]


def wrap(before: float, v: float) -> int:
    """Return 1 for a wrap from high to low voltage, -1 for a wrap from low to high, else 0."""
    if v < 1.5 and before > 3.5:
        return 1
    return -1 if v > 3.5 and before < 1.5 else 0


def step(before: float, v: float, top: float) -> float:
    """Return the unwrapped voltage step; NaN if it is over 1 V."""
    wrapped = wrap(before, v)
    if wrapped == 1:
        change = v + top - before
    elif wrapped == -1:
        change = v - (before + top)
    else:
        change = v - before
    return change if abs(change) <= 1.0 else NAN


def cumulative_sums(values: Sequence[float], first: float = 0.0) -> list[float]:
    """Return the cumulative sums with NaN counted as 0; NaN where the value is NaN."""
    so_far = np.cumsum([0.0 if math.isnan(value) else value for value in values])
    return [NAN if math.isnan(value) else float(total) + first for value, total in zip(values, so_far, strict=True)]


def unclipped_speeds(times: list[float], v: list[float], supply: list[float]) -> list[float]:
    """Return the speed of the mouse from the rotation of the wheel between frames."""
    top = max(value for value in v if value < 5.1)
    voltage = cumulative_sums([NAN] + [step(v[i - 1], v[i], top) for i in range(1, len(v))], v[0])
    turns = [NAN] + [(voltage[i] - voltage[i - 1]) / supply[i] * 2 * math.pi for i in range(1, len(v))]
    angle = cumulative_sums(turns)
    rates = [(angle[i] - angle[i - 1]) / (times[i] - times[i - 1]) for i in range(1, len(v))]
    return [NAN] + [rate * WHEEL_RADIUS for rate in rates]


def neighbors(times: list[float], i: int) -> list[int]:
    """Return the other frames within 0.25 s before and after a frame."""
    least, greatest = times[i] - 0.25, times[i] + 0.25
    begin = end = i
    while begin > 0 and times[begin - 1] >= least:
        begin -= 1
    while end + 1 < len(times) and times[end + 1] <= greatest:
        end += 1
    return [j for j in range(begin, end + 1) if j != i]


def clipped(speeds: list[float], times: list[float], v: list[float]) -> list[float]:
    """Return the speeds, limited at each wrap to the range of the neighboring frames."""
    kept = list(speeds)
    for i in range(1, len(v)):
        if wrap(v[i - 1], v[i]) and not math.isnan(speeds[i]):
            around = reference.not_nan([speeds[j] for j in neighbors(times, i)])
            kept[i] = min(max(speeds[i], min(around)), max(around))
    return kept


def without_outliers(speeds: list[float]) -> list[float]:
    """Return the speeds with NaN for those more than 10 standard deviations from the mean."""
    valid = np.array(reference.not_nan(speeds))
    mean, deviation = valid.mean(), valid.std()
    return [NAN if abs(speed - mean) / deviation > 10 else speed for speed in speeds]


def forward(speeds: list[float]) -> list[float]:
    """Return the speeds, negated if the mean is below -1 cm/s (the encoder is mounted in the opposite direction)."""
    return [-speed for speed in speeds] if reference.mean_of(speeds) < -1 else speeds


def measured_speeds(pickle: Pickle) -> list[float]:
    """Return the speeds before filtering and before correction of the direction."""
    times, (v, supply) = clocks(pickle)[0], voltages(pickle)
    return without_outliers(clipped(unclipped_speeds(times, v, supply), times, v))


def raw_running_speed(pickle: Pickle) -> Table:
    """Return the speed in each frame without outliers."""
    return {"timestamps": clocks(pickle)[0], "speed": forward(measured_speeds(pickle))}


def running_speed(pickle: Pickle) -> Table:
    """Return the speed in each frame, NaN as 0, after a 4 Hz low-pass filter forward and backward."""
    filled = [0.0 if math.isnan(speed) else speed for speed in measured_speeds(pickle)]
    filtered = signal.filtfilt(*signal.butter(3, 4, fs=60), filled)
    return {"timestamps": clocks(pickle)[0], "speed": forward([float(speed) for speed in filtered])}


# Trials


def frame_of(trial: Pickle, *names: str) -> int | None:
    """Return the frame of the first event of a trial with one of the names, or None."""
    frames = [event[3] for event in trial["events"] if text(event[0]) in names]
    return int(frames[0]) if frames else None


def has(trial: Pickle, name: str) -> bool:
    """Return True if a trial has an event of this name."""
    return frame_of(trial, name) is not None


def bounds(pickle: Pickle, i: int) -> tuple[float, float]:
    """Return the first frame of a trial, and that of the next trial, of the movie, or infinity."""
    log, movie = behavior(pickle)["trial_log"], fingerprint(pickle)
    end = math.inf if movie is None else movie["starting_frame"]
    return frame_of(log[i], "trial_start"), frame_of(log[i + 1], "trial_start") if i + 1 < len(log) else end


def kind_of(trial: Pickle) -> dict[str, bool]:
    """Return kind and outcome of a trial; an aborted trial has no other."""
    aborted = has(trial, "abort")
    catch = not aborted and trial["trial_params"]["catch"] is True
    auto = not aborted and bool(trial["trial_params"]["auto_reward"])
    return {
        "go": not (aborted or catch or auto),
        "catch": catch,
        "hit": has(trial, "hit") and not auto,
        "false_alarm": has(trial, "false_alarm") and not auto,
        "miss": has(trial, "miss") and not auto,
        "correct_reject": catch and not has(trial, "false_alarm") and not auto,
        "aborted": aborted,
        "auto_rewarded": auto,
    }


def change_frame(trial: Pickle) -> int:
    """Return the frame of the change, or of the sham change of a catch trial."""
    kind = kind_of(trial)
    if kind["aborted"]:
        return MISSING
    frame = frame_of(trial, "sham_change" if kind["catch"] else "stimulus_changed")
    return MISSING if frame is None else frame


def response(aborted: bool, lick_times: list[float], change_time: float) -> dict[str, float]:
    """Return time and latency of the first lick of a trial, which may precede the change; infinity without a lick."""
    if aborted:
        return {"response_time": NAN, "response_latency": NAN}
    if not lick_times:
        return {"response_time": NAN, "response_latency": math.inf}
    return {"response_time": lick_times[0], "response_latency": lick_times[0] - change_time}


def reward_time(start: float, stop: float, times: list[float]) -> float:
    """Return the time of the only reward from start to stop, or NaN."""
    within = [time for time in times if start <= time <= stop]
    if len(within) > 1:
        raise ValueError("two rewards in one trial")
    return within[0] if within else NAN


def trial_image(image: Any) -> str:
    """Return the name of an image, or of a grating with the orientation as it was pickled."""
    return text(image) if is_text(image) else f"gratings_{image}"


def trial_images(pickle: Pickle, trial: Pickle) -> dict[str, str]:
    """Return the image selected at the first event of a trial, and the image after the change."""
    chosen = [entry for stimulus in behavior(pickle)["stimuli"].values() for entry in stimulus["set_log"]]
    before = [entry for entry in chosen if entry[3] <= trial["events"][0][3]]
    initial = trial_image(sorted(before, key=lambda entry: entry[3])[-1][1])
    changes = trial["stimulus_changes"]
    return {
        "initial_image_name": initial,
        "change_image_name": trial_image(changes[0][1][1]) if len(changes) else initial,
    }


def trial_row(
    pickle: Pickle, i: int, display_times: list[float], times: list[float], events: dict[str, list[Any]]
) -> Row:
    """Return a trial; its licks are after its first frame and not after the first frame of the next trial."""
    trial, (first, end) = behavior(pickle)["trial_log"][i], bounds(pickle, i)
    start, stop = times[frame_of(trial, "trial_start")], times[frame_of(trial, "trial_end")]
    changed = change_frame(trial)
    change_time = NAN if changed == MISSING else display_times[changed]
    lick_times = [times[frame] for frame in events["lick_frames"] if first < frame <= end]
    return {
        "trials_id": trial["index"],
        "start_time": start,
        "stop_time": stop,
        **trial_images(pickle, trial),
        "is_change": has(trial, "stimulus_changed"),
        "change_time": change_time,
        **kind_of(trial),
        "lick_times": lick_times,
        **response(has(trial, "abort"), lick_times, change_time),
        "reward_time": reward_time(start, stop, events["reward_times"]),
        "reward_volume": sum(reward[0] for reward in trial["rewards"]),
        "change_frame": changed,
        "trial_length": stop - start,
    }


def trials(pickle: Pickle, delay: float = DELAY) -> Table:
    """Return the trials; `trials_id` is the index."""
    _, display_times, times = clocks(pickle, delay)
    events = {"lick_frames": licks(pickle)["frame"], "reward_times": rewards(pickle)["timestamps"]}
    count = len(behavior(pickle)["trial_log"])
    return table([trial_row(pickle, i, display_times, times, events) for i in range(count)], TRIAL_COLUMNS)


# Task parameters


def stimulus_name(stimulus: Pickle) -> str:
    """Return the file name of the image set up to its first dot, or "grating"."""
    path = stimulus.get("image_set")
    return text(path).replace("\\", "/").split("/")[-1].split(".")[0] if path else "grating"


def image_set(stage: str) -> str | None:
    """Return the image set in a session type, "gratings", or None."""
    letter = re.search(r"images_[A-Z]", stage)
    return letter[0] if letter else "gratings" if "gratings" in stage else None


def task_parameters(pickle: Pickle) -> dict[str, Any]:
    """Return the task parameters."""
    session = behavior(pickle)
    task, stage = session["config"]["DoC"], text(session["params"]["stage"])
    (kind, stimulus), *_ = session["stimuli"].items()
    flash = stimulus["flash_interval_sec"]
    return {
        "auto_reward_volume": float(task["auto_reward_volume"]),
        "blank_duration_sec": [float(second) for second in task["blank_duration_range"]],
        "image_set": image_set(stage),
        "n_stimulus_frames": sum(int(on) for shown in session["stimuli"].values() for on in shown["draw_log"]),
        "omitted_flash_fraction": float(session["params"].get("flash_omit_probability", NAN)),
        "response_window_sec": [float(second) for second in task["response_window"]],
        "reward_volume": float(session["config"]["reward"]["reward_volume"]),
        "session_type": stage,
        "stimulus": text(kind),
        "stimulus_distribution": text(task["change_time_dist"]),
        "stimulus_duration_sec": NAN if flash is None else float(flash[0]),
        "stimulus_name": stimulus_name(stimulus),
        "task": "change detection",
    }
