"""Running speed of the mouse, and the signal of the wheel's encoder.

The mouse alternates between running and rest, with exponentially distributed durations. Its speed is

    v = v0 b g r (1 + u) + w

with the mean speed v0 of the mouse, b 1 while running and 0 at rest, g 1 while engaged and `DISENGAGED_SPEED` else, and r the slowing
by licks and rewards. u and w are noise with a continuous spectrum. b and g change gradually (`ACCELERATION_SECONDS`).

The encoder's voltage is the angle of the wheel, from `MIN_VOLTAGE` to `MAX_VOLTAGE` in a turn, in steps of the analog-to-digital
converter. Source of the encoder's values: the published raw file 891635659. That mouse rests, so the values of a running mouse are assumed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.stimulus_pickle import FRAME_RATE, WHEEL_RADIUS

Floats = NDArray[np.float64]

RUN_SECONDS, REST_SECONDS = 40.0, 12.0
"""Mean duration of running and of rest (s)."""
ACCELERATION_SECONDS = 0.6
"""Time constant of changes between running and rest (s)."""
DISENGAGED_SPEED = 0.7
"""Fraction of the speed that remains while the mouse is disengaged."""
SPEED_CV, SPEED_SECONDS = 0.25, 0.8
"""Coefficient of variation of the speed while running, and time constant of its correlation (s)."""
SWAY, SWAY_SECONDS = 0.08, 0.05
"""Standard deviation of the speed of a resting mouse (cm/s), and time constant of its correlation (s)."""
LICK_SPEED, LICK_SECONDS = 0.85, 0.5
"""Fraction of the speed that remains after a lick, and duration of this slowing (s)."""
REWARD_SPEED = 0.12
"""Fraction of the speed that remains while the mouse drinks."""
DECELERATION_SECONDS = 0.4
"""Time from the first lick of a reward to the lowest speed (s)."""
RECOVERY_SECONDS = 2.6
"""Time from the first lick of a reward to the start of acceleration, and duration of the acceleration (s)."""

SUPPLY_VOLTAGE = 4.88372
"""Mean supply voltage of the encoder (V)."""
MIN_VOLTAGE, MAX_VOLTAGE = 0.0188, 4.8687
"""Lowest and highest voltage of the encoder (V)."""
VOLTAGE_STEP = 0.00128985
"""Step of the analog-to-digital converter (V)."""
STEP_PROBABILITY = 0.18
"""Probability that a reading of the encoder is one step off."""


def simulate_running_speed(
    times: Floats,
    licks: Floats,
    rewards: Floats,
    engaged: NDArray[np.bool_],
    mean_speed: float,
    rng: np.random.Generator,
) -> Floats:
    """Return the running speed at each frame (cm/s).

    Parameters
    ----------
    times : numpy.ndarray
        Times of the frames (s).
    licks, rewards : numpy.ndarray
        Times of the licks, and times at which the mouse starts to drink a reward (s), in order.
    engaged : numpy.ndarray
        Whether the mouse is engaged at each frame.
    mean_speed : float
        Mean speed while running (cm/s).
    rng : numpy.random.Generator
        Random number generator.
    """
    gain = _smooth(_sample_running_bouts(len(times), rng), ACCELERATION_SECONDS)
    gain *= _smooth(np.where(engaged, 1.0, DISENGAGED_SPEED), ACCELERATION_SECONDS)
    gain *= np.clip(1 + SPEED_CV * _sample_noise(len(times), SPEED_SECONDS, rng), 0, None)
    gain *= _reward_slowing(times, rewards) * _lick_slowing(times, licks)
    speed: Floats = mean_speed * gain + SWAY * _sample_noise(len(times), SWAY_SECONDS, rng)
    return speed


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
    steps = round((MAX_VOLTAGE - MIN_VOLTAGE) / VOLTAGE_STEP)
    position = rng.uniform(0, steps) + np.cumsum(turns) * SUPPLY_VOLTAGE / VOLTAGE_STEP
    errors = rng.integers(0, 2, size=len(times)) * 2 - 1
    position += errors * (rng.random(len(times)) < STEP_PROBABILITY)
    voltage = MIN_VOLTAGE + VOLTAGE_STEP * np.mod(np.floor(position), steps + 1)
    # The supply voltage is read with the same converter, and its noise is below a step.
    supply = SUPPLY_VOLTAGE + VOLTAGE_STEP * np.rint(0.4 * rng.normal(size=len(times)))
    return voltage, supply, 360 * turns


def _smooth(values: Floats, seconds: float) -> Floats:
    """Return the values after a low-pass filter of first order."""
    # Without the padding the end of the session would determine its start.
    before = np.full(_fast_length(2 * len(values)) - len(values), values[0])
    smooth: Floats = np.clip(_filter(np.concatenate([before, values]), seconds)[len(before) :], 0, None)
    return smooth


def _sample_noise(count: int, seconds: float, rng: np.random.Generator) -> Floats:
    """Return normal noise with an exponential autocorrelation (mean 0, standard deviation 1)."""
    noise = _filter(rng.normal(size=_fast_length(count)), seconds)[:count]
    scaled: Floats = noise / noise.std()
    return scaled


def _filter(values: Floats, seconds: float) -> Floats:
    """Return the values after a low-pass filter of first order, as if they were periodic."""
    frequencies = np.fft.rfftfreq(len(values), 1 / FRAME_RATE)
    filtered: Floats = np.fft.irfft(np.fft.rfft(values) / (1 + 2j * np.pi * seconds * frequencies), len(values))
    return filtered


def _fast_length(count: int) -> int:
    """Return the next power of two, because Fourier transforms of other lengths may be slow."""
    return 1 << (count - 1).bit_length()


def _sample_running_bouts(count: int, rng: np.random.Generator) -> Floats:
    """Return 1 for running and 0 for rest at each of `count` frames."""
    running = np.zeros(count)
    start = 0
    while start < count:
        length = max(round(rng.exponential(RUN_SECONDS) * FRAME_RATE), 1)
        running[start : start + length] = 1
        start += length + max(round(rng.exponential(REST_SECONDS) * FRAME_RATE), 1)
    return running


def _time_since(events: Floats, times: Floats) -> Floats:
    """Return the time since the last event at each frame (s); infinite before the first one."""
    if not len(events):
        return np.full(len(times), np.inf)
    last = np.searchsorted(events, times, side="right") - 1
    return np.where(last >= 0, times - events[np.maximum(last, 0)], np.inf)


def _lick_slowing(times: Floats, licks: Floats) -> Floats:
    """Return the fraction of the speed that remains at each frame because of licks."""
    return 1 - (1 - LICK_SPEED) * np.clip(1 - _time_since(licks, times) / LICK_SECONDS, 0, None)


def _reward_slowing(times: Floats, rewards: Floats) -> Floats:
    """Return the fraction of the speed that remains at each frame; it is 1 until the first lick of a reward."""
    since = _time_since(rewards, times)
    remaining = np.maximum(1 - since / DECELERATION_SECONDS, np.clip(since / RECOVERY_SECONDS - 1, 0, 1))
    fraction: Floats = REWARD_SPEED + (1 - REWARD_SPEED) * remaining
    return fraction
