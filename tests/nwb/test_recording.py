"""Neuropixels recordings as behavior sessions."""

from __future__ import annotations

import pathlib

import h5py
import numpy as np
import pytest

from tests import reference
from tests.nwb.damaged_files import opened
from tests.nwbfiles import write_session
from tests.recordingfiles import PROBES, TRIAL_COLUMNS, UNITS, write_recording
from tests.synthetic_session import SyntheticSession, make_eye_tracking, make_session
from visbehavior import BehaviorSession, UnsupportedFile
from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.reader import NwbReader
from visbehavior.nwb.recording import count_probes, count_units
from visbehavior.schema.neuropixels import RECORDED_PROBES, RECORDED_UNITS


@pytest.fixture(scope="module")
def synthetic() -> SyntheticSession:
    return make_session(seed=3, trials=60).replace(session_type="EPHYS_1_images_G_5uL_reward", eye=make_eye_tracking())


@pytest.fixture(scope="module")
def recording(synthetic: SyntheticSession, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return write_recording(tmp_path_factory.mktemp("recording") / "ecephys_session_1.nwb", synthetic)


def test_probes_and_units_are_counted_without_reading_them(recording: pathlib.Path, datasets_read: list[str]) -> None:
    file = NwbFile(recording)
    assert (count_probes(file), count_units(file)) == (len(PROBES), UNITS)
    assert set(datasets_read) <= {"units/id"}
    assert NwbReader(recording).count_rows(RECORDED_UNITS) == UNITS


def test_behavior_file_has_no_probes_and_units(session_file: pathlib.Path) -> None:
    reader = NwbReader(session_file)
    assert reader.count_rows(RECORDED_PROBES) is None
    assert reader.count_rows(RECORDED_UNITS) is None


def test_description_names_probes_and_units(recording: pathlib.Path, newer_file: pathlib.Path) -> None:
    assert f"recording      {len(PROBES)} probes, {UNITS} units" in opened(recording).describe()
    assert "recording" not in opened(newer_file).describe()


def test_metadata_of_a_recording(recording: pathlib.Path, synthetic: SyntheticSession) -> None:
    session = opened(recording)
    assert session.behavior_session_id == synthetic.behavior_session_id
    metadata = session.metadata
    for name in ("behavior_session_uuid", "driver_line", "reporter_line", "cre_line"):
        assert metadata[name] is None
    assert (metadata["full_genotype"], metadata["project_code"]) == ("wt/wt", "Not Available")
    assert metadata["mouse_id"] == synthetic.mouse_id
    assert session.task_parameters["image_set"] == "images_G"
    assert session.task_parameters["stimulus_name"] is None


@pytest.mark.parametrize("stored", [True, False], ids=["newer", "older"])
def test_trials_have_the_change_time_without_delay(
    tmp_path: pathlib.Path, synthetic: SyntheticSession, stored: bool
) -> None:
    trials = opened(write_recording(tmp_path / "s.nwb", synthetic, stored=stored)).trials
    assert tuple(trials.columns) == TRIAL_COLUMNS
    np.testing.assert_array_equal(trials["change_time_no_display_delay"], synthetic.trials["change_time"])
    np.testing.assert_array_equal(trials["is_change"], synthetic.trials["is_change"])


def test_metrics_use_the_change_time_without_delay(recording: pathlib.Path, synthetic: SyntheticSession) -> None:
    session = opened(recording)
    names = list(synthetic.trials)
    trials = [dict(zip(names, row, strict=True)) for row in zip(*synthetic.trials.values(), strict=True)]
    np.testing.assert_allclose(session.get_reward_rate(), reference.reward_rate(trials), rtol=1e-12)
    behavior_only = opened(write_session(recording.with_name("behavior.nwb"), synthetic))
    assert session.get_performance_metrics() == pytest.approx(behavior_only.get_performance_metrics(), nan_ok=True)
    assert session.get_rolling_performance_df().equals(behavior_only.get_rolling_performance_df())


def test_speeds_may_have_fewer_rows_than_frames(tmp_path: pathlib.Path, synthetic: SyntheticSession) -> None:
    """The release leaves out frames in which the wheel did not move."""
    path = write_recording(tmp_path / "s.nwb", synthetic)
    kept = np.flatnonzero(np.arange(len(synthetic.timestamps)) % 3)
    with h5py.File(path, "r+") as file:
        for series in ("speed", "speed_unfiltered"):
            for name in ("data", "timestamps"):
                values = file[f"processing/running/{series}/{name}"][:][kept]
                del file[f"processing/running/{series}/{name}"]
                file[f"processing/running/{series}/{name}"] = values
    session = opened(path)
    np.testing.assert_array_equal(session.running_speed["speed"], synthetic.speed[kept])
    np.testing.assert_array_equal(session.running_speed["timestamps"], synthetic.timestamps[kept])
    np.testing.assert_array_equal(session.raw_running_speed["speed"], synthetic.raw_speed[kept])
    assert len(session.stimulus_timestamps) == len(synthetic.timestamps)


def test_eye_tracking_of_a_recording(recording: pathlib.Path, synthetic: SyntheticSession) -> None:
    session = opened(recording)
    assert synthetic.eye is not None
    assert len(session.eye_tracking) == len(synthetic.eye["timestamps"])
    assert session.eye_tracking_rig_geometry["equipment"] == "CAM2P.3"


def test_recording_without_behavior_is_unsupported(recording: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ecephys_session_2.nwb"
    path.write_bytes(recording.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["general/task_parameters"]
    with pytest.raises(UnsupportedFile, match="pynwb opens recordings without behavior"):
        BehaviorSession.from_nwb_path(path)
