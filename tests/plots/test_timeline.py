"""Artists that plot_timeline adds to the axes, compared with the tables."""

from __future__ import annotations

from typing import Any

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from tests.synthetic_session import as_session, make_session
from visbehavior import BadValue, MissingData, plot_timeline
from visbehavior.plots.colors import image_color
from visbehavior.plots.figure import new_figure

SESSION = as_session(make_session(seed=3, trials=60))
TABLES = (SESSION.running_speed, SESSION.licks, SESSION.rewards, SESSION.stimulus_presentations)
TIME_RANGE = (60.0, 120.0)


def draw(*tables: pd.DataFrame, start: float | None = TIME_RANGE[0], stop: float | None = TIME_RANGE[1]) -> Any:
    _, ax = new_figure(12, 4)
    assert plot_timeline(*tables, ax, start, stop) is ax
    return ax


def line(ax: Any, label: str) -> Any:
    return next(line for line in ax.lines if line.get_label() == label)


def spans(ax: Any, label: str) -> np.ndarray:
    collection = next(c for c in ax.collections if c.get_label() == label)
    return np.array([path.vertices for path in collection.get_paths()])


def within(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["timestamps"].between(*TIME_RANGE)]


def test_licks_rewards_and_running_are_drawn() -> None:
    ax = draw(*TABLES)
    np.testing.assert_array_equal(line(ax, "licks").get_xdata(), within(SESSION.licks)["timestamps"])
    np.testing.assert_array_equal(line(ax, "rewards").get_xdata(), within(SESSION.rewards)["timestamps"])
    np.testing.assert_array_equal(line(ax, "running speed").get_xdata(), within(SESSION.running_speed)["timestamps"])
    np.testing.assert_array_equal(line(ax, "running speed").get_ydata(), within(SESSION.running_speed)["speed"])
    assert ax.get_xlim() == TIME_RANGE
    assert "(s)" in ax.get_xlabel()
    assert "(cm/s)" in ax.get_ylabel()


def test_images_and_omissions_are_drawn_as_spans() -> None:
    ax = draw(*TABLES)
    table = SESSION.stimulus_presentations
    table = table[(table["end_time"] >= TIME_RANGE[0]) & (table["start_time"] <= TIME_RANGE[1])]
    images, omissions = table[~table["omitted"]], table[table["omitted"]]
    assert len(omissions)
    assert len(images)
    for label, rows in (("images", images), ("omitted", omissions)):
        drawn = spans(ax, label)
        np.testing.assert_array_equal(drawn[:, :, 0].min(axis=1), rows["start_time"])
        np.testing.assert_array_equal(drawn[:, :, 0].max(axis=1), rows["end_time"])
    collection = next(c for c in ax.collections if c.get_label() == "images")
    for color, name in zip(collection.get_facecolors(), images["image_name"], strict=True):
        assert matplotlib.colors.to_hex(color).upper() == image_color(name)
    assert len(ax.collections) == 2


def test_legend_lists_everything_and_is_outside_the_axes() -> None:
    ax = draw(*TABLES)
    ax.figure.draw_without_rendering()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:3] == ["running speed", "licks", "rewards"]
    assert labels[-1] == "omitted"
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def test_complete_session_is_drawn_by_default() -> None:
    ax = draw(*TABLES, start=None, stop=None)
    assert len(line(ax, "licks").get_xdata()) == len(SESSION.licks)
    assert len(spans(ax, "images")) == (~SESSION.stimulus_presentations["omitted"]).sum()


def test_column_names_of_2_10_are_accepted() -> None:
    older = SESSION.stimulus_presentations.rename(columns={"end_time": "stop_time"})
    assert spans(draw(*TABLES[:3], older), "images").shape == spans(draw(*TABLES), "images").shape


def test_gray_screen_and_movie_are_not_drawn() -> None:
    session = as_session(make_session(seed=3, trials=20, blocks=4))
    ax = draw(
        session.running_speed, session.licks, session.rewards, session.stimulus_presentations, start=None, stop=None
    )
    named = session.stimulus_presentations["image_name"].notna()
    drawn = sum(len(collection.get_paths()) for collection in ax.collections)
    assert drawn == named.sum()


@pytest.mark.parametrize("empty", range(4))
def test_empty_tables_are_skipped(empty: int) -> None:
    tables = [table.iloc[:0] if i == empty else table for i, table in enumerate(TABLES)]
    labels = {text.get_text() for text in draw(*tables).get_legend().get_texts()}
    assert ("running speed", "licks", "rewards", "omitted")[empty] not in labels


def test_empty_tables_need_no_columns() -> None:
    draw(pd.DataFrame(), pd.DataFrame({"time": [], "frame": []}), SESSION.rewards, SESSION.stimulus_presentations)


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        (100.0, 100.0, r"time range 100 s to 100 s is empty; start must be less than stop"),
        (120.0, 60.0, "is empty"),
        (float("nan"), 60.0, "start is nan; expected a number"),
        (9000.0, 9100.0, r"is outside the session, which lasts from 0\.0 s to \d"),
        (-20.0, -10.0, "is outside the session"),
    ],
)
def test_time_range_must_overlap_the_session(start: float, stop: float, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        draw(*TABLES, start=start, stop=stop)


def test_empty_session_raises() -> None:
    with pytest.raises(BadValue, match="The session is empty"):
        draw(*(table.iloc[:0] for table in TABLES))


def test_missing_column_raises() -> None:
    with pytest.raises(MissingData, match="stimulus_presentations has no column image_name; its columns are"):
        draw(*TABLES[:3], SESSION.stimulus_presentations.drop(columns="image_name"))


def test_tables_in_the_wrong_order_raise() -> None:
    with pytest.raises(
        MissingData, match=r"running_speed has no column speed; its columns are .*Pass the tables in the order"
    ):
        draw(SESSION.licks, SESSION.running_speed, *TABLES[2:])
