"""Likely blinks in eye-tracking data.

Definition: AllenSDK 2.16, ``brain_observatory/behavior/eye_tracking_processing.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def compute_likely_blinks(
    eye_area: Floats, pupil_area: Floats, z_threshold: float, dilation_frames: int
) -> NDArray[np.bool_]:
    """Return the frames in which the mouse probably blinked.

    A frame is an outlier if its eye or pupil area is missing, or is more than `z_threshold` standard deviations from
    the mean. Outliers and their neighbors within `dilation_frames` frames are likely blinks.

    Parameters
    ----------
    eye_area, pupil_area : numpy.ndarray
        Areas (pixels^2), one per frame.
    z_threshold : float
        Threshold in standard deviations (ddof 0, missing values left out).
    dilation_frames : int
        Number of frames on either side of an outlier that are likely blinks too.

    Returns
    -------
    numpy.ndarray
        bool, one per frame.
    """
    blink = np.isnan(eye_area) | np.isnan(pupil_area)
    blink |= (np.abs(z_score(eye_area)) > z_threshold) | (np.abs(z_score(pupil_area)) > z_threshold)
    return dilate(blink, dilation_frames)


def z_score(values: Floats) -> Floats:
    """Return the distance of each value from the mean, in standard deviations (ddof 0); NaN for missing values."""
    present = values[~np.isnan(values)]
    if not len(present) or (present == present[0]).all():
        # A constant has no z-score; rounding of the mean would make it infinite.
        return np.full(len(values), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        z: Floats = (values - present.mean()) / present.std()
    return z


def dilate(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Return a mask that is true within `frames` frames of each true value."""
    count = len(mask)
    frames = min(frames, count)
    total = np.concatenate([[0], np.cumsum(mask)])
    frame = np.arange(count)
    return total[np.minimum(frame + frames + 1, count)] > total[np.maximum(frame - frames, 0)]
