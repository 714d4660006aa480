"""NWB files of synthetic sessions in the layouts of the releases.

Release 1.1.0 is written by `visbehavior.write_nwb`, older layouts here, with the groups, names and types that AllenSDK's
writers use.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

from tests.synthetic_session import (
    ELLIPSES,
    FLASH_DURATION,
    FRAME_RATE,
    IMAGE_SET,
    IMAGES,
    TRIAL_COLUMNS_1_0,
    SyntheticSession,
    as_session,
    template_stacks,
)
from visbehavior import write_nwb
from visbehavior.schema.columns import Table

TEXT = h5py.string_dtype()
PRESENTATIONS = f"intervals/{IMAGE_SET}_presentations"
"""Group of the task's presentations in files of release 1.1.0."""
TEMPLATES = f"stimulus/templates/{IMAGE_SET}.07.14"
"""Group of the images."""


def write_session(
    path: pathlib.Path, synthetic: SyntheticSession, layout: str = "1.1", templates: bool = True
) -> pathlib.Path:
    """Write a session in the layout of release 1.1.0 ("1.1"), of releases 1.0.x ("1.0"), or an older one ("0")."""
    if layout == "1.1":
        return write_nwb(as_session(synthetic, templates), path, templates=templates)
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.2.5"
        file.attrs["neurodata_type"] = "NWBFile"
        _write_text(file, "session_start_time", "2019-06-20T11:18:15.777000+00:00")
        _write_text(file, "identifier", str(synthetic.behavior_session_id))
        _write_metadata(file, synthetic)
        _write_task_parameters(file, synthetic)
        _write_series(file, synthetic)
        _write_trials(file, synthetic)
        _write_presentations(file, synthetic, layout)
        if templates:
            _write_templates(file)
        if synthetic.eye is not None:
            _write_eye_tracking(file, synthetic.eye)
            _write_rig_geometry(file)
    return path


def _write_text(group: h5py.Group, name: str, value: Any) -> None:
    group.create_dataset(name, data=value, dtype=TEXT)


def _write_metadata(file: h5py.File, synthetic: SyntheticSession) -> None:
    file.create_group("general/metadata").attrs.update(
        {
            "behavior_session_id": synthetic.behavior_session_id,
            "behavior_session_uuid": "edea5d17-c573-4450-9a56-4037a231c600",
            "equipment_name": "BEH.D-Box2",
            "session_type": synthetic.session_type,
            "stimulus_frame_rate": FRAME_RATE,
            **synthetic.metadata,
        }
    )
    subject = file.create_group("general/subject")
    for name, value in (
        ("age", "P114D"),
        ("genotype", "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt"),
        ("sex", "F"),
        ("subject_id", synthetic.mouse_id),
    ):
        _write_text(subject, name, value)
    subject.attrs["driver_line"] = np.array(["Sst-IRES-Cre", "Camk2a-tTA"], dtype=TEXT)
    subject.attrs["reporter_line"] = "Ai148(TIT2L-GC6f-ICL-tTA2)"


def _write_task_parameters(file: h5py.File, synthetic: SyntheticSession) -> None:
    file.create_group("general/task_parameters").attrs.update(
        {
            "blank_duration_sec": np.array(["0.5", "0.5"], dtype=TEXT),
            "response_window_sec": np.array(["0.15", "0.75"], dtype=TEXT),
            "auto_reward_volume": 0.005,
            "reward_volume": 0.007,
            "omitted_flash_fraction": 0.05,
            "stimulus_duration_sec": FLASH_DURATION,
            "n_stimulus_frames": 1234,
            "session_type": synthetic.session_type,
            "stimulus": "images",
            "stimulus_distribution": "geometric",
            "task": "change detection",
        }
    )


def _write_series(file: h5py.File, synthetic: SyntheticSession) -> None:
    def write(path: str, data: np.ndarray, timestamps: np.ndarray) -> None:
        file[f"{path}/data"], file[f"{path}/timestamps"] = data, timestamps

    licks, rewards = synthetic.licks, synthetic.rewards
    clock, speed = synthetic.timestamps, synthetic.speed
    if len(licks["timestamps"]):
        write("processing/licking/licks", licks["frame"], licks["timestamps"])
    if len(rewards["timestamps"]):
        write("processing/rewards/volume", rewards["volume"], rewards["timestamps"])
        write("processing/rewards/autorewarded", rewards["auto_rewarded"], rewards["timestamps"])
    write("processing/running/speed", speed, clock)
    write("processing/running/speed_unfiltered", synthetic.raw_speed, clock)
    write("processing/running/dx", speed.astype(np.float32), clock)
    write("processing/stimulus/timestamps", clock, clock)
    write("acquisition/v_sig", speed % 5, clock)
    write("acquisition/v_in", speed * 0 + 5, clock)


def _write_trials(file: h5py.File, synthetic: SyntheticSession) -> None:
    group = file.create_group("intervals/trials")
    group.attrs["colnames"] = np.array(TRIAL_COLUMNS_1_0, dtype=TEXT)
    group["id"] = synthetic.trials["id"]
    for name in TRIAL_COLUMNS_1_0:
        values = synthetic.trials["is_change" if name == "stimulus_change" else name]
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
        _write_text(group, name, [""])


def _write_column(group: h5py.Group, name: str, values: Any) -> None:
    if np.asarray(values).dtype.kind in "OU":
        _write_text(group, name, np.asarray(values).tolist())
    else:
        group[name] = values


def _write_presentations(file: h5py.File, synthetic: SyntheticSession, layout: str) -> None:
    """Write one group per image, and one for the omissions."""
    all_rows = synthetic.presentations
    omitted = all_rows["omitted"] == 1
    index = np.where(omitted, np.cumsum(omitted), np.cumsum(~omitted)) - 1
    for name in sorted(set(all_rows["image_name"].tolist())):
        rows = all_rows["image_name"] == name
        start_frame = all_rows["start_frame"][rows]
        columns = {
            "start_time": all_rows["start_time"][rows],
            "stop_time": all_rows["end_time"][rows],
            "duration": all_rows["duration"][rows],
            "end_frame": all_rows["end_frame"][rows].astype(float),
            "image_index": all_rows["image_index"][rows],
            "image_name": all_rows["image_name"][rows],
            "image_set": all_rows["image_set"][rows],
            "index": index[rows],
            "is_change": np.zeros(rows.sum(), dtype=bool),
            "omitted": omitted[rows],
            # AllenSDK appended a column of floats if there was no omission.
            "start_frame": start_frame if omitted.any() else start_frame.astype(float),
        }
        if layout == "0":
            del columns["is_change"]
        if name == "omitted":
            del columns["end_frame"]
        group = file.create_group(f"intervals/{name}_presentations")
        group.attrs["colnames"] = np.array([*columns, "tags", "timeseries"], dtype=TEXT)
        group["id"] = np.arange(rows.sum())
        for column, values in columns.items():
            _write_column(group, column, values)


def _write_templates(file: h5py.File) -> None:
    group = file.create_group(TEMPLATES)
    _write_text(group, "control_description", list(IMAGES))
    group["data"], group["unwarped"] = template_stacks()


def _write_eye_tracking(file: h5py.File, eye: dict[str, Any]) -> None:
    group = file.create_group("acquisition/EyeTracking")
    for name in ELLIPSES.values():
        for column, values in eye[name].items():
            group[f"{name}/{column}"] = values
    group["eye_tracking/timestamps"] = eye["timestamps"]
    group["likely_blink/data"] = np.zeros(len(eye["timestamps"]), dtype=bool)


def _write_rig_geometry(file: h5py.File) -> None:
    rig = file.create_group("processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata")
    rig.attrs["equipment"] = "CAM2P.3"
    names = ("camera_position", "camera_rotation", "led_position", "monitor_position", "monitor_rotation")
    for i, name in enumerate(names):
        rig[name] = np.arange(3) + i / 2


def write_tables(
    path: pathlib.Path, tables: Iterable[tuple[Table, Mapping[str, Any]]], *, track_order: bool = False
) -> pathlib.Path:
    """Write an NWB file without metadata that has some tables, each column at its declared path."""
    with h5py.File(path, "w", track_order=track_order) as file:
        file.attrs["nwb_version"] = "2.7.0"
        for group in ("general/metadata", "general/task_parameters", "processing"):
            file.create_group(group, track_order=track_order)
        for table, columns in tables:
            for name, values in columns.items():
                file[f"{table.group}/{table.by_name[name].path}".strip("/")] = values
    return path
