"""What is drawn of a stretch, read back from the axes and compared with the tables."""

from __future__ import annotations

import pathlib
from typing import Any

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from tests.nwbfiles import IMAGES, as_session, make_session
from visbehavior import BadValue, MissingData, plot_timeline
from visbehavior.plots.colors import MUTED, image_color
from visbehavior.plots.figure import new_figure, save_figure

SESSION = as_session(make_session(seed=3, trials=60))
TABLES = (SESSION.running_speed, SESSION.licks, SESSION.rewards, SESSION.stimulus_presentations)
TIMELINE = (60.0, 120.0)


def draw(*tables: pd.DataFrame, start: float | None = TIMELINE[0], stop: float | None = TIMELINE[1]) -> Any:
    _, ax = new_figure(12, 4)
    assert plot_timeline(*tables, ax, start, stop) is ax
    return ax


def line(ax: Any, label: str) -> Any:
    return next(line for line in ax.lines if line.get_label() == label)


def spans(ax: Any, label: str) -> np.ndarray:
    collection = next(c for c in ax.collections if c.get_label() == label)
    return np.array([path.vertices for path in collection.get_paths()])


def within(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["timestamps"].between(*TIMELINE)]


def test_licks_rewards_and_running() -> None:
    ax = draw(*TABLES)
    np.testing.assert_array_equal(line(ax, "licks").get_xdata(), within(SESSION.licks)["timestamps"])
    np.testing.assert_array_equal(line(ax, "rewards").get_xdata(), within(SESSION.rewards)["timestamps"])
    np.testing.assert_array_equal(line(ax, "running speed").get_xdata(), within(SESSION.running_speed)["timestamps"])
    np.testing.assert_array_equal(line(ax, "running speed").get_ydata(), within(SESSION.running_speed)["speed"])
    assert ax.get_xlim() == TIMELINE
    assert "(s)" in ax.get_xlabel()
    assert "(cm/s)" in ax.get_ylabel()


def test_images_and_omissions_are_spans_of_their_color() -> None:
    ax = draw(*TABLES)
    table = SESSION.stimulus_presentations
    table = table[(table["end_time"] >= TIMELINE[0]) & (table["start_time"] <= TIMELINE[1])]
    shown, omitted = table[~table["omitted"]], table[table["omitted"]]
    assert len(omitted)
    assert len(shown)
    for label, rows in (("images", shown), ("omitted", omitted)):
        drawn = spans(ax, label)
        np.testing.assert_array_equal(drawn[:, :, 0].min(axis=1), rows["start_time"])
        np.testing.assert_array_equal(drawn[:, :, 0].max(axis=1), rows["end_time"])
    collection = next(c for c in ax.collections if c.get_label() == "images")
    for color, name in zip(collection.get_facecolors(), shown["image_name"], strict=True):
        assert matplotlib.colors.to_hex(color).upper() == image_color(name)
    assert len(ax.collections) == 2


def test_the_legend_names_all_and_covers_nothing() -> None:
    ax = draw(*TABLES)
    ax.figure.draw_without_rendering()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[:3] == ["running speed", "licks", "rewards"]
    assert names[-1] == "omitted"
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def test_a_whole_session() -> None:
    ax = draw(*TABLES, start=None, stop=None)
    assert len(line(ax, "licks").get_xdata()) == len(SESSION.licks)
    assert len(spans(ax, "images")) == (~SESSION.stimulus_presentations["omitted"]).sum()


def test_the_names_of_2_10(tmp_path: pathlib.Path) -> None:
    older = SESSION.stimulus_presentations.rename(columns={"end_time": "stop_time"})
    assert spans(draw(*TABLES[:3], older), "images").shape == spans(draw(*TABLES), "images").shape


def test_gray_and_movie_are_not_drawn() -> None:
    session = as_session(make_session(seed=3, trials=20, blocks=4))
    ax = draw(
        session.running_speed, session.licks, session.rewards, session.stimulus_presentations, start=None, stop=None
    )
    named = session.stimulus_presentations["image_name"].notna()
    drawn = sum(len(collection.get_paths()) for collection in ax.collections)
    assert drawn == named.sum()


@pytest.mark.parametrize("without", range(4))
def test_a_session_that_lacks_something(without: int) -> None:
    tables = [table.iloc[:0] if place == without else table for place, table in enumerate(TABLES)]
    labels = {text.get_text() for text in draw(*tables).get_legend().get_texts()}
    assert ("running speed", "licks", "rewards", "omitted")[without] not in labels


def test_no_columns_at_all_in_an_empty_table() -> None:
    draw(pd.DataFrame(), pd.DataFrame({"time": [], "frame": []}), SESSION.rewards, SESSION.stimulus_presentations)


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        (100.0, 100.0, r"from 100 s to 100 s is empty; expected a start before its stop"),
        (120.0, 60.0, "is empty"),
        (float("nan"), 60.0, "is empty"),
        (9000.0, 9100.0, r"lies outside the session, which goes from 0\.0 s to \d"),
        (-20.0, -10.0, "lies outside the session"),
    ],
)
def test_a_stretch_that_is_none(start: float, stop: float, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        draw(*TABLES, start=start, stop=stop)


def test_an_empty_session() -> None:
    with pytest.raises(BadValue, match="The session is empty"):
        draw(*(table.iloc[:0] for table in TABLES))


def test_a_missing_column() -> None:
    with pytest.raises(MissingData, match="stimulus_presentations has no column image_name; it has"):
        draw(*TABLES[:3], SESSION.stimulus_presentations.drop(columns="image_name"))


def test_a_color_is_an_images_own() -> None:
    assert len({image_color(name) for name in IMAGES}) == len(IMAGES)
    assert image_color("im065") == MUTED[0] == image_color("im000")
    assert image_color("somebody's own image") == image_color("somebody's own image")
    assert len({image_color(f"own_{i}") for i in range(8)}) == 8


def test_figures_on_disk_are_whole_or_not_there(tmp_path: pathlib.Path) -> None:
    figure, _ = new_figure(2, 1)
    path = save_figure(figure, tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BadValue, match=r"has no ending of a figure; expected one of .*\.png"):
        save_figure(figure, tmp_path / "a.doc")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_tables_in_the_wrong_places() -> None:
    with pytest.raises(MissingData, match=r"running_speed has no column speed; it has .*Give the tables in the order"):
        draw(SESSION.licks, SESSION.running_speed, *TABLES[2:])
