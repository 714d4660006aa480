"""Create figures, fit their text and legend to their size, and save them to files."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visbehavior.arguments import parse_path
from visbehavior.atomic import atomic_write
from visbehavior.errors import BadValue, brief_repr, one_line
from visbehavior.extras import import_extra
from visbehavior.progress import is_notebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TIME_LABEL = "time in session (s)"
DOTS_PER_INCH = 150
POINTS_PER_INCH = 72

# Axes of this size (inches) and larger have text of the style's size. In smaller ones it is scaled down.
_FULL_TEXT_WIDTH = 6.0
_FULL_TEXT_HEIGHT = 2.9
_SMALLEST_SCALE = 0.65
# The legend is on the right of axes of this width (inches), and below narrower ones.
_LEGEND_WIDTH = 5.5
# Mean width and height of a character, in font sizes.
CHARACTER_WIDTH = 0.6
LINE_HEIGHT = 1.25
_NO_BREAK_SPACE = "\u00a0"


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Create a figure with one axes.

    In a notebook, and where pyplot is in use, it is a figure of pyplot, so that it is shown. Elsewhere, such as on the command
    line, it is not, so that no window is opened and no figure is kept.

    Parameters
    ----------
    width, height : float
        Size in inches.

    Returns
    -------
    matplotlib.figure.Figure, matplotlib.axes.Axes
    """
    module = "matplotlib.pyplot"
    pyplot = import_extra(module) if is_notebook() else sys.modules.get(module)
    made = import_extra("matplotlib.figure").Figure if pyplot is None else pyplot.figure
    figure = made(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def check_axes(ax: Any) -> None:
    """Raise BadValue unless `ax` is an Axes of matplotlib or None, and MissingExtra if matplotlib is not installed."""
    if ax is not None and not isinstance(ax, import_extra("matplotlib.axes").Axes):
        raise BadValue(
            f"ax is {brief_repr(ax)}; expected the Axes of a figure, as from plt.subplots() or figure.add_subplot(), "
            "or None for a new figure.",
            name="ax",
            value=ax,
        )


def axes_size(ax: Axes) -> tuple[float, float]:
    """Return the width and the height of axes in inches."""
    box, dots_per_inch = ax.get_window_extent(), ax.figure.dpi
    return float(box.width / dots_per_inch), float(box.height / dots_per_inch)


def foreground(ax: Axes) -> Any:
    """Return the color of text and marks. It is the color of the axes' labels, so it suits the style of the axes."""
    return ax.xaxis.label.get_color()


def font_size(ax: Axes, name: str = "font.size") -> float:
    """Return the size of an entry of rcParams in points, scaled down for small axes."""
    size = import_extra("matplotlib").rcParams[name]
    points: float = import_extra("matplotlib.font_manager").FontProperties(size=size).get_size_in_points()
    width, height = axes_size(ax)
    return points * max(min(width / _FULL_TEXT_WIDTH, height / _FULL_TEXT_HEIGHT, 1.0), _SMALLEST_SCALE)


def set_labels(ax: Axes, x: str, y: str, title: str = "") -> None:
    """Set the labels and the title, in a size that suits the axes."""
    ax.set_xlabel(x, fontsize=font_size(ax, "axes.labelsize"))
    ax.set_ylabel(y, fontsize=font_size(ax, "axes.labelsize"))
    for axis in ("x", "y"):
        ax.tick_params(axis=axis, labelsize=font_size(ax, f"{axis}tick.labelsize"))
    if title:
        size = font_size(ax, "axes.titlesize")
        characters = max(int(axes_size(ax)[0] * POINTS_PER_INCH / (CHARACTER_WIDTH * size)), 20)
        ax.set_title(_wrap(one_line(title), characters), fontsize=size, parse_math=False)


def _wrap(title: str, characters: int) -> str:
    """Break a title into lines, after commas only."""
    parts = title.replace(" ", _NO_BREAK_SPACE).replace(f",{_NO_BREAK_SPACE}", ", ")
    return "\n".join(textwrap.wrap(parts, characters, break_long_words=False)).replace(_NO_BREAK_SPACE, " ")


def has_legend_below(ax: Axes) -> bool:
    """Return whether axes are so narrow that their legend is below them."""
    return axes_size(ax)[0] < _LEGEND_WIDTH


def add_legend(ax: Axes, handles: list[Any], optional: Container[str] = ()) -> None:
    """Add a legend to the right of the axes, or below narrow ones. Without handles there is no legend.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    handles : list of matplotlib.artist.Artist
        Artists with labels.
    optional : container of str
        Labels that are left out below narrow axes, because the figure shows them elsewhere too.
    """
    is_below = has_legend_below(ax)
    handles = [handle for handle in handles if not is_below or handle.get_label() not in optional]
    if not handles:
        return
    size = font_size(ax, "legend.fontsize")
    style: dict[str, Any] = {"handles": handles, "frameon": False, "fontsize": size, "labelcolor": foreground(ax)}
    if not is_below:
        ax.legend(**style, loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0)
        return
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = int(axes_size(ax)[0] * POINTS_PER_INCH / (size * (CHARACTER_WIDTH * longest + 3)))
    transforms = import_extra("matplotlib.transforms")
    # The labels of the ticks and of the axis are between the axes and the legend.
    below = (font_size(ax, "xtick.labelsize") + font_size(ax, "axes.labelsize")) * LINE_HEIGHT + 10
    transform = ax.transAxes + transforms.ScaledTranslation(0, -below / POINTS_PER_INCH, ax.figure.dpi_scale_trans)
    ax.legend(
        **style,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=transform,
        borderaxespad=0,
        ncols=max(min(columns, len(handles)), 1),
        columnspacing=1.0,
        handlelength=1.3,
        handletextpad=0.4,
        labelspacing=0.2,
    )


def save_figure(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Save a figure as PNG, PDF, SVG or another format, chosen by the file extension.

    Raises
    ------
    BadValue
        If matplotlib does not support the file extension.
    CannotWrite, DiskFull
        If the file cannot be written or the disk is full. No incomplete file is left.
    """
    target = parse_path("path", path).absolute()
    formats = figure.canvas.get_supported_filetypes()
    extension = target.suffix.removeprefix(".").lower()
    if extension not in formats:
        raise BadValue(
            f"{target} has the file extension {brief_repr(target.suffix)}; expected one of .{', .'.join(sorted(formats))}.",
            path=str(target),
        )
    with atomic_write(target) as part:
        figure.savefig(part, dpi=DOTS_PER_INCH, format=extension)
    return target
