"""Running speed of the mouse, and the signal of the wheel's encoder.

The mouse alternates between running and rest, with exponentially distributed durations. While running, the speed is interpolated
between independent samples around the mean speed of the mouse. After the first lick of a reward the mouse slows down for several
seconds. The encoder's voltage is proportional to the angle of the wheel, modulo one turn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.stimulus_pickle import WHEEL_RADIUS

Floats = NDArray[np.float64]

RUN_SECONDS, REST_SECONDS = 40.0, 12.0
"""Mean duration of running and of rest (s)."""
SAMPLE_INTERVAL = 0.5
"""Time between the samples of the speed (s)."""
SPEED_CV = 0.25
"""Coefficient of variation of the speed while running."""
REWARD_SPEED = 0.12
"""Fraction of the speed that remains while the mouse drinks."""
DECELERATION_SECONDS = 0.4
"""Time from the first lick of a reward to the lowest speed (s)."""
RECOVERY_SECONDS = 2.6
"""Time from the first lick of a reward to the start of acceleration, and duration of the acceleration (s)."""

SUPPLY_VOLTAGE, MAX_VOLTAGE = 4.884173, 4.99
"""Supply voltage and highest voltage of the encoder (V)."""
VOLTAGE_STEP = 0.0013
"""Step of the analog-to-digital converter (V)."""


def simulate_running_speed(
    times: Floats, consumption_times: Floats, mean_speed: float, rng: np.random.Generator
) -> Floats:
    """Return the running speed at each frame (cm/s).

    Parameters
    ----------
    times : numpy.ndarray
        Times of the frames (s).
    consumption_times : numpy.ndarray
        Times at which the mouse starts to drink a reward (s).
    mean_speed : float
        Mean speed while running (cm/s).
    rng : numpy.random.Generator
        Random number generator.
    """
    samples = np.arange(0, times[-1] + 2 * SAMPLE_INTERVAL, SAMPLE_INTERVAL)
    bouts = _sample_running_bouts(len(samples), rng)
    speed = mean_speed * bouts * np.clip(1 + SPEED_CV * rng.normal(size=len(samples)), 0, None)
    return np.interp(times, samples, speed) * _reward_slowing(times, consumption_times)


def simulate_encoder(times: Floats, speed: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return voltage (V), supply voltage (V) and rotation since the previous frame (deg) of the encoder at each frame.

    Parameters
    ----------
    times : numpy.ndarray
        Times of the frames (s).
    speed : numpy.ndarray
        Running speed at each frame (cm/s).
    rng : numpy.random.Generator
        Random number generator.
    """
    turns = speed * np.diff(times, prepend=times[0]) / (2 * np.pi * WHEEL_RADIUS)
    position = rng.uniform(0.2, MAX_VOLTAGE - 0.2) + np.cumsum(turns) * SUPPLY_VOLTAGE
    steps = rng.integers(-1, 2, size=len(times)) * (rng.random(len(times)) < 0.1)
    voltage = np.mod(position, MAX_VOLTAGE) + VOLTAGE_STEP * steps
    return np.clip(voltage, 0, MAX_VOLTAGE), np.full(len(times), SUPPLY_VOLTAGE), 360 * turns


def _sample_running_bouts(count: int, rng: np.random.Generator) -> Floats:
    """Return 1 for running and 0 for rest at each of `count` samples."""
    running = np.zeros(count)
    start = 0
    while start < count:
        length = max(round(rng.exponential(RUN_SECONDS) / SAMPLE_INTERVAL), 1)
        running[start : start + length] = 1
        start += length + max(round(rng.exponential(REST_SECONDS) / SAMPLE_INTERVAL), 1)
    return running


def _reward_slowing(times: Floats, consumption_times: Floats) -> Floats:
    """Return the fraction of the speed that remains at each frame; it is 1 until the first lick of a reward."""
    if not len(consumption_times):
        return np.ones(len(times))
    last = np.searchsorted(consumption_times, times, side="right") - 1
    since = np.where(last >= 0, times - consumption_times[np.maximum(last, 0)], np.inf)
    remaining = np.maximum(1 - since / DECELERATION_SECONDS, np.clip(since / RECOVERY_SECONDS - 1, 0, 1))
    fraction: Floats = REWARD_SPEED + (1 - REWARD_SPEED) * remaining
    return fraction
