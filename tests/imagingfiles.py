"""Synthetic files of imaging planes: a behavior session with cells, traces, events and images."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tests.nwbfiles import write_session
from tests.synthetic_session import SyntheticSession, make_session

OPHYS = "processing/ophys"
CELLS = f"{OPHYS}/image_segmentation/cell_specimen_table"
SIZE = (24, 30)
"""Height and width of the field of view (pixels)."""
RESOLUTION = 7.8125e-05
TRACES = ("dff", "corrected_fluorescence", "demixed_trace", "neuropil_trace")


@dataclass
class SyntheticPlane:
    """The content of an imaging plane, as it is stored.

    `traces` are frames x cells; `event_rows` are the rows of the cell table that have events.
    """

    session: SyntheticSession
    timestamps: NDArray[np.float64]
    roi_ids: NDArray[np.int64]
    specimen_ids: NDArray[Any]
    valid: NDArray[np.bool_]
    masks: NDArray[np.bool_]
    traces: dict[str, NDArray[Any]]
    events: NDArray[np.float64]
    event_rows: NDArray[np.int64]
    experiment_id: int = 990000001
    metadata: dict[str, Any] = field(default_factory=dict)


def make_plane(seed: int = 0, cells: int = 5, frames: int = 200, dtype: Any = np.float64) -> SyntheticPlane:
    """Make a plane whose second cell is invalid and whose last cell has no events."""
    rng = np.random.default_rng(seed)
    event_rows = np.arange(max(cells - 1, 0), dtype=np.int64)
    valid = np.ones(cells, np.bool_)
    valid[1:2] = False
    masks = np.zeros((cells, *SIZE), np.bool_)
    for cell in range(cells):
        masks[cell, 3 * cell : 3 * cell + 5, 2 * cell : 2 * cell + 4] = True
    return SyntheticPlane(
        session=make_session(seed, trials=20),
        timestamps=5 + np.arange(frames) / 31 + rng.normal(scale=1e-4, size=frames),
        roi_ids=1000 + np.arange(cells, dtype=np.int64),
        specimen_ids=2_000_000 + rng.permutation(cells).astype(np.int64),
        valid=valid,
        masks=masks,
        traces={name: rng.normal(size=(frames, cells)).astype(dtype) for name in TRACES},
        events=np.where(
            rng.random((frames, len(event_rows))) < 0.05, rng.exponential(size=(frames, len(event_rows))), 0
        ),
        event_rows=event_rows,
    )


def write_plane(path: pathlib.Path, plane: SyntheticPlane, layout: str = "1.1") -> pathlib.Path:
    """Write the file of a plane; in layout "1.0" without demixed and neuropil traces, and without r and RMSE."""
    write_session(path, plane.session, layout)
    with h5py.File(path, "r+") as file:
        _write_metadata(file, plane, layout)
        _write_cells(file, plane)
        _write_traces(file, plane, layout)
        _write_events(file, plane)
        _write_images(file, plane)
    return path


def _write_metadata(file: h5py.File, plane: SyntheticPlane, layout: str) -> None:
    attributes = file["general/metadata"].attrs
    attributes["ophys_experiment_id"] = plane.experiment_id
    attributes["ophys_session_id"] = 990020001
    attributes["field_of_view_height"], attributes["field_of_view_width"] = SIZE
    attributes["imaging_depth"] = 175
    attributes["imaging_plane_group"], attributes["imaging_plane_group_count"] = -1, 0
    attributes["experiment_container_id" if layout == "1.0" else "ophys_container_id"] = 990030001
    if layout != "1.0":
        attributes["targeted_imaging_depth"] = 173
    optics = file.create_group("general/optophysiology/imaging_plane_1")
    optics["channel_1/emission_lambda"], optics["excitation_lambda"], optics["imaging_rate"] = 520.0, 910.0, 31.0
    optics["location"] = "VISp"


def _write_cells(file: h5py.File, plane: SyntheticPlane) -> None:
    table = file.create_group(CELLS)
    table["id"], table["cell_specimen_id"], table["valid_roi"] = plane.roi_ids, plane.specimen_ids, plane.valid
    table["image_mask"] = plane.masks
    count = len(plane.roi_ids)
    for number, name in enumerate(("height", "mask_image_plane", "width", "x", "y")):
        table[name] = np.arange(count, dtype=np.int64) + number
    for number, name in enumerate(("down", "left", "right", "up")):
        table[f"max_correction_{name}"] = np.arange(count) + number / 10


def _write_traces(file: h5py.File, plane: SyntheticPlane, layout: str) -> None:
    for name in TRACES[: 2 if layout == "1.0" else 4]:
        group = file.create_group(f"{OPHYS}/{name}/traces")
        group["data"], group["timestamps"] = plane.traces[name], plane.timestamps
    if layout != "1.0":
        for number, name in enumerate(("r", "RMSE")):
            file[f"{OPHYS}/corrected_fluorescence/{name}/data"] = np.arange(len(plane.roi_ids)) + number / 2
    for axis in "xy":
        file[f"{OPHYS}/ophys_motion_correction_{axis}/data"] = np.arange(len(plane.timestamps)) * (
            1 if axis == "x" else -1
        )


def _write_events(file: h5py.File, plane: SyntheticPlane) -> None:
    group = file.create_group(f"{OPHYS}/event_detection")
    chunks = (min(64, len(plane.events)), 1) if plane.events.size else None
    group.create_dataset("data", data=plane.events, chunks=chunks, compression="gzip" if chunks else None)
    group["rois"], group["timestamps"] = plane.event_rows, plane.timestamps
    group["lambdas"], group["noise_stds"] = plane.event_rows / 3.0, plane.event_rows / 7.0


def _write_images(file: h5py.File, plane: SyntheticPlane) -> None:
    for number, name in enumerate(("max_projection", "average_image", "segmentation_mask_image")):
        image = np.arange(np.prod(SIZE), dtype=np.uint8).reshape(SIZE) + np.uint8(number)
        file[f"{OPHYS}/images/{name}"] = image
        file[f"{OPHYS}/images/{name}"].attrs["resolution"] = RESOLUTION
