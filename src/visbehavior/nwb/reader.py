"""Reader of a session's NWB file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property, partial
from operator import methodcaller
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from visbehavior.image import Image
from visbehavior.nwb.eye_tracking import read_eye_tracking
from visbehavior.nwb.file import NwbFile, optional
from visbehavior.nwb.imaging import IMAGING_READERS, read_frames, read_image, read_pixel_size, read_trace_shape
from visbehavior.nwb.metadata import read_imaging_metadata, read_metadata, read_task_parameters
from visbehavior.nwb.presentations import presentation_groups, read_layout, read_presentations
from visbehavior.nwb.recording import count_probes, count_units
from visbehavior.nwb.tables import read_column_names, read_dictionary, read_series
from visbehavior.nwb.templates import NAMES, find_images, read_templates, template_groups
from visbehavior.nwb.trials import ID_COLUMN, read_trials
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.columns import Table
from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.neuropixels import RECORDED_PROBES, RECORDED_UNITS
from visbehavior.schema.session import (
    EYE_TRACKING,
    LICKS,
    METADATA,
    RAW_RUNNING_SPEED,
    REWARDS,
    RUNNING_SPEED,
    SESSION_TABLES,
    STIMULUS_PRESENTATIONS,
    STIMULUS_TEMPLATES,
    STIMULUS_TIMESTAMPS,
    TASK_PARAMETERS,
    TRIALS,
)

if TYPE_CHECKING:
    from visbehavior.store.remote_object import RemoteObject
    from visbehavior.store.steps import Steps

T = TypeVar("T")

_READERS: Mapping[str, Callable[..., dict[str, Any]]] = MappingProxyType(
    {
        TRIALS.name: read_trials,
        STIMULUS_PRESENTATIONS.name: read_presentations,
        STIMULUS_TEMPLATES.name: read_templates,
        EYE_TRACKING.name: read_eye_tracking,
        METADATA.name: read_metadata,
        IMAGING_METADATA.name: read_imaging_metadata,
        TASK_PARAMETERS.name: read_task_parameters,
        **IMAGING_READERS,
    }
)
"""Tables that need more than their declaration to be read."""

_ROWS: Mapping[str, Callable[[NwbFile], list[tuple[str, str]]]] = MappingProxyType(
    {
        TRIALS.name: lambda file: [(TRIALS.group, ID_COLUMN)],
        STIMULUS_PRESENTATIONS.name: lambda file: [(group, ID_COLUMN) for group in presentation_groups(file)],
        STIMULUS_TEMPLATES.name: lambda file: [(group, NAMES) for group in template_groups(file)],
    }
)
"""Datasets whose lengths add up to the number of rows; the first column of all other tables."""

_COUNTED: Mapping[str, Callable[[NwbFile], int | None]] = MappingProxyType(
    {RECORDED_PROBES.name: count_probes, RECORDED_UNITS.name: count_units}
)
"""Tables that are counted and never read."""


class NwbReader:
    """Reads the tables of a behavior session from an NWB file.

    Parameters
    ----------
    source : str, os.PathLike or RemoteObject
        File of a behavior session, of an imaging plane, or of a Neuropixels recording.
    release, file_hash : str or None
        Release of the file and its BLAKE2b-512, if known.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | RemoteObject,
        *,
        release: str | None = None,
        file_hash: str | None = None,
    ) -> None:
        read_ahead = {1: self._locate_rewards, 3: self._locate_tables}
        self._file = NwbFile(source, read_ahead, (TRIALS.group, REWARDS.group))
        self.release = release
        self.file_hash = file_hash

    def __getstate__(self) -> dict[str, Any]:
        return {"_file": self._file, "release": self.release, "file_hash": self.file_hash}

    @property
    def location(self) -> str:
        """Path or URL of the file."""
        return self._file.path

    @cached_property
    def layout(self) -> str:
        """Layout of the file: "1.1", "1.0" or "0"."""
        return read_layout(self._file)

    def opened(self) -> AbstractContextManager[Any]:
        """Keep the file open during the context."""
        return self._file.opened()

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Call functions that read, and download what they need in common batches. No effect on local files."""
        self._file.prefetch(*reads)

    def reading(self, read: Callable[[], T]) -> Steps[T]:
        """Call a function that reads, and return its result, in steps: see `visbehavior.store.steps`."""
        return self._file.reading(read)

    def prefetching(self, *reads: Callable[[], object]) -> Steps[None]:
        """Do the same as `prefetch`, in steps."""
        return self._file.prefetching(*reads)

    def read(
        self, table: Table, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
    ) -> dict[str, Any]:
        """Read the columns of a table or the entries of a dictionary: see `visbehavior.reader.SessionReader`."""
        if table in SESSION_TABLES and table.kind != "dictionary":
            self._file.note_table(table.name)
        special = _READERS.get(table.name)
        if special is not None:
            return special(self._file, wanted, known)
        read = read_dictionary if table.kind == "dictionary" else read_series
        return read(self._file, table, wanted, known)

    def read_frames(self, table: Table, start: int, stop: int) -> NDArray[Any]:
        """Return a range of frames of an imaging plane's traces: frames x cells."""
        return read_frames(self._file, table, start, stop)

    def read_trace_shape(self, table: Table) -> tuple[int, ...] | None:
        """Return the shape of an imaging plane's traces, frames x cells; None if an optional table is absent."""
        return read_trace_shape(self._file, table)

    def read_pixel_size(self, name: str) -> float:
        """Return the size of the pixels of a stored image of an imaging plane (mm)."""
        return read_pixel_size(self._file, name)

    @property
    def is_local(self) -> bool:
        """True if the file is on disk, so that its traces are mapped into memory."""
        return self._file.local_path is not None

    def read_image(self, name: str) -> Image:
        """Return a stored image of an imaging plane."""
        return read_image(self._file, name)

    def count_rows(self, table: Table) -> int | None:
        """Return the number of rows of a table without reading it; None if the file has no such table."""
        if table.name in _COUNTED:
            return _COUNTED[table.name](self._file)
        with self._file.opened():
            images = find_images(self._file) if table is STIMULUS_TEMPLATES else None
            if images is not None:
                return len(images.image_names)
            rows = _ROWS.get(table.name)
            datasets = rows(self._file) if rows else [(table.group, str(table.columns[0].path))]
            pieces = {
                f"{group}/{name}": optional(methodcaller("length", group, name), group) for group, name in datasets
            }
            lengths = [length for length in self._file.read(pieces).values() if length is not None]
        return sum(lengths) if lengths else None

    def read_duration(self) -> float:
        """Return the time from the first to the last stimulus frame (s)."""
        clock = STIMULUS_TIMESTAMPS
        ends = self._file.read_one(methodcaller("ends", clock.group, clock.columns[0].path))
        return float(ends[1] - ends[0]) if ends else 0.0

    def _locate_rewards(self) -> None:
        """Find where the rewards are, and with them the groups beside them: two requests of a remote file."""
        self._file.read_one(methodcaller("has", REWARDS.group))

    def _locate_tables(self) -> None:
        """Find where the tables are that sessions are mostly asked for: many requests of a remote file at once."""
        series = (LICKS, REWARDS, RUNNING_SPEED, RAW_RUNNING_SPEED, STIMULUS_TIMESTAMPS)
        columns = [(table.group, column.path) for table in series for column in table]
        self._file.prefetch(
            *(partial(self._file.read_one, methodcaller("length", group, name)) for group, name in columns),
            partial(self._locate_columns, lambda: [TRIALS.group]),
            partial(self._locate_columns, lambda: presentation_groups(self._file)),
            partial(self.read, METADATA),
            partial(self.read, TASK_PARAMETERS),
        )

    def _locate_columns(self, find_groups: Callable[[], list[str]]) -> None:
        names = read_column_names(self._file, find_groups())
        columns = [(group, name) for group, listed in names.items() for name in [ID_COLUMN, *listed]]
        self._file.read({f"{group}/{name}": methodcaller("length", group, name) for group, name in columns})
