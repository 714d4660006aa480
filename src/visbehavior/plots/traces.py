"""Plot the dF/F of cells: traces with the events of the task, and a heat map of all cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.cells import list_cell_ids, select_cells
from visbehavior.errors import BadValue, brief_repr
from visbehavior.extras import import_extra
from visbehavior.plots.events import draw_task, named_elsewhere
from visbehavior.plots.figure import (
    TIME_LABEL,
    add_legend,
    axes_size,
    check_axes,
    font_size,
    foreground,
    new_figure,
    set_labels,
)
from visbehavior.plots.plane import EXPERIMENT, plane_title
from visbehavior.plots.tables import TaskTables, as_array, parse_time_range, read_attributes, read_session
from visbehavior.plots.timeline import OVERVIEW_DURATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_CELLS = 10
"""Number of cells that plot_traces draws unless cells are named."""
MAX_COLUMNS = 1000
"""Largest number of columns of the heat map. More frames are averaged."""
COLOR_PERCENTILES = (1, 99.5)
"""Percentiles of dF/F at the ends of the color scale, because few transients are much larger than the rest."""

# Inches.
_WIDTH = 13.0
_TRACES_HEIGHT = 2.2
_HEIGHT_PER_CELL = 0.55
_LEAST_HEIGHT_PER_CELL = 0.4
_POPULATION_HEIGHTS = (3.5, 9.0)
_POPULATION_HEIGHT_PER_CELL = 0.08
# Percentiles of dF/F between which a trace lies in its line.
_SCALE_PERCENTILES = (1, 99.5)
_UNMATCHED = "no id"


def plot_traces(
    experiment: Any,
    cell_specimen_ids: Iterable[int] | None = None,
    ax: Axes | None = None,
    start: float | None = None,
    stop: float | None = None,
) -> Axes:
    """Plot the dF/F of cells, one above the other, with the events of the task.

    All traces have one scale, which a bar on the left shows. Licks, rewards and the outcomes of trials are drawn in strips
    below and above them; in time ranges of up to 5 minutes also images, omissions and changes, as in `plot_timeline`.

    Parameters
    ----------
    experiment : BehaviorOphysExperiment
        The imaging plane.
    cell_specimen_ids : iterable of int or None
        The cells. None: the first 10 cells of the plane, or fewer if `ax` is small.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.
    start, stop : float or None
        Time range (s). None means the first and the last frame.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If the first argument is not an imaging plane, the plane has no cells or none of the named ones, or the time range
        is empty or outside the session. Some that are missing give a warning.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_traces(experiment, start=290, stop=330)
    >>> ax = plot_traces(experiment, [1086557092, 1086557208])
    """
    check_axes(ax)
    ids = None if cell_specimen_ids is None else _list_ids(cell_specimen_ids)
    table, times = _read_table(experiment)
    table = table.iloc[: _count_default_cells(ax)] if ids is None else select_cells(table, ids)
    events = read_session(experiment)
    first, last = _frame_range(times, start, stop)
    frames = _frames_within(times, first, last)
    traces = _read_traces(table, len(times), frames)
    if ax is None:
        _, ax = new_figure(_WIDTH, _TRACES_HEIGHT + _HEIGHT_PER_CELL * len(table))
    ax.set_xlim(first, last)
    set_labels(ax, TIME_LABEL, "cell_specimen_id", plane_title(experiment))
    _draw_traces(ax, table.index, times[frames], traces)
    _draw_events(ax, events.within(first, last), table.index, is_long=last - first > OVERVIEW_DURATION)
    return ax


def plot_population(
    experiment: Any, ax: Axes | None = None, start: float | None = None, stop: float | None = None
) -> Axes:
    """Plot the dF/F of all cells of an imaging plane as a heat map, one row per cell.

    In time ranges of up to 5 minutes, ticks above the map are changes. If there are more than 1,000 frames, successive ones are averaged.

    Parameters
    ----------
    experiment : BehaviorOphysExperiment
        The imaging plane.
    ax : matplotlib.axes.Axes or None
        Axes to draw on, beside which the color scale takes space. None: a new figure.
    start, stop : float or None
        Time range (s). None means the first and the last frame.

    Returns
    -------
    matplotlib.axes.Axes
        Cells are numbered from 0 at the top, in the order of dff_traces.

    Raises
    ------
    BadValue
        If the first argument is not an imaging plane, the plane has no cells, or the time range is empty or outside the
        session.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_population(experiment, start=290, stop=400)
    """
    check_axes(ax)
    table, times = _read_table(experiment)
    events = read_session(experiment)
    first, last = _frame_range(times, start, stop)
    frames = _frames_within(times, first, last)
    edges, means = average_frames(times[frames], _read_traces(table, len(times), frames))
    if ax is None:
        height = float(np.clip(2.0 + _POPULATION_HEIGHT_PER_CELL * len(table), *_POPULATION_HEIGHTS))
        _, ax = new_figure(_WIDTH, height)
    set_labels(ax, TIME_LABEL, "cell", f"{plane_title(experiment)}, {len(table)} cells")
    ax.set_xlim(first, last)
    _draw_heat_map(ax, edges, means)
    if last - first <= OVERVIEW_DURATION:
        _draw_changes(ax, events.within(first, last))
    return ax


def average_frames(
    times: NDArray[np.float64], traces: Sequence[NDArray[Any]], most: int = MAX_COLUMNS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average equal numbers of successive frames, so that there are at most `most` columns.

    Parameters
    ----------
    times : numpy.ndarray
        Ascending times of at least one frame (s).
    traces : sequence of numpy.ndarray
        One value per frame for each cell.
    most : int
        Largest number of columns.

    Returns
    -------
    edges : numpy.ndarray
        Start of each column, and the end of the last one (s). A frame lasts until the next one.
    means : numpy.ndarray
        Cells x columns. NaN frames are ignored.
    """
    size = -(-len(times) // most)
    starts = np.arange(0, len(times), size)
    means = np.full((len(traces), len(starts)), np.nan)
    # One cell at a time, because all traces of a session can be larger than the memory.
    for row, trace in zip(means, traces, strict=True):
        finite = np.isfinite(trace)
        counts = np.add.reduceat(finite, starts, dtype=np.int64)
        np.divide(np.add.reduceat(np.where(finite, trace, 0.0), starts), counts, out=row, where=counts > 0)
    frame = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    return np.append(times[starts], times[-1] + frame), means


def _read_table(experiment: Any) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return the table of dF/F and the times of the frames, checked."""
    table, times = read_attributes(experiment, "experiment", ("dff_traces", "ophys_timestamps"), EXPERIMENT)
    if not isinstance(table, pd.DataFrame) or "dff" not in table:
        raise BadValue(
            f"experiment.dff_traces is {brief_repr(table)}; expected a DataFrame with a column dff.", name="dff_traces"
        )
    if not len(table):
        raise BadValue("The imaging plane has no valid cell, so there is no dF/F to plot.", name="dff_traces")
    expected = "an array with the time of each frame, in ascending order"
    seconds = as_array(times, 1, "experiment.ophys_timestamps", expected).astype(np.float64)
    if not len(seconds) or not (np.diff(seconds) >= 0).all():
        raise BadValue(
            f"experiment.ophys_timestamps is {brief_repr(times)}; expected {expected}.", name="ophys_timestamps"
        )
    return table, seconds


def _list_ids(cell_specimen_ids: Iterable[int]) -> list[int]:
    ids = list_cell_ids(cell_specimen_ids)
    if not ids:
        raise BadValue(
            "cell_specimen_ids is empty; expected at least one id, or None for the first cells.",
            name="cell_specimen_ids",
        )
    return ids


def _count_default_cells(ax: Axes | None) -> int:
    """Return the number of cells to draw if none are named: fewer in small axes."""
    return MAX_CELLS if ax is None else int(np.clip(axes_size(ax)[1] / _LEAST_HEIGHT_PER_CELL, 1, MAX_CELLS))


def _frame_range(times: NDArray[np.float64], start: float | None, stop: float | None) -> tuple[float, float]:
    return parse_time_range(start, stop, float(times[0]), float(times[-1]))


def _frames_within(times: NDArray[np.float64], first: float, last: float) -> slice:
    """Return the frames in a time range; BadValue if there is none."""
    begin, end = np.searchsorted(times, [first, last + np.spacing(last)])
    if begin == end:
        raise BadValue(f"There is no frame from {first:g} s to {last:g} s. Choose a longer time range.")
    return slice(int(begin), int(end))


def _read_traces(table: pd.DataFrame, count: int, frames: slice) -> list[NDArray[Any]]:
    """Return frames of each trace. Other frames are not read from the file."""
    expected = "a trace, with a value for each of ophys_timestamps"
    traces = [as_array(trace, 1, "A value of experiment.dff_traces.dff", expected) for trace in table["dff"]]
    for trace in traces:
        if trace.shape != (count,):
            raise BadValue(
                f"A trace in experiment.dff_traces has the shape {trace.shape}; expected ({count},), a value for each of "
                "ophys_timestamps.",
                name="dff",
            )
    return [trace[frames] for trace in traces]


def _draw_traces(ax: Axes, ids: pd.Index, times: NDArray[np.float64], traces: list[NDArray[Any]]) -> None:
    """Draw each trace in its own line: the first cell at the top, and 0 dF/F at the tick of the cell."""
    values = np.concatenate(traces)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, _SCALE_PERCENTILES) if len(finite) else (0.0, 1.0)
    scale = max(float(high) - min(float(low), 0.0), 1e-9)
    for position, (number, trace) in enumerate(zip(ids, traces, strict=True)):
        y = len(ids) - 1 - position + trace / scale
        ax.plot(times, y, color=foreground(ax), linewidth=0.8, label=cell_label(number), zorder=2)
    _draw_scale(ax, scale)


def _draw_scale(ax: Axes, scale: float) -> None:
    """Draw a bar of a round number of dF/F on the right, beside the lowest trace."""
    length = float(f"{scale * 0.7:.0e}")
    transform = ax.get_yaxis_transform()
    ax.plot([1.008, 1.008], [0, length / scale], transform=transform, color=foreground(ax), linewidth=2, clip_on=False)
    style: dict[str, Any] = {"fontsize": 0.9 * font_size(ax), "color": foreground(ax), "va": "center"}
    ax.text(1.015, length / scale / 2, f"{length:g} dF/F", transform=transform, rotation=90, **style)


def _draw_events(ax: Axes, events: TaskTables, ids: pd.Index, is_long: bool) -> None:
    ticks = {float(len(ids) - 1 - position): cell_label(number) for position, number in enumerate(ids)}
    handles = draw_task(ax, events, -0.7, len(ids) + 0.3, ticks=ticks, images=not is_long)
    add_legend(ax, handles, named_elsewhere(events))


def cell_label(number: Any) -> str:
    """Return the id of a cell as text. Cells that were not matched over sessions have none."""
    return _UNMATCHED if pd.isna(number) else str(int(number))


def _draw_heat_map(ax: Axes, edges: NDArray[np.float64], means: NDArray[np.float64]) -> None:
    finite = means[np.isfinite(means)]
    low, high = np.percentile(finite, COLOR_PERCENTILES) if len(finite) else (0.0, 1.0)
    rows = np.arange(len(means) + 1) - 0.5
    style: dict[str, Any] = {"cmap": "viridis", "vmin": low, "vmax": high, "rasterized": True}
    mesh = ax.pcolormesh(edges, rows, np.ma.masked_invalid(means), **style)
    ax.set_ylim(len(means) - 0.5, -0.5)
    ax.yaxis.set_major_locator(import_extra("matplotlib.ticker").MaxNLocator(6, integer=True))
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.01, fraction=0.03 if axes_size(ax)[0] > 6 else 0.06)
    bar.set_label("dF/F", fontsize=font_size(ax))
    bar.ax.tick_params(labelsize=0.9 * font_size(ax))


def _draw_changes(ax: Axes, events: TaskTables) -> None:
    """Draw a tick above the map at each change."""
    changes = events.images.loc[events.images["is_change"].astype(bool), "start"]
    if not len(changes):
        return
    top = ax.secondary_xaxis("top")
    top.set_xticks(changes.to_numpy(), [""] * len(changes))
    top.set_xlabel("changes", fontsize=0.9 * font_size(ax))
    top.tick_params(length=0.6 * font_size(ax), width=1.2)
