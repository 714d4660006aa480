"""The reader from the rig's raw file to the tables of a session."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.raw.clock import Clock, read_clock, rig_frames
from visbehavior.raw.file import RawSession, lines, plain_number, stage_of, text
from visbehavior.raw.presentations import GRATING, drawn_frames, read_presentations, stimulus_names, wanted_of
from visbehavior.raw.running import compute_filtered_speed, compute_raw_speed, oriented
from visbehavior.raw.trials import read_first_rewards, read_lick_frames, read_trials, set_logs
from visbehavior.raw.unpickle import read_pickle
from visbehavior.schema.session import EYE_TRACKING, METADATA, REWARDS, STIMULUS_TEMPLATES, TASK_PARAMETERS
from visbehavior.schema.session_type import NO_PROJECT_CODE, cre_line_of, image_set_of
from visbehavior.schema.stimulus_pickle import IMAGE_SET
from visbehavior.stimuli.templates import compute_templates, read_gratings

TASK = "change detection"

RIG_TIME_ZONE = "America/Los_Angeles"
"""Of a date without one."""

Floats = NDArray[np.float64]


class RawReader:
    """Gives each table of a behavior session from the rig's pickle, under the names of AllenSDK 2.16.

    Parameters
    ----------
    session_data : dict
        As for `RawSession`.
    """

    release: str | None = None
    file_hash: str | None = None
    # As the tables of release 1.1.0 are.
    layout = "1.1"

    def __init__(self, session_data: Mapping[str, Any]) -> None:
        self._raw = RawSession(session_data)

    def __getstate__(self) -> dict[str, Any]:
        return {"_raw": RawSession(self._raw.data)}

    @property
    def location(self) -> str:
        """The pickle."""
        return str(self._raw.path)

    def carries_images(self) -> bool:
        """Whether the pickle holds the image set itself, as simulated ones may."""
        return self._raw.entry(IMAGE_SET, default=None) is not None

    def opened(self) -> AbstractContextManager[Any]:
        """Nothing is open between reads."""
        return nullcontext()

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Nothing is behind a wire."""

    @cached_property
    def _clock(self) -> Clock:
        return read_clock(self._raw)

    @cached_property
    def _trials(self) -> dict[str, Any]:
        return read_trials(self._raw, self._clock)

    @cached_property
    def _images(self) -> dict[str, NDArray[np.uint8]]:
        """The image set, in its order; of gratings their orientations."""
        if stimulus_names(self._raw)[0] == GRATING:
            return {}
        path = self._raw.known("image_set_file", None)
        if path is None and self._raw.entry(IMAGE_SET, default=None) is not None:
            return self._images_of(self._raw.entry(IMAGE_SET), self._raw.path)
        if path is None:
            return dict.fromkeys(self._listed(), np.empty((0, 0), np.uint8))
        return self._images_of(read_pickle(path), str(path))

    def _images_of(self, image_set: Any, path: str) -> dict[str, NDArray[np.uint8]]:
        try:
            return {text(name): image for group in image_set.values() for name, image in group.items()}
        except (AttributeError, TypeError) as error:
            raise BadValue(
                f"{path} holds no image set; expected a dictionary of dictionaries: category, name, image.",
                path=path,
            ) from error

    def _listed(self) -> list[str]:
        """Names of the images as the session's own pickle lists them."""
        found: list[str] = []
        for name in set_logs(self._raw):
            with self._raw.reading("stimuli", name, "stim_groups"):
                groups = dict(self._raw.get("stimuli", name, "stim_groups")).values()
                found += [text(image) for group in groups for image in group]
        return list(dict.fromkeys(found))

    @cached_property
    def _image_names(self) -> list[str]:
        if self._images:
            return list(self._images)
        return [f"gratings_{orientation}" for orientation in self._orientations]

    @cached_property
    def _orientations(self) -> list[float]:
        found = set()
        for name, log in set_logs(self._raw).items():
            with self._raw.reading("stimuli", name, "set_log"):
                found |= {plain_number(entry[1]) for entry in log}
        return sorted(found)

    def read_behavior_session_id(self) -> int:
        """The session's id."""
        return self._raw.session_id()

    def read_licks(self) -> pd.DataFrame:
        """Licks."""
        frames = read_lick_frames(self._raw, self._clock)
        if not len(frames):
            return pd.DataFrame({"timestamps": np.empty(0), "frame": np.empty(0)})
        return pd.DataFrame({"timestamps": self._clock.frames[frames], "frame": frames})

    def read_rewards(self) -> pd.DataFrame:
        """Rewards: the first one of each trial that has any."""
        rows = read_first_rewards(self._raw, self._clock)
        if not rows:
            return pd.DataFrame({column.name: np.empty(0) for column in REWARDS})
        return pd.DataFrame(
            {column.name: values for column, values in zip(REWARDS, zip(*rows, strict=True), strict=True)}
        )

    def read_raw_running_speed(self) -> pd.DataFrame:
        """Running speed, unfiltered."""
        return pd.DataFrame({"timestamps": self._clock.frames, "speed": oriented(self._raw_speed)})

    def read_running_speed(self) -> pd.DataFrame:
        """Running speed."""
        return pd.DataFrame({"timestamps": self._clock.frames, "speed": oriented(self._filtered_speed())})

    def read_encoder(self) -> pd.DataFrame:
        """Readings of the wheel's encoder."""
        dx = self._encoder("dx")
        return pd.DataFrame(
            {"timestamps": self._clock.frames, "dx": dx, "v_sig": self._encoder("vsig"), "v_in": self._encoder("vin")}
        )

    def read_stimulus_timestamps(self) -> Floats:
        """The clock of the stimulus frames."""
        return self._clock.stored

    def read_trials(
        self, only: Collection[str] = (), known: Mapping[str, Any] = MappingProxyType({})
    ) -> dict[str, Any]:
        """Columns of the trials, and their index as ``id``."""
        return {name: values for name, values in self._trials.items() if not only or name in only or name == "id"}

    def read_stimulus_presentations(self, wanted: Collection[str]) -> pd.DataFrame:
        """Stimulus presentations."""
        table = read_presentations(self._raw, self._clock, self._trials, self._image_names)
        return wanted_of(table, wanted)

    def read_stimulus_templates(self) -> pd.DataFrame:
        """The images, as they were filmed and as they were sent to the screen."""
        stacks: tuple[list[Any], list[Any]]
        if stimulus_names(self._raw)[0] == GRATING:
            stacks = read_gratings(self._raw.known("grating_images_dir"), self._orientations)
        else:
            if not all(image.size for image in self._images.values()):
                self._raw.known("image_set_file")
            stacks = compute_templates(self._images)
        images = dict(zip(("unwarped", "warped"), stacks, strict=True))
        frame = pd.DataFrame(
            {column.name: pd.Series(images[column.name], dtype=object) for column in STIMULUS_TEMPLATES}
        )
        frame.index = pd.Index(np.array(self._image_names, dtype=object), name=STIMULUS_TEMPLATES.index)
        # AllenSDK's users find the name of the set here.
        frame.name = stimulus_names(self._raw)[1]
        return frame

    def read_metadata(self) -> dict[str, Any]:
        """Metadata."""
        known = self._raw.known
        genotype = known("full_genotype", None)
        found = {
            "equipment_name": text(known("rig_name")),
            "sex": known("sex", None),
            "age_in_days": _days(known("age", None)),
            "stimulus_frame_rate": self._frame_rate(),
            "session_type": self._stage(),
            "date_of_acquisition": self._date(),
            "reporter_line": next(iter(lines(known("reporter_line", None))), None),
            "cre_line": cre_line_of(genotype),
            "behavior_session_uuid": self._uuid(),
            "driver_line": sorted(lines(known("driver_line", None))),
            "mouse_id": text(known("external_specimen_name")),
            "project_code": known("project_code", NO_PROJECT_CODE),
            "full_genotype": genotype,
            "behavior_session_id": self.read_behavior_session_id(),
        }
        return {column.name: found[column.name] for column in METADATA}

    def read_imaging_metadata(self) -> dict[str, Any]:
        """The rig's file knows nothing of the imaging."""
        return {}

    def read_task_parameters(self, only: Collection[str] = ()) -> dict[str, Any]:
        """Task parameters."""
        reads: dict[str, Callable[[], Any]] = {
            "auto_reward_volume": lambda: self._number("config", "DoC", "auto_reward_volume"),
            "blank_duration_sec": lambda: self._raw.array("config", "DoC", "blank_duration_range").tolist(),
            "image_set": lambda: image_set_of(self._stage()),
            "n_stimulus_frames": self._frames_drawn,
            "omitted_flash_fraction": lambda: self._number("params", "flash_omit_probability", default=np.nan),
            "response_window_sec": lambda: self._raw.array("config", "DoC", "response_window").tolist(),
            "reward_volume": lambda: self._number("config", "reward", "reward_volume"),
            "session_type": self._stage,
            "stimulus": lambda: next(iter(set_logs(self._raw))),
            "stimulus_distribution": lambda: text(self._raw.get("config", "DoC", "change_time_dist")),
            "stimulus_duration_sec": self._image_duration,
            "stimulus_name": lambda: stimulus_names(self._raw)[0],
            "task": lambda: TASK,
        }
        wanted = [column.name for column in TASK_PARAMETERS if not only or column.name in only]
        return {name: reads[name]() for name in wanted}

    def _number(self, *keys: str, **default: float) -> float:
        with self._raw.reading(*keys):
            return plain_number(self._raw.get(*keys, **default))

    def _frames_drawn(self) -> int:
        return sum(int(np.count_nonzero(drawn_frames(self._raw, name))) for name in set_logs(self._raw))

    def _image_duration(self) -> float:
        keys = ("stimuli", next(iter(set_logs(self._raw))), "flash_interval_sec")
        interval = self._raw.get(*keys)
        with self._raw.reading(*keys):
            return np.nan if interval is None else plain_number(interval[0])

    def read_eye_tracking(self, z_threshold: float, dilation_frames: int) -> pd.DataFrame:
        """None: the rig's file holds none."""
        index = pd.Index(np.empty(0), name=EYE_TRACKING.index)
        return pd.DataFrame(np.empty((0, len(EYE_TRACKING.columns))), columns=EYE_TRACKING.names(), index=index)

    def read_eye_tracking_rig_geometry(self) -> dict[str, Any]:
        """None: the rig's file holds none."""
        return {}

    def read_duration(self) -> float:
        """Time from the first stimulus frame to the last (s)."""
        return float(self._clock.frames[-1] - self._clock.frames[0])

    def read_row_counts(self) -> dict[str, int]:
        """How many rows the tables have."""
        presentations = read_presentations(self._raw, self._clock, self._trials, self._image_names)
        return {
            "licks": len(read_lick_frames(self._raw, self._clock)),
            "rewards": len(self.read_rewards()),
            "stimulus_timestamps": len(self._clock.frames),
            "eye_tracking": 0,
            "trials": len(self._trials["id"]),
            "stimulus_presentations": len(presentations),
            "stimulus_templates": len(self._image_names),
        }

    @cached_property
    def _raw_speed(self) -> Floats:
        return compute_raw_speed(self._clock.frames, self._encoder("vsig"), self._encoder("vin"))

    def _filtered_speed(self) -> Floats:
        with self._raw.reading("encoders", 0, "vsig"):
            return compute_filtered_speed(self._raw_speed)

    def _encoder(self, name: str) -> Floats:
        """A value a frame; one more at the end is cut off."""
        keys = ("encoders", 0, name)
        values, count = self._raw.array(*keys), len(self._clock.frames)
        if not count <= len(values) <= count + 1:
            raise self._raw.wrong(keys, f"has {len(values)} values; the session has {count} frames")
        return values[:count]

    def _stage(self) -> str:
        return stage_of(self._raw)

    def _frame_rate(self) -> float:
        frames = rig_frames(self._raw)
        return float(np.round(1 / np.mean(np.diff(frames)), 0))

    def _date(self) -> datetime.datetime:
        when = self._raw.known("date_of_acquisition")
        try:
            when = datetime.datetime.fromisoformat(when) if isinstance(when, str) else when
            if isinstance(when, pd.Timestamp):
                when = when.to_pydatetime()
            if when.tzinfo is None:
                when = when.replace(tzinfo=ZoneInfo(RIG_TIME_ZONE))
            moment: datetime.datetime = when.astimezone(datetime.UTC)
            return moment
        except (AttributeError, ValueError) as error:
            raise BadValue(
                f"date_of_acquisition is {when!r}; expected a date and time, such as 2019-06-20T11:18:15+00:00.",
                value=when,
            ) from error

    def _uuid(self) -> uuid.UUID | None:
        given = self._raw.entry("session_uuid", default=None)
        with self._raw.reading("session_uuid"):
            return None if given is None else uuid.UUID(text(given))


def _days(age: Any) -> int | None:
    """Of an age such as P114, or of a number of days."""
    if age is None:
        return None
    if isinstance(age, float) and age.is_integer():
        age = int(age)
    digits = str(age).removeprefix("P").removesuffix("D")
    if not digits.isdecimal():
        raise BadValue(f"age is {age!r}; expected days, such as P114.", value=age)
    return int(digits)
