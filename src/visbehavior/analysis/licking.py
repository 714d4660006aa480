"""Lick bouts: groups of licks without a long pause.

Definition: visual_behavior_analysis (8d04c3b), ``utilities.annotate_licks``. The threshold separates the two peaks of the
intervals between licks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns
from visbehavior.analysis.event_times import Floats, count_from_to, get_event_times
from visbehavior.arguments import check_number

LICK_BOUT_GAP = 0.7
"""A pause between licks that is longer than this (s) separates two bouts."""


def compute_lick_bouts(
    licks: Columns, threshold: float = LICK_BOUT_GAP, rewards: Columns | None = None
) -> pd.DataFrame:
    """Group licks into bouts: a pause longer than the threshold starts a new bout.

    Parameters
    ----------
    licks : pandas.DataFrame
        Licks of a session; the column ``timestamps`` (s) is used.
    threshold : float
        Longest pause within a bout (s).
    rewards : pandas.DataFrame or None
        Rewards of the session; the column ``timestamps`` (s) is used.

    Returns
    -------
    pandas.DataFrame
        One row per bout, index lick_bout_number from 0:

        start, end : float64, s
            First and last lick.
        n_licks : int64
            Number of licks.
        rewarded : bool
            True if a reward was delivered from the first to the last lick, both included. Only with `rewards`. A free
            reward that precedes the licks does not count.

    Raises
    ------
    BadValue
        If an argument is not a table, the times do not increase, or the threshold is not a number above 0.
    MissingData
        If a column is missing.

    Notes
    -----
    Definition: visual_behavior_analysis, ``utilities.annotate_licks``; threshold 0.7 s. The first lick always starts a bout.

    Examples
    --------
    >>> bouts = compute_lick_bouts(session.licks, rewards=session.rewards)
    >>> bouts["n_licks"].mean()
    2.9
    """
    check_number("threshold", threshold, above=0, unit="s")
    times = get_event_times(licks, "licks")
    first, last = find_bouts(times, threshold)
    bouts: dict[str, Any] = {"start": times[first], "end": times[last], "n_licks": last - first + 1}
    if rewards is not None:
        reward_count, _ = count_from_to(get_event_times(rewards, "rewards"), bouts["start"], bouts["end"])
        bouts["rewarded"] = reward_count > 0
    return pd.DataFrame(bouts, index=pd.RangeIndex(len(first), name="lick_bout_number"))


def find_bouts(times: Floats, threshold: float = LICK_BOUT_GAP) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions of the first and of the last lick of each bout."""
    pauses = np.flatnonzero(np.diff(times) > threshold)
    at_end = [len(times) - 1] if len(times) else []
    at_start = [0] if len(times) else []
    return np.concatenate([at_start, pauses + 1]).astype(np.intp), np.concatenate([pauses, at_end]).astype(np.intp)


def compute_lick_rate(lick_frames: NDArray[np.int64], n_frames: int) -> Floats:
    """Return the smoothed number of licks per stimulus frame.

    Parameters
    ----------
    lick_frames : numpy.ndarray
        Stimulus frame of each lick.
    n_frames : int
        Number of stimulus frames.

    Returns
    -------
    numpy.ndarray
        float64, one value per frame: weighted mean over the last six frames (100 ms) of 1 in frames with a lick and 0
        in others. At the beginning the weights of existing frames are used.

    Notes
    -----
    Definition: brain_observatory_utilities (c0a47b4), ``datasets/behavior/data_formatting.py``.
    """
    licked = np.zeros(n_frames)
    licked[lick_frames] = 1.0
    weights = np.array([1.0, 3, 5, 5, 3, 1])
    weight = np.convolve(np.ones(n_frames), weights)[:n_frames]
    return np.convolve(licked, weights)[:n_frames] / weight
