"""The rig's pickles as NWB files: what is read of a file is what is read of its pickle; what is broken off goes on."""

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
from tests.stimuli.test_templates import drawing, lines_of_none, png, write_pair
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

Known = dict[str, Any]


def rig_file(folder: pathlib.Path, session_type: str = "TRAINING_1_gratings", seed: int = 0, **options: Any) -> Known:
    """What `convert_raw` takes, of a simulated session; as of a rig's, its id is in the file's name alone."""
    raw = simulate(session_type, **({"minutes": 1} | options), seed=seed)
    raw["session_data"].pop("behavior_session_id", None)
    return {"behavior_stimulus_file": str(write_raw(folder / f"session_{990300000 + seed}.pkl", raw))}


def assert_same_tables(path: pathlib.Path, known: Known) -> None:
    """To the last bit, types and order too."""
    read, expected = BehaviorSession.from_nwb_path(path), BehaviorSession.from_json(known)
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(read, name), getattr(expected, name), check_exact=True, obj=name)
    for name in DICTIONARIES:
        # NaN is like itself as text, and a type shows.
        assert repr(getattr(read, name)) == repr(getattr(expected, name))
    np.testing.assert_array_equal(read.stimulus_timestamps, expected.stimulus_timestamps)
    assert repr(read.get_performance_metrics()) == repr(expected.get_performance_metrics())
    pd.testing.assert_frame_equal(read.get_rolling_performance_df(), expected.get_rolling_performance_df())
    assert read.behavior_session_id == expected.behavior_session_id


def assert_has_images(path: pathlib.Path, shown: dict[str, NDArray[np.uint8]]) -> None:
    """All of them, in their order; the last one as it is computed alone."""
    read = BehaviorSession.from_nwb_path(path).stimulus_templates
    assert list(read.index) == list(shown)
    name, image = list(shown.items())[-1]
    (unwarped,), (warped,) = compute_templates({name: image})
    np.testing.assert_array_equal(read["warped"][name], warped)
    np.testing.assert_array_equal(read["unwarped"][name], unwarped)


def has_images(path: pathlib.Path) -> bool:
    try:
        return len(BehaviorSession.from_nwb_path(path).stimulus_templates) > 0
    except MissingData:
        return False


# The tables


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
def test_a_simulated_sessions_tables_come_back(tmp_path: pathlib.Path, session_type: str, minutes: float) -> None:
    known = rig_file(tmp_path, session_type, seed=4, minutes=minutes)
    (path,) = convert_raw([known], tmp_path / "nwb")
    assert path == tmp_path / "nwb" / "behavior_session_990300004.nwb"
    assert_same_tables(path, known)


@pytest.mark.parametrize(
    "made",
    [
        {"movie": True},
        {"stimulus": "gratings", "omissions": False, "movie": False, "gray_before": False},
        {"passive": True, "movie": True, "seed": 3},
        {"backward": True, "surplus": 1, "begins_with_omission": True, "gray_before": False},
    ],
    ids=["movie", "gratings", "passive", "backward"],
)
def test_a_made_up_pickles_tables_come_back(tmp_path: pathlib.Path, made: Known) -> None:
    known = session_data(write_raw(tmp_path / "rig.pkl.gz", make_raw(**made)))
    (path,) = convert_raw([known], tmp_path)
    assert_same_tables(path, known)
    assert BehaviorSession.from_nwb_path(path).metadata["driver_line"] == sorted(known["driver_line"])


def test_a_pickle_in_memory(tmp_path: pathlib.Path) -> None:
    known = {"behavior_stimulus_file": simulate("TRAINING_1_gratings", minutes=1, seed=1)}
    (path,) = convert_raw([known], str(tmp_path / "new" / "folder"))
    assert_same_tables(path, known)


# The id


def test_a_session_is_named_by_its_id_its_file_or_its_date(tmp_path: pathlib.Path) -> None:
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


# Images


def make_images(names: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    return {name: rng.integers(0, 256, IMAGE_SHAPE, dtype=np.uint8) for name in names}


def test_images_are_written_where_a_set_is_named(tmp_path: pathlib.Path) -> None:
    shown = make_images(IMAGES)
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({name.encode(): {name.encode(): shown[name]} for name in shown}))
    without = session_data(write_raw(tmp_path / "990300001.pkl", make_raw(movie=False, gray_before=False)))
    known = without | {"image_set_file": str(tmp_path / "set.pkl")}
    (plain,), (path,) = (convert_raw([one], tmp_path / name) for one, name in ((without, "without"), (known, "with")))
    assert not has_images(plain)
    assert_has_images(path, shown)
    assert_same_tables(path, known)


def test_gratings_are_written_where_their_folder_is_named(tmp_path: pathlib.Path) -> None:
    for seed, degrees in enumerate(("0", "90", "180", "270")):
        write_pair(tmp_path, degrees, *(png(lines_of_none(drawing(seed + shift))) for shift in (0, 1)))
    known = rig_file(tmp_path) | {"grating_images_dir": str(tmp_path)}
    (path,) = convert_raw([known], tmp_path / "nwb")
    read = BehaviorSession.from_nwb_path(path).stimulus_templates
    expected = BehaviorSession.from_json(known).stimulus_templates
    assert (
        list(read.index)
        == list(expected.index)
        == ["gratings_0.0", "gratings_90.0", "gratings_180.0", "gratings_270.0"]
    )
    for column in ("warped", "unwarped"):
        np.testing.assert_array_equal(np.stack(read[column]), np.stack(expected[column]))
    assert_same_tables(path, known)


def test_images_that_the_pickle_carries_are_written(tmp_path: pathlib.Path) -> None:
    raw = simulate("TRAINING_4_images_A_training", minutes=1, seed=1)
    shown = make_images(IMAGES[::-1])
    raw["image_set"] = {name: {name: shown[name]} for name in shown}
    known = {"behavior_stimulus_file": str(write_raw(tmp_path / "990300001.pkl", raw))}
    (path,) = convert_raw([known], tmp_path / "nwb")
    assert_has_images(path, shown)


# Going on


def test_a_file_that_is_there_is_not_written_again(tmp_path: pathlib.Path) -> None:
    known = [rig_file(tmp_path, seed=seed) for seed in (1, 2)]
    (first,) = convert_raw(known[:1], tmp_path / "nwb")
    before = first.stat().st_mtime_ns, first.read_bytes()
    both = convert_raw(known, tmp_path / "nwb")
    assert [path.name for path in both] == [f"behavior_session_99030000{seed}.nwb" for seed in (1, 2)]
    assert (first.stat().st_mtime_ns, first.read_bytes()) == before
    assert {path.name for path in (tmp_path / "nwb").iterdir()} == {path.name for path in both}


# Halts for good in the dataset of this number, or before the file takes its name; says so first.
HALTING = """
import os, pickle, sys
import h5py, visbehavior

halt_at, folder, *pickles = sys.argv[1:]
made, plain = [], h5py.Group.create_dataset

def halt(*_):
    print("halted", flush=True)
    sys.stdin.read()

def create_dataset(*arguments, **options):
    made.append(1)
    if str(len(made)) == halt_at:
        halt()
    return plain(*arguments, **options)

h5py.Group.create_dataset = create_dataset
if halt_at == "name":
    os.replace = halt
visbehavior.convert_raw([{"behavior_stimulus_file": path} for path in pickles], folder)
"""


@pytest.mark.parametrize("halt_at", ["30", "name"])
def test_a_writer_that_is_killed_leaves_no_file_and_the_next_goes_on(tmp_path: pathlib.Path, halt_at: str) -> None:
    """What was written before stays as it is."""
    known = [rig_file(tmp_path, seed=1), rig_file(tmp_path, "OPHYS_4_images_B", seed=2, minutes=10)]
    first, second = (tmp_path / "nwb" / f"behavior_session_99030000{seed}.nwb" for seed in (1, 2))
    convert_raw(known[:1], tmp_path / "nwb")
    written = first.stat().st_mtime_ns
    paths = [one["behavior_stimulus_file"] for one in known]
    command = [sys.executable, "-c", HALTING, halt_at, str(tmp_path / "nwb"), *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "halted\n"
        child.kill()
    assert [path for path in first.parent.iterdir() if not path.name.startswith(".part-")] == [first]
    assert convert_raw(known, tmp_path / "nwb") == [first, second]
    assert first.stat().st_mtime_ns == written
    assert_same_tables(second, known[1])


# What cannot be


def test_two_sessions_of_one_id(tmp_path: pathlib.Path) -> None:
    known = [rig_file(tmp_path, seed=seed) | {"behavior_session_id": 42} for seed in (1, 2)]
    with pytest.raises(BadValue, match=r"differ in .*behavior_session_uuid.*an id of its own") as caught:
        convert_raw(known, tmp_path / "nwb")
    assert caught.value.name == "behavior_session_id"
    for named in (tmp_path / "nwb" / "behavior_session_42.nwb", known[1]["behavior_stimulus_file"]):
        assert str(named) in str(caught.value)
    assert_same_tables(tmp_path / "nwb" / "behavior_session_42.nwb", known[0])


def test_two_sessions_of_one_id_in_two_processes(tmp_path: pathlib.Path) -> None:
    known = [rig_file(tmp_path, seed=seed) | {"behavior_session_id": 42} for seed in (1, 2)]
    failures: dict[str, VisBehaviorError] = {}
    assert len(convert_raw(known, tmp_path / "nwb", jobs=2, failures=failures)) == 1
    assert [type(error) for error in failures.values()] == [BadValue]


def test_sessions_without_an_identity_are_told_apart_by_mouse_and_date(tmp_path: pathlib.Path) -> None:
    raw = make_raw(trials=6, movie=False, gray_before=False)
    del raw["session_uuid"]
    one = session_data(write_raw(tmp_path / "rig.pkl", raw))
    (path,) = convert_raw([one], tmp_path)
    assert convert_raw([one], tmp_path) == [path]
    for key, value, name in (
        ("external_specimen_name", 445003, "mouse_id"),
        ("date_of_acquisition", "2019-04-12 12:31:50", "date_of_acquisition"),
    ):
        with pytest.raises(BadValue, match=f"differ in {name}"):
            convert_raw([one | {key: value}], tmp_path)


def test_a_file_of_that_name_that_is_something_else_is_not_passed_over(tmp_path: pathlib.Path) -> None:
    known = rig_file(tmp_path)
    target = tmp_path / "behavior_session_990300000.nwb"
    target.write_bytes(b"notes of the day")
    with pytest.raises(UnsupportedFile, match=target.name):
        convert_raw([known], tmp_path)
    assert target.read_bytes() == b"notes of the day"


def test_failures_are_collected_and_the_others_written(tmp_path: pathlib.Path) -> None:
    good = [rig_file(tmp_path, seed=seed) for seed in (1, 2)]
    whole = pathlib.Path(good[0]["behavior_stimulus_file"]).read_bytes()
    (tmp_path / "cut.pkl").write_bytes(whole[: len(whole) // 2])
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


def test_without_a_place_for_failures_the_first_is_raised(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"no file .*none\.pkl"):
        convert_raw([{"behavior_stimulus_file": str(tmp_path / "none.pkl")}], tmp_path / "nwb")
    with pytest.raises(MissingData, match="no 'behavior_stimulus_file'"):
        convert_raw([{}], tmp_path / "nwb")


def test_no_session_makes_no_file(tmp_path: pathlib.Path) -> None:
    assert convert_raw([], tmp_path / "nwb") == []
    assert list((tmp_path / "nwb").iterdir()) == []


def test_two_processes_give_the_same_in_the_same_order(tmp_path: pathlib.Path) -> None:
    """Also where one session fails."""
    known = [rig_file(tmp_path, seed=seed, minutes=minutes) for seed, minutes in ((3, 5), (1, 1), (2, 1))]
    sessions = [known[0], {"behavior_stimulus_file": str(tmp_path / "none.pkl")}, *known[1:]]
    failures: list[dict[str, VisBehaviorError]] = [{}, {}]
    alone, shared = (
        convert_raw(sessions, tmp_path / f"jobs{jobs}", jobs=jobs, failures=failures[jobs - 1]) for jobs in (1, 2)
    )
    assert [path.name for path in alone] == [path.name for path in shared]
    assert [path.stem[-1] for path in shared] == ["3", "1", "2"]
    assert list(map(repr, failures[0].items())) == list(map(repr, failures[1].items()))
    assert list(failures[0]) == [str(tmp_path / "none.pkl")]
    for path, one in zip(shared, known, strict=True):
        assert_same_tables(path, one)
