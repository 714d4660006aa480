"""Simulated sessions read by AllenSDK, from the pickle and from the NWB file that we write.

AllenSDK reads a pickle differently from the NWB file that it writes; `as_stored` lists these differences.
"""

from __future__ import annotations

import functools
import json
import pathlib
import pickle
import subprocess
from typing import Any

import numpy as np
import pytest

from tests.oracle import PYTHON, needs_allensdk
from tests.raw.allensdk_child import DICTIONARIES, TABLES, plain_images, plain_session
from tests.rawfiles import session_data
from visbehavior import BehaviorSession, convert_raw, simulate
from visbehavior.schema.stimulus_pickle import IMAGE_SHAPE
from visbehavior.simulation.files import write_pickle
from visbehavior.simulation.stages import parse_stage

# Minutes and seeds. The first session has gray screens and a movie, and its last flash is omitted.
SESSIONS = {"OPHYS_3_images_A": (31, 31), "TRAINING_2_gratings_flashed": (5, 2), "OPHYS_5_images_B_passive": (5, 3)}

# Running speed is computed with other versions of numpy and scipy.
TOLERANCES = {"running_speed": 1e-9, "raw_running_speed": 1e-9}
METRICS_TOLERANCE = 1e-12
# AllenSDK 2.16 appends these columns in the order of a set.
UNORDERED = {"active", "is_sham_change", "stimulus_name", "phase", "spatial_frequency", "orientation"}

Plain = dict[str, Any]


def write_session_data(raw: Plain, session_type: str, folder: pathlib.Path) -> Plain:
    """Write a pickle and, for images, its image set; return complete session_data."""
    names = parse_stage(session_type).images
    entries = raw["session_data"] | {
        "prior_images_shown": names[:3],
        "driver_line": ["Slc17a7-IRES2-Cre", "Camk2a-tTA"],
    }
    data = session_data(write_pickle(lambda: raw, folder), **entries)
    if names:
        rng = np.random.default_rng(7)
        # The order differs from that in the pickle; the names in a rig's image set are bytes.
        images = {name.encode(): rng.integers(0, 256, IMAGE_SHAPE, dtype=np.uint8) for name in names[::-1]}
        data["image_set_file"] = str(folder / "images.pkl")
        content = pickle.dumps({name: {name: images[name]} for name in images}, protocol=2)
        # numpy 1 needs the old name of the module.
        (folder / "images.pkl").write_bytes(content.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray"))
    return data


def simulate_with_late_omission(session_type: str) -> Plain:
    """Simulate a session whose last omission, if it has any, follows the last image, unless the session ends there."""
    minutes, seed = SESSIONS[session_type]
    raw = simulate(session_type, minutes=minutes, seed=seed)
    behavior = raw["items"]["behavior"]
    for name, frames in behavior["omitted_flash_frame_log"].items():
        late = int(np.flatnonzero(behavior["stimuli"][name.removesuffix("_0")]["draw_log"])[-1]) + 46
        if frames and late < len(behavior["intervalsms"]):
            frames.append(late)
    return raw


@functools.cache
def read_by_allensdk(session_type: str, folder: pathlib.Path) -> tuple[Plain, pathlib.Path, Plain]:
    """Return session_data, the NWB file that we wrote, and the values that AllenSDK read from both."""
    data = write_session_data(simulate_with_late_omission(session_type), session_type, folder)
    (path,) = convert_raw([data], folder)
    (folder / "data.json").write_text(json.dumps(data))
    child, target = pathlib.Path(__file__).with_name("allensdk_child.py"), folder / "read.pkl"
    process = subprocess.run(
        [PYTHON, child, folder / "data.json", path, target], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return data, path, pickle.loads(target.read_bytes())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    return {name: tmp_path_factory.mktemp(name) for name in SESSIONS}


def count_flashes(rows: dict[str, Any]) -> list[int]:
    """Return the flashes since the last change, counted through gray screen and movie, as for an NWB file."""
    changes, omitted = rows["is_change"][1], rows["omitted"][1]
    counts: list[int] = []
    for row, is_change in enumerate(changes):
        before = counts[-1] if counts else -1
        counts.append(0 if is_change or not row else before + (not omitted[row]))
    return counts


def presentations_as_stored(rows: Plain) -> Plain:
    """Return the presentations as for an NWB file: by start time, is_change not missing, other flash counts."""
    order = np.argsort(rows["start_time"][1], kind="stable")
    rows = {name: (dtype, [values[row] for row in order]) for name, (dtype, values) in rows.items()}
    has_image = [name is not None for name in rows["image_name"][1]]
    uncounted = [count == -99 for count in rows["flashes_since_change"][1]]
    assert has_image == [not missing for missing in uncounted]
    assert has_image == [is_change is not None for is_change in rows["is_change"][1]]
    rows["is_change"] = "bool", [bool(is_change) for is_change in rows["is_change"][1]]
    rows["flashes_since_change"] = "int64", count_flashes(rows)
    return rows


def as_stored(raw: Plain, data: Plain) -> Plain:
    """Return values read from a pickle as AllenSDK reads them from the NWB file that it writes."""
    stored = dict(raw, stimulus_presentations=presentations_as_stored(raw["stimulus_presentations"]))
    trials = raw["trials"]
    # In NWB intervals these columns come first.
    stored["trials"] = {name: trials[name] for name in ("start_time", "stop_time")} | trials
    metadata, task = raw["metadata"], raw["task_parameters"]
    # Project and block names are in the institute's database only.
    assert metadata["project_code"] == "Not Available"
    assert "stimulus_block_name" not in raw["stimulus_presentations"]
    stored["metadata"] = metadata | {
        "project_code": data["project_code"],
        "driver_line": sorted(metadata["driver_line"]),
    }
    stored["task_parameters"] = task | {"omitted_flash_fraction": float(task["omitted_flash_fraction"])}
    return stored


def assert_same_column(values: Any, expected: Any, tolerance: float, name: str) -> None:
    assert values[0] == expected[0], name
    if tolerance:
        np.testing.assert_allclose(values[1], expected[1], rtol=tolerance, atol=tolerance, err_msg=name)
    elif values[0] == "float64":
        np.testing.assert_array_equal(values[1], expected[1], err_msg=name)
    else:
        assert values[1] == expected[1], name


def assert_same(got: Plain, expected: Plain) -> None:
    for name in TABLES:
        ordered = [[column for column in values[name] if column not in UNORDERED] for values in (got, expected)]
        assert ordered[0] == ordered[1], name
        assert got[name].keys() == expected[name].keys(), name
        assert got[f"{name}.index"] == expected[f"{name}.index"], name
        for column, values in got[name].items():
            assert_same_column(values, expected[name][column], TOLERANCES.get(name, 0), f"{name}.{column}")
    for name in DICTIONARIES:
        assert list(got[name]) == list(expected[name])
        assert {key: repr(value) for key, value in got[name].items()} == {
            key: repr(value) for key, value in expected[name].items()
        }
    assert got["stimulus_timestamps"] == expected["stimulus_timestamps"]
    assert got["metrics"] == pytest.approx(
        expected["metrics"], rel=METRICS_TOLERANCE, abs=METRICS_TOLERANCE, nan_ok=True
    )


@needs_allensdk
def test_presentations_have_every_difference_between_pickle_and_nwb_file(folders: dict[str, pathlib.Path]) -> None:
    """The last omission follows the gray screen by frame and precedes it by time."""
    session_type = next(iter(SESSIONS))
    rows = read_by_allensdk(session_type, folders[session_type])[2]["raw"]["stimulus_presentations"]
    assert rows["start_time"][1] != sorted(rows["start_time"][1])
    assert {"natural_movie_one", "spontaneous"} < set(rows["stimulus_name"][1])
    assert {None, True, False} == set(rows["is_change"][1]) == set(rows["is_image_novel"][1])


@needs_allensdk
@pytest.mark.parametrize("session_type", SESSIONS)
def test_tables_of_a_pickle_equal_allensdk(session_type: str, folders: dict[str, pathlib.Path]) -> None:
    data, _, theirs = read_by_allensdk(session_type, folders[session_type])
    ours = plain_session(BehaviorSession.from_json(data))
    ours["stimulus_presentations"].pop("stimulus_block_name")
    assert_same(ours, as_stored(theirs["raw"], data))


@needs_allensdk
@pytest.mark.parametrize("session_type", SESSIONS)
def test_tables_of_the_written_nwb_file_equal_allensdk(session_type: str, folders: dict[str, pathlib.Path]) -> None:
    data, path, theirs = read_by_allensdk(session_type, folders[session_type])
    session = BehaviorSession.from_nwb_path(path)
    assert_same(plain_session(session), theirs["nwb"])
    assert theirs["images"] == (plain_images(session) if "image_set_file" in data else [])
    assert len(theirs["images"]) == 2 * len(parse_stage(session_type).images)
