"""Licking model: lick bouts, their latency and the engagement of the mouse.

The probability of a lick bout at a flash is defined in `visbehavior.simulation.mouse`. Engagement is a two-state Markov chain that
is updated at each flash. The stationary probability g of being engaged decreases with the volume V that the mouse has drunk:

    logit g = logit f - c (V / V0 - 0.5)

with the engaged fraction f of the session, c = `SATIATION` and V0 = `TYPICAL_VOLUME`. The chain leaves the engaged state with
probability r / g and enters it with probability r / (1 - g), where r = `FLASH_SECONDS` / `ENGAGEMENT_CYCLE`, so that an engaged and
a disengaged period together last `ENGAGEMENT_CYCLE` on average.

The values below were chosen to match the licks of a published session (docs/simulation.md).
"""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from visbehavior.schema.stimulus_pickle import FRAME_RATE
from visbehavior.simulation.mouse import (
    DISENGAGEMENT,
    ENGAGEMENT_CYCLE,
    SATIATION,
    TIMING_FLASHES,
    TYPICAL_VOLUME,
    SessionParameters,
)

FLASH_SECONDS = 0.75
"""Time from one flash to the next (s)."""

LICK_INTERVAL, LICK_INTERVAL_SD = 0.158, 0.20
"""Interval between the licks of a bout, log-normal: median (s), and standard deviation of the logarithm."""
MIN_LICK_INTERVAL = 3
"""Shortest interval between licks (frames)."""
CONTINUATION_PROBABILITY = 0.38
"""Probability that an unrewarded bout continues with another lick."""
REWARDED_LICKS, REWARDED_LICKS_SD = 17.0, 3.0
"""Licks of a bout with a reward, normal: mean and standard deviation."""
MIN_REWARDED_LICKS = 3

CHANGE_LATENCY_SD = 0.20
"""Standard deviation of the logarithm of the latency from a change to the first lick."""
MIN_CHANGE_LATENCY = 0.16
"""Shortest latency from a change to the first lick (s)."""
FLASH_LATENCY, FLASH_LATENCY_SD = 0.43, 0.15
"""Latency from a flash without a change to the first lick, normal: mean and standard deviation (s)."""
MIN_FLASH_LATENCY, MAX_LATENCY = 2, 54
"""Range of the latency from a flash to the first lick (frames)."""
FREE_REWARD_PROBABILITY = 0.9
"""Probability that an engaged mouse finds a free reward, within a second."""
MIN_FREE_REWARD_LATENCY = 6
"""Shortest latency from a free reward to the first lick (frames)."""


class LickingModel:
    """Licks and engagement of a mouse during a session.

    Parameters
    ----------
    parameters : SessionParameters
        Model parameters.
    rng : numpy.random.Generator
        Random number generator.
    has_spout : bool
        Whether the lick spout is in reach; without it the mouse is disengaged and never licks.

    Attributes
    ----------
    licks : list of int
        Frames of the licks, in order.
    consumptions : list of int
        Frames in which the mouse started to drink a reward.
    engaged : bool
        Whether the mouse is engaged at present.
    """

    def __init__(self, parameters: SessionParameters, rng: np.random.Generator, has_spout: bool = True) -> None:
        self._parameters, self._rng, self._has_spout = parameters, rng, has_spout
        self.licks: list[int] = []
        self.consumptions: list[int] = []
        self.engaged = bool(rng.random() < parameters.engaged) and has_spout
        self._flashes_since_bout = 0
        self._bout_end = -1

    def sample_bout_start(self, onset: int, change: tuple[int, int] | None, volume: float) -> int | None:
        """Return the frame of the first lick of a bout at a flash, or None if no bout starts.

        Parameters
        ----------
        onset : int
            First frame of the flash.
        change : tuple of int or None
            Images before and after the change; None if the image does not change.
        volume : float
            Reward volume that the mouse has drunk (mL).
        """
        if not self._has_spout:
            return None
        self._update_engagement(volume)
        if onset <= self._bout_end:
            self._flashes_since_bout = 0
            return None
        self._flashes_since_bout += 1
        if self._rng.random() >= 1 / (1 + math.exp(-self._log_odds(change))):
            return None
        return onset + self._sample_latency(change)

    def add_bout(self, first: int) -> None:
        """Add the licks of a bout without a reward that starts in frame `first`."""
        self._add_licks(first, int(self._rng.geometric(1 - CONTINUATION_PROBABILITY)))

    def drink(self, first: int) -> None:
        """Replace the licks from frame `first` on by those of a mouse that drinks a reward."""
        del self.licks[bisect_left(self.licks, first) :]
        self._add_licks(first, max(int(self._rng.normal(REWARDED_LICKS, REWARDED_LICKS_SD)), MIN_REWARDED_LICKS))
        self.consumptions.append(first)

    def _add_licks(self, first: int, count: int) -> None:
        intervals = LICK_INTERVAL * np.exp(LICK_INTERVAL_SD * self._rng.normal(size=count - 1)) * FRAME_RATE
        frames = first + np.concatenate([[0], np.cumsum(np.maximum(np.rint(intervals), MIN_LICK_INTERVAL))]).astype(int)
        self.licks += frames.tolist()
        self._bout_end = self.licks[-1]
        self._flashes_since_bout = 0

    def licks_since(self, frame: int) -> list[int]:
        """Return the licks in a frame and later."""
        return self.licks[bisect_left(self.licks, frame) :]

    def find_free_reward(self, frame: int) -> None:
        """Add a bout for a free reward delivered in a frame, unless the mouse does not notice it."""
        if self._has_spout and self.engaged and self._rng.random() < FREE_REWARD_PROBABILITY:
            first = frame + int(self._rng.integers(MIN_FREE_REWARD_LATENCY, int(FRAME_RATE)))
            # The previous bout has to end first.
            self.drink(max(first, self._bout_end + 1))

    def _log_odds(self, change: tuple[int, int] | None) -> float:
        parameters = self._parameters
        log_odds = parameters.bias + parameters.timing * (
            1 - math.exp(-(self._flashes_since_bout - 1) / TIMING_FLASHES)
        )
        if change is not None:
            log_odds += parameters.sensitivity * parameters.visibility[change]
        return float(log_odds if self.engaged else log_odds + DISENGAGEMENT)

    def _sample_latency(self, change: tuple[int, int] | None) -> int:
        if change is not None:
            seconds = self._parameters.latency * math.exp(CHANGE_LATENCY_SD * self._rng.normal())
            return min(round(max(seconds, MIN_CHANGE_LATENCY) * FRAME_RATE), MAX_LATENCY)
        frames = round(self._rng.normal(FLASH_LATENCY, FLASH_LATENCY_SD) * FRAME_RATE)
        return int(np.clip(frames, MIN_FLASH_LATENCY, MAX_LATENCY))

    def _update_engagement(self, volume: float) -> None:
        """Sample the engagement at the next flash."""
        fraction = self._parameters.engaged
        odds_against = (1 - fraction) / fraction * math.exp(SATIATION * (volume / TYPICAL_VOLUME - 0.5))
        probability = 1 / (1 + odds_against)
        rate = FLASH_SECONDS / 60 / ENGAGEMENT_CYCLE
        leave, enter = rate / probability, rate / (1 - probability) if probability < 1 else 1.0
        if self._rng.random() < (leave if self.engaged else enter):
            self.engaged = not self.engaged
