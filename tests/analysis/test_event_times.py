"""Counts of events in windows: comparison with slow references."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from visbehavior.analysis.event_times import (
    count_after_until,
    count_between,
    count_from_to,
    mean_in_windows,
    rows_from_last,
    time_from_last,
)

# Small whole numbers, so that events fall on the ends of windows.
TIMES = st.lists(st.integers(0, 20), max_size=20).map(lambda ticks: np.array(sorted(ticks), dtype=float))
WINDOWS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=10)

RULES = {
    count_after_until: lambda start, time, stop: start < time <= stop,
    count_between: lambda start, time, stop: start < time < stop,
    count_from_to: lambda start, time, stop: start <= time <= stop,
}


@settings(deadline=None)
@given(times=TIMES, windows=WINDOWS)
def test_counts_equal_the_reference(times, windows) -> None:
    start = np.array([first for first, _ in windows], dtype=float)
    stop = start + np.array([length for _, length in windows], dtype=float)
    for function, is_inside in RULES.items():
        count, first = function(times, start, stop)
        inside = [[t for t in times if is_inside(a, t, b)] for a, b in zip(start, stop, strict=True)]
        assert count.tolist() == list(map(len, inside))
        np.testing.assert_array_equal(first, [events[0] if events else math.nan for events in inside])


@settings(deadline=None)
@given(times=TIMES, now=TIMES)
def test_time_from_last_counts_an_event_now_or_not(times, now) -> None:
    at_or_before = [max((t for t in times if t <= moment), default=math.nan) for moment in now]
    before = [max((t for t in times if t < moment), default=math.nan) for moment in now]
    np.testing.assert_array_equal(time_from_last(times, now), now - np.array(at_or_before))
    np.testing.assert_array_equal(time_from_last(times, now, "left"), now - np.array(before))


@settings(deadline=None)
@given(values=st.lists(st.sampled_from([0.0, 1.0, 2.5, math.nan]), max_size=20), windows=WINDOWS)
def test_means_equal_the_reference_and_nan_spreads(values, windows) -> None:
    times = np.arange(len(values), dtype=float)
    start = np.array([first for first, _ in windows], dtype=float)
    stop = start + np.array([length for _, length in windows], dtype=float)
    expected = []
    for first, end in zip(start, stop, strict=True):
        inside = [value for time, value in zip(times, values, strict=True) if first <= time < end]
        expected.append(sum(inside) / len(inside) if inside else math.nan)
    np.testing.assert_allclose(mean_in_windows(times, np.array(values, dtype=float), start, stop), expected)


def test_rows_from_last_is_missing_before_the_first() -> None:
    flags = np.array([False, True, False, False, True])
    assert rows_from_last(flags).tolist() == [-1, 0, 1, 2, 0]
    assert rows_from_last(flags[:0]).tolist() == []
