"""Likely blinks of an eye-tracked mouse.

Definition: AllenSDK 2.16, ``brain_observatory/behavior/eye_tracking_processing.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def compute_likely_blinks(
    eye_area: Floats, pupil_area: Floats, z_threshold: float, dilation_frames: int
) -> NDArray[np.bool_]:
    """Frames in which the mouse probably blinked.

    Frames whose eye or pupil area is missing or lies more than `z_threshold` standard deviations from its mean, and
    `dilation_frames` frames on either side of each.

    Parameters
    ----------
    eye_area, pupil_area : numpy.ndarray
        Areas (pixels^2), one a frame.
    z_threshold : float
        In standard deviations (of the values that are there, ddof 0).
    dilation_frames : int
        0: none.

    Returns
    -------
    numpy.ndarray
        bool.
    """
    blink = np.isnan(eye_area) | np.isnan(pupil_area)
    blink |= (np.abs(_z_score(eye_area)) > z_threshold) | (np.abs(_z_score(pupil_area)) > z_threshold)
    return _dilated(blink, dilation_frames)


def _z_score(values: Floats) -> Floats:
    there = values[~np.isnan(values)]
    if not len(there):
        return np.full(len(values), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        z: Floats = (values - there.mean()) / there.std()
    return z


def _dilated(marked: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Everything within `frames` of something marked."""
    count = len(marked)
    frames = min(frames, count)
    total = np.concatenate([[0], np.cumsum(marked)])
    at = np.arange(count)
    return total[np.minimum(at + frames + 1, count)] > total[np.maximum(at - frames, 0)]
