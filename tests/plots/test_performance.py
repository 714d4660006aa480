"""Artists that plot_max_dprime adds to the axes, compared with the table."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib.colors
import matplotlib.style
import numpy as np
import pandas as pd
import pytest

from tests.plots import artists
from tests.plots.styles import SIZES, STYLES, check_visible
from visbehavior import BadValue, MissingData, plot_max_dprime
from visbehavior.plots.colors import KINDS, STAGE_ALPHA, stage_color
from visbehavior.plots.figure import new_figure
from visbehavior.plots.performance import KIND_MARKERS, NO_DPRIME, session_kind, stage_label
from visbehavior.simulation.stages import CURRICULUM

TYPES = [
    "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_1_gratings",
    "TRAINING_1_gratings",
    "OPHYS_0_images_A_habituation",
    "OPHYS_1_images_A",
    "OPHYS_2_images_A_passive",
    "OPHYS_3_images_A",
]
DAYS = [0, 1, 2, 6, 9, 10, 13]
START = pd.Timestamp("2019-03-15 10:30", tz="UTC")


def make_table(session_types: list[str], days: list[int], dprime: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "mouse_id": "445002",
            "session_type": session_types,
            "date_of_acquisition": START + pd.to_timedelta(days, unit="D"),
            "max_dprime": dprime,
        },
        index=pd.Index(range(len(days)), name="behavior_session_id"),
    )


TABLE = make_table(TYPES, DAYS, [np.nan, 1.5, 1.6, 2.0, 2.5, 0.0, 2.2])


def long_table() -> pd.DataFrame:
    """Return 87 sessions of one mouse."""
    repeats = [1, 8, 10, 12, 14, 22, 6, 2, 2, 2, 3, 2, 3]
    types = [name for (name, _), count in zip(CURRICULUM, repeats, strict=True) for _ in range(count)]
    rng = np.random.default_rng(0)
    return make_table(types, np.cumsum(rng.choice([1, 1, 1, 3], 87)).tolist(), rng.normal(1.5, 0.5, 87).tolist())


def draw(table: pd.DataFrame, size: tuple[float, float] = (8, 5)) -> Any:
    _, ax = new_figure(*size)
    assert plot_max_dprime(table, ax) is ax
    return ax


def test_sessions_are_drawn_at_their_days() -> None:
    ax = draw(TABLE.sample(frac=1, random_state=1))
    joined = artists.line(ax, "active sessions")
    is_active = [not name.endswith("passive") for name in TYPES]
    np.testing.assert_allclose(joined.get_xdata(), np.array(DAYS)[is_active])
    np.testing.assert_array_equal(joined.get_ydata(), TABLE["max_dprime"][is_active])
    assert "445002" in ax.get_title()
    assert "days" in ax.get_xlabel()
    assert ax.get_ylabel().endswith("(z units)")


def test_passive_sessions_are_not_joined() -> None:
    ax = draw(TABLE)
    assert 10 not in artists.line(ax, "active sessions").get_xdata()
    assert artists.line(ax, "imaging, passive").get_xdata().tolist() == [10]
    assert artists.line(ax, "imaging, passive").get_linestyle() == "None"


def test_kinds_of_sessions_differ_in_color_and_marker() -> None:
    ax = draw(TABLE)
    for days, kind in (
        ([1, 2], "training"),
        ([6], "habituation"),
        ([9, 13], "imaging, active"),
        ([10], "imaging, passive"),
    ):
        drawn = artists.line(ax, kind)
        np.testing.assert_allclose(drawn.get_xdata(), days)
        assert (drawn.get_markerfacecolor(), drawn.get_marker()) == (KINDS[kind], KIND_MARKERS[kind])
    assert list(KINDS) == list(KIND_MARKERS)
    assert len(KINDS) == len(set(KINDS.values())) == len(set(KIND_MARKERS.values()))
    assert artists.line(ax, NO_DPRIME).get_xdata().tolist() == [0]
    assert artists.legend(ax) == [*list(KINDS)[:4], NO_DPRIME]


def test_recordings_are_no_training_sessions() -> None:
    types = [
        "TRAINING_5_images_G_handoff_ready_5uL_reward",
        "EPHYS_1_images_G_5uL_reward",
        "EPHYS_1_images_H_5uL_reward",
    ]
    ax = draw(make_table(types, [0, 3, 4], [1.0, 1.5, 1.2]))
    drawn = artists.line(ax, "recording, active")
    assert drawn.get_xdata().tolist() == [3, 4]
    assert (drawn.get_markerfacecolor(), drawn.get_marker()) == (KINDS["recording, active"], "D")
    assert artists.legend(ax) == ["training", "recording, active"]


def test_short_names_of_stages_are_explained() -> None:
    narrow = (3, 2.5)
    assert draw(TABLE, narrow).get_xlabel() == "days since the first session; T: TRAINING, O: OPHYS"
    recordings = make_table(
        ["HABITUATION_5_images_G_handoff_ready_5uL_reward", "EPHYS_1_images_G_5uL_reward"], [0, 1], [1.0, 1.5]
    )
    assert draw(recordings, narrow).get_xlabel() == "days since the first session; H: HABITUATION, E: EPHYS"


def test_stages_are_bands_that_cover_their_sessions() -> None:
    ax = draw(TABLE)
    bands = [(band.get_x(), band.get_x() + band.get_width(), band) for band in ax.patches]
    assert [band.get_label() for *_, band in bands] == [
        "TRAINING_0",
        "TRAINING_1",
        "OPHYS_0 A",
        "OPHYS_1 A",
        "OPHYS_2 A passive",
        "OPHYS_3 A",
    ]
    edges = [start for start, *_ in bands] + [bands[-1][1]]
    np.testing.assert_allclose(edges, [-0.5, 0.5, 4, 7.5, 9.5, 11.5, 13.5])
    for (_, end, _), (start, *_) in itertools.pairwise(bands):
        assert end == pytest.approx(start)
    expected = matplotlib.colors.to_rgba(stage_color("TRAINING", 1), STAGE_ALPHA)
    assert bands[1][2].get_facecolor() == expected
    assert len({band.get_facecolor() for *_, band in bands}) == len(bands)
    assert all(band.get_zorder() < line.get_zorder() for *_, band in bands for line in ax.lines)


def test_stages_are_named_above_their_bands() -> None:
    ax = draw(TABLE)
    names = artists.ticks(ax.child_axes[0].xaxis)
    for band in ax.patches:
        assert names[band.get_label()] == pytest.approx(band.get_x() + band.get_width() / 2)


@pytest.mark.parametrize("size", [(15, 6), (8, 5), (4, 2.5)])
def test_names_of_87_sessions_do_not_overlap(size: tuple[float, float]) -> None:
    ax = draw(long_table(), size)
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.child_axes[0].get_xticklabels()]
    assert len(boxes) >= 6
    for left, right in itertools.pairwise(boxes):
        assert left.x1 <= right.x0 + 1
    ticks = [label.get_window_extent() for label in ax.get_xticklabels()]
    for left, right in itertools.pairwise(ticks):
        assert left.x1 < right.x0


def test_new_figure_is_wider_for_more_days() -> None:
    widths = [plot_max_dprime(table).figure.get_figwidth() for table in (TABLE, long_table())]
    assert widths[0] < widths[1] <= 16


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", SIZES)
def test_text_is_visible_in_all_styles_and_sizes(style: str, size: tuple[float, float]) -> None:
    with matplotlib.style.context(style):
        check_visible(draw(long_table(), size).figure)


@pytest.mark.parametrize(
    ("session_type", "label"),
    [
        ("TRAINING_3_images_A_10uL_reward", "TRAINING_3 A"),
        ("TRAINING_1_gratings", "TRAINING_1"),
        ("OPHYS_5_images_B_passive", "OPHYS_5 B passive"),
        ("something else", "something else"),
    ],
)
def test_names_of_stages_are_short(session_type: str, label: str) -> None:
    assert stage_label(session_type) == label


def test_single_session_is_drawn() -> None:
    ax = draw(TABLE.iloc[1:2])
    assert artists.line(ax, "training").get_xdata().tolist() == [0]
    assert ax.get_xlim() == (-0.5, 0.5)


def test_dates_as_text_are_accepted() -> None:
    ax = draw(TABLE.assign(date_of_acquisition=TABLE["date_of_acquisition"].astype(str)))
    np.testing.assert_allclose(artists.line(ax, "active sessions").get_xdata()[-1], DAYS[-1])


def test_missing_date_raises() -> None:
    with pytest.raises(BadValue, match="date_of_acquisition of sessions has rows without a date"):
        draw(TABLE.assign(date_of_acquisition=[pd.NaT, *TABLE["date_of_acquisition"][1:]]))


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
