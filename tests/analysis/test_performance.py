"""Performance: comparison with the slow reference, and properties of every session."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from visbehavior import (
    BadValue,
    MissingData,
    compute_performance_metrics,
    compute_reward_rate,
    compute_rolling_performance,
    compute_session_rates,
)

OUTCOMES = ("hit", "miss", "correct_reject", "false_alarm", "aborted", "auto_rewarded")
MAX_DPRIME = 2 * 2.3263478740408408


def make_rows(outcomes: list[str], draw: Any) -> list[dict[str, Any]]:
    start = 5.0
    rows = []
    for outcome in outcomes:
        change = math.nan if outcome == "aborted" else start + 1.0
        onset = start if outcome == "aborted" else change
        licks = sorted(onset + delay for delay in draw(st.lists(st.floats(-0.3, 1.2), max_size=3)))
        rows.append(
            {
                "start_time": start,
                "change_time": change,
                "lick_times": licks,
                "reward_volume": 0.007 if outcome in ("hit", "auto_rewarded") else 0.0,
                "go": outcome in ("hit", "miss"),
                "catch": outcome in ("correct_reject", "false_alarm"),
                **{name: name == outcome for name in OUTCOMES},
            }
        )
        start += draw(st.floats(0.5, 10))
    return rows


@st.composite
def sessions(draw: Any) -> list[dict[str, Any]]:
    kinds = draw(
        st.sampled_from([OUTCOMES, ("aborted",), ("hit", "aborted"), ("miss", "correct_reject"), ("auto_rewarded",)])
    )
    return make_rows(draw(st.lists(st.sampled_from(kinds), max_size=draw(st.sampled_from([1, 12, 160])))), draw)


def no_licks(strategy: Any) -> Any:
    """Draw no licks, and a duration of 3 s."""
    return [] if "lists" in repr(strategy) else 3.0


def make_trials(rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = ["start_time", "change_time", "lick_times", "reward_volume", "go", "catch", *OUTCOMES]
    table = pd.DataFrame({name: [row[name] for row in rows] for name in columns if name != "lick_times"})
    table["lick_times"] = pd.Series([np.array(row["lick_times"], dtype=float) for row in rows], dtype=object)
    return table


def make_rewards(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame({"volume": [row["reward_volume"] for row in rows if row["reward_volume"]]}, dtype=float)


def assert_equal_metrics(actual: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(actual) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-12, atol=1e-12, err_msg=name)
        assert isinstance(actual[name], int) == isinstance(value, int), name


@given(sessions(), st.sampled_from([0.0, 0.15, 0.3]))
def test_reward_rate_equals_the_reference(rows: list[dict[str, Any]], window_start: float) -> None:
    np.testing.assert_allclose(
        compute_reward_rate(make_trials(rows), window_start), reference.reward_rate(rows, window_start), rtol=1e-12
    )


@given(sessions())
def test_rolling_performance_equals_the_reference(rows: list[dict[str, Any]]) -> None:
    rolling = compute_rolling_performance(make_trials(rows))
    expected = reference.rolling_performance(rows)
    assert list(rolling.columns) == [
        "reward_rate",
        "hit_rate_raw",
        "hit_rate",
        "false_alarm_rate_raw",
        "false_alarm_rate",
        "rolling_dprime",
    ]
    for name in rolling.columns:
        np.testing.assert_allclose(rolling[name], [row[name] for row in expected], rtol=1e-12, atol=1e-12, err_msg=name)


@given(sessions(), st.sampled_from([0.5, 2.0, 4.0]))
def test_metrics_equal_the_reference(rows: list[dict[str, Any]], threshold: float) -> None:
    metrics = compute_performance_metrics(make_trials(rows), make_rewards(rows), threshold)
    volumes = make_rewards(rows)["volume"].tolist()
    assert_equal_metrics(metrics, reference.performance_metrics(rows, volumes, threshold))


@given(sessions())
def test_session_rates_equal_the_reference(rows: list[dict[str, Any]]) -> None:
    assert_equal_metrics(compute_session_rates(make_trials(rows)), reference.session_rates(rows))


@given(sessions())
def test_outcomes_are_exhaustive_and_rates_bounded(rows: list[dict[str, Any]]) -> None:
    table = make_trials(rows)
    metrics = compute_performance_metrics(table, make_rewards(rows))
    outcomes = [
        "hit_trial_count",
        "miss_trial_count",
        "false_alarm_trial_count",
        "correct_reject_trial_count",
        "auto_reward_count",
    ]
    assert sum(metrics[name] for name in outcomes) + int(table["aborted"].sum()) == metrics["trial_count"]
    assert metrics["go_trial_count"] == metrics["hit_trial_count"] + metrics["miss_trial_count"]
    rolling = compute_rolling_performance(table)
    rates = rolling[["hit_rate", "hit_rate_raw", "false_alarm_rate", "false_alarm_rate_raw"]].to_numpy()
    assert np.all(np.isnan(rates) | ((rates >= 0) & (rates <= 1)))
    dprime = rolling["rolling_dprime"].to_numpy()
    assert np.all(np.isnan(dprime) | (np.abs(dprime) <= MAX_DPRIME + 1e-12))
    assert rolling.loc[table["aborted"], "hit_rate"].isna().all()


def test_metrics_of_aborted_trials_only() -> None:
    rows = make_rows(["aborted"] * 20, no_licks)
    metrics = compute_performance_metrics(make_trials(rows), make_rewards(rows))
    assert metrics["trial_count"] == 20
    assert metrics["hit_trial_count"] == 0
    assert metrics["maximum_reward_rate"] == 0.0
    assert all(math.isnan(value) for name, value in metrics.items() if name.startswith(("mean_", "max_")))


def test_metrics_without_trials() -> None:
    metrics = compute_performance_metrics(make_trials([]), make_rewards([]))
    assert metrics["trial_count"] == 0
    assert math.isnan(metrics["maximum_reward_rate"])


def test_rolling_performance_has_the_index_of_the_trials() -> None:
    rows = make_rows(["hit", "miss", "aborted"], no_licks)
    table = make_trials(rows).set_index(pd.Index([7, 9, 11], name="trials_id"))
    assert list(compute_rolling_performance(table).index) == [7, 9, 11]


def test_missing_column_is_named_with_the_columns_present() -> None:
    with pytest.raises(MissingData, match=r"no column 'change_time'; it has .*start_time.*Pass a table"):
        compute_reward_rate(pd.DataFrame({"start_time": [1.0] * 12}))


def test_bad_argument_types() -> None:
    with pytest.raises(BadValue, match=r"got object\. Pass the session's tables"):
        compute_session_rates(object())  # type: ignore[arg-type]
    rows = make_rows(["hit"], no_licks)
    with pytest.raises(BadValue, match=r"expected a number \(rewards per minute\)"):
        compute_performance_metrics(make_trials(rows), make_rewards(rows), "x")  # type: ignore[arg-type]
