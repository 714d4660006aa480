"""Plot responses to events: mean traces with confidence bands, response matrices, and lick rasters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from visbehavior.analysis.alignment import checked_window
from visbehavior.analysis.checks import Columns
from visbehavior.analysis.event_times import get_event_times
from visbehavior.analysis.responses import check_response, compute_confidence_band
from visbehavior.errors import BadValue, brief_repr
from visbehavior.plots.colors import NEUTRAL, condition_color
from visbehavior.plots.figure import add_legend, check_axes, foreground, new_figure, set_labels
from visbehavior.wording import count_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRACES_SIZE = (8.0, 5.0)
_MATRIX_SIZE = (8.0, 7.0)
_RASTER_SIZE = (7.0, 8.0)
_BAND_ALPHA = 0.3
_RASTER_WINDOW = (-1.0, 2.0)
_LARGEST_ANNOTATED = 16
"""Matrices with more images have no numbers in their cells."""


def plot_triggered(
    responses: Any, ax: Axes | None = None, *, ylabel: str = "", draws: int = 1000, seed: int = 0
) -> Axes:
    """Plot the mean response of each condition, with a 95 % confidence band by bootstrap over events.

    Parameters
    ----------
    responses : xarray.DataArray or dict
        As `compute_event_triggered` returns it, or one for each name of a condition. Cells are averaged.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.
    ylabel : str
        Label of the y axis, with the unit.
    draws, seed : int
        Bootstrap samples, and the seed of the generator, as for `compute_confidence_band`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If a response is not of this kind.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    conditions = responses if isinstance(responses, Mapping) else {"": responses}
    if not isinstance(ylabel, str):
        raise BadValue(f"ylabel is {brief_repr(ylabel)}; expected text.", name="ylabel", value=ylabel)
    for response in conditions.values():
        check_response(response)
    if ax is None:
        _, ax = new_figure(*_TRACES_SIZE)
    handles = []
    for number, (name, response) in enumerate(conditions.items()):
        events = response.mean("cell") if "cell" in response.dims else response
        mean, lower, upper = compute_confidence_band(events, draws=draws, seed=seed).to_numpy()
        color, time = condition_color(name, number), response["time"].to_numpy()
        handles += ax.plot(time, mean, color=color, label=_label(name, response.sizes["event"]))
        ax.fill_between(time, lower, upper, color=color, alpha=_BAND_ALPHA, linewidth=0)
    ax.axvline(0, color=NEUTRAL, linewidth=0.8, zorder=0)
    set_labels(ax, "time from event (s)", _as_text(ylabel))
    add_legend(ax, handles)
    return ax


def plot_response_matrix(
    matrix: pd.DataFrame, ax: Axes | None = None, *, label: str = "fraction of flashes with a lick"
) -> Axes:
    """Plot a matrix of responses by pair of images.

    Parameters
    ----------
    matrix : pandas.DataFrame
        A table of `ResponseMatrix`: rows are the previous image, columns the current one.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.
    label : str
        Label of the color bar.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If it is not a table of numbers, or empty.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    values = _matrix_values(matrix)
    if not isinstance(label, str):
        raise BadValue(f"label is {brief_repr(label)}; expected text.", name="label", value=label)
    if ax is None:
        _, ax = new_figure(*_MATRIX_SIZE)
    mesh = ax.imshow(values, cmap="viridis", vmin=min(0.0, float(np.nanmin(values, initial=0.0))), aspect="equal")
    ax.figure.colorbar(mesh, ax=ax, label=_as_text(label))
    ax.set_xticks(range(values.shape[1]), [_as_text(name) for name in matrix.columns], rotation=90)
    ax.set_yticks(range(values.shape[0]), [_as_text(name) for name in matrix.index])
    set_labels(ax, "image", "previous image")
    if max(values.shape) <= _LARGEST_ANNOTATED:
        _annotate(ax, values, mesh)
    return ax


def plot_lick_raster(
    licks: Columns, event_times: Any, ax: Axes | None = None, window: tuple[float, float] = _RASTER_WINDOW
) -> Axes:
    """Plot the licks around each event, one row per event, the first at the top.

    Parameters
    ----------
    licks : pandas.DataFrame
        The column ``timestamps`` (s) is used.
    event_times : array_like
        Times of the events (s).
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.
    window : tuple of float
        Start and end, relative to the event (s).

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If an argument is not of this kind.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    start, end = checked_window("window", window)
    times = get_event_times(licks, "licks")
    events = get_event_times({"event_times": event_times}, "events", "event_times")
    first, stop = np.searchsorted(times, events + start, "left"), np.searchsorted(times, events + end, "right")
    row = np.repeat(np.arange(len(events)), stop - first)
    # Position of each drawn lick: the first of its row, and the number of those before it in the row.
    position = np.arange(len(row)) - np.repeat(np.cumsum(stop - first) - (stop - first), stop - first)
    relative = times[np.repeat(first, stop - first) + position] - events[row]
    if ax is None:
        _, ax = new_figure(*_RASTER_SIZE)
    ax.plot(relative, row, linestyle="none", marker="|", color=foreground(ax), markersize=3, label="licks")
    ax.axvline(0, color=NEUTRAL, linewidth=0.8, zorder=0)
    ax.set_xlim(start, end)
    ax.set_ylim(max(len(events), 1) - 0.5, -0.5)
    set_labels(ax, "time from event (s)", "event")
    return ax


def _label(name: Any, count: int) -> str:
    events = count_text(count, "event")
    return f"{_as_text(name)} ({events})" if name != "" else events


def _as_text(text: Any) -> str:
    """Return text without dollar signs, which would begin a formula."""
    return brief_repr(text).strip("'\"").replace("$", r"\$") if not isinstance(text, str) else text.replace("$", r"\$")


def _matrix_values(matrix: Any) -> Any:
    if not isinstance(matrix, pd.DataFrame):
        raise BadValue(
            f"matrix is {brief_repr(matrix)}; expected a table of compute_response_matrix, such as its mean.",
            name="matrix",
        )
    if not matrix.size:
        raise BadValue(
            "matrix is empty: the image could not have changed at any of the flashes. Expected at least one pair of images.",
            name="matrix",
        )
    try:
        return matrix.to_numpy().astype(np.float64)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise BadValue(f"matrix cannot be used: {error}. Expected numbers.", name="matrix") from error


def _annotate(ax: Any, values: Any, mesh: Any) -> None:
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            color = "black" if mesh.norm(value) > 0.6 else "white"
            ax.text(column, row, f"{value:.2g}", ha="center", va="center", color=color, fontsize="small")
