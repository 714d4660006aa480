"""What was on the screen: pictures, gratings, omissions, gray and movie, from the rig's logs of what was set and drawn.

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
from visbehavior.raw.file import RawSession
from visbehavior.raw.trials import text
from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.session import OMITTED, STIMULUS_PRESENTATIONS

Columns = dict[str, NDArray[Any]]

OMISSION = 0.25
"""How long an omitted picture would have been shown (s)."""

SHOWN_AFTER_ALL = 3
"""Frames: an omission that was logged so near to a picture's start was shown."""

GRAY_BEFORE = 285.0
"""Seconds before the first picture from which on they are a block of their own."""

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
        The pictures of the set in its order.
    """
    shown = _with_omissions(raw, clock, _drawn(raw, clock, names), len(names))
    blocks = [shown, *_movie_and_gray(raw, clock, shown)]
    first_gray = _gray_before(shown)
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
    path = next((text(one["image_set"]) for one in raw.get("stimuli").values() if one.get("image_set")), None)
    if path is None:
        return GRATING, GRATING
    file = path.replace("\\", "/").rpartition("/")[2]
    return file.partition(".")[0], file.rpartition(".")[0].replace("TRAINING", "training")


def _drawn(raw: RawSession, clock: Clock, names: list[str]) -> Columns:
    """Each run of frames in which a picture was drawn, split where another was set."""
    parts = [_drawn_of(raw, clock, name, one, names) for name, one in raw.get("stimuli").items()]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["start_frame"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def _drawn_of(raw: RawSession, clock: Clock, name: str, one: Mapping[str, Any], names: list[str]) -> Columns:
    count = len(clock.frames)
    draw = raw.array("stimuli", name, "draw_log")[:count] == 1
    log = raw.get("stimuli", name, "set_log")
    set_at = np.array([entry[3] for entry in log], dtype=np.int64)
    if (np.diff(set_at) < 0).any():
        raise raw.wrong(("stimuli", name, "set_log"), "is out of order")
    reign = np.searchsorted(set_at, np.arange(len(draw)), side="right") - 1
    drawn = draw & (reign >= 0)
    begins = drawn & ~(np.concatenate([[False], drawn[:-1]]) & (np.diff(reign, prepend=-2) == 0))
    start = np.flatnonzero(begins)
    ends = drawn & ~(np.concatenate([drawn[1:], [False]]) & (np.diff(reign, append=-2) == 0))
    stop = np.flatnonzero(ends) + 1
    if len(stop) and stop[-1] >= count:
        raise raw.wrong(
            ("stimuli", name, "draw_log"), "has a picture that lasts to the last frame: when it ended is not known"
        )
    what = [log[i][1] for i in reign[start]]
    is_grating = np.array([str(log[i][0]).lower() == "ori" for i in reign[start]], dtype=np.bool_)
    grating = np.where(is_grating, 1.0, np.nan)
    orientation = np.array([float(w) if g else np.nan for w, g in zip(what, is_grating, strict=True)], dtype=np.float64)
    image_name = np.array(
        [f"gratings_{float(w)}" if g else text(w) for w, g in zip(what, is_grating, strict=True)], dtype=object
    )
    unknown = [w for w in dict.fromkeys(image_name) if w not in names]
    if unknown and not is_grating.any():
        raise raw.wrong(
            ("stimuli", name, "set_log"), f"shows {', '.join(unknown)}, which the picture set does not hold"
        )
    return {
        "image_index": np.array([names.index(w) for w in image_name], dtype=np.int64),
        "image_name": image_name,
        "start_frame": start.astype(np.int64),
        "end_frame": stop.astype(np.int64),
        "start_time": clock.shown[start],
        "end_time": clock.shown[stop],
        "phase": grating * float(one.get("phase", np.nan)) if is_grating.any() else grating,
        "spatial_frequency": grating * float(one.get("sf", np.nan)) if is_grating.any() else grating,
        "orientation": orientation,
    }


def _with_omissions(raw: RawSession, clock: Clock, shown: Columns, pictures: int) -> Columns:
    logged = raw.get("omitted_flash_frame_log", default=None) or {}
    frames = np.unique(np.array([frame for part in logged.values() for frame in part], dtype=np.int64))
    if len(frames) and frames[-1] >= len(clock.frames):
        raise raw.wrong(
            ("omitted_flash_frame_log",), f"holds frame {frames[-1]}; the session has {len(clock.frames)} frames"
        )
    if len(frames) and len(shown["start_frame"]):
        starts = shown["start_frame"]
        at = (
            np.clip(np.searchsorted(starts, frames), 1, len(starts) - 1)
            if len(starts) > 1
            else np.zeros(len(frames), dtype=np.int64)
        )
        distance = np.minimum(np.abs(frames - starts[at]), np.abs(frames - starts[np.maximum(at - 1, 0)]))
        frames = frames[distance > SHOWN_AFTER_ALL]
    lasts = int(np.median(shown["end_frame"] - shown["start_frame"])) if len(shown["start_frame"]) else 0
    count = len(frames)
    start = clock.shown[frames]
    nothing = np.full(count, np.nan)
    omissions: Columns = {
        "image_index": np.full(count, pictures, dtype=np.int64),
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
    prior = {text(name) for name in raw.known("prior_images_shown", ())}
    result["is_image_novel"] = ~np.isin(result["image_name"].astype(str), list(prior))
    result["stimulus_block"] = np.zeros(len(order), dtype=np.int64)
    result["stimulus_name"] = np.full(len(order), stimulus_names(raw)[0], dtype=object)
    return result


def _movie_and_gray(raw: RawSession, clock: Clock, shown: Columns) -> list[Columns]:
    """The movie at the end and the gray before it, of sessions that have them."""
    movie = raw.get("items", "fingerprint", default=None)
    if movie is None:
        return []
    keys = ("items", "fingerprint", "static_stimulus")
    sweeps = np.asarray(raw.get(*keys, "sweep_frames"), dtype=np.int64)
    indices = np.asarray(raw.get("items", "fingerprint", "frame_indices"), dtype=np.int64)
    gray_frames = int(np.count_nonzero(np.asarray(raw.get(*keys, "frame_list")) == -1))
    start, stop = (indices[gray_frames + sweeps[:, i]] for i in (0, 1))
    if len(stop) and stop.max() >= len(clock.frames):
        raise raw.wrong(
            ("items", "fingerprint", "frame_indices"),
            f"goes to frame {stop.max()}; the session has {len(clock.frames)} frames",
        )
    length = len(sweeps) // int(raw.get(*keys, "runs"))
    number = np.arange(len(sweeps), dtype=np.int64)
    after = np.minimum(stop + 1, len(clock.frames) - 1)
    times = clock.shown[start], clock.shown[after]
    film = {
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
    pictures = ~shown["omitted"]
    gray = _gray(
        shown["end_time"][pictures].max(), times[0].min(), int(shown["end_frame"].max()), int(start.min()), block=1
    )
    return [film, gray]


def _gray_before(shown: Columns) -> Columns | None:
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
        passive = raw.get("params", "stage", default="").endswith("passive")
        said = [block.format("passive" if passive else "behavior") for block in _BLOCKS]
        number = columns["stimulus_block"] + (1 if blocks == 1 else 0)
        columns["stimulus_block_name"] = np.array(said, dtype=object)[number]


def wanted_of(table: pd.DataFrame, wanted: Collection[str]) -> pd.DataFrame:
    """The wanted ones of its columns, and undeclared ones."""
    declared = STIMULUS_PRESENTATIONS.by_name
    return table[[name for name in table if name in wanted or name not in declared]]
