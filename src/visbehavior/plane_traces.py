"""The traces of an imaging plane, read from its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visbehavior.arguments import check_choice, check_number
from visbehavior.cells import row_of_cell
from visbehavior.errors import BadValue, MissingData
from visbehavior.extras import import_extra
from visbehavior.nwb.reader import NwbReader
from visbehavior.read_once import Once
from visbehavior.schema import imaging as schema
from visbehavior.schema.columns import Table

if TYPE_CHECKING:
    from xarray import DataArray

NOT_MATCHED = -1
"""Stored id of a cell that was not matched; None in the tables."""

_CELL_COLUMNS = ("valid_roi", "x", "y", "width", "height", "mask_image_plane")
_IDS = ("cell_roi_id", schema.CELL_COLUMN)
_UNITS = {"dff": "1"}
_TIME_LIMIT = 1e9


class PlaneTraces(NamedTuple):
    """Reads traces of the selected cells.

    Parameters
    ----------
    reader : NwbReader
    once : function
        Keeps what was read.
    cells : mapping
        Stored columns of the cell table, for all ROIs.
    selected : numpy.ndarray
        Rows of the cell table that are returned.
    times : numpy.ndarray
        Times of the imaging frames (s).
    events_filter : tuple
        Standard deviation (s) and number of values of the filter of events.
    """

    reader: NwbReader
    once: Once
    cells: Mapping[str, Any]
    selected: NDArray[np.intp]
    times: NDArray[np.float64]
    events_filter: tuple[float, int]

    def stored(self, table: Table) -> dict[str, Any]:
        """Return the stored columns of a table of traces; {} if an optional table is absent."""
        columns: dict[str, Any] = self.once(f"stored {table.name}", lambda: self.reader.read(table))
        return columns

    def matrix(self, table: Table) -> NDArray[Any] | None:
        """Return the traces of a table for all its cells, frames x cells; None if an optional table is absent."""
        columns = self.stored(table)
        if not columns:
            return None
        matrix: NDArray[Any] = next(columns[column.name] for column in table if column.dtype == "trace" and column.path)
        self._check_shape(table, matrix.shape)
        return matrix

    def event_rows(self) -> NDArray[np.int64]:
        """Return the row of the cell table that each column of the events belongs to."""
        rows: NDArray[np.int64] = self.once("rows of events", lambda: self.reader.read(schema.EVENTS, lambda _: False))[
            schema.EVENT_ROWS
        ]
        count = len(self.cells["cell_roi_id"])
        unknown = rows[(rows < 0) | (rows >= count)]
        if len(unknown):
            raise BadValue(
                f"{self.reader.location}: events refers to row {unknown[0]} of the cell table, which has {count} rows. The file was "
                "changed or is damaged. Download or copy it again.",
                path=self.reader.location,
            )
        return rows

    def frame_rate(self) -> float:
        """Return the imaging frames per second that the file states."""
        name = "ophys_frame_rate"
        return float(self.once(name, lambda: self.reader.read(schema.IMAGING_PLANE, name.__eq__)[name]))

    def lazy(self, kind: str) -> DataArray:
        """Return traces that are read when they are indexed: see `BehaviorOphysExperiment.traces`."""
        import_extra("xarray")
        from visbehavior.traces import EventFilter, StoredTraces, make_traces

        check_choice("kind", kind, schema.TRACE_KINDS)
        table = schema.TRACE_KINDS[kind]
        shape = self._shape(table, kind)
        self._check_shape(table, shape)
        rows, columns = self.selected, self.selected
        if table is schema.EVENTS:
            events = self.event_rows()
            columns = np.flatnonzero(np.isin(events, self.selected))
            rows = events[columns]
        dtype = self.reader.read_frames(table, 0, 0).dtype
        stored = StoredTraces(
            lambda start, stop: self._frames(table, start, stop), (shape[0], shape[1]), dtype, columns
        )
        event_filter = EventFilter(self.frame_rate(), *self.events_filter) if kind == schema.FILTERED_EVENTS else None
        return make_traces(kind, stored, self.times, self._coordinates(rows), self._attributes(kind), event_filter)

    def dff_trace(
        self, cell_specimen_id: int | None, cell_roi_id: int | None, start: float | None, stop: float | None
    ) -> DataArray:
        """Return the dF/F of one cell: see `BehaviorOphysExperiment.dff_trace`."""
        if (cell_specimen_id is None) == (cell_roi_id is None):
            raise BadValue("dff_trace needs cell_specimen_id or cell_roi_id, and not both.")
        for name, value in (("start", start), ("stop", stop)):
            if value is not None:
                check_number(name, value, -_TIME_LIMIT, _TIME_LIMIT, unit="s")
        name, number = (
            ("cell_roi_id", cell_roi_id) if cell_specimen_id is None else (schema.CELL_COLUMN, cell_specimen_id)
        )
        row = self.selected[row_of_cell(self.cells[name][self.selected], number)]
        first = 0 if start is None else int(np.searchsorted(self.times, start, side="left"))
        last = len(self.times) if stop is None else int(np.searchsorted(self.times, stop, side="right"))
        self._check_shape(schema.DFF_TRACES, self._shape(schema.DFF_TRACES, "dff"))
        values = np.array(self._frames(schema.DFF_TRACES, first, last)[:, row])
        coordinates = {"time": ("time", self.times[first:last], {"units": "s"})}
        ids = {name: values[0] for name, values in self._coordinates(np.array([row])).items() if name in _IDS}
        xarray = import_extra("xarray")
        trace: DataArray = xarray.DataArray(values, {**coordinates, **ids}, ("time",), "dff", {"units": _UNITS["dff"]})
        return trace

    def _shape(self, table: Table, kind: str) -> tuple[int, ...]:
        shape = self.reader.read_trace_shape(table)
        if shape is None:
            raise MissingData(
                f"{self.reader.location} has no {kind} traces: files of release 1.0.x do not.",
                path=self.reader.location,
                name=kind,
            )
        return shape

    def _frames(self, table: Table, start: int, stop: int) -> NDArray[Any]:
        """Return a range of frames. All frames of a streamed file are kept: one cell needs them as all cells do."""
        matrix = self.matrix(table) if self.reader.is_local or (start, stop) == (0, len(self.times)) else None
        return self.reader.read_frames(table, start, stop) if matrix is None else matrix[start:stop]

    def _coordinates(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        ids = np.nan_to_num(self.cells[schema.CELL_COLUMN], nan=NOT_MATCHED).astype(np.int64)
        columns = {"cell_roi_id": self.cells["cell_roi_id"], schema.CELL_COLUMN: ids}
        columns |= {name: self.cells[name] for name in _CELL_COLUMNS}
        return {name: values[rows] for name, values in columns.items()}

    def _attributes(self, kind: str) -> dict[str, Any]:
        size = self.once("pixel size", lambda: self.reader.read_pixel_size(schema.MAX_PROJECTION))
        units = {"units": _UNITS[kind]} if kind in _UNITS else {}
        return {**units, "pixel_size": size, "pixel_size_units": "mm"}

    def _check_shape(self, table: Table, shape: tuple[int, ...]) -> None:
        """Raise BadValue unless traces have a row per frame and a column per cell."""
        cells = self.event_rows() if table is schema.EVENTS else self.cells["cell_roi_id"]
        expected = len(self.times), len(cells)
        if shape != expected:
            raise BadValue(
                f"{self.reader.location}: {table.name} has the shape {shape}; expected {expected}, frames x cells. The file was "
                "changed or is damaged. Download or copy it again.",
                path=self.reader.location,
                name=table.name,
            )
