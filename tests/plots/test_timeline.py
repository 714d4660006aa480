"""Artists that plot_timeline adds to the axes, compared with the tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
import pytest

from tests.hostile import find_problem, hostile_values
from tests.plots import artists
from tests.plots.styles import SIZES, STYLES, check_visible
from tests.synthetic_session import as_session, make_session
from visbehavior import BadValue, MissingData, plot_stretch, plot_timeline
from visbehavior.plots.figure import new_figure
from visbehavior.plots.timeline import OVERVIEW_DURATION

SESSION = as_session(make_session(seed=3, trials=60))
TABLES = (SESSION.running_speed, SESSION.licks, SESSION.rewards, SESSION.stimulus_presentations)
TIME_RANGE = (60.0, 120.0)


def draw(*tables: Any, start: float | None = TIME_RANGE[0], stop: float | None = TIME_RANGE[1], **options: Any) -> Any:
    _, ax = new_figure(12, 4)
    assert plot_timeline(*tables, ax=ax, start=start, stop=stop, **options) is ax
    return ax


def within(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["timestamps"].between(*TIME_RANGE)]


def all_values(ax: Any) -> list[Any]:
    """Return the coordinates of all lines and collections."""
    lines = [line.get_xydata().tolist() for line in ax.lines]
    return lines + [path.vertices.tolist() for collection in ax.collections for path in collection.get_paths()]


def test_licks_rewards_and_running_are_drawn() -> None:
    ax = draw(*TABLES)
    np.testing.assert_array_equal(artists.line(ax, "licks").get_xdata(), within(SESSION.licks)["timestamps"])
    np.testing.assert_array_equal(artists.line(ax, "rewards").get_xdata(), within(SESSION.rewards)["timestamps"])
    running = artists.line(ax, "running speed")
    np.testing.assert_array_equal(running.get_xdata(), within(SESSION.running_speed)["timestamps"])
    np.testing.assert_array_equal(running.get_ydata(), within(SESSION.running_speed)["speed"])
    assert ax.get_xlim() == TIME_RANGE
    assert "(s)" in ax.get_xlabel()
    assert "(cm/s)" in ax.get_ylabel()


def test_strips_are_below_the_running_speed() -> None:
    ax = draw(*TABLES)
    lowest = min(artists.line(ax, "running speed").get_ydata().min(), 0)
    assert max(artists.line(ax, label).get_ydata().max() for label in ("licks", "rewards")) < lowest


@pytest.mark.parametrize("order", ["positional", "positional with axes", "by name"])
def test_session_is_drawn_as_its_tables(order: str) -> None:
    _, ax = new_figure(12, 4)
    if order == "by name":
        names = ("running_speed", "licks", "rewards", "stimulus_presentations")
        plot_timeline(**dict(zip(names, TABLES, strict=True)), ax=ax, start=60, stop=120, trials=SESSION.trials)
    elif order == "positional":
        plot_timeline(*TABLES, ax, *TIME_RANGE, trials=SESSION.trials)
    else:
        plot_timeline(*TABLES, ax=ax, start=60, stop=120, trials=SESSION.trials)
    expected = draw(SESSION)
    assert all_values(ax) == all_values(expected)
    assert (ax.get_title(), expected.get_title()) == ("", "Session 990200001, mouse 457841, OPHYS_3_images_A")


def test_outcomes_need_trials() -> None:
    assert "hit" not in artists.lines(draw(*TABLES))
    assert "hit" in artists.lines(draw(*TABLES, trials=SESSION.trials))


def test_new_figure_is_larger_for_an_overview() -> None:
    detail, overview = plot_timeline(SESSION, start=60, stop=120), plot_timeline(SESSION)
    assert detail.figure.get_figheight() < overview.figure.get_figheight()
    assert detail.figure.axes == [detail]
    assert not detail.child_axes
    assert overview.child_axes


def test_overview_begins_above_its_duration() -> None:
    assert not draw(SESSION, start=10, stop=10 + OVERVIEW_DURATION).child_axes
    ax = draw(SESSION, start=10, stop=11 + OVERVIEW_DURATION)
    assert ax.child_axes
    assert not ax.texts
    assert "images" not in {collection.get_label() for collection in ax.collections}


def test_complete_session_is_drawn_by_default() -> None:
    first, last = SESSION.running_speed["timestamps"].iloc[[0, -1]]
    assert plot_timeline(SESSION).get_xlim() == (first, last)


def test_older_name_is_the_same_function() -> None:
    assert plot_stretch is plot_timeline


def test_legend_lists_everything() -> None:
    labels = artists.legend(draw(SESSION, start=40, stop=120))
    assert labels[:4] == ["running speed", "licks", "rewards", "free rewards"]
    assert {"hit", "miss", "false alarm", "correct reject", "change", "omitted"} < set(labels)
    assert set(SESSION.stimulus_presentations["image_name"].unique()) - {"omitted"} < set(labels)


def test_legend_of_a_small_figure_lists_what_is_named_nowhere_else() -> None:
    _, ax = new_figure(4, 2.5)
    plot_timeline(SESSION, ax=ax, start=40, stop=120)
    outcomes = {"hit", "miss", "false alarm", "correct reject"}
    assert set(artists.legend(ax)) == {"free rewards", "change", "omitted", *outcomes}


def test_column_names_of_2_10_are_accepted() -> None:
    older = SESSION.stimulus_presentations.rename(columns={"end_time": "stop_time"})
    older_rewards = SESSION.rewards.rename(columns={"auto_rewarded": "autorewarded"})
    assert all_values(draw(*TABLES[:2], older_rewards, older)) == all_values(draw(*TABLES))


@pytest.mark.parametrize("empty", range(4))
def test_empty_tables_are_skipped(empty: int) -> None:
    tables = [table.iloc[:0] if i == empty else table for i, table in enumerate(TABLES)]
    labels = artists.legend(draw(*tables))
    assert ("running speed", "licks", "rewards", "omitted")[empty] not in labels


def test_empty_tables_need_no_columns() -> None:
    draw(pd.DataFrame(), pd.DataFrame({"time": [], "frame": []}), SESSION.rewards, SESSION.stimulus_presentations)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stop", [100.0, None], ids=["detail", "overview"])
def test_text_is_visible_in_all_styles_and_sizes(style: str, size: tuple[float, float], stop: float | None) -> None:
    with matplotlib.style.context(style):
        figure, ax = new_figure(*size)
        plot_timeline(SESSION, ax=ax, start=None if stop is None else 60.0, stop=stop)
        check_visible(figure)


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


def test_missing_table_raises() -> None:
    with pytest.raises(BadValue, match=r"stimulus_presentations is None; expected a DataFrame"):
        draw(*TABLES[:3])


def test_tables_in_the_wrong_order_raise() -> None:
    with pytest.raises(
        MissingData, match=r"running_speed has no column speed; its columns are .*Pass the tables in the order"
    ):
        draw(SESSION.licks, SESSION.running_speed, *TABLES[2:])


def test_axes_by_position_after_a_session_raise() -> None:
    with pytest.raises(BadValue, match=r"licks is <Axes: >, after a session; .*by name: plot_timeline\(session, ax=ax"):
        plot_timeline(SESSION, new_figure(2, 1)[1])


def test_tables_after_a_session_raise() -> None:
    with pytest.raises(BadValue, match=r"trials is .*after a session; expected either a session or its tables"):
        plot_timeline(SESSION, trials=SESSION.trials)


@pytest.mark.parametrize("name", ["running_speed", "licks", "rewards", "stimulus_presentations", "trials", "metadata"])
def test_hostile_sessions_are_reported_in_one_line(name: str, tmp_path: Any) -> None:
    problems = {
        label: find_problem(lambda value=value: draw(SimpleNamespace(**(vars(SESSION) | {name: value}))))
        for label, value in hostile_values(tmp_path).items()
    }
    assert not {label: problem for label, problem in problems.items() if problem}
