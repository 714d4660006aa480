"""The slow twin of `visbehavior.raw`: the rig's pickle made into tables a frame, a trial and a presentation at a time.

The pickle is the dictionary as it was unpickled. A table is a dictionary of lists, one entry a row; None stands for a
text or a truth that is missing, NaN for a number. Presentations are as AllenSDK reads them from the file that it wrote.
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
NONE = -99
DELAY = 0.02115
WHEEL_RADIUS = 0.5 * (2 * 6.5 * 2.54 / 3)
LONG_GRAY = 285.0
OMISSION_SECONDS = 0.25
INITIAL_GRAY = "initial_gray_screen_5min"
ACTIVE_TASK, PASSIVE_TASK = "change_detection_behavior", "change_detection_passive"
LATER_BLOCKS = ("post_behavior_gray_screen_5min", "natural_movie_one")
TRIAL_COLUMNS = (
    *("trials_id", "start_time", "stop_time", "initial_image_name", "change_image_name", "is_change", "change_time"),
    *("go", "catch", "lick_times", "response_time", "response_latency", "reward_time", "reward_volume", "hit"),
    *("false_alarm", "miss", "correct_reject", "aborted", "auto_rewarded", "change_frame", "trial_length"),
)
COLUMNS = (
    *("stimulus_block", "stimulus_block_name", "image_index", "image_name", "movie_frame_index", "duration"),
    *("start_time", "end_time", "start_frame", "end_frame", "is_change", "is_image_novel", "omitted", "movie_repeat"),
    *("flashes_since_change", "trials_id", "active", "is_sham_change", "stimulus_name"),
    *("phase", "spatial_frequency", "orientation"),
)
GRATING_COLUMNS = ("phase", "spatial_frequency", "orientation")


# The pickle


def behavior(pickle: Pickle) -> Pickle:
    """The session within the pickle."""
    return pickle["items"]["behavior"]


def text(value: Any) -> str:
    """Text, also where Python 2 pickled bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def is_text(value: Any) -> bool:
    """Whether an image is called by a name, not by an orientation."""
    return isinstance(value, str | bytes)


def fingerprint(pickle: Pickle) -> Pickle | None:
    """The movie at the end, None without one."""
    return behavior(pickle)["items"].get("fingerprint")


def table(rows: Sequence[Row], columns: Sequence[str]) -> Table:
    """A list for each column of all rows."""
    return {column: [row[column] for row in rows] for column in columns}


# The clock


def clocks(pickle: Pickle, delay: float = DELAY) -> tuple[list[float], list[float], list[float]]:
    """Each frame's time from 0, that time on the screen, and that less the delay again: the last bit may differ."""
    frames = np.cumsum([0.0, *behavior(pickle)["intervalsms"]]) / 1000
    times = [float(time) for time in frames]
    return times, [time + delay for time in times], [(time + delay) - delay for time in times]


# Licks and rewards


def licks(pickle: Pickle) -> Table:
    """A row for each lick, at the time of its frame; a last one that is one past the last frame is left out."""
    times = clocks(pickle)[0]
    frames = [int(frame) for frame in behavior(pickle)["lick_sensors"][0]["lick_events"]]
    if frames and frames[-1] == len(times):
        frames = frames[:-1]
    return {"timestamps": [times[frame] for frame in frames], "frame": frames}


def rewards(pickle: Pickle) -> Table:
    """A row for each trial that has a reward: its first, at the time of its frame, not at the time that was logged."""
    times = clocks(pickle)[0]
    given = [trial for trial in behavior(pickle)["trial_log"] if len(trial["rewards"])]
    return {
        "volume": [trial["rewards"][0][0] for trial in given],
        "timestamps": [times[trial["rewards"][0][2]] for trial in given],
        "auto_rewarded": [trial["trial_params"]["auto_reward"] for trial in given],
    }


# Running


def voltages(pickle: Pickle) -> tuple[list[float], list[float]]:
    """The encoder's voltage and its supply's in each frame, without a surplus one."""
    encoder, n = behavior(pickle)["encoders"][0], len(clocks(pickle)[0])
    return [float(v) for v in encoder["vsig"]][:n], [float(v) for v in encoder["vin"]][:n]


def wrap(before: float, v: float) -> int:
    """1 where the voltage went over the top, -1 where it went below the bottom, else 0."""
    if v < 1.5 and before > 3.5:
        return 1
    return -1 if v > 3.5 and before < 1.5 else 0


def step(before: float, v: float, top: float) -> float:
    """How far the voltage went, through a wrap too; NaN over 1 V."""
    wrapped = wrap(before, v)
    if wrapped == 1:
        went = v + top - before
    elif wrapped == -1:
        went = v - (before + top)
    else:
        went = v - before
    return went if abs(went) <= 1.0 else NAN


def sums(values: Sequence[float], first: float = 0.0) -> list[float]:
    """The sum so far, NaN as 0, and NaN where the value is."""
    so_far = np.cumsum([0.0 if math.isnan(value) else value for value in values])
    return [NAN if math.isnan(value) else float(total) + first for value, total in zip(values, so_far, strict=True)]


def unclipped_speeds(times: list[float], v: list[float], supply: list[float]) -> list[float]:
    """Turn of the wheel from frame to frame over the time between them, on its rim."""
    top = max(value for value in v if value < 5.1)
    gone = sums([NAN] + [step(v[i - 1], v[i], top) for i in range(1, len(v))], v[0])
    turns = [NAN] + [(gone[i] - gone[i - 1]) / supply[i] * 2 * math.pi for i in range(1, len(v))]
    angle = sums(turns)
    rates = [(angle[i] - angle[i - 1]) / (times[i] - times[i - 1]) for i in range(1, len(v))]
    return [NAN] + [rate * WHEEL_RADIUS for rate in rates]


def near(times: list[float], i: int) -> list[int]:
    """The other frames within 0.25 s on either side."""
    least, greatest = times[i] - 0.25, times[i] + 0.25
    begin = end = i
    while begin > 0 and times[begin - 1] >= least:
        begin -= 1
    while end + 1 < len(times) and times[end + 1] <= greatest:
        end += 1
    return [j for j in range(begin, end + 1) if j != i]


def clipped(speeds: list[float], times: list[float], v: list[float]) -> list[float]:
    """Speeds, at each wrap kept within those of the frames around it."""
    kept = list(speeds)
    for i in range(1, len(v)):
        if wrap(v[i - 1], v[i]) and not math.isnan(speeds[i]):
            around = reference.not_nan([speeds[j] for j in near(times, i)])
            kept[i] = min(max(speeds[i], min(around)), max(around))
    return kept


def without_outliers(speeds: list[float]) -> list[float]:
    """NaN where the speed is more than 10 standard deviations off the mean."""
    there = np.array(reference.not_nan(speeds))
    mean, deviation = there.mean(), there.std()
    return [NAN if abs(speed - mean) / deviation > 10 else speed for speed in speeds]


def forward(speeds: list[float]) -> list[float]:
    """All negated where the mean is below -1 cm/s: the encoder was mounted the other way round."""
    return [-speed for speed in speeds] if reference.mean_of(speeds) < -1 else speeds


def measured_speeds(pickle: Pickle) -> list[float]:
    """Speeds as they are filtered, before they are turned round."""
    times, (v, supply) = clocks(pickle)[0], voltages(pickle)
    return without_outliers(clipped(unclipped_speeds(times, v, supply), times, v))


def raw_running_speed(pickle: Pickle) -> Table:
    """The speed in each frame, without outliers."""
    return {"timestamps": clocks(pickle)[0], "speed": forward(measured_speeds(pickle))}


def running_speed(pickle: Pickle) -> Table:
    """The speed in each frame, NaN as 0, forward and backward through a low-pass of 4 Hz."""
    filled = [0.0 if math.isnan(speed) else speed for speed in measured_speeds(pickle)]
    smooth = signal.filtfilt(*signal.butter(3, 4, fs=60), filled)
    return {"timestamps": clocks(pickle)[0], "speed": forward([float(speed) for speed in smooth])}


# Trials


def frame_of(trial: Pickle, *names: str) -> int | None:
    """The frame of the trial's first event of these names, None without one."""
    frames = [event[3] for event in trial["events"] if text(event[0]) in names]
    return int(frames[0]) if frames else None


def has(trial: Pickle, name: str) -> bool:
    """Whether the trial has an event of this name."""
    return frame_of(trial, name) is not None


def bounds(pickle: Pickle, i: int) -> tuple[float, float]:
    """A trial's first frame, and the next one's: the movie's for the last trial, without a movie no end."""
    log, movie = behavior(pickle)["trial_log"], fingerprint(pickle)
    end = math.inf if movie is None else movie["starting_frame"]
    return frame_of(log[i], "trial_start"), frame_of(log[i + 1], "trial_start") if i + 1 < len(log) else end


def kind_of(trial: Pickle) -> dict[str, bool]:
    """What the trial was to be, and what the mouse made of it; an aborted one was nothing else."""
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


def change_of(trial: Pickle) -> int:
    """The frame of the change, or of the sham change of a catch trial."""
    kind = kind_of(trial)
    if kind["aborted"]:
        return NONE
    frame = frame_of(trial, "sham_change" if kind["catch"] else "stimulus_changed")
    return NONE if frame is None else frame


def response(aborted: bool, lick_times: list[float], change_time: float) -> dict[str, float]:
    """The trial's first lick, even before the change, and how long after the change it was; inf without a lick."""
    if aborted:
        return {"response_time": NAN, "response_latency": NAN}
    if not lick_times:
        return {"response_time": NAN, "response_latency": math.inf}
    return {"response_time": lick_times[0], "response_latency": lick_times[0] - change_time}


def reward_time(start: float, stop: float, times: list[float]) -> float:
    """The one reward from start to stop, both included; NaN without."""
    within = [time for time in times if start <= time <= stop]
    if len(within) > 1:
        raise ValueError("two rewards in one trial")
    return within[0] if within else NAN


def trial_image(what: Any) -> str:
    """The name of an image, or of a grating by the number as it was pickled."""
    return text(what) if is_text(what) else f"gratings_{what}"


def images_of(pickle: Pickle, trial: Pickle) -> dict[str, str]:
    """The image last chosen at or before the trial's first event, and the one that it changes to."""
    chosen = [entry for stimulus in behavior(pickle)["stimuli"].values() for entry in stimulus["set_log"]]
    before = [entry for entry in chosen if entry[3] <= trial["events"][0][3]]
    initial = trial_image(sorted(before, key=lambda entry: entry[3])[-1][1])
    changes = trial["stimulus_changes"]
    return {
        "initial_image_name": initial,
        "change_image_name": trial_image(changes[0][1][1]) if len(changes) else initial,
    }


def trial_row(pickle: Pickle, i: int, on_screen: list[float], times: list[float], events: dict[str, list[Any]]) -> Row:
    """One trial; its licks come after its first frame, up to and with the next trial's."""
    trial, (first, end) = behavior(pickle)["trial_log"][i], bounds(pickle, i)
    start, stop = times[frame_of(trial, "trial_start")], times[frame_of(trial, "trial_end")]
    change_frame = change_of(trial)
    change_time = NAN if change_frame == NONE else on_screen[change_frame]
    lick_times = [times[frame] for frame in events["lick_frames"] if first < frame <= end]
    return {
        "trials_id": trial["index"],
        "start_time": start,
        "stop_time": stop,
        **images_of(pickle, trial),
        "is_change": has(trial, "stimulus_changed"),
        "change_time": change_time,
        **kind_of(trial),
        "lick_times": lick_times,
        **response(has(trial, "abort"), lick_times, change_time),
        "reward_time": reward_time(start, stop, events["reward_times"]),
        "reward_volume": sum(reward[0] for reward in trial["rewards"]),
        "change_frame": change_frame,
        "trial_length": stop - start,
    }


def trials(pickle: Pickle, delay: float = DELAY) -> Table:
    """A row for each trial; `trials_id` is the index."""
    _, on_screen, times = clocks(pickle, delay)
    events = {"lick_frames": licks(pickle)["frame"], "reward_times": rewards(pickle)["timestamps"]}
    count = len(behavior(pickle)["trial_log"])
    return table([trial_row(pickle, i, on_screen, times, events) for i in range(count)], TRIAL_COLUMNS)


# Presentations


def runs_of_ones(drawn: Sequence[int], begin: int, end: int) -> list[tuple[int, int]]:
    """First frame of each run of 1 from begin to end, and the first frame after it."""
    runs: list[tuple[int, int]] = []
    first = None
    for frame in range(begin, end + 1):
        on = frame < end and drawn[frame] == 1
        if on and first is None:
            first = frame
        elif not on and first is not None:
            runs.append((first, frame))
            first = None
    return runs


def stimulus_name(stimulus: Pickle) -> str:
    """The image set's file name up to its first dot, or that it is a grating."""
    path = stimulus.get("image_set")
    return text(path).replace("\\", "/").split("/")[-1].split(".")[0] if path else "grating"


def presentation(**known: Any) -> Row:
    """A row of which no more is known than this."""
    nothing: Row = {"image_name": None, "image_index": NONE, "omitted": None, "is_image_novel": None}
    nothing.update(movie_frame_index=NONE, movie_repeat=NONE, phase=NAN, spatial_frequency=NAN, orientation=NAN)
    return {**nothing, "stimulus_block": 0, **known}


def looks(stimulus: Pickle, what: Any) -> Row:
    """Name of an image; of gratings the look as well."""
    if is_text(what):
        return {"image_name": text(what)}
    look = {"phase": stimulus["phase"], "spatial_frequency": stimulus["sf"], "orientation": float(what)}
    return {"image_name": f"gratings_{float(what)}", **look}


def images(pickle: Pickle, on_screen: list[float]) -> list[Row]:
    """Each run of drawn frames within the reign of what was chosen, which lasts until the next is chosen."""
    rows = []
    for stimulus in behavior(pickle)["stimuli"].values():
        log = stimulus["set_log"]
        for i, (_, what, _, begin) in enumerate(log):
            end = log[i + 1][3] if i + 1 < len(log) else len(on_screen)
            for first, after in runs_of_ones(stimulus["draw_log"], begin, end):
                at = {"start_frame": first, "end_frame": after, "start_time": on_screen[first]}
                at["end_time"] = on_screen[after]
                more = {"omitted": False, "stimulus_name": stimulus_name(stimulus)}
                rows.append(presentation(**looks(stimulus, what), **at, **more))
    return rows


def omissions(pickle: Pickle, shown: list[Row], on_screen: list[float]) -> list[Row]:
    """Each frame that was logged once, unless an image begins within 3 frames of it; as long as images are."""
    logs = (behavior(pickle).get("omitted_flash_frame_log") or {}).values()
    frames = sorted({int(frame) for log in logs for frame in log})
    length = int(np.median([row["end_frame"] - row["start_frame"] for row in shown]))
    rows = []
    for frame in frames:
        if not any(abs(row["start_frame"] - frame) <= 3 for row in shown):
            at = {"start_frame": frame, "end_frame": frame + length, "start_time": on_screen[frame]}
            at["end_time"] = on_screen[frame] + OMISSION_SECONDS
            name = {"image_name": "omitted", "omitted": True, "stimulus_name": shown[0]["stimulus_name"]}
            rows.append(presentation(**name, **at))
    return rows


def task_rows(pickle: Pickle, on_screen: list[float]) -> list[Row]:
    """Images and omissions by their first frames; an omission at the very beginning is lost."""
    shown = images(pickle, on_screen)
    rows = sorted(shown + omissions(pickle, shown, on_screen), key=lambda row: row["start_frame"])
    return rows[1:] if rows[0]["omitted"] else rows


def movie_rows(pickle: Pickle, on_screen: list[float]) -> list[Row]:
    """Each image of the movie, counted after the gray before it; its end_frame is the last frame that shows it."""
    movie = fingerprint(pickle)["static_stimulus"]
    sweeps, frames = movie["sweep_frames"], fingerprint(pickle)["frame_indices"]
    gray = sum(1 for frame in movie["frame_list"] if frame == -1)
    length = len(sweeps) // movie["runs"]
    rows = []
    for i, (first, last) in enumerate(sweeps):
        at = {"start_frame": int(frames[gray + first]), "end_frame": int(frames[gray + last])}
        at["start_time"] = on_screen[at["start_frame"]]
        at["end_time"] = on_screen[min(at["end_frame"] + 1, len(on_screen) - 1)]
        place = {"movie_frame_index": i % length, "movie_repeat": i // length, "stimulus_block": 2}
        rows.append(presentation(**place, **at, stimulus_name="natural_movie_one"))
    return rows


def gray_between(task: list[Row], movie: list[Row]) -> Row:
    """From the end of the last image, in frames also of an omission, to the movie."""
    start_time = max(row["end_time"] for row in task if not row["omitted"])
    at = {"start_time": start_time, "start_frame": max(row["end_frame"] for row in task)}
    at["end_time"] = min(row["start_time"] for row in movie)
    at["end_frame"] = min(row["start_frame"] for row in movie)
    return presentation(stimulus_block=1, stimulus_name="spontaneous", **at)


def gray_before(first: Row) -> Row:
    """From 0 to the first image."""
    at = {"start_time": 0.0, "start_frame": 0, "end_time": first["start_time"], "end_frame": first["start_frame"]}
    return presentation(stimulus_name="spontaneous", **at)


def all_rows(pickle: Pickle, on_screen: list[float]) -> list[Row]:
    """The task, with a movie also gray and movie, by start_time."""
    task = task_rows(pickle, on_screen)
    if fingerprint(pickle) is None:
        return task
    movie = movie_rows(pickle, on_screen)
    rows = [*task, gray_between(task, movie), *movie]
    if task[0]["start_time"] > LONG_GRAY:
        rows = [gray_before(task[0])] + [{**row, "stimulus_block": row["stimulus_block"] + 1} for row in rows]
    return sorted(rows, key=lambda row: row["start_time"])


def add_index(rows: list[Row], names: Sequence[str]) -> None:
    """The place in the set, of gratings among the orientations; an omission comes after all images."""
    orientations = list({row["orientation"] for row in rows if not math.isnan(row["orientation"])})
    in_order = [f"gratings_{orientation}" for orientation in orientations] or [text(name) for name in names]
    for row in rows:
        if row["image_name"] is not None:
            row["image_index"] = len(in_order) if row["omitted"] else in_order.index(row["image_name"])


def add_novelty(rows: list[Row], prior_images: Sequence[str]) -> None:
    """Not seen in earlier sessions, of which gratings are not remembered."""
    for row in rows:
        if row["omitted"] is False:
            row["is_image_novel"] = not math.isnan(row["orientation"]) or row["image_name"] not in prior_images


def add_changes(rows: list[Row]) -> None:
    """Whether the image differs from the last one shown, and how many rows ago one did."""
    changes = reference.is_change([row["image_name"] for row in rows], [row["omitted"] is False for row in rows])
    flashes = reference.flashes_since_change(changes, [row["omitted"] is True for row in rows])
    for row, changed, count in zip(rows, changes, flashes, strict=True):
        row.update(is_change=changed, flashes_since_change=count)


def add_trials(rows: list[Row], of_trials: Table) -> None:
    """The trial that a row belongs to, and whether a catch trial of some row has its sham change there."""
    spans = list(zip(of_trials["trials_id"], of_trials["start_time"], of_trials["stop_time"], strict=True))
    named = [row["image_name"] is not None for row in rows]
    ids = reference.trials_id([row["start_time"] for row in rows], named, spans)
    catches = zip(of_trials["trials_id"], of_trials["catch"], of_trials["change_frame"], strict=True)
    shams = {frame for trial, catch, frame in catches if catch and trial in ids}
    for row, trial in zip(rows, ids, strict=True):
        row.update(trials_id=trial, is_sham_change=row["start_frame"] in shams)


def add_active(rows: list[Row], of_trials: Table) -> None:
    """Whether a named image of the row's block begins strictly within the trials."""
    first, last = of_trials["start_time"][0], of_trials["stop_time"][-1]
    named = [row for row in rows if row["image_name"] is not None]
    blocks = {row["stimulus_block"] for row in named if first < row["start_time"] < last}
    for row in rows:
        row["active"] = row["stimulus_block"] in blocks


def add_block_names(rows: list[Row], stage: str) -> None:
    """The block's name by its number, whatever it shows; a block alone is the task."""
    names = (INITIAL_GRAY, PASSIVE_TASK if "passive" in stage else ACTIVE_TASK, *LATER_BLOCKS)
    alone = len({row["stimulus_block"] for row in rows}) == 1
    for row in rows:
        row["stimulus_block_name"] = names[1 if alone else row["stimulus_block"]]


def columns_of(rows: list[Row], project_code: str | None, movie: bool) -> list[str]:
    """Columns in order; those that hold nothing are left out."""
    out = set() if movie else {"movie_frame_index", "movie_repeat"}
    if project_code is None:
        out.add("stimulus_block_name")
    if all(math.isnan(row["orientation"]) for row in rows):
        out.update(GRATING_COLUMNS)
    return [name for name in COLUMNS if name not in out]


def presentations(
    pickle: Pickle,
    delay: float = DELAY,
    prior_images: Sequence[str] = (),
    names: Sequence[str] = (),
    project_code: str | None = None,
) -> Table:
    """A row for each image, grating, omission, gray and image of the movie; `names` are the image set's."""
    rows = all_rows(pickle, clocks(pickle, delay)[1])
    for row in rows:
        row["duration"] = OMISSION_SECONDS if row["omitted"] else row["end_time"] - row["start_time"]
    add_index(rows, names)
    add_novelty(rows, prior_images)
    add_changes(rows)
    of_trials = trials(pickle, delay)
    add_trials(rows, of_trials)
    add_active(rows, of_trials)
    add_block_names(rows, text(behavior(pickle)["params"]["stage"]))
    return table(rows, columns_of(rows, project_code, fingerprint(pickle) is not None))


# The task


def image_set(stage: str) -> str | None:
    """The letter of the images, or that they are gratings, by the stage's name."""
    letter = re.search(r"images_[A-Z]", stage)
    return letter[0] if letter else "gratings" if "gratings" in stage else None


def task_parameters(pickle: Pickle) -> dict[str, Any]:
    """How the task was set."""
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
