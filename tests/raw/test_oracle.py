"""Simulated sessions read by AllenSDK itself: from the pickle, and from the NWB file that was made of it."""

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

# Minutes and seeds. The first one has five minutes of gray and a movie, and leaves out the task's last image.
SESSIONS = {"OPHYS_3_images_A": (31, 5), "TRAINING_2_gratings_flashed": (5, 2), "OPHYS_5_images_B_passive": (5, 3)}

# Computed, not stored: sums and filters of another numpy and scipy.
CLOSE = {"running_speed": 1e-9, "raw_running_speed": 1e-9}
METRICS_CLOSE = 1e-12
# 2.16 appends these by iterating over a set.
IN_ANY_ORDER = {"active", "is_sham_change", "stimulus_name", "phase", "spatial_frequency", "orientation"}

Plain = dict[str, Any]


def known_of(raw: Plain, session_type: str, folder: pathlib.Path) -> Plain:
    """The pickle's file with all that a lab would know, images too where there are any."""
    names = parse_stage(session_type).images
    known = raw["session_data"] | {"prior_images_shown": names[:3], "driver_line": ["Slc17a7-IRES2-Cre", "Camk2a-tTA"]}
    data = session_data(write_pickle(lambda: raw, folder), **known)
    if names:
        rng = np.random.default_rng(7)
        # In the opposite order to the pickle's own list; a rig's set has its names as bytes.
        shown = {name.encode(): rng.integers(0, 256, IMAGE_SHAPE, dtype=np.uint8) for name in names[::-1]}
        data["image_set_file"] = str(folder / "images.pkl")
        packed = pickle.dumps({name: {name: shown[name]} for name in shown}, protocol=2)
        # Where numpy 1 finds what makes an array.
        (folder / "images.pkl").write_bytes(packed.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray"))
    return data


@functools.cache
def read_by_allensdk(session_type: str, folder: pathlib.Path) -> tuple[Plain, pathlib.Path, Plain]:
    """The session's data, the NWB file that was made of it, and what AllenSDK read of both."""
    minutes, seed = SESSIONS[session_type]
    data = known_of(simulate(session_type, minutes=minutes, seed=seed), session_type, folder)
    (path,) = convert_raw([data], folder)
    (folder / "data.json").write_text(json.dumps(data))
    child, target = pathlib.Path(__file__).with_name("allensdk_child.py"), folder / "read.pkl"
    done = subprocess.run(
        [PYTHON, child, folder / "data.json", path, target], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return data, path, pickle.loads(target.read_bytes())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    return {name: tmp_path_factory.mktemp(name) for name in SESSIONS}


# From the raw file and from the NWB file: what AllenSDK gives of the first as it would of the second


def counted_on(rows: dict[str, Any]) -> list[int]:
    """Flashes since the last change: through gray and movie too, as on reading an NWB file."""
    changed, omitted = rows["is_change"][1], rows["omitted"][1]
    counts: list[int] = []
    for row, is_change in enumerate(changed):
        before = counts[-1] if counts else -1
        counts.append(0 if is_change or not row else before + (not omitted[row]))
    return counts


def presentations_as_stored(rows: Plain) -> Plain:
    """Rows by the time of their start; no missing is_change; flashes counted through gray and movie."""
    order = np.argsort(rows["start_time"][1], kind="stable")
    rows = {name: (dtype, [values[row] for row in order]) for name, (dtype, values) in rows.items()}
    on_screen = [name is not None for name in rows["image_name"][1]]
    uncounted = [count == -99 for count in rows["flashes_since_change"][1]]
    assert on_screen == [not none for none in uncounted]
    assert on_screen == [is_change is not None for is_change in rows["is_change"][1]]
    rows["is_change"] = "bool", [bool(is_change) for is_change in rows["is_change"][1]]
    rows["flashes_since_change"] = "int64", counted_on(rows)
    return rows


def as_stored(raw: Plain, data: Plain) -> Plain:
    """What AllenSDK would read from the NWB file that it makes: each difference that it has, and no other."""
    stored = dict(raw, stimulus_presentations=presentations_as_stored(raw["stimulus_presentations"]))
    trials = raw["trials"]
    # NWB's intervals have these first.
    stored["trials"] = {name: trials[name] for name in ("start_time", "stop_time")} | trials
    metadata, task = raw["metadata"], raw["task_parameters"]
    # The project comes from the institute's database alone, and so do the names of the blocks.
    assert metadata["project_code"] == "Not Available"
    assert "stimulus_block_name" not in raw["stimulus_presentations"]
    stored["metadata"] = metadata | {
        "project_code": data["project_code"],
        "driver_line": sorted(metadata["driver_line"]),
    }
    stored["task_parameters"] = task | {"omitted_flash_fraction": float(task["omitted_flash_fraction"])}
    return stored


def assert_same_column(got: Any, expected: Any, close: float, what: str) -> None:
    assert got[0] == expected[0], what
    if close:
        np.testing.assert_allclose(got[1], expected[1], rtol=close, atol=close, err_msg=what)
    elif got[0] == "float64":
        np.testing.assert_array_equal(got[1], expected[1], err_msg=what)
    else:
        assert got[1] == expected[1], what


def assert_same(got: Plain, expected: Plain) -> None:
    for name in TABLES:
        fixed = [[one for one in table[name] if one not in IN_ANY_ORDER] for table in (got, expected)]
        assert fixed[0] == fixed[1], name
        assert got[name].keys() == expected[name].keys(), name
        assert got[f"{name}.index"] == expected[f"{name}.index"], name
        for column, values in got[name].items():
            assert_same_column(values, expected[name][column], CLOSE.get(name, 0), f"{name}.{column}")
    for name in DICTIONARIES:
        assert list(got[name]) == list(expected[name])
        assert {key: repr(value) for key, value in got[name].items()} == {
            key: repr(value) for key, value in expected[name].items()
        }
    assert got["stimulus_timestamps"] == expected["stimulus_timestamps"]
    assert got["metrics"] == pytest.approx(expected["metrics"], rel=METRICS_CLOSE, abs=METRICS_CLOSE, nan_ok=True)


@needs_allensdk
def test_every_difference_of_the_presentations_is_met(folders: dict[str, pathlib.Path]) -> None:
    """The first session has gray and movie, and an omission last, which comes after the gray by its frame and before it by its time."""
    session_type = next(iter(SESSIONS))
    rows = read_by_allensdk(session_type, folders[session_type])[2]["raw"]["stimulus_presentations"]
    assert rows["start_time"][1] != sorted(rows["start_time"][1])
    assert {"natural_movie_one", "spontaneous"} < set(rows["stimulus_name"][1])
    assert {None, True, False} == set(rows["is_change"][1]) == set(rows["is_image_novel"][1])


@needs_allensdk
@pytest.mark.parametrize("session_type", SESSIONS)
def test_allensdk_reads_the_same_from_the_pickle(session_type: str, folders: dict[str, pathlib.Path]) -> None:
    data, _, theirs = read_by_allensdk(session_type, folders[session_type])
    ours = plain_session(BehaviorSession.from_json(data))
    ours["stimulus_presentations"].pop("stimulus_block_name")
    assert_same(ours, as_stored(theirs["raw"], data))


@needs_allensdk
@pytest.mark.parametrize("session_type", SESSIONS)
def test_allensdk_reads_the_same_from_the_file_that_was_made_of_it(
    session_type: str, folders: dict[str, pathlib.Path]
) -> None:
    data, path, theirs = read_by_allensdk(session_type, folders[session_type])
    session = BehaviorSession.from_nwb_path(path)
    assert_same(plain_session(session), theirs["nwb"])
    assert theirs["images"] == (plain_images(session) if "image_set_file" in data else [])
    assert len(theirs["images"]) == 2 * len(parse_stage(session_type).images)
