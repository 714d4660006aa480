"""When a mouse licks: bouts that begin at flashes, and what it drinks."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from visbehavior.schema.stimulus_pickle import FRAME_RATE
from visbehavior.simulation.mouse import (
    BOUT_OF_ENGAGEMENT,
    DISENGAGED,
    SATIATION,
    TYPICAL_VOLUME,
    WAITING,
    Drivers,
)

FLASH_SECONDS = 0.75

INTERVAL = (0.158, 0.20)
"""Between the licks of a bout: median (s), and spread of the logarithm."""
MORE_LICKS = 0.38
"""Probability that a bout without a reward goes on for another lick."""
DRINKING = (17.0, 3.0)
"""Licks of a bout in which a reward is drunk: mean and spread."""
LATENCY_SPREAD = 0.20
"""Of the logarithm of the latency of a response to a change."""
SPONTANEOUS = (0.43, 0.15)
"""Mean and spread of the time from a flash to a lick that it did not cause (s)."""
EARLIEST, LATEST = 2, 44
"""Frames after a flash within which its bout begins."""
SOONEST_RESPONSE = 0.16
"""Seconds: nothing that is seen is answered sooner."""
FINDING = 0.9
"""Probability that a mouse that takes part finds a reward that it did not earn, within a second."""


class Licker:
    """A mouse's tongue.

    Parameters
    ----------
    drivers : Drivers
        What drives the mouse.
    rng : numpy.random.Generator
        Where chance comes from.
    present : bool
        Whether there is a spout.

    Attributes
    ----------
    licks : list of int
        Frames, in order.
    drinks : list of int
        Frames in which it began to drink a reward.
    engaged : bool
        Whether the mouse takes part, now.
    """

    def __init__(self, drivers: Drivers, rng: np.random.Generator, present: bool = True) -> None:
        self._drivers, self._rng, self._present = drivers, rng, present
        self.licks: list[int] = []
        self.drinks: list[int] = []
        self.engaged = bool(rng.random() < drivers.engaged) and present
        self._waited = 0
        self._busy_until = -1

    def at_flash(self, onset: int, change: tuple[int, int] | None, volume: float) -> int | None:
        """The frame of the lick with which a bout begins at this flash, or None."""
        if not self._present:
            return None
        self._live_on(volume)
        if onset <= self._busy_until:
            self._waited = 0
            return None
        self._waited += 1
        if self._rng.random() >= 1 / (1 + math.exp(-self._drive(change))):
            return None
        return onset + self._latency(change)

    def bout(self, first: int, *, rewarded: bool) -> None:
        """Lick from this frame on."""
        count = max(int(self._rng.normal(*DRINKING)), 3) if rewarded else int(self._rng.geometric(1 - MORE_LICKS))
        median, spread = INTERVAL
        gaps = median * np.exp(spread * self._rng.normal(size=count - 1)) * FRAME_RATE
        frames = first + np.concatenate([[0], np.cumsum(np.maximum(np.rint(gaps), 3))]).astype(int)
        self.licks += frames.tolist()
        if rewarded:
            self.drinks.append(first)
        self._busy_until = self.licks[-1]
        self._waited = 0

    def licks_from(self, frame: int) -> list[int]:
        """The licks in this frame and later."""
        return self.licks[bisect_left(self.licks, frame) :]

    def find_free_reward(self, frame: int) -> None:
        """Drink what was given for nothing, unless it goes unnoticed."""
        if self._present and self.engaged and self._rng.random() < FINDING:
            # Not before it is done with the licks that it is at.
            found = frame + int(self._rng.integers(6, int(FRAME_RATE)))
            self.bout(max(found, self._busy_until + 1), rewarded=True)

    def _drive(self, change: tuple[int, int] | None) -> float:
        drivers = self._drivers
        drive = drivers.bias + drivers.timing * (1 - math.exp(-(self._waited - 1) / WAITING))
        if change is not None:
            drive += drivers.sensitivity * drivers.visibility[change]
        return float(drive if self.engaged else drive + DISENGAGED)

    def _latency(self, change: tuple[int, int] | None) -> int:
        if change is not None:
            seconds = self._drivers.latency * math.exp(LATENCY_SPREAD * self._rng.normal())
            return min(round(max(seconds, SOONEST_RESPONSE) * FRAME_RATE), LATEST)
        mean, spread = SPONTANEOUS
        return int(np.clip(round(self._rng.normal(mean, spread) * FRAME_RATE), EARLIEST, LATEST))

    def _live_on(self, volume: float) -> None:
        """Stop taking part, or begin again; the more was drunk, the likelier is the one and the rarer the other."""
        drivers = self._drivers
        share = 1 / (
            1 + (1 - drivers.engaged) / drivers.engaged * math.exp(SATIATION * (volume / TYPICAL_VOLUME - 0.5))
        )
        rate = FLASH_SECONDS / 60 / BOUT_OF_ENGAGEMENT
        leave, enter = rate / share, rate / (1 - share) if share < 1 else 1.0
        if self._rng.random() < (leave if self.engaged else enter):
            self.engaged = not self.engaged
