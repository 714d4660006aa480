"""Maximum projection and outlines of an imaging plane."""

from __future__ import annotations

import pathlib
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.hostile import find_problem, hostile_values
from tests.imagingfiles import SIZE, make_plane, write_plane
from tests.plots import artists
from tests.plots.planes import EXPERIMENT, PLANE, as_experiment
from tests.plots.styles import SIZES, STYLES, check_visible
from visbehavior import BadValue, BehaviorOphysExperiment, BehaviorSession, MissingData, plot_plane
from visbehavior.plots.figure import new_figure
from visbehavior.plots.plane import outline_segments


def slow_outline(masks: np.ndarray) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the sides of pixels in each mask beyond which is no pixel of it."""
    sides = []
    for mask in masks:
        inside = {(int(x), int(y)) for y, x in np.argwhere(mask)}
        for x, y in inside:
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                if (x + dx, y + dy) not in inside:
                    middle = (x + dx / 2, y + dy / 2)
                    step = (abs(dy) / 2, abs(dx) / 2)
                    ends = ((middle[0] - step[0], middle[1] - step[1]), (middle[0] + step[0], middle[1] + step[1]))
                    sides.append(ends)
    return sorted(sides)


@given(arrays.arrays(np.bool_, st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 5))))
def test_outlines_are_the_sides_of_each_mask(masks: np.ndarray) -> None:
    drawn = sorted(tuple(map(tuple, segment)) for segment in outline_segments(masks).tolist())
    assert drawn == slow_outline(masks)


def test_image_and_outlines_are_drawn() -> None:
    ax = plot_plane(EXPERIMENT)
    np.testing.assert_array_equal(ax.images[0].get_array(), EXPERIMENT.max_projection)
    segments = artists.collection(ax, "ROIs").get_segments()
    np.testing.assert_array_equal(segments, outline_segments(PLANE.masks))
    # A pixel is centered on whole numbers, as in the image.
    assert ax.images[0].get_extent() == [-0.5, SIZE[1] - 0.5, SIZE[0] - 0.5, -0.5]
    assert ax.get_title() == "Imaging plane 990000001, mouse 457841, VISp, depth 175 µm,\n6 cells"


def test_axes_are_drawn_on_and_returned() -> None:
    _, ax = new_figure(3, 3)
    assert plot_plane(EXPERIMENT, ax) is ax


def test_file_is_drawn_without_invalid_cells(tmp_path: pathlib.Path) -> None:
    plane = make_plane()
    experiment = BehaviorOphysExperiment.from_nwb_path(write_plane(tmp_path / "plane.nwb", plane))
    ax = plot_plane(experiment)
    np.testing.assert_array_equal(ax.images[0].get_array(), experiment.max_projection.data)
    segments = artists.collection(ax, "ROIs").get_segments()
    np.testing.assert_array_equal(segments, outline_segments(plane.masks[plane.valid]))


def test_plane_without_cells_is_drawn() -> None:
    ax = plot_plane(as_experiment(cell_specimen_table=EXPERIMENT.cell_specimen_table.iloc[:0]))
    assert len(artists.collection(ax, "ROIs").get_segments()) == 0
    assert ax.get_title().endswith("0 cells")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", SIZES)
def test_text_is_visible_in_all_styles_and_sizes(style: str, size: tuple[float, float]) -> None:
    with matplotlib.style.context(style):
        figure, ax = new_figure(*size)
        plot_plane(EXPERIMENT, ax)
        check_visible(figure)


def test_grid_of_the_style_does_not_hide_the_image() -> None:
    with matplotlib.style.context("ggplot"):
        ax = plot_plane(EXPERIMENT)
    assert not any(line.get_visible() for line in (*ax.get_xgridlines(), *ax.get_ygridlines()))


def test_mask_of_another_size_raises() -> None:
    table = pd.DataFrame({"roi_mask": pd.Series([np.ones((2, 2), bool)], dtype=object)})
    with pytest.raises(BadValue, match=r"has the shape \(2, 2\); expected that of max_projection, \(24, 30\)"):
        plot_plane(as_experiment(cell_specimen_table=table))


def test_missing_masks_raise() -> None:
    with pytest.raises(MissingData, match="no column roi_mask"):
        plot_plane(as_experiment(cell_specimen_table=pd.DataFrame({"x": [1]})))


def test_session_without_imaging_raises(tmp_path: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(write_plane(tmp_path / "plane.nwb", make_plane()))
    with pytest.raises(BadValue, match=r"which has no max_projection; expected an imaging plane, as returned by"):
        plot_plane(session)


@pytest.mark.parametrize("name", ["max_projection", "cell_specimen_table", "metadata"])
def test_hostile_planes_are_reported_in_one_line(name: str, tmp_path: Any) -> None:
    values = hostile_values(tmp_path)
    values["masks"] = pd.DataFrame({"roi_mask": [None, "x"]})
    values["ragged masks"] = pd.DataFrame({"roi_mask": [[[1], [2, 3]]]})
    problems = {
        label: find_problem(lambda value=value: plot_plane(as_experiment(**{name: value})))
        for label, value in values.items()
    }
    assert not {label: problem for label, problem in problems.items() if problem}
