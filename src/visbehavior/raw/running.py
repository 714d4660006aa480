"""Running speed from the voltage of the wheel's encoder.

Source of the rules: AllenSDK 2.16, ``data_objects/running_speed/running_processing.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbehavior.extras import import_extra
from visbehavior.schema.stimulus_pickle import WHEEL_RADIUS

Floats = NDArray[np.float64]

LOW, HIGH = 1.5, 3.5
"""A voltage that falls from above the one to below the other has gone through a full turn (V)."""

GREATEST_VOLTAGE = 5.1
GREATEST_STEP = 1.0
"""Volts in a frame: more is noise."""

NEAR_A_WRAP = 0.25
"""Seconds before and after a wrap whose speeds bound the speed there."""

OUTLIER = 10.0
"""Standard deviations."""

CUTOFF, RATE, ORDER = 4.0, 60.0, 3
"""Of the Butterworth low-pass: Hz, Hz, order."""

BACKWARDS = -1.0
"""A mean speed below (cm/s) means that the encoder is mounted the other way round."""


def compute_raw_speed(times: Floats, v_sig: Floats, v_in: Floats) -> Floats:
    """Speed before filtering.

    Parameters
    ----------
    times : numpy.ndarray
        Of the frames (s).
    v_sig, v_in : numpy.ndarray
        Voltage of the encoder and its supply at each frame (V).

    Returns
    -------
    numpy.ndarray
        float64, cm/s; NaN where the encoder does not tell.
    """
    step, wraps = _steps(v_sig)
    bad = np.isnan(step)
    angle = np.where(bad, np.nan, np.cumsum(np.where(bad, 0.0, step)) + v_sig[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        turn = np.diff(angle, prepend=np.nan) / v_in * 2 * np.pi
    lost = np.isnan(turn)
    turned = np.where(lost, np.nan, np.cumsum(np.where(lost, 0.0, turn)))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        speed = np.diff(turned, prepend=np.nan) / np.diff(times, prepend=np.nan) * WHEEL_RADIUS
        speed = _clipped_at(speed, times, wraps)
        if np.isnan(speed).all():
            return speed
        z = (speed - np.nanmean(speed)) / np.nanstd(speed)
    return np.where(np.abs(z) > OUTLIER, np.nan, speed)


def compute_filtered_speed(speed: Floats) -> Floats:
    """Speed through a low-pass, forwards and backwards; NaN as 0."""
    signal = import_extra("scipy.signal")
    b, a = signal.butter(ORDER, Wn=CUTOFF, fs=RATE, btype="lowpass")
    filtered: Floats = signal.filtfilt(b, a, np.nan_to_num(speed))
    return filtered


def oriented(speed: Floats) -> Floats:
    """Forward as positive: turned round where the mouse would run backwards on the whole."""
    told = speed[~np.isnan(speed)]
    return -speed if len(told) and np.mean(told) < BACKWARDS else speed


def _steps(v_sig: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Volts from frame to frame, through full turns; and the frames of those."""
    before = np.concatenate([[np.nan], v_sig[:-1]])
    up, down = (v_sig < LOW) & (before > HIGH), (v_sig > HIGH) & (before < LOW)
    in_range = v_sig[v_sig < GREATEST_VOLTAGE]
    top = in_range.max() if len(in_range) else np.nan
    step = np.where(up, v_sig + top - before, np.where(down, v_sig - (before + top), v_sig - before))
    step = np.where(np.abs(step) > GREATEST_STEP, np.nan, step)
    return step, np.flatnonzero(up | down)


def _clipped_at(speed: Floats, times: Floats, wraps: NDArray[np.intp]) -> Floats:
    """The speed at a wrap within that of the other frames around it."""
    clipped = speed.copy()
    first = np.searchsorted(times, times[wraps] - NEAR_A_WRAP, side="left")
    last = np.searchsorted(times, times[wraps] + NEAR_A_WRAP, side="right")
    for at, start, stop in zip(wraps.tolist(), first.tolist(), last.tolist(), strict=True):
        around = np.concatenate([speed[start:at], speed[at + 1 : stop]])
        around = around[~np.isnan(around)]
        if len(around):
            clipped[at] = np.clip(speed[at], around.min(), around.max())
    return clipped
