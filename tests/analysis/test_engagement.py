"""Engagement: comparison of each definition with a slow reference."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import flash_reference, reference
from tests.synthetic_session import as_session, make_session
from visbehavior import (
    BadValue,
    MissingData,
    compute_engaged_periods,
    compute_engagement,
    compute_flash_reward_rate,
    compute_flash_table,
)
from visbehavior.analysis.engagement import DEFINITIONS, centered_mean, compute_bou_trial_rate, trailing_mean

SESSION = as_session(make_session(seed=4, trials=120))
FLASHES = compute_flash_table(SESSION.stimulus_presentations, SESSION.licks, SESSION.rewards, SESSION.trials)


@settings(deadline=None, max_examples=10)
@given(values=st.lists(st.sampled_from([0.0, 1.0, 3.0]), max_size=60), padding=st.integers(0, 700))
def test_windows_equal_the_reference(values, padding) -> None:
    values = [*values, *[0.0] * padding, *values]
    np.testing.assert_allclose(trailing_mean(np.array(values)), flash_reference.trailing_mean(values), atol=1e-12)
    with_gaps = [math.nan if value == 3 else value for value in values]
    expected = flash_reference.centered_mean(with_gaps)
    np.testing.assert_allclose(centered_mean(np.array(with_gaps)), expected, atol=1e-12)


def test_rates_of_flash_windows_equal_the_reference() -> None:
    rewarded = FLASHES["rewarded"].astype(float).tolist()
    bouts = flash_reference.centered_mean(FLASHES["bout_start"].astype(float).tolist())
    vba = np.array(flash_reference.trailing_mean(rewarded)) * 80
    lb = np.array(flash_reference.centered_mean(rewarded)) * 80
    expected = {"vba": vba > 2 / 3, "glm": vba > 2 / 3, "lb": lb > 1 / 2}
    expected["lb_v2"] = expected["lb"] | (np.array(bouts) / 0.75 > 0.1)
    np.testing.assert_allclose(compute_flash_reward_rate(FLASHES, "vba"), vba)
    np.testing.assert_allclose(compute_flash_reward_rate(FLASHES, "lb"), lb)
    for method, engaged in expected.items():
        assert compute_engagement(FLASHES, method).tolist() == engaged.tolist(), method


def test_sdk_uses_the_trial_of_the_flash() -> None:
    trials = SESSION.trials
    rate = pd.Series(reference.reward_rate(trials.to_dict("records")), index=trials.index)
    expected = [rate.get(trial, math.nan) for trial in FLASHES["trials_id"]]
    found = compute_flash_reward_rate(FLASHES, "sdk", trials)
    np.testing.assert_allclose(found, expected)
    assert compute_engagement(FLASHES, "sdk", trials).tolist() == [value > 2 for value in expected]


def test_bou_uses_the_next_trial_that_is_not_aborted() -> None:
    trials = SESSION.trials
    rate = compute_bou_trial_rate(trials)
    assert np.isinf(rate[:10]).all()
    timely = trials["response_latency"] < 0.75
    start = trials["start_time"].to_numpy()
    for row in range(10, len(trials)):
        first, stop = max(0, row - 25), min(row + 25, len(trials))
        assert rate[row] == pytest.approx(timely[first:stop].sum() / (start[stop - 1] - start[first]) * 60)
    kept = [(time, rate[row]) for row, time in enumerate(trials["change_time"]) if not trials["aborted"].iloc[row]]
    expected = [
        next((value for time, value in kept if time > now), kept[-1][1]) for now in FLASHES["start_time"].tolist()
    ]
    np.testing.assert_allclose(compute_flash_reward_rate(FLASHES, "bou", trials), expected)


@pytest.mark.parametrize("method", DEFINITIONS)
def test_result_is_boolean_with_the_index_of_the_flashes(method: str) -> None:
    engaged = compute_engagement(FLASHES, method, SESSION.trials)
    assert engaged.dtype == np.bool_
    assert engaged.index.equals(FLASHES.index)


@pytest.mark.parametrize("method", DEFINITIONS)
def test_session_without_flashes_has_no_engagement(method: str) -> None:
    assert len(compute_engagement(FLASHES.iloc[:0], method, SESSION.trials)) == 0


@pytest.mark.parametrize("method", DEFINITIONS)
def test_passive_session_is_not_engaged_but_in_the_first_trials_of_bou(method: str) -> None:
    nothing = pd.DataFrame({"timestamps": []})
    trials = SESSION.trials.assign(lick_times=[np.empty(0)] * len(SESSION.trials), response_latency=np.inf)
    table = compute_flash_table(SESSION.stimulus_presentations, nothing, nothing, trials)
    engaged = compute_engagement(table, method, trials)
    if method != "bou":
        assert not engaged.any()


def test_omissions_before_the_first_image_do_not_count_for_lb() -> None:
    start = np.arange(4) * 0.75
    flashes = pd.DataFrame(
        {"start_time": start, "omitted": [True, False, False, False], "rewarded": [True, False, False, False]}
    )
    rate = compute_flash_reward_rate(flashes, "lb")
    assert np.isnan(rate[0])
    assert rate[1:].tolist() == [0, 0, 0]


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=30))
def test_periods_cover_exactly_the_engaged_flashes(engaged) -> None:
    flashes = pd.DataFrame({"start_time": np.arange(len(engaged)) * 0.75})
    periods = compute_engaged_periods(flashes, np.array(engaged, dtype=bool))
    inside = [bool(((periods["start"] <= now) & (now < periods["end"])).any()) for now in flashes["start_time"]]
    assert inside == engaged
    assert periods["n_flashes"].sum() == sum(engaged)
    assert (periods["start"].to_numpy()[1:] > periods["end"].to_numpy()[:-1]).all()


def test_unknown_method_missing_trials_and_wrong_length_raise() -> None:
    with pytest.raises(BadValue, match="expected one of sdk, bou, vba, glm, lb, lb_v2"):
        compute_engagement(FLASHES, "msu")
    with pytest.raises(MissingData, match=r"trials=session\.trials"):
        compute_engagement(FLASHES, "sdk")
    with pytest.raises(BadValue, match="engaged has 1 values"):
        compute_engaged_periods(FLASHES, [True])
