"""Counts and distances of events, such as licks, in and from windows.

Every function takes sorted times and returns one value per window or time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns, check_one_session, get_numbers
from visbehavior.errors import BadValue, brief_repr

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def get_event_times(table: Columns, name: str, column: str = "timestamps") -> Floats:
    """Return the times of a table's events (s).

    Parameters
    ----------
    table : pandas.DataFrame or mapping
        Table of a session, such as its licks. A table without rows may lack the column, as AllenSDK 2.10 names it
        differently.
    name : str
        Name of the table in messages.
    column : str
        Column of the times.

    Raises
    ------
    BadValue
        If it is not a table, or the times are not increasing numbers.
    MissingData
        If a table with rows lacks the column.
    """
    check_one_session(table, name, column)
    if column not in table and getattr(table, "shape", (1,))[0] == 0:
        return np.empty(0)
    times = get_numbers(table, column, name)
    unusable = np.flatnonzero(~np.isfinite(times))
    if len(unusable):
        raise BadValue(
            f"The column {brief_repr(column)} of {name} is {times[unusable[0]]:g} at row {unusable[0]}; expected a time in each row. "
            "Drop these rows.",
            name=name,
        )
    return times


def count_after_until(times: Floats, start: Floats, stop: Floats) -> tuple[Counts, Floats]:
    """Count events in each window (start, stop], and return the first of each window, NaN if there is none."""
    return _count(times, np.searchsorted(times, start, "right"), np.searchsorted(times, stop, "right"))


def count_between(times: Floats, start: Floats, stop: Floats) -> tuple[Counts, Floats]:
    """Count events in each window without its ends, and return the first of each window, NaN if there is none."""
    return _count(times, np.searchsorted(times, start, "right"), np.searchsorted(times, stop, "left"))


def count_from_to(times: Floats, start: Floats, stop: Floats) -> tuple[Counts, Floats]:
    """Count events in each window with its ends, and return the first of each window, NaN if there is none."""
    return _count(times, np.searchsorted(times, start, "left"), np.searchsorted(times, stop, "right"))


def time_from_last(times: Floats, now: Floats, side: str = "right") -> Floats:
    """Return the time since the last event at or before each time; NaN before the first event.

    With `side` "left", an event at the time itself does not count.
    """
    last = (np.searchsorted(times, now, "right" if side == "right" else "left") - 1).astype(np.intp)
    since = np.full(len(now), np.nan)
    found = last >= 0
    since[found] = now[found] - times[last[found]]
    return since


def rows_from_last(flags: NDArray[np.bool_]) -> Counts:
    """Count rows since the last True: 0 at it; -1 before the first."""
    row = np.arange(len(flags))
    last = np.maximum.accumulate(np.where(flags, row, -1)) if len(flags) else row
    return np.where(last < 0, -1, row - last)


def mean_in_windows(times: Floats, values: Floats, start: Floats, stop: Floats) -> Floats:
    """Return the mean of the samples in each window [start, stop); NaN without samples, or with a NaN among them."""
    first, end = np.searchsorted(times, start, "left"), np.searchsorted(times, stop, "left")
    mean = np.full(len(start), np.nan)
    sampled = np.flatnonzero(end > first)
    if len(sampled):
        first, end = first[sampled], end[sampled]
        # A sum for each pair of positions; the added 0 lets a window end with the last sample.
        sums = np.add.reduceat(np.append(values, 0.0), np.column_stack([first, end]).ravel())[::2]
        mean[sampled] = sums / (end - first)
    return mean


def _count(times: Floats, first: Counts, end: Counts) -> tuple[Counts, Floats]:
    count = np.maximum(end - first, 0)
    first_time = np.full(len(first), np.nan)
    first_time[count > 0] = times[first[count > 0]]
    return count.astype(np.int64), first_time
