"""Tables of the traces of an imaging plane, a row per cell, as AllenSDK has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.events import filter_events
from visbehavior.frames import object_column
from visbehavior.plane_traces import PlaneTraces
from visbehavior.schema.columns import Table
from visbehavior.schema.imaging import CELL_SPECIMEN_TABLE, EVENTS


def make_cell_table(plane: PlaneTraces, cells: pd.DataFrame, masks: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the table of cells. Its masks are views of the stored ones.

    Parameters
    ----------
    plane : PlaneTraces
    cells : pandas.DataFrame
        ROI ids of the selected cells, with the index of the table.
    masks : numpy.ndarray
        Masks of all ROIs: ROI x height x width.
    """
    frame = cells.copy()
    for column in CELL_SPECIMEN_TABLE:
        if column.name not in (*frame, "roi_mask"):
            frame[column.name] = plane.cells[column.name][plane.selected]
    frame["roi_mask"] = object_column(masks[row] for row in plane.selected)
    return frame


def make_trace_table(plane: PlaneTraces, table: Table, cells: pd.DataFrame, convention: str) -> pd.DataFrame | None:
    """Return a table of traces; None if an optional one is absent. Its arrays are views of the stored matrix.

    Parameters
    ----------
    plane : PlaneTraces
    table : Table
    cells : pandas.DataFrame
        ROI ids of the selected cells, with the index of the table.
    convention : str
        "2.16", or "2.10", in which traces are lists.
    """
    columns, matrix, rows = plane.stored(table), plane.matrix(table), plane.selected
    if matrix is None:
        return None
    name, *others = (column.name for column in table if column.path is not None)
    frame, traces = cells.copy(), [matrix[:, row] for row in rows]
    frame[name] = object_column(trace.tolist() for trace in traces) if convention == "2.10" else object_column(traces)
    for other in others:
        if other in columns:
            frame[other] = columns[other][rows]
    return frame


def make_events_table(
    plane: PlaneTraces, cells_of: Callable[[NDArray[np.intp]], pd.DataFrame], convention: str
) -> pd.DataFrame:
    """Return the table of events, with the filtered ones.

    Parameters
    ----------
    plane : PlaneTraces
    cells_of : function
        Returns the ROI ids of rows of the cell table, with the index of the table.
    convention : str
        "2.16", or "2.10", which keeps the events of invalid ROIs.
    """
    columns, matrix, rows = plane.stored(EVENTS), plane.matrix(EVENTS), plane.event_rows()
    assert matrix is not None
    kept = np.flatnonzero(np.isin(rows, plane.selected if convention == "2.16" else rows))
    frame = cells_of(rows[kept])
    events = [matrix[:, column] for column in kept]
    frame["events"] = object_column(events)
    rate = plane.frame_rate()
    frame["filtered_events"] = object_column(filter_events(trace, rate, *plane.events_filter) for trace in events)
    for name in ("lambda", "noise_std"):
        frame[name] = columns[name][kept]
    return frame
