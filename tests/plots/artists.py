"""Read values back from the artists of an axes."""

from __future__ import annotations

from typing import Any

import numpy as np


def line(ax: Any, label: str) -> Any:
    """Return the line of a label."""
    return next(line for line in ax.lines if line.get_label() == label)


def lines(ax: Any) -> set[str]:
    """Return the labels of all lines that have one."""
    return {str(line.get_label()) for line in ax.lines if not str(line.get_label()).startswith("_")}


def collection(ax: Any, label: str) -> Any:
    """Return the collection of a label."""
    return next(collection for collection in ax.collections if collection.get_label() == label)


def spans(ax: Any, label: str) -> np.ndarray:
    """Return the corners of the spans of a label: spans x corners x (time, height)."""
    return np.array([path.vertices for path in collection(ax, label).get_paths()])


def legend(ax: Any) -> list[str]:
    """Return the texts of the legend."""
    return [] if ax.get_legend() is None else [text.get_text() for text in ax.get_legend().get_texts()]


def ticks(axis: Any) -> dict[str, float]:
    """Return the location of each tick with a label."""
    axis.figure.draw_without_rendering()
    return {label.get_text(): float(at) for label, at in zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=True)}
