"""Performance of a mouse in the change detection task, from its trials.

Two kinds of rates stand side by side:

- `compute_performance_metrics` gives AllenSDK's: means and maxima of *rolling* rates, so every trial counts with the
  rate around it. The mean hit rate is not hits / go trials.
- `compute_session_rates` gives the plain ones: hits / go trials, false alarms / catch trials.

The definitions are those of AllenSDK 2.16 (``brain_observatory/behavior``: ``dprime.py``,
``data_objects/trials/trials.py``, ``behavior_session.py``). Every function takes a trials table as
`BehaviorSession.trials` gives it, in either naming convention, or any mapping of column names to arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData
from visbehavior.schema.ragged import Ragged
from visbehavior.settings import ENGAGED_REWARD_RATE

ROLLING_WINDOW = 100
"""Non-aborted trials over which rolling rates are taken, the present one being the last."""
DPRIME_LIMITS = (0.01, 0.99)
"""Rates are clipped to these before d' is taken."""
REWARD_RATE_WINDOW = 25
"""The reward rate of a trial looks at this many trials before it, and at as many from it on."""
REWARD_RATE_SKIPPED = 10
"""The first trials have no reward rate."""
RESPONSE_WINDOW = (0.15, 0.75)
"""A lick counts as rewarded if it came later than the first and earlier than the second after the change (s)."""

TRIAL_KINDS = (
    "go",
    "catch",
    "hit",
    "miss",
    "false_alarm",
    "correct_reject",
    "aborted",
    "auto_rewarded",
)
"""The columns of a trials table that say what a trial was and how it ended."""
TRIAL_COLUMNS = ("start_time", "change_time", "lick_times", "reward_volume", *TRIAL_KINDS)
"""The columns of a trials table that the functions here need."""

Columns: TypeAlias = Mapping[str, Any] | pd.DataFrame
Floats: TypeAlias = NDArray[np.float64]
Truths: TypeAlias = NDArray[np.bool_]

_inverse_normal = NormalDist().inv_cdf


def compute_performance_metrics(
    trials: Columns,
    rewards: Columns,
    engaged_trial_reward_rate_threshold: float = ENGAGED_REWARD_RATE,
    response_window_start: float = RESPONSE_WINDOW[0],
) -> dict[str, int | float]:
    """Summary of a session's performance, as AllenSDK gives it.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.
    rewards : pandas.DataFrame
        Rewards of the session; the column ``volume`` (mL) is used.
    engaged_trial_reward_rate_threshold : float
        Rewards a minute above which the mouse counts as engaged.
    response_window_start : float
        Licks sooner after the change (s) earn no reward: ``task_parameters["response_window_sec"][0]``.

    Returns
    -------
    dict
        Counts of trials and rewards; the water (mL); ``maximum_reward_rate`` (rewards/min); ``engaged_trial_count``,
        aborted trials included; means of the *rolling* hit and false-alarm rates and d', over all trials and over the
        engaged ones; the greatest rolling d'. Rates are NaN where there was no trial to take them from.

    Raises
    ------
    MissingData
        If a column is missing.

    See Also
    --------
    compute_session_rates : the plain rates, such as hits / go trials.

    Examples
    --------
    >>> metrics = compute_performance_metrics(session.trials, session.rewards)
    >>> metrics["max_dprime"]
    2.43
    """
    if not isinstance(engaged_trial_reward_rate_threshold, (int, float, np.number)):
        raise BadValue(
            f"engaged_trial_reward_rate_threshold is {engaged_trial_reward_rate_threshold!r}; expected a number of rewards a minute."
        )
    rolling = _rolling(trials, response_window_start)
    engaged = rolling["reward_rate"] > engaged_trial_reward_rate_threshold
    volume = np.asarray(_column(rewards, "volume"))
    counts = {
        name: int(np.count_nonzero(_truths(trials, name)))
        for name in ("go", "catch", "hit", "miss", "false_alarm", "correct_reject")
    }
    return {
        "trial_count": len(engaged),
        **{f"{name}_trial_count": count for name, count in counts.items()},
        "auto_reward_count": int(np.count_nonzero(_truths(trials, "auto_rewarded"))),
        "earned_reward_count": counts["hit"],
        "total_reward_count": len(volume),
        "total_reward_volume": np.nansum(volume).item(),
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


def compute_rolling_performance(trials: Columns, response_window_start: float = RESPONSE_WINDOW[0]) -> pd.DataFrame:
    """Reward rate, hit rate, false-alarm rate and d' around each trial.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.
    response_window_start : float
        Licks sooner after the change (s) earn no reward.

    Returns
    -------
    pandas.DataFrame
        One row a trial, index as in `trials`; float64 columns. ``reward_rate`` (rewards/min) as
        `compute_reward_rate` gives it. ``hit_rate_raw``, ``false_alarm_rate_raw``: share of hits among the go trials,
        of false alarms among the catch trials, of the last 100 non-aborted trials; NaN without one. ``hit_rate``,
        ``false_alarm_rate``: the same, kept 1 / (2 N) away from 0 and 1, N being that number of go (catch) trials.
        ``rolling_dprime``: z(hit_rate) - z(false_alarm_rate), both clipped to [0.01, 0.99]; 0 throughout a session
        without a lick and without a reward (a passive one). All but the reward rate are NaN on aborted trials.

    Raises
    ------
    MissingData
        If a column is missing.

    Notes
    -----
    AllenSDK 2.16, ``data_objects/trials/trials.py`` and ``dprime.py``. Auto-rewarded trials take a place among the
    100 without counting as go or catch.
    """
    index = trials.index if isinstance(trials, pd.DataFrame) else None
    return pd.DataFrame(_rolling(trials, response_window_start), index=index)


def compute_reward_rate(trials: Columns, response_window_start: float = RESPONSE_WINDOW[0]) -> Floats:
    """Rewards a minute around each trial, guessed from licks.

    A trial counts as rewarded if its first lick later than `response_window_start` after the change came within 0.75 s
    of it, catch and auto-rewarded trials included. The rate of a trial is the number of such trials among the 25
    before it and the 25 from it on, over the time from the first to the last start of these.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.
    response_window_start : float
        Licks sooner after the change (s) earn no reward: ``task_parameters["response_window_sec"][0]``.

    Returns
    -------
    numpy.ndarray
        float64, one value a trial (rewards/min); NaN for the first 10.

    Raises
    ------
    MissingData
        If a column is missing.

    Notes
    -----
    AllenSDK 2.16, ``data_objects/trials/trials.py``, ``calculate_reward_rate``.
    """
    start_time = _floats(trials, "start_time")
    count = len(start_time)
    rewarded = np.concatenate([[0], np.cumsum(_licked_in_time(trials, response_window_start))])
    trial = np.arange(REWARD_RATE_SKIPPED, max(count, REWARD_RATE_SKIPPED))
    first = np.maximum(trial - REWARD_RATE_WINDOW, 0)
    stop = np.minimum(trial + REWARD_RATE_WINDOW, count)
    rate = np.full(count, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate[REWARD_RATE_SKIPPED:] = (
            (rewarded[stop] - rewarded[first]) / (start_time[stop - 1] - start_time[first]) * 60
        )
    rate[np.isinf(rate)] = np.nan
    return rate


def compute_session_rates(trials: Columns) -> dict[str, float]:
    """The plain rates of a session: shares of trials, without any rolling window.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of a session.

    Returns
    -------
    dict
        ``hit_rate`` and ``miss_rate`` (of the go trials), ``false_alarm_rate`` and ``correct_reject_rate`` (of the
        catch trials), ``aborted_rate`` and ``auto_rewarded_rate`` (of all trials), and ``dprime``: z(hit rate) -
        z(false-alarm rate), each rate first kept 1 / (2 N) away from 0 and 1 and then clipped to [0.01, 0.99], as for
        the rolling d'. NaN where there is no trial to take a rate from.

    Raises
    ------
    MissingData
        If a column is missing.

    See Also
    --------
    compute_performance_metrics : AllenSDK's metrics, whose rates are means of rolling ones.
    """
    count = {name: int(np.count_nonzero(_truths(trials, name))) for name in TRIAL_KINDS}
    total = len(_truths(trials, "go"))
    hit_rate, false_alarm_rate = (
        _corrected(_share([count[responses]], [count[trials_]]), np.array([count[trials_]]))
        for responses, trials_ in (("hit", "go"), ("false_alarm", "catch"))
    )
    return {
        "hit_rate": _share(count["hit"], count["go"]).item(),
        "miss_rate": _share(count["miss"], count["go"]).item(),
        "false_alarm_rate": _share(count["false_alarm"], count["catch"]).item(),
        "correct_reject_rate": _share(count["correct_reject"], count["catch"]).item(),
        "aborted_rate": _share(count["aborted"], total).item(),
        "auto_rewarded_rate": _share(count["auto_rewarded"], total).item(),
        "dprime": _dprime(hit_rate, false_alarm_rate).item(),
    }


def _rolling(trials: Columns, response_window_start: float) -> dict[str, Floats]:
    taken_part = ~_truths(trials, "aborted")
    hit_rate_raw, hit_rate = _rolling_rate(_truths(trials, "hit")[taken_part], _truths(trials, "miss")[taken_part])
    false_alarm_rate_raw, false_alarm_rate = _rolling_rate(
        _truths(trials, "false_alarm")[taken_part], _truths(trials, "correct_reject")[taken_part]
    )
    dprime = np.zeros(len(hit_rate)) if _is_passive(trials) else _dprime(hit_rate, false_alarm_rate)
    rates = {
        "hit_rate_raw": hit_rate_raw,
        "hit_rate": hit_rate,
        "false_alarm_rate_raw": false_alarm_rate_raw,
        "false_alarm_rate": false_alarm_rate,
        "rolling_dprime": dprime,
    }
    rolling = {"reward_rate": compute_reward_rate(trials, response_window_start)}
    for name, values in rates.items():
        rolling[name] = np.full(len(taken_part), np.nan)
        rolling[name][taken_part] = values
    return rolling


def _rolling_rate(yes: Truths, no: Truths) -> tuple[Floats, Floats]:
    """Share of `yes` among `yes` and `no` of the last 100 trials, plain and corrected for their number."""
    # Where both are marked, AllenSDK's later assignment wins: no.
    responses = _rolling_count(yes & ~no)
    count = _rolling_count(yes | no)
    rate = _share(responses, count)
    return rate, _corrected(rate, count)


def _rolling_count(marked: Truths) -> NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(marked)])
    stop = np.arange(1, len(total))
    count: NDArray[np.int64] = total[stop] - total[np.maximum(stop - ROLLING_WINDOW, 0)]
    return count


def _share(part: Any, whole: Any) -> Floats:
    whole = np.asarray(whole)
    share: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return share


def _corrected(rate: Floats, count: NDArray[np.int64]) -> Floats:
    """Rates kept half a trial away from 0 and 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        half = 1.0 / (2 * count)
        return np.minimum(np.maximum(rate, half), 1 - half)


def _dprime(hit_rate: Floats, false_alarm_rate: Floats) -> Floats:
    return _z(hit_rate) - _z(false_alarm_rate)


def _z(rate: Floats) -> Floats:
    # Rates are few: fractions of at most 100 trials. statistics is at hand; scipy.special takes 0.2 s to import.
    distinct, position = np.unique(np.clip(rate, *DPRIME_LIMITS), return_inverse=True)
    return np.array([p if p != p else _inverse_normal(p) for p in distinct.tolist()], dtype=np.float64)[position]


def _licked_in_time(trials: Columns, response_window_start: float) -> Truths:
    """Whether the first lick that is late enough came soon enough."""
    change_time = _floats(trials, "change_time")
    licks = _lick_times(trials)
    owner = licks.owner
    latency = licks.flat - change_time[owner]
    late_enough = np.flatnonzero(latency > response_window_start)
    of_trial = owner[late_enough]
    is_first = np.concatenate([[True], of_trial[1:] != of_trial[:-1]])[: len(of_trial)]
    first = late_enough[is_first]
    in_time = np.zeros(len(change_time), dtype=np.bool_)
    in_time[owner[first]] = latency[first] < RESPONSE_WINDOW[1]
    return in_time


def _is_passive(trials: Columns) -> bool:
    return not _floats(trials, "reward_volume").any() and not _lick_times(trials).counts.any()


def _lick_times(trials: Columns) -> Ragged:
    column = _column(trials, "lick_times")
    return column if isinstance(column, Ragged) else Ragged.of(column)


def _truths(columns: Columns, name: str) -> Truths:
    return np.asarray(_column(columns, name), dtype=np.bool_)


def _floats(columns: Columns, name: str) -> Floats:
    return np.asarray(_column(columns, name), dtype=np.float64)


def _column(columns: Columns, name: str) -> Any:
    try:
        return columns[name]
    except TypeError:
        raise BadValue(
            f"Expected a table with a column {name!r}; this is a {type(columns).__name__}. Give the session's tables: session.trials, "
            "session.rewards."
        ) from None
    except KeyError:
        there = ", ".join(map(str, columns.keys()))
        raise MissingData(
            f"the table has no column {name!r}; it has {there}. Give a table as BehaviorSession returns it.", name=name
        ) from None


def _mean(values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _max(values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(values.max()) if len(values) else float("nan")
