"""Performance in the change detection task, computed from the trials of a session.

There are two kinds of rates:

- `compute_performance_metrics` returns AllenSDK's metrics: means and maxima of *rolling* rates. The mean hit rate is
  therefore not hits / go trials.
- `compute_session_rates` returns the plain rates: hits / go trials, false alarms / catch trials.

Definition: AllenSDK 2.16, ``brain_observatory/behavior``: ``dprime.py``, ``data_objects/trials/trials.py``,
``behavior_session.py``. Every function accepts `BehaviorSession.trials` in either naming convention, or any mapping of
column names to arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns, check_one_session, get_booleans, get_numbers, get_times
from visbehavior.analysis.rates import (
    Booleans,
    Floats,
    compute_dprime,
    compute_rolling_rate,
    correct_for_trial_count,
    fraction,
    rolling_reward_rate,
)
from visbehavior.arguments import check_flags, check_number
from visbehavior.schema.metrics import PERFORMANCE_METRICS, ROLLING_METRICS, SESSION_RATES, lists_metrics
from visbehavior.settings import ENGAGED_REWARD_RATE

if TYPE_CHECKING:
    import pandas as pd

RESPONSE_WINDOW = (0.15, 0.75)
"""Start and end of the response window after the change (s); both ends are excluded."""

TRIAL_FLAGS = ("go", "catch", "hit", "miss", "false_alarm", "correct_reject", "aborted", "auto_rewarded")
"""Boolean columns of a trials table: type and outcome of each trial."""
CHANGE_TIME_WITHOUT_DELAY = "change_time_no_display_delay"
TRIAL_COLUMNS = (
    "start_time",
    "change_time",
    CHANGE_TIME_WITHOUT_DELAY,
    "lick_times",
    "reward_volume",
    *TRIAL_FLAGS,
)
"""Columns of a trials table that this module uses."""


@lists_metrics(*PERFORMANCE_METRICS)
def compute_performance_metrics(
    trials: Columns,
    rewards: Columns,
    engaged_trial_reward_rate_threshold: float = ENGAGED_REWARD_RATE,
    response_window_start: float = RESPONSE_WINDOW[0],
    is_passive: bool | None = None,
) -> dict[str, int | float]:
    """Return AllenSDK's performance metrics of a session.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.
    rewards : pandas.DataFrame
        Rewards of the session; the column ``volume`` (mL) is used.
    engaged_trial_reward_rate_threshold : float
        The mouse counts as engaged in trials with a higher reward rate (rewards/min).
    response_window_start : float
        Start of the response window after the change (s): ``task_parameters["response_window_sec"][0]``.
    is_passive : bool or None
        Whether the session is passive, so that d' is 0. None: if no trial has a lick or a reward, as in AllenSDK 2.16.
        AllenSDK 2.10 asks whether the session type ends with ``passive``.

    Returns
    -------
    dict
        Means and maxima ignore trials without a value and are NaN if no trial has one.

        {metrics}

    Raises
    ------
    BadValue
        If the threshold is not a number, or an argument is not a table.
    MissingData
        If a column is missing.

    See Also
    --------
    compute_session_rates : plain rates, such as hits / go trials.

    Examples
    --------
    >>> metrics = compute_performance_metrics(session.trials, session.rewards)
    >>> metrics["max_dprime"]
    2.43
    """
    check_threshold(engaged_trial_reward_rate_threshold)
    check_one_session(rewards, "rewards", "timestamps")
    rolling = _compute_rolling(trials, response_window_start, is_passive)
    engaged = rolling["reward_rate"] > engaged_trial_reward_rate_threshold
    volume = get_numbers(rewards, "volume", "rewards")
    count = {name: int(np.count_nonzero(get_booleans(trials, name))) for name in TRIAL_FLAGS}
    return {
        "trial_count": len(engaged),
        "go_trial_count": count["go"],
        "catch_trial_count": count["catch"],
        "hit_trial_count": count["hit"],
        "miss_trial_count": count["miss"],
        "false_alarm_trial_count": count["false_alarm"],
        "correct_reject_trial_count": count["correct_reject"],
        "auto_reward_count": count["auto_rewarded"],
        "earned_reward_count": count["hit"],
        "total_reward_count": len(volume),
        "total_reward_volume": np.nansum(_as_stored(rewards["volume"], volume)).item(),
        "maximum_reward_rate": _max(rolling["reward_rate"]),
        "engaged_trial_count": int(np.count_nonzero(engaged)),
        "mean_hit_rate": _mean(rolling["hit_rate"]),
        "mean_hit_rate_uncorrected": _mean(rolling["hit_rate_raw"]),
        "mean_hit_rate_engaged": _mean(rolling["hit_rate"][engaged]),
        "mean_false_alarm_rate": _mean(rolling["false_alarm_rate"]),
        "mean_false_alarm_rate_uncorrected": _mean(rolling["false_alarm_rate_raw"]),
        "mean_false_alarm_rate_engaged": _mean(rolling["false_alarm_rate"][engaged]),
        "mean_dprime": _mean(rolling["rolling_dprime"]),
        "mean_dprime_engaged": _mean(rolling["rolling_dprime"][engaged]),
        "max_dprime": _max(rolling["rolling_dprime"]),
        "max_dprime_engaged": _max(rolling["rolling_dprime"][engaged]),
    }


@lists_metrics(*ROLLING_METRICS)
def compute_rolling_performance(
    trials: Columns, response_window_start: float = RESPONSE_WINDOW[0], is_passive: bool | None = None
) -> pd.DataFrame:
    """Return the reward rate, hit rate, false-alarm rate and d' around each trial.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.
    response_window_start : float
        Start of the response window after the change (s): ``task_parameters["response_window_sec"][0]``.
    is_passive : bool or None
        Whether the session is passive, so that d' is 0. None: if no trial has a lick or a reward, as in AllenSDK 2.16.
        AllenSDK 2.10 asks whether the session type ends with ``passive``.

    Returns
    -------
    pandas.DataFrame
        One row per trial, index as in `trials`, float64. All columns except reward_rate are NaN for aborted trials.

        {metrics}

    Raises
    ------
    BadValue
        If `trials` is not a table.
    MissingData
        If a column is missing.

    Notes
    -----
    Definition: AllenSDK 2.16, ``data_objects/trials/trials.py`` and ``dprime.py``. Auto-rewarded trials are among the
    100 trials, but count neither as go nor as catch trials.
    """
    import pandas as pd

    index = trials.index if isinstance(trials, pd.DataFrame) else None
    return pd.DataFrame(_compute_rolling(trials, response_window_start, is_passive), index=index)


def compute_reward_rate(trials: Columns, response_window_start: float = RESPONSE_WINDOW[0]) -> Floats:
    """Return the reward rate around each trial, estimated from licks.

    A trial counts as rewarded if its first lick after `response_window_start` is less than 0.75 s after the change. This
    includes catch and auto-rewarded trials. The rate is the number of rewarded trials among the 25 trials before and the
    25 trials from the current one on, divided by the time between the first and the last start of these trials.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.
    response_window_start : float
        Start of the response window after the change (s): ``task_parameters["response_window_sec"][0]``.

    Returns
    -------
    numpy.ndarray
        float64, one value per trial (rewards/min); NaN for the first 10 trials.

    Raises
    ------
    BadValue
        If `trials` is not a table.
    MissingData
        If a column is missing.

    Notes
    -----
    Definition: AllenSDK 2.16, ``data_objects/trials/trials.py``, ``calculate_reward_rate``.
    """
    check_one_session(trials, "trials", "start_time")
    check_number("response_window_start", response_window_start, unit="s")
    return _compute_reward_rate(trials, response_window_start)


def _compute_reward_rate(trials: Columns, response_window_start: float) -> Floats:
    responded = _responded_in_window(trials, response_window_start)
    return rolling_reward_rate(responded, get_numbers(trials, "start_time"))


@lists_metrics(*SESSION_RATES)
def compute_session_rates(trials: Columns) -> dict[str, float]:
    """Return the plain rates of a session, without a rolling window.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.

    Returns
    -------
    dict
        A rate is NaN if there is no trial to compute it from.

        {metrics}

    Raises
    ------
    BadValue
        If `trials` is not a table.
    MissingData
        If a column is missing.

    See Also
    --------
    compute_performance_metrics : AllenSDK's metrics: means of rolling rates.
    """
    check_one_session(trials, "trials", "start_time")
    count = {name: np.array([np.count_nonzero(get_booleans(trials, name))]) for name in TRIAL_FLAGS}
    total = np.array([len(get_booleans(trials, "go"))])
    hit_rate = fraction(count["hit"], count["go"])
    false_alarm_rate = fraction(count["false_alarm"], count["catch"])
    dprime = compute_dprime(
        correct_for_trial_count(hit_rate, count["go"]), correct_for_trial_count(false_alarm_rate, count["catch"])
    )
    return {
        "hit_rate": hit_rate.item(),
        "miss_rate": fraction(count["miss"], count["go"]).item(),
        "false_alarm_rate": false_alarm_rate.item(),
        "correct_reject_rate": fraction(count["correct_reject"], count["catch"]).item(),
        "aborted_rate": fraction(count["aborted"], total).item(),
        "auto_rewarded_rate": fraction(count["auto_rewarded"], total).item(),
        "dprime": dprime.item(),
    }


def check_threshold(engaged_trial_reward_rate_threshold: Any) -> None:
    """Raise BadValue unless the reward rate above which a mouse counts as engaged is a number."""
    check_number("engaged_trial_reward_rate_threshold", engaged_trial_reward_rate_threshold, unit="rewards per minute")


def _compute_rolling(trials: Columns, response_window_start: float, is_passive: bool | None) -> dict[str, Floats]:
    check_one_session(trials, "trials", "start_time")
    check_number("response_window_start", response_window_start, unit="s")
    if is_passive is not None:
        check_flags(is_passive=is_passive)
    not_aborted = ~get_booleans(trials, "aborted")
    hit, miss, false_alarm, correct_reject = (
        get_booleans(trials, name)[not_aborted] for name in ("hit", "miss", "false_alarm", "correct_reject")
    )
    hit_rate_raw, hit_rate = compute_rolling_rate(hit, miss)
    false_alarm_rate_raw, false_alarm_rate = compute_rolling_rate(false_alarm, correct_reject)
    is_passive = _has_no_lick_or_reward(trials) if is_passive is None else is_passive
    dprime = np.zeros(len(hit_rate)) if is_passive else compute_dprime(hit_rate, false_alarm_rate)
    rates = {
        "hit_rate_raw": hit_rate_raw,
        "hit_rate": hit_rate,
        "false_alarm_rate_raw": false_alarm_rate_raw,
        "false_alarm_rate": false_alarm_rate,
        "rolling_dprime": dprime,
    }
    rolling = {"reward_rate": _compute_reward_rate(trials, response_window_start)}
    for name, values in rates.items():
        rolling[name] = np.full(len(not_aborted), np.nan)
        rolling[name][not_aborted] = values
    return rolling


def _responded_in_window(trials: Columns, response_window_start: float) -> Booleans:
    """Return the trials whose first lick after the start of the response window is before its end."""
    change_time = get_change_time(trials)
    licks = get_times(trials, "lick_times")
    latency = licks.flat - change_time[licks.row]
    after_start = np.flatnonzero(latency > response_window_start)
    trial, position = np.unique(licks.row[after_start], return_index=True)
    responded = np.zeros(len(change_time), dtype=np.bool_)
    responded[trial] = latency[after_start[position]] < RESPONSE_WINDOW[1]
    return responded


def get_change_time(trials: Columns) -> Floats:
    """Return the change times; without them, as AllenSDK does, those without the monitor delay."""
    lacks_delay = "change_time" not in trials and CHANGE_TIME_WITHOUT_DELAY in trials
    return get_numbers(trials, CHANGE_TIME_WITHOUT_DELAY if lacks_delay else "change_time")


def _has_no_lick_or_reward(trials: Columns) -> bool:
    return not get_numbers(trials, "reward_volume").any() and not get_times(trials, "lick_times").counts.any()


def _as_stored(column: Any, numbers: Floats) -> NDArray[Any]:
    """Return a column with its own dtype if that is a number's: a sum of integers is an integer, as in AllenSDK."""
    stored = np.asarray(column)
    return stored if stored.dtype.kind in "iuf" else numbers


def _mean(values: Floats) -> float:
    """Return the mean without NaN; NaN if there are no values."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _max(values: Floats) -> float:
    """Return the maximum without NaN; NaN if there are no values."""
    values = values[~np.isnan(values)]
    return float(values.max()) if len(values) else float("nan")
