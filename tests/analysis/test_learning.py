from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.synthetic_session import as_session, make_session
from visbehavior import (
    BadValue,
    MissingData,
    compute_days_to_criterion,
    compute_engaged_fractions,
    compute_engagement,
    compute_flash_table,
    compute_latency_distribution,
    compute_learning_curve,
    compute_omission_responses,
    compute_pooled_response_matrix,
    summarize_mice,
)
from visbehavior.analysis.engagement import DEFINITIONS

SESSIONS = pd.DataFrame(
    {
        "behavior_session_id": [1, 2, 3, 4, 5],
        "mouse_id": ["a", "a", "a", "b", "b"],
        "day": [3, 0, 1, 0, 0],
        "stage": ["OPHYS_1", "TRAINING_1", "TRAINING_1", "TRAINING_1", ""],
        "dprime": [2.0, 0.5, 1.5, np.nan, 1.0],
        "experience_level": ["Familiar", "Training", "Training", "Familiar", "Novel 1"],
    }
)


def make_tables(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trials and flashes of several sessions, with their ids."""
    trials, flashes = [], []
    for number in range(1, count + 1):
        session = as_session(make_session(seed=number, trials=60), templates=False)
        table = compute_flash_table(session.stimulus_presentations, session.licks, session.rewards, session.trials)
        trials.append(session.trials.assign(behavior_session_id=number))
        flashes.append(table.assign(behavior_session_id=number))
    return pd.concat(trials), pd.concat(flashes)


TRIALS, FLASHES = make_tables(5)


def test_curve_by_day_has_the_mean_of_each_day() -> None:
    curve = compute_learning_curve(SESSIONS)
    assert curve.index.tolist() == ["a", "b"]
    assert curve.columns.tolist() == [0, 1, 3]
    np.testing.assert_array_equal(curve, [[0.5, 1.5, 2.0], [1.0, np.nan, np.nan]])


def test_curve_by_session_counts_the_sessions_of_the_mouse() -> None:
    curve = compute_learning_curve(SESSIONS, by="session")
    np.testing.assert_array_equal(curve, [[0.5, 1.5, 2.0], [np.nan, 1.0, np.nan]])


def test_curve_by_stage_begins_with_training() -> None:
    curve = compute_learning_curve(SESSIONS, by="stage")
    assert curve.columns.tolist() == ["TRAINING_1", "OPHYS_1"]
    np.testing.assert_array_equal(curve, [[1.0, 2.0]])


def test_mice_may_be_numbers() -> None:
    numbered = SESSIONS.assign(mouse_id=[1, 1, 1, 2, 2])
    assert compute_learning_curve(numbered).index.tolist() == ["1", "2"]


def reference_criterion(above: list[bool], needed: int, considered: int) -> int | None:
    for n in range(len(above)):
        if sum(above[max(0, n - considered + 1) : n + 1]) >= needed:
            return n
    return None


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 3))
def test_criterion_equals_the_reference(above: list[bool], needed: int, more: int) -> None:
    days = np.arange(len(above)) * 2
    sessions = pd.DataFrame({"mouse_id": "m", "day": days, "max_dprime": np.where(above, 2.5, 1.0)})
    shuffled = sessions.sample(frac=1, random_state=0)
    result = compute_days_to_criterion(shuffled, needed=needed, considered=needed + more).loc["m"]
    expected = reference_criterion(above, needed, needed + more)
    assert result["sessions"] == len(above)
    if expected is None:
        assert pd.isna(result["day"])
        assert pd.isna(result["session"])
    else:
        assert (result["day"], result["session"]) == (2 * expected, expected)


def test_latencies_equal_the_reference() -> None:
    distribution = compute_latency_distribution(TRIALS, SESSIONS, bin_width=0.25)
    assert distribution.columns.tolist() == [0.125, 0.375, 0.625]
    hits = TRIALS[TRIALS["hit"]]
    for (group, mouse), row in distribution.iterrows():
        chosen = SESSIONS[(SESSIONS["mouse_id"] == mouse) & (SESSIONS["experience_level"] == group)]
        latency = hits.loc[hits["behavior_session_id"].isin(chosen["behavior_session_id"]), "response_latency"]
        expected = [((latency >= low) & (latency < low + 0.25)).mean() for low in (0, 0.25, 0.5)]
        assert row.tolist() == pytest.approx(expected)
    assert len(distribution) == 4


def test_omission_responses_equal_the_reference() -> None:
    responses = compute_omission_responses(FLASHES, SESSIONS)
    mouse_of = SESSIONS.set_index("behavior_session_id")["mouse_id"]
    collected: dict[tuple[str, str], list[bool]] = {}
    for number, table in FLASHES.groupby("behavior_session_id"):
        rows = table.to_dict("records")
        for n, row in enumerate(rows):
            if row["is_change"] and not row["omitted"]:
                continue
            if row["omitted"]:
                position = "omission"
            elif n and rows[n - 1]["omitted"]:
                position = "after"
            elif n + 1 < len(rows) and rows[n + 1]["omitted"]:
                position = "before"
            else:
                position = "other image"
            collected.setdefault((mouse_of[number], position), []).append(row["bout_start"])
    for (mouse, position), values in collected.items():
        assert responses.loc[mouse, position] == pytest.approx(np.mean(values))


def test_engaged_fractions_are_means_over_sessions() -> None:
    fractions = compute_engaged_fractions(FLASHES, TRIALS, SESSIONS)
    assert fractions.columns.tolist() == list(DEFINITIONS)
    for method in DEFINITIONS:
        means = [
            compute_engagement(
                FLASHES[FLASHES["behavior_session_id"] == number],
                method,
                TRIALS[TRIALS["behavior_session_id"] == number].reset_index(drop=True),
            ).mean()
            for number in (1, 2, 3)
        ]
        assert fractions.loc["a", method] == pytest.approx(np.mean(means))


def test_pooled_matrix_counts_each_flash_once() -> None:
    matrix = compute_pooled_response_matrix(FLASHES)
    free = FLASHES["auto_rewarded"].fillna(False).astype(bool)
    chosen = FLASHES[FLASHES["could_change"] & ~FLASHES["omitted"] & ~free]
    grouped = chosen.groupby(["previous_image_name", "image_name"])["licked"].agg(["mean", "size"])
    for (previous, image), row in grouped.iterrows():
        assert matrix.mean.loc[previous, image] == pytest.approx(row["mean"])
        assert matrix.count.loc[previous, image] == row["size"]
    assert matrix.count.sum().sum() == len(chosen)


def test_summary_has_mean_and_interval() -> None:
    values = pd.DataFrame({0: [1.0, 2.0, 6.0], 1: [np.nan, 1.0, np.nan], 2: [np.nan] * 3})
    summary = summarize_mice(values)
    assert summary["mice"].tolist() == [3, 1, 0]
    half = 1.959963984540054 * np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert summary.loc[0].tolist() == pytest.approx([3, 3 - half, 3 + half, 3])
    assert summary.loc[1, "mean"] == 1
    assert summary.loc[1, ["low", "high"]].isna().all()
    assert summary.loc[2, ["mean", "low", "high"]].isna().all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mouse_id": None}, BadValue, "rows without an id"),
        ({"day": "x"}, BadValue, "day"),
        ({"dprime": 1j}, BadValue, "dprime"),
    ],
)
def test_wrong_columns_are_reported(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compute_learning_curve(SESSIONS.assign(**change))
    with pytest.raises(MissingData, match="no column 'dprime'"):
        compute_learning_curve(SESSIONS.drop(columns="dprime"))
