"""Reader of the rig's stimulus pickle."""

from __future__ import annotations

import datetime
import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.raw.clock import Clock, read_clock, read_frame_times
from visbehavior.raw.file import RawSession, as_list, plain_number, read_stage, text
from visbehavior.raw.presentations import GRATING, drawn_frames, read_presentations, stimulus_names
from visbehavior.raw.running import compute_filtered_speed, compute_raw_speed
from visbehavior.raw.trials import read_first_rewards, read_lick_frames, read_set_logs, read_trials
from visbehavior.raw.unpickle import read_pickle
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema import session_data
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.columns import Table
from visbehavior.schema.session import (
    ENCODER,
    LICKS,
    METADATA,
    RAW_RUNNING_SPEED,
    REWARDS,
    RUNNING_SPEED,
    STIMULUS_PRESENTATIONS,
    STIMULUS_TEMPLATES,
    STIMULUS_TIMESTAMPS,
    TASK_PARAMETERS,
    TRIALS,
)
from visbehavior.schema.session_data import SessionDataEntry
from visbehavior.schema.session_type import NO_PROJECT_CODE, parse_cre_line, parse_session_type
from visbehavior.schema.stimulus_pickle import Entry
from visbehavior.stimuli.templates import compute_templates, read_gratings

TASK = "change detection"

RIG_TIME_ZONE = "America/Los_Angeles"
"""Time zone of a date without one."""

Floats = NDArray[np.float64]


class RawReader:
    """Reads the tables of a behavior session from the rig's stimulus pickle.

    Parameters
    ----------
    session_data : dict
        As for `RawSession`.
    """

    release: str | None = None
    file_hash: str | None = None
    # The tables are those of release 1.1.0.
    layout = "1.1"

    def __init__(self, session_data: Mapping[str, Any]) -> None:
        self._raw = RawSession(session_data)

    def __getstate__(self) -> dict[str, Any]:
        return {"_raw": RawSession(self._raw.data)}

    @property
    def location(self) -> str:
        """Path of the pickle."""
        return str(self._raw.path)

    def carries_images(self) -> bool:
        """Return True if the pickle contains the image set itself, as simulated pickles may."""
        return self._raw.get(pickle.EMBEDDED_IMAGE_SET, default=None) is not None

    def opened(self) -> AbstractContextManager[Any]:
        """Do nothing: the pickle does not stay open."""
        return nullcontext()

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Do nothing: the pickle is local."""

    def read(
        self, table: Table, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
    ) -> dict[str, Any]:
        """Read the columns of a table or the entries of a dictionary: see `visbehavior.reader.SessionReader`."""
        read = _TABLES.get(table.name)
        if read is not None:
            return {name: values for name, values in read(self).items() if wanted(name) or name not in table.by_name}
        entries = _DICTIONARIES.get(table.name)
        if entries is not None:
            return {column.name: entries[column.name](self) for column in table if wanted(column.name)}
        if table.optional or table.kind == "dictionary":
            return {}
        raise MissingData(
            f"{self.location}: a stimulus pickle has no {table.name}.", path=self.location, name=table.name
        )

    def count_rows(self, table: Table) -> int | None:
        """Return the number of rows of a table; None if the session has no such table."""
        if table is STIMULUS_TEMPLATES:
            return len(self._image_names)
        columns = self.read(table)
        return len(next(iter(columns.values()))) if columns else None

    def read_duration(self) -> float:
        """Return the time from the first to the last stimulus frame (s)."""
        return float(self._clock.frames[-1] - self._clock.frames[0])

    @cached_property
    def _clock(self) -> Clock:
        return read_clock(self._raw)

    @cached_property
    def _trials(self) -> dict[str, Any]:
        return read_trials(self._raw, self._clock)

    @cached_property
    def _images(self) -> dict[str, NDArray[np.uint8]]:
        """The image set in its order; empty for gratings. Arrays are empty if only the names are known."""
        if stimulus_names(self._raw)[0] == GRATING:
            return {}
        path = self._raw.session_data(session_data.IMAGE_SET_FILE, None)
        if path is None and self.carries_images():
            return _flat_image_set(self._raw.get(pickle.EMBEDDED_IMAGE_SET), self.location)
        if path is None:
            return dict.fromkeys(self._listed_names(), np.empty((0, 0), np.uint8))
        return _flat_image_set(read_pickle(path), str(path))

    def _listed_names(self) -> list[str]:
        """Return the names of the images as the session's own pickle lists them."""
        names: list[str] = []
        for name in read_set_logs(self._raw):
            with self._raw.reading(pickle.STIMULUS_GROUPS, stimulus=name):
                groups = dict(self._raw.get(pickle.STIMULUS_GROUPS, stimulus=name)).values()
                names += [text(image) for group in groups for image in group]
        return list(dict.fromkeys(names))

    @cached_property
    def _image_names(self) -> list[str]:
        return list(self._images) or [f"gratings_{orientation}" for orientation in self._orientations]

    @cached_property
    def _orientations(self) -> list[float]:
        orientations = set()
        for name, log in read_set_logs(self._raw).items():
            with self._raw.reading(pickle.SET_LOG, stimulus=name):
                orientations |= {plain_number(entry[1]) for entry in log}
        return sorted(orientations)

    def _numbered_trials(self) -> dict[str, Any]:
        """Return the trials numbered from 0, as AllenSDK's NWB files have them; presentations keep the log's numbers."""
        return self._trials | {TRIALS.index: np.arange(len(self._trials[TRIALS.index]))}

    def _read_licks(self) -> dict[str, Any]:
        frames = read_lick_frames(self._raw, self._clock)
        return {"timestamps": self._clock.frames[frames], "frame": frames} if len(frames) else {}

    def _read_rewards(self) -> dict[str, Any]:
        """Return the first reward of each trial that has any."""
        rows = read_first_rewards(self._raw, self._clock)
        columns = (np.array(values) for values in zip(*rows, strict=True))
        return dict(zip((column.name for column in REWARDS), columns, strict=True)) if rows else {}

    def _read_encoder(self) -> dict[str, Any]:
        return {
            "timestamps": self._clock.frames,
            "dx": self._encoder(pickle.ENCODER_ROTATION),
            "v_sig": self._encoder(pickle.ENCODER_SIGNAL),
            "v_in": self._encoder(pickle.ENCODER_SUPPLY),
        }

    def _read_raw_running_speed(self) -> dict[str, Any]:
        return {"timestamps": self._clock.frames, "speed": self._raw_speed}

    def _read_running_speed(self) -> dict[str, Any]:
        with self._raw.reading(pickle.ENCODER_SIGNAL):
            speed = compute_filtered_speed(self._raw_speed)
        return {"timestamps": self._clock.frames, "speed": speed}

    def _read_presentations(self) -> dict[str, Any]:
        return read_presentations(self._raw, self._clock, self._trials, self._image_names)

    def _read_templates(self) -> dict[str, Any]:
        stacks: tuple[list[Any], list[Any]]
        if stimulus_names(self._raw)[0] == GRATING:
            stacks = read_gratings(self._raw.session_data(session_data.GRATING_IMAGES_DIR), self._orientations)
        else:
            if not all(image.size for image in self._images.values()):
                self._raw.session_data(session_data.IMAGE_SET_FILE)
            stacks = compute_templates(self._images)
        images = dict(zip(("unwarped", "warped"), stacks, strict=True))
        return {STIMULUS_TEMPLATES.index: self._image_names, **images, "name": stimulus_names(self._raw)[1]}

    @cached_property
    def _raw_speed(self) -> Floats:
        signal, supply = self._encoder(pickle.ENCODER_SIGNAL), self._encoder(pickle.ENCODER_SUPPLY)
        lengths = [len(self._raw.array(entry)) for entry in (pickle.ENCODER_SIGNAL, pickle.ENCODER_SUPPLY)]
        if lengths[0] != lengths[1]:
            raise self._raw.error(pickle.ENCODER_SUPPLY, f"has {lengths[1]} values; the signal has {lengths[0]}")
        return compute_raw_speed(self._clock.frames, signal, supply)

    def _encoder(self, entry: Entry) -> Floats:
        """Return one value per frame. Rigs may write one value more, which is ignored."""
        values, count = self._raw.array(entry), len(self._clock.frames)
        if count <= len(values) <= count + 1:
            return values[:count]
        sync_file = self._session_data(session_data.SYNC_FILE)
        if sync_file is None:
            raise self._raw.error(entry, f"has {len(values)} values; the session has {count} frames")
        raise BadValue(
            f"{sync_file} has {count} pulses of the stimulus clock, but {self.location} has {len(values)} encoder samples, one per "
            "frame. Which pulses have no frame is unknown. Leave out 'sync_file' to use the clock of the rig.",
            path=os.fspath(sync_file),
        )

    def _session_data(self, entry: SessionDataEntry) -> Any:
        return self._raw.session_data(entry, None)

    def _number(self, entry: Entry, **default: float) -> float:
        with self._raw.reading(entry):
            return plain_number(self._raw.get(entry, **default))

    def _numbers(self, entry: Entry) -> list[float]:
        values: list[float] = self._raw.array(entry).tolist()
        if not values:
            raise self._raw.error(entry, "is empty; expected numbers")
        return values

    def _frames_drawn(self) -> int:
        return sum(int(np.count_nonzero(drawn_frames(self._raw, name))) for name in read_set_logs(self._raw))

    def _image_duration(self) -> float:
        name = next(iter(read_set_logs(self._raw)))
        interval = self._raw.get(pickle.FLASH_INTERVAL, stimulus=name)
        with self._raw.reading(pickle.FLASH_INTERVAL, stimulus=name):
            return np.nan if interval is None else plain_number(interval[0])

    def _stage(self) -> str:
        return read_stage(self._raw)

    def _frame_rate(self) -> float:
        return float(np.round(1 / np.mean(np.diff(read_frame_times(self._raw))), 0))

    def _date(self) -> datetime.datetime:
        when = self._raw.session_data(session_data.DATE_OF_ACQUISITION)
        try:
            when = datetime.datetime.fromisoformat(when) if isinstance(when, str) else when
            if isinstance(when, pd.Timestamp):
                when = when.to_pydatetime()
            if when.tzinfo is None:
                when = when.replace(tzinfo=ZoneInfo(RIG_TIME_ZONE))
            moment: datetime.datetime = when.astimezone(datetime.UTC)
            return moment
        except (AttributeError, ValueError, OverflowError) as error:
            raise BadValue(
                f"date_of_acquisition is {brief_repr(when)}; expected a date and time, such as 2019-06-20T11:18:15+00:00.",
                value=when,
            ) from error

    def _uuid(self) -> uuid.UUID | None:
        given = self._raw.get(pickle.SESSION_UUID, default=None)
        with self._raw.reading(pickle.SESSION_UUID):
            return None if given is None else uuid.UUID(text(given))


_TABLES: Mapping[str, Callable[[RawReader], dict[str, Any]]] = MappingProxyType(
    {
        LICKS.name: RawReader._read_licks,
        REWARDS.name: RawReader._read_rewards,
        RUNNING_SPEED.name: RawReader._read_running_speed,
        RAW_RUNNING_SPEED.name: RawReader._read_raw_running_speed,
        ENCODER.name: RawReader._read_encoder,
        STIMULUS_TIMESTAMPS.name: lambda reader: {"timestamps": reader._clock.stored},
        TRIALS.name: RawReader._numbered_trials,
        STIMULUS_PRESENTATIONS.name: RawReader._read_presentations,
        STIMULUS_TEMPLATES.name: RawReader._read_templates,
    }
)
"""Function that reads each table."""

_Entries = Mapping[str, Callable[[RawReader], Any]]

_METADATA: _Entries = {
    "equipment_name": lambda reader: text(reader._raw.session_data(session_data.RIG_NAME)),
    "sex": lambda reader: reader._session_data(session_data.SEX),
    "age_in_days": lambda reader: _days(reader._session_data(session_data.AGE)),
    "stimulus_frame_rate": RawReader._frame_rate,
    "session_type": RawReader._stage,
    "date_of_acquisition": RawReader._date,
    "reporter_line": lambda reader: next(iter(as_list(reader._session_data(session_data.REPORTER_LINE))), None),
    "cre_line": lambda reader: parse_cre_line(reader._session_data(session_data.FULL_GENOTYPE)),
    "behavior_session_uuid": RawReader._uuid,
    "driver_line": lambda reader: sorted(as_list(reader._session_data(session_data.DRIVER_LINE))),
    "mouse_id": lambda reader: text(reader._raw.session_data(session_data.MOUSE_ID)),
    "project_code": lambda reader: reader._raw.session_data(session_data.PROJECT_CODE, NO_PROJECT_CODE),
    "full_genotype": lambda reader: reader._session_data(session_data.FULL_GENOTYPE),
    "behavior_session_id": lambda reader: reader._raw.session_id(),
}
_TASK_PARAMETERS: _Entries = {
    "auto_reward_volume": lambda reader: reader._number(pickle.AUTO_REWARD_VOLUME),
    "blank_duration_sec": lambda reader: reader._numbers(pickle.BLANK_DURATION),
    "image_set": lambda reader: parse_session_type(reader._stage()).image_set,
    "n_stimulus_frames": RawReader._frames_drawn,
    "omitted_flash_fraction": lambda reader: reader._number(pickle.OMISSION_PROBABILITY, default=np.nan),
    "response_window_sec": lambda reader: reader._numbers(pickle.RESPONSE_WINDOW),
    "reward_volume": lambda reader: reader._number(pickle.REWARD_VOLUME),
    "session_type": RawReader._stage,
    "stimulus": lambda reader: next(iter(read_set_logs(reader._raw))),
    "stimulus_distribution": lambda reader: text(reader._raw.get(pickle.CHANGE_DISTRIBUTION)),
    "stimulus_duration_sec": RawReader._image_duration,
    "stimulus_name": lambda reader: stimulus_names(reader._raw)[0],
    "task": lambda reader: TASK,
}
_DICTIONARIES: Mapping[str, _Entries] = {METADATA.name: _METADATA, TASK_PARAMETERS.name: _TASK_PARAMETERS}
"""Function that reads each entry of the dictionaries."""


def _flat_image_set(image_set: Any, path: str) -> dict[str, NDArray[np.uint8]]:
    try:
        return {text(name): image for group in image_set.values() for name, image in group.items()}
    except (AttributeError, TypeError) as error:
        raise BadValue(
            f"{path} is not an image set; expected a dictionary of dictionaries: category, name, image.", path=path
        ) from error


def _days(age: Any) -> int | None:
    """Return the days of an age such as P114, or of a number of days."""
    if age is None:
        return None
    if isinstance(age, float) and age.is_integer():
        age = int(age)
    digits = str(age)[:20].removeprefix("P").removesuffix("D")
    if not digits.isdecimal():
        raise BadValue(f"age is {brief_repr(age)}; expected days, such as P114.", value=age)
    return int(digits)
