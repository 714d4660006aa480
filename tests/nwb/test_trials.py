"""Trials of NWB files in each layout."""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.nwb.damaged_files import (
    DamageFile,
    add_column,
    assert_bad_value,
    assert_missing,
    damaged_copy,
    delete,
    delete_column,
    delete_columns,
    opened,
    read,
    replace,
)
from tests.nwbfiles import TEXT, write_session
from tests.synthetic_session import TRIAL_COLUMNS_1_1, SyntheticSession, make_session
from visbehavior import MissingData
from visbehavior.analysis.performance import TRIAL_COLUMNS
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.session import TRIALS

GROUP = TRIALS.group


def test_trials_are_read_as_written(session_file: pathlib.Path, synthetic_session: SyntheticSession) -> None:
    trials, expected = opened(session_file).trials, synthetic_session.trials
    assert trials.index.name == "trials_id"
    assert list(trials.index) == list(expected["id"])
    for name in trials:
        if name == "lick_times":
            assert all(np.array_equal(a, b) for a, b in zip(trials[name], expected[name], strict=True))
        else:
            np.testing.assert_array_equal(trials[name], expected[name], err_msg=name)
    assert trials["hit"].dtype == bool
    assert trials["change_frame"].dtype == np.int64


def test_reader_returns_the_index_under_its_declared_name(session_file: pathlib.Path) -> None:
    columns = NwbReader(session_file).read(TRIALS)
    assert next(iter(columns)) == TRIALS.index == "trials_id"
    assert columns["trials_id"].dtype == np.int64


def test_text_columns_have_the_dtype_of_pandas(newer_file: pathlib.Path) -> None:
    expected = "str" if int(pd.__version__.split(".")[0]) >= 3 else "object"
    assert str(opened(newer_file).trials["initial_image_name"].dtype) == expected


def test_undeclared_columns_are_returned(damage_file: DamageFile) -> None:
    path = damage_file(lambda file: add_column(file[GROUP], "mood", np.arange(60)))
    trials = opened(path).trials
    assert trials["mood"].tolist() == list(range(60))
    assert trials.columns[-1] == "mood"


def test_second_copy_of_the_licks_is_ignored(damage_file: DamageFile) -> None:
    path = damage_file(lambda file: add_column(file[GROUP], "lick_events", np.arange(7)))
    assert "lick_events" not in opened(path).trials


@pytest.mark.parametrize("convention", ["2.16", "2.10"])
@pytest.mark.parametrize("name", TRIAL_COLUMNS_1_1)
def test_absent_column_costs_no_other_column(
    damage_file: DamageFile, newer_file: pathlib.Path, name: str, convention: str
) -> None:
    path = damage_file(delete_column(GROUP, name))
    expected = opened(newer_file, allensdk_version=convention).trials
    absent = "stimulus_change" if (name, convention) == ("is_change", "2.10") else name
    actual = opened(path, allensdk_version=convention).trials
    pd.testing.assert_frame_equal(actual, expected.drop(columns=absent))


@pytest.mark.parametrize("name", TRIAL_COLUMNS_1_1)
def test_metrics_need_only_the_columns_that_they_use(
    damage_file: DamageFile, newer_file: pathlib.Path, name: str
) -> None:
    session = opened(damage_file(delete_column(GROUP, name)))
    if name in TRIAL_COLUMNS:
        with pytest.raises(MissingData, match=f"has no column '{name}'"):
            session.get_performance_metrics()
    else:
        assert session.get_performance_metrics() == opened(newer_file).get_performance_metrics()


def test_table_without_columns_has_the_index(damage_file: DamageFile) -> None:
    trials = opened(damage_file(lambda file: delete_columns(file[GROUP], *TRIAL_COLUMNS_1_1))).trials
    assert trials.shape == (60, 0)
    assert list(trials.index) == list(range(60))


@pytest.mark.parametrize("member", [GROUP, f"{GROUP}/hit", f"{GROUP}/id", f"{GROUP}/lick_times"])
def test_missing_dataset_of_a_named_column_is_reported(damage_file: DamageFile, member: str) -> None:
    assert_missing(damage_file(delete(member)), "trials", f"has no /{member}")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("go", ["yes"] * 60, f"/{GROUP}/go holds text, expected numbers"),
        ("change_image_name", np.arange(60), "change_image_name holds values of type int64, expected text"),
        ("hit", np.ones(59, dtype=bool), "the columns of trials .* have different lengths: .*hit 59"),
        ("id", np.arange(61), "have different lengths: trials_id 61"),
        ("lick_times_index", np.full(60, 3), f"does not match /{GROUP}/lick_times: it ends at 3 of"),
        ("lick_times", ["a"] * 9, "lick_times holds text, expected numbers"),
        ("change_frame", np.full(60, np.inf), "the column change_frame holds numbers that are not whole"),
        ("change_frame", np.full(60, 1.5), "the column change_frame holds numbers that are not whole"),
        ("hit", np.full(60, np.nan), "the column hit of trials holds nan, expected truth values"),
        ("id", np.arange(60.0), f"/{GROUP}/id holds values of type float64, expected whole numbers"),
        ("lick_times_index", np.arange(60.0), "lick_times_index holds values of type float64, expected whole numbers"),
    ],
)
def test_unexpected_content_is_rejected(damage_file: DamageFile, name: str, data: Any, message: str) -> None:
    options = {"dtype": TEXT} if isinstance(data, list) else {}
    assert_bad_value(damage_file(replace(f"{GROUP}/{name}", data, **options)), "trials", message)


def test_metrics_reject_flags_that_are_not_truth_values(damage_file: DamageFile) -> None:
    path = damage_file(replace(f"{GROUP}/hit", np.full(60, 2)))
    assert_bad_value(path, "get_performance_metrics", "the column hit of trials holds 2, expected truth values")


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_trials_without_licks_have_empty_arrays(tmp_path: pathlib.Path, layout: str) -> None:
    trials = opened(write_session(tmp_path / "s.nwb", make_session(passive=True), layout)).trials
    assert all(times.dtype == object and len(times) == 0 for times in trials["lick_times"])
    assert trials["reward_volume"].dtype == np.int64


@pytest.fixture
def one_lick_per_trial(tmp_path: pathlib.Path) -> tuple[pathlib.Path, list[list[float]]]:
    """File without the index of the licks, as AllenSDK writes it if there are as many licks as trials; and the licks."""
    synthetic = make_session(seed=1, trials=30, outcomes="hhcm")
    rows = [list(times) for times in synthetic.trials["lick_times"]]
    assert sum(map(len, rows)) == 30
    write_session(tmp_path / "complete.nwb", synthetic)
    path = damaged_copy(tmp_path / "complete.nwb", tmp_path / "s.nwb", delete(f"{GROUP}/lick_times_index"))
    return path, rows


def test_licks_without_an_index_are_assigned_by_their_times(
    one_lick_per_trial: tuple[pathlib.Path, list[list[float]]],
) -> None:
    path, rows = one_lick_per_trial
    session = opened(path)
    assert [list(times) for times in session.trials["lick_times"]] == rows
    expected = opened(path.with_name("complete.nwb")).get_performance_metrics()
    assert session.get_performance_metrics() == expected
    assert opened(path).get_performance_metrics() == expected
    licks = NwbReader(path).read(TRIALS, "lick_times".__eq__)["lick_times"]
    assert [list(times) for times in licks.split()] == rows


def test_licks_without_an_index_need_the_start_times(
    one_lick_per_trial: tuple[pathlib.Path, list[list[float]]],
) -> None:
    path, _ = one_lick_per_trial
    with h5py.File(path, "a") as file:
        delete_columns(file[GROUP], "start_time")
    for attribute in ("trials", "get_performance_metrics"):
        with pytest.raises(MissingData, match=rf"trials \(in /{GROUP}\) has no column start_time; it has stop_time"):
            read(opened(path), attribute)


@pytest.mark.parametrize("change", [lambda times: times[::-1], lambda times: times - 1000])
def test_licks_without_an_index_in_no_trial_are_rejected(
    one_lick_per_trial: tuple[pathlib.Path, list[list[float]]], change: Any
) -> None:
    path, _ = one_lick_per_trial
    with h5py.File(path, "a") as file:
        file[f"{GROUP}/lick_times"][:] = change(file[f"{GROUP}/lick_times"][:])
    message = (
        f"/{GROUP}/lick_times has no index of the licks of each trial, and the times of the licks do not determine it"
    )
    assert_bad_value(path, "trials", message)
