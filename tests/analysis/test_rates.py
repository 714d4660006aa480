"""Rates and d': comparison with the slow reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from visbehavior.analysis.rates import compute_dprime, compute_rolling_rate, correct_for_trial_count, fraction

RATES = st.sampled_from([0.0, 0.005, 0.01, 0.5, 0.99, 1.0, math.nan])
COUNTS = st.integers(0, 300)


@given(st.lists(st.tuples(RATES, RATES), min_size=1))
def test_dprime_equals_the_reference(rates: list[tuple[float, float]]) -> None:
    hit_rate, false_alarm_rate = np.array(rates).T
    dprime = compute_dprime(hit_rate, false_alarm_rate)
    np.testing.assert_allclose(dprime, [reference.dprime(*pair) for pair in rates], rtol=1e-12)


@given(COUNTS, COUNTS)
def test_rates_equal_the_reference(part: int, total: int) -> None:
    rate = fraction(np.array([part]), np.array([total]))
    assert rate.item() == pytest.approx(reference.divide(part, total), nan_ok=True)
    corrected = correct_for_trial_count(rate, np.array([total])).item()
    assert corrected == pytest.approx(reference.correct_for_trial_count(rate.item(), total), nan_ok=True)


def test_rolling_rate_covers_the_last_100_trials() -> None:
    response = np.arange(150) < 50
    rate, corrected = compute_rolling_rate(response, ~response)
    assert rate[[0, 49, 99, 100, 148, 149]].tolist() == [1.0, 1.0, 0.5, 0.49, 0.01, 0.0]
    assert corrected[[0, 49, 149]].tolist() == [0.5, 0.99, 0.005]


def test_trial_with_both_outcomes_counts_as_no_response() -> None:
    rate, _ = compute_rolling_rate(np.array([True, True]), np.array([True, False]))
    assert rate.tolist() == [0.0, 0.5]
