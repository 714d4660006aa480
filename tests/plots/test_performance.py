"""Artists that plot_max_dprime adds to the axes, compared with the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from visbehavior import BadValue, MissingData, plot_max_dprime
from visbehavior.plots.figure import new_figure
from visbehavior.plots.performance import KIND_STYLES, session_kind

TYPES = [
    "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_1_gratings",
    "OPHYS_0_images_A_habituation",
    "OPHYS_1_images_A",
    "OPHYS_2_images_A_passive",
]
TABLE = pd.DataFrame(
    {
        "mouse_id": "445002",
        "session_type": TYPES,
        "date_of_acquisition": pd.date_range("2019-03-15", periods=5, tz="UTC"),
        "max_dprime": [np.nan, 1.5, 2.0, 2.5, 0.0],
    },
    index=pd.Index(range(5), name="behavior_session_id"),
)


def draw(table: pd.DataFrame) -> Any:
    _, ax = new_figure(8, 5)
    assert plot_max_dprime(table, ax) is ax
    return ax


def test_sessions_are_in_order_of_acquisition() -> None:
    ax = draw(TABLE.sample(frac=1, random_state=1))
    assert [text.get_text() for text in ax.get_xticklabels()] == TYPES
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), range(5))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), TABLE["max_dprime"])
    assert "445002" in ax.get_title()
    assert ax.get_ylabel().endswith("(z units)")


def test_kinds_of_sessions_differ_in_color_and_marker() -> None:
    ax = draw(TABLE)
    drawn = {line.get_label(): line for line in ax.lines}
    for x, kind in (
        (1, "training"),
        (2, "habituation to the microscope"),
        (3, "imaging rig, active"),
        (4, "imaging rig, passive"),
    ):
        assert drawn[kind].get_xdata().tolist() == [x]
        assert (drawn[kind].get_color(), drawn[kind].get_marker()) == KIND_STYLES[kind]
    colors, markers = zip(*KIND_STYLES.values(), strict=True)
    assert len(KIND_STYLES) == len(set(colors)) == len(set(markers))
    assert drawn["no d': no go or no catch trials"].get_xdata().tolist() == [0]
    assert [text.get_text() for text in ax.get_legend().get_texts()][-1].startswith("no d'")


def test_background_bands_alternate() -> None:
    ax = draw(TABLE)
    colors = [patch.get_facecolor() for patch in ax.patches]
    assert len(colors) == 5
    assert colors[0] == colors[2] != colors[1] == colors[3]
    assert all(patch.get_zorder() < line.get_zorder() for patch in ax.patches for line in ax.lines)


def test_labels_and_legend_fit_on_the_figure() -> None:
    ax = draw(TABLE)
    ax.figure.draw_without_rendering()
    figure = ax.figure.bbox
    for text in ax.get_xticklabels():
        box = text.get_window_extent()
        assert box.x0 >= figure.x0
        assert box.y0 >= figure.y0
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= ax.get_window_extent().x1
    assert legend.x1 <= figure.x1
    assert ax.get_ylim()[0] < 0 < 2.5 < ax.get_ylim()[1]


def test_sessions_of_several_mice_raise() -> None:
    with pytest.raises(BadValue, match=r"2 mice \(445002, 1\); expected one\. Select the rows of one mouse_id"):
        draw(pd.concat([TABLE, TABLE.assign(mouse_id="1")]))


def test_empty_table_raises() -> None:
    with pytest.raises(BadValue, match="sessions is empty; expected at least one session"):
        draw(TABLE.iloc[:0])


def test_missing_column_raises() -> None:
    with pytest.raises(
        MissingData, match=r"no column max_dprime; its columns are .*returned by compute_performance_table"
    ):
        draw(TABLE.drop(columns="max_dprime"))


@pytest.mark.parametrize("session_type", [None, float("nan"), "something else"])
def test_missing_session_type_is_drawn_as_training(session_type: object) -> None:
    assert session_kind(session_type) == "training"
    draw(TABLE.assign(session_type=[session_type, *TYPES[1:]]))
