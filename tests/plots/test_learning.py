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


def test_each_group_of_a_learning_curve_has_a_color_and_the_positions_of_all_stages() -> None:
    ax = plot_learning_curve(SESSIONS, by="stage", groups="experience_level")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.rpartition(" (")[0] for label in labels] == ["Familiar", "Novel 1", "Training"]
    handles = ax.get_legend_handles_labels()[0]
    assert len({handle.get_color() for handle in handles}) == 3
    stages = list(compute_learning_curve(SESSIONS, by="stage"))
    assert [label.get_text() for label in ax.get_xticklabels()] == stages
    familiar = compute_learning_curve(SESSIONS[SESSIONS["experience_level"] == "Familiar"], by="stage").mean()
    assert dict(zip([stages[int(x)] for x in handles[0].get_xdata()], handles[0].get_ydata(), strict=True)) == dict(
        familiar
    )


def test_groups_without_a_value_are_reported() -> None:
    with pytest.raises(BadValue, match="No session has a value of 'cre_line'"):
        plot_learning_curve(SESSIONS.assign(cre_line=None), groups="cre_line")


def test_the_strategy_index_has_its_unit() -> None:
    ax = plot_learning_curve(SESSIONS.rename(columns={"dprime": "strategy_index"}), "strategy_index")
    assert ax.get_ylabel() == "strategy_index (%)"


def test_each_group_of_latencies_has_a_color() -> None:
    ax = plot_latency_distribution(TRIALS, SESSIONS)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["Familiar (2 mice)", "Novel 1 (1 mouse)", "Training (1 mouse)"]
    assert len({handle.get_color() for handle in ax.get_legend_handles_labels()[0]}) == 3


def test_omissions_have_a_tick_for_each_position() -> None:
    ax = plot_omission_responses(FLASHES, SESSIONS)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["before", "omission", "after", "other image"]


@pytest.mark.parametrize("options", [{"label": 5}, {"color": "no color"}, {"ax": 5}])
def test_wrong_arguments_are_reported(options: dict[str, object]) -> None:
    with pytest.raises(BadValue):
        plot_mice(VALUES, **options)  # type: ignore[arg-type]
