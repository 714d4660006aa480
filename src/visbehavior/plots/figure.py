"""Create figures and save them to files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from visbehavior.arguments import parse_path
from visbehavior.atomic import atomic_write
from visbehavior.errors import BadValue, brief_repr
from visbehavior.extras import import_extra

DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    """Create a figure with one axes, without pyplot and without a window.

    Parameters
    ----------
    width, height : float
        Size in inches.

    Returns
    -------
    matplotlib.figure.Figure, matplotlib.axes.Axes
    """
    figure = import_extra("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def check_axes(ax: Any) -> None:
    """Raise BadValue unless `ax` is an Axes of matplotlib, and MissingExtra if matplotlib is not installed."""
    if not isinstance(ax, import_extra("matplotlib.axes").Axes):
        raise BadValue(
            f"ax is {brief_repr(ax)}; expected the Axes of a figure, as from plt.subplots() or figure.add_subplot().",
            name="ax",
            value=ax,
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
