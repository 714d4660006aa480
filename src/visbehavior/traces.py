"""Traces of an imaging plane as xarray: labelled by cell and time, and read when they are indexed.

A file stores frames x cells, so that a range of frames is contiguous and one cell is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends.common import BackendArray
from xarray.core import indexing

from visbehavior.analysis.events import filter_events

Read = Callable[[int, int], NDArray[Any]]
"""Returns the frames from a first to before a last one, of all stored cells: frames x cells."""


class StoredTraces(NamedTuple):
    """Traces in a file.

    Parameters
    ----------
    read : function
        Reads a range of frames.
    shape : tuple of int
        Frames x cells, as stored.
    dtype : numpy.dtype
    columns : numpy.ndarray
        Stored column of each cell that is returned.
    """

    read: Read
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    columns: NDArray[np.intp]


class EventFilter(NamedTuple):
    """Half Gaussian that events are convolved with: see `visbehavior.analysis.events.filter_events`."""

    frame_rate: float
    scale: float
    steps: int


class _LazyTraces(BackendArray):
    """Cells x frames. Only the frames and cells of an index are read."""

    def __init__(self, stored: StoredTraces, event_filter: EventFilter | None) -> None:
        self._stored, self._filter = stored, event_filter
        self.shape = (len(stored.columns), stored.shape[0])
        self.dtype = np.dtype(np.float64) if event_filter else stored.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        cells, frames = self._stored.columns[key[0]], range(self.shape[1])[key[1]]
        is_single = isinstance(frames, int)
        ends = (frames, frames) if isinstance(frames, int) else (frames[0], frames[-1]) if frames else (0, -1)
        first, last = min(ends), max(ends)
        before = 0 if self._filter is None else min(first, self._filter.steps - 1)
        values = self._stored.read(first - before, last + 1)[:, cells].T
        if self._filter is not None and values.size:
            values = np.apply_along_axis(filter_events, -1, values, *self._filter)[..., before:]
        # The values that were read begin at the first frame, or end with it if the frames go backwards.
        return np.ascontiguousarray(
            values[..., 0] if is_single else values[..., ends[0] - first :: getattr(frames, "step", 1)]
        )


def make_traces(
    kind: str,
    stored: StoredTraces,
    times: NDArray[np.float64],
    cells: Mapping[str, NDArray[Any]],
    attributes: Mapping[str, Any],
    event_filter: EventFilter | None = None,
) -> xarray.DataArray:
    """Return traces with coordinates.

    Parameters
    ----------
    kind : str
        A key of `visbehavior.schema.imaging.TRACE_KINDS`.
    stored : StoredTraces
    times : numpy.ndarray
        Time of each frame (s).
    cells : mapping of str to numpy.ndarray
        Coordinates along the cells; cell_roi_id and cell_specimen_id become indexes.
    attributes : mapping
        Attributes of the array.
    event_filter : EventFilter or None
        Filter of filtered events.
    """
    data = indexing.LazilyIndexedArray(_LazyTraces(stored, event_filter))
    time = xarray.Variable(("time",), times, {"units": "s"})
    coordinates = {name: ("cell", values) for name, values in cells.items()}
    variable = xarray.Variable(("cell", "time"), data, dict(attributes))
    array = xarray.DataArray(variable, coords={"time": time, **coordinates}, name=kind)
    return array.set_xindex("cell_roi_id").set_xindex("cell_specimen_id")
