"""The naming conventions of AllenSDK 2.10 and 2.16."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from tests.nwbfiles import write_session
from tests.synthetic_session import TRIAL_COLUMNS_1_0, TRIAL_COLUMNS_1_1, make_session
from visbehavior import BehaviorSession, UnknownVersion
from visbehavior.schema.convention import (
    absent_table,
    dictionary_to_convention,
    is_in_convention,
    mouse_id_2_10,
    parse_convention,
)
from visbehavior.schema.session import EYE_TRACKING, LICKS, REWARDS, TASK_PARAMETERS, TRIALS

# Printed by the published notebook of 2021.
NOTEBOOK_LIST = [
    "behavior_session_id",
    "get_performance_metrics",
    "get_reward_rate",
    "get_rolling_performance_df",
    "licks",
    "metadata",
    "raw_running_speed",
    "rewards",
    "running_speed",
    "stimulus_presentations",
    "stimulus_templates",
    "stimulus_timestamps",
    "task_parameters",
    "trials",
]
NOTEBOOK_PRESENTATIONS = [
    "duration",
    "end_frame",
    "image_index",
    "image_name",
    "image_set",
    "index",
    "omitted",
    "start_frame",
    "start_time",
    "stop_time",
    "is_change",
]
NOTEBOOK_TASK_PARAMETERS = {
    "n_stimulus_frames",
    "response_window_sec",
    "auto_reward_volume",
    "session_type",
    "stimulus_distribution",
    "task",
    "stimulus",
    "omitted_flash_fraction",
    "reward_volume",
    "stimulus_duration_sec",
    "blank_duration_sec",
}


def open_2_10(path: pathlib.Path) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(path, allensdk_version="2.10")


@pytest.mark.parametrize(
    ("version", "convention"), [("2.16", "2.16"), ("2.16.2", "2.16"), ("2.10", "2.10"), ("2.10.2", "2.10")]
)
def test_version_of_allensdk_selects_its_convention(version: str, convention: str) -> None:
    assert parse_convention(version) == convention


@pytest.mark.parametrize("version", ["2.1", "2.100", "3", "", None, 2.16])
def test_other_versions_are_rejected(version: object) -> None:
    with pytest.raises(UnknownVersion, match=r"allensdk_version is .*; expected '2\.16'.* or '2\.10'") as caught:
        parse_convention(version)  # type: ignore[arg-type]
    assert caught.value.allensdk_version == version


def test_columns_of_a_convention() -> None:
    assert is_in_convention(TRIALS, "2.10", "is_change")
    assert not is_in_convention(TRIALS, "2.10", "change_time_no_display_delay")
    assert is_in_convention(TRIALS, "2.10", "undeclared")


def test_absent_tables_have_the_columns_of_the_convention() -> None:
    assert list(absent_table(LICKS, "2.16")) == ["timestamps", "frame"]
    assert list(absent_table(LICKS, "2.10")) == ["time", "frame"]
    assert list(absent_table(REWARDS, "2.10")) == ["volume", "timestamps", "autorewarded"]
    assert list(absent_table(EYE_TRACKING, "2.16")) == EYE_TRACKING.names()
    assert list(absent_table(EYE_TRACKING, "2.10")) == list(EYE_TRACKING.order_2_10)


def test_dictionary_has_the_present_entries_in_the_order_of_the_convention() -> None:
    entries = {"task": "change detection", "image_set": "images_A", "reward_volume": 0.007}
    names = {c: list(dictionary_to_convention(TASK_PARAMETERS, entries, c)) for c in ("2.16", "2.10")}
    assert names == {"2.16": ["image_set", "reward_volume", "task"], "2.10": ["task", "reward_volume"]}


@pytest.mark.parametrize(("mouse_id", "expected"), [("457841", 457841), ("sim-1", "sim-1"), ("", ""), ("-1", "-1")])
def test_mouse_id_is_a_number_if_possible_in_2_10(mouse_id: str, expected: int | str) -> None:
    assert mouse_id_2_10(mouse_id) == expected


def test_names_of_2_10_are_those_of_the_published_notebook(session_file: pathlib.Path) -> None:
    session = open_2_10(session_file)
    assert session.list_data_attributes_and_methods() == NOTEBOOK_LIST
    assert list(session.licks) == ["timestamps", "frame"]
    assert list(session.rewards) == ["volume", "timestamps", "autorewarded"]
    assert list(session.trials) == TRIAL_COLUMNS_1_0
    assert set(session.task_parameters) == NOTEBOOK_TASK_PARAMETERS
    assert session.metadata["mouse_id"] == 457841
    assert "project_code" not in session.metadata
    metrics = session.get_performance_metrics()
    assert list(metrics)[7:10] == ["auto_reward_count", "earned_reward_count", "total_reward_count"]


def test_is_change_is_last_if_the_file_does_not_store_it(session_file: pathlib.Path, layout: str) -> None:
    names = list(open_2_10(session_file).stimulus_presentations)
    assert names == (NOTEBOOK_PRESENTATIONS if layout == "0" else sorted(NOTEBOOK_PRESENTATIONS))


def test_names_of_2_16(session_file: pathlib.Path, layout: str) -> None:
    session = BehaviorSession.from_nwb_path(session_file)
    assert session.list_data_attributes_and_methods() == sorted(
        [*NOTEBOOK_LIST, "eye_tracking", "eye_tracking_rig_geometry"]
    )
    assert list(session.rewards) == ["volume", "timestamps", "auto_rewarded"]
    renamed = {"stimulus_change": "is_change"}
    expected = TRIAL_COLUMNS_1_1 if layout == "1.1" else [renamed.get(name, name) for name in TRIAL_COLUMNS_1_0]
    assert list(session.trials) == expected
    assert not {"image_set", "index", "stop_time"} & set(session.stimulus_presentations)
    assert session.metadata["mouse_id"] == "457841"
    assert session.task_parameters["image_set"] == "images_A"


def test_missing_change_frame_is_nan_in_2_10_and_a_number_in_2_16(session_file: pathlib.Path) -> None:
    new = BehaviorSession.from_nwb_path(session_file).trials["change_frame"]
    old = open_2_10(session_file).trials["change_frame"]
    assert new.dtype == np.int64
    assert old.dtype == np.float64
    np.testing.assert_array_equal(np.where(new == -99, np.nan, new), old)
    assert (new == -99).any()


@pytest.mark.parametrize(("layout", "dtype"), [("1.0", np.int64), ("1.1", np.float64)])
def test_dtype_of_change_frame_in_2_10_if_no_trial_lacks_one(tmp_path: pathlib.Path, layout: str, dtype: type) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(outcomes="hm"), layout)
    assert open_2_10(path).trials["change_frame"].dtype == dtype


def test_empty_licks_have_other_names_in_2_10(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(passive=True), "1.0")
    assert list(open_2_10(path).licks) == ["time", "frame"]
    assert list(open_2_10(path).rewards) == ["volume", "timestamps", "autorewarded"]
    assert list(BehaviorSession.from_nwb_path(path).licks) == ["timestamps", "frame"]
    assert all(open_2_10(path).licks.dtypes == np.float64)


def test_presentations_of_newer_files_are_those_of_the_task_in_2_10(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(seed=3, trials=40, blocks=4))
    old, new = open_2_10(path).stimulus_presentations, BehaviorSession.from_nwb_path(path).stimulus_presentations
    task = new[new["image_name"].notna()]
    assert len(new) > len(task) == len(old)
    assert list(old.index) == list(range(len(old)))
    assert old["omitted"].dtype == old["is_change"].dtype == bool
    assert old["omitted"].any()
    np.testing.assert_array_equal(old["omitted"], task["omitted"].astype(bool))
    np.testing.assert_array_equal(old["is_change"], task["is_change"])
    for omitted in (True, False):
        index = old.loc[old["omitted"] == omitted, "index"]
        assert list(index) == list(range(len(index)))


def test_metadata_of_2_10_have_the_imaging_entries(tmp_path: pathlib.Path) -> None:
    synthetic = make_session().replace(metadata={"ophys_experiment_id": 7, "imaging_plane_group": -1})
    path = write_session(tmp_path / "s.nwb", synthetic, "1.0")
    assert open_2_10(path).metadata["imaging_plane_group"] == -1
    assert "ophys_experiment_id" not in BehaviorSession.from_nwb_path(path).metadata


def test_mouse_id_that_is_not_a_number_is_text_in_2_10(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session().replace(mouse_id="sim-1"))
    assert open_2_10(path).metadata["mouse_id"] == "sim-1"
