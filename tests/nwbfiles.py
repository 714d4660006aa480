"""Made-up sessions, and NWB files of them in the layouts of the releases, for tests that need no real data.

The tables are plain dictionaries of arrays under the names of AllenSDK 2.16; the files have the groups, names and types that
AllenSDK's writers give theirs.
"""

from __future__ import annotations

import datetime
import pathlib
import uuid
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pandas as pd

from tests import reference
from visbehavior import write_nwb
from visbehavior.schema.session import EYE_TRACKING, STIMULUS_PRESENTATIONS

TEXT = h5py.string_dtype()
IMAGES = ("im065", "im077", "im066", "im061")
FLASH = 0.25
CADENCE = 0.75
FRAME_RATE = 60.0
IMAGE_SET = "Natural_Images_Lum_Matched_set_training_2017"
TRIALS_1_0 = [
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
TRIALS_1_1 = [
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


@dataclass(frozen=True)
class Made:
    """A made-up session."""

    trials: dict[str, Any]
    licks: dict[str, Any]
    rewards: dict[str, Any]
    presentations: dict[str, Any]
    timestamps: np.ndarray
    speed: np.ndarray
    session_type: str = "OPHYS_3_images_A"
    behavior_session_id: int = 990200001
    mouse_id: str = "457841"
    eye: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def raw_speed(self) -> np.ndarray:
        """The unfiltered speed, missing in the first frames."""
        return np.where(self.timestamps < 0.05, np.nan, self.speed * 1.1)

    def but(self, **changes: Any) -> Made:
        """The same session with some parts exchanged."""
        return replace(self, **changes)

    def trials_but(self, **columns: Any) -> Made:
        """The same session with some columns of its trials exchanged."""
        return replace(self, trials={**self.trials, **columns})


def make_session(
    seed: int = 0, trials: int = 40, outcomes: str = "hmcfaA", passive: bool = False, blocks: int = 1
) -> Made:
    """A session of trials whose outcomes are drawn from `outcomes`: hit, miss, correct reject, false alarm, aborted, Auto."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(list("mc" if passive else outcomes), trials) if trials else np.empty(0, dtype="U1")
    start = 10.0 + np.cumsum(rng.uniform(2, 9, trials)) if trials else np.empty(0)
    length = rng.uniform(1.5, 1.9, trials)
    change = np.where(drawn == "a", np.nan, start + 1.0)
    latency = np.where(np.isin(drawn, ["h", "f"]), rng.uniform(0.2, 0.6, trials), np.nan)
    licks = [
        np.array([start[i] + 0.5])
        if drawn[i] == "a"
        else np.array([change[i] + latency[i], change[i] + latency[i] + 0.1])
        if drawn[i] in "hf"
        else np.empty(0)
        for i in range(trials)
    ]
    first = np.array([times[0] if len(times) else np.nan for times in licks])
    rewarded = np.isin(drawn, ["h", "A"])
    volume = np.where(drawn == "h", 0.007, np.where(drawn == "A", 0.005, 0.0))
    names = rng.choice(IMAGES, trials + 1)
    stop_of_all = (start[-1] if trials else 10.0) + 20.0
    timestamps = np.arange(0, stop_of_all, 1 / FRAME_RATE)
    columns = {
        "id": np.arange(trials),
        "start_time": start,
        "stop_time": start + length,
        "initial_image_name": names[:-1].astype(object),
        "change_image_name": names[1:].astype(object),
        "is_change": np.isin(drawn, ["h", "m", "A"]),
        "change_time": change,
        "go": np.isin(drawn, ["h", "m"]),
        "catch": np.isin(drawn, ["c", "f"]),
        "lick_times": licks,
        "response_time": np.where(drawn == "a", np.nan, first),
        "response_latency": np.where(drawn == "a", np.nan, np.where(np.isnan(first), np.inf, first - change)),
        "reward_time": np.where(rewarded, change + np.where(drawn == "h", latency, 0.1), np.nan),
        "reward_volume": volume if rewarded.any() else np.zeros(trials, dtype=np.int64),
        "hit": drawn == "h",
        "false_alarm": drawn == "f",
        "miss": drawn == "m",
        "correct_reject": drawn == "c",
        "aborted": drawn == "a",
        "auto_rewarded": drawn == "A",
        "change_frame": np.where(np.isnan(change), -99, np.nan_to_num(change) * FRAME_RATE).astype(np.int64),
        "trial_length": length,
    }
    lick_times = np.concatenate(licks) if licks else np.empty(0)
    return Made(
        trials=columns,
        licks={"timestamps": lick_times, "frame": (lick_times * FRAME_RATE).astype(np.int64)},
        rewards={
            "volume": volume[rewarded],
            "timestamps": columns["reward_time"][rewarded],
            "auto_rewarded": (drawn == "A")[rewarded],
        },
        presentations=_presentations(rng, start[0] if trials else 10.0, stop_of_all - 5, blocks),
        timestamps=timestamps,
        speed=rng.normal(10, 5, len(timestamps)),
        session_type="OPHYS_5_images_A_passive" if passive else "OPHYS_3_images_A",
    )


def make_eye(seed: int = 0, frames: int = 300) -> dict[str, Any]:
    """Eye tracking with a blink or two."""
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


def write_session(path: pathlib.Path, made: Made, layout: str = "1.1", templates: bool = True) -> pathlib.Path:
    """Write a session in the layout of release 1.1.0 ("1.1", by our writer), of 1.0.x ("1.0") or of before it ("0")."""
    if layout == "1.1":
        return write_nwb(as_session(made, templates), path, templates=templates)
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.2.5"
        file.attrs["neurodata_type"] = "NWBFile"
        _text(file, "session_start_time", "2019-06-20T11:18:15.777000+00:00")
        _text(file, "identifier", str(made.behavior_session_id))
        _write_metadata(file, made)
        _write_series(file, made)
        _write_trials(file, made)
        _write_presentations(file, made, layout)
        if templates:
            _write_templates(file)
        if made.eye is not None:
            _write_eye(file, made.eye)
    return path


def _presentations(rng: np.random.Generator, start: float, stop: float, blocks: int) -> dict[str, Any]:
    time = np.arange(start, stop, CADENCE)
    count = len(time)
    image = rng.integers(0, len(IMAGES), 1 + count // 6).repeat(6)[:count]
    omitted = rng.random(count) < 0.1
    omitted[:1] = False
    columns = {
        "stimulus_block": np.full(count, 1 if blocks == 4 else 0),
        "stimulus_block_name": np.full(count, "change_detection_behavior", dtype=object),
        "image_index": np.where(omitted, len(IMAGES), image),
        "image_name": np.where(omitted, "omitted", np.array(IMAGES, dtype=object)[image]),
        "duration": np.full(count, FLASH),
        "start_time": time,
        "end_time": time + FLASH,
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
    return {"task": columns, "blocks": blocks}


def _text(group: h5py.Group, name: str, value: Any) -> None:
    group.create_dataset(name, data=value, dtype=TEXT)


def _write_metadata(file: h5py.File, made: Made) -> None:
    metadata = file.create_group("general/metadata").attrs
    metadata["behavior_session_id"] = made.behavior_session_id
    metadata["behavior_session_uuid"] = "edea5d17-c573-4450-9a56-4037a231c600"
    metadata["equipment_name"] = "BEH.D-Box2"
    metadata["session_type"] = made.session_type
    metadata["stimulus_frame_rate"] = FRAME_RATE
    for name, value in made.metadata.items():
        metadata[name] = value
    subject = file.create_group("general/subject")
    for name, value in (
        ("age", "P114D"),
        ("genotype", "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt"),
        ("sex", "F"),
        ("subject_id", made.mouse_id),
    ):
        _text(subject, name, value)
    subject.attrs["driver_line"] = np.array(["Sst-IRES-Cre", "Camk2a-tTA"], dtype=TEXT)
    subject.attrs["reporter_line"] = "Ai148(TIT2L-GC6f-ICL-tTA2)"
    task = file.create_group("general/task_parameters").attrs
    for name, numbers in (("blank_duration_sec", ["0.5", "0.5"]), ("response_window_sec", ["0.15", "0.75"])):
        task[name] = np.array(numbers, dtype=TEXT)
    for name, number in (
        ("auto_reward_volume", 0.005),
        ("reward_volume", 0.007),
        ("omitted_flash_fraction", 0.05),
        ("stimulus_duration_sec", FLASH),
    ):
        task[name] = number
    task["n_stimulus_frames"] = 1234
    for name, text in (
        ("session_type", made.session_type),
        ("stimulus", "images"),
        ("stimulus_distribution", "geometric"),
        ("task", "change detection"),
    ):
        task[name] = text


def _write_series(file: h5py.File, made: Made) -> None:
    def series(path: str, data: np.ndarray, timestamps: np.ndarray) -> None:
        file[f"{path}/data"], file[f"{path}/timestamps"] = data, timestamps

    if len(made.licks["timestamps"]):
        series("processing/licking/licks", made.licks["frame"], made.licks["timestamps"])
    if len(made.rewards["timestamps"]):
        series("processing/rewards/volume", made.rewards["volume"], made.rewards["timestamps"])
        series("processing/rewards/autorewarded", made.rewards["auto_rewarded"], made.rewards["timestamps"])
    series("processing/running/speed", made.speed, made.timestamps)
    series(
        "processing/running/speed_unfiltered",
        np.where(made.timestamps < 0.05, np.nan, made.speed * 1.1),
        made.timestamps,
    )
    series("processing/running/dx", made.speed.astype(np.float32), made.timestamps)
    series("processing/stimulus/timestamps", made.timestamps, made.timestamps)
    for name, volts in (("v_sig", made.speed % 5), ("v_in", made.speed * 0 + 5)):
        series(f"acquisition/{name}", volts, made.timestamps)


def _write_trials(file: h5py.File, made: Made) -> None:
    group = file.create_group("intervals/trials")
    group.attrs["colnames"] = np.array(TRIALS_1_0, dtype=TEXT)
    group["id"] = made.trials["id"]
    for name in TRIALS_1_0:
        values = made.trials["is_change" if name == "stimulus_change" else name]
        if name == "lick_times":
            _write_ragged(group, name, values)
        elif name == "change_frame" and (values == -99).any():
            group[name] = np.where(values == -99, np.nan, values)
        else:
            _write_column(group, name, values)


def _write_ragged(group: h5py.Group, name: str, rows: list[np.ndarray]) -> None:
    flat = np.concatenate(rows) if rows else np.empty(0)
    group[f"{name}_index"] = np.cumsum([len(row) for row in rows]).astype(np.uint16)
    if len(flat):
        group[name] = flat
    else:
        _text(group, name, [""])


def _write_column(group: h5py.Group, name: str, values: Any) -> None:
    values = np.asarray(values)
    if values.dtype.kind in "OU":
        _text(group, name, values.tolist())
    else:
        group[name] = values


def _write_intervals(file: h5py.File, name: str, columns: dict[str, Any]) -> None:
    group = file.create_group(f"intervals/{name}_presentations")
    group.attrs["colnames"] = np.array([*columns, "tags", "timeseries"], dtype=TEXT)
    for column, values in columns.items():
        _write_column(group, column, values)
    group["id"] = np.arange(len(columns["start_time"]))


def _shown_between(name: str, start: Any, stop: Any, block: Any, movie_frame: Any) -> dict[str, Any]:
    start, stop = np.asarray(start, dtype=float), np.asarray(stop, dtype=float)
    none = np.full(len(start), -99)
    return {
        "start_time": start,
        "stop_time": stop,
        "stimulus_block": np.asarray(block),
        "stimulus_block_name": np.full(len(start), "block", dtype=object),
        "image_index": none,
        "movie_frame_index": none * 0 + movie_frame,
        "movie_repeat": none,
        "duration": stop - start,
        "start_frame": (start * FRAME_RATE).astype(np.int64),
        "end_frame": (stop * FRAME_RATE).astype(np.int64),
        "flashes_since_change": none,
        "trials_id": none,
        "active": np.zeros(len(start), dtype=bool),
        "is_sham_change": np.zeros(len(start), dtype=bool),
        "stimulus_name": np.full(len(start), name, dtype=object),
    }


def _write_presentations(file: h5py.File, made: Made, layout: str) -> None:
    task = made.presentations["task"]
    omitted = task["omitted"] == 1
    index = np.where(omitted, np.cumsum(omitted), np.cumsum(~omitted)) - 1
    for name in sorted(set(task["image_name"].tolist())):
        rows = task["image_name"] == name
        columns = {
            "start_time": task["start_time"][rows],
            "stop_time": task["end_time"][rows],
            "duration": task["duration"][rows],
            "end_frame": task["end_frame"][rows].astype(float),
            "image_index": task["image_index"][rows],
            "image_name": task["image_name"][rows],
            "image_set": task["image_set"][rows],
            "index": index[rows],
            "is_change": np.zeros(rows.sum(), dtype=bool),
            "omitted": omitted[rows],
            # A column of floats was appended where there was no omission.
            "start_frame": task["start_frame"][rows] if omitted.any() else task["start_frame"][rows].astype(float),
        }
        if layout == "0":
            del columns["is_change"]
        if name == "omitted":
            del columns["end_frame"]
        _write_intervals(file, name, columns)


def _write_templates(file: h5py.File) -> None:
    group = file.create_group(f"stimulus/templates/{IMAGE_SET}.07.14")
    _text(group, "control_description", list(IMAGES))
    shape = (len(IMAGES), 12, 16)
    group["data"] = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    unwarped = np.arange(np.prod(shape), dtype=float).reshape(shape)
    unwarped[:, 0] = np.nan
    group["unwarped"] = unwarped


def _write_eye(file: h5py.File, eye: dict[str, Any]) -> None:
    group = file.create_group("acquisition/EyeTracking")
    for name in ("eye_tracking", "pupil_tracking", "corneal_reflection_tracking"):
        for column, values in eye[name].items():
            group[f"{name}/{column}"] = values
    group["eye_tracking/timestamps"] = eye["timestamps"]
    group["likely_blink/data"] = np.zeros(len(eye["timestamps"]), dtype=bool)
    rig = file.create_group("processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata")
    rig.attrs["equipment"] = "CAM2P.3"
    for place, name in enumerate(
        ("camera_position", "camera_rotation", "led_position", "monitor_position", "monitor_rotation")
    ):
        rig[name] = np.arange(3) + place / 2


def as_session(made: Made, templates: bool = True) -> SimpleNamespace:
    """The session as an object with BehaviorSession's attributes, as `visbehavior.write_nwb` takes it."""
    trials = {name: values for name, values in made.trials.items() if name != "id"}
    trials["lick_times"] = pd.Series(list(trials["lick_times"]), dtype=object)
    frame = pd.DataFrame(trials)[TRIALS_1_1]
    frame.index = pd.Index(made.trials["id"], name="trials_id")
    return SimpleNamespace(
        licks=pd.DataFrame(made.licks),
        rewards=pd.DataFrame(made.rewards),
        running_speed=pd.DataFrame({"timestamps": made.timestamps, "speed": made.speed}),
        raw_running_speed=pd.DataFrame({"timestamps": made.timestamps, "speed": made.raw_speed}),
        encoder=pd.DataFrame(
            {
                "timestamps": made.timestamps,
                "dx": made.speed.astype(np.float32),
                "v_sig": made.speed % 5,
                "v_in": made.speed * 0 + 5,
            }
        ),
        stimulus_timestamps=made.timestamps,
        stimulus_presentations=_presentations_frame(made),
        stimulus_templates=_templates_frame() if templates else None,
        trials=frame,
        metadata=_metadata_of(made),
        task_parameters=_task_parameters_of(made),
        eye_tracking=_eye_frame(made.eye),
        eye_tracking_rig_geometry=_geometry() if made.eye else {},
    )


def _presentations_frame(made: Made) -> pd.DataFrame:
    task = pd.DataFrame(made.presentations["task"]).drop(columns="image_set")
    task["is_image_novel"] = task["is_image_novel"].astype("boolean")
    if made.presentations["blocks"] == 4:
        first, last = task["start_time"].iloc[0], task["end_time"].iloc[-1]
        gray = _shown_between("spontaneous", [0.0, last], [first, last + 1], [0, 2], -99)
        times = last + 1 + np.arange(5) * 0.03
        movie = _shown_between("natural_movie_one", times, times + 0.03, [3] * 5, np.arange(5))
        elsewhere = [pd.DataFrame(columns).rename(columns={"stop_time": "end_time"}) for columns in (gray, movie)]
        task["omitted"] = task["omitted"].astype("boolean")
        task = pd.concat([task, *elsewhere]).sort_values("start_time", kind="stable")
    shown = (task["omitted"].astype("boolean") == False).fillna(False).to_numpy(dtype=bool)  # noqa: E712
    omitted = (task["image_name"] == "omitted").to_numpy(dtype=bool)
    task["is_change"] = np.array(reference.is_change(task["image_name"].tolist(), shown.tolist()), dtype=bool)
    task["flashes_since_change"] = reference.flashes_since_change(task["is_change"].tolist(), omitted.tolist())
    task.index = pd.RangeIndex(len(task), name="stimulus_presentations_id")
    declared = [name for name in STIMULUS_PRESENTATIONS.names() if name in task]
    return task[declared]


def _templates_frame() -> pd.DataFrame:
    shape = (len(IMAGES), 12, 16)
    warped = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    unwarped = np.where(np.arange(12)[:, None] == 0, np.nan, np.arange(np.prod(shape), dtype=float).reshape(shape))
    frame = pd.DataFrame(
        {"unwarped": pd.Series(list(unwarped), dtype=object), "warped": pd.Series(list(warped), dtype=object)}
    )
    frame.index = pd.Index(IMAGES, name="image_name")
    frame.name = f"{IMAGE_SET}.07.14"
    return frame


def _metadata_of(made: Made) -> dict[str, Any]:
    return {
        "equipment_name": "BEH.D-Box2",
        "sex": "F",
        "age_in_days": 114,
        "stimulus_frame_rate": FRAME_RATE,
        "session_type": made.session_type,
        "date_of_acquisition": datetime.datetime(2019, 6, 20, 11, 18, 15, 777000, tzinfo=datetime.UTC),
        "reporter_line": "Ai148(TIT2L-GC6f-ICL-tTA2)",
        "cre_line": "Sst-IRES-Cre",
        "behavior_session_uuid": uuid.UUID("edea5d17-c573-4450-9a56-4037a231c600"),
        "driver_line": ["Camk2a-tTA", "Sst-IRES-Cre"],
        "mouse_id": made.mouse_id,
        "project_code": "VisualBehavior",
        "full_genotype": "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
        "behavior_session_id": made.behavior_session_id,
        **made.metadata,
    }


def _task_parameters_of(made: Made) -> dict[str, Any]:
    return {
        "auto_reward_volume": 0.005,
        "blank_duration_sec": [0.5, 0.5],
        "image_set": "images_A",
        "n_stimulus_frames": 1234,
        "omitted_flash_fraction": 0.05,
        "response_window_sec": [0.15, 0.75],
        "reward_volume": 0.007,
        "session_type": made.session_type,
        "stimulus": "images",
        "stimulus_distribution": "geometric",
        "stimulus_duration_sec": FLASH,
        "stimulus_name": IMAGE_SET,
        "task": "change detection",
    }


def _eye_frame(eye: dict[str, Any] | None) -> pd.DataFrame:
    """As AllenSDK's pipeline has it: what is near a blink is NaN."""
    if eye is None:
        return pd.DataFrame()
    areas = [eye[group]["area_raw"].tolist() for group in ("eye_tracking", "pupil_tracking")]
    blink = np.array(reference.likely_blinks(*areas, 3.0, 2))
    columns: dict[str, Any] = {"timestamps": eye["timestamps"], "likely_blink": blink}
    for prefix, group in (("cr", "corneal_reflection_tracking"), ("eye", "eye_tracking"), ("pupil", "pupil_tracking")):
        stored = eye[group]
        columns[f"{prefix}_area_raw"] = stored["area_raw"]
        columns[f"{prefix}_area"] = np.where(blink, np.nan, stored["area_raw"])
        columns[f"{prefix}_center_x"], columns[f"{prefix}_center_y"] = stored["data"].T
        for part, name in (("width", "width"), ("height", "height"), ("phi", "angle")):
            columns[f"{prefix}_{part}"] = stored[name] if prefix == "cr" else np.where(blink, np.nan, stored[name])
    frame = pd.DataFrame(columns)[EYE_TRACKING.names()]
    frame.index.name = "frame"
    return frame


def _geometry() -> dict[str, Any]:
    names = ("camera_position_mm", "camera_rotation_deg", "led_position", "monitor_position_mm", "monitor_rotation_deg")
    return {"equipment": "CAM2P.3", **{name: (np.arange(3) + place / 2).tolist() for place, name in enumerate(names)}}
