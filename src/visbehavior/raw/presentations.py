"""Stimulus presentations from the logs of the pickle: images, gratings, omissions, gray screens and the movie.

Source: AllenSDK 2.16, ``brain_observatory/behavior/stimulus_processing.py`` and
``data_objects/stimuli/presentations.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.analysis.presentations import add_computed_columns, join_groups
from visbehavior.raw.clock import Clock
from visbehavior.raw.file import RawSession, as_list, plain_number, read_stage, text, whole_number
from visbehavior.raw.trials import is_grating, read_set_logs, time_at
from visbehavior.reader import every_column
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.session import OMITTED
from visbehavior.schema.session_data import PRIOR_IMAGES, PROJECT_CODE
from visbehavior.schema.session_type import parse_session_type
from visbehavior.schema.stimulus_pickle import Entry

Columns = dict[str, NDArray[Any]]

OMISSION_SECONDS = 0.25
"""Duration of an omission (s)."""

MAX_OMISSION_DISTANCE = 3
"""An image that starts this near to a logged omission was not omitted (frames)."""

MIN_INITIAL_GRAY = 285.0
"""A longer time before the first image is a gray screen block of its own (s)."""

MOVIE, GRAY, GRATING = "natural_movie_one", "spontaneous", "grating"
_GRATING_COLUMNS = ("phase", "spatial_frequency", "orientation")
_BLOCKS = ("initial_gray_screen_5min", "change_detection_{}", "post_behavior_gray_screen_5min", "natural_movie_one")


def read_presentations(raw: RawSession, clock: Clock, trials: Mapping[str, Any], names: list[str]) -> Columns:
    """Read the columns of `visbehavior.schema.session.STIMULUS_PRESENTATIONS`, sorted by start time.

    Parameters
    ----------
    raw : RawSession
        The raw session.
    clock : Clock
        Times of its stimulus frames.
    trials : dict
        Columns of its trials.
    names : list of str
        Names of the images of the set, in its order.
    """
    shown = _with_omissions(raw, clock, _read_images(raw, clock, names), len(names))
    blocks = [shown, *_movie_and_gray(raw, clock, shown)]
    # As in AllenSDK, sessions without a movie have no initial gray screen.
    initial_gray = _initial_gray(shown) if len(blocks) > 1 else None
    if initial_gray is not None:
        for block in blocks:
            block["stimulus_block"] = block["stimulus_block"] + 1
        blocks.append(initial_gray)
    columns = join_groups(blocks)
    add_computed_columns(columns, every_column, lambda: trials)
    columns = {name: v for name, v in columns.items() if name not in _GRATING_COLUMNS or not np.isnan(v).all()}
    if raw.session_data(PROJECT_CODE, None) is not None:
        columns["stimulus_block_name"] = _block_names(raw, columns["stimulus_block"], len(blocks))
    return columns


def stimulus_names(raw: RawSession) -> tuple[str, str]:
    """Return the name of the stimulus in the presentations, and that in the templates, which has the date of the image set."""
    paths = [raw.get(pickle.IMAGE_SET_PATH, stimulus=name, default=None) for name in read_set_logs(raw)]
    path = next((text(path) for path in paths if path), None)
    if path is None:
        return GRATING, GRATING
    file = path.replace("\\", "/").rpartition("/")[2]
    return file.partition(".")[0], file.rpartition(".")[0].replace("TRAINING", "training")


def _read_images(raw: RawSession, clock: Clock, names: list[str]) -> Columns:
    """Return a row for each run of frames in which an image was drawn, split where another image was selected."""
    parts = []
    for name, log in read_set_logs(raw).items():
        with raw.reading(pickle.STIMULUS, stimulus=name):
            parts.append(_read_stimulus(raw, clock, name, log, names))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["start_frame"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def _read_stimulus(raw: RawSession, clock: Clock, name: str, log: list[Any], names: list[str]) -> Columns:
    start, stop, selected = _image_runs(raw, clock, name, log)
    kinds = np.array([is_grating(entry[0]) for entry in selected], dtype=np.bool_)
    orientation = np.array([plain_number(entry[1]) if g else np.nan for entry, g in zip(selected, kinds, strict=True)])
    image_name = np.array(
        [
            f"gratings_{degrees}" if g else text(entry[1])
            for entry, g, degrees in zip(selected, kinds, orientation, strict=True)
        ],
        dtype=object,
    )
    unknown = [name for name in dict.fromkeys(image_name) if name not in names]
    if unknown:
        raise raw.error(
            pickle.SET_LOG,
            f"has {', '.join(unknown)}, which the image set does not contain: it has {', '.join(names) or 'none'}",
            stimulus=name,
        )
    index = {name: number for number, name in enumerate(names)}
    grating = np.where(kinds, 1.0, np.nan)
    return {
        "image_index": np.array([index[name] for name in image_name], dtype=np.int64),
        "image_name": image_name,
        "start_frame": start.astype(np.int64),
        "end_frame": stop.astype(np.int64),
        "start_time": clock.shown[start],
        "end_time": clock.shown[stop],
        "phase": grating * _grating_value(raw, name, pickle.GRATING_PHASE),
        "spatial_frequency": grating * _grating_value(raw, name, pickle.GRATING_FREQUENCY),
        "orientation": orientation.astype(np.float64),
    }


def _grating_value(raw: RawSession, name: str, entry: Entry) -> float:
    value = raw.get(entry, stimulus=name, default=None)
    return np.nan if value is None else plain_number(value)


def drawn_frames(raw: RawSession, name: str) -> NDArray[np.bool_]:
    """Return for each frame whether a stimulus was drawn."""
    drawn: NDArray[np.bool_] = raw.array(pickle.DRAW_LOG, stimulus=name, dtype=np.int64) == 1
    return drawn


def _image_runs(
    raw: RawSession, clock: Clock, name: str, log: list[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp], list[Any]]:
    """Return the first frame of each image, the frame after its last, and its entry of the set log."""
    count = len(clock.frames)
    draw = drawn_frames(raw, name)[:count]
    selected_at = raw.numbers([entry[3] for entry in log], pickle.SET_LOG, stimulus=name, dtype=np.int64)
    if (np.diff(selected_at) < 0).any():
        raise raw.error(pickle.SET_LOG, "is out of order; expected ascending frames", stimulus=name)
    selection = np.searchsorted(selected_at, np.arange(len(draw)), side="right") - 1
    drawn = draw & (selection >= 0)
    continues = drawn[1:] & drawn[:-1] & (np.diff(selection) == 0)
    start = np.flatnonzero(drawn & ~np.concatenate([[False], continues]))
    stop = np.flatnonzero(drawn & ~np.concatenate([continues, [False]])) + 1
    if len(stop) and stop[-1] >= count:
        raise raw.error(
            pickle.DRAW_LOG, "has an image in the last frame; expected a gray screen at the end", stimulus=name
        )
    return start, stop, [log[i] for i in selection[start]]


def _with_omissions(raw: RawSession, clock: Clock, shown: Columns, images: int) -> Columns:
    frames = _omitted_frames(raw, clock, shown["start_frame"])
    duration = int(np.median(shown["end_frame"] - shown["start_frame"])) if len(shown["start_frame"]) else 0
    count = len(frames)
    start = clock.shown[frames]
    missing = np.full(count, np.nan)
    omissions: Columns = {
        "image_index": np.full(count, images, dtype=np.int64),
        "image_name": np.full(count, OMITTED, dtype=object),
        "start_frame": frames,
        "end_frame": frames + duration,
        "start_time": start,
        "end_time": start + OMISSION_SECONDS,
        "phase": missing,
        "spatial_frequency": missing,
        "orientation": missing,
    }
    joined = {name: np.concatenate([values, omissions[name]]) for name, values in shown.items()}
    omitted = np.concatenate([np.zeros(len(shown["start_frame"]), np.bool_), np.ones(count, np.bool_)])
    order = np.argsort(joined["start_frame"], kind="stable")
    if len(order) and omitted[order[0]]:
        # As in AllenSDK, an omission before the first image is dropped.
        order = order[1:]
    result = {name: values[order] for name, values in joined.items()}
    result["omitted"] = omitted[order]
    result["duration"] = np.where(result["omitted"], OMISSION_SECONDS, result["end_time"] - result["start_time"])
    prior = as_list(raw.session_data(PRIOR_IMAGES, None))
    # As in AllenSDK, gratings are always novel.
    novel = ~np.isin(result["image_name"].astype(str), prior) | ~np.isnan(result["orientation"])
    result["is_image_novel"] = np.where(result["omitted"], np.nan, novel) if result["omitted"].any() else novel
    result["stimulus_block"] = np.zeros(len(order), dtype=np.int64)
    result["stimulus_name"] = np.full(len(order), stimulus_names(raw)[0], dtype=object)
    return result


def _omitted_frames(raw: RawSession, clock: Clock, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the frames of omissions, without those logged for an image that was shown."""
    logged = raw.get(pickle.OMISSION_LOG, default=None)
    with raw.reading(pickle.OMISSION_LOG):
        values = [frame for part in (logged or {}).values() for frame in part]
    frames = np.unique(raw.numbers(values, pickle.OMISSION_LOG, dtype=np.int64))
    for frame in frames[[0, -1]] if len(frames) else ():
        time_at(raw, clock.shown, frame, pickle.OMISSION_LOG)
    if not len(frames) or not len(starts):
        return frames
    after = np.searchsorted(starts, frames)
    near = [starts[np.clip(at, 0, len(starts) - 1)] for at in (after - 1, after)]
    distance = np.min([np.abs(frames - start) for start in near], axis=0)
    kept: NDArray[np.int64] = frames[distance > MAX_OMISSION_DISTANCE]
    return kept


def _movie_and_gray(raw: RawSession, clock: Clock, shown: Columns) -> list[Columns]:
    """Return the movie and the gray screen before it; empty for sessions without a movie."""
    if raw.get(pickle.MOVIE, default=None) is None:
        return []
    with raw.reading(pickle.MOVIE):
        movie = _read_movie(raw, clock)
    images = ~shown["omitted"]
    if not images.any():
        return [movie]
    ends = float(shown["end_time"][images].max()), int(shown["end_frame"].max())
    gray = _gray_row(ends[0], float(movie["start_time"].min()), ends[1], int(movie["start_frame"].min()), block=1)
    return [movie, gray]


def _read_movie(raw: RawSession, clock: Clock) -> Columns:
    """Return a row for each movie frame."""
    sweeps = np.asarray(raw.get(pickle.MOVIE_SWEEPS), dtype=np.int64)
    indices = np.asarray(raw.get(pickle.MOVIE_FRAMES), dtype=np.int64)
    gray_frames = int(np.count_nonzero(np.asarray(raw.get(pickle.MOVIE_FRAME_LIST)) == -1))
    start, stop = (indices[gray_frames + sweeps[:, i]] for i in (0, 1))
    time_at(raw, clock.shown, stop.max(), pickle.MOVIE_FRAMES)
    length = len(sweeps) // whole_number(raw.get(pickle.MOVIE_RUNS))
    if length < 1:
        raise raw.error(pickle.MOVIE_RUNS, f"is more than the {len(sweeps)} images of the movie")
    number = np.arange(len(sweeps), dtype=np.int64)
    after = np.minimum(stop + 1, len(clock.frames) - 1)
    times = clock.shown[start], clock.shown[after]
    return {
        "start_frame": start,
        "end_frame": stop,
        "start_time": times[0],
        "end_time": times[1],
        "duration": times[1] - times[0],
        "movie_frame_index": number % length,
        "movie_repeat": number // length,
        "stimulus_block": np.full(len(number), 2, dtype=np.int64),
        "stimulus_name": np.full(len(number), MOVIE, dtype=object),
    }


def _initial_gray(shown: Columns) -> Columns | None:
    if not len(shown["start_time"]):
        return None
    first, frame = float(shown["start_time"][0]), int(shown["start_frame"][0])
    return _gray_row(0.0, first, 0, frame, block=0) if first > MIN_INITIAL_GRAY else None


def _gray_row(start_time: float, end_time: float, start_frame: int, end_frame: int, block: int) -> Columns:
    return {
        "start_frame": np.array([start_frame], dtype=np.int64),
        "end_frame": np.array([end_frame], dtype=np.int64),
        "start_time": np.array([start_time]),
        "end_time": np.array([end_time]),
        "duration": np.array([end_time - start_time]),
        "stimulus_block": np.array([block], dtype=np.int64),
        "stimulus_name": np.array([GRAY], dtype=object),
    }


def _block_names(raw: RawSession, stimulus_block: NDArray[np.int64], blocks: int) -> NDArray[np.object_]:
    passive = parse_session_type(read_stage(raw)).is_passive
    names = [name.format("passive" if passive else "behavior") for name in _BLOCKS]
    number = stimulus_block + (1 if blocks == 1 else 0)
    return np.array(names, dtype=object)[number]
