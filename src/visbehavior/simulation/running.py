"""How a mouse runs, and what the wheel's encoder makes of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbehavior.schema.stimulus_pickle import WHEEL_RADIUS

Floats = NDArray[np.float64]

RUNNING, RESTING = 40.0, 12.0
"""Mean seconds of a bout of running, and of rest."""
KNOT = 0.5
"""Seconds from one random speed to the next."""
UNSTEADINESS = 0.25
"""Spread of the speed while running, as a share of it."""
SLOW = 0.12
"""Share of the speed that is left while a reward is drunk."""
SLOWING, SLOWED = 0.4, 2.6
"""Seconds from the first lick of a reward in which the mouse slows down; and until it speeds up again, which takes as long."""

SUPPLY, TOP = 4.884173, 4.99
"""Volts of the encoder's supply; and the greatest that it gives."""
NOISE = 0.0013
"""Volts: a step of the converter."""


def compute_speed(times: Floats, drinks: Floats, typical: float, rng: np.random.Generator) -> Floats:
    """Running speed at each frame (cm/s): bouts of running and rest, slower while rewards are drunk."""
    knots = np.arange(0, times[-1] + 2 * KNOT, KNOT)
    speed = typical * _runs(len(knots), rng) * np.clip(1 + UNSTEADINESS * rng.normal(size=len(knots)), 0, None)
    return np.interp(times, knots, speed) * _slowing(times, drinks)


def read_encoder(times: Floats, speed: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Voltages of the encoder and its supply (V), and the rotation since the last frame (deg), at each frame."""
    turns = speed * np.diff(times, prepend=times[0]) / (2 * np.pi * WHEEL_RADIUS)
    position = rng.uniform(0.2, TOP - 0.2) + np.cumsum(turns) * SUPPLY
    steps = rng.integers(-1, 2, size=len(times)) * (rng.random(len(times)) < 0.1)
    voltage = np.mod(position, TOP) + NOISE * steps
    return np.clip(voltage, 0, TOP), np.full(len(times), SUPPLY), 360 * turns


def _runs(count: int, rng: np.random.Generator) -> Floats:
    """1 where the mouse runs and 0 where it rests, at each knot."""
    state = np.zeros(count)
    at = 0
    while at < count:
        length = max(round(rng.exponential(RUNNING) / KNOT), 1)
        state[at : at + length] = 1
        at += length + max(round(rng.exponential(RESTING) / KNOT), 1)
    return state


def _slowing(times: Floats, drinks: Floats) -> Floats:
    """Share of the speed that is left at each frame: nothing is known of a reward before it is tasted."""
    if not len(drinks):
        return np.ones(len(times))
    last = np.searchsorted(drinks, times, side="right") - 1
    since = np.where(last >= 0, times - drinks[np.maximum(last, 0)], np.inf)
    left = np.maximum(1 - since / SLOWING, np.clip(since / SLOWED - 1, 0, 1))
    result: Floats = SLOW + (1 - SLOW) * left
    return result
