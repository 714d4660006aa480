"""Rows of the overview of a session, compared with the tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plots import artists
from tests.synthetic_session import as_session, make_session
from visbehavior import compute_rolling_performance, plot_timeline
from visbehavior.plots.overview import FREE_REWARD, ROWS, bin_edges, bin_means, count_per_minute
from visbehavior.plots.tables import OUTCOME_COLUMNS
from visbehavior.settings import ENGAGED_REWARD_RATE

SESSION = as_session(make_session(seed=3, trials=120))
ROLLING = compute_rolling_performance(SESSION.trials)
TIME = SESSION.trials["start_time"].to_numpy()


@pytest.fixture(scope="module")
def overview() -> Any:
    return plot_timeline(SESSION)


def stairs(row: Any) -> Any:
    """Return the values and the edges of the outline of a row."""
    data = next(patch for patch in row.patches if not patch.get_fill()).get_data()
    return data.values, data.edges


def test_rows_share_the_time_axis(overview: Any) -> None:
    assert tuple(row.get_ylabel() for row in overview.child_axes) == ROWS
    tops = [row.get_position().y1 for row in overview.child_axes]
    assert tops == sorted(tops, reverse=True)
    assert {row.get_xlim() for row in overview.child_axes} == {overview.get_xlim()}


def test_licks_and_rewards_are_counted_per_minute(overview: Any) -> None:
    for row, table in ((overview.child_axes[1], SESSION.licks), (overview.child_axes[2], SESSION.rewards)):
        values, edges = stairs(row)
        assert (values * np.diff(edges) / 60).sum() == pytest.approx(len(table))
        inside = (table["timestamps"] >= edges[3]) & (table["timestamps"] < edges[4])
        assert values[3] == pytest.approx(inside.sum() / (edges[4] - edges[3]) * 60)


def test_running_speed_is_the_mean_of_each_bin(overview: Any) -> None:
    values, edges = stairs(overview.child_axes[0])
    running = SESSION.running_speed
    inside = (running["timestamps"] >= edges[5]) & (running["timestamps"] < edges[6])
    assert values[5] == pytest.approx(running.loc[inside, "speed"].mean())


def test_rolling_rates_are_allensdks(overview: Any) -> None:
    reward_rate = artists.line(overview.child_axes[2], "reward rate")
    np.testing.assert_array_equal(reward_rate.get_xdata(), TIME)
    np.testing.assert_array_equal(reward_rate.get_ydata(), ROLLING["reward_rate"])
    for label, column in (("hit rate", "hit_rate"), ("false-alarm rate", "false_alarm_rate")):
        drawn, known = artists.line(overview.child_axes[3], label), ROLLING[column].notna()
        np.testing.assert_array_equal(drawn.get_xdata(), TIME[known])
        np.testing.assert_array_equal(drawn.get_ydata(), ROLLING[column][known])


def test_engaged_times_are_shaded(overview: Any) -> None:
    engaged = (ROLLING["reward_rate"] > ENGAGED_REWARD_RATE).to_numpy()
    paths = artists.collection(overview, "engaged").get_paths()
    shaded = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in paths]
    middles = (TIME[1:] + TIME[:-1]) / 2
    for middle, expected in zip(middles, engaged[:-1], strict=True):
        assert any(first < middle < last for first, last in shaded) == expected
    assert 0 < engaged.sum() < len(engaged)


def test_trials_have_a_line_for_each_outcome(overview: Any) -> None:
    row = overview.child_axes[4]
    heights = artists.ticks(row.yaxis)
    for outcome, column in OUTCOME_COLUMNS.items():
        drawn = artists.line(row, outcome)
        np.testing.assert_array_equal(drawn.get_xdata(), SESSION.trials.loc[SESSION.trials[column], "change_time"])
        assert set(drawn.get_ydata()) == {heights[outcome]}
    free = artists.line(row, FREE_REWARD)
    rewards = SESSION.rewards
    np.testing.assert_array_equal(free.get_xdata(), rewards.loc[rewards["auto_rewarded"], "timestamps"])
    assert set(free.get_ydata()) == {heights[FREE_REWARD]}
    assert len(set(heights.values())) == 5


def test_legend_explains_lines_and_shading(overview: Any) -> None:
    assert artists.legend(overview) == ["reward rate", "engaged", "hit rate", "false-alarm rate"]


def test_rolling_rates_of_a_part_depend_on_earlier_trials(overview: Any) -> None:
    part = plot_timeline(SESSION, start=100, stop=500)
    for index, label in ((2, "reward rate"), (3, "hit rate")):
        drawn, complete = (artists.line(ax.child_axes[index], label) for ax in (part, overview))
        np.testing.assert_array_equal(drawn.get_xydata(), complete.get_xydata())
    assert part.get_xlim() == (100, 500)


def test_without_trials_there_are_three_rows() -> None:
    tables = (SESSION.running_speed, SESSION.licks, SESSION.rewards, SESSION.stimulus_presentations)
    ax = plot_timeline(*tables)
    assert tuple(row.get_ylabel() for row in ax.child_axes) == ROWS[:3]
    assert artists.legend(ax) == []


def test_passive_session_is_drawn() -> None:
    ax = plot_timeline(as_session(make_session(seed=3, trials=90, passive=True)))
    values, _ = stairs(ax.child_axes[1])
    assert not values.any()
    assert "engaged" not in artists.legend(ax)


@pytest.mark.parametrize(("duration", "width"), [(301, 5), (600, 10), (3600, 60), (4500, 60), (1e6, 1e6 / 90)])
def test_bins_have_a_round_width(duration: float, width: float) -> None:
    edges = bin_edges(20, 20 + duration)
    assert (edges[0], edges[-1]) == (20, 20 + duration)
    assert edges[1] - edges[0] == pytest.approx(width)
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= 92


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(-10, 10) | st.just(np.nan)), max_size=30), st.floats(100.5, 2000)
)
def test_bins_equal_the_reference(samples: list[tuple[float, float]], stop: float) -> None:
    edges = bin_edges(0, stop)
    times, values = np.array([time for time, _ in samples]), np.array([value for _, value in samples])
    counts, means = count_per_minute(times, edges), bin_means(times, values, edges)
    for i, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        inside = [value for time, value in samples if low <= time < high]
        assert counts[i] == pytest.approx(len(inside) * 60 / (high - low))
        finite = [value for value in inside if value == value]
        assert means[i] == pytest.approx(sum(finite) / len(finite) if finite else np.nan, nan_ok=True)
