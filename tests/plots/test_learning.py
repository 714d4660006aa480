from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tests.analysis.test_learning import FLASHES, SESSIONS, TRIALS
from visbehavior import (
    BadValue,
    compute_learning_curve,
    plot_latency_distribution,
    plot_learning_curve,
    plot_mice,
    plot_omission_responses,
    summarize_mice,
)

VALUES = pd.DataFrame({0: [1.0, 2.0], 3: [np.nan, 4.0]}, index=["a", "b"])


def test_each_mouse_is_a_line_and_the_mean_another() -> None:
    ax = plot_mice(VALUES)
    lines = [line.get_xydata().tolist() for line in ax.lines]
    assert lines == [[[0, 1]], [[0, 2], [3, 4]], [[0, 1.5], [3, 4]]]
    assert ax.lines[-1].get_label() == "mean (2 mice)"
    assert len(ax.collections) == 1


def test_names_are_ticks() -> None:
    ax = plot_mice(VALUES.set_axis(["OPHYS_1", "a$"], axis=1))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["OPHYS_1", r"a\$"]


def test_the_learning_curve_has_labels() -> None:
    figure = Figure()
    ax = plot_learning_curve(SESSIONS, by="day", ax=figure.add_subplot())
    assert ax.figure is figure
    assert ax.get_xlabel() == "days since the first session"
    assert ax.get_ylabel() == "dprime (z units)"
    expected = summarize_mice(compute_learning_curve(SESSIONS))["mean"]
    assert ax.lines[-1].get_ydata().tolist() == expected.tolist()


def test_each_group_of_latencies_has_a_color() -> None:
    ax = plot_latency_distribution(TRIALS, SESSIONS)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["Familiar (2 mice)", "Novel 1 (1 mice)", "Training (1 mice)"]
    assert len({handle.get_color() for handle in ax.get_legend_handles_labels()[0]}) == 3


def test_omissions_have_a_tick_for_each_position() -> None:
    ax = plot_omission_responses(FLASHES, SESSIONS)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["before", "omission", "after", "other image"]


@pytest.mark.parametrize("options", [{"label": 5}, {"color": "no color"}, {"ax": 5}])
def test_wrong_arguments_are_reported(options: dict[str, object]) -> None:
    with pytest.raises(BadValue):
        plot_mice(VALUES, **options)  # type: ignore[arg-type]
