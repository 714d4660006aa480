"""Pupil size over time: interpolated over blinks, and relative to a baseline.

Definition: brain_observatory_utilities (c0a47b4), ``datasets/optical_physiology/data_formatting.py``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns, check_one_session, get_booleans, get_numbers
from visbehavior.analysis.event_times import Floats
from visbehavior.analysis.spontaneous import find_spontaneous
from visbehavior.schema.pupil import PUPIL_DIAMETER


def interpolate_blinks(values: Floats, likely_blink: NDArray[np.bool_]) -> Floats:
    """Interpolate linearly, by row number, over blinks and other missing values.

    Parameters
    ----------
    values : numpy.ndarray
        One value per frame of the eye camera.
    likely_blink : numpy.ndarray
        bool: frames whose value is not used.

    Returns
    -------
    numpy.ndarray
        float64. NaN before the first usable value; after the last one its value.
    """
    usable = np.flatnonzero(~likely_blink & ~np.isnan(values))
    if not len(usable):
        return np.full(len(values), np.nan)
    row = np.arange(len(values))
    return np.interp(row, usable, values[usable], left=np.nan)


def read_pupil_width(eye_tracking: Columns) -> tuple[Floats, Floats]:
    """Return the times of the eye camera's frames, and the pupil width interpolated over likely blinks (pixels)."""
    check_one_session(eye_tracking, "eye_tracking", "timestamps")
    times = get_numbers(eye_tracking, "timestamps", "eye_tracking")
    width = get_numbers(eye_tracking, "pupil_width", "eye_tracking")
    return times, interpolate_blinks(width, get_booleans(eye_tracking, "likely_blink", "eye_tracking"))


def normalize_to_gray(times: Floats, values: Floats, first_flash: float) -> Floats:
    """Divide by the mean of the gray period before the task; NaN if the recording has no such period.

    Parameters
    ----------
    times, values : numpy.ndarray
        Times (s) and values of the samples.
    first_flash : float
        Start of the first flash of the task (s).
    """
    gray = values[find_spontaneous(times, first_flash)]
    gray = gray[~np.isnan(gray)]
    return values / (gray.mean() if len(gray) else np.nan)


def compute_pupil_diameter(eye_tracking: pd.DataFrame) -> pd.DataFrame:
    """Return `visbehavior.schema.pupil.PUPIL_DIAMETER` of an eye tracking table; empty for an empty one."""
    if not len(eye_tracking):
        return pd.DataFrame({name: np.empty(0) for name in PUPIL_DIAMETER.names()})
    area = get_numbers(eye_tracking, "pupil_area", "eye_tracking")
    times = get_numbers(eye_tracking, "timestamps", "eye_tracking")
    return pd.DataFrame({"timestamps": times, "pupil_diameter": 2 * np.sqrt(area / np.pi)})
