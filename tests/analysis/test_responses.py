"""Mean responses, p values, selectivity and modulation: comparison with slow references, and planted responses."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from visbehavior import (
    BadValue,
    compute_confidence_band,
    compute_event_triggered,
    compute_image_selectivity,
    compute_mean_response,
    compute_modulation,
    compute_response_p_values,
)

RATE = 10.0
VALUES = st.sampled_from([0.0, 0.5, 1.0, 4.0, math.nan])


def mean_of(values):
    kept = [value for value in values if not math.isnan(value)]
    return statistics.fmean(kept) if kept else math.nan


def aligned(values, start=-1.0):
    """Return aligned values whose times are multiples of 0.1 s, around one event per row."""
    response = compute_event_triggered(
        np.arange(100) / RATE, np.zeros((100, values.shape[2])), np.full(len(values), 5.0), (start, 1.0)
    )
    return response.copy(data=values)


@settings(deadline=None, max_examples=30)
@given(values=arrays(float, (2, 21, 3), elements=VALUES), duration=st.sampled_from([0.2, 0.5, 0.75]))
def test_means_equal_the_reference(values, duration) -> None:
    response = aligned(values)
    table = compute_mean_response(response, duration)
    time = response["time"].to_numpy().tolist()
    for row in table.itertuples():
        trace = list(zip(time, values[row.event, :, row.cell].tolist(), strict=True))
        after = mean_of([value for moment, value in trace if 0 <= moment <= duration])
        before = mean_of([value for moment, value in trace if -duration <= moment <= 0])
        np.testing.assert_allclose([row.mean_response, row.baseline_response], [after, before])
    assert table[["event", "cell"]].to_numpy().tolist() == [[event, cell] for event in range(2) for cell in range(3)]


def test_one_trace_has_no_column_of_cells() -> None:
    response = aligned(np.ones((2, 21, 1)))[:, :, 0]
    assert list(compute_mean_response(response)) == ["event", "mean_response", "baseline_response"]


def slow_p_values(times, traces, responses, first_flash, window, draws, seed):
    distance_to_start = [abs(time - (first_flash - 240)) for time in times]
    distance_to_flash = [abs(time - first_flash) for time in times]
    first, stop = (distances.index(min(distances)) for distances in (distance_to_start, distance_to_flash))
    frames = np.random.RandomState(seed).choice(list(range(first, stop)), draws)
    p_values = []
    for response in responses:
        row = []
        for cell, value in enumerate(response):
            null = [statistics.fmean(traces[frame : frame + window, cell]) for frame in frames]
            row.append(1 - sum(mean < value for mean in null) / draws)
        p_values.append(row)
    return p_values


def test_p_values_equal_the_reference() -> None:
    generator = np.random.default_rng(1)
    times = np.arange(400) / RATE
    traces = generator.normal(size=(400, 2))
    responses = generator.normal(size=(5, 2)) / 2
    found = compute_response_p_values(times, traces, responses, 20.0, duration=0.46, draws=300, seed=3)
    np.testing.assert_allclose(found, slow_p_values(times, traces, responses, 20.0, 5, 300, 3))


def test_p_value_of_equal_means_counts_them() -> None:
    times = np.arange(400) / RATE
    found = compute_response_p_values(times, np.zeros((400, 1)), [[0.0], [1.0], [math.nan]], 20.0)
    np.testing.assert_array_equal(found, [[1.0], [0.0], [math.nan]])


def test_p_value_is_missing_without_gray_before_the_task() -> None:
    times = np.arange(50) / RATE
    assert np.isnan(compute_response_p_values(times, np.ones((50, 1)), [[1.0]], 0.0)).all()
    assert np.isnan(compute_response_p_values(times[:1], np.ones((1, 1)), [[1.0]], 20.0)).all()


def test_response_cell_is_significant_and_another_is_not() -> None:
    """A response of three standard deviations is planted in one cell."""
    generator = np.random.default_rng(0)
    times = np.arange(6000) / RATE
    traces = generator.normal(size=(6000, 2))
    events = np.arange(300.0, 590.0, 3.0)
    for event in events:
        at = round(event * RATE)
        traces[at : at + 6, 0] += 3
    response = compute_event_triggered(times, traces, events, (-0.5, 0.75))
    means = compute_mean_response(response)["mean_response"].to_numpy().reshape(len(events), 2)
    assert means[:, 0].mean() == pytest.approx(3, abs=0.2)
    assert abs(means[:, 1].mean()) < 0.2
    p_values = compute_response_p_values(times, traces, means, 299.0)
    assert (p_values[:, 0] < 0.05).mean() > 0.95
    assert (p_values[:, 1] < 0.05).mean() < 0.2


def slow_selectivity(responses, names):
    by_image = {
        name: mean_of([r for r, n in zip(responses, names, strict=True) if n == name]) for name in sorted(set(names))
    }
    known = {name: mean for name, mean in by_image.items() if not math.isnan(mean)}
    if not known:
        return None, math.nan, math.nan
    best = max(known, key=known.get)
    preferred = by_image[best]
    others = mean_of([r for r, n in zip(responses, names, strict=True) if n != best])
    total = preferred + others
    selectivity = (preferred - others) / total if total else math.nan
    means, count = list(by_image.values()), len(by_image)
    squares = count * sum(mean**2 for mean in means)
    if count < 2 or not squares > 0:
        return best, selectivity, math.nan
    return best, selectivity, (1 - sum(means) ** 2 / squares) / (1 - 1 / count)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.tuples(VALUES, st.sampled_from("abc")), min_size=1, max_size=12))
def test_selectivity_equals_the_reference(rows) -> None:
    responses, names = [value for value, _ in rows], [name for _, name in rows]
    found = compute_image_selectivity(np.array(responses)[:, None], names).iloc[0]
    best, selectivity, sparseness = slow_selectivity(responses, names)
    assert found["preferred_image"] == best
    np.testing.assert_allclose(
        [found["selectivity"], found["lifetime_sparseness"]], [selectivity, sparseness], atol=1e-12
    )


def test_cell_that_responds_to_one_image_is_fully_selective() -> None:
    found = compute_image_selectivity([[2.0, 1.0], [0.0, 1.0], [0.0, 1.0]], ["a", "b", "c"])
    assert found["selectivity"].tolist() == [1.0, 0.0]
    assert found["lifetime_sparseness"].tolist() == [1.0, 0.0]


def test_planted_modulation_is_in_its_interval() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(3, 1, size=(400, 1)), generator.normal(1, 1, size=(300, 1))
    row = compute_modulation(first, second).iloc[0]
    assert row["lower"] < 0.5 < row["upper"]
    assert row["modulation"] == pytest.approx((first.mean() - second.mean()) / (first.mean() + second.mean()))
    assert compute_modulation(first, second).equals(compute_modulation(first, second))


def test_modulation_without_events_is_missing() -> None:
    assert compute_modulation(np.empty((0, 2)), np.ones((3, 2))).isna().all(axis=None)


def test_band_covers_the_mean_of_many_experiments() -> None:
    """The 90 % band contains the true mean in about 90 % of experiments."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(40, 21, 200))
    band = compute_confidence_band(aligned(values), draws=200, level=0.9)
    lower, upper = band.sel(statistic="lower"), band.sel(statistic="upper")
    assert float(((lower < 0) & (upper > 0)).mean()) == pytest.approx(0.88, abs=0.04)
    np.testing.assert_allclose(band.sel(statistic="mean"), values.mean(axis=0))
    assert band.dims == ("statistic", "time", "cell")


def test_band_of_no_events_is_missing() -> None:
    assert np.isnan(compute_confidence_band(aligned(np.empty((0, 21, 2))))).all()


def test_unusable_arguments_raise() -> None:
    with pytest.raises(BadValue, match="DataArray of compute_event_triggered"):
        compute_mean_response(np.zeros((2, 3)))
    with pytest.raises(BadValue, match="one name per event"):
        compute_image_selectivity([[1.0]], ["a", "b"])
    with pytest.raises(BadValue, match="same cells"):
        compute_modulation([[1.0]], [[1.0, 2.0]])
    with pytest.raises(BadValue, match="frames x cells"):
        compute_response_p_values([0.0, 1.0], [[1.0], [2.0]], [[1.0, 2.0]], 0.5)
