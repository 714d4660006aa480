"""Pupil size over blinks and relative to the gray period: comparison with pandas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from visbehavior.analysis.pupil import interpolate_blinks, normalize_to_gray
from visbehavior.analysis.spontaneous import find_spontaneous


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 5.0, math.nan]), st.booleans()), max_size=20))
def test_blinks_are_interpolated_by_row(frames) -> None:
    values = np.array([value for value, _ in frames], dtype=float)
    blink = np.array([is_blink for _, is_blink in frames], dtype=bool)
    expected = pd.Series(np.where(blink, np.nan, values), dtype=float).interpolate()
    np.testing.assert_allclose(interpolate_blinks(values, blink), expected)


def test_gray_period_ends_before_the_first_flash() -> None:
    times = np.arange(0, 400, 0.5)
    gray = find_spontaneous(times, 300.2)
    assert (times[gray][0], times[gray][-1]) == (60.0, 299.5)
    assert find_spontaneous(times, 10.0) == slice(0, 20)
    assert find_spontaneous(times[:0], 10.0) == slice(0, 0)


def test_values_are_relative_to_the_mean_of_the_gray_period() -> None:
    times = np.arange(400.0)
    values = np.where(times < 300, 2.0, 3.0)
    values[100] = math.nan
    np.testing.assert_array_equal(normalize_to_gray(times, values, 300.0)[[0, 100, 350]], [1.0, math.nan, 1.5])
    assert np.isnan(normalize_to_gray(times, values, 0.0)).all()
