"""An imaging plane: a behavior session with cells, traces and images, read when they are requested."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.arguments import check_flags, check_number, check_whole_number
from visbehavior.cells import list_cell_ids, row_of_cell, select_cells
from visbehavior.errors import UnsupportedFile
from visbehavior.frames import documented
from visbehavior.image import Image
from visbehavior.nwb.reader import NwbReader
from visbehavior.plane_tables import make_cell_table, make_events_table, make_trace_table
from visbehavior.plane_traces import NOT_MATCHED, PlaneTraces
from visbehavior.pynapple_objects import to_pynapple
from visbehavior.schema import imaging as schema
from visbehavior.schema.columns import Table
from visbehavior.schema.convention import LISTED_EXPERIMENT
from visbehavior.schema.session_type import parse_indicator
from visbehavior.session import BehaviorSession
from visbehavior.session_tensor import DEFAULT_STREAMS, SessionTensor, compute_tensor
from visbehavior.settings import (
    DEFAULT_ALLENSDK_VERSION,
    EVENTS_FILTER_N_TIME_STEPS,
    EVENTS_FILTER_SCALE_SECONDS,
    EYE_TRACKING_DILATION_FRAMES,
    EYE_TRACKING_Z_THRESHOLD,
)

if TYPE_CHECKING:
    import xarray


class BehaviorOphysExperiment(BehaviorSession):
    """One imaging plane of a session: the attributes of `BehaviorSession`, and cells, traces and images.

    Open it with `from_nwb_path`. Tables with a row per cell have the index cell_specimen_id, in the order of the file.
    Traces of a local file are views of the file: only what is used is read.

    Attributes
    ----------
    ophys_experiment_id, ophys_session_id : int
    ophys_timestamps : numpy.ndarray
    cell_specimen_table, roi_masks : pandas.DataFrame
    dff_traces, events, corrected_fluorescence_traces : pandas.DataFrame
    demixed_traces, neuropil_traces : pandas.DataFrame or None
    motion_correction : pandas.DataFrame
    max_projection, average_projection, segmentation_mask_image : Image
    """

    _reader: NwbReader

    def __init__(
        self,
        reader: NwbReader,
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        exclude_invalid_rois: bool = True,
        events_filter_scale_seconds: float = EVENTS_FILTER_SCALE_SECONDS,
        events_filter_n_time_steps: int = EVENTS_FILTER_N_TIME_STEPS,
        eye_tracking_z_threshold: float = EYE_TRACKING_Z_THRESHOLD,
        eye_tracking_dilation_frames: int = EYE_TRACKING_DILATION_FRAMES,
    ) -> None:
        super().__init__(
            reader,
            allensdk_version=allensdk_version,
            eye_tracking_z_threshold=eye_tracking_z_threshold,
            eye_tracking_dilation_frames=eye_tracking_dilation_frames,
        )
        check_number("events_filter_scale_seconds", events_filter_scale_seconds, above=0, unit="seconds")
        check_whole_number("events_filter_n_time_steps", events_filter_n_time_steps, least=1, unit="frames")
        check_flags(exclude_invalid_rois=exclude_invalid_rois)
        self._exclude_invalid_rois = bool(exclude_invalid_rois)
        self._events_filter = float(events_filter_scale_seconds), int(events_filter_n_time_steps)
        if not reader.read(schema.IMAGING_METADATA):
            raise UnsupportedFile(
                f"{reader.location} is the file of a behavior session; expected that of an imaging plane, "
                "behavior_ophys_experiment_<id>.nwb. BehaviorSession opens it.",
                path=reader.location,
            )

    @classmethod
    def from_nwb_path(
        cls,
        nwb_path: str | os.PathLike[str],
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        exclude_invalid_rois: bool = True,
        events_filter_scale_seconds: float = EVENTS_FILTER_SCALE_SECONDS,
        events_filter_n_time_steps: int = EVENTS_FILTER_N_TIME_STEPS,
        eye_tracking_z_threshold: float = EYE_TRACKING_Z_THRESHOLD,
        eye_tracking_dilation_frames: int = EYE_TRACKING_DILATION_FRAMES,
    ) -> Self:
        """Open an imaging plane from its NWB file.

        Parameters
        ----------
        nwb_path : str or os.PathLike
            ``behavior_ophys_experiment_<id>.nwb``; release 1.0.x or 1.1.0.
        exclude_invalid_rois : bool
            Whether to leave out ROIs that were found not to be cells.
        events_filter_scale_seconds : float
            Standard deviation of the Gaussian of filtered_events (s).
        events_filter_n_time_steps : int
            Number of its values (frames).
        allensdk_version, eye_tracking_z_threshold, eye_tracking_dilation_frames
            As for `BehaviorSession.from_nwb_path`.

        Raises
        ------
        NotFound, UnsupportedFile, CorruptFile, UnknownVersion, BadValue
            As `BehaviorSession.from_nwb_path`; UnsupportedFile also for the file of a behavior session.
        """
        return cls(
            NwbReader(nwb_path),
            allensdk_version=allensdk_version,
            exclude_invalid_rois=exclude_invalid_rois,
            events_filter_scale_seconds=events_filter_scale_seconds,
            events_filter_n_time_steps=events_filter_n_time_steps,
            eye_tracking_z_threshold=eye_tracking_z_threshold,
            eye_tracking_dilation_frames=eye_tracking_dilation_frames,
        )

    # Identity

    @property
    def ophys_experiment_id(self) -> int:
        """Id of the imaging plane."""
        return int(self._imaging_metadata()["ophys_experiment_id"])

    @property
    def ophys_session_id(self) -> int:
        """Id of the imaging session, which all its planes share."""
        return int(self._imaging_metadata()["ophys_session_id"])

    # Cells

    @property
    @documented(schema.CELL_SPECIMEN_TABLE)
    def cell_specimen_table(self) -> pd.DataFrame:
        return self._once(schema.CELL_SPECIMEN_TABLE.name, self._read_cell_specimen_table)

    @property
    @documented(schema.ROI_MASKS)
    def roi_masks(self) -> pd.DataFrame:
        names = schema.ROI_MASKS.names()
        return self._once(schema.ROI_MASKS.name, lambda: self.cell_specimen_table[names].copy())

    def get_cell_specimen_ids(self) -> NDArray[Any]:
        """Return the ids of the cells, in the order of the tables."""
        ids: NDArray[Any] = self._cells().index.values
        return ids

    def get_cell_specimen_indices(self, cell_specimen_ids: Iterable[int]) -> list[int]:
        """Return the row of each cell.

        Raises
        ------
        BadValue
            If there is no such cell.
        """
        index = self._cells().index
        return [row_of_cell(index, number) for number in list_cell_ids(cell_specimen_ids)]

    # Traces

    @property
    @documented(schema.OPHYS_TIMESTAMPS)
    def ophys_timestamps(self) -> NDArray[np.float64]:
        table = schema.OPHYS_TIMESTAMPS
        return self._once(table.name, lambda: self._reader.read(table)[table.columns[0].name])

    @property
    @documented(schema.DFF_TRACES)
    def dff_traces(self) -> pd.DataFrame:
        return self._traces(schema.DFF_TRACES)

    @property
    @documented(schema.CORRECTED_FLUORESCENCE_TRACES)
    def corrected_fluorescence_traces(self) -> pd.DataFrame:
        return self._traces(schema.CORRECTED_FLUORESCENCE_TRACES)

    @property
    @documented(schema.DEMIXED_TRACES)
    def demixed_traces(self) -> pd.DataFrame | None:
        return self._traces(schema.DEMIXED_TRACES)

    @property
    @documented(schema.NEUROPIL_TRACES)
    def neuropil_traces(self) -> pd.DataFrame | None:
        return self._traces(schema.NEUROPIL_TRACES)

    @property
    @documented(schema.EVENTS)
    def events(self) -> pd.DataFrame:
        return self._once(
            schema.EVENTS.name, lambda: make_events_table(self._plane_traces, self._cells_of, self._convention)
        )

    def get_dff_traces(
        self, cell_specimen_ids: Iterable[int] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the times of the frames, and the dF/F of cells (cells x frames).

        Parameters
        ----------
        cell_specimen_ids : iterable of int or None
            None: all cells.

        Raises
        ------
        BadValue
            If there is none of these cells. Some that are missing give a warning.
        """
        table = self.dff_traces
        if cell_specimen_ids is not None:
            table = select_cells(table, list_cell_ids(cell_specimen_ids))
        frames = len(self.ophys_timestamps)
        traces = np.vstack(list(table["dff"])) if len(table) else np.empty((0, frames))
        return self.ophys_timestamps, traces

    def traces(self, kind: str = "dff") -> xarray.DataArray:
        """Return traces that are read when they are indexed.

        Parameters
        ----------
        kind : str
            "dff", "events", "filtered_events", "corrected", "demixed" or "neuropil".

        Returns
        -------
        xarray.DataArray
            Dimensions cell and time (s). ``cell_roi_id`` and ``cell_specimen_id`` (-1 for a cell that was not matched) are
            indexes: ``traces.sel(cell_roi_id=1080884173)``. Other coordinates are columns of `cell_specimen_table`; the
            attribute pixel_size is in mm.

        Raises
        ------
        BadValue
            If there is no such kind, or the file's traces do not fit its cells and frames.
        MissingData
            If the file has no such traces.
        MissingExtra
            If xarray is not installed.

        Notes
        -----
        A file stores frame after frame: of a streamed file, a range of times needs little, and one cell as much as all cells.
        """
        return self._plane_traces.lazy(kind)

    def dff_trace(
        self,
        cell_specimen_id: int | None = None,
        *,
        cell_roi_id: int | None = None,
        start: float | None = None,
        stop: float | None = None,
    ) -> xarray.DataArray:
        """Return the dF/F of one cell.

        Parameters
        ----------
        cell_specimen_id, cell_roi_id : int or None
            The cell, by one of its ids.
        start, stop : float or None
            Range of times (s), both ends included. None: from the first, and to the last frame.

        Returns
        -------
        xarray.DataArray
            Dimension time (s).

        Raises
        ------
        BadValue
            If there is no such cell, or none or both ids are given.
        """
        with self._reader.opened():
            return self._plane_traces.dff_trace(cell_specimen_id, cell_roi_id, start, stop)

    @property
    @documented(schema.MOTION_CORRECTION)
    def motion_correction(self) -> pd.DataFrame:
        return self._table(schema.MOTION_CORRECTION)

    # Images

    @property
    def max_projection(self) -> Image:
        """Maximum over time of the motion-corrected frames."""
        return self._image(schema.MAX_PROJECTION)

    @property
    def average_projection(self) -> Image:
        """Mean over time of the motion-corrected frames."""
        return self._image(schema.AVERAGE_PROJECTION)

    @property
    def segmentation_mask_image(self) -> Image:
        """Union of the masks of all cells: 1 in a cell, else 0."""
        return self._once("segmentation_mask_image", self._union_of_masks)

    def get_segmentation_mask_image(self) -> Image:
        """Return `segmentation_mask_image`."""
        return self.segmentation_mask_image

    def list_data_attributes_and_methods(self) -> list[str]:
        """Return the sorted names of attributes and methods that return data, as AllenSDK of the convention lists them."""
        return sorted({*super().list_data_attributes_and_methods(), *LISTED_EXPERIMENT[self._convention]})

    def with_all_rois(self) -> Self:
        """Return the plane with its invalid ROIs, which are otherwise left out."""
        (z_threshold, frames), (scale, steps) = self._blink_options, self._events_filter
        return type(self)(
            self._reader,
            allensdk_version=self._convention,
            exclude_invalid_rois=False,
            events_filter_scale_seconds=scale,
            events_filter_n_time_steps=steps,
            eye_tracking_z_threshold=z_threshold,
            eye_tracking_dilation_frames=frames,
        )

    def to_pynapple(self, *names: str) -> dict[str, Any]:
        """Return tables, epochs and traces as objects of pynapple: see `BehaviorSession.to_pynapple`."""
        return to_pynapple(self, names, tuple(schema.TRACE_KINDS) if names else schema.DEFAULT_TRACES)

    def tensor(self, align: str = "changes", streams: Iterable[str] = DEFAULT_STREAMS, **options: Any) -> SessionTensor:
        """Return values around events for machine learning: `compute_tensor` of this plane, with its options."""
        return compute_tensor(self, align, streams=streams, **options)

    def _imaging_metadata(self) -> dict[str, Any]:
        table = schema.IMAGING_METADATA
        return self._once(table.name, lambda: self._reader.read(table))

    def _read_metadata(self) -> dict[str, Any]:
        metadata = super()._read_metadata()
        stored = self._imaging_metadata() | self._reader.read(schema.IMAGING_PLANE)
        stored["indicator"] = parse_indicator(metadata["reporter_line"])
        if stored.get("imaging_plane_group") == schema.NO_GROUP:
            stored["imaging_plane_group"] = None
        if self._convention == "2.10":
            return metadata | stored
        if "targeted_imaging_depth" not in stored:
            # AllenSDK 2.16 gives no depth for files of release 1.0.x.
            stored["imaging_depth"] = None
        return metadata | {name: stored.get(name) for name in schema.EXPERIMENT_ENTRIES}

    def _stored_cells(self) -> dict[str, Any]:
        """Return the columns of the cell table without masks, for all ROIs."""
        table = schema.CELL_SPECIMEN_TABLE
        return self._once("stored cells", lambda: self._reader.read(table, lambda name: name != "roi_mask"))

    def _selected(self) -> NDArray[np.intp]:
        """Return the rows of the file that the tables have."""
        valid = self._stored_cells()["valid_roi"]
        selected = np.asarray(valid, dtype=np.bool_) if self._exclude_invalid_rois else np.ones(len(valid), np.bool_)
        return np.flatnonzero(selected)

    def _cells(self) -> pd.DataFrame:
        """Return the ROI ids of the selected cells, with the index of all tables."""
        return self._once("cells", lambda: self._cells_of(self._selected()))

    def _cells_of(self, rows: NDArray[np.intp]) -> pd.DataFrame:
        stored = self._stored_cells()
        ids = stored[schema.CELL_COLUMN]
        if len(ids) and (ids == NOT_MATCHED).any():
            ids = np.where(ids == NOT_MATCHED, None, ids.astype(object))
        index = pd.Index(ids[rows], name=schema.CELL_COLUMN)
        return pd.DataFrame({"cell_roi_id": stored["cell_roi_id"][rows]}, index=index)

    def _read_cell_specimen_table(self) -> pd.DataFrame:
        masks = self._reader.read(schema.CELL_SPECIMEN_TABLE, "roi_mask".__eq__)["roi_mask"]
        return make_cell_table(self._plane_traces, self._cells(), masks)

    def _traces(self, table: Table) -> Any:
        return self._once(
            table.name, lambda: make_trace_table(self._plane_traces, table, self._cells(), self._convention)
        )

    @property
    def _plane_traces(self) -> PlaneTraces:
        return PlaneTraces(
            self._reader, self._once, self._stored_cells(), self._selected(), self.ophys_timestamps, self._events_filter
        )

    def _image(self, name: str) -> Image:
        return self._once(f"image {name}", lambda: self._reader.read_image(name))

    def _union_of_masks(self) -> Image:
        masks = self._reader.read(schema.CELL_SPECIMEN_TABLE, "roi_mask".__eq__)["roi_mask"]
        union = masks[self._selected()].any(axis=0).astype(np.int64)
        return Image(union, self.max_projection.spacing)
