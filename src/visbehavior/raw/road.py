"""The road from the rig's raw file to the tables of a session."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.raw.clock import Clock, read_clock, rig_frames
from visbehavior.raw.file import RawSession
from visbehavior.raw.presentations import GRATING, read_presentations, stimulus_names, wanted_of
from visbehavior.raw.running import compute_filtered_speed, compute_raw_speed, oriented
from visbehavior.raw.templates import compute_templates, read_gratings
from visbehavior.raw.trials import read_lick_frames, read_trials, text
from visbehavior.raw.unpickle import read_pickle
from visbehavior.schema.derived import NO_PROJECT_CODE, cre_line_of, image_set_of
from visbehavior.schema.session import EYE_TRACKING, METADATA, REWARDS, STIMULUS_TEMPLATES, TASK_PARAMETERS

RIG_TIME_ZONE = "America/Los_Angeles"
"""Of a date without one."""

Floats = NDArray[np.float64]


class RawRoad:
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

    def opened(self) -> AbstractContextManager[Any]:
        """Nothing is open between reads."""
        return nullcontext()

    def together(self, *reads: Callable[[], object]) -> None:
        """Nothing is behind a wire."""

    @cached_property
    def _clock(self) -> Clock:
        return read_clock(self._raw)

    @cached_property
    def _trials(self) -> dict[str, Any]:
        return read_trials(self._raw, self._clock)

    @cached_property
    def _pictures(self) -> dict[str, NDArray[np.uint8]]:
        """The picture set, in its order; of gratings their orientations."""
        if stimulus_names(self._raw)[0] == GRATING:
            return {}
        path = self._raw.known("image_set_file", None)
        if path is None:
            names = [text(name) for group in self._groups() for name in group]
            return {name: np.empty((0, 0), np.uint8) for name in dict.fromkeys(names)}
        categories = read_pickle(path)
        return {text(name): picture for group in categories.values() for name, picture in group.items()}

    def _groups(self) -> list[Any]:
        groups = [one.get("stim_groups", {}) for one in self._raw.get("stimuli").values()]
        return [group for one in groups for group in (one.values() if isinstance(one, Mapping) else dict(one).values())]

    @cached_property
    def _picture_names(self) -> list[str]:
        if self._pictures:
            return list(self._pictures)
        return [f"gratings_{orientation}" for orientation in self._orientations]

    @cached_property
    def _orientations(self) -> list[float]:
        logs = [one["set_log"] for one in self._raw.get("stimuli").values()]
        return sorted({float(entry[1]) for log in logs for entry in log})

    def read_behavior_session_id(self) -> int:
        """The session's id."""
        return int(self._raw.known("behavior_session_id"))

    def read_licks(self) -> pd.DataFrame:
        """Licks."""
        frames = read_lick_frames(self._raw, self._clock)
        if not len(frames):
            return pd.DataFrame({"timestamps": np.empty(0), "frame": np.empty(0)})
        return pd.DataFrame({"timestamps": self._clock.frames[frames], "frame": frames})

    def read_rewards(self) -> pd.DataFrame:
        """Rewards: the first one of each trial that has any."""
        given = [trial for trial in self._raw.get("trial_log") if trial.get("rewards")]
        if not given:
            return pd.DataFrame({column.name: np.empty(0) for column in REWARDS})
        frames = np.array([trial["rewards"][0][2] for trial in given], dtype=np.int64)
        if frames.max() >= len(self._clock.frames):
            raise self._raw.wrong(("trial_log",), f"holds a reward in frame {frames.max()}, beyond the last frame")
        return pd.DataFrame(
            {
                "volume": np.array([trial["rewards"][0][0] for trial in given]),
                "timestamps": self._clock.frames[frames],
                "auto_rewarded": np.array([bool(trial["trial_params"]["auto_reward"]) for trial in given]),
            }
        )

    def read_raw_running_speed(self) -> pd.DataFrame:
        """Running speed, unfiltered."""
        return pd.DataFrame({"timestamps": self._clock.frames, "speed": oriented(self._raw_speed)})

    def read_running_speed(self) -> pd.DataFrame:
        """Running speed."""
        return pd.DataFrame(
            {"timestamps": self._clock.frames, "speed": oriented(compute_filtered_speed(self._raw_speed))}
        )

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
        table = read_presentations(self._raw, self._clock, self._trials, self._picture_names)
        return wanted_of(table, wanted)

    def read_stimulus_templates(self) -> pd.DataFrame:
        """The pictures, as they were filmed and as they were sent to the screen."""
        stacks: tuple[list[Any], list[Any]]
        if stimulus_names(self._raw)[0] == GRATING:
            stacks = read_gratings(self._raw.known("grating_images_dir"), self._orientations)
        else:
            self._raw.known("image_set_file")
            stacks = compute_templates(self._pictures)
        pictures = dict(zip(("unwarped", "warped"), stacks, strict=True))
        frame = pd.DataFrame(
            {column.name: pd.Series(pictures[column.name], dtype=object) for column in STIMULUS_TEMPLATES}
        )
        frame.index = pd.Index(np.array(self._picture_names, dtype=object), name=STIMULUS_TEMPLATES.index)
        # AllenSDK's users find the name of the set here.
        frame.name = stimulus_names(self._raw)[1]
        return frame

    def read_metadata(self) -> dict[str, Any]:
        """Metadata."""
        known = self._raw.known
        genotype = known("full_genotype", None)
        reporters = known("reporter_line", None)
        found = {
            "equipment_name": known("rig_name"),
            "sex": known("sex", None),
            "age_in_days": _days(known("age", None)),
            "stimulus_frame_rate": self._frame_rate(),
            "session_type": self._stage(),
            "date_of_acquisition": self._date(),
            "reporter_line": reporters[0] if isinstance(reporters, list) and reporters else reporters or None,
            "cre_line": cre_line_of(genotype),
            "behavior_session_uuid": self._uuid(),
            "driver_line": sorted(known("driver_line", [])),
            "mouse_id": str(known("external_specimen_name")),
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
        get = self._raw.get
        flash = next(iter(get("stimuli").values())).get("flash_interval_sec")
        found = {
            "auto_reward_volume": float(get("config", "DoC", "auto_reward_volume")),
            "blank_duration_sec": [float(value) for value in get("config", "DoC", "blank_duration_range")],
            "image_set": image_set_of(self._stage()),
            "n_stimulus_frames": sum(int(np.sum(one["draw_log"])) for one in get("stimuli").values()),
            "omitted_flash_fraction": float(get("params", "flash_omit_probability", default=np.nan)),
            "response_window_sec": [float(value) for value in get("config", "DoC", "response_window")],
            "reward_volume": float(get("config", "reward", "reward_volume")),
            "session_type": self._stage(),
            "stimulus": next(iter(get("stimuli"))),
            "stimulus_distribution": get("config", "DoC", "change_time_dist"),
            "stimulus_duration_sec": np.nan if flash is None else float(flash[0]),
            "stimulus_name": stimulus_names(self._raw)[0],
            "task": "change detection",
        }
        return {column.name: found[column.name] for column in TASK_PARAMETERS if not only or column.name in only}

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
        presentations = read_presentations(self._raw, self._clock, self._trials, self._picture_names)
        return {
            "licks": len(read_lick_frames(self._raw, self._clock)),
            "rewards": len(self.read_rewards()),
            "stimulus_timestamps": len(self._clock.frames),
            "eye_tracking": 0,
            "trials": len(self._trials["id"]),
            "stimulus_presentations": len(presentations),
            "stimulus_templates": len(self._picture_names),
        }

    @cached_property
    def _raw_speed(self) -> Floats:
        return compute_raw_speed(self._clock.frames, self._encoder("vsig"), self._encoder("vin"))

    def _encoder(self, name: str) -> Floats:
        """A value a frame; one more at the end is cut off."""
        keys = ("encoders", 0, name)
        values, count = self._raw.array(*keys), len(self._clock.frames)
        if not count <= len(values) <= count + 1:
            raise self._raw.wrong(keys, f"has {len(values)} values; the session has {count} frames")
        return values[:count]

    def _stage(self) -> str:
        stages = {text(self._raw.get(part, "stage", default="")) for part in ("params", "cl_params")} - {""}
        if len(stages) != 1:
            raise self._raw.wrong(
                ("params", "stage"), f"does not agree with cl_params: {', '.join(sorted(stages)) or 'none is given'}"
            )
        return stages.pop()

    def _frame_rate(self) -> float:
        frames = rig_frames(self._raw)
        return float(np.round(1 / np.mean(np.diff(frames)), 0))

    def _date(self) -> datetime.datetime:
        given = self._raw.known("date_of_acquisition", None)
        when = self._raw.entry("start_time") if given is None else given
        when = datetime.datetime.fromisoformat(when) if isinstance(when, str) else when
        if when.tzinfo is None:
            when = when.replace(tzinfo=ZoneInfo(RIG_TIME_ZONE))
        return when.astimezone(datetime.UTC)

    def _uuid(self) -> uuid.UUID | None:
        given = self._raw.entry("session_uuid", default=None)
        return None if given is None else uuid.UUID(str(given))


def default_session_data(path: str | Path) -> dict[str, Any]:
    """What the pickle itself says of mouse and session, for a lab that supplies nothing else."""
    raw = RawSession({"behavior_stimulus_file": str(path)})
    number = re.search(r"\d+", Path(path).name)
    return {
        "behavior_stimulus_file": str(path),
        "behavior_session_id": int(number[0]) if number else 0,
        "external_specimen_name": text(raw.get("params", "mouse_id", default="unknown")),
        "rig_name": text(raw.entry("rig_id", default="unknown")),
    }


def _days(age: Any) -> int | None:
    digits = re.match(r"P\D*(\d+)", str(age)) if age is not None else None
    return int(digits[1]) if digits else None
