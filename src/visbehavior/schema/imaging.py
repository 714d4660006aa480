"""The tables of an imaging plane.

Source: files of releases 1.0.x and 1.1.0, and AllenSDK 2.16, ``brain_observatory/behavior/behavior_ophys_experiment.py``.
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table
from visbehavior.schema.session import METADATA_GROUP


def _entry(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name=name, dtype="number", unit=unit, path=f"@{name}", required=False, meaning=meaning)


NO_GROUP = -1
"""Stored imaging_plane_group of a plane that is in no group; None in the metadata."""

IMAGING_METADATA = Table(
    name="imaging_metadata",
    summary="Imaging plane, its session and its container, as stored.",
    group=METADATA_GROUP,
    kind="dictionary",
    columns=(
        _entry("ophys_experiment_id", "The imaging plane."),
        _entry("ophys_session_id", "The imaging session."),
        _entry("experiment_container_id", "The container, in files of release 1.0.x."),
        _entry("ophys_container_id", "The container, in files of release 1.1.0."),
        _entry("field_of_view_width", "Width of the field of view.", "pixels"),
        _entry("field_of_view_height", "Height of the field of view.", "pixels"),
        _entry("imaging_depth", "Depth of the plane.", "um"),
        _entry("targeted_imaging_depth", "Mean depth of the container's planes.", "um"),
        _entry("imaging_plane_group", "Group of planes imaged together; -1 if none."),
        _entry("imaging_plane_group_count", "Number of groups; 0 if none."),
    ),
)
"""Entries of the group with the metadata, in the order in which AllenSDK 2.10 returns them."""

IMAGING_PLANE = Table(
    name="imaging_plane",
    summary="Imaging plane: optics and place.",
    group="general/optophysiology/imaging_plane_1",
    kind="dictionary",
    columns=(
        Column(
            name="emission_lambda",
            dtype="number",
            unit="nm",
            path="channel_1/emission_lambda",
            meaning="Wavelength of emission.",
        ),
        Column(name="excitation_lambda", dtype="number", unit="nm", meaning="Wavelength of excitation."),
        Column(
            name="ophys_frame_rate",
            dtype="number",
            unit="Hz",
            path="imaging_rate",
            meaning="Imaging frames per second, rounded in the file. ophys_timestamps has the times.",
        ),
        Column(name="targeted_structure", dtype="text", path="location", meaning="Visual area, such as VISp."),
    ),
)

EXPERIMENT_ENTRIES = (
    "indicator",
    "emission_lambda",
    "excitation_lambda",
    "ophys_container_id",
    "field_of_view_height",
    "field_of_view_width",
    "imaging_depth",
    "targeted_imaging_depth",
    "imaging_plane_group",
    "imaging_plane_group_count",
    "ophys_experiment_id",
    "ophys_frame_rate",
    "ophys_session_id",
    "targeted_structure",
)
"""Entries of an experiment's metadata after those of a session, in the order of AllenSDK 2.16."""

_OPHYS = "processing/ophys"
_CELL_INDEX = (
    "id of the cell, which is the same in all sessions of a container. NaN or None if the cell was not matched."
)
_ROI_ID = Column(
    name="cell_roi_id", dtype="int64", path=None, meaning="Id of the region of interest (ROI), in this session only."
)
CELL_COLUMN = "cell_specimen_id"
"""Name of the index of all tables with a row per cell."""


def _pixels(name: str, meaning: str) -> Column:
    return Column(name=name, dtype="int64", unit="pixels", meaning=meaning)


def _shift(direction: str) -> Column:
    return Column(
        name=f"max_correction_{direction}",
        dtype="float64",
        unit="pixels",
        meaning=f"Largest motion correction {direction}.",
    )


CELL_SPECIMEN_TABLE = Table(
    name="cell_specimen_table",
    summary="Cells of the imaging plane, one row each.",
    group=f"{_OPHYS}/image_segmentation/cell_specimen_table",
    index=CELL_COLUMN,
    index_meaning=_CELL_INDEX,
    columns=(
        Column(name="cell_roi_id", dtype="int64", path="id", meaning=_ROI_ID.meaning),
        _pixels("height", "Height of the smallest rectangle around the ROI."),
        Column(name="mask_image_plane", dtype="int64", meaning="Plane of the mask; ROIs of one plane do not overlap."),
        _shift("down"),
        _shift("left"),
        _shift("right"),
        _shift("up"),
        Column(name="valid_roi", dtype="bool", meaning="False if the ROI was found not to be a cell."),
        _pixels("width", "Width of the smallest rectangle around the ROI."),
        _pixels("x", "Left edge of this rectangle."),
        _pixels("y", "Top edge of this rectangle."),
        Column(
            name="roi_mask",
            dtype="image",
            path="image_mask",
            meaning="Mask of the ROI: bool, height x width of the field of view.",
        ),
    ),
)

ROI_MASKS = Table(
    name="roi_masks",
    summary="Mask of each cell.",
    group=CELL_SPECIMEN_TABLE.group,
    index=CELL_COLUMN,
    index_meaning=_CELL_INDEX,
    columns=(_ROI_ID, CELL_SPECIMEN_TABLE.by_name["roi_mask"]),
)


def _traces(name: str, column: str, folder: str, meaning: str, *others: Column, optional: bool = False) -> Table:
    return Table(
        name=name,
        summary=meaning,
        group=_OPHYS,
        index=CELL_COLUMN,
        index_meaning=_CELL_INDEX,
        columns=(
            _ROI_ID,
            Column(name=column, dtype="trace", path=f"{folder}/traces/data", meaning=f"{meaning}"),
            *others,
        ),
        notes="The times of the values are ophys_timestamps. The arrays of a local file are views of the file.",
        optional=optional,
    )


DFF_TRACES = _traces("dff_traces", "dff", "dff", "dF/F of each cell.")
CORRECTED_FLUORESCENCE_TRACES = _traces(
    "corrected_fluorescence_traces",
    "corrected_fluorescence",
    "corrected_fluorescence",
    "Fluorescence of each cell, demixed and without its neuropil.",
    Column(
        name="r",
        dtype="float64",
        path="corrected_fluorescence/r/data",
        required=False,
        meaning="Factor with which the neuropil was subtracted. Not in files of release 1.0.x.",
    ),
    Column(
        name="RMSE",
        dtype="float64",
        path="corrected_fluorescence/RMSE/data",
        required=False,
        meaning="Error of that factor. Not in files of release 1.0.x.",
    ),
)
DEMIXED_TRACES = _traces(
    "demixed_traces", "demixed_trace", "demixed_trace", "Fluorescence of each cell, demixed.", optional=True
)
NEUROPIL_TRACES = _traces(
    "neuropil_traces",
    "neuropil_trace",
    "neuropil_trace",
    "Fluorescence of the neuropil around each cell.",
    optional=True,
)

EVENTS = Table(
    name="events",
    summary="Calcium events of each cell.",
    group=f"{_OPHYS}/event_detection",
    index=CELL_COLUMN,
    index_meaning=_CELL_INDEX,
    columns=(
        _ROI_ID,
        Column(name="events", dtype="trace", path="data", meaning="Magnitude of the event in each frame, else 0."),
        Column(
            name="filtered_events",
            dtype="trace",
            path=None,
            meaning="Events convolved with half a Gaussian: see `visbehavior.analysis.events.filter_events`.",
        ),
        Column(name="lambda", dtype="float64", path="lambdas", meaning="Penalty of the event detection."),
        Column(
            name="noise_std",
            dtype="float64",
            path="noise_stds",
            meaning="Standard deviation of the noise of the trace.",
        ),
    ),
    notes="Cells for which no events were computed have no row.",
)
EVENT_ROWS = "rois"
"""Dataset beside the events: the row of the cell table that each belongs to."""

MOTION_CORRECTION = Table(
    name="motion_correction",
    summary="Shift of each imaging frame by the motion correction.",
    group=_OPHYS,
    index_meaning="number of the imaging frame.",
    columns=(
        Column(
            name="x",
            dtype="number",
            unit="pixels",
            path="ophys_motion_correction_x/data",
            meaning="Shift to the right.",
        ),
        Column(name="y", dtype="number", unit="pixels", path="ophys_motion_correction_y/data", meaning="Shift down."),
    ),
)

OPHYS_TIMESTAMPS = Table(
    name="ophys_timestamps",
    summary="Times of the imaging frames.",
    group=_OPHYS,
    kind="array",
    columns=(
        Column(
            name="timestamps",
            dtype="float64",
            unit="s",
            path="dff/traces/timestamps",
            meaning="Time of each imaging frame, on the clock of the session.",
        ),
    ),
)

FILTERED_EVENTS = "filtered_events"
TRACE_KINDS = {
    "dff": DFF_TRACES,
    "events": EVENTS,
    FILTERED_EVENTS: EVENTS,
    "corrected": CORRECTED_FLUORESCENCE_TRACES,
    "demixed": DEMIXED_TRACES,
    "neuropil": NEUROPIL_TRACES,
}
"""Kind of trace: the table that has it."""
DEFAULT_TRACES = ("dff", "events")
"""Kinds that are returned where none is named."""

IMAGES_GROUP = f"{_OPHYS}/images"
MAX_PROJECTION, AVERAGE_PROJECTION = "max_projection", "average_image"
"""Names of the stored images."""

IMAGING_TABLES = tuple(
    table for table in tuple(globals().values()) if isinstance(table, Table) and table.kind != "dictionary"
)
"""All tables of an imaging plane, in the order of their declarations."""
