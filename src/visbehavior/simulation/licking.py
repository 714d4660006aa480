"""Licking model: lick bouts, their latency and the engagement of the mouse.

The probability of a lick bout at a flash is defined in `visbehavior.simulation.mouse`. Engagement is a two-state Markov chain that
is updated at each flash. The stationary probability g of being engaged decreases with the volume V that the mouse has drunk and with
the time T since the start of the task:

    logit g = logit f - c (V / V0 - 0.5) - h (T / T0 - 0.5)

with the engaged fraction f of the session, c = `SATIATION`, V0 = `TYPICAL_VOLUME`, h = `FATIGUE` and T0 one hour. The chain leaves
the engaged state with probability r / g and enters it with probability r / (1 - g), where r = `FLASH_SECONDS` / `ENGAGEMENT_CYCLE`,
so that an engaged and a disengaged period together last `ENGAGEMENT_CYCLE` on average.

A bout at a change is the earlier one of a spontaneous bout, with the probability p0 of a bout without the change, and a reaction to
the change, with the probability 1 - (1 - p) / (1 - p0). A stronger drive makes reactions faster.

The values below were chosen to match the licks of a published session (docs/simulation.md). The effects of omissions are assumed.
"""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from visbehavior.schema.stimulus_pickle import FRAME_RATE
from visbehavior.simulation.mouse import (
    DISENGAGEMENT,
    ENGAGEMENT_CYCLE,
    FATIGUE,
    OMISSION,
    POST_OMISSION,
    REFRACTORY,
    SATIATION,
    TIMING_MIDPOINT,
    TIMING_WIDTH,
    TYPICAL_VOLUME,
    SessionParameters,
)
from visbehavior.simulation.sampling import sample_value

FLASH_SECONDS = 0.75
"""Time from one flash to the next (s)."""

LICK_INTERVAL, LICK_INTERVAL_SD = 0.158, 0.20
"""Interval between the licks of a bout, log-normal: median (s), and standard deviation of the logarithm."""
MIN_LICK_INTERVAL = 3
"""Shortest interval between licks (frames)."""
UNREWARDED_LICKS = {1: 0.58, 2: 0.34, 3: 0.06, 4: 0.02}
"""Number of licks in a bout without a reward, with probabilities."""
REWARDED_LICKS, REWARDED_LICKS_SD = 17.0, 3.0
"""Licks of a bout with a reward, normal: mean and standard deviation."""
MIN_REWARDED_LICKS = 3

CHANGE_LATENCY_SD = 0.24
"""Standard deviation of the logarithm of the latency of a reaction to a change."""
LATENCY_SLOPE, TYPICAL_LOG_ODDS = 0.05, 3.0
"""Decrease of the logarithm of that latency for each unit of the log-odds of licking above typical ones."""
MIN_CHANGE_LATENCY = 0.16
"""Shortest latency of a reaction to a change (s)."""
FLASH_LATENCY, FLASH_LATENCY_SD = 0.43, 0.20
"""Latency of spontaneous bouts from the start of the flash, normal: mean and standard deviation (s)."""
MIN_FLASH_LATENCY, MAX_LATENCY = 2, 58
"""Range of the latency to the first lick (frames). Licks after 45 frames are in the next flash."""
FREE_REWARD_PROBABILITY = 0.9
"""Probability that an engaged mouse finds a free reward, within a second."""
MIN_FREE_REWARD_LATENCY = 6
"""Shortest latency from a free reward to the first lick (frames)."""

GRAY_BOUT_RATE = 0.1
"""Lick bouts per second of an engaged mouse on the gray screen before the task."""
LATE_BOUT_RATE, LATE_BOUT_SECONDS = 0.25, 45.0
"""Lick bouts per second of an engaged mouse at the end of the task, and the time constant of their decline (s)."""


class LickingModel:
    """Licks and engagement of a mouse during a session.

    Parameters
    ----------
    parameters : SessionParameters
        Model parameters.
    rng : numpy.random.Generator
        Random number generator.

    Attributes
    ----------
    licks : list of int
        Frames of the licks, in order.
    consumptions : list of int
        Frames in which the mouse started to drink a reward.
    engaged : bool
        Whether the mouse is engaged at present. It is never engaged if it does not perform or has no spout.
    log_odds : list of float
        Log-odds of a bout at each flash so far; NaN where no bout can start, because the mouse is licking or has no spout.
    weights : list of tuple of float
        Bias, timing and sensitivity at each flash so far.
    """

    def __init__(self, parameters: SessionParameters, rng: np.random.Generator) -> None:
        self._parameters, self._rng = parameters, rng
        self.licks: list[int] = []
        self.consumptions: list[int] = []
        self.log_odds: list[float] = []
        self.weights: list[tuple[float, float, float]] = []
        self._weights = np.array([parameters.bias, parameters.timing, parameters.sensitivity])
        self._can_engage = parameters.performs and parameters.has_spout
        self.engaged = bool(rng.random() < self._engaged_probability(0, 0.0)) and self._can_engage
        self._flashes_since_bout = 0
        self._after_omission = False
        self._bout_end = -1

    def sample_bout_start(
        self, onset: int, change: tuple[int, int] | None, volume: float, *, omitted: bool = False
    ) -> int | None:
        """Return the frame of the first lick of a bout at a flash, or None if no bout starts.

        Parameters
        ----------
        onset : int
            First frame of the flash.
        change : tuple of int or None
            Images before and after the change; None if the image does not change.
        volume : float
            Reward volume that the mouse has drunk (mL).
        omitted : bool
            Whether the image is omitted.
        """
        self._drift_weights()
        self.log_odds.append(math.nan)
        if not self._parameters.has_spout:
            return None
        self._update_engagement(onset, volume)
        after_omission, self._after_omission = self._after_omission, omitted
        if onset <= self._bout_end:
            self._flashes_since_bout = 0
            return None
        self._flashes_since_bout += 1
        without = self._log_odds(omitted, after_omission)
        self.log_odds[-1] = without + self._drive(change)
        latencies = [self._sample_latency()] if self._rng.random() < _logistic(without) else []
        if change is not None:
            latencies += self._sample_reaction(without, self.log_odds[-1])
        return onset + min(latencies) if latencies else None

    def add_bout(self, first: int) -> None:
        """Add the licks of a bout without a reward that starts in frame `first`."""
        self._add_licks(first, sample_value(UNREWARDED_LICKS, self._rng))

    def drink(self, first: int) -> None:
        """Replace the licks from frame `first` on by those of a mouse that drinks a reward."""
        del self.licks[bisect_left(self.licks, first) :]
        self._add_licks(first, max(int(self._rng.normal(REWARDED_LICKS, REWARDED_LICKS_SD)), MIN_REWARDED_LICKS))
        self.consumptions.append(first)

    def licks_since(self, frame: int) -> list[int]:
        """Return the licks in a frame and later."""
        return self.licks[bisect_left(self.licks, frame) :]

    def find_free_reward(self, frame: int) -> None:
        """Add a bout for a free reward delivered in a frame, unless the mouse does not notice it."""
        if self.engaged and self._rng.random() < FREE_REWARD_PROBABILITY:
            first = frame + int(self._rng.integers(MIN_FREE_REWARD_LATENCY, int(FRAME_RATE)))
            # The previous bout has to end first.
            self.drink(max(first, self._bout_end + 1))

    def lick_before_task(self, frames: int) -> list[int]:
        """Return the licks on the gray screen of some frames before the task; their frames are negative."""
        rate = GRAY_BOUT_RATE * self.engaged
        starts = np.sort(self._rng.integers(-frames, -int(FRAME_RATE), self._rng.poisson(rate * frames / FRAME_RATE)))
        return self._separate_bouts(starts, -1)

    def lick_after_task(self, first: int, last: int) -> list[int]:
        """Return the licks from frame `first` to `last` after the task, which soon become rare."""
        count = self._rng.poisson(LATE_BOUT_RATE * LATE_BOUT_SECONDS * self.engaged)
        delays = np.sort(self._rng.exponential(LATE_BOUT_SECONDS, count)) * FRAME_RATE
        return self._separate_bouts(first + delays.astype(int), last)

    def _separate_bouts(self, starts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], last: int) -> list[int]:
        """Return the licks up to frame `last` of bouts that start in some frames, if no bout is going on."""
        kept = len(self.licks)
        for start in starts.tolist():
            if kept == len(self.licks) or start > self._bout_end + FRAME_RATE:
                self.add_bout(start)
        licks = [frame for frame in self.licks[kept:] if frame <= last]
        del self.licks[kept:]
        return licks

    def _add_licks(self, first: int, count: int) -> None:
        intervals = LICK_INTERVAL * np.exp(LICK_INTERVAL_SD * self._rng.normal(size=count - 1)) * FRAME_RATE
        frames = first + np.concatenate([[0], np.cumsum(np.maximum(np.rint(intervals), MIN_LICK_INTERVAL))]).astype(int)
        self.licks += frames.tolist()
        self._bout_end = self.licks[-1]
        self._flashes_since_bout = 0

    def _drift_weights(self) -> None:
        """Sample the weights at the next flash."""
        step = self._parameters.weight_drift * math.sqrt(FLASH_SECONDS / 3600)
        if step and self.weights:
            self._weights = self._weights + step * self._rng.normal(size=3)
        bias, timing, sensitivity = self._weights.tolist()
        self.weights.append((bias, timing, sensitivity))

    def _log_odds(self, omitted: bool, after_omission: bool) -> float:
        """Return the log-odds of a bout without a change."""
        flashes = self._flashes_since_bout
        bias, timing, _ = self.weights[-1]
        log_odds = bias + timing * _logistic((flashes - TIMING_MIDPOINT) / TIMING_WIDTH)
        log_odds += REFRACTORY * (flashes == 1) + OMISSION * omitted + POST_OMISSION * after_omission
        return float(log_odds if self.engaged else log_odds + DISENGAGEMENT)

    def _drive(self, change: tuple[int, int] | None) -> float:
        """Return the increase of the log-odds by a change."""
        return 0.0 if change is None else max(float(self.weights[-1][2] * self._parameters.visibility[change]), 0.0)

    def _sample_reaction(self, without: float, log_odds: float) -> list[int]:
        """Return the latency of a reaction to a change (frames), or nothing; `without` are the log-odds without the change."""
        if self._rng.random() >= 1 - (1 - _logistic(log_odds)) / (1 - _logistic(without)):
            return []
        logarithm = CHANGE_LATENCY_SD * self._rng.normal() - LATENCY_SLOPE * (log_odds - TYPICAL_LOG_ODDS)
        seconds = self._parameters.latency * math.exp(logarithm)
        return [min(round(max(seconds, MIN_CHANGE_LATENCY) * FRAME_RATE), MAX_LATENCY)]

    def _sample_latency(self) -> int:
        """Return the latency of a spontaneous bout (frames)."""
        frames = round(self._rng.normal(FLASH_LATENCY, FLASH_LATENCY_SD) * FRAME_RATE)
        return int(min(max(frames, MIN_FLASH_LATENCY), MAX_LATENCY))

    def _engaged_probability(self, frame: int, volume: float) -> float:
        """Return the stationary probability of being engaged."""
        fraction = self._parameters.engaged
        hours = frame / FRAME_RATE / 3600
        loss = SATIATION * (volume / TYPICAL_VOLUME - 0.5) + FATIGUE * (hours - 0.5)
        return 1 / (1 + (1 - fraction) / fraction * math.exp(loss))

    def _update_engagement(self, frame: int, volume: float) -> None:
        """Sample the engagement at the next flash."""
        probability = self._engaged_probability(frame, volume)
        rate = FLASH_SECONDS / 60 / ENGAGEMENT_CYCLE
        leave, enter = rate / probability, rate / (1 - probability) if probability < 1 else 1.0
        if self._can_engage and self._rng.random() < (leave if self.engaged else enter):
            self.engaged = not self.engaged


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
