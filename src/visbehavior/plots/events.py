"""Draw images, changes, outcomes, licks and rewards above and below the values of an axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.extras import import_extra
from visbehavior.plots.colors import IMAGE_ALPHA, OUTCOMES, REWARD, image_color
from visbehavior.plots.figure import (
    CHARACTER_WIDTH,
    LINE_HEIGHT,
    POINTS_PER_INCH,
    axes_size,
    font_size,
    foreground,
    has_legend_below,
)
from visbehavior.plots.tables import TaskTables
from visbehavior.schema.session import OMITTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

OUTCOME_MARKERS = {"hit": "o", "miss": "X", "false alarm": "s", "correct reject": "^"}
"""Marker of each outcome of a trial."""

# Height of a strip in font sizes, and the smallest part of the height that is left for the values.
_STRIP_HEIGHT = 1.9
_LEAST_VALUES = 0.35
# Width of the outline of an omission, in seconds.
_OMISSION_WIDTH = 0.05
# Part of the height that a legend below the axes leaves.
_LEFT_BY_LEGEND = 0.75


@dataclass(frozen=True)
class _Layout:
    """Heights (units of the y axis): the values from low to high, strips of events below, strips above.

    The strips are outside the range of the values, so no event hides a value.
    """

    low: float
    high: float
    strip: float
    names: float
    has_outcomes: bool

    @property
    def rewards(self) -> float:
        return self.low - 0.5 * self.strip

    @property
    def licks(self) -> float:
        return self.low - 1.5 * self.strip

    @property
    def outcomes(self) -> float:
        return self.high + 0.5 * self.strip

    @property
    def bottom(self) -> float:
        return self.low - 2 * self.strip

    @property
    def images_top(self) -> float:
        return self.high + (self.strip if self.has_outcomes else 0)

    @property
    def top(self) -> float:
        return self.images_top + self.names


def draw_task(
    ax: Axes, tables: TaskTables, low: float, high: float, ticks: dict[float, str] | None = None, images: bool = True
) -> list[Any]:
    """Draw the events of the task around values that were drawn from `low` to `high`.

    Draws strips of licks and rewards below the values, the outcomes of trials above them, the images as colored spans
    behind them, and their names where they first appear. Sets the limits of both axes and the ticks of y.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its x limits must be set.
    tables : TaskTables
        The events in the time range.
    low, high : float
        Range of the values, in units of the y axis.
    ticks : dict or None
        Label of each tick in the range. None: round numbers.
    images : bool
        Whether to draw images and changes. In long time ranges they are thinner than a pixel.

    Returns
    -------
    list
        Artists for the legend.
    """
    first_shown = _first_shown(ax, tables.images) if images else tables.images.iloc[:0]
    rotated = _is_crowded(ax, first_shown)
    layout = _make_layout(ax, low, high, first_shown["name"].tolist(), rotated, has_outcomes=len(tables.outcomes) > 0)
    ax.set_ylim(layout.bottom, layout.top)
    _set_ticks(ax, layout, _round_ticks(ax, low, high) if ticks is None else ticks)
    ax.axhline(low, color=foreground(ax), alpha=0.3, linewidth=0.8, zorder=0.8)
    handles = [
        *_draw_events(ax, tables.licks, layout.licks, "licks", marker="|", color=foreground(ax)),
        *_draw_rewards(ax, tables.rewards, layout.rewards),
        *_draw_outcomes(ax, tables.outcomes, layout.outcomes),
    ]
    if not images:
        return handles
    _name_images(ax, first_shown, layout, rotated)
    return [
        *handles,
        *_draw_changes(ax, tables.images, layout),
        *_draw_omissions(ax, tables.images, layout),
        *_draw_images(ax, tables.images, layout),
    ]


def named_elsewhere(tables: TaskTables) -> set[str]:
    """Return the labels that the legend may leave out, because ticks and names of images show them too."""
    return {"licks", "rewards", *tables.images["name"]} - {OMITTED}


def _make_layout(ax: Axes, low: float, high: float, names: list[str], rotated: bool, has_outcomes: bool) -> _Layout:
    """Divide the height of the axes (inches) between the values and the strips."""
    line = font_size(ax) / POINTS_PER_INCH
    strip = _STRIP_HEIGHT * line
    lengths = [len(name) * CHARACTER_WIDTH + 0.8 if rotated else _STRIP_HEIGHT for name in names]
    for_names = max(lengths, default=0.4) * line
    height = axes_size(ax)[1] * (_LEFT_BY_LEGEND if has_legend_below(ax) else 1)
    inches = max(height - (3 if has_outcomes else 2) * strip - for_names, _LEAST_VALUES * height)
    unit = max(high - low, np.finfo(np.float64).tiny) / inches
    return _Layout(low, high, strip * unit, for_names * unit, has_outcomes)


def _set_ticks(ax: Axes, layout: _Layout, ticks: dict[float, str]) -> None:
    """Label the strips, and the values in their own range only."""
    strips = {layout.licks: "licks", layout.rewards: "rewards"}
    if layout.has_outcomes:
        strips[layout.outcomes] = "trials"
    labels = ticks | strips
    ax.set_yticks(list(labels), list(labels.values()))


def _round_ticks(ax: Axes, low: float, high: float) -> dict[float, str]:
    count = 5 if axes_size(ax)[1] > 2 else 3
    ticks = import_extra("matplotlib.ticker").MaxNLocator(count).tick_values(low, high)
    return {float(tick): f"{tick:g}" for tick in ticks if low <= tick <= high}


def _draw_events(ax: Axes, events: pd.DataFrame, y: float, label: str, **style: Any) -> list[Any]:
    if not len(events):
        return []
    size: dict[str, Any] = {"markersize": 0.9 * font_size(ax), "linestyle": "none", "label": label}
    lines: list[Any] = ax.plot(events["timestamps"], np.full(len(events), y), **(size | style))
    return lines


def _draw_rewards(ax: Axes, rewards: pd.DataFrame, y: float) -> list[Any]:
    """Draw earned rewards as filled diamonds, and free ones as open ones."""
    is_free, style = rewards["is_free"].astype(bool), {"marker": "d", "color": REWARD}
    earned = _draw_events(ax, rewards[~is_free], y, "rewards", **style)
    return earned + _draw_events(ax, rewards[is_free], y, "free rewards", **style, markerfacecolor="none")


def _draw_outcomes(ax: Axes, outcomes: pd.DataFrame, y: float) -> list[Any]:
    lines: list[Any] = []
    for outcome, marker in OUTCOME_MARKERS.items():
        events = outcomes[outcomes["outcome"] == outcome].rename(columns={"time": "timestamps"})
        style: dict[str, Any] = {"marker": marker, "color": OUTCOMES[outcome], "markeredgecolor": foreground(ax)}
        lines += _draw_events(ax, events, y, outcome, **style, markeredgewidth=0.6, markersize=0.7 * font_size(ax))
    return lines


def _draw_changes(ax: Axes, images: pd.DataFrame, layout: _Layout) -> list[Any]:
    changes = images.loc[images["is_change"].astype(bool), "start"]
    if not len(changes):
        return []
    style: dict[str, Any] = {"color": foreground(ax), "alpha": 0.8, "linewidth": 0.9, "linestyle": (0, (4, 2))}
    ax.vlines(changes, layout.low, layout.images_top, **style, zorder=1.5, label="changes")
    return [import_extra("matplotlib.lines").Line2D([], [], **style, label="change")]


def _draw_images(ax: Axes, images: pd.DataFrame, layout: _Layout) -> list[Any]:
    """Draw a span for each image and return the legend's patches."""
    shown = images[images["name"] != OMITTED]
    colors = {name: image_color(name) for name in sorted(shown["name"].unique())}
    facecolors = shown["name"].map(colors).tolist()
    style: dict[str, Any] = {"alpha": IMAGE_ALPHA, "linewidth": 0}
    spans = _add_spans(ax, shown, layout, "images", facecolors=facecolors, zorder=0, **style)
    # A flash can be thinner than a pixel. Without snapping it tints the pixel in proportion.
    spans.set_snap(False)
    patches = import_extra("matplotlib.patches")
    return [patches.Patch(facecolor=color, label=name, **style) for name, color in colors.items()]


def _draw_omissions(ax: Axes, images: pd.DataFrame, layout: _Layout) -> list[Any]:
    """Draw a dashed span for each omission and return the legend's patch, if there are omissions."""
    omissions = images[images["name"] == OMITTED]
    if not len(omissions):
        return []
    # In a long time range an omission is narrow, and its outline must not hide the images beside it.
    width = np.clip(_OMISSION_WIDTH * _points_per_second(ax), 0.3, 0.8)
    style: dict[str, Any] = {"facecolor": "none", "edgecolor": foreground(ax), "linestyle": (0, (3, 2))}
    _add_spans(ax, omissions, layout, OMITTED, zorder=0.5, linewidth=width, **style)
    return [import_extra("matplotlib.patches").Patch(**style, label=OMITTED)]


def _add_spans(ax: Axes, images: pd.DataFrame, layout: _Layout, label: str, **style: Any) -> PolyCollection:
    """Add one collection of rectangles; one artist per flash would be slow for a session."""
    corners = np.empty((len(images), 4, 2))
    corners[:, :2, 0] = images[["start"]].to_numpy()
    corners[:, 2:, 0] = images[["stop"]].to_numpy()
    corners[:, :, 1] = (layout.bottom, layout.images_top, layout.images_top, layout.bottom)
    spans: PolyCollection = import_extra("matplotlib.collections").PolyCollection(corners, label=label, **style)
    ax.add_collection(spans, autolim=False)
    return spans


def _first_shown(ax: Axes, images: pd.DataFrame) -> pd.DataFrame:
    """Return the first presentation of each image, which starts with the time range if it began earlier."""
    shown = images[images["name"] != OMITTED].sort_values("start", kind="stable")
    first = shown.drop_duplicates("name")
    return first.assign(start=first["start"].clip(lower=ax.get_xlim()[0]))


def _is_crowded(ax: Axes, first_shown: pd.DataFrame) -> bool:
    """Return whether names would overlap if they were written horizontally."""
    points = _points_per_second(ax)
    widths = first_shown["name"].str.len().to_numpy(dtype=np.float64) * CHARACTER_WIDTH * font_size(ax)
    ends = np.append(first_shown["start"].to_numpy()[1:], ax.get_xlim()[1])
    return bool((first_shown["start"].to_numpy() * points + widths > ends * points).any())


def _name_images(ax: Axes, first_shown: pd.DataFrame, layout: _Layout, rotated: bool) -> None:
    """Write the name of each image above its first presentation."""
    x = first_shown["start"].to_numpy(dtype=np.float64)
    if rotated:
        line = LINE_HEIGHT * font_size(ax) / _points_per_second(ax)
        x = spread(x + line / 2, line, ax.get_xlim())
    style: dict[str, Any] = {"rotation": 90, "ha": "center"} if rotated else {"ha": "left"}
    y = layout.images_top + 0.5 * layout.names
    for at, name in zip(x.tolist(), first_shown["name"], strict=True):
        ax.text(at, y, name, color=foreground(ax), fontsize=font_size(ax), va="center", parse_math=False, **style)


def _points_per_second(ax: Axes) -> float:
    first, last = ax.get_xlim()
    return axes_size(ax)[0] * POINTS_PER_INCH / (last - first)


def spread(x: NDArray[np.float64], distance: float, limits: tuple[float, float]) -> NDArray[np.float64]:
    """Move ascending positions as little as needed to the right, so that they are `distance` apart.

    Positions beyond the right limit move back to the left.
    """
    steps = np.arange(len(x)) * distance
    moved: NDArray[np.float64] = np.maximum.accumulate(np.maximum(x, limits[0] + distance / 2) - steps) + steps
    limited: NDArray[np.float64] = np.minimum(moved, limits[1] - distance / 2 - steps[::-1])
    return limited
