"""Tests of the session files of a release: accepted inputs, corrections, and rejected sessions."""

from __future__ import annotations

import json
import pathlib
import pickle
from functools import partial
from typing import Any

import h5py
import numpy as np
import pytest

from tests.nwbfiles import write_session
from tests.project.synthetic_release import read_files
from tests.publish.simulated_release import open_release
from tests.synthetic_session import make_session
from visbehavior import (
    BadValue,
    BehaviorSession,
    build_release,
    check_release,
    simulate,
    write_nwb,
)
from visbehavior.project.manifest import PROJECT


def other_sex(raw: dict[str, Any]) -> str:
    return "M" if raw["session_data"]["sex"] == "F" else "F"


def test_sessions_are_accepted_in_many_forms(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    pickle_path = tmp_path / "behavior_session_800000001.pkl"
    pickle_path.write_bytes(pickle.dumps(pickles[0], protocol=2))
    json_path = tmp_path / "session_data.json"
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(pickles[1], protocol=2))
    json_path.write_text(json.dumps({"behavior_stimulus_file": "b.pkl", "behavior_session_id": 800000002}))
    nwb = write_session(tmp_path / "s.nwb", make_session(trials=20).replace(behavior_session_id=800000003), "1.0")
    in_memory = BehaviorSession.from_json({"behavior_stimulus_file": pickles[2], "behavior_session_id": 800000004})
    sessions = [
        pickle_path,
        str(json_path),
        nwb,
        in_memory,
        BehaviorSession.from_nwb_path(nwb),
        partial(simulate, "TRAINING_1_gratings", minutes=1, seed=3),
        {"behavior_stimulus_file": pickles[3]},
    ]
    with pytest.raises(BadValue, match="Two sessions have the id of 800000003"):
        build_release(sessions, tmp_path / "bucket")
    del sessions[4]
    build_release(iter(sessions), tmp_path / "bucket")
    table = open_release(tmp_path / "bucket").get_behavior_session_table()
    assert len(table) == 6
    assert {800000001, 800000002, 800000003, 800000004} <= set(table.index)
    copied = tmp_path / "bucket" / PROJECT / "behavior_sessions" / "behavior_session_800000003.nwb"
    assert copied.read_bytes() == nwb.read_bytes()
    assert check_release(tmp_path / "bucket") == []


def test_changed_file_gets_a_new_name(tmp_path: pathlib.Path) -> None:
    nwb = write_session(tmp_path / "s.nwb", make_session(trials=20).replace(behavior_session_id=800000003))
    build_release([nwb], tmp_path / "bucket")
    with h5py.File(nwb, "r+") as file:
        file["general/subject/age"][()] = "P77D"
    build_release([nwb], tmp_path / "bucket")
    ages = [
        open_release(tmp_path / "bucket", version=version).get_behavior_session(800000003).metadata["age_in_days"]
        for version in ("1.0.0", "1.1.0")
    ]
    assert ages[1] == 77 != ages[0]
    assert check_release(tmp_path / "bucket") == []


def test_corrected_session_is_published_beside_the_older_one(
    pickles: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "bucket"
    build_release(pickles[:2], folder)
    build_release([{"behavior_stimulus_file": pickles[0], "sex": other_sex(pickles[0])}, pickles[1]], folder)
    (number, *_) = open_release(folder, version="1.0.0").get_behavior_session_table().index
    sexes = [
        open_release(folder, version=version).get_behavior_session_table().loc[number, "sex"]
        for version in ("1.0.0", "1.1.0")
    ]
    assert sorted(sexes) == ["F", "M"]
    assert check_release(folder) == []


def test_correction_is_written_once(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bucket"
    session_data = {"behavior_stimulus_file": pickles[0], "sex": other_sex(pickles[0])}
    build_release([pickles[0]], folder)
    build_release([BehaviorSession.from_json(session_data)], folder)
    before = read_files(folder)
    build_release([session_data], folder)
    new = set(read_files(folder)) - set(before)
    assert [pathlib.PurePath(path).name for path in new] == ["visual-behavior-ophys_project_manifest_v1.2.0.json"]
    assert open_release(folder).get_behavior_session_table()["sex"].tolist() == [other_sex(pickles[0])]


def test_id_of_another_session_is_an_error(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    build_release([pickles[0]], tmp_path / "bucket")
    number = pickles[0]["session_data"]["behavior_session_id"]
    other = simulate("TRAINING_1_gratings", minutes=1, seed=4)
    session = BehaviorSession.from_json({"behavior_stimulus_file": other, "behavior_session_id": number})
    with pytest.raises(BadValue, match=rf"Two sessions have the id of behavior_session_{number}\.nwb"):
        build_release([session], tmp_path / "bucket")


def test_two_sessions_with_one_id_are_an_error(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    sessions = [{"behavior_stimulus_file": raw, "behavior_session_id": 800000009} for raw in pickles[:2]]
    with pytest.raises(BadValue, match=r"Two sessions have the id of behavior_session_800000009\.nwb"):
        build_release(sessions, tmp_path / "bucket")
    with pytest.raises(BadValue, match="Two sessions have the id of"):
        build_release([pickles[0], pickles[0]], tmp_path / "other")


def test_file_without_a_table_is_an_error(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    nwb = write_nwb(BehaviorSession.from_json({"behavior_stimulus_file": pickles[1]}), tmp_path / "s.nwb")
    with h5py.File(nwb, "r+") as file:
        del file["processing/running"]
    with pytest.raises(BadValue, match="1 of 1 sessions could not be released"):
        build_release([nwb], tmp_path / "bucket")


@pytest.mark.parametrize("item", [None, 5])
def test_other_objects_are_not_sessions(item: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match=f"{item} is not a session"):
        build_release([item], tmp_path / "bucket")


def test_images_of_a_pickle_are_written(tmp_path: pathlib.Path) -> None:
    raw = simulate("OPHYS_1_images_A", minutes=1, seed=1, images=True)
    build_release([raw], tmp_path / "bucket")
    cache = open_release(tmp_path / "bucket")
    (number,) = cache.get_behavior_session_table().index
    templates = cache.get_behavior_session(number).stimulus_templates
    expected = BehaviorSession.from_json({"behavior_stimulus_file": raw}).stimulus_templates
    for name in ("warped", "unwarped"):
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(templates[name], expected[name], strict=True))
    (file,) = (tmp_path / "bucket" / PROJECT / "behavior_sessions").iterdir()
    assert file.stat().st_size < 60e6
