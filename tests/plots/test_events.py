"""Events of the task around the values of an axes."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plots import artists
from tests.synthetic_session import as_session, make_session
from visbehavior.plots.colors import IMAGE_ALPHA, OUTCOMES, image_color
from visbehavior.plots.events import OUTCOME_MARKERS, draw_task, spread
from visbehavior.plots.figure import new_figure
from visbehavior.plots.tables import TaskTables, read_session

SESSION = as_session(make_session(seed=3, trials=60))
TIME_RANGE = (60.0, 150.0)
LOW, HIGH = -2.0, 30.0
TABLES = read_session(SESSION).within(*TIME_RANGE)


def draw(tables: TaskTables = TABLES, size: tuple[float, float] = (12, 5), **options: Any) -> Any:
    _, ax = new_figure(*size)
    ax.set_xlim(TIME_RANGE)
    draw_task(ax, tables, LOW, HIGH, **options)
    return ax


def image_tables(*rows: tuple[float, float, str]) -> TaskTables:
    """Return tables with these presentations only."""
    start, stop, name = zip(*rows, strict=True)
    presentations = pd.DataFrame({"start_time": start, "end_time": stop, "image_name": name})
    empty = pd.DataFrame()
    session = SimpleNamespace(running_speed=empty, licks=empty, rewards=empty, stimulus_presentations=presentations)
    return read_session(session)


def test_licks_and_rewards_are_outside_the_range_of_the_values() -> None:
    ax = draw()
    licks, earned, free = (artists.line(ax, label) for label in ("licks", "rewards", "free rewards"))
    np.testing.assert_array_equal(licks.get_xdata(), TABLES.licks["timestamps"])
    is_free = TABLES.rewards["is_free"]
    np.testing.assert_array_equal(earned.get_xdata(), TABLES.rewards["timestamps"][~is_free])
    np.testing.assert_array_equal(free.get_xdata(), TABLES.rewards["timestamps"][is_free])
    bottom = ax.get_ylim()[0]
    assert bottom < set(licks.get_ydata()).pop() < set(earned.get_ydata()).pop() < LOW
    np.testing.assert_array_equal(free.get_ydata()[0], earned.get_ydata()[0])
    assert free.get_markerfacecolor() == "none" != earned.get_markerfacecolor()


def test_ticks_of_the_values_are_in_their_range_and_strips_are_labeled() -> None:
    ax = draw()
    ticks = artists.ticks(ax.yaxis)
    assert ticks.pop("licks") < ticks.pop("rewards") < LOW
    assert ticks.pop("trials") > HIGH
    assert len(ticks) >= 3
    for text, at in ticks.items():
        assert float(text) == at
        assert LOW <= at <= HIGH


def test_own_ticks_replace_those_of_the_values() -> None:
    ticks = artists.ticks(draw(ticks={1.0: "one"}).yaxis)
    assert set(ticks) == {"one", "licks", "rewards", "trials"}
    assert ticks["one"] == 1


def test_outcomes_differ_in_color_and_marker() -> None:
    ax = draw()
    for outcome, marker in OUTCOME_MARKERS.items():
        drawn = artists.line(ax, outcome)
        expected = TABLES.outcomes["time"][TABLES.outcomes["outcome"] == outcome]
        np.testing.assert_array_equal(drawn.get_xdata(), expected)
        assert (drawn.get_markerfacecolor(), drawn.get_marker()) == (OUTCOMES[outcome], marker)
        assert HIGH < drawn.get_ydata()[0] < ax.get_ylim()[1]
    assert len(OUTCOMES) == len(set(OUTCOMES.values())) == len(set(OUTCOME_MARKERS.values()))


def test_changes_are_lines_at_their_times() -> None:
    ax = draw()
    changes = artists.collection(ax, "changes")
    times = [segment[0, 0] for segment in changes.get_segments()]
    np.testing.assert_array_equal(times, TABLES.images.loc[TABLES.images["is_change"], "start"])
    assert len(times) > 1


def test_images_and_omissions_are_spans() -> None:
    ax = draw()
    images = TABLES.images
    for label, rows in (
        ("images", images[images["name"] != "omitted"]),
        ("omitted", images[images["name"] == "omitted"]),
    ):
        drawn = artists.spans(ax, label)
        assert len(rows)
        np.testing.assert_array_equal(drawn[:, :, 0].min(axis=1), rows["start"])
        np.testing.assert_array_equal(drawn[:, :, 0].max(axis=1), rows["stop"])
        assert drawn[:, :, 1].min() <= LOW
        assert drawn[:, :, 1].max() >= HIGH
    collection = artists.collection(ax, "images")
    shown = images.loc[images["name"] != "omitted", "name"]
    for color, name in zip(collection.get_facecolors(), shown, strict=True):
        assert matplotlib.colors.to_hex(color).upper() == image_color(name)
        assert color[3] == IMAGE_ALPHA


@pytest.mark.parametrize("size", [(15, 5), (4, 2.5)])
def test_each_image_is_named_where_it_first_appears(size: tuple[float, float]) -> None:
    ax = draw(size=size)
    shown = TABLES.images[TABLES.images["name"] != "omitted"]
    first = shown.groupby("name")["start"].min()
    texts = {text.get_text(): text for text in ax.texts}
    assert set(texts) == set(first.index)
    line = (TIME_RANGE[1] - TIME_RANGE[0]) / size[0] / 4
    for name, text in texts.items():
        assert text.get_position()[0] == pytest.approx(max(first[name], TIME_RANGE[0]), abs=line)
        assert text.get_position()[1] > HIGH


def test_crowded_names_are_vertical_and_do_not_overlap() -> None:
    names = [f"im{number:03}" for number in range(8)]
    ax = draw(image_tables(*((61 + 0.75 * i, 61.25 + 0.75 * i, name) for i, name in enumerate(names))), size=(6, 4))
    ax.figure.draw_without_rendering()
    assert {text.get_rotation() for text in ax.texts} == {90}
    assert [text.get_text() for text in ax.texts] == names
    boxes = [text.get_window_extent() for text in ax.texts]
    for left, right in itertools.pairwise(boxes):
        assert left.x1 <= right.x0 + 1
    assert all(box.y0 >= ax.transData.transform((0, HIGH))[1] for box in boxes)


def test_names_with_space_are_horizontal() -> None:
    ax = draw(image_tables((61, 61.25, "im065"), (90, 90.25, "im077")))
    assert {text.get_rotation() for text in ax.texts} == {0}
    assert [text.get_position()[0] for text in ax.texts] == [61, 90]


def test_image_that_began_before_the_range_is_named_at_its_start() -> None:
    ax = draw(image_tables((50, 90, "gratings_90.0"), (90, 120, "gratings_180.0")))
    assert ax.texts[0].get_position()[0] == TIME_RANGE[0]


def test_images_can_be_left_out() -> None:
    ax = draw(images=False)
    assert not ax.collections
    assert not ax.texts
    assert {"licks", "rewards", "hit"} <= artists.lines(ax)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(0.1, 10))
def test_spread_positions_are_apart_and_in_order(positions: list[float], distance: float) -> None:
    moved = spread(np.sort(positions), distance, (0, 100))
    assert (np.diff(moved) >= distance - 1e-9).all()
    assert moved.max() <= 100 - distance / 2 + 1e-9
    if len(positions) == 1 and distance / 2 <= positions[0] <= 100 - distance / 2:
        assert moved[0] == positions[0]
