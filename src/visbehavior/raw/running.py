"""Running speed from the voltage of the wheel's encoder.

Source: AllenSDK 2.16, ``data_objects/running_speed/running_processing.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbehavior.extras import import_extra
from visbehavior.schema.stimulus_pickle import WHEEL_RADIUS

Floats = NDArray[np.float64]

WRAP_LOW, WRAP_HIGH = 1.5, 3.5
"""A step from above the high to below the low voltage, or back, is a wrap of the encoder (V)."""

MAX_VOLTAGE = 5.1
"""Higher voltages are noise (V)."""
MAX_STEP = 1.0
"""Larger voltage steps between frames are noise (V)."""

WRAP_WINDOW = 0.25
"""Time before and after a wrap; speeds of the other frames in it bound the speed at the wrap (s)."""

OUTLIER_Z = 10.0
"""Speeds more standard deviations from the mean are outliers."""

CUTOFF, SAMPLING_RATE, FILTER_ORDER = 4.0, 60.0, 3
"""Butterworth low-pass: cutoff (Hz), nominal frame rate (Hz), order."""


def compute_raw_speed(times: Floats, v_sig: Floats, v_in: Floats) -> Floats:
    """Return the running speed before filtering.

    Parameters
    ----------
    times : numpy.ndarray
        Times of the frames (s).
    v_sig, v_in : numpy.ndarray
        Voltage of the encoder and its supply voltage at each frame (V).

    Returns
    -------
    numpy.ndarray
        float64, cm/s; NaN in the first frames and for noise and outliers.
    """
    step, wraps = _voltage_steps(v_sig)
    bad = np.isnan(step)
    voltage = np.where(bad, np.nan, np.cumsum(np.where(bad, 0.0, step)) + v_sig[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        turn = np.diff(voltage, prepend=np.nan) / v_in * 2 * np.pi
    bad = np.isnan(turn)
    angle = np.where(bad, np.nan, np.cumsum(np.where(bad, 0.0, turn)))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        speed = np.diff(angle, prepend=np.nan) / np.diff(times, prepend=np.nan) * WHEEL_RADIUS
        speed = _clip_at_wraps(speed, times, wraps)
        if np.isnan(speed).all():
            return speed
        z = (speed - np.nanmean(speed)) / np.nanstd(speed)
    return np.where(np.abs(z) > OUTLIER_Z, np.nan, speed)


def compute_filtered_speed(speed: Floats) -> Floats:
    """Return the speed after a zero-phase low-pass filter; NaN counts as 0."""
    signal = import_extra("scipy.signal")
    b, a = signal.butter(FILTER_ORDER, Wn=CUTOFF, fs=SAMPLING_RATE, btype="lowpass")
    filtered: Floats = signal.filtfilt(b, a, np.nan_to_num(speed))
    return filtered


def _voltage_steps(v_sig: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return the unwrapped voltage steps between frames, and the frames with a wrap."""
    before = np.concatenate([[np.nan], v_sig[:-1]])
    up, down = (v_sig < WRAP_LOW) & (before > WRAP_HIGH), (v_sig > WRAP_HIGH) & (before < WRAP_LOW)
    in_range = v_sig[v_sig < MAX_VOLTAGE]
    top = in_range.max() if len(in_range) else np.nan
    step = np.where(up, v_sig + top - before, np.where(down, v_sig - (before + top), v_sig - before))
    step = np.where(np.abs(step) > MAX_STEP, np.nan, step)
    return step, np.flatnonzero(up | down)


def _clip_at_wraps(speed: Floats, times: Floats, wraps: NDArray[np.intp]) -> Floats:
    """Return the speed, limited at each wrap to the range of the surrounding frames."""
    clipped = speed.copy()
    first = np.searchsorted(times, times[wraps] - WRAP_WINDOW, side="left")
    last = np.searchsorted(times, times[wraps] + WRAP_WINDOW, side="right")
    lowest, highest = (
        function(_reduce_ranges(speed, first, wraps, function), _reduce_ranges(speed, wraps + 1, last, function))
        for function in (np.fmin, np.fmax)
    )
    is_bounded = ~np.isnan(lowest)
    bounded = wraps[is_bounded]
    clipped[bounded] = np.clip(speed[bounded], lowest[is_bounded], highest[is_bounded])
    return clipped


def _reduce_ranges(values: Floats, starts: NDArray[np.intp], stops: NDArray[np.intp], function: np.ufunc) -> Floats:
    """Return the minimum (numpy.fmin) or maximum (numpy.fmax) of ranges of values; NaN for a range without numbers.

    The time is that of a few passes over the values, however long the ranges are.
    """
    lengths = stops - starts
    result = np.full(len(starts), np.nan)
    width = 1
    while width <= lengths.max(initial=0):
        # `values` now has the result for all ranges of this width, and two of them cover a range of up to twice the width.
        covered = (lengths >= width) & (lengths < 2 * width)
        result[covered] = function(values[starts[covered]], values[stops[covered] - width])
        values, width = function(values[:-width], values[width:]), 2 * width
    return result
