"""Imaging planes that are simulated for a behavior session, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.arguments import check_whole_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.image import Image
from visbehavior.nwb.reader import NwbReader
from visbehavior.reader import NOTHING, SessionReader, every_column
from visbehavior.schema import imaging as schema
from visbehavior.schema.columns import Table
from visbehavior.schema.session import EYE_TRACKING, OMITTED
from visbehavior.session import BehaviorSession
from visbehavior.simulation.imaging import (
    CHANGE,
    IMAGE,
    LICK,
    OMISSION,
    REWARD,
    ImagingParameters,
    PlaneTruth,
    SimulatedPlane,
    TaskTimes,
    simulate_eye,
    simulate_plane,
)

MAX_CELLS = 2000
MAX_SEED = 2**63 - 1
_ID_OFFSETS = {"ophys_experiment_id": 1, "ophys_session_id": 2, "ophys_container_id": 3}
"""Added to ten times the id of the behavior session."""
_OPTICS = {"emission_lambda": 520.0, "excitation_lambda": 910.0, "targeted_structure": "VISp"}
_DEPTH = 175


class SimulatedExperiment(BehaviorOphysExperiment):
    """An imaging plane in memory whose activity is known.

    Attributes
    ----------
    simulation : PlaneTruth
        Ground truth: parameters, drivers, gains of each cell, events, and neuropil factors.
    """

    @property
    def simulation(self) -> PlaneTruth:
        """Ground truth, in the order of the cells of the tables."""
        return cast(SimulatedReader, self._reader).plane.truth

    @property
    def gains(self) -> pd.DataFrame:
        """Tuning of each cell (a row per cell_specimen_id) to each driver: events per second at the kernel's peak."""
        truth = self.simulation
        return pd.DataFrame(truth.gains.T, index=self._cells().index, columns=list(truth.drivers))


class SimulatedReader:
    """Supplies the behavior of a session and the content of a simulated plane.

    Parameters
    ----------
    behavior : SessionReader
        Reader of the session.
    plane : SimulatedPlane
    eye : mapping
        Stored columns of the eye tracking table, for sessions without eye tracking.
    entries : mapping
        Entries of the metadata that a plane has.
    """

    release: str | None = None
    file_hash: str | None = None
    layout = "1.1"
    is_local = True

    def __init__(
        self, behavior: SessionReader, plane: SimulatedPlane, eye: Mapping[str, Any], entries: Mapping[str, Any]
    ) -> None:
        self._behavior, self.plane, self._eye, self._entries = behavior, plane, eye, entries

    @property
    def location(self) -> str:
        """The session that the plane was simulated for."""
        return f"simulated plane of {self._behavior.location}"

    def opened(self) -> AbstractContextManager[Any]:
        """Keep the session's file open during the context."""
        return self._behavior.opened()

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Download what the session's tables need."""
        self._behavior.prefetch(*reads)

    def read(
        self, table: Table, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
    ) -> dict[str, Any]:
        """Read the columns of a table or the entries of a dictionary: see `visbehavior.reader.SessionReader`."""
        make = _TABLES.get(table.name)
        if make is not None:
            return make(self)
        if table is EYE_TRACKING:
            return self._behavior.read(table, wanted, known) or dict(self._eye)
        return self._behavior.read(table, wanted, known)

    def count_rows(self, table: Table) -> int | None:
        """Return the number of rows of a table."""
        if table is schema.CELL_SPECIMEN_TABLE:
            return len(self.plane.masks)
        count = self._behavior.count_rows(table)
        return len(self._eye["timestamps"]) if table is EYE_TRACKING and not count else count

    def read_duration(self) -> float:
        """Return the time from the first to the last stimulus frame (s)."""
        return self._behavior.read_duration()

    def read_frames(self, table: Table, start: int, stop: int) -> NDArray[Any]:
        """Return a range of frames of a table's traces: frames x cells."""
        return self._traces(table)[start:stop]

    def read_trace_shape(self, table: Table) -> tuple[int, ...]:
        """Return the shape of a table's traces."""
        return self._traces(table).shape

    def read_pixel_size(self, name: str) -> float:
        """Return the size of the pixels (mm)."""
        return self.plane.truth.parameters.pixel_size

    def read_image(self, name: str) -> Image:
        """Return an image of the plane."""
        pixels = self.plane.max_projection if name == schema.MAX_PROJECTION else self.plane.average_image
        return Image(pixels, [self.read_pixel_size(name)] * 2)

    def _traces(self, table: Table) -> NDArray[Any]:
        name = next(column.name for column in table if column.dtype == "trace")
        matrix: NDArray[Any] = self.read(table)[name]
        return matrix

    def _cells(self) -> dict[str, Any]:
        masks = self.plane.masks
        count = len(masks)
        boxes = np.array([_bounding_box(mask) for mask in masks], dtype=np.int64).reshape(count, 4)
        x, y, width, height = boxes.T
        shift = float(np.abs(self.plane.motion).max(initial=0))
        first = 10 * int(self._entries["ophys_experiment_id"])
        columns: dict[str, Any] = {
            "cell_roi_id": first + np.arange(count),
            schema.CELL_COLUMN: first + 1_000_000 + np.arange(count),
        }
        columns |= {"x": x, "y": y, "width": width, "height": height, "roi_mask": masks}
        columns |= {"mask_image_plane": np.zeros(count, np.int64), "valid_roi": np.ones(count, np.bool_)}
        return columns | {f"max_correction_{side}": np.full(count, shift) for side in ("down", "left", "right", "up")}

    def _corrected(self) -> dict[str, Any]:
        factor = self.plane.truth.neuropil_factor
        return {"corrected_fluorescence": self.plane.corrected, "r": factor, "RMSE": np.zeros(len(factor))}

    def _events(self) -> dict[str, Any]:
        truth = self.plane.truth
        count = len(truth.neuropil_factor)
        noise = np.full(count, truth.parameters.noise)
        return {
            schema.EVENT_ROWS: np.arange(count),
            "events": truth.events,
            "lambda": noise.copy(),
            "noise_std": noise,
        }

    def _optics(self) -> dict[str, Any]:
        return {**_OPTICS, "ophys_frame_rate": self.plane.truth.parameters.frame_rate}


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)


_TABLES: dict[str, Callable[[SimulatedReader], dict[str, Any]]] = {
    schema.IMAGING_METADATA.name: lambda reader: dict(reader._entries),
    schema.IMAGING_PLANE.name: SimulatedReader._optics,
    schema.CELL_SPECIMEN_TABLE.name: SimulatedReader._cells,
    schema.OPHYS_TIMESTAMPS.name: lambda reader: {"timestamps": reader.plane.times},
    schema.DFF_TRACES.name: lambda reader: {"dff": reader.plane.dff},
    schema.CORRECTED_FLUORESCENCE_TRACES.name: SimulatedReader._corrected,
    schema.DEMIXED_TRACES.name: lambda reader: {"demixed_trace": reader.plane.demixed},
    schema.NEUROPIL_TRACES.name: lambda reader: {"neuropil_trace": reader.plane.neuropil},
    schema.EVENTS.name: SimulatedReader._events,
    schema.MOTION_CORRECTION.name: lambda reader: dict(zip("xy", reader.plane.motion.T, strict=True)),
}
"""Table of a plane: function that returns its stored columns."""


def simulate_imaging(
    session: BehaviorSession, cells: int = 30, seed: int | None = None, parameters: ImagingParameters | None = None
) -> SimulatedExperiment:
    """Simulate an imaging plane for a behavior session.

    Parameters
    ----------
    session : BehaviorSession
        Its images, changes, omissions, licks, rewards and running drive the cells.
    cells : int
        Number of cells.
    seed : int or None
        Seed of the random numbers: the same session, cells, parameters and seed give the same plane. None: another plane each
        time.
    parameters : ImagingParameters or None
        Frame rate, indicator, rates, noise, size; None: the defaults of `visbehavior.simulation.imaging.ImagingParameters`.

    Returns
    -------
    SimulatedExperiment
        A `BehaviorOphysExperiment` in memory, which `write_nwb` writes. ``simulation`` has what was planted, ``gains`` the tuning
        of each cell. A session without eye tracking gets simulated eye tracking.

    Raises
    ------
    BadValue
        If an argument is not what it should be.

    Examples
    --------
    >>> session = BehaviorSession.from_json({"behavior_stimulus_file": simulate("OPHYS_1_images_A", minutes=5, seed=1)})
    >>> experiment = simulate_imaging(session, cells=10, seed=1)
    >>> experiment.gains.loc[:, "change"]
    """
    if not isinstance(session, BehaviorSession):
        raise BadValue(f"session is {brief_repr(session)}; expected a BehaviorSession.", name="session", value=session)
    check_whole_number("cells", cells, 0, MAX_CELLS)
    if seed is not None:
        check_whole_number("seed", seed, 0, MAX_SEED)
    parameters = ImagingParameters() if parameters is None else parameters
    if not isinstance(parameters, ImagingParameters):
        raise BadValue(
            f"parameters is {brief_repr(parameters)}; expected ImagingParameters.", name="parameters", value=parameters
        )
    rng = np.random.default_rng(seed)
    task = _read_task_times(session)
    plane = simulate_plane(task, int(cells), parameters, rng)
    reader = SimulatedReader(
        session._reader, plane, simulate_eye(task.first, task.last, rng), _make_entries(session, parameters)
    )
    return SimulatedExperiment(cast(NwbReader, reader))


def _read_task_times(session: BehaviorSession) -> TaskTimes:
    """Return what drives the cells, from the tables of a session."""
    clock, running = session.stimulus_timestamps, session.running_speed
    shown = session.stimulus_presentations
    shown = shown[shown["image_name"].notna()]
    start = shown["start_time"].to_numpy(dtype=float)
    names = shown["image_name"].astype(str)
    images = {f"{IMAGE}{name}": start[names == name] for name in sorted(set(names) - {OMITTED})}
    changes = session.trials["change_time"][session.trials["hit"] | session.trials["miss"]]
    events = {
        **images,
        CHANGE: changes.dropna().to_numpy(dtype=float),
        OMISSION: start[names == OMITTED],
        LICK: session.licks.iloc[:, 0].to_numpy(dtype=float),
        REWARD: session.rewards["timestamps"].to_numpy(dtype=float),
    }
    speed = running["speed"].to_numpy(dtype=float)
    is_known = np.isfinite(speed)
    times = running["timestamps"].to_numpy(dtype=float)
    return TaskTimes(float(clock[0]), float(clock[-1]), events, times[is_known], speed[is_known])


def _make_entries(session: BehaviorSession, parameters: ImagingParameters) -> dict[str, Any]:
    ids = {name: 10 * session.behavior_session_id + offset for name, offset in _ID_OFFSETS.items()}
    size = {"field_of_view_height": parameters.height, "field_of_view_width": parameters.width}
    depth = {"imaging_depth": _DEPTH, "targeted_imaging_depth": _DEPTH}
    return {**ids, **size, **depth, "imaging_plane_group": schema.NO_GROUP, "imaging_plane_group_count": 0}
