"""Stimulus presentations of Neuropixels recordings: several stimuli, and a passive replay of the task."""

from __future__ import annotations

import pathlib
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

from tests import reference
from tests.nwb.damaged_files import assert_bad_value, opened
from tests.recordingfiles import IMAGES_GROUP, REPLAY, make_blocks, write_recording
from tests.synthetic_session import SyntheticSession, make_session
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.session import STIMULUS_PRESENTATIONS

ORDER = (
    *("stimulus_block", "image_name", "duration", "start_time", "end_time", "start_frame", "end_frame", "is_change"),
    *("is_image_novel", "omitted", "flashes_since_change", "trials_id"),
)
ONLY_IN_RECORDINGS = {
    *("temporal_frequency", "position_x", "position_y", "contrast", "color", "rewarded", "stimulus_index"),
}


@pytest.fixture(scope="module")
def synthetic() -> SyntheticSession:
    return make_session(seed=5, trials=30)


@pytest.fixture(scope="module")
def recording(synthetic: SyntheticSession, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return write_recording(tmp_path_factory.mktemp("recording") / "ecephys_session_1.nwb", synthetic)


@pytest.fixture(scope="module")
def older(synthetic: SyntheticSession, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A recording without trials_id and is_sham_change."""
    return write_recording(tmp_path_factory.mktemp("older") / "ecephys_session_2.nwb", synthetic, stored=False)


def test_blocks_are_joined_in_order_of_time(recording: pathlib.Path, synthetic: SyntheticSession) -> None:
    table = opened(recording).stimulus_presentations
    assert len(table) == sum(len(columns["start_time"]) for columns in make_blocks(synthetic).values())
    assert table["start_time"].is_monotonic_increasing
    assert list(dict.fromkeys(table["stimulus_block"])) == [0, 1, 2, 3, 4, REPLAY]
    assert tuple(table.columns[: len(ORDER)]) == ORDER
    assert set(table) >= ONLY_IN_RECORDINGS
    assert "image_index" not in table


def test_values_are_those_of_each_group(recording: pathlib.Path, synthetic: SyntheticSession) -> None:
    table = opened(recording).stimulus_presentations
    for name, columns in make_blocks(synthetic).items():
        rows = table[table["stimulus_name"] == name]
        for column, values in columns.items():
            if column not in ("stop_time", "is_change", "flashes_since_change"):
                actual = (
                    rows[column].to_numpy(dtype=values.dtype, na_value=np.nan)
                    if values.dtype == float
                    else rows[column]
                )
                np.testing.assert_array_equal(actual, values, err_msg=column)


def test_missing_values_of_other_stimuli(recording: pathlib.Path) -> None:
    table = opened(recording).stimulus_presentations
    others = table[table["image_name"].isna()]
    assert set(others["stimulus_block"]) == {1, 2, 3, 4}
    for name in ("omitted", "rewarded", "is_image_novel"):
        assert table[name].dtype == "boolean"
        assert others[name].isna().all()
    assert table["is_change"].dtype == bool
    assert not others["is_change"].any()
    assert table["stimulus_index"].dtype == "int64"
    assert table["is_image_novel"].isna().equals(table["image_name"].isna() | (table["image_name"] == "omitted"))


def test_changes_and_flashes_are_counted_over_all_blocks(recording: pathlib.Path) -> None:
    """Gray, Gabor patches and flashes are counted. The stored values are ignored."""
    table = opened(recording).stimulus_presentations
    names = table["image_name"].tolist()
    omitted = [name == "omitted" for name in names]
    shown = [isinstance(name, str) and name != "omitted" for name in names]
    is_change = reference.is_change(names, shown)
    assert table["is_change"].tolist() == is_change
    assert table["flashes_since_change"].tolist() == reference.flashes_since_change(is_change, omitted)
    blocks = table.groupby("stimulus_block")["flashes_since_change"]
    assert blocks.first()[2] == blocks.last()[1] + 1
    shown_in = {
        number: [name for name in rows if name != "omitted"]
        for number, rows in table.groupby("stimulus_block")["image_name"]
    }
    first_of_replay = table.index[(table["stimulus_block"] == REPLAY) & (table["image_name"] != "omitted")][0]
    assert table["is_change"][first_of_replay] == (shown_in[REPLAY][0] != shown_in[0][-1])


def test_replay_takes_over_trials_and_sham_changes(
    older: pathlib.Path, synthetic: SyntheticSession, tmp_path: pathlib.Path
) -> None:
    path = shutil.copy(older, tmp_path / "s.nwb")
    with h5py.File(path, "r+") as file:
        trials = file["intervals/trials"]
        catch = int(np.flatnonzero(trials["catch"][:])[0])
        starts = make_blocks(synthetic)[IMAGES_GROUP]["start_frame"]
        row = int(np.flatnonzero(synthetic.presentations["start_time"] > trials["start_time"][catch])[1])
        trials["change_frame"][catch] = starts[row]
    table = opened(path).stimulus_presentations
    task, replay = (table[table["stimulus_block"] == block].reset_index(drop=True) for block in (0, REPLAY))
    for name in ("image_name", "trials_id", "is_sham_change"):
        pd.testing.assert_series_equal(task[name], replay[name])
    assert task["is_sham_change"][row]
    times = list(zip(range(30), synthetic.trials["start_time"], synthetic.trials["stop_time"], strict=True))
    assert task["trials_id"].tolist() == reference.trials_id(task["start_time"].tolist(), [True] * len(task), times)
    between = table["stimulus_block"].between(1, 4)
    assert set(table["trials_id"][between]) == {-99}
    assert not table["is_sham_change"][between].any()


def test_replay_with_another_image_takes_over_nothing(tmp_path: pathlib.Path, synthetic: SyntheticSession) -> None:
    path = write_recording(tmp_path / "s.nwb", synthetic, stored=False, changed_in_replay=4)
    table = opened(path).stimulus_presentations
    replay = table[table["stimulus_block"] == REPLAY]
    assert set(replay["trials_id"]) == {-99}
    assert not replay["is_sham_change"].any()
    assert (table["trials_id"][table["stimulus_block"] == 0] >= 0).any()


@pytest.mark.parametrize("name", ["trials_id", "is_sham_change"])
def test_single_column_of_a_replay_can_be_read(older: pathlib.Path, name: str) -> None:
    columns = NwbReader(older).read(STIMULUS_PRESENTATIONS, name.__eq__)
    np.testing.assert_array_equal(columns[name], opened(older).stimulus_presentations[name])


def test_stored_trials_of_a_replay_are_kept(recording: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = shutil.copy(recording, tmp_path / "s.nwb")
    with h5py.File(path, "r+") as file:
        file[f"intervals/{IMAGES_GROUP}_presentations/trials_id"][-1] = 77
    assert opened(path).stimulus_presentations["trials_id"].iloc[-1] == 77


def test_rewarded_is_a_truth_value(tmp_path: pathlib.Path, synthetic: SyntheticSession) -> None:
    path = write_recording(tmp_path / "s.nwb", synthetic)
    with h5py.File(path, "r+") as file:
        file[f"intervals/{IMAGES_GROUP}_presentations/rewarded"][0] = 3.0
    assert_bad_value(path, "stimulus_presentations", "the column rewarded .* holds 3.0, expected truth values")


def test_convention_of_2_10_has_the_rows_with_images(recording: pathlib.Path) -> None:
    table = opened(recording, allensdk_version="2.10").stimulus_presentations
    assert table["image_name"].notna().all()
    assert not set(table) & (ONLY_IN_RECORDINGS | {"trials_id", "active", "stimulus_block"})
