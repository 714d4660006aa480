"""Writer of an imaging plane: cells, traces, events, motion and images, in the layout of release 1.1.0."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData
from visbehavior.extras import import_extra
from visbehavior.nwb import extensions
from visbehavior.schema import imaging as schema
from visbehavior.schema.columns import Table

MODULE = "ophys"
"""Processing module that the tables of a plane are in."""
PLANE = schema.IMAGING_PLANE.group.rpartition("/")[2]
NOT_MATCHED = -1
_MM_PER_CM = 10.0
_OPTICS = ("emission_lambda", "excitation_lambda", "ophys_frame_rate", "targeted_structure")
_IMAGES = {
    schema.MAX_PROJECTION: "max_projection",
    schema.AVERAGE_PROJECTION: "average_projection",
    "segmentation_mask_image": "segmentation_mask_image",
}
"""Stored name of each image: attribute of an imaging plane."""


def is_imaging(session: Any) -> bool:
    """Return True for an imaging plane, or an object with its attributes."""
    return hasattr(type(session), schema.CELL_SPECIMEN_TABLE.name)


def with_all_rois(experiment: Any) -> Any:
    """Return the plane with its invalid ROIs, so that none is lost."""
    return experiment.with_all_rois() if hasattr(experiment, "with_all_rois") else experiment


def add_imaging(file: Any, experiment: Any) -> None:
    """Add what an imaging plane has beside its behavior to a pynwb file.

    Raises
    ------
    MissingData
        If an attribute, a column or an entry is missing.
    BadValue
        If the tables have different cells.
    """
    with warnings.catch_warnings():
        # The series, which link to the cells, are added to the file when they are complete.
        warnings.filterwarnings("ignore", message="The linked table for DynamicTableRegion")
        _add_tables(file, experiment)


def _add_tables(file: Any, experiment: Any) -> None:
    module = file.create_processing_module(name=MODULE, description="Cells of an imaging plane")
    segmentation = _make_segmentation(file, experiment)
    module.add(
        import_extra("pynwb.ophys").ImageSegmentation(plane_segmentations=[segmentation], name="image_segmentation")
    )
    times = np.asarray(_attribute(experiment, schema.OPHYS_TIMESTAMPS))
    rois = segmentation.create_roi_table_region(
        name="rois", description="Cells of the traces", region=list(range(len(segmentation)))
    )
    for table, kind in _TRACES.items():
        frame = _attribute(experiment, table)
        if frame is not None:
            module.add(
                _make_traces(table, kind, frame, _attribute(experiment, schema.CELL_SPECIMEN_TABLE), rois, times)
            )
    module.add(_make_events(_attribute(experiment, schema.EVENTS), segmentation, times))
    for series in _make_motion(_attribute(experiment, schema.MOTION_CORRECTION), times):
        module.add(series)
    module.add(_make_images(experiment))


_TRACES = {
    schema.DFF_TRACES: "DfOverF",
    schema.CORRECTED_FLUORESCENCE_TRACES: "Fluorescence",
    schema.DEMIXED_TRACES: "Fluorescence",
    schema.NEUROPIL_TRACES: "Fluorescence",
}
"""Table: pynwb class of the container of its traces. The first one holds the references to the cells."""


def imaging_entries(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored entries of a plane's metadata; -1 for a plane of no group."""
    entries = {column.name: metadata.get(column.name) for column in schema.IMAGING_METADATA}
    if entries["imaging_plane_group"] is None:
        entries["imaging_plane_group"] = schema.NO_GROUP
    missing = [name for name in ("ophys_experiment_id", "ophys_session_id") if entries[name] is None]
    if missing:
        raise MissingData(f"metadata of the imaging plane has no {missing[0]}. Add it before writing.", name=missing[0])
    return entries


def _make_segmentation(file: Any, experiment: Any) -> Any:
    table, cells = schema.CELL_SPECIMEN_TABLE, _attribute(experiment, schema.CELL_SPECIMEN_TABLE)
    common = import_extra("hdmf.common.table")
    columns = {schema.CELL_COLUMN: _stored_ids(cells.index), **{c.name: _column(cells, c.name) for c in table}}
    ids = columns.pop("cell_roi_id")
    masks = columns.pop("roi_mask")
    size = experiment.metadata["field_of_view_height"], experiment.metadata["field_of_view_width"]
    columns[str(table.by_name["roi_mask"].path)] = np.stack(masks) if len(masks) else np.zeros((0, *size), np.bool_)
    meanings = {column.path or column.name: column.meaning for column in table} | {
        column.name: column.meaning for column in table
    }
    vectors = [
        common.VectorData(name=name, data=values, description=meanings.get(name, table.index_meaning))
        for name, values in columns.items()
    ]
    return import_extra("pynwb.ophys").PlaneSegmentation(
        name=table.name,
        description=table.summary,
        imaging_plane=_add_plane(file, experiment.metadata),
        id=common.ElementIdentifiers(name="id", data=ids),
        columns=vectors,
        colnames=list(columns),
    )


def _add_plane(file: Any, metadata: Mapping[str, Any]) -> Any:
    missing = [name for name in _OPTICS if metadata.get(name) is None]
    if missing:
        raise MissingData(f"metadata of the imaging plane has no {missing[0]}. Add it before writing.", name=missing[0])
    channel = import_extra("pynwb.ophys").OpticalChannel(
        name="channel_1", description="2P optical channel", emission_lambda=float(metadata["emission_lambda"])
    )
    structure = metadata["targeted_structure"]
    return file.create_imaging_plane(
        name=PLANE,
        optical_channel=channel,
        description=f"Imaging plane in {structure}",
        device=next(iter(file.devices.values())),
        excitation_lambda=float(metadata["excitation_lambda"]),
        imaging_rate=float(metadata["ophys_frame_rate"]),
        indicator=str(metadata.get("indicator") or "unknown"),
        location=structure,
    )


def _make_traces(
    table: Table, kind: str, frame: pd.DataFrame, cells: pd.DataFrame, rois: Any, times: NDArray[np.float64]
) -> Any:
    """Return the container of a table of traces, and of the numbers that it has for each cell."""
    ophys = import_extra("pynwb.ophys")
    if frame["cell_roi_id"].tolist() != cells["cell_roi_id"].tolist():
        raise BadValue(f"{table.name} has other cells than the cell table, or another order of cells.", name=table.name)
    series = []
    folder = ""
    for column in table:
        if column.path is None or column.name not in frame:
            continue
        folder, name, _ = column.path.split("/")
        is_trace = column.dtype == "trace"
        values = _matrix(frame[column.name], len(times)) if is_trace else frame[column.name].to_numpy()
        clock = times if is_trace else np.arange(len(values), dtype=np.float64)
        series.append(ophys.RoiResponseSeries(name=name, data=values, unit="NA", rois=rois, timestamps=clock))
    return getattr(ophys, kind)(roi_response_series=series, name=folder)


def _make_events(events: pd.DataFrame, segmentation: Any, times: NDArray[np.float64]) -> Any:
    rows = {number: row for row, number in enumerate(segmentation.id[:])}
    unknown = [number for number in events["cell_roi_id"] if number not in rows]
    if unknown:
        raise BadValue(f"events has the cell {unknown[0]}, which is not in the cell table.", name=schema.EVENTS.name)
    region = segmentation.create_roi_table_region(
        name=schema.EVENT_ROWS,
        description="Cells with detected events",
        region=[rows[number] for number in events["cell_roi_id"]],
    )
    container = extensions.container_class(extensions.EVENTS, "OphysEventDetection")
    return container(
        name=schema.EVENTS.group.rpartition("/")[2],
        data=_matrix(events["events"], len(times)),
        lambdas=events["lambda"].to_numpy(dtype=np.float64),
        noise_stds=events["noise_std"].to_numpy(dtype=np.float64),
        unit="N/A",
        rois=region,
        timestamps=times,
    )


def _make_motion(motion: pd.DataFrame, times: NDArray[np.float64]) -> list[Any]:
    pynwb = import_extra("pynwb")
    return [
        pynwb.TimeSeries(
            name=str(column.path).split("/")[0],
            data=_column(motion, column.name),
            unit="pixels",
            timestamps=times,
            description=column.meaning,
        )
        for column in schema.MOTION_CORRECTION
    ]


def _make_images(experiment: Any) -> Any:
    base, images = import_extra("pynwb.base"), import_extra("pynwb.image")
    made = []
    for name, attribute in _IMAGES.items():
        image = getattr(experiment, attribute)
        # The release stores cm per pixel as the resolution.
        resolution = image.spacing[0] / _MM_PER_CM
        made.append(
            images.GrayscaleImage(name=name, data=np.asarray(image.data), resolution=resolution, description=name)
        )
    return base.Images(name=schema.IMAGES_GROUP.rpartition("/")[2], images=made)


def _matrix(column: pd.Series, frames: int) -> NDArray[Any]:
    """Return a column of traces as frames x cells."""
    traces = column.tolist()
    if any(len(trace) != frames for trace in traces):
        raise BadValue(f"{column.name} has traces that have not {frames} values, one per frame.", name=str(column.name))
    return np.stack(traces, axis=1) if traces else np.empty((frames, 0))


def _stored_ids(index: pd.Index) -> NDArray[Any]:
    """Return ids of cells as numbers: -1 for None."""
    if index.dtype != object:
        return np.asarray(index)
    return np.array([NOT_MATCHED if pd.isna(number) else int(number) for number in index], dtype=np.int64)


def _attribute(experiment: Any, table: Table) -> Any:
    try:
        return getattr(experiment, table.name)
    except AttributeError:
        raise MissingData(
            f"{type(experiment).__name__} has no attribute {table.name}, which an imaging plane has. Write its behavior alone with "
            "include_imaging=False.",
            name=table.name,
        ) from None


def _column(frame: pd.DataFrame, name: str) -> Any:
    if name not in frame:
        raise MissingData(f"A table of the imaging plane has no column {name}. Add it before writing.", name=name)
    return frame[name].to_numpy()
