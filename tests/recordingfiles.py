"""NWB files of synthetic Neuropixels recordings: behavior with a passive replay, Gabor patches and flashes, probes and units.

Groups, names and types are those of Visual Behavior Neuropixels, releases 0.4.0 and 0.5.0. Files with ``stored=False`` are
older: they lack trials_id and is_sham_change, and their trials have stimulus_change.
"""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import numpy as np

from tests.nwbfiles import TEXT, write_session
from tests.synthetic_session import FLASH_DURATION, FRAME_RATE, SyntheticSession

RECORDING_ID = 990210001
IMAGES_GROUP = "Natural_Images_Lum_Matched_set_ophys_G_2019"
PROBES = ("probeA", "probeB")
UNITS = 7
REPLAY = 5
"""Block of the passive replay."""
STEP = 0.3
"""Time from one Gabor patch or flash to the next (s)."""
TRIAL_COLUMNS = (
    *(
        "start_time",
        "stop_time",
        "initial_image_name",
        "change_image_name",
        "is_change",
        "change_time_no_display_delay",
    ),
    *("go", "catch", "lick_times", "response_time", "reward_time", "reward_volume", "hit", "false_alarm", "miss"),
    *("correct_reject", "aborted", "auto_rewarded", "change_frame", "trial_length"),
)

Columns = dict[str, Any]


def write_recording(
    path: pathlib.Path, synthetic: SyntheticSession, *, stored: bool = True, changed_in_replay: int | None = None
) -> pathlib.Path:
    """Write the file of a recording.

    Parameters
    ----------
    path : pathlib.Path
    synthetic : SyntheticSession
        The task.
    stored : bool
        Whether the file has trials_id and is_sham_change.
    changed_in_replay : int or None
        Row of the replay with another image than in the task; None: the replay has the images of the task.
    """
    write_session(path, synthetic, "1.0")
    with h5py.File(path, "r+") as file:
        _replace_metadata(file)
        _replace_trials(file, stored)
        for name in [name for name in file["intervals"] if name.endswith("_presentations")]:
            del file[f"intervals/{name}"]
        for name, columns in make_blocks(synthetic, changed_in_replay).items():
            _write_intervals(file, f"{name}_presentations", columns if stored else _older(columns))
        _write_probes_and_units(file)
    return path


def make_blocks(synthetic: SyntheticSession, changed_in_replay: int | None = None) -> dict[str, Columns]:
    """Return the stored columns of each group of presentations."""
    task = synthetic.presentations
    count = len(task["start_time"])
    length = task["end_time"][-1] + 1 - task["start_time"][0]
    gabors = task["end_time"][-1] + 11 + STEP * np.arange(9)
    flashes = gabors[-1] + 11 + STEP * np.arange(4)
    replay_delay = np.ceil((flashes[-1] + 1 - task["start_time"][0]) / length) * length
    names = np.concatenate([task["image_name"]] * 2)
    if changed_in_replay is not None:
        names[count + changed_in_replay] = "im999"
    time = np.concatenate([task["start_time"], task["start_time"] + replay_delay])
    images = _rows(time, np.repeat([0, REPLAY], count), IMAGES_GROUP)
    omitted = (names == "omitted").astype(float)
    images |= {
        "image_name": names,
        "is_change": np.full(2 * count, 0.0),
        "is_image_novel": np.where(omitted == 1, np.nan, 1.0),
        "omitted": omitted,
        "trials_id": np.tile(np.arange(count) // 9, 2),
        "active": np.repeat([True, False], count),
        "rewarded": np.tile((np.arange(count) % 9 == 0).astype(float), 2),
    }
    images["duration"][:count][omitted[:count] == 1] = np.nan
    gabor_rows = _rows(gabors, np.full(9, 2), "gabor_20_deg_250ms") | {
        "stimulus_index": np.zeros(9, dtype=np.int64),
        "position_x": np.tile([-40.0, 0.0, 40.0], 3),
        "position_y": np.repeat([-40.0, 0.0, 40.0], 3),
        "orientation": np.tile([0.0, 45.0, 90.0], 3),
        "contrast": np.full(9, 0.8),
        "spatial_frequency": np.full(9, 0.08),
        "temporal_frequency": np.full(9, 4.0),
    }
    flash_rows = _rows(flashes, np.full(4, 4), "flash_250ms") | {
        "stimulus_index": np.ones(4, dtype=np.int64),
        "color": np.tile([-1.0, 1.0], 2),
        "contrast": np.full(4, 0.8),
    }
    gray = _rows(np.array([gabors[0] - 10, flashes[0] - 10]), np.array([1, 3]), "spontaneous")
    return {IMAGES_GROUP: images, "gabor_20_deg_250ms": gabor_rows, "flash_250ms": flash_rows, "spontaneous": gray}


def _rows(start_time: np.ndarray, block: np.ndarray, name: str) -> Columns:
    count = len(start_time)
    return {
        "start_time": start_time,
        "stop_time": start_time + FLASH_DURATION,
        "stimulus_block": block.astype(np.int64),
        "duration": np.full(count, FLASH_DURATION),
        "start_frame": (start_time * FRAME_RATE).astype(np.int64),
        "end_frame": (start_time * FRAME_RATE).astype(np.int64) + 15,
        "flashes_since_change": np.full(count, -99),
        "trials_id": np.full(count, -99),
        "is_sham_change": np.zeros(count, dtype=bool),
        "active": np.zeros(count, dtype=bool),
        "stimulus_name": np.full(count, name, dtype=object),
        "stimulus_index": np.full(count, -99),
    }


def _older(columns: Columns) -> Columns:
    return {name: values for name, values in columns.items() if name not in ("trials_id", "is_sham_change")}


def _write_intervals(file: h5py.File, name: str, columns: Columns) -> None:
    group = file.create_group(f"intervals/{name}")
    group.attrs["colnames"] = np.array([*columns, "tags", "timeseries"], dtype=TEXT)
    group["id"] = np.arange(len(columns["start_time"]))
    for column, values in columns.items():
        if values.dtype.kind == "O":
            group.create_dataset(column, data=values.tolist(), dtype=TEXT)
        else:
            group[column] = values


def _replace_metadata(file: h5py.File) -> None:
    del file["identifier"]
    file["identifier"] = str(RECORDING_ID)
    file["general/metadata"].attrs.update(
        {"behavior_session_uuid": "None", "equipment_name": "NP.1", "project_code": "Not Available"}
    )
    subject = file["general/subject"]
    del subject.attrs["driver_line"], subject["genotype"]
    subject["genotype"] = "wt/wt"
    subject.attrs["reporter_line"] = "None"


def _replace_trials(file: h5py.File, stored: bool) -> None:
    trials = file["intervals/trials"]
    trials.move("change_time", "change_time_no_display_delay")
    del trials["response_latency"]
    names = list(TRIAL_COLUMNS)
    if stored:
        trials.move("stimulus_change", "is_change")
    else:
        names[names.index("is_change")] = "stimulus_change"
    trials.attrs["colnames"] = np.array(names, dtype=TEXT)


def _write_probes_and_units(file: h5py.File) -> None:
    electrodes = file.create_group("general/extracellular_ephys/electrodes")
    electrodes.attrs["neurodata_type"] = "DynamicTable"
    electrodes["id"] = np.arange(4)
    for name in PROBES:
        probe = file.create_group(f"general/extracellular_ephys/{name}")
        probe.attrs["neurodata_type"] = "EcephysElectrodeGroup"
    file["units/id"] = np.arange(UNITS)
    file["units/spike_times"] = np.arange(50.0)
