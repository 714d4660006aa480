"""Figures to draw on, and figures on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from visbehavior.atomic import atomic_write
from visbehavior.errors import BadValue
from visbehavior.extras import import_extra

DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure and its ax, for a file and not for a screen: no window, no state of pyplot.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure, matplotlib.axes.Axes
    """
    figure = import_extra("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def save_figure(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Write a figure: PNG, PDF, SVG or whatever else the ending of its name says.

    Raises
    ------
    BadValue
        If the ending is none that matplotlib knows.
    CannotWrite, DiskFull
        If the folder cannot be written, or has no room. Nothing is left half written.
    """
    target = Path(path).expanduser().absolute()
    kinds = figure.canvas.get_supported_filetypes()
    kind = target.suffix.removeprefix(".").lower()
    if kind not in kinds:
        raise BadValue(
            f"{target} has no ending of a figure; expected one of .{', .'.join(sorted(kinds))}.", path=str(target)
        )
    with atomic_write(target) as part:
        figure.savefig(part, dpi=DOTS_PER_INCH, format=kind)
    return target
