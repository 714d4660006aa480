"""What is read from a file is what was written into it, in every layout."""

from __future__ import annotations

import datetime
import pathlib
import uuid
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyfive
import pytest

from tests import reference
from tests.nwbfiles import IMAGE_SET, IMAGES, Made, make_session, write_session
from visbehavior import BehaviorSession, VisBehaviorWarning


def opened(path: pathlib.Path, **options: Any) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(path, **options)


def test_licks_rewards_running_and_clock(session_file: pathlib.Path, made: Made) -> None:
    session = opened(session_file)
    for table, columns in ((session.licks, made.licks), (session.rewards, made.rewards)):
        assert list(table) == list(columns)
        for name, values in columns.items():
            np.testing.assert_array_equal(table[name], values)
            assert table[name].dtype == values.dtype
    np.testing.assert_array_equal(session.running_speed["speed"], made.speed)
    np.testing.assert_array_equal(session.raw_running_speed["timestamps"], made.timestamps)
    assert session.raw_running_speed["speed"].isna().any()
    np.testing.assert_array_equal(session.stimulus_timestamps, made.timestamps)


def test_trials(session_file: pathlib.Path, made: Made) -> None:
    trials = opened(session_file).trials
    assert trials.index.name == "trials_id"
    assert list(trials.index) == list(made.trials["id"])
    for name in trials:
        if name == "lick_times":
            assert all(np.array_equal(a, b) for a, b in zip(trials[name], made.trials[name], strict=True))
        else:
            np.testing.assert_array_equal(trials[name], made.trials[name], err_msg=name)
    assert trials["hit"].dtype == bool


def test_presentations(session_file: pathlib.Path, made: Made, layout: str) -> None:
    table = opened(session_file).stimulus_presentations
    task = made.presentations["task"]
    omitted = (task["omitted"] == 1).tolist()
    names = task["image_name"].tolist()
    is_change = reference.is_change(names, [not gone for gone in omitted])
    assert table.index.name == "stimulus_presentations_id"
    assert table["is_change"].tolist() == is_change
    assert table["flashes_since_change"].tolist() == reference.flashes_since_change(is_change, omitted)
    for name in ("image_name", "image_index", "start_time", "end_time", "duration", "start_frame"):
        np.testing.assert_array_equal(table[name], task[name], err_msg=name)
    if layout != "1.1":
        trials = list(zip(made.trials["id"], made.trials["start_time"], made.trials["stop_time"], strict=True))
        named = [True] * len(names)
        assert table["trials_id"].tolist() == reference.trials_id(task["start_time"].tolist(), named, trials)
        assert table["active"].tolist() == reference.active(task["start_time"].tolist(), named, trials)
        np.testing.assert_array_equal(table["end_frame"].isna(), omitted)


def test_blocks_of_gray_and_movie(tmp_path: pathlib.Path) -> None:
    table = opened(write_session(tmp_path / "s.nwb", make_session(seed=2, blocks=4))).stimulus_presentations
    assert table["start_time"].is_monotonic_increasing
    assert set(table["stimulus_block"]) == {0, 1, 2, 3}
    elsewhere = table[table["image_name"].isna()]
    assert len(elsewhere) == 7
    assert set(elsewhere["image_index"]) == {-99}
    for name in ("omitted", "is_image_novel"):
        assert table[name].dtype == "boolean"
        assert elsewhere[name].isna().all()
    assert not elsewhere["is_change"].any()
    assert table["is_change"].dtype == bool
    # The gray row has 0, so that the first image has 1; gray and movie count on.
    assert list(table["flashes_since_change"][:2]) == [0, 1]
    assert table["flashes_since_change"].iloc[-1] == table["flashes_since_change"].iloc[-6] + 5
    assert table["movie_frame_index"].iloc[-1] == 4


def test_the_text_for_nothing_becomes_empty(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "a") as file:
        file[f"intervals/{IMAGE_SET}_presentations/stimulus_block_name"][3] = "N/A"
    table = opened(path).stimulus_presentations
    assert table["stimulus_block_name"][3] == ""
    assert table["stimulus_block_name"][2] == "change_detection_behavior"


def test_a_column_nobody_declared_is_passed_on(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "a") as file:
        for group, count in ((file["intervals/trials"], 60), (file[f"intervals/{IMAGE_SET}_presentations"], None)):
            names = list(group.attrs["colnames"])
            group.attrs["colnames"] = np.array([*names, "mood"], dtype=h5py.string_dtype())
            group["mood"] = np.arange(count or len(group["id"]))
    session = opened(path)
    assert session.trials["mood"].tolist() == list(range(60))
    assert session.stimulus_presentations.columns[-1] == "mood"


def test_templates(session_file: pathlib.Path) -> None:
    templates = opened(session_file).stimulus_templates
    assert list(templates.index) == list(IMAGES)
    assert templates.index.name == "image_name"
    assert list(templates) == ["unwarped", "warped"]
    assert templates.name == f"{IMAGE_SET}.07.14"
    with h5py.File(session_file) as file:
        stored = file[f"stimulus/templates/{IMAGE_SET}.07.14"]
        for place, name in enumerate(IMAGES):
            np.testing.assert_array_equal(templates.loc[name, "warped"], stored["data"][place])
            np.testing.assert_array_equal(templates.loc[name, "unwarped"], stored["unwarped"][place])
            assert type(templates.loc[name, "warped"]) is np.ndarray


def test_writing_to_a_template_changes_no_file(newer_file: pathlib.Path) -> None:
    before = newer_file.read_bytes()
    opened(newer_file).stimulus_templates.loc["im065", "warped"][:] = 7
    assert newer_file.read_bytes() == before
    assert opened(newer_file).stimulus_templates.loc["im065", "warped"][0, 0] == 0


def test_templates_that_are_not_in_one_piece_are_read(tmp_path: pathlib.Path, newer_file: pathlib.Path) -> None:
    path = tmp_path / "s.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "a") as file:
        group = file[f"stimulus/templates/{IMAGE_SET}.07.14"]
        data = group["data"][:]
        del group["data"]
        group.create_dataset("data", data=data, chunks=(1, 12, 16), compression="gzip")
    np.testing.assert_array_equal(opened(path).stimulus_templates.loc["im077", "warped"], data[1])


def test_metadata_and_task_parameters(session_file: pathlib.Path, layout: str) -> None:
    session = opened(session_file)
    assert session.behavior_session_id == 990200001
    assert session.metadata == {
        "equipment_name": "BEH.D-Box2",
        "sex": "F",
        "age_in_days": 114,
        "stimulus_frame_rate": 60.0,
        "session_type": "OPHYS_3_images_A",
        "date_of_acquisition": datetime.datetime(2019, 6, 20, 11, 18, 15, 777000, tzinfo=datetime.UTC),
        "reporter_line": "Ai148(TIT2L-GC6f-ICL-tTA2)",
        "cre_line": "Sst-IRES-Cre",
        "behavior_session_uuid": uuid.UUID("edea5d17-c573-4450-9a56-4037a231c600"),
        "driver_line": ["Camk2a-tTA", "Sst-IRES-Cre"],
        "mouse_id": "457841",
        "project_code": "VisualBehavior" if layout == "1.1" else "Not Available",
        "full_genotype": "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
        "behavior_session_id": 990200001,
    }
    assert session.task_parameters["response_window_sec"] == [0.15, 0.75]
    assert session.task_parameters["stimulus_name"] == (IMAGE_SET if layout == "1.1" else None)
    assert type(session.task_parameters["n_stimulus_frames"]) is int


def test_eye_tracking(session_file: pathlib.Path, made: Made) -> None:
    assert made.eye is not None
    eye = opened(session_file).eye_tracking
    areas = made.eye["eye_tracking"]["area_raw"].tolist(), made.eye["pupil_tracking"]["area_raw"].tolist()
    blink = np.array(reference.likely_blinks(*areas, 3.0, 2))
    assert len(eye.columns) == 23
    assert eye.index.name == "frame"
    np.testing.assert_array_equal(eye["likely_blink"], blink)
    np.testing.assert_array_equal(eye["cr_center_y"], made.eye["corneal_reflection_tracking"]["data"][:, 1])
    for prefix, group in (("eye", "eye_tracking"), ("pupil", "pupil_tracking"), ("cr", "corneal_reflection_tracking")):
        stored = made.eye[group]
        np.testing.assert_array_equal(eye[f"{prefix}_area"], np.where(blink, np.nan, stored["area_raw"]))
        width = stored["width"] if prefix == "cr" else np.where(blink, np.nan, stored["width"])
        np.testing.assert_array_equal(eye[f"{prefix}_width"], width)
    more = opened(session_file, eye_tracking_z_threshold=1.0, eye_tracking_dilation_frames=5).eye_tracking[
        "likely_blink"
    ]
    assert more.tolist() == reference.likely_blinks(*areas, 1.0, 5)
    geometry = opened(session_file).eye_tracking_rig_geometry
    assert geometry["equipment"] == "CAM2P.3"
    assert geometry["monitor_position_mm"] == [1.5, 2.5, 3.5]


def test_a_session_without_eye_tracking_says_so_once(tmp_path: pathlib.Path) -> None:
    session = opened(write_session(tmp_path / "s.nwb", make_session()))
    with pytest.warns(VisBehaviorWarning, match="without eye tracking") as caught:
        eye = session.eye_tracking
    assert caught[0].filename == __file__
    assert session.eye_tracking is eye
    assert eye.empty
    assert set(eye.dtypes) == {np.dtype("float64")}
    assert len(eye.columns) == 23
    assert session.eye_tracking_rig_geometry == {}


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_passive_sessions(tmp_path: pathlib.Path, layout: str) -> None:
    session = opened(write_session(tmp_path / "s.nwb", make_session(passive=True), layout))
    assert session.licks.empty
    assert all(session.rewards.dtypes == np.float64)
    assert all(times.dtype == object and len(times) == 0 for times in session.trials["lick_times"])
    assert session.trials["reward_volume"].dtype == np.int64
    assert session.get_performance_metrics()["max_dprime"] == 0.0


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
@pytest.mark.parametrize("trials", [0, 1, 11])
@pytest.mark.parametrize("outcomes", ["a", "aaah", "A", "h"])
def test_odd_sessions(tmp_path: pathlib.Path, layout: str, trials: int, outcomes: str) -> None:
    made = make_session(trials=trials, outcomes=outcomes)
    session = opened(write_session(tmp_path / "s.nwb", made, layout))
    assert session.get_performance_metrics()["trial_count"] == trials
    assert len(session.get_rolling_performance_df()) == len(session.trials) == trials
    assert session.get_reward_rate().shape == (trials,)
    assert len(session.stimulus_presentations)


def test_licks_as_many_as_trials(tmp_path: pathlib.Path) -> None:
    """AllenSDK's writer leaves the index of lick_times out of such a session; its reader then gives trial i lick i."""
    made = make_session(seed=1, trials=30, outcomes="hhcm")
    surplus = sum(map(len, made.trials["lick_times"])) - 30
    rows = list(made.trials["lick_times"])
    for i in [i for i, row in enumerate(rows) if len(row) == 2][: abs(surplus)] if surplus > 0 else []:
        rows[i] = rows[i][:1]
    assert sum(map(len, rows)) == 30
    path = write_session(tmp_path / "s.nwb", made.trials_but(lick_times=rows))
    expected = opened(path).get_performance_metrics()
    with h5py.File(path, "a") as file:
        del file["intervals/trials/lick_times_index"]
    session = opened(path)
    assert [list(times) for times in session.trials["lick_times"]] == [list(row) for row in rows]
    assert session.get_performance_metrics() == expected
    assert opened(path).get_performance_metrics() == expected


def test_a_file_that_somebody_else_has_open(newer_file: pathlib.Path) -> None:
    with h5py.File(newer_file, "r"):
        assert len(opened(newer_file).trials) == 60
    with h5py.File(newer_file, "r", locking=True):
        assert len(opened(newer_file).trials) == 60


def test_numbers_of_other_layouts_and_byte_orders(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "s.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "a") as file:
        data = file["processing/running/speed/data"][:]
        del file["processing/running/speed/data"]
        file.create_dataset("processing/running/speed/data", data=data.astype(">f8"))
        clock = file["processing/running/speed/timestamps"][:]
        del file["processing/running/speed/timestamps"]
        file.create_dataset("processing/running/speed/timestamps", data=clock, chunks=True, compression="gzip")
    speed = opened(path).running_speed
    assert speed["speed"].dtype.isnative
    np.testing.assert_array_equal(speed["speed"], data)
    np.testing.assert_array_equal(speed["timestamps"], clock)


def test_a_second_hdf5_reader_agrees(newer_file: pathlib.Path) -> None:
    with open(newer_file, "rb") as raw, pyfive.File(raw) as file:
        session = opened(newer_file)
        np.testing.assert_array_equal(session.licks["timestamps"], file["processing/licking/licks/timestamps"][:])
        np.testing.assert_array_equal(session.trials["change_time"], file["intervals/trials/change_time"][:])
        np.testing.assert_array_equal(session.running_speed["speed"], file["processing/running/speed/data"][:])


def test_pandas_text_columns(newer_file: pathlib.Path) -> None:
    expected = "str" if int(pd.__version__.split(".")[0]) >= 3 else "object"
    assert str(opened(newer_file).trials["initial_image_name"].dtype) == expected


def test_only_what_a_file_lacks_is_computed(newer_file: pathlib.Path, tmp_path: pathlib.Path, made: Made) -> None:
    path = tmp_path / "s.nwb"
    path.write_bytes(newer_file.read_bytes())
    with h5py.File(path, "a") as file:
        group = file[f"intervals/{IMAGE_SET}_presentations"]
        group.attrs["colnames"] = np.array(
            [n for n in group.attrs["colnames"] if n != "active"], dtype=h5py.string_dtype()
        )
        group["trials_id"][:] = 7
    table = opened(path).stimulus_presentations
    assert set(table["trials_id"]) == {7}
    trials = list(zip(made.trials["id"], made.trials["start_time"], made.trials["stop_time"], strict=True))
    assert table["active"].tolist() == reference.active(table["start_time"].tolist(), [True] * len(table), trials)
