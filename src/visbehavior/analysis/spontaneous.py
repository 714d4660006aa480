"""The gray period before the task, in which activity is spontaneous."""

from __future__ import annotations

import numpy as np

from visbehavior.analysis.event_times import Floats

SPONTANEOUS_SECONDS = 240.0
"""Length of the gray period before the first flash that is used (s). Source: brain_observatory_utilities (c0a47b4)."""


def find_spontaneous(times: Floats, first_flash: float, seconds: float = SPONTANEOUS_SECONDS) -> slice:
    """Return the samples of the gray period before the task.

    Parameters
    ----------
    times : numpy.ndarray
        Times of the samples (s), increasing.
    first_flash : float
        Start of the first flash of the task (s).
    seconds : float
        Length of the period (s).

    Returns
    -------
    slice
        From the sample nearest to its start up to before the one nearest to the first flash; empty if the recording
        begins later.
    """
    if not len(times):
        return slice(0, 0)
    first, end = (int(np.argmin(np.abs(times - time))) for time in (first_flash - seconds, first_flash))
    return slice(first, end)
