"""Smoothing of calcium events.

Definition: AllenSDK 2.16, ``brain_observatory/behavior/event_detection.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def filter_events(events: NDArray[np.floating], frame_rate: float, scale: float, count: int) -> Floats:
    """Return events convolved with the falling half of a Gaussian.

    Parameters
    ----------
    events : numpy.ndarray
        Magnitudes of the events of one cell, one per frame.
    frame_rate : float
        Frames per second.
    scale : float
        Standard deviation of the Gaussian (s).
    count : int
        Number of its values (frames).

    Returns
    -------
    numpy.ndarray
        float64. NaN makes itself and the next `count` - 1 values NaN.
    """
    filtered: Floats = np.convolve(events, half_gaussian(scale * frame_rate, count))[: len(events)]
    return filtered


def half_gaussian(scale: float, count: int) -> Floats:
    """Return the weights at 0, 1, ... frames, whose sum is 1. `scale` is the standard deviation (frames)."""
    distance = np.arange(count) / scale
    density = np.sqrt(2.0 / np.pi) * np.exp(-distance * distance / 2.0) / scale
    weights: Floats = density / np.sum(density)
    return weights
