"""Flashes at which the image could have changed: the denominator of a false-alarm rate by flash.

Definitions: brain_observatory_utilities (BOU, c0a47b4), ``annotate_stimuli``; visual_behavior_analysis (VBA, 8d04c3b),
``extended_stimulus_processing.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns, get_booleans, get_numbers
from visbehavior.analysis.event_times import Floats, count_between, count_from_to, get_event_times
from visbehavior.arguments import check_choice
from visbehavior.errors import BadValue, MissingData

MIN_FLASH_IN_TRIAL = 4
"""Number, from 0, of the first flash of a trial that can be a change."""
_BOU_WINDOW = 0.75
_NO_TRIAL = -1
_SHORTER = 1e-9
"""A lick exactly at the start of the next flash belongs to the next flash only (s)."""


def compute_could_change(
    flash_table: pd.DataFrame, licks: Columns, trials: Columns | None = None, method: str = "bou"
) -> pd.DataFrame:
    """Find the flashes at which the image could have changed.

    An image can change from the fifth flash of a trial on, if the mouse did not lick earlier in the trial, and neither
    this flash nor the previous one is omitted. The two published definitions differ in the details.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        As `compute_flash_table` returns it. "bou" needs its column ``trials_id``.
    licks : pandas.DataFrame
        The column ``timestamps`` (s) is used.
    trials : pandas.DataFrame or None
        ``start_time`` and ``auto_rewarded`` are used. Required for "vba".
    method : str
        "bou": the trial is AllenSDK's ``trials_id``; a response is a lick in (start, start + 0.75 s); an earlier
        change in the trial excludes the flash. "vba": the trial is the last one that began at or before the flash; a
        response is a lick from the start until the next start, after the last flash at any time; an earlier change
        does not exclude.

    Returns
    -------
    pandas.DataFrame
        Index as in `flash_table`:

        trials_id : int64
            Trial of the flash; "vba" has -1 before the first trial.
        flash_in_trial : int64
            Number of the flash in its trial, from 0.
        responded : bool
            True if there was a response.
        response_latency : float64, s
            First lick of the response - start_time.
        previous_response, previous_change : bool
            True if there was a response, or a change, at an earlier flash of the trial.
        could_change : bool

    Raises
    ------
    BadValue
        If an argument is not a table, or there is no such method.
    MissingData
        If a column or a table is missing.
    """
    check_choice("method", method, ("bou", "vba"))
    start = get_event_times(flash_table, "flash_table", "start_time")
    lick_times = get_event_times(licks, "licks")
    columns: dict[str, Any]
    if method == "bou":
        trial = get_numbers(flash_table, "trials_id", "flash_table").astype(np.int64)
        count, first = count_between(lick_times, start, start + _BOU_WINDOW)
    else:
        trial = trial_by_start(start, trials)
        stop = np.append(start[1:] - _SHORTER, np.inf)[: len(start)]
        count, first = count_from_to(lick_times, start, stop)
    columns = {"trials_id": trial, "flash_in_trial": _count_in_runs(trial)}
    if method == "vba" and len(trial) and trial[0] == _NO_TRIAL:
        # In VBA the rows before the first trial are counted from 1.
        columns["flash_in_trial"] += np.cumsum(trial != _NO_TRIAL) == 0
    columns |= {"responded": count > 0, "response_latency": first - start}
    change, omitted = (get_booleans(flash_table, name, "flash_table") for name in ("is_change", "omitted"))
    columns |= {"previous_response": any_earlier(count > 0, trial), "previous_change": any_earlier(change, trial)}
    after_omission = np.concatenate([[False], omitted[:-1]])[: len(omitted)]
    columns["could_change"] = (
        (columns["flash_in_trial"] >= MIN_FLASH_IN_TRIAL)
        & ~columns["previous_response"]
        & ~(omitted | after_omission)
        & ~(columns["previous_change"] & (method == "bou"))
    )
    return pd.DataFrame(columns, index=flash_table.index)


def trial_by_start(start: Floats, trials: Columns | None) -> NDArray[np.int64]:
    """Return the label of the last trial that began at or before each flash; -1 before the first.

    Raises
    ------
    MissingData
        If `trials` is None.
    """
    if trials is None:
        raise MissingData("The method 'vba' needs the trials: pass trials=session.trials.", name="trials")
    position = np.searchsorted(get_event_times(trials, "trials", "start_time"), start, "right") - 1
    labels = np.asarray(trials.index) if isinstance(trials, pd.DataFrame) else np.arange(len(trials["start_time"]))
    if labels.dtype.kind not in "iu":
        raise BadValue("The index of trials is not whole numbers; expected that of session.trials.", name="trials")
    return np.append(labels, _NO_TRIAL)[position].astype(np.int64)


def any_earlier(flags: NDArray[np.bool_], group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each row whether an earlier row of its group is True."""
    order = np.argsort(group, kind="stable")
    in_order = group[order]
    before: NDArray[np.int64] = np.cumsum(flags[order]) - flags[order]
    _, first, size = np.unique(in_order, return_index=True, return_counts=True)
    earlier = np.empty(len(flags), dtype=np.bool_)
    earlier[order] = before > np.repeat(before[first], size)
    return earlier


def _count_in_runs(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each row in its run of equal values, from 0."""
    row = np.arange(len(group))
    begins = np.concatenate([[True], group[1:] != group[:-1]])[: len(group)]
    return row - np.maximum.accumulate(np.where(begins, row, 0)) if len(group) else row
