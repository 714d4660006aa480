"""Tests of converting pickles to NWB files: equal tables, ids, images, interruptions, and failures."""

from __future__ import annotations

import pathlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.rawfiles import IMAGES, make_raw, session_data, write_raw
from tests.stimuli.test_templates import grating, png, write_grating
from visbehavior import (
    BadValue,
    BehaviorSession,
    CorruptFile,
    MissingData,
    NotFound,
    UnsupportedFile,
    VisBehaviorError,
    convert_raw,
    simulate,
)
from visbehavior.schema.stimulus_pickle import IMAGE_SHAPE
from visbehavior.stimuli.templates import compute_templates

ROOT = pathlib.Path(__file__).parents[1]
FRAMES = ("licks", "rewards", "running_speed", "raw_running_speed", "encoder", "stimulus_presentations", "trials")
DICTIONARIES = ("metadata", "task_parameters")

SessionData = dict[str, Any]


def rig_file(
    folder: pathlib.Path, session_type: str = "TRAINING_1_gratings", seed: int = 0, **options: Any
) -> SessionData:
    """Return the session data of a simulated session. As on a rig, only the name of the pickle contains the id."""
    raw = simulate(session_type, **({"minutes": 1} | options), seed=seed)
    raw["session_data"].pop("behavior_session_id", None)
    return {"behavior_stimulus_file": str(write_raw(folder / f"session_{990300000 + seed}.pkl", raw))}


def assert_same_tables(path: pathlib.Path, data: SessionData) -> None:
    """Compare the tables of a file with those of its pickle: all bits, dtypes, and the order of the columns."""
    read, expected = BehaviorSession.from_nwb_path(path), BehaviorSession.from_json(data)
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(read, name), getattr(expected, name), check_exact=True, obj=name)
    for name in DICTIONARIES:
        # repr compares types, and NaN equals NaN.
        assert repr(getattr(read, name)) == repr(getattr(expected, name))
    np.testing.assert_array_equal(read.stimulus_timestamps, expected.stimulus_timestamps)
    assert repr(read.get_performance_metrics()) == repr(expected.get_performance_metrics())
    pd.testing.assert_frame_equal(read.get_rolling_performance_df(), expected.get_rolling_performance_df())
    assert read.behavior_session_id == expected.behavior_session_id


def assert_has_images(path: pathlib.Path, images: dict[str, NDArray[np.uint8]]) -> None:
    """Compare the names and order of the templates, and the last template with a computed one."""
    read = BehaviorSession.from_nwb_path(path).stimulus_templates
    assert list(read.index) == list(images)
    name, image = list(images.items())[-1]
    (unwarped,), (warped,) = compute_templates({name: image})
    np.testing.assert_array_equal(read["warped"][name], warped)
    np.testing.assert_array_equal(read["unwarped"][name], unwarped)


def has_images(path: pathlib.Path) -> bool:
    try:
        return len(BehaviorSession.from_nwb_path(path).stimulus_templates) > 0
    except MissingData:
        return False


@pytest.mark.parametrize(
    ("session_type", "minutes"),
    [
        ("OPHYS_4_images_B", 3),
        ("TRAINING_0_gratings_autorewards_15min", 2),
        ("TRAINING_1_gratings", 3),
        ("TRAINING_2_gratings_flashed", 2),
        ("OPHYS_5_images_B_passive", 3),
    ],
)
def test_tables_of_a_simulated_session_are_equal(tmp_path: pathlib.Path, session_type: str, minutes: float) -> None:
    data = rig_file(tmp_path, session_type, seed=4, minutes=minutes)
    (path,) = convert_raw([data], tmp_path / "nwb")
    assert path == tmp_path / "nwb" / "behavior_session_990300004.nwb"
    assert_same_tables(path, data)


@pytest.mark.parametrize(
    "options",
    [
        {"movie": True},
        {"stimulus": "gratings", "omissions": False, "movie": False, "gray_before": False},
        {"passive": True, "movie": True, "seed": 3},
        {"backward": True, "surplus": 1, "begins_with_omission": True, "gray_before": False},
    ],
    ids=["movie", "gratings", "passive", "backward"],
)
def test_tables_of_a_synthetic_pickle_are_equal(tmp_path: pathlib.Path, options: SessionData) -> None:
    data = session_data(write_raw(tmp_path / "rig.pkl.gz", make_raw(**options)))
    (path,) = convert_raw([data], tmp_path)
    assert_same_tables(path, data)
    assert BehaviorSession.from_nwb_path(path).metadata["driver_line"] == sorted(data["driver_line"])


def test_pickle_in_memory_is_converted(tmp_path: pathlib.Path) -> None:
    data = {"behavior_stimulus_file": simulate("TRAINING_1_gratings", minutes=1, seed=1)}
    (path,) = convert_raw([data], str(tmp_path / "new" / "folder"))
    assert_same_tables(path, data)


def test_id_is_given_or_in_the_file_name_or_in_the_pickle_or_the_date(tmp_path: pathlib.Path) -> None:
    raw = simulate("TRAINING_1_gratings", minutes=1, seed=1)
    raw["session_data"].pop("behavior_session_id", None)
    named, unnamed = write_raw(tmp_path / "990300777_m457841.pkl", raw), write_raw(tmp_path / "day_12.pkl.gz", raw)
    raw["session_data"]["behavior_session_id"] = 43
    carried = write_raw(tmp_path / "day_13.pkl", raw)
    sessions = [
        {"behavior_stimulus_file": str(carried), "behavior_session_id": 42},
        {"behavior_stimulus_file": str(carried)},
        {"behavior_stimulus_file": str(named)},
        {"behavior_stimulus_file": str(unnamed)},
    ]
    ids = [42, 43, 990300777, int(f"{raw['start_time']:%y%m%d%H%M%S}")]
    paths = convert_raw(sessions, tmp_path / "nwb")
    assert [path.name for path in paths] == [f"behavior_session_{number}.nwb" for number in ids]
    assert [BehaviorSession.from_nwb_path(path).behavior_session_id for path in paths] == ids


def make_images(names: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    return {name: rng.integers(0, 256, IMAGE_SHAPE, dtype=np.uint8) for name in names}


def test_images_of_an_image_set_file_are_written(tmp_path: pathlib.Path) -> None:
    images = make_images(IMAGES)
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({name.encode(): {name.encode(): images[name]} for name in images}))
    without = session_data(write_raw(tmp_path / "990300001.pkl", make_raw(movie=False, gray_before=False)))
    data = without | {"image_set_file": str(tmp_path / "set.pkl")}
    (plain,), (path,) = (convert_raw([item], tmp_path / name) for item, name in ((without, "without"), (data, "with")))
    assert not has_images(plain)
    assert_has_images(path, images)
    assert_same_tables(path, data)


def test_gratings_of_a_folder_are_written(tmp_path: pathlib.Path) -> None:
    for seed, degrees in enumerate(("0", "90", "180", "270")):
        write_grating(tmp_path, degrees, png(grating(seed)), png(grating(seed + 1)))
    data = rig_file(tmp_path, seed=3) | {"grating_images_dir": str(tmp_path)}
    (path,) = convert_raw([data], tmp_path / "nwb")
    read = BehaviorSession.from_nwb_path(path).stimulus_templates
    expected = BehaviorSession.from_json(data).stimulus_templates
    assert (
        list(read.index)
        == list(expected.index)
        == ["gratings_0.0", "gratings_90.0", "gratings_180.0", "gratings_270.0"]
    )
    for column in ("warped", "unwarped"):
        np.testing.assert_array_equal(np.stack(read[column]), np.stack(expected[column]))
    assert_same_tables(path, data)


def test_images_in_the_pickle_are_written(tmp_path: pathlib.Path) -> None:
    raw = simulate("TRAINING_4_images_A_training", minutes=1, seed=1)
    images = make_images(IMAGES[::-1])
    raw["image_set"] = {name: {name: images[name]} for name in images}
    data = {"behavior_stimulus_file": str(write_raw(tmp_path / "990300001.pkl", raw))}
    (path,) = convert_raw([data], tmp_path / "nwb")
    assert_has_images(path, images)


def test_existing_file_is_not_written_again(tmp_path: pathlib.Path) -> None:
    data = [rig_file(tmp_path, seed=seed) for seed in (1, 2)]
    (first,) = convert_raw(data[:1], tmp_path / "nwb")
    before = first.stat().st_mtime_ns, first.read_bytes()
    both = convert_raw(data, tmp_path / "nwb")
    assert [path.name for path in both] == [f"behavior_session_99030000{seed}.nwb" for seed in (1, 2)]
    assert (first.stat().st_mtime_ns, first.read_bytes()) == before
    assert {path.name for path in (tmp_path / "nwb").iterdir()} == {path.name for path in both}


# Halts while it writes the dataset of this number, or before it renames the file, and prints that it does.
HALTING = """
import os, pickle, sys
import h5py, visbehavior

halt_at, folder, *pickles = sys.argv[1:]
calls, create = [], h5py.Group.create_dataset

def halt(*_):
    print("halted", flush=True)
    sys.stdin.read()

def create_dataset(*arguments, **options):
    calls.append(1)
    if str(len(calls)) == halt_at:
        halt()
    return create(*arguments, **options)

h5py.Group.create_dataset = create_dataset
if halt_at == "name":
    os.replace = halt
visbehavior.convert_raw([{"behavior_stimulus_file": path} for path in pickles], folder)
"""


@pytest.mark.parametrize("halt_at", ["30", "name"])
def test_interrupted_conversion_leaves_no_file_and_is_continued(tmp_path: pathlib.Path, halt_at: str) -> None:
    data = [rig_file(tmp_path, seed=1), rig_file(tmp_path, "OPHYS_4_images_B", seed=2, minutes=10)]
    first, second = (tmp_path / "nwb" / f"behavior_session_99030000{seed}.nwb" for seed in (1, 2))
    convert_raw(data[:1], tmp_path / "nwb")
    written = first.stat().st_mtime_ns
    paths = [item["behavior_stimulus_file"] for item in data]
    command = [sys.executable, "-c", HALTING, halt_at, str(tmp_path / "nwb"), *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "halted\n"
        child.kill()
    assert [path for path in first.parent.iterdir() if not path.name.startswith(".part-")] == [first]
    assert convert_raw(data, tmp_path / "nwb") == [first, second]
    assert first.stat().st_mtime_ns == written
    assert_same_tables(second, data[1])


def test_two_sessions_with_one_id_are_an_error(tmp_path: pathlib.Path) -> None:
    data = [rig_file(tmp_path, seed=seed) | {"behavior_session_id": 42} for seed in (1, 2)]
    with pytest.raises(BadValue, match=r"differ in .*behavior_session_uuid.*its own id") as caught:
        convert_raw(data, tmp_path / "nwb")
    assert caught.value.name == "behavior_session_id"
    for named in (tmp_path / "nwb" / "behavior_session_42.nwb", data[1]["behavior_stimulus_file"]):
        assert str(named) in str(caught.value)
    assert_same_tables(tmp_path / "nwb" / "behavior_session_42.nwb", data[0])


def test_two_sessions_with_one_id_are_an_error_in_two_processes(tmp_path: pathlib.Path) -> None:
    data = [rig_file(tmp_path, seed=seed) | {"behavior_session_id": 42} for seed in (1, 2)]
    failures: dict[str, VisBehaviorError] = {}
    assert len(convert_raw(data, tmp_path / "nwb", jobs=2, failures=failures)) == 1
    assert [type(error) for error in failures.values()] == [BadValue]


def test_sessions_without_a_uuid_are_compared_by_mouse_and_date(tmp_path: pathlib.Path) -> None:
    raw = make_raw(trials=6, movie=False, gray_before=False)
    del raw["session_uuid"]
    data = session_data(write_raw(tmp_path / "rig.pkl", raw))
    (path,) = convert_raw([data], tmp_path)
    assert convert_raw([data], tmp_path) == [path]
    for key, value, name in (
        ("external_specimen_name", 445003, "mouse_id"),
        ("date_of_acquisition", "2019-04-12 12:31:50", "date_of_acquisition"),
    ):
        with pytest.raises(BadValue, match=f"differ in {name}"):
            convert_raw([data | {key: value}], tmp_path)


def test_other_file_with_the_name_of_a_session_is_an_error(tmp_path: pathlib.Path) -> None:
    data = rig_file(tmp_path)
    target = tmp_path / "behavior_session_990300000.nwb"
    target.write_bytes(b"notes")
    with pytest.raises(UnsupportedFile, match=target.name):
        convert_raw([data], tmp_path)
    assert target.read_bytes() == b"notes"


def test_failures_are_collected_and_other_sessions_converted(tmp_path: pathlib.Path) -> None:
    good = [rig_file(tmp_path, seed=seed) for seed in (1, 2)]
    content = pathlib.Path(good[0]["behavior_stimulus_file"]).read_bytes()
    (tmp_path / "cut.pkl").write_bytes(content[: len(content) // 2])
    raw = simulate("TRAINING_1_gratings", minutes=1, seed=5)
    del raw["items"]["behavior"]["trial_log"]
    write_raw(tmp_path / "other.pkl", raw)
    bad = {"none.pkl": NotFound, "cut.pkl": CorruptFile, "other.pkl": MissingData}
    sessions = [good[0], *({"behavior_stimulus_file": str(tmp_path / name)} for name in bad), good[1]]
    failures: dict[str, VisBehaviorError] = {}
    paths = convert_raw(sessions, tmp_path / "nwb", failures=failures)
    assert [path.name for path in paths] == [f"behavior_session_99030000{seed}.nwb" for seed in (1, 2)]
    assert {pathlib.Path(path).name: type(error) for path, error in failures.items()} == bad
    assert all(path in str(error) for path, error in failures.items())
    assert sorted((tmp_path / "nwb").iterdir()) == sorted(paths)


def test_first_failure_is_raised(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"no file .*none\.pkl"):
        convert_raw([{"behavior_stimulus_file": str(tmp_path / "none.pkl")}], tmp_path / "nwb")
    with pytest.raises(MissingData, match="no 'behavior_stimulus_file'"):
        convert_raw([{}], tmp_path / "nwb")


def test_no_sessions_write_no_files(tmp_path: pathlib.Path) -> None:
    assert convert_raw([], tmp_path / "nwb") == []
    assert list((tmp_path / "nwb").iterdir()) == []


def test_two_processes_return_the_same_files_and_failures_in_order(tmp_path: pathlib.Path) -> None:
    data = [rig_file(tmp_path, seed=seed, minutes=minutes) for seed, minutes in ((3, 5), (1, 1), (2, 1))]
    sessions = [data[0], {"behavior_stimulus_file": str(tmp_path / "none.pkl")}, *data[1:]]
    failures: list[dict[str, VisBehaviorError]] = [{}, {}]
    one, two = (
        convert_raw(sessions, tmp_path / f"jobs{jobs}", jobs=jobs, failures=failures[jobs - 1]) for jobs in (1, 2)
    )
    assert [path.name for path in one] == [path.name for path in two]
    assert [path.stem[-1] for path in two] == ["3", "1", "2"]
    assert list(map(repr, failures[0].items())) == list(map(repr, failures[1].items()))
    assert list(failures[0]) == [str(tmp_path / "none.pkl")]
    for path, item in zip(two, data, strict=True):
        assert_same_tables(path, item)
