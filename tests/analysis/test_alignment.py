"""Alignment to events: comparison with a slow reference, and unusual recordings and events."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visbehavior import BadValue, compute_event_triggered

TIMES = np.arange(10.0)


def slow_interpolation(times, values, event, window, rate):
    """Interpolate as the published function: from the samples in the window only; NaN outside the recording."""
    start, end = window
    inside = [(t, v) for t, v in zip(times, values, strict=True) if event + start <= t <= event + end]
    steps = (end - start) / (1 / rate)
    wanted = [event + start + number / rate for number in range(int(steps) + 1)]
    if not inside:
        return [math.nan] * len(wanted)
    inside_times, inside_values = zip(*inside, strict=True)
    return [
        float(np.interp(time, inside_times, inside_values)) if times[0] <= time <= times[-1] else math.nan
        for time in wanted
    ]


def slow_nearest(times, values, event, window):
    """Return the sample nearest to the event, the later in a tie, and its neighbors; NaN outside the recording."""
    rate = 1 / np.mean(np.diff(times))
    first = int(window[0] * rate)
    last = int(first + (window[1] - window[0]) * rate)
    distances = [abs(time - event) for time in times]
    center = max(row for row, distance in enumerate(distances) if distance == min(distances))
    rows = [center + offset for offset in range(first, last + 1)]
    return [values[row] if 0 <= row < len(values) else math.nan for row in rows]


# Irregular times at multiples of 1/8 s, so that sums are exact and events fall on samples and between them.
RECORDINGS = st.lists(st.integers(1, 6), min_size=3, max_size=40).map(lambda steps: np.cumsum(steps) / 8)


@settings(deadline=None, max_examples=100)
@given(
    times=RECORDINGS,
    events=st.lists(st.integers(-20, 200), max_size=6),
    start=st.integers(-16, 8),
    length=st.integers(1, 30),
    rate=st.sampled_from([4.0, 8.0, 16.0]),
)
def test_interpolation_equals_the_reference(times, events, start, length, rate) -> None:
    values = np.sin(times * 7) + times
    event_times, window = np.array(events) / 8, (start / 8, (start + length) / 8)
    response = compute_event_triggered(times, values, event_times, window, sampling_rate=rate)
    expected = [slow_interpolation(times, values, event, window, rate) for event in event_times]
    np.testing.assert_allclose(response.to_numpy(), np.array(expected).reshape(response.shape))
    np.testing.assert_allclose(response["time"], window[0] + np.arange(response.sizes["time"]) / rate)


@settings(deadline=None, max_examples=100)
@given(
    count=st.integers(2, 40),
    events=st.lists(st.integers(0, 80), max_size=6),
    start=st.integers(-20, 8),
    length=st.integers(1, 30),
)
def test_nearest_equals_the_reference(count, events, start, length) -> None:
    times = np.arange(count) / 8
    values = np.arange(count, dtype=float)
    # Events in the recording, at samples and halfway between two.
    event_times = np.array([event / 16 for event in events if event / 16 <= times[-1]])
    window = start / 8, (start + length) / 8
    response = compute_event_triggered(times, values, event_times, window, method="nearest")
    expected = [slow_nearest(times, values, event, window) for event in event_times]
    np.testing.assert_array_equal(response.to_numpy(), np.array(expected).reshape(response.shape))


def test_values_are_held_outside_the_samples_of_the_window() -> None:
    response = compute_event_triggered(TIMES, TIMES, [4.3], (-1, 1))
    np.testing.assert_allclose(response.to_numpy(), [[4.0, 4.3, 5.0]])


def test_cells_are_aligned_as_each_alone() -> None:
    traces = np.random.default_rng(0).normal(size=(10, 3))
    events = [2.2, 5.0, 8.9, 100.0]
    for method in ("interpolate", "nearest"):
        together = compute_event_triggered(TIMES, traces, events, (-1, 2), method=method)
        assert together.dims == ("event", "time", "cell")
        for cell in range(3):
            alone = compute_event_triggered(TIMES, traces[:, cell], events, (-1, 2), method=method)
            np.testing.assert_array_equal(together[:, :, cell], alone)
    one_cell = compute_event_triggered(TIMES, traces[:, :1], events, (-1, 2))
    assert one_cell.shape == (4, 4, 1)


def test_every_event_has_a_row_and_a_problem_says_why_values_are_missing() -> None:
    times = np.concatenate([TIMES, TIMES + 100])
    events = [5.0, 0.0, 50.0, 500.0, math.nan, 109.0]
    response = compute_event_triggered(times, times, events, (-1, 1), sampling_rate=1)
    assert response["problem"].to_numpy().tolist() == [
        "",
        "partly outside the recording",
        "no sample in the window",
        "outside the recording",
        "no event time",
        "partly outside the recording",
    ]
    assert response.attrs["problems"] == {
        "partly outside the recording": 2,
        "no sample in the window": 1,
        "outside the recording": 1,
        "no event time": 1,
    }
    assert np.isnan(response[2:5]).all()
    assert response[1].to_numpy().tolist()[1:] == [0, 1]


def test_labels_of_events_and_cells_are_kept() -> None:
    traces = pd.DataFrame(np.zeros((10, 2)), columns=[70, 71])
    events = pd.Series([3.0, 2.0], index=[12, 15])
    response = compute_event_triggered(TIMES, traces, events, (-1, 1))
    assert response["event"].to_numpy().tolist() == [12, 15]
    assert response["event_time"].to_numpy().tolist() == [3.0, 2.0]
    assert response["cell"].to_numpy().tolist() == [70, 71]


def test_no_events_give_no_rows() -> None:
    for method in ("interpolate", "nearest"):
        response = compute_event_triggered(TIMES, TIMES, [], (-1, 1), method=method)
        assert response.shape == (0, 3)
        assert response.attrs["problems"] == {}


def test_window_longer_than_the_recording_is_nan_outside() -> None:
    response = compute_event_triggered(TIMES, TIMES, [4.0], (-20, 20))
    assert np.isfinite(response).sum() == 10
    assert response.shape == (1, 41)


def test_nan_makes_interpolated_neighbors_nan_only() -> None:
    values = TIMES.copy()
    values[4] = math.nan
    response = compute_event_triggered(TIMES, values, [4.0], (-2, 2), sampling_rate=2)
    assert np.isnan(response.to_numpy()).tolist() == [[False, False, False, True, True, True, False, False, False]]


def test_baseline_is_subtracted_for_each_event() -> None:
    values = np.where(TIMES < 5, 1.0, 3.0)
    response = compute_event_triggered(TIMES, values, [5.0], (-2, 2), baseline=(-2, -1))
    assert response.to_numpy().tolist() == [[0, 0, 2, 2, 2]]


def test_float32_stays_float32() -> None:
    response = compute_event_triggered(TIMES, TIMES.astype(np.float32), [4.3], (-1, 1))
    assert response.dtype == np.float32


def test_published_length_of_a_window_that_is_no_multiple_of_the_step() -> None:
    response = compute_event_triggered(np.arange(0, 100, 0.1), np.zeros(1000), [50.0], (-2, 2.1), sampling_rate=30)
    assert response.sizes["time"] == 123
    assert float(response["time"][-1]) == pytest.approx(2.0667, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": TIMES[::-1]}, "do not increase"),
        ({"times": np.zeros(10)}, "do not increase"),
        ({"times": np.where(TIMES == 5, math.nan, TIMES)}, "do not increase"),
        ({"values": TIMES[:-1]}, "one time per value"),
        ({"times": [], "values": []}, "no samples"),
        ({"times": [1.0], "values": [1.0]}, "pass sampling_rate"),
        ({"window": (1, -1)}, "two increasing numbers"),
        ({"window": (0, 1e300)}, "Pass a shorter window"),
        ({"method": "linear"}, "expected one of interpolate, nearest"),
        ({"method": "nearest", "sampling_rate": 5.0}, "cannot be used with method='nearest'"),
        ({"baseline": (0, 0)}, "baseline is"),
        ({"event_times": [[1.0]]}, "event_times has 2 dimensions"),
    ],
)
def test_unusable_arguments_raise(arguments: dict, message: str) -> None:
    valid = {"times": TIMES, "values": TIMES, "event_times": [3.0], "window": (-1, 1)}
    with pytest.raises(BadValue, match=message):
        compute_event_triggered(**(valid | arguments))
