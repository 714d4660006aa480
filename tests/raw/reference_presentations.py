"""Slow reference implementation of the stimulus presentations of a pickle: see `tests.raw.reference`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests import reference
from tests.raw.reference import (
    DELAY,
    MISSING,
    NAN,
    Pickle,
    Row,
    Table,
    behavior,
    clocks,
    fingerprint,
    is_text,
    stimulus_name,
    table,
    text,
    trials,
)

LONG_GRAY = 285.0
OMISSION_SECONDS = 0.25
INITIAL_GRAY = "initial_gray_screen_5min"
ACTIVE_TASK, PASSIVE_TASK = "change_detection_behavior", "change_detection_passive"
LATER_BLOCKS = ("post_behavior_gray_screen_5min", "natural_movie_one")
COLUMNS = (
    *("stimulus_block", "stimulus_block_name", "image_index", "image_name", "movie_frame_index", "duration"),
    *("start_time", "end_time", "start_frame", "end_frame", "is_change", "is_image_novel", "omitted", "movie_repeat"),
    *("flashes_since_change", "trials_id", "active", "is_sham_change", "stimulus_name"),
    *("phase", "spatial_frequency", "orientation"),
)
GRATING_COLUMNS = ("phase", "spatial_frequency", "orientation")


def runs_of_ones(drawn: Sequence[int], begin: int, end: int) -> list[tuple[int, int]]:
    """Return the first frame of each run of ones from begin to end, and the first frame after it."""
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


def presentation(**values: Any) -> Row:
    """Return a presentation with missing values except those given."""
    row: Row = {"image_name": None, "image_index": MISSING, "omitted": None, "is_image_novel": None}
    row.update(movie_frame_index=MISSING, movie_repeat=MISSING, phase=NAN, spatial_frequency=NAN, orientation=NAN)
    return {**row, "stimulus_block": 0, **values}


def appearance(stimulus: Pickle, image: Any) -> Row:
    """Return the name of an image, or name, phase, spatial frequency and orientation of a grating."""
    if is_text(image):
        return {"image_name": text(image)}
    grating = {"phase": stimulus["phase"], "spatial_frequency": stimulus["sf"], "orientation": float(image)}
    return {"image_name": f"gratings_{float(image)}", **grating}


def images(pickle: Pickle, display_times: list[float]) -> list[Row]:
    """Return each run of frames in which the selected image is drawn; it is selected until the next one."""
    rows = []
    for stimulus in behavior(pickle)["stimuli"].values():
        log = stimulus["set_log"]
        for i, (_, image, _, begin) in enumerate(log):
            end = log[i + 1][3] if i + 1 < len(log) else len(display_times)
            for first, after in runs_of_ones(stimulus["draw_log"], begin, end):
                at = {"start_frame": first, "end_frame": after, "start_time": display_times[first]}
                at["end_time"] = display_times[after]
                more = {"omitted": False, "stimulus_name": stimulus_name(stimulus)}
                rows.append(presentation(**appearance(stimulus, image), **at, **more))
    return rows


def omissions(pickle: Pickle, shown: list[Row], display_times: list[float]) -> list[Row]:
    """Return the omissions: logged frames without an image within 3 frames, with the median duration of images."""
    logs = (behavior(pickle).get("omitted_flash_frame_log") or {}).values()
    frames = sorted({int(frame) for log in logs for frame in log})
    length = int(np.median([row["end_frame"] - row["start_frame"] for row in shown]))
    rows = []
    for frame in frames:
        if not any(abs(row["start_frame"] - frame) <= 3 for row in shown):
            at = {"start_frame": frame, "end_frame": frame + length, "start_time": display_times[frame]}
            at["end_time"] = display_times[frame] + OMISSION_SECONDS
            name = {"image_name": "omitted", "omitted": True, "stimulus_name": shown[0]["stimulus_name"]}
            rows.append(presentation(**name, **at))
    return rows


def task_rows(pickle: Pickle, display_times: list[float]) -> list[Row]:
    """Return images and omissions by first frame, without an omission before the first image."""
    shown = images(pickle, display_times)
    rows = sorted(shown + omissions(pickle, shown, display_times), key=lambda row: row["start_frame"])
    return rows[1:] if rows[0]["omitted"] else rows


def movie_rows(pickle: Pickle, display_times: list[float]) -> list[Row]:
    """Return the images of the movie; frames are counted after the gray screen, and end_frame is the last one."""
    movie = fingerprint(pickle)["static_stimulus"]
    sweeps, frames = movie["sweep_frames"], fingerprint(pickle)["frame_indices"]
    gray = sum(1 for frame in movie["frame_list"] if frame == -1)
    length = len(sweeps) // movie["runs"]
    rows = []
    for i, (first, last) in enumerate(sweeps):
        at = {"start_frame": int(frames[gray + first]), "end_frame": int(frames[gray + last])}
        at["start_time"] = display_times[at["start_frame"]]
        at["end_time"] = display_times[min(at["end_frame"] + 1, len(display_times) - 1)]
        position = {"movie_frame_index": i % length, "movie_repeat": i // length, "stimulus_block": 2}
        rows.append(presentation(**position, **at, stimulus_name="natural_movie_one"))
    return rows


def gray_between(task: list[Row], movie: list[Row]) -> Row:
    """Return the gray screen from the last image (in frames: or omission) to the movie."""
    start_time = max(row["end_time"] for row in task if not row["omitted"])
    at = {"start_time": start_time, "start_frame": max(row["end_frame"] for row in task)}
    at["end_time"] = min(row["start_time"] for row in movie)
    at["end_frame"] = min(row["start_frame"] for row in movie)
    return presentation(stimulus_block=1, stimulus_name="spontaneous", **at)


def gray_before(first: Row) -> Row:
    """Return the gray screen from 0 to the first image."""
    at = {"start_time": 0.0, "start_frame": 0, "end_time": first["start_time"], "end_frame": first["start_frame"]}
    return presentation(stimulus_name="spontaneous", **at)


def all_rows(pickle: Pickle, display_times: list[float]) -> list[Row]:
    """Return the rows of the task, and of gray screens and movie if there is a movie, by start time."""
    task = task_rows(pickle, display_times)
    if fingerprint(pickle) is None:
        return task
    movie = movie_rows(pickle, display_times)
    rows = [*task, gray_between(task, movie), *movie]
    if task[0]["start_time"] > LONG_GRAY:
        rows = [gray_before(task[0])] + [{**row, "stimulus_block": row["stimulus_block"] + 1} for row in rows]
    return sorted(rows, key=lambda row: row["start_time"])


def add_index(rows: list[Row], names: Sequence[str]) -> None:
    """Add the position in the image set, or among the orientations; omissions come last."""
    orientations = list({row["orientation"] for row in rows if not math.isnan(row["orientation"])})
    in_order = [f"gratings_{orientation}" for orientation in orientations] or [text(name) for name in names]
    for row in rows:
        if row["image_name"] is not None:
            row["image_index"] = len(in_order) if row["omitted"] else in_order.index(row["image_name"])


def add_novelty(rows: list[Row], prior_images: Sequence[str]) -> None:
    """Add whether an image is novel; gratings always are."""
    for row in rows:
        if row["omitted"] is False:
            row["is_image_novel"] = not math.isnan(row["orientation"]) or row["image_name"] not in prior_images


def add_changes(rows: list[Row]) -> None:
    """Add whether the image differs from the previous one, and the number of rows since the last change."""
    changes = reference.is_change([row["image_name"] for row in rows], [row["omitted"] is False for row in rows])
    flashes = reference.flashes_since_change(changes, [row["omitted"] is True for row in rows])
    for row, changed, count in zip(rows, changes, flashes, strict=True):
        row.update(is_change=changed, flashes_since_change=count)


def add_trials(rows: list[Row], trial_table: Table) -> None:
    """Add the trial of each row, and whether a catch trial has its sham change there."""
    spans = list(zip(trial_table["trials_id"], trial_table["start_time"], trial_table["stop_time"], strict=True))
    named = [row["image_name"] is not None for row in rows]
    ids = reference.trials_id([row["start_time"] for row in rows], named, spans)
    catches = zip(trial_table["trials_id"], trial_table["catch"], trial_table["change_frame"], strict=True)
    shams = {frame for trial, catch, frame in catches if catch and trial in ids}
    for row, trial in zip(rows, ids, strict=True):
        row.update(trials_id=trial, is_sham_change=row["start_frame"] in shams)


def add_active(rows: list[Row], trial_table: Table) -> None:
    """Add whether an image of the block starts within the trials."""
    first, last = trial_table["start_time"][0], trial_table["stop_time"][-1]
    named = [row for row in rows if row["image_name"] is not None]
    blocks = {row["stimulus_block"] for row in named if first < row["start_time"] < last}
    for row in rows:
        row["active"] = row["stimulus_block"] in blocks


def add_block_names(rows: list[Row], stage: str) -> None:
    """Add the name of the block by its number; a single block is the task."""
    names = (INITIAL_GRAY, PASSIVE_TASK if "passive" in stage else ACTIVE_TASK, *LATER_BLOCKS)
    single = len({row["stimulus_block"] for row in rows}) == 1
    for row in rows:
        row["stimulus_block_name"] = names[1 if single else row["stimulus_block"]]


def columns_of(rows: list[Row], project_code: str | None, movie: bool) -> list[str]:
    """Return the columns in order, without those that have no values."""
    absent = set() if movie else {"movie_frame_index", "movie_repeat"}
    if project_code is None:
        absent.add("stimulus_block_name")
    if all(math.isnan(row["orientation"]) for row in rows):
        absent.update(GRATING_COLUMNS)
    return [name for name in COLUMNS if name not in absent]


def presentations(
    pickle: Pickle,
    delay: float = DELAY,
    prior_images: Sequence[str] = (),
    names: Sequence[str] = (),
    project_code: str | None = None,
) -> Table:
    """Return the presentations; `names` are those of the image set in its order."""
    rows = all_rows(pickle, clocks(pickle, delay)[1])
    for row in rows:
        row["duration"] = OMISSION_SECONDS if row["omitted"] else row["end_time"] - row["start_time"]
    add_index(rows, names)
    add_novelty(rows, prior_images)
    add_changes(rows)
    trial_table = trials(pickle, delay)
    add_trials(rows, trial_table)
    add_active(rows, trial_table)
    add_block_names(rows, text(behavior(pickle)["params"]["stage"]))
    return table(rows, columns_of(rows, project_code, fingerprint(pickle) is not None))
