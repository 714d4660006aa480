"""Rates of responses, and d', from counts of trials.

Definition: AllenSDK 2.16, ``brain_observatory/behavior/dprime.py``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

ROLLING_WINDOW = 100
"""Number of non-aborted trials in a rolling window, which ends with the current trial."""
DPRIME_LIMITS = (0.01, 0.99)
"""Rates are clipped to this range before d' is computed."""

REWARD_RATE_WINDOW = 25
"""The reward rate covers this many trials before the current trial, and as many from the current trial on."""
REWARD_RATE_FIRST_TRIAL = 10
"""Position of the first trial with a reward rate."""

Floats: TypeAlias = NDArray[np.float64]
Booleans: TypeAlias = NDArray[np.bool_]


def compute_rolling_rate(
    response: Booleans, no_response: Booleans, window: int = ROLLING_WINDOW
) -> tuple[Floats, Floats]:
    """Return the fraction of responses in each rolling window, raw and corrected for the trial count."""
    # AllenSDK assigns no_response last, so it wins where both are true.
    responses = _rolling_count(response & ~no_response, window)
    count = _rolling_count(response | no_response, window)
    rate = fraction(responses, count)
    return rate, correct_for_trial_count(rate, count)


def rolling_reward_rate(
    rewarded: Booleans, start_time: Floats, window: int = REWARD_RATE_WINDOW, first_trial: int = REWARD_RATE_FIRST_TRIAL
) -> Floats:
    """Return rewarded trials per minute around each trial; NaN before the first trial with a rate."""
    rate = compute_rate_around_trials(start_time, rewarded, window, first_trial)
    rate[np.isinf(rate)] = np.nan
    return rate


def compute_rate_around_trials(
    start_time: Floats, rewarded: Booleans, window: int = REWARD_RATE_WINDOW, first_trial: int = REWARD_RATE_FIRST_TRIAL
) -> Floats:
    """Return the rewarded trials per minute in the window around each trial; infinite before the first trial with a rate.

    Parameters
    ----------
    start_time : numpy.ndarray
        Start of each trial (s).
    rewarded : numpy.ndarray
        bool: the trials that count.
    window : int
        Number of trials before the current trial, and from the current trial on.
    first_trial : int
        Position of the first trial with a rate.
    """
    count = len(start_time)
    total = np.concatenate([[0], np.cumsum(rewarded)])
    trial = np.arange(first_trial, max(count, first_trial))
    first = np.maximum(trial - window, 0)
    stop = np.minimum(trial + window, count)
    rate = np.full(count, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate[first_trial:] = (total[stop] - total[first]) / (start_time[stop - 1] - start_time[first]) * 60
    return rate


def _rolling_count(flags: Booleans, window: int) -> NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(flags)])
    stop = np.arange(1, len(total))
    count: NDArray[np.int64] = total[stop] - total[np.maximum(stop - window, 0)]
    return count


def fraction(part: NDArray[Any], total: NDArray[Any]) -> Floats:
    """Return part / total, NaN where the total is 0."""
    quotient: Floats = np.divide(part, total, out=np.full(total.shape, np.nan), where=total > 0)
    return quotient


def correct_for_trial_count(rate: Floats, count: NDArray[Any]) -> Floats:
    """Limit rates to half a trial above 0 and half a trial below 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        half_trial = 1.0 / (2 * count)
        return np.minimum(np.maximum(rate, half_trial), 1 - half_trial)


def compute_dprime(hit_rate: Floats, false_alarm_rate: Floats) -> Floats:
    """Return d': z(hit rate) - z(false-alarm rate), with rates clipped to `DPRIME_LIMITS`."""
    return _z_score(hit_rate) - _z_score(false_alarm_rate)


def _z_score(rate: Floats) -> Floats:
    # Few rates are distinct, so the standard library is fast enough; scipy.special takes 0.2 s to import, this 2 ms.
    from statistics import NormalDist

    inverse = NormalDist().inv_cdf
    distinct, position = np.unique(np.clip(rate, *DPRIME_LIMITS), return_inverse=True)
    z_score = [rate if np.isnan(rate) else inverse(rate) for rate in distinct.tolist()]
    return np.array(z_score, dtype=np.float64)[position]
