"""Performance against the slow reference, and properties that hold for every session."""

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
GREATEST_DPRIME = 2 * 2.3263478740408408


def rows_of(outcomes: list[str], draw: Any) -> list[dict[str, Any]]:
    start = 5.0
    rows = []
    for outcome in outcomes:
        change = math.nan if outcome == "aborted" else start + 1.0
        base = start if outcome == "aborted" else change
        licks = sorted(base + delay for delay in draw(st.lists(st.floats(-0.3, 1.2), max_size=3)))
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
    return rows_of(draw(st.lists(st.sampled_from(kinds), max_size=draw(st.sampled_from([1, 12, 160])))), draw)


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = ["start_time", "change_time", "lick_times", "reward_volume", "go", "catch", *OUTCOMES]
    table = pd.DataFrame({name: [row[name] for row in rows] for name in columns if name != "lick_times"})
    table["lick_times"] = pd.Series([np.array(row["lick_times"], dtype=float) for row in rows], dtype=object)
    return table


def rewards_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame({"volume": [row["reward_volume"] for row in rows if row["reward_volume"]]}, dtype=float)


def assert_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-12, atol=1e-12, err_msg=name)
        assert isinstance(ours[name], int) == isinstance(value, int), name


@given(sessions(), st.sampled_from([0.0, 0.15, 0.3]))
def test_reward_rate_is_the_reference(rows: list[dict[str, Any]], window_start: float) -> None:
    np.testing.assert_allclose(
        compute_reward_rate(table_of(rows), window_start), reference.reward_rate(rows, window_start), rtol=1e-12
    )


@given(sessions())
def test_rolling_performance_is_the_reference(rows: list[dict[str, Any]]) -> None:
    ours = compute_rolling_performance(table_of(rows))
    theirs = reference.rolling_performance(rows)
    assert list(ours.columns) == [
        "reward_rate",
        "hit_rate_raw",
        "hit_rate",
        "false_alarm_rate_raw",
        "false_alarm_rate",
        "rolling_dprime",
    ]
    for name in ours.columns:
        np.testing.assert_allclose(ours[name], [row[name] for row in theirs], rtol=1e-12, atol=1e-12, err_msg=name)


@given(sessions(), st.sampled_from([0.5, 2.0, 4.0]))
def test_metrics_are_the_reference(rows: list[dict[str, Any]], threshold: float) -> None:
    ours = compute_performance_metrics(table_of(rows), rewards_of(rows), threshold)
    volumes = rewards_of(rows)["volume"].tolist()
    assert_same(ours, reference.performance_metrics(rows, volumes, threshold))


@given(sessions())
def test_session_rates_are_the_reference(rows: list[dict[str, Any]]) -> None:
    assert_same(compute_session_rates(table_of(rows)), reference.session_rates(rows))


@given(sessions())
def test_outcomes_are_exhaustive_and_rates_bounded(rows: list[dict[str, Any]]) -> None:
    table = table_of(rows)
    metrics = compute_performance_metrics(table, rewards_of(rows))
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
    assert np.all(np.isnan(dprime) | (np.abs(dprime) <= GREATEST_DPRIME + 1e-12))
    assert rolling.loc[table["aborted"], "hit_rate"].isna().all()


def test_every_trial_aborted_gives_counts_and_nan() -> None:
    rows = rows_of(["aborted"] * 20, lambda strategy: [] if "lists" in repr(strategy) else 3.0)
    metrics = compute_performance_metrics(table_of(rows), rewards_of(rows))
    assert metrics["trial_count"] == 20
    assert metrics["hit_trial_count"] == 0
    assert metrics["maximum_reward_rate"] == 0.0
    assert all(math.isnan(value) for name, value in metrics.items() if name.startswith(("mean_", "max_")))


def test_no_trial_at_all() -> None:
    metrics = compute_performance_metrics(table_of([]), rewards_of([]))
    assert metrics["trial_count"] == 0
    assert math.isnan(metrics["maximum_reward_rate"])


def test_the_index_of_the_trials_is_kept() -> None:
    rows = rows_of(["hit", "miss", "aborted"], lambda strategy: [] if "lists" in repr(strategy) else 3.0)
    table = table_of(rows).set_index(pd.Index([7, 9, 11], name="trials_id"))
    assert list(compute_rolling_performance(table).index) == [7, 9, 11]


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    with pytest.raises(MissingData, match=r"no column 'change_time'; it has .*start_time.*Give a table"):
        compute_reward_rate(pd.DataFrame({"start_time": [1.0] * 12}))


def test_what_is_no_table_or_no_number() -> None:
    with pytest.raises(BadValue, match=r"this is a object\. Give the session's tables"):
        compute_session_rates(object())  # type: ignore[arg-type]
    rows = rows_of(["hit"], lambda strategy: [] if "lists" in repr(strategy) else 3.0)
    with pytest.raises(BadValue, match="expected a number of rewards a minute"):
        compute_performance_metrics(table_of(rows), rewards_of(rows), "x")  # type: ignore[arg-type]
