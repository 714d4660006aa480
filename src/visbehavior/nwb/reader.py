"""The reader from an NWB file to the tables of a session."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.nwb import eye_tracking as eye
from visbehavior.nwb import metadata
from visbehavior.nwb import trials as behavior
from visbehavior.nwb.file import NwbFile, optional
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.tables import read_dictionary
from visbehavior.schema.session import (
    EYE_TRACKING,
    LICKS,
    METADATA,
    RAW_RUNNING_SPEED,
    REWARDS,
    RUNNING_SPEED,
    STIMULUS_TEMPLATES,
    STIMULUS_TIMESTAMPS,
    TRIALS,
)
from visbehavior.store.remote_file import RemoteObject


class NwbReader:
    """Reads each table of a behavior session from an NWB file, under the names of AllenSDK 2.16.

    Parameters
    ----------
    place : str, os.PathLike or RemoteObject
        A behavior session's file, or an imaging plane's, of which the behavior half is read.
    release, file_hash : str or None
        The release that the file is of and its BLAKE2b-512, where they are known.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] | RemoteObject,
        *,
        release: str | None = None,
        file_hash: str | None = None,
    ) -> None:
        self._file = NwbFile(place, self._look_ahead)
        self.release = release
        self.file_hash = file_hash

    def __getstate__(self) -> dict[str, Any]:
        return {"_file": self._file, "release": self.release, "file_hash": self.file_hash}

    @property
    def location(self) -> str:
        """The file."""
        return self._file.path

    def opened(self) -> AbstractContextManager[Any]:
        """Reads inside this context share one open file."""
        return self._file.opened()

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Call functions that read, so that what they want comes over a wire in common rounds; nothing at hand."""
        self._file.prefetch(*reads)

    @cached_property
    def layout(self) -> str:
        """The layout of the file: "1.1", "1.0" or "0"."""
        return behavior.read_layout(self._file)

    def read_behavior_session_id(self) -> int:
        """The session's id."""
        return int(read_dictionary(self._file, METADATA, ("behavior_session_id",))["behavior_session_id"])

    def read_licks(self) -> pd.DataFrame:
        """Licks."""
        return behavior.read_licks(self._file)

    def read_rewards(self) -> pd.DataFrame:
        """Rewards."""
        return behavior.read_rewards(self._file)

    def read_running_speed(self) -> pd.DataFrame:
        """Running speed."""
        return behavior.read_running_speed(self._file)

    def read_raw_running_speed(self) -> pd.DataFrame:
        """Running speed, unfiltered."""
        return behavior.read_raw_running_speed(self._file)

    def read_encoder(self) -> pd.DataFrame:
        """Readings of the wheel's encoder."""
        return behavior.read_encoder(self._file)

    def read_stimulus_timestamps(self) -> NDArray[np.float64]:
        """The clock of the stimulus frames."""
        return behavior.read_stimulus_timestamps(self._file)

    def read_trials(
        self, only: Collection[str] = (), known: Mapping[str, Any] = MappingProxyType({})
    ) -> dict[str, Any]:
        """Columns of the trials, and their index as ``id``."""
        with self._file.opened():
            return behavior.read_trials(self._file, only, known)

    def read_stimulus_presentations(self, wanted: Collection[str]) -> pd.DataFrame:
        """Stimulus presentations."""
        with self._file.opened():
            return behavior.read_stimulus_presentations(self._file, wanted)

    def read_stimulus_templates(self) -> pd.DataFrame:
        """The images."""
        with self._file.opened():
            return behavior.read_stimulus_templates(self._file)

    def read_metadata(self) -> dict[str, Any]:
        """Metadata."""
        return metadata.read_metadata(self._file)

    def read_imaging_metadata(self) -> dict[str, Any]:
        """The imaging entries of an imaging file's metadata."""
        return metadata.read_imaging_metadata(self._file)

    def read_task_parameters(self, only: Collection[str] = ()) -> dict[str, Any]:
        """Task parameters."""
        return metadata.read_task_parameters(self._file, only)

    def read_eye_tracking(self, z_threshold: float, dilation_frames: int) -> pd.DataFrame:
        """Eye tracking."""
        return eye.read_eye_tracking(self._file, z_threshold, dilation_frames)

    def read_eye_tracking_rig_geometry(self) -> dict[str, Any]:
        """Geometry of the rig."""
        return eye.read_eye_tracking_rig_geometry(self._file)

    def read_duration(self) -> float:
        """Time from the first stimulus frame to the last (s)."""
        clock = STIMULUS_TIMESTAMPS
        ends = self._file.read_one(partial(Hdf5File.ends, group=clock.group, name=str(clock.columns[0].path)))
        return ends[1] - ends[0] if ends else 0.0

    def read_row_counts(self) -> dict[str, int]:
        """How many rows the tables have, without reading them."""
        with self._file.opened():
            return self._row_counts()

    def _look_ahead(self) -> None:
        """Find the places of what sessions are mostly asked for: over a wire, many trips at once."""
        tables = (LICKS, REWARDS, RUNNING_SPEED, RAW_RUNNING_SPEED, STIMULUS_TIMESTAMPS)
        columns = [(table.group, str(column.path)) for table in tables for column in table if column.path is not None]
        self._file.prefetch(
            *(
                partial(self._file.read_one, partial(Hdf5File.length, group=group, name=name))
                for group, name in columns
            ),
            lambda: behavior.read_column_lengths(self._file, TRIALS.group),
            lambda: behavior.read_column_lengths(self._file, *behavior.presentation_groups(self._file)),
            self.read_metadata,
            self.read_task_parameters,
        )

    def _row_counts(self) -> dict[str, int]:
        def rows(group: str, name: str) -> Callable[[Hdf5File], int | None]:
            return optional(partial(Hdf5File.length, group=group, name=name), group)

        pieces = {
            table.name: rows(table.group, str(table.columns[0].path))
            for table in (LICKS, REWARDS, STIMULUS_TIMESTAMPS, EYE_TRACKING)
        }
        pieces["trials"] = rows(TRIALS.group, "id")
        groups = behavior.presentation_groups(self._file)
        pieces |= {group: rows(group, "id") for group in groups}
        sets = self._file.read_one(partial(Hdf5File.names, group=STIMULUS_TEMPLATES.group))
        pieces |= {
            f"{STIMULUS_TEMPLATES.group}/{name}": rows(f"{STIMULUS_TEMPLATES.group}/{name}", "control_description")
            for name in sets
        }
        found = {name: count or 0 for name, count in self._file.read(pieces).items()}
        presentations = sum(found.pop(group) for group in groups)
        templates = sum(found.pop(f"{STIMULUS_TEMPLATES.group}/{name}") for name in sets)
        return found | {"stimulus_presentations": presentations, "stimulus_templates": templates}
