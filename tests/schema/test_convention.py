"""The two conventions of naming."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from tests.nwbfiles import TRIALS_1_0, TRIALS_1_1, make_session, write_session
from visbehavior import BehaviorSession, UnknownVersion
from visbehavior.schema.convention import parse_convention

# The published notebook of 2021 prints these.
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


def older(path: pathlib.Path) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(path, allensdk_version="2.10")


@pytest.mark.parametrize(
    ("said", "meant"), [("2.16", "2.16"), ("2.16.2", "2.16"), ("2.10", "2.10"), ("2.10.2", "2.10")]
)
def test_a_version_of_allensdk_stands_for_its_convention(said: str, meant: str) -> None:
    assert parse_convention(said) == meant


@pytest.mark.parametrize("said", ["2.1", "2.100", "3", "", None, 2.16])
def test_other_versions_are_refused_with_those_that_exist(said: object) -> None:
    with pytest.raises(UnknownVersion, match=r"expected '2\.16'.* or '2\.10'"):
        parse_convention(said)  # type: ignore[arg-type]


def test_the_notebooks_names(session_file: pathlib.Path) -> None:
    session = older(session_file)
    assert session.list_data_attributes_and_methods() == NOTEBOOK_LIST
    assert list(session.licks) == ["timestamps", "frame"]
    assert list(session.rewards) == ["volume", "timestamps", "autorewarded"]
    assert list(session.trials) == TRIALS_1_0
    assert set(session.task_parameters) == NOTEBOOK_TASK_PARAMETERS
    assert session.metadata["mouse_id"] == 457841
    assert "project_code" not in session.metadata
    metrics = session.get_performance_metrics()
    assert list(metrics)[7:10] == ["auto_reward_count", "earned_reward_count", "total_reward_count"]


def test_is_change_comes_last_where_the_file_does_not_store_it(session_file: pathlib.Path, layout: str) -> None:
    names = list(older(session_file).stimulus_presentations)
    assert names == (NOTEBOOK_PRESENTATIONS if layout == "0" else sorted(NOTEBOOK_PRESENTATIONS))


def test_todays_names(session_file: pathlib.Path, layout: str) -> None:
    session = BehaviorSession.from_nwb_path(session_file)
    assert session.list_data_attributes_and_methods() == sorted(
        [*NOTEBOOK_LIST, "eye_tracking", "eye_tracking_rig_geometry"]
    )
    assert list(session.rewards) == ["volume", "timestamps", "auto_rewarded"]
    stored = (
        TRIALS_1_1 if layout == "1.1" else ["is_change" if name == "stimulus_change" else name for name in TRIALS_1_0]
    )
    assert list(session.trials) == stored
    assert not {"image_set", "index", "stop_time"} & set(session.stimulus_presentations)
    assert session.metadata["mouse_id"] == "457841"
    assert session.task_parameters["image_set"] == "images_A"


def test_change_frame_has_nan_in_one_convention_and_a_number_in_the_other(session_file: pathlib.Path) -> None:
    new = BehaviorSession.from_nwb_path(session_file).trials["change_frame"]
    old = older(session_file).trials["change_frame"]
    assert new.dtype == np.int64
    assert old.dtype == np.float64
    np.testing.assert_array_equal(np.where(new == -99, np.nan, new), old)
    assert (new == -99).any()


@pytest.mark.parametrize(("layout", "dtype"), [("1.0", np.int64), ("1.1", np.float64)])
def test_change_frame_where_every_trial_has_one(tmp_path: pathlib.Path, layout: str, dtype: type) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(outcomes="hm"), layout)
    assert older(path).trials["change_frame"].dtype == dtype


def test_no_licks_are_named_otherwise_in_2_10(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(passive=True), "1.0")
    assert list(older(path).licks) == ["time", "frame"]
    assert list(older(path).rewards) == ["volume", "timestamps", "autorewarded"]
    assert list(BehaviorSession.from_nwb_path(path).licks) == ["timestamps", "frame"]
    assert all(older(path).licks.dtypes == np.float64)


def test_a_newer_file_gives_the_task_alone_in_2_10(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(seed=3, trials=40, blocks=4))
    old, new = older(path).stimulus_presentations, BehaviorSession.from_nwb_path(path).stimulus_presentations
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


def test_imaging_entries_of_the_metadata_in_2_10(tmp_path: pathlib.Path) -> None:
    made = make_session().but(metadata={"ophys_experiment_id": 7, "imaging_plane_group": -1})
    path = write_session(tmp_path / "s.nwb", made, "1.0")
    assert older(path).metadata["imaging_plane_group"] == -1
    assert "ophys_experiment_id" not in BehaviorSession.from_nwb_path(path).metadata


def test_a_mouse_that_is_no_number_stays_text_in_2_10(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session().but(mouse_id="sim-1"))
    assert older(path).metadata["mouse_id"] == "sim-1"
