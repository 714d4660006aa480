"""What was on the screen: images, gratings, omissions, gray and movie, from the rig's logs of what was set and drawn.

Source of the rules: AllenSDK 2.16, ``brain_observatory/behavior/stimulus_processing.py`` and
``data_objects/stimuli/presentations.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.presentations import (
    compute_active,
    compute_flashes_since_change,
    compute_is_change,
    compute_trials_id,
)
from visbehavior.raw.clock import Clock
from visbehavior.raw.file import RawSession, lines, plain_number, stage_of, text, whole_number
from visbehavior.raw.trials import is_grating, set_logs, time_at
from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.session import OMITTED, STIMULUS_PRESENTATIONS

Columns = dict[str, NDArray[Any]]

OMISSION = 0.25
"""How long an omitted image would have been shown (s)."""

SHOWN_AFTER_ALL = 3
"""Frames: an omission that was logged so near to an image's start was shown."""

GRAY_BEFORE = 285.0
"""Seconds before the first image from which on they are a block of their own."""

MOVIE, GRAY, GRATING = "natural_movie_one", "spontaneous", "grating"
_BLOCKS = ("initial_gray_screen_5min", "change_detection_{}", "post_behavior_gray_screen_5min", "natural_movie_one")


def read_presentations(raw: RawSession, clock: Clock, trials: Mapping[str, Any], names: list[str]) -> pd.DataFrame:
    """`visbehavior.schema.session.STIMULUS_PRESENTATIONS`.

    Parameters
    ----------
    raw, clock
        The session.
    trials : dict
        Its trials.
    names : list of str
        The images of the set in its order.
    """
    shown = _with_omissions(raw, clock, _drawn(raw, clock, names), len(names))
    blocks = [shown, *_movie_and_gray(raw, clock, shown)]
    # AllenSDK looks for it only where there is a movie.
    first_gray = _gray_before(shown) if len(blocks) > 1 else None
    if first_gray is not None:
        for block in blocks:
            block["stimulus_block"] = block["stimulus_block"] + 1
        blocks.append(first_gray)
    columns = _joined(blocks)
    order = np.argsort(columns["start_time"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    _add_computed(raw, columns, trials, len(blocks))
    index = pd.RangeIndex(len(order), name=STIMULUS_PRESENTATIONS.index)
    return pd.DataFrame(columns, index=index, copy=False)


def stimulus_names(raw: RawSession) -> tuple[str, str]:
    """The name of the stimulus in the presentations, and in the templates, which keep the set's date."""
    paths = [raw.get("stimuli", name, "image_set", default=None) for name in set_logs(raw)]
    path = next((text(path) for path in paths if path), None)
    if path is None:
        return GRATING, GRATING
    file = path.replace("\\", "/").rpartition("/")[2]
    return file.partition(".")[0], file.rpartition(".")[0].replace("TRAINING", "training")


def _drawn(raw: RawSession, clock: Clock, names: list[str]) -> Columns:
    """Each run of frames in which an image was drawn, split where another was set."""
    parts = []
    for name, log in set_logs(raw).items():
        with raw.reading("stimuli", name):
            parts.append(_drawn_of(raw, clock, name, log, names))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["start_frame"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def _drawn_of(raw: RawSession, clock: Clock, name: str, log: list[Any], names: list[str]) -> Columns:
    start, stop, chosen = _runs(raw, clock, name, log)
    kinds = np.array([is_grating(entry[0]) for entry in chosen], dtype=np.bool_)
    orientation = np.array([plain_number(entry[1]) if g else np.nan for entry, g in zip(chosen, kinds, strict=True)])
    image_name = np.array(
        [
            f"gratings_{degrees}" if g else text(entry[1])
            for entry, g, degrees in zip(chosen, kinds, orientation, strict=True)
        ],
        dtype=object,
    )
    unknown = [name for name in dict.fromkeys(image_name) if name not in names]
    if unknown:
        raise raw.wrong(
            ("stimuli", name, "set_log"),
            f"shows {', '.join(unknown)}, which the image set does not hold: it has {', '.join(names) or 'none'}",
        )
    place = {name: number for number, name in enumerate(names)}
    grating = np.where(kinds, 1.0, np.nan)
    return {
        "image_index": np.array([place[name] for name in image_name], dtype=np.int64),
        "image_name": image_name,
        "start_frame": start.astype(np.int64),
        "end_frame": stop.astype(np.int64),
        "start_time": clock.shown[start],
        "end_time": clock.shown[stop],
        "phase": grating * _of_gratings(raw, name, "phase"),
        "spatial_frequency": grating * _of_gratings(raw, name, "sf"),
        "orientation": orientation.astype(np.float64),
    }


def _of_gratings(raw: RawSession, name: str, key: str) -> float:
    value = raw.get("stimuli", name, key, default=None)
    return np.nan if value is None else plain_number(value)


def drawn_frames(raw: RawSession, name: str) -> NDArray[np.bool_]:
    """Whether a stimulus was on the screen, of each frame."""
    drawn: NDArray[np.bool_] = raw.array("stimuli", name, "draw_log", dtype=np.int64) == 1
    return drawn


def _runs(
    raw: RawSession, clock: Clock, name: str, log: list[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp], list[Any]]:
    """The frame in which each image appears, that after its last, and what was chosen for it."""
    count = len(clock.frames)
    draw = drawn_frames(raw, name)[:count]
    set_at = raw.numbers([entry[3] for entry in log], "stimuli", name, "set_log", dtype=np.int64)
    if (np.diff(set_at) < 0).any():
        raise raw.wrong(("stimuli", name, "set_log"), "is out of order")
    reign = np.searchsorted(set_at, np.arange(len(draw)), side="right") - 1
    drawn = draw & (reign >= 0)
    same = np.diff(reign) == 0
    goes_on = drawn[1:] & drawn[:-1] & same
    start = np.flatnonzero(drawn & ~np.concatenate([[False], goes_on]))
    stop = np.flatnonzero(drawn & ~np.concatenate([goes_on, [False]])) + 1
    if len(stop) and stop[-1] >= count:
        raise raw.wrong(
            ("stimuli", name, "draw_log"), "has an image that lasts to the last frame: when it ended is not known"
        )
    return start, stop, [log[i] for i in reign[start]]


def _with_omissions(raw: RawSession, clock: Clock, shown: Columns, images: int) -> Columns:
    frames = _omitted_frames(raw, clock, shown["start_frame"])
    lasts = int(np.median(shown["end_frame"] - shown["start_frame"])) if len(shown["start_frame"]) else 0
    count = len(frames)
    start = clock.shown[frames]
    nothing = np.full(count, np.nan)
    omissions: Columns = {
        "image_index": np.full(count, images, dtype=np.int64),
        "image_name": np.full(count, OMITTED, dtype=object),
        "start_frame": frames,
        "end_frame": frames + lasts,
        "start_time": start,
        "end_time": start + OMISSION,
        "phase": nothing,
        "spatial_frequency": nothing,
        "orientation": nothing,
    }
    joined = {name: np.concatenate([values, omissions[name]]) for name, values in shown.items()}
    omitted = np.concatenate([np.zeros(len(shown["start_frame"]), np.bool_), np.ones(count, np.bool_)])
    order = np.argsort(joined["start_frame"], kind="stable")
    if len(order) and omitted[order[0]]:
        # AllenSDK drops an omission that nothing comes before.
        order = order[1:]
    result = {name: values[order] for name, values in joined.items()}
    result["omitted"] = omitted[order]
    result["duration"] = np.where(result["omitted"], OMISSION, result["end_time"] - result["start_time"])
    prior = lines(raw.known("prior_images_shown", None))
    # AllenSDK remembers images alone, so that gratings are always novel.
    result["is_image_novel"] = ~np.isin(result["image_name"].astype(str), prior) | ~np.isnan(result["orientation"])
    result["stimulus_block"] = np.zeros(len(order), dtype=np.int64)
    result["stimulus_name"] = np.full(len(order), stimulus_names(raw)[0], dtype=object)
    return result


def _omitted_frames(raw: RawSession, clock: Clock, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frames in which an image was left out, but for those near which it was shown after all."""
    keys = ("omitted_flash_frame_log",)
    logged = raw.get(*keys, default=None) or {}
    with raw.reading(*keys):
        every = [frame for part in logged.values() for frame in part]
    frames = np.unique(raw.numbers(every, *keys, dtype=np.int64))
    for frame in frames[[0, -1]] if len(frames) else ():
        time_at(raw, clock.shown, frame, *keys)
    if not len(frames) or not len(starts):
        return frames
    after = np.searchsorted(starts, frames)
    near = [starts[np.clip(at, 0, len(starts) - 1)] for at in (after - 1, after)]
    distance = np.min([np.abs(frames - start) for start in near], axis=0)
    kept: NDArray[np.int64] = frames[distance > SHOWN_AFTER_ALL]
    return kept


def _movie_and_gray(raw: RawSession, clock: Clock, shown: Columns) -> list[Columns]:
    """The movie at the end and the gray before it, of sessions that have them."""
    movie = raw.get("items", "fingerprint", default=None)
    if movie is None:
        return []
    with raw.reading("items", "fingerprint"):
        film = _film(raw, clock)
    images = ~shown["omitted"]
    if not images.any():
        return [film]
    ends = float(shown["end_time"][images].max()), int(shown["end_frame"].max())
    gray = _gray(ends[0], float(film["start_time"].min()), ends[1], int(film["start_frame"].min()), block=1)
    return [film, gray]


def _film(raw: RawSession, clock: Clock) -> Columns:
    """A row for each image of the movie."""
    keys = ("items", "fingerprint", "static_stimulus")
    sweeps = np.asarray(raw.get(*keys, "sweep_frames"), dtype=np.int64)
    indices = np.asarray(raw.get("items", "fingerprint", "frame_indices"), dtype=np.int64)
    gray_frames = int(np.count_nonzero(np.asarray(raw.get(*keys, "frame_list")) == -1))
    start, stop = (indices[gray_frames + sweeps[:, i]] for i in (0, 1))
    time_at(raw, clock.shown, stop.max(), "items", "fingerprint", "frame_indices")
    length = len(sweeps) // whole_number(raw.get(*keys, "runs"))
    if length < 1:
        raise raw.wrong((*keys, "runs"), f"is more than the {len(sweeps)} images of the movie")
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


def _gray_before(shown: Columns) -> Columns | None:
    if not len(shown["start_time"]):
        return None
    first, frame = float(shown["start_time"][0]), int(shown["start_frame"][0])
    return _gray(0.0, first, 0, frame, block=0) if first > GRAY_BEFORE else None


def _gray(start_time: float, end_time: float, start_frame: int, end_frame: int, block: int) -> Columns:
    return {
        "start_frame": np.array([start_frame], dtype=np.int64),
        "end_frame": np.array([end_frame], dtype=np.int64),
        "start_time": np.array([start_time]),
        "end_time": np.array([end_time]),
        "duration": np.array([end_time - start_time]),
        "stimulus_block": np.array([block], dtype=np.int64),
        "stimulus_name": np.array([GRAY], dtype=object),
    }


def _joined(blocks: list[Columns]) -> Columns:
    """The blocks one after the other, what a block does not have being missing: -99, NaN, or None of a truth value."""
    names = dict.fromkeys(name for block in blocks for name in block)
    lengths = [len(block["start_time"]) for block in blocks]
    columns = {
        name: np.concatenate(
            [block[name] if name in block else _missing(name, n) for block, n in zip(blocks, lengths, strict=True)]
        )
        for name in names
    }
    gratings = ("phase", "spatial_frequency", "orientation")
    return {name: values for name, values in columns.items() if name not in gratings or not np.isnan(values).all()}


def _missing(name: str, count: int) -> NDArray[Any]:
    dtype = STIMULUS_PRESENTATIONS.by_name[name].dtype
    if dtype == "int64":
        return np.full(count, MISSING_INTEGER, dtype=np.int64)
    return np.full(count, np.nan, dtype=object if dtype in ("text", "bool", "boolean") else np.float64)


def _add_computed(raw: RawSession, columns: Columns, trials: Mapping[str, Any], blocks: int) -> None:
    names = columns["image_name"]
    named: NDArray[np.bool_] = np.asarray(names == names, dtype=np.bool_)
    omitted: NDArray[np.bool_] = names == OMITTED
    times = columns["start_time"], named, trials["start_time"], trials["stop_time"]
    columns["is_change"] = compute_is_change(names, named & ~omitted)
    columns["flashes_since_change"] = compute_flashes_since_change(columns["is_change"], omitted)
    columns["trials_id"] = compute_trials_id(*times, trials["id"])
    active = np.unique(columns["stimulus_block"][compute_active(*times)])
    columns["active"] = np.isin(columns["stimulus_block"], active)
    sham = trials["change_frame"][trials["catch"] & np.isin(trials["id"], columns["trials_id"])]
    columns["is_sham_change"] = np.isin(columns["start_frame"], sham) & named
    for name, missing in (("omitted", ~named), ("is_image_novel", ~named | omitted)):
        values = np.where(missing, False, columns[name]).astype(np.bool_)
        columns[name] = pd.arrays.BooleanArray(values, missing) if missing.any() else values
    if raw.known("project_code", None) is not None:
        passive = stage_of(raw).endswith("passive")
        said = [block.format("passive" if passive else "behavior") for block in _BLOCKS]
        number = columns["stimulus_block"] + (1 if blocks == 1 else 0)
        columns["stimulus_block_name"] = np.array(said, dtype=object)[number]


def wanted_of(table: pd.DataFrame, wanted: Collection[str]) -> pd.DataFrame:
    """The wanted ones of its columns, and undeclared ones."""
    declared = STIMULUS_PRESENTATIONS.by_name
    return table[[name for name in table if name in wanted or name not in declared]]
