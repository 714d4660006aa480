"""Artists of plots of responses, compared with the data."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
import pytest

from visbehavior import (
    BadValue,
    compute_confidence_band,
    compute_event_triggered,
    plot_lick_raster,
    plot_response_matrix,
    plot_triggered,
)
from visbehavior.plots.figure import new_figure

TIMES = np.arange(0, 100, 0.1)
VALUES = np.sin(TIMES)
FIRST = compute_event_triggered(TIMES, VALUES, [10.0, 20.0, 35.0], (-1, 2))
SECOND = compute_event_triggered(TIMES, VALUES, [12.0, 50.0], (-1, 2))


@pytest.fixture
def ax():
    return new_figure(6, 4)[1]


def test_mean_and_band_of_each_condition_are_drawn(ax) -> None:
    assert plot_triggered({"hits": FIRST, "misses": SECOND}, ax, ylabel="speed (cm/s)", draws=50) is ax
    for number, response in enumerate((FIRST, SECOND)):
        mean, lower, upper = compute_confidence_band(response, draws=50).to_numpy()
        np.testing.assert_array_equal(ax.lines[number].get_xdata(), response["time"])
        np.testing.assert_allclose(ax.lines[number].get_ydata(), mean)
        drawn = ax.collections[number].get_paths()[0].vertices[:, 1]
        assert drawn.min() == pytest.approx(lower.min())
        assert drawn.max() == pytest.approx(upper.max())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["hits (3 events)", "misses (2 events)"]
    assert ax.get_ylabel() == "speed (cm/s)"
    assert "(s)" in ax.get_xlabel()


def test_cells_are_averaged(ax) -> None:
    cells = compute_event_triggered(TIMES, np.column_stack([VALUES, 3 * VALUES]), [10.0, 20.0], (-1, 2))
    plot_triggered(cells, ax, draws=5)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), cells.to_numpy().mean(axis=(0, 2)))


def test_matrix_is_drawn_with_names_and_numbers(ax) -> None:
    matrix = pd.DataFrame([[0.25, 1.0], [np.nan, 0.5]], index=["im061", "im065"], columns=["im062", "im063"])
    assert plot_response_matrix(matrix, ax) is ax
    np.testing.assert_array_equal(np.ma.filled(ax.images[0].get_array(), np.nan), matrix)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["im062", "im063"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["im061", "im065"]
    numbers = {(text.get_position(), text.get_text()) for text in ax.texts}
    assert numbers == {((0, 0), "0.25"), ((1, 0), "1"), ((1, 1), "0.5")}


def test_empty_matrix_raises(ax) -> None:
    with pytest.raises(BadValue, match="matrix is empty"):
        plot_response_matrix(pd.DataFrame(), ax)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_raster_has_a_row_for_each_event(style: str) -> None:
    licks = pd.DataFrame({"timestamps": [1.0, 4.5, 5.0, 6.9, 7.1, 9.0]})
    events = [5.0, 6.5, 50.0]
    with mpl.style.context(style):
        _, ax = new_figure(6, 4)
        plot_lick_raster(licks, events, ax, (-1, 2))
        color = mpl.rcParams["text.color"]
    drawn = ax.lines[0].get_xydata()
    expected = [
        (lick - event, row)
        for row, event in enumerate(events)
        for lick in licks["timestamps"]
        if event - 1 <= lick <= event + 2
    ]
    np.testing.assert_allclose(drawn, expected)
    assert ax.lines[0].get_color() == color
    assert ax.get_xlim() == (-1, 2)


def test_raster_without_licks_or_events_is_empty(ax) -> None:
    plot_lick_raster(pd.DataFrame({"timestamps": []}), [], ax)
    assert len(ax.lines[0].get_xdata()) == 0
