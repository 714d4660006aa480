"""Assembly of the stimulus presentations, and the columns computed from others: changes, flashes since a change, trials.

Both readers use these functions. Definitions: AllenSDK 2.16, ``brain_observatory/behavior/stimulus_processing.py`` and
``data_objects/stimuli/presentations.py``. Arrays have one value per presentation, in order of start time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.session import OMITTED, STIMULUS_PRESENTATIONS

Columns = dict[str, NDArray[Any]]

_REPLAYED = {"trials_id", "is_sham_change"}
"""Computed columns that the passive replay of a block takes from the block."""


def join_groups(groups: Sequence[Columns]) -> Columns:
    """Concatenate groups of presentations and sort them by start time.

    Parameters
    ----------
    groups : sequence of dict
        Columns of each group. Each has ``start_time``.

    Returns
    -------
    dict
        Rows of a group that lacks a column are missing in it: -99 in declared integer columns, else NaN.

    Raises
    ------
    BadValue
        If a column is text in one group and numbers in another, or an integer column has other numbers.
    """
    lengths = [len(group["start_time"]) for group in groups]
    names = dict.fromkeys(name for group in groups for name in group)
    columns = {name: _join_column(name, [group.get(name) for group in groups], lengths) for name in names}
    order = np.argsort(columns["start_time"], kind="stable")
    return {name: values[order] for name, values in columns.items()}


def add_computed_columns(
    columns: Columns, needed: Callable[[str], bool], read_trials: Callable[[], Mapping[str, NDArray[Any]]]
) -> None:
    """Compute the columns that AllenSDK computes on reading, and those that the file lacks.

    ``is_change`` and ``flashes_since_change`` are always computed; ``trials_id``, ``active`` and ``is_sham_change`` only if
    they are absent. A column is not computed if one that it depends on is absent. A passive block with the images of an
    active one, in the same order, takes over the computed ``trials_id`` and ``is_sham_change`` of that block.

    Parameters
    ----------
    columns : dict
        The presentations, sorted by start time. The computed columns are added to it.
    needed : function
        Returns True for the names of the columns to compute.
    read_trials : function
        Returns start_time, stop_time, change_frame, catch and trials_id of the trials. Called only if they are needed.
    """
    if "image_name" not in columns:
        return
    image_name = columns["image_name"]
    # NaN, the missing text, does not equal itself.
    is_named: NDArray[np.bool_] = np.asarray(image_name == image_name, dtype=np.bool_)
    # A file may lack the column. All files name omissions in image_name.
    omitted = columns.get("omitted", image_name == OMITTED)
    # Gray and movie have NaN: neither shown nor omitted.
    columns["is_change"] = compute_is_change(image_name, is_named & (omitted == 0))
    is_omitted = (omitted == 1) | (image_name == OMITTED)
    columns["flashes_since_change"] = compute_flashes_since_change(columns["is_change"], is_omitted)
    absent = {name for name in ("trials_id", "active", "is_sham_change") if name not in columns and needed(name)}
    if "stimulus_block" not in columns:
        absent.discard("is_sham_change")
    elif absent & _REPLAYED:
        # Replays are recognized by the active blocks.
        absent |= {"active"} - columns.keys()
    if "is_sham_change" in absent and "trials_id" not in columns:
        absent.add("trials_id")
    if absent:
        _add_columns_of_trials(columns, absent, is_named, read_trials())
        _copy_to_replays(columns, absent & _REPLAYED, is_named)


def _add_columns_of_trials(
    columns: Columns, absent: set[str], is_named: NDArray[np.bool_], trials: Mapping[str, NDArray[Any]]
) -> None:
    if {"start_time", "stop_time"} <= trials.keys():
        times = columns["start_time"], is_named, trials["start_time"], trials["stop_time"]
        if "trials_id" in absent:
            columns["trials_id"] = compute_trials_id(*times, trials["trials_id"])
        if "active" in absent:
            active = compute_active(*times)
            has_blocks = "stimulus_block" in columns
            columns["active"] = _in_same_block(columns["stimulus_block"], active) if has_blocks else active
    has_inputs = {"start_frame", "trials_id"} <= columns.keys() and {"catch", "change_frame"} <= trials.keys()
    if "is_sham_change" in absent and has_inputs:
        columns["is_sham_change"] = _is_sham_change(columns, is_named, trials)


def _copy_to_replays(columns: Columns, names: set[str], is_named: NDArray[np.bool_]) -> None:
    """Copy columns of each active block to the passive blocks with the same images in the same order.

    Recordings of Visual Behavior Neuropixels show the images of the task again at the end.
    """
    names = names & columns.keys()
    if not names or not {"stimulus_block", "active"} <= columns.keys():
        return
    block, active, image_name = (columns[name] for name in ("stimulus_block", "active", "image_name"))
    passive = [np.flatnonzero(block == number) for number in np.unique(block[is_named & ~active])]
    for number in np.unique(block[active]):
        rows = np.flatnonzero(block == number)
        for replay in passive:
            if np.array_equal(image_name[rows], image_name[replay]):
                for name in names:
                    columns[name][replay] = columns[name][rows]


def to_nullable(columns: Columns) -> dict[str, Any]:
    """Return the columns for a DataFrame: declared nullable ones with NaN become pandas' boolean arrays."""
    return {name: _to_nullable(name, values) for name, values in columns.items()}


def fill_integers(name: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Return whole numbers as int64, -99 for NaN.

    Raises
    ------
    BadValue
        If the column holds other numbers.
    """
    if values.dtype.kind != "f":
        return values.astype(np.int64, copy=False)
    filled = np.where(np.isnan(values), MISSING_INTEGER, values)
    if not (np.isfinite(filled) & (filled == np.floor(filled))).all():
        raise BadValue(f"the column {name} holds numbers that are not whole.", name=name)
    return filled.astype(np.int64)


def compute_is_change(image_name: NDArray[Any], shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the presentations whose image differs from the previous one.

    Parameters
    ----------
    image_name : numpy.ndarray
        Names of the images.
    shown : numpy.ndarray
        False for omissions, gray and movie. They are never a change and are skipped.

    Returns
    -------
    numpy.ndarray
        bool; the first image is not a change.
    """
    at = np.flatnonzero(shown)
    names = image_name[at]
    is_change = np.zeros(len(image_name), dtype=np.bool_)
    is_change[at[1:]] = names[1:] != names[:-1]
    return is_change


def compute_flashes_since_change(is_change: NDArray[np.bool_], omitted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count presentations since the last change: 0 at a change and at the first one; an omission repeats the count.

    Parameters
    ----------
    is_change, omitted : numpy.ndarray
        bool.

    Returns
    -------
    numpy.ndarray
        int64.
    """
    counted = np.cumsum(~omitted)
    is_start = is_change & ~omitted
    is_start[:1] = True
    # The count never decreases, so its maximum over the starts so far is the count at the last start.
    return counted - np.maximum.accumulate(np.where(is_start, counted, 0))


def compute_trials_id(
    start_time: NDArray[np.float64],
    is_named: NDArray[np.bool_],
    trial_start_time: NDArray[np.float64],
    trial_stop_time: NDArray[np.float64],
    trials_id: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Find the trial of each presentation: the last one that started before it.

    Parameters
    ----------
    start_time : numpy.ndarray
        Start of the presentations (s).
    is_named : numpy.ndarray
        False for gray and movie, which belong to no trial.
    trial_start_time, trial_stop_time : numpy.ndarray
        Start and end of the trials (s).
    trials_id : numpy.ndarray
        Index of the trials.

    Returns
    -------
    numpy.ndarray
        int64; -99 before the first trial and after the last one.
    """
    ids = np.full(len(start_time), MISSING_INTEGER, dtype=np.int64)
    if not len(trials_id):
        return ids
    # The last row that started before t, in whatever order the rows are: the minimum over this and all later rows never
    # decreases, so it can be searched.
    earliest_from_here = np.fmin.accumulate(trial_start_time[::-1])[::-1]
    trial = np.searchsorted(earliest_from_here, start_time, side="left") - 1
    belongs = is_named & (trial >= 0) & (start_time < np.fmax.reduce(trial_stop_time))
    ids[belongs] = trials_id[trial[belongs]]
    return ids


def compute_active(
    start_time: NDArray[np.float64],
    is_named: NDArray[np.bool_],
    trial_start_time: NDArray[np.float64],
    trial_stop_time: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Find the presentations strictly between the start of the first trial and the end of the last.

    Parameters and shapes as for `compute_trials_id`.
    """
    if not len(trial_start_time):
        return np.zeros(len(start_time), dtype=np.bool_)
    active: NDArray[np.bool_] = is_named & (start_time > np.fmin.reduce(trial_start_time))
    active &= start_time < np.fmax.reduce(trial_stop_time)
    return active


def _in_same_block(block: NDArray[Any], active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.isin(block, np.unique(block[active]))


def _is_sham_change(
    columns: Columns, is_named: NDArray[np.bool_], trials: Mapping[str, NDArray[Any]]
) -> NDArray[np.bool_]:
    is_sham = trials["catch"].astype(np.bool_) & np.isin(trials["trials_id"], columns["trials_id"])
    return np.isin(columns["start_frame"], trials["change_frame"][is_sham]) & is_named


def _join_column(name: str, parts: list[NDArray[Any] | None], lengths: list[int]) -> NDArray[Any]:
    present = [part for part in parts if part is not None]
    is_text = present[0].dtype.kind == "O"
    if any((part.dtype.kind == "O") != is_text for part in present):
        raise BadValue(
            f"the column {name} of the presentations is text in one group and numbers in another.", name=name
        )
    has_gaps = len(present) < len(parts)
    if has_gaps:
        dtype = object if is_text else np.float64
        parts = [np.full(n, np.nan, dtype) if part is None else part for part, n in zip(parts, lengths, strict=True)]
        present = [part if is_text else part.astype(np.float64) for part in parts if part is not None]
    joined = np.concatenate(present)
    column = STIMULUS_PRESENTATIONS.by_name.get(name)
    if column is not None and column.dtype == "int64" and joined.dtype.kind == "f":
        return fill_integers(name, joined)
    return joined.astype(np.int64, copy=False) if joined.dtype.kind in "iu" else joined


def _to_nullable(name: str, values: NDArray[Any]) -> Any:
    column = STIMULUS_PRESENTATIONS.by_name.get(name)
    if column is None or column.dtype != "boolean" or values.dtype.kind == "b":
        return values
    import pandas as pd

    missing = np.isnan(values)
    return pd.arrays.BooleanArray(np.where(missing, 0, values).astype(np.bool_), missing)
