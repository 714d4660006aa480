"""Figures that fit their text and legend to their size, and saving them."""

from __future__ import annotations

import pathlib
import sys

import matplotlib.style
import pytest

from visbehavior import BadValue
from visbehavior.plots.figure import (
    add_legend,
    axes_size,
    check_axes,
    font_size,
    foreground,
    has_legend_below,
    new_figure,
    save_figure,
    set_labels,
)


def test_axes_or_none_are_accepted() -> None:
    check_axes(None)
    check_axes(new_figure(2, 1)[1])
    with pytest.raises(BadValue, match=r"ax is 3; expected the Axes of a figure, .* or None for a new figure"):
        check_axes(3)


def test_size_of_axes_is_in_inches() -> None:
    figure, _ = new_figure(8, 4)
    ax = figure.add_axes((0.25, 0.25, 0.5, 0.5))
    assert axes_size(ax) == pytest.approx((4, 2))


def test_text_is_smaller_in_small_axes() -> None:
    sizes = [font_size(new_figure(*size)[1]) for size in ((15, 5), (8, 5), (4, 2.5), (1, 1))]
    assert sizes[0] == sizes[1] == 10
    assert 10 > sizes[2] >= sizes[3] == pytest.approx(6.5)


def test_text_follows_the_style() -> None:
    with matplotlib.rc_context({"font.size": 20, "axes.labelsize": "large"}):
        ax = new_figure(15, 5)[1]
        set_labels(ax, "x", "y")
    assert ax.xaxis.label.get_fontsize() == pytest.approx(24)


def test_long_titles_are_wrapped() -> None:
    _, ax = new_figure(4, 2.5)
    set_labels(ax, "x", "y", "Session 891635659, mouse 457841, TRAINING_5_images_A_handoff_lapsed")
    assert ax.get_title() == "Session 891635659, mouse 457841,\nTRAINING_5_images_A_handoff_lapsed"
    ax.figure.draw_without_rendering()
    assert ax.title.get_window_extent().x0 >= 0
    assert ax.title.get_window_extent().x1 <= ax.figure.bbox.x1


def test_title_is_shown_as_written() -> None:
    _, ax = new_figure(15, 5)
    set_labels(ax, "x", "y", "costs $1 and $2\nor more")
    ax.figure.draw_without_rendering()
    assert ax.title.get_parse_math() is False
    assert "\n" not in ax.get_title()


def test_foreground_is_that_of_the_axes() -> None:
    with matplotlib.style.context("dark_background"):
        _, ax = new_figure(2, 1)
    assert foreground(ax) == "white"
    assert foreground(new_figure(2, 1)[1]) == "black"


@pytest.mark.parametrize(("width", "is_below"), [(12, False), (4, True)])
def test_legend_is_outside_the_axes(width: float, is_below: bool) -> None:
    _, ax = new_figure(width, 4)
    set_labels(ax, "x", "y")
    lines = ax.plot([0, 1], [0, 1], label="a line") + ax.plot([0, 1], [1, 0], label="another")
    add_legend(ax, lines, {"another"})
    ax.figure.draw_without_rendering()
    assert has_legend_below(ax) is is_below
    legend, axes = ax.get_legend().get_window_extent(), ax.get_window_extent()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    if is_below:
        assert names == ["a line"]
        assert legend.y1 <= ax.xaxis.label.get_window_extent().y0
        assert legend.y0 >= 0
    else:
        assert names == ["a line", "another"]
        assert legend.x0 >= axes.x1
        assert legend.x1 <= ax.figure.bbox.x1


def test_no_legend_without_artists() -> None:
    _, ax = new_figure(4, 2)
    add_legend(ax, [])
    add_legend(ax, ax.plot([0], [0], label="named elsewhere"), {"named elsewhere"})
    assert ax.get_legend() is None


def test_figure_is_saved_in_the_format_of_its_extension(tmp_path: pathlib.Path) -> None:
    figure, _ = new_figure(2, 1)
    path = save_figure(figure, tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_unsupported_extension_writes_nothing(tmp_path: pathlib.Path) -> None:
    figure, _ = new_figure(2, 1)
    with pytest.raises(BadValue, match=r"has the file extension '\.doc'; expected one of .*\.png"):
        save_figure(figure, tmp_path / "a.doc")
    assert list(tmp_path.iterdir()) == []


def test_figure_is_of_pyplot_where_pyplot_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, _ = new_figure(4, 2)
    assert plt.figure(figure.number) is figure  # type: ignore[attr-defined]
    plt.close("all")
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    new_figure(4, 2)
    assert plt.get_fignums() == []
