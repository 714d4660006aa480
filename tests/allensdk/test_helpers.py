"""Functions that notebooks import from AllenSDK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from visbehavior.allensdk import helpers
from visbehavior.analysis.performance import compute_rolling_performance


def reference_rate(response: Any, no_response: Any, aborted: Any, window: int, corrected: bool) -> list[float]:
    """Loop over the trials that are not aborted."""
    kept = [(r, n) for r, n, a in zip(response, no_response, aborted, strict=True) if not a]
    rates = []
    for i in range(len(kept)):
        # A trial with both counts as one without a response.
        values = [0 if n else 1 for r, n in kept[max(0, i + 1 - window) : i + 1] if r or n]
        rate = float(np.mean(values)) if values else np.nan
        if corrected and values:
            rate = min(max(rate, 1 / (2 * len(values))), 1 - 1 / (2 * len(values)))
        rates.append(rate)
    return rates


@pytest.mark.parametrize("window", [3, 100])
def test_rates_equal_a_loop(window: int) -> None:
    rng = np.random.default_rng(window)
    response, no_response, aborted = rng.random((3, 150)) < [[0.4], [0.4], [0.3]]
    for corrected, hit, false_alarm in (
        (False, helpers.get_hit_rate, helpers.get_false_alarm_rate),
        (True, helpers.get_trial_count_corrected_hit_rate, helpers.get_trial_count_corrected_false_alarm_rate),
    ):
        expected = reference_rate(response, no_response, aborted, window, corrected)
        np.testing.assert_allclose(hit(response, no_response, aborted, window), expected, rtol=1e-12)
        np.testing.assert_allclose(false_alarm(no_response, response, aborted, window), expected, rtol=1e-12)


def test_dprime_of_one_pair_equals_that_of_many() -> None:
    hits, alarms = np.array([0.0, 0.5, 1.0, np.nan]), np.array([0.5, 0.5, 0.0, 0.1])
    expected = [helpers.get_dprime(hit, alarm) for hit, alarm in zip(hits, alarms, strict=True)]
    np.testing.assert_array_equal(helpers.get_rolling_dprime(hits, alarms), expected)
    assert expected[1] == 0
    assert expected[2] == pytest.approx(2 * 2.3263478740408408)


def test_reward_rate_equals_the_sessions() -> None:
    rng = np.random.default_rng(1)
    start = np.cumsum(rng.exponential(5, 60))
    latency = np.where(rng.random(60) < 0.5, rng.uniform(0.2, 1, 60), np.nan)
    false = np.zeros(60, dtype=bool)
    trials = pd.DataFrame(
        {
            "start_time": start,
            "change_time": start + 1,
            "lick_times": [[t] if t == t else [] for t in start + 1 + latency],
        }
        | dict.fromkeys(("hit", "miss", "false_alarm", "correct_reject", "aborted", "go", "catch"), false)
        | {"auto_rewarded": false, "reward_volume": 0.0}
    )
    expected = compute_rolling_performance(trials)["reward_rate"]
    np.testing.assert_allclose(helpers.calculate_reward_rate(latency, start), expected, rtol=1e-12)


def test_masks_select_trials() -> None:
    trials = pd.DataFrame(
        {"trial_type": ["go", "catch", "aborted", "go"], "reward_rate": [1, 2, 3, np.nan]}, index=[3, 5, 7, 9]
    )
    assert helpers.contingent_trials(trials).tolist() == [True, True, False, True]
    assert helpers.trial_types(trials, []).tolist() == [True] * 4
    assert helpers.trial_types(trials, ["aborted"]).index.tolist() == [3, 5, 7, 9]
    assert helpers.reward_rate(trials).tolist() == [False, False, True, False]
    assert helpers.num_contingent_trials(trials) == 3
    assert helpers.response_bias(trials.assign(lick=[1, 0, 1, 1]), "lick") == pytest.approx(2 / 3)


def test_blinks_are_outliers_missing_areas_and_their_neighbors() -> None:
    areas = pd.DataFrame(
        {"eye": np.r_[np.ones(20), 50, np.linspace(1, 1.2, 20)], "pupil": np.r_[np.nan, np.linspace(1, 2, 40)]}
    )
    outliers = helpers.determine_outliers(areas, 3.0)
    assert np.flatnonzero(outliers).tolist() == [20]
    blinks = helpers.determine_likely_blinks(areas["eye"], areas["pupil"], outliers, 1)
    assert np.flatnonzero(blinks).tolist() == [0, 1, 19, 20, 21]
    table = pd.DataFrame(dict.fromkeys(helpers._AT_BLINKS, 1.0), index=range(41)).assign(
        likely_blink=blinks, cr_phi=1.0
    )
    helpers.filter_on_blinks(table)
    assert table["eye_area"].isna().tolist() == blinks.tolist()
    assert table["cr_phi"].notna().all()


def test_areas() -> None:
    row = pd.Series({"width": 2.0, "height": 3.0})
    assert helpers.compute_circular_area(row) == pytest.approx(9 * np.pi)
    assert helpers.compute_elliptical_area(row) == pytest.approx(6 * np.pi)


def test_events_are_smoothed_forward_in_time() -> None:
    filtered = helpers.filter_events_array(np.eye(3, 30), scale=2, n_time_steps=5)
    np.testing.assert_allclose(filtered.sum(axis=1), 1)
    assert np.flatnonzero(filtered[2]).tolist() == [2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="expected 2, cells x frames"):
        helpers.filter_events_array(np.zeros(3))
