"""Traces and the heat map of an imaging plane, compared with the table of dF/F."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import find_problem, hostile_values
from tests.imagingfiles import make_plane, write_plane
from tests.plots import artists
from tests.plots.planes import EXPERIMENT, PLANE, as_experiment
from tests.plots.styles import SIZES, STYLES, check_visible
from visbehavior import BadValue, BehaviorOphysExperiment, VisBehaviorWarning, plot_population, plot_traces
from visbehavior.plots.figure import new_figure
from visbehavior.plots.traces import COLOR_PERCENTILES, MAX_CELLS, average_frames, cell_label
from visbehavior.schema.session import OMITTED

PLOTS = (plot_traces, plot_population)
RANGE = {"start": 20.0, "stop": 60.0}


def shown(start: float, stop: float) -> np.ndarray:
    return (PLANE.timestamps >= start) & (PLANE.timestamps <= stop)


@pytest.mark.parametrize("time_range", [{}, RANGE], ids=["all", "part"])
def test_traces_have_one_scale_and_a_line_each(time_range: dict[str, float]) -> None:
    ax = plot_traces(EXPERIMENT, **time_range)
    frames = shown(**time_range) if time_range else slice(None)
    heights = artists.ticks(ax.yaxis)
    scales = []
    for number, trace in EXPERIMENT.dff_traces["dff"].items():
        drawn = artists.line(ax, str(number))
        np.testing.assert_array_equal(drawn.get_xdata(), PLANE.timestamps[frames])
        scaled = drawn.get_ydata() - heights[str(number)]
        scales.append(np.median(trace[frames] / scaled))
        np.testing.assert_allclose(scaled * scales[0], trace[frames], atol=1e-9)
    assert np.ptp(scales) < 1e-9
    order = [heights[str(number)] for number in EXPERIMENT.dff_traces.index]
    assert order == sorted(order, reverse=True)


def test_bar_shows_the_scale() -> None:
    ax = plot_traces(EXPERIMENT, **RANGE)
    (text,) = [text for text in ax.texts if "dF/F" in text.get_text()]
    (bar,) = [line for line in ax.lines if line.get_linewidth() == 2]
    number = EXPERIMENT.dff_traces.index[0]
    drawn = artists.line(ax, str(number)).get_ydata()
    trace = EXPERIMENT.dff_traces["dff"].iloc[0][shown(**RANGE)]
    dff_per_unit = (trace[1] - trace[0]) / (drawn[1] - drawn[0])
    assert float(text.get_text().split()[0]) == pytest.approx(np.ptp(bar.get_ydata()) * dff_per_unit)


def test_events_of_the_task_are_drawn() -> None:
    ax = plot_traces(EXPERIMENT, **RANGE)
    licks = EXPERIMENT.licks["timestamps"]
    np.testing.assert_array_equal(artists.line(ax, "licks").get_xdata(), licks[licks.between(20, 60)])
    images = EXPERIMENT.stimulus_presentations
    inside = (images["end_time"] >= 20) & (images["start_time"] <= 60) & (images["image_name"] != OMITTED)
    np.testing.assert_array_equal(artists.spans(ax, "images")[:, :, 0].min(axis=1), images.loc[inside, "start_time"])
    assert {"change", "hit"} & set(artists.legend(ax))
    assert ax.get_xlim() == (20, 60)


def test_named_cells_are_drawn() -> None:
    ids = PLANE.specimen_ids[[3, 1]]
    ax = plot_traces(EXPERIMENT, ids, **RANGE)
    assert {str(number) for number in ids} == set(artists.ticks(ax.yaxis)) - {"licks", "rewards", "trials"}
    one = plot_traces(EXPERIMENT, int(ids[0]), **RANGE)
    assert str(ids[0]) in artists.lines(one)
    assert str(ids[1]) not in artists.lines(one)


def test_first_cells_are_drawn_by_default() -> None:
    table = pd.concat([EXPERIMENT.dff_traces] * 3)
    table.index = pd.Index(np.arange(len(table)) + 500, name="cell_specimen_id")
    experiment = as_experiment(dff_traces=table)
    ax = plot_traces(experiment, **RANGE)
    cells = [label for label in artists.lines(ax) if label.isdecimal()]
    assert sorted(cells) == [str(number + 500) for number in range(MAX_CELLS)]
    small = new_figure(4, 2.5)[1]
    plot_traces(experiment, ax=small, **RANGE)
    assert 1 <= len([label for label in artists.lines(small) if label.isdecimal()]) < MAX_CELLS


def test_missing_cells_give_a_warning() -> None:
    with pytest.warns(VisBehaviorWarning, match="1 of 2 cells are not in this imaging plane, such as 5"):
        plot_traces(EXPERIMENT, [PLANE.specimen_ids[0], 5], **RANGE)
    with pytest.raises(BadValue, match="There is no cell 5 in this imaging plane"):
        plot_traces(EXPERIMENT, [5])


def test_empty_list_of_cells_raises() -> None:
    with pytest.raises(BadValue, match="cell_specimen_ids is empty; expected at least one id, or None"):
        plot_traces(EXPERIMENT, [])


def test_cell_without_an_id_is_drawn() -> None:
    index = pd.Index([None, *PLANE.specimen_ids[1:]], dtype=object, name="cell_specimen_id")
    ax = plot_traces(as_experiment(dff_traces=EXPERIMENT.dff_traces.set_axis(index)), **RANGE)
    assert "no id" in artists.ticks(ax.yaxis)
    assert cell_label(1086557092.0) == "1086557092"


@pytest.mark.parametrize("plot", PLOTS)
def test_missing_values_are_gaps(plot: Callable[..., Any]) -> None:
    table = EXPERIMENT.dff_traces.copy()
    table["dff"] = pd.Series([np.full(len(PLANE.timestamps), np.nan)] * len(table), dtype=object).values
    plot(as_experiment(dff_traces=table)).figure.draw_without_rendering()


def test_heat_map_has_the_frames_of_each_cell() -> None:
    ax = plot_population(EXPERIMENT, start=20, stop=40)
    (mesh,) = ax.collections
    frames = shown(20, 40)
    expected = np.array(EXPERIMENT.dff_traces["dff"].tolist())[:, frames]
    np.testing.assert_array_equal(mesh.get_array(), expected)
    times = mesh.get_coordinates()[0, :, 0]
    np.testing.assert_array_equal(times[:-1], PLANE.timestamps[frames])
    assert mesh.get_clim() == pytest.approx(tuple(np.percentile(expected, COLOR_PERCENTILES)))
    assert ax.get_ylim() == (5.5, -0.5)
    assert ax.get_xlim() == (20, 40)


def test_changes_are_ticks_above_the_heat_map() -> None:
    ax = plot_population(EXPERIMENT, start=20, stop=40)
    table = EXPERIMENT.stimulus_presentations
    changes = table.loc[table["is_change"] & (table["end_time"] >= 20) & (table["start_time"] <= 40), "start_time"]
    assert len(changes)
    np.testing.assert_array_equal(ax.child_axes[0].get_xticks(), changes)


def test_long_recordings_are_averaged() -> None:
    (mesh,) = plot_population(EXPERIMENT).collections
    dff = np.array(EXPERIMENT.dff_traces["dff"].tolist())
    assert mesh.get_array().shape == (6, 834)
    np.testing.assert_allclose(mesh.get_array()[:, 1], dff[:, 3:6].mean(axis=1))


@given(
    st.lists(st.lists(st.floats(-5, 5) | st.just(np.nan), min_size=4, max_size=4), min_size=1, max_size=20),
    st.integers(1, 8),
)
def test_averages_equal_the_reference(columns: list[list[float]], most: int) -> None:
    traces, times = np.array(columns).T, np.arange(len(columns)) * 0.1
    edges, means = average_frames(times, traces, most)
    size = -(-len(columns) // most)
    groups = [range(first, min(first + size, len(columns))) for first in range(0, len(columns), size)]
    assert len(groups) <= most
    assert edges[:-1].tolist() == [times[group[0]] for group in groups]
    assert edges[-1] > times[-1]
    for cell in range(4):
        for group, mean in zip(groups, means[cell].tolist(), strict=True):
            finite = [columns[frame][cell] for frame in group if columns[frame][cell] == columns[frame][cell]]
            assert mean == pytest.approx(sum(finite) / len(finite) if finite else np.nan, nan_ok=True)


@pytest.mark.parametrize("plot", PLOTS)
def test_file_is_drawn(plot: Callable[..., Any], tmp_path: pathlib.Path) -> None:
    experiment = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "plane.nwb", make_plane()))
    ax = plot(experiment)
    assert ax.get_xlim() == pytest.approx((experiment.ophys_timestamps[0], experiment.ophys_timestamps[-1]))
    assert ax.get_title().startswith("Imaging plane 990000001, mouse 457841, VISp, depth 17")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("plot", PLOTS)
def test_text_is_visible_in_all_styles_and_sizes(
    style: str, size: tuple[float, float], plot: Callable[..., Any]
) -> None:
    with matplotlib.style.context(style):
        figure, ax = new_figure(*size)
        assert plot(EXPERIMENT, ax=ax, **RANGE) is ax
        check_visible(figure)


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"dff_traces": EXPERIMENT.dff_traces.iloc[:0]}, "has no valid cell, so there is no dF/F to plot"),
        ({"ophys_timestamps": PLANE.timestamps[:-1]}, r"has the shape \(2500,\); expected \(2499,\)"),
        ({"ophys_timestamps": PLANE.timestamps[:0]}, "expected an array with the time of each frame"),
        ({"dff_traces": pd.DataFrame({"x": [1]})}, "expected a DataFrame with a column dff"),
    ],
)
def test_bad_planes_are_explained(plot: Callable[..., Any], attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        plot(as_experiment(**attributes))


@pytest.mark.parametrize("plot", PLOTS)
def test_time_range_without_frames_raises(plot: Callable[..., Any]) -> None:
    with pytest.raises(BadValue, match="is outside the session"):
        plot(EXPERIMENT, start=5000, stop=5001)
    between = PLANE.timestamps[[500, 501]].mean()
    experiment = as_experiment(ophys_timestamps=PLANE.timestamps - between + 20.0011)
    with pytest.raises(BadValue, match=r"There is no frame from 20\.001"):
        plot(experiment, start=20.001, stop=20.0012)


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("name", ["dff_traces", "ophys_timestamps", "licks"])
def test_hostile_planes_are_reported_in_one_line(plot: Callable[..., Any], name: str, tmp_path: Any) -> None:
    values = hostile_values(tmp_path)
    values["traces"] = pd.DataFrame({"dff": [None, "x"]})
    values["ragged traces"] = pd.DataFrame({"dff": [[[1], [2, 3]]]})
    values["times"] = np.full(len(PLANE.timestamps), np.nan)
    values["falling times"] = PLANE.timestamps[::-1].copy()
    problems = {
        label: find_problem(lambda value=value: plot(as_experiment(**{name: value}), **RANGE))
        for label, value in values.items()
    }
    assert not {label: problem for label, problem in problems.items() if problem}
