"""Synthetic sessions for tests that need no real data.

Tables are dictionaries of arrays under the names of AllenSDK 2.16. `tests.nwbfiles` writes the sessions as NWB files.
"""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from tests import reference
from visbehavior.schema.session import EYE_TRACKING, STIMULUS_PRESENTATIONS

IMAGES = ("im065", "im077", "im066", "im061")
IMAGE_SET = "Natural_Images_Lum_Matched_set_training_2017"
IMAGE_SHAPE = (len(IMAGES), 12, 16)
FLASH_DURATION = 0.25
FLASH_INTERVAL = 0.75
FRAME_RATE = 60.0
TRIAL_COLUMNS_1_0 = [
    "start_time",
    "stop_time",
    "lick_times",
    "reward_time",
    "reward_volume",
    "hit",
    "false_alarm",
    "miss",
    "stimulus_change",
    "aborted",
    "go",
    "catch",
    "auto_rewarded",
    "correct_reject",
    "trial_length",
    "response_time",
    "change_frame",
    "change_time",
    "response_latency",
    "initial_image_name",
    "change_image_name",
]
"""Columns of the trials in files of releases 1.0.x, in their order."""
TRIAL_COLUMNS_1_1 = [
    "start_time",
    "stop_time",
    "initial_image_name",
    "change_image_name",
    "is_change",
    "change_time",
    "go",
    "catch",
    "lick_times",
    "response_time",
    "response_latency",
    "reward_time",
    "reward_volume",
    "hit",
    "false_alarm",
    "miss",
    "correct_reject",
    "aborted",
    "auto_rewarded",
    "change_frame",
    "trial_length",
]
"""Columns of the trials in files of release 1.1.0, in their order."""
ELLIPSES = {"cr": "corneal_reflection_tracking", "eye": "eye_tracking", "pupil": "pupil_tracking"}
"""Group of the ellipse of each prefix."""


@dataclass(frozen=True)
class SyntheticSession:
    """A synthetic session.

    Attributes
    ----------
    presentations : dict
        Presentations of the task.
    blocks : int
        1, or 4 if there are gray before and after the task and a movie at the end.
    eye : dict or None
        Eye tracking as `make_eye_tracking` returns it.
    metadata : dict
        Entries of the metadata that differ from the default ones.
    """

    trials: dict[str, Any]
    licks: dict[str, Any]
    rewards: dict[str, Any]
    presentations: dict[str, Any]
    timestamps: np.ndarray
    speed: np.ndarray
    blocks: int = 1
    session_type: str = "OPHYS_3_images_A"
    behavior_session_id: int = 990200001
    mouse_id: str = "457841"
    eye: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def raw_speed(self) -> np.ndarray:
        """Unfiltered speed; NaN in the first frames."""
        return np.where(self.timestamps < 0.05, np.nan, self.speed * 1.1)

    def replace(self, **changes: Any) -> SyntheticSession:
        """Return a copy with other values of some attributes."""
        return dataclasses.replace(self, **changes)


def make_session(
    seed: int = 0, trials: int = 40, outcomes: str = "hmcfaA", passive: bool = False, blocks: int = 1
) -> SyntheticSession:
    """Return a session with trials of random outcomes.

    Parameters
    ----------
    seed, trials : int
    outcomes : str
        Outcomes to draw from: hit, miss, correct reject, false alarm, aborted, Auto-rewarded.
    passive : bool
        True for a session without licks.
    blocks : int
        1 or 4.
    """
    rng = np.random.default_rng(seed)
    outcome = rng.choice(list("mc" if passive else outcomes), trials) if trials else np.empty(0, dtype="U1")
    columns = _trials(rng, outcome)
    start, lick_times = columns["start_time"], columns["lick_times"]
    end = (start[-1] if trials else 10.0) + 20.0
    timestamps = np.arange(0, end, 1 / FRAME_RATE)
    licks = np.concatenate(lick_times) if lick_times else np.empty(0)
    rewarded = np.isin(outcome, ["h", "A"])
    return SyntheticSession(
        trials=columns,
        licks={"timestamps": licks, "frame": (licks * FRAME_RATE).astype(np.int64)},
        rewards={
            "volume": np.where(outcome == "h", 0.007, 0.005)[rewarded],
            "timestamps": columns["reward_time"][rewarded],
            "auto_rewarded": (outcome == "A")[rewarded],
        },
        presentations=_presentations(rng, start[0] if trials else 10.0, end - 5, blocks),
        timestamps=timestamps,
        speed=rng.normal(10, 5, len(timestamps)),
        blocks=blocks,
        session_type="OPHYS_5_images_A_passive" if passive else "OPHYS_3_images_A",
    )


def make_eye_tracking(seed: int = 0, frames: int = 300) -> dict[str, Any]:
    """Return eye tracking with an outlier and a missing frame: the timestamps, and the stored values of each ellipse."""
    rng = np.random.default_rng(seed)
    eye: dict[str, Any] = {"timestamps": np.arange(frames) / 30.0}
    for group, size in (("eye_tracking", 40000.0), ("pupil_tracking", 5000.0), ("corneal_reflection_tracking", 200.0)):
        area = rng.normal(size, size / 50, frames)
        area[40] = size * 3
        area[120] = np.nan
        eye[group] = {
            "area_raw": area,
            "area": area,
            "data": rng.normal(300, 3, (frames, 2)),
            "width": rng.normal(100, 1, frames),
            "height": rng.normal(90, 1, frames),
            "angle": rng.normal(0, 0.1, frames),
        }
    return eye


def as_session(synthetic: SyntheticSession, templates: bool = True) -> SimpleNamespace:
    """Return the session as an object with the attributes of a BehaviorSession, as `write_nwb` accepts it."""
    trials = {name: values for name, values in synthetic.trials.items() if name != "id"}
    trials["lick_times"] = pd.Series(list(trials["lick_times"]), dtype=object)
    frame = pd.DataFrame(trials)[TRIAL_COLUMNS_1_1]
    frame.index = pd.Index(synthetic.trials["id"], name="trials_id")
    clock, speed = synthetic.timestamps, synthetic.speed
    return SimpleNamespace(
        licks=pd.DataFrame(synthetic.licks),
        rewards=pd.DataFrame(synthetic.rewards),
        running_speed=pd.DataFrame({"timestamps": clock, "speed": speed}),
        raw_running_speed=pd.DataFrame({"timestamps": clock, "speed": synthetic.raw_speed}),
        encoder=pd.DataFrame(
            {"timestamps": clock, "dx": speed.astype(np.float32), "v_sig": speed % 5, "v_in": speed * 0 + 5}
        ),
        stimulus_timestamps=clock,
        stimulus_presentations=_presentations_frame(synthetic),
        stimulus_templates=_templates_frame() if templates else None,
        trials=frame,
        metadata=_metadata(synthetic),
        task_parameters=_task_parameters(synthetic),
        eye_tracking=pd.DataFrame() if synthetic.eye is None else _eye_tracking_frame(synthetic.eye),
        eye_tracking_rig_geometry=_rig_geometry() if synthetic.eye else {},
    )


def template_stacks() -> tuple[np.ndarray, np.ndarray]:
    """Return the warped and the unwarped images."""
    warped = np.arange(np.prod(IMAGE_SHAPE)).reshape(IMAGE_SHAPE)
    unwarped = warped.astype(float)
    unwarped[:, 0] = np.nan
    return warped.astype(np.uint8), unwarped


def _trials(rng: np.random.Generator, outcome: np.ndarray) -> dict[str, Any]:
    count = len(outcome)
    start = 10.0 + np.cumsum(rng.uniform(2, 9, count)) if count else np.empty(0)
    length = rng.uniform(1.5, 1.9, count)
    change = np.where(outcome == "a", np.nan, start + 1.0)
    latency = np.where(np.isin(outcome, ["h", "f"]), rng.uniform(0.2, 0.6, count), np.nan)
    licks = [_licks_of_trial(*trial) for trial in zip(outcome, start, change + latency, strict=True)]
    first_lick = np.array([times[0] if len(times) else np.nan for times in licks])
    is_rewarded = np.isin(outcome, ["h", "A"])
    volume = np.where(outcome == "h", 0.007, np.where(outcome == "A", 0.005, 0.0))
    images = rng.choice(IMAGES, count + 1)
    return {
        "id": np.arange(count),
        "start_time": start,
        "stop_time": start + length,
        "initial_image_name": images[:-1].astype(object),
        "change_image_name": images[1:].astype(object),
        "is_change": np.isin(outcome, ["h", "m", "A"]),
        "change_time": change,
        "go": np.isin(outcome, ["h", "m"]),
        "catch": np.isin(outcome, ["c", "f"]),
        "lick_times": licks,
        "response_time": np.where(outcome == "a", np.nan, first_lick),
        "response_latency": np.where(
            outcome == "a", np.nan, np.where(np.isnan(first_lick), np.inf, first_lick - change)
        ),
        "reward_time": np.where(is_rewarded, change + np.where(outcome == "h", latency, 0.1), np.nan),
        "reward_volume": volume if is_rewarded.any() else np.zeros(count, dtype=np.int64),
        "hit": outcome == "h",
        "false_alarm": outcome == "f",
        "miss": outcome == "m",
        "correct_reject": outcome == "c",
        "aborted": outcome == "a",
        "auto_rewarded": outcome == "A",
        "change_frame": np.where(np.isnan(change), -99, np.nan_to_num(change) * FRAME_RATE).astype(np.int64),
        "trial_length": length,
    }


def _licks_of_trial(outcome: str, start: float, response: float) -> np.ndarray:
    if outcome == "a":
        return np.array([start + 0.5])
    return np.array([response, response + 0.1]) if outcome in "hf" else np.empty(0)


def _presentations(rng: np.random.Generator, start: float, stop: float, blocks: int) -> dict[str, Any]:
    time = np.arange(start, stop, FLASH_INTERVAL)
    count = len(time)
    image = rng.integers(0, len(IMAGES), 1 + count // 6).repeat(6)[:count]
    omitted = rng.random(count) < 0.1
    omitted[:1] = False
    columns = {
        "stimulus_block": np.full(count, 1 if blocks == 4 else 0),
        "stimulus_block_name": np.full(count, "change_detection_behavior", dtype=object),
        "image_index": np.where(omitted, len(IMAGES), image),
        "image_name": np.where(omitted, "omitted", np.array(IMAGES, dtype=object)[image]),
        "duration": np.full(count, FLASH_DURATION),
        "start_time": time,
        "end_time": time + FLASH_DURATION,
        "start_frame": (time * FRAME_RATE).astype(np.int64),
        "end_frame": (time * FRAME_RATE).astype(np.int64) + 15,
        "is_image_novel": np.where(omitted, np.nan, 0.0),
        "omitted": omitted,
        "trials_id": np.full(count, 0),
        "active": np.ones(count, dtype=bool),
        "is_sham_change": np.zeros(count, dtype=bool),
        "stimulus_name": np.full(count, IMAGE_SET, dtype=object),
        "image_set": np.full(count, IMAGE_SET, dtype=object),
    }
    if blocks == 4:
        columns["omitted"] = omitted.astype(float)
        columns |= {name: np.full(count, -99) for name in ("movie_frame_index", "movie_repeat")}
    return columns


def _presentations_frame(synthetic: SyntheticSession) -> pd.DataFrame:
    frame = pd.DataFrame(synthetic.presentations).drop(columns="image_set")
    frame["is_image_novel"] = frame["is_image_novel"].astype("boolean")
    if synthetic.blocks == 4:
        first, last = frame["start_time"].iloc[0], frame["end_time"].iloc[-1]
        gray = _block("spontaneous", [0.0, last], [first, last + 1], [0, 2], -99)
        times = last + 1 + np.arange(5) * 0.03
        movie = _block("natural_movie_one", times, times + 0.03, [3] * 5, np.arange(5))
        frame["omitted"] = frame["omitted"].astype("boolean")
        frame = pd.concat([frame, pd.DataFrame(gray), pd.DataFrame(movie)]).sort_values("start_time", kind="stable")
    shown = (~frame["omitted"].astype("boolean")).fillna(False).to_numpy(dtype=bool)
    omitted = (frame["image_name"] == "omitted").to_numpy(dtype=bool)
    frame["is_change"] = np.array(reference.is_change(frame["image_name"].tolist(), shown.tolist()), dtype=bool)
    frame["flashes_since_change"] = reference.flashes_since_change(frame["is_change"].tolist(), omitted.tolist())
    frame.index = pd.RangeIndex(len(frame), name="stimulus_presentations_id")
    return frame[[name for name in STIMULUS_PRESENTATIONS.names() if name in frame]]


def _block(name: str, start: Any, stop: Any, block: Any, movie_frame: Any) -> dict[str, Any]:
    """Return presentations without images: gray or a movie."""
    start, stop = np.asarray(start, dtype=float), np.asarray(stop, dtype=float)
    missing = np.full(len(start), -99)
    return {
        "start_time": start,
        "end_time": stop,
        "stimulus_block": np.asarray(block),
        "stimulus_block_name": np.full(len(start), "block", dtype=object),
        "image_index": missing,
        "movie_frame_index": missing * 0 + movie_frame,
        "movie_repeat": missing,
        "duration": stop - start,
        "start_frame": (start * FRAME_RATE).astype(np.int64),
        "end_frame": (stop * FRAME_RATE).astype(np.int64),
        "flashes_since_change": missing,
        "trials_id": missing,
        "active": np.zeros(len(start), dtype=bool),
        "is_sham_change": np.zeros(len(start), dtype=bool),
        "stimulus_name": np.full(len(start), name, dtype=object),
    }


def _templates_frame() -> pd.DataFrame:
    warped, unwarped = template_stacks()
    frame = pd.DataFrame(
        {"unwarped": pd.Series(list(unwarped), dtype=object), "warped": pd.Series(list(warped), dtype=object)}
    )
    frame.index = pd.Index(IMAGES, name="image_name")
    frame.name = f"{IMAGE_SET}.07.14"
    return frame


def _metadata(synthetic: SyntheticSession) -> dict[str, Any]:
    return {
        "equipment_name": "BEH.D-Box2",
        "sex": "F",
        "age_in_days": 114,
        "stimulus_frame_rate": FRAME_RATE,
        "session_type": synthetic.session_type,
        "date_of_acquisition": datetime.datetime(2019, 6, 20, 11, 18, 15, 777000, tzinfo=datetime.UTC),
        "reporter_line": "Ai148(TIT2L-GC6f-ICL-tTA2)",
        "cre_line": "Sst-IRES-Cre",
        "behavior_session_uuid": uuid.UUID("edea5d17-c573-4450-9a56-4037a231c600"),
        "driver_line": ["Camk2a-tTA", "Sst-IRES-Cre"],
        "mouse_id": synthetic.mouse_id,
        "project_code": "VisualBehavior",
        "full_genotype": "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
        "behavior_session_id": synthetic.behavior_session_id,
        **synthetic.metadata,
    }


def _task_parameters(synthetic: SyntheticSession) -> dict[str, Any]:
    return {
        "auto_reward_volume": 0.005,
        "blank_duration_sec": [0.5, 0.5],
        "image_set": "images_A",
        "n_stimulus_frames": 1234,
        "omitted_flash_fraction": 0.05,
        "response_window_sec": [0.15, 0.75],
        "reward_volume": 0.007,
        "session_type": synthetic.session_type,
        "stimulus": "images",
        "stimulus_distribution": "geometric",
        "stimulus_duration_sec": FLASH_DURATION,
        "stimulus_name": IMAGE_SET,
        "task": "change detection",
    }


def _eye_tracking_frame(eye: dict[str, Any]) -> pd.DataFrame:
    """Return the table as AllenSDK computes it: NaN at likely blinks."""
    areas = [eye[group]["area_raw"].tolist() for group in ("eye_tracking", "pupil_tracking")]
    blink = np.array(reference.likely_blinks(*areas, 3.0, 2))
    columns: dict[str, Any] = {"timestamps": eye["timestamps"], "likely_blink": blink}
    for prefix, group in ELLIPSES.items():
        stored = eye[group]
        columns[f"{prefix}_area_raw"] = stored["area_raw"]
        columns[f"{prefix}_area"] = np.where(blink, np.nan, stored["area_raw"])
        columns[f"{prefix}_center_x"], columns[f"{prefix}_center_y"] = stored["data"].T
        for part, name in (("width", "width"), ("height", "height"), ("phi", "angle")):
            columns[f"{prefix}_{part}"] = stored[name] if prefix == "cr" else np.where(blink, np.nan, stored[name])
    frame = pd.DataFrame(columns)[EYE_TRACKING.names()]
    frame.index.name = "frame"
    return frame


def _rig_geometry() -> dict[str, Any]:
    names = ("camera_position_mm", "camera_rotation_deg", "led_position", "monitor_position_mm", "monitor_rotation_deg")
    return {"equipment": "CAM2P.3", **{name: (np.arange(3) + i / 2).tolist() for i, name in enumerate(names)}}
