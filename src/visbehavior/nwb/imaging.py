"""Cells, traces, events and images of an imaging plane's NWB file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.image import Image
from visbehavior.nwb.file import NwbFile, Piece, optional
from visbehavior.nwb.open_file import OpenFile
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.columns import Table
from visbehavior.schema.imaging import (
    CELL_COLUMN,
    CELL_SPECIMEN_TABLE,
    CORRECTED_FLUORESCENCE_TRACES,
    DEMIXED_TRACES,
    DFF_TRACES,
    EVENT_ROWS,
    EVENTS,
    IMAGES_GROUP,
    NEUROPIL_TRACES,
)

_MM_PER_CM = 10.0


def read_cells(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read `visbehavior.schema.imaging.CELL_SPECIMEN_TABLE`, with the index; the masks are one array."""
    table = CELL_SPECIMEN_TABLE
    pieces: dict[str, Piece] = {
        column.name: methodcaller("numbers", table.group, column.path)
        for column in table
        if column.dtype != "image" and wanted(column.name)
    }
    pieces[CELL_COLUMN] = methodcaller("numbers", table.group, CELL_COLUMN)
    columns = file.read(pieces)
    if wanted("roi_mask"):
        columns["roi_mask"] = _read_masks(file)
    return columns


def _read_masks(file: NwbFile) -> NDArray[np.bool_]:
    masks = file.read_array(CELL_SPECIMEN_TABLE.group, str(CELL_SPECIMEN_TABLE.by_name["roi_mask"].path), 3)
    return masks.astype(np.bool_, copy=False)


def _reader_of(table: Table) -> Callable[..., dict[str, Any]]:
    """Return the function that reads the traces of a table: frames x cells; {} if an optional table is absent."""

    def read(
        file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
    ) -> dict[str, Any]:
        stored = [column for column in table if column.path is not None and wanted(column.name)]
        group, _, name = str(stored[0].path).rpartition("/")
        folder = f"{table.group}/{group}"
        if table.optional and not file.read_one(lambda opened: opened.has_optional(folder)):
            return {}
        pieces = {column.name: _optional_numbers(table.group, str(column.path)) for column in stored[1:]}
        columns = {stored[0].name: file.read_array(folder, name, 2), **file.read(pieces)}
        return {name: values for name, values in columns.items() if values is not None}

    return read


def _optional_numbers(group: str, path: str) -> Piece:
    folder, _, name = f"{group}/{path}".rpartition("/")
    return optional(methodcaller("numbers", folder, name), folder)


def read_frames(file: NwbFile, table: Table, start: int, stop: int) -> NDArray[Any]:
    """Return a range of frames of a table's traces: frames x cells."""
    folder, name = _trace_path(table)
    return file.read_one(methodcaller("rows", folder, name, start, stop))


def read_trace_shape(file: NwbFile, table: Table) -> tuple[int, ...] | None:
    """Return the shape of a table's traces, frames x cells; None if an optional table is absent."""
    folder, name = _trace_path(table)
    shape = methodcaller("shape", folder, name)
    found: tuple[int, ...] | None = file.read_one(optional(shape, folder) if table.optional else shape)
    return found


def _trace_path(table: Table) -> tuple[str, str]:
    path = next(str(column.path) for column in table if column.dtype == "trace" and column.path is not None)
    folder, _, name = f"{table.group}/{path}".rpartition("/")
    return folder, name


def read_events(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read `visbehavior.schema.imaging.EVENTS`: frames x cells, and under "rois" the rows of the cell table."""
    table = EVENTS
    pieces: dict[str, Piece] = {EVENT_ROWS: methodcaller("whole_numbers", table.group, EVENT_ROWS)}
    for column in table:
        if column.path is not None and wanted(column.name):
            ndim = 2 if column.dtype == "trace" else 1
            pieces[column.name] = methodcaller("numbers", table.group, column.path, ndim)
    return file.read(pieces)


def read_image(file: NwbFile, name: str) -> Image:
    """Return a stored image."""
    pieces: dict[str, Piece] = {
        "pixels": methodcaller("numbers", IMAGES_GROUP, name, 2),
        "size": _pixel_size_of(file, name),
    }
    values = file.read(pieces)
    return Image(values["pixels"], [values["size"]] * 2)


def read_pixel_size(file: NwbFile, name: str) -> float:
    """Return the size of the pixels of a stored image (mm), without its pixels."""
    return file.read_one(_pixel_size_of(file, name))


def _pixel_size_of(file: NwbFile, name: str) -> Callable[[OpenFile], float]:
    def read(opened: OpenFile) -> float:
        resolution = opened.dataset_attribute(IMAGES_GROUP, name, "resolution")
        if not isinstance(resolution, float) or not 0 < resolution < np.inf:
            raise BadValue(
                f"{file.path}: the resolution of /{IMAGES_GROUP}/{name} is not a positive number. The file was changed or is damaged.",
                path=file.path,
                name=name,
            )
        # The file says pixels per cm and stores cm per pixel.
        return resolution * _MM_PER_CM

    return read


IMAGING_READERS = {
    CELL_SPECIMEN_TABLE.name: read_cells,
    EVENTS.name: read_events,
    **{
        table.name: _reader_of(table)
        for table in (DFF_TRACES, CORRECTED_FLUORESCENCE_TRACES, DEMIXED_TRACES, NEUROPIL_TRACES)
    },
}
"""Functions that read the tables of an imaging plane."""
