"""What is computed about stimulus presentations: changes, flashes since a change, the trial of each.

Definitions: AllenSDK 2.16, ``brain_observatory/behavior/stimulus_processing.py``. All arrays have one value a
presentation, in order of start time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.columns import MISSING_INTEGER


def compute_is_change(image_name: NDArray[Any], shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the image differs from the last one shown.

    Parameters
    ----------
    image_name : numpy.ndarray
        Names of the images.
    shown : numpy.ndarray
        False for omissions, gray and movie, which are never a change and are skipped over.

    Returns
    -------
    numpy.ndarray
        bool; the first image is no change.
    """
    at = np.flatnonzero(shown)
    names = image_name[at]
    is_change = np.zeros(len(image_name), dtype=np.bool_)
    is_change[at[1:]] = names[1:] != names[:-1]
    return is_change


def compute_flashes_since_change(is_change: NDArray[np.bool_], omitted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Presentations since the last change: 0 at a change and at the very first; an omission repeats the count.

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
    begins = is_change & ~omitted
    begins[:1] = True
    # The count at the last beginning: it never falls, so the greatest so far is the last.
    return counted - np.maximum.accumulate(np.where(begins, counted, 0))


def compute_trials_id(
    start_time: NDArray[np.float64],
    named: NDArray[np.bool_],
    trial_start_time: NDArray[np.float64],
    trial_stop_time: NDArray[np.float64],
    trials_id: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The trial of each presentation: the last one that began before it.

    Parameters
    ----------
    start_time : numpy.ndarray
        Start of the presentations (s).
    named : numpy.ndarray
        False for gray and movie, which belong to no trial.
    trial_start_time, trial_stop_time : numpy.ndarray
        Start and end of the trials (s).
    trials_id : numpy.ndarray
        Index of the trials.

    Returns
    -------
    numpy.ndarray
        int64; -99 before the first trial and from the end of the last one on.
    """
    found = np.full(len(start_time), MISSING_INTEGER, dtype=np.int64)
    if not len(trials_id):
        return found
    # The last trial in the table that began before t, in whatever order they stand: the least start from each trial on
    # never falls, so it can be searched.
    least_from_here_on = np.fmin.accumulate(trial_start_time[::-1])[::-1]
    trial = np.searchsorted(least_from_here_on, start_time, side="left") - 1
    belongs = named & (trial >= 0) & (start_time < np.fmax.reduce(trial_stop_time))
    found[belongs] = trials_id[trial[belongs]]
    return found


def compute_active(
    start_time: NDArray[np.float64],
    named: NDArray[np.bool_],
    trial_start_time: NDArray[np.float64],
    trial_stop_time: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whether a presentation lies strictly between the start of the first trial and the end of the last.

    Parameters and shapes as for `compute_trials_id`.
    """
    if not len(trial_start_time):
        return np.zeros(len(start_time), dtype=np.bool_)
    active: NDArray[np.bool_] = named & (start_time > np.fmin.reduce(trial_start_time))
    active &= start_time < np.fmax.reduce(trial_stop_time)
    return active
