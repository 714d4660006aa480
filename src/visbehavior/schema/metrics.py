"""The performance metrics: name, meaning, formula and unit of each.

Docstrings and docs/metrics.md are derived from these declarations. Definitions: AllenSDK 2.16
(``brain_observatory/behavior``: ``dprime.py``, ``data_objects/trials/trials.py``, ``behavior_session.py``); the session
rates are this package's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from visbehavior.schema.wrapping import wrap

F = TypeVar("F", bound=Callable[..., Any])


class Metric(NamedTuple):
    """A number computed from the trials of a session, or a column with one number per trial.

    Parameters
    ----------
    name : str
        Key of the dictionary, or name of the column.
    meaning : str
        One sentence.
    formula : str
        How it is computed.
    unit : str
        Unit; "" for rates.
    """

    name: str
    meaning: str
    formula: str
    unit: str = ""


def _count(name: str, meaning: str, formula: str, unit: str = "trials") -> Metric:
    return Metric(name=name, meaning=meaning, formula=formula, unit=unit)


def _mean(name: str, column: str, meaning: str, unit: str = "", trials: str = "all trials") -> Metric:
    return Metric(name=name, meaning=meaning, formula=f"mean of `{column}` over {trials}", unit=unit)


def _max(name: str, column: str, meaning: str, unit: str, trials: str = "all trials") -> Metric:
    return Metric(name=name, meaning=meaning, formula=f"maximum of `{column}` over {trials}", unit=unit)


PERFORMANCE_METRICS = (
    _count("trial_count", "Trials, including aborted ones.", "number of rows of `trials`"),
    _count("go_trial_count", "Go trials.", "trials with `go`"),
    _count("catch_trial_count", "Catch trials.", "trials with `catch`"),
    _count("hit_trial_count", "Go trials with a lick in the response window.", "trials with `hit`"),
    _count("miss_trial_count", "Go trials without one.", "trials with `miss`"),
    _count("false_alarm_trial_count", "Catch trials with a lick in the response window.", "trials with `false_alarm`"),
    _count("correct_reject_trial_count", "Catch trials without one.", "trials with `correct_reject`"),
    _count("auto_reward_count", "Free rewards.", "trials with `auto_rewarded`", "rewards"),
    _count("earned_reward_count", "Earned rewards.", "`hit_trial_count`", "rewards"),
    _count("total_reward_count", "All rewards.", "number of rows of `rewards`", "rewards"),
    _count("total_reward_volume", "Water of all rewards.", "sum of `volume` of `rewards`", "mL"),
    _max("maximum_reward_rate", "reward_rate", "Highest reward rate.", "rewards/min"),
    _count(
        "engaged_trial_count",
        "Engaged trials, including aborted ones.",
        "trials with `reward_rate` above the threshold (an argument, 2 rewards/min by default)",
    ),
    _mean("mean_hit_rate", "hit_rate", "Mean rolling hit rate."),
    _mean("mean_hit_rate_uncorrected", "hit_rate_raw", "Mean rolling hit rate without the correction for few trials."),
    _mean("mean_hit_rate_engaged", "hit_rate", "Mean rolling hit rate of engaged trials.", trials="engaged trials"),
    _mean("mean_false_alarm_rate", "false_alarm_rate", "Mean rolling false alarm rate."),
    _mean(
        "mean_false_alarm_rate_uncorrected",
        "false_alarm_rate_raw",
        "Mean rolling false alarm rate without the correction for few trials.",
    ),
    _mean(
        "mean_false_alarm_rate_engaged",
        "false_alarm_rate",
        "Mean rolling false alarm rate of engaged trials.",
        trials="engaged trials",
    ),
    _mean("mean_dprime", "rolling_dprime", "Mean rolling d'.", "z units"),
    _mean("mean_dprime_engaged", "rolling_dprime", "Mean rolling d' of engaged trials.", "z units", "engaged trials"),
    _max("max_dprime", "rolling_dprime", "Highest rolling d'.", "z units"),
    _max("max_dprime_engaged", "rolling_dprime", "Highest rolling d' of engaged trials.", "z units", "engaged trials"),
)
"""Entries of `compute_performance_metrics`. Means and maxima ignore trials without a value; NaN if none has one."""

ROLLING_METRICS = (
    Metric(
        name="reward_rate",
        unit="rewards/min",
        meaning="Rate of rewarded trials around the trial.",
        formula=(
            "rewarded trials among the 25 trials before and the 25 trials from this one on, divided by the time from the first to "
            "the last start of these. A trial counts as rewarded if its first lick later than 0.15 s after the change is "
            "within 0.75 s of it, including catch and auto-rewarded trials. NaN for the first 10 trials"
        ),
    ),
    Metric(
        name="hit_rate_raw",
        meaning="Rolling hit rate.",
        formula="hits / go trials among the last 100 trials that were not aborted",
    ),
    Metric(
        name="hit_rate",
        meaning="Rolling hit rate, corrected for few trials.",
        formula="`hit_rate_raw`, at least 1/(2N) and at most 1 - 1/(2N), N go trials among the 100",
    ),
    Metric(
        name="false_alarm_rate_raw",
        meaning="Rolling false alarm rate.",
        formula="false alarms / catch trials among the last 100 trials that were not aborted",
    ),
    Metric(
        name="false_alarm_rate",
        meaning="Rolling false alarm rate, corrected for few trials.",
        formula="`false_alarm_rate_raw`, at least 1/(2N) and at most 1 - 1/(2N), N catch trials among the 100",
    ),
    Metric(
        name="rolling_dprime",
        unit="z units",
        meaning="Rolling d'.",
        formula=("z(`hit_rate`) - z(`false_alarm_rate`), both first clipped to [0.01, 0.99]; 0 in passive sessions"),
    ),
)
"""Columns of `compute_rolling_performance`. All but the reward rate are NaN on aborted trials."""

SESSION_RATES = (
    Metric(name="hit_rate", meaning="Hit rate of the session.", formula="hits / go trials"),
    Metric(name="miss_rate", meaning="Miss rate of the session.", formula="misses / go trials"),
    Metric(name="false_alarm_rate", meaning="False alarm rate of the session.", formula="false alarms / catch trials"),
    Metric(
        name="correct_reject_rate",
        meaning="Correct reject rate of the session.",
        formula="correct rejects / catch trials",
    ),
    Metric(name="aborted_rate", meaning="Fraction of aborted trials.", formula="aborted trials / trials"),
    Metric(
        name="auto_rewarded_rate",
        meaning="Fraction of trials with a free reward.",
        formula="auto-rewarded trials / trials",
    ),
    Metric(
        name="dprime",
        unit="z units",
        meaning="d' of the session.",
        formula=(
            "z(`hit_rate`) - z(`false_alarm_rate`), both first kept 1/(2N) from 0 and 1 and clipped to [0.01, 0.99]"
        ),
    ),
)
"""Entries of `compute_session_rates`. NaN if there is no trial to compute a rate from."""


def lists_metrics(*metrics: Metric) -> Callable[[F], F]:
    """Replace the line ``{metrics}`` of a function's docstring with a list of metrics."""

    def document(function: F) -> F:
        text = function.__doc__ or ""
        indent = next((line[: len(line) - len(line.lstrip())] for line in text.splitlines() if "{metrics}" in line), "")
        listed = "\n".join(_entry(metric, indent) for metric in metrics)
        function.__doc__ = text.replace(f"{indent}{{metrics}}", listed)
        return function

    return document


def _entry(metric: Metric, indent: str) -> str:
    unit = f" ({metric.unit})" if metric.unit else ""
    text = f"{metric.name}{unit}: {metric.meaning} {metric.formula[0].upper()}{metric.formula[1:]}."
    return wrap(text, 116, f"{indent}- ", f"{indent}  ")
