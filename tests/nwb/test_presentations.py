"""Stimulus presentations of NWB files in each layout."""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from tests import reference
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
    replace,
    set_column_names,
)
from tests.nwbfiles import PRESENTATIONS, TEXT, write_session
from tests.synthetic_session import SyntheticSession, make_session
from visbehavior import MissingData
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.session import STIMULUS_PRESENTATIONS, TRIALS

STORED_1_1 = [
    "stimulus_block",
    "stimulus_block_name",
    "image_index",
    "image_name",
    "duration",
    "start_frame",
    "end_frame",
    "is_change",
    "is_image_novel",
    "omitted",
    "flashes_since_change",
    "trials_id",
    "active",
    "is_sham_change",
    "stimulus_name",
    "image_set",
]
COMPUTED = {"is_change", "flashes_since_change", "trials_id", "active", "is_sham_change"}
COMPUTED_FROM = {
    "image_name": {"is_change", "flashes_since_change", "trials_id", "active"},
    "omitted": {"is_change", "flashes_since_change"},
}
"""Columns that are absent or differ if a column is absent."""


def reference_columns(table: pd.DataFrame, trials: pd.DataFrame) -> dict[str, list[Any]]:
    """Compute the columns of each row from the slow reference."""
    named = table["image_name"].notna().tolist()
    omitted = (table["image_name"] == "omitted").tolist()
    times = list(zip(trials.index, trials["start_time"], trials["stop_time"], strict=True))
    shown = [name and not gone for name, gone in zip(named, omitted, strict=True)]
    is_change = reference.is_change(table["image_name"].tolist(), shown)
    return {
        "is_change": is_change,
        "flashes_since_change": reference.flashes_since_change(is_change, omitted),
        "trials_id": reference.trials_id(table["start_time"].tolist(), named, times),
        "active": reference.active(table["start_time"].tolist(), named, times),
    }


@pytest.fixture(scope="module")
def four_blocks_file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """File with gray before and after the task, and a movie."""
    return write_session(tmp_path_factory.mktemp("blocks") / "s.nwb", make_session(seed=2, blocks=4))


def test_presentations_are_read_as_written(
    session_file: pathlib.Path, synthetic_session: SyntheticSession, layout: str
) -> None:
    session = opened(session_file)
    table, written = session.stimulus_presentations, synthetic_session.presentations
    assert table.index.name == "stimulus_presentations_id"
    for name in ("image_name", "image_index", "start_time", "end_time", "duration", "start_frame"):
        np.testing.assert_array_equal(table[name], written[name], err_msg=name)
    expected = reference_columns(table, session.trials)
    for name in ("is_change", "flashes_since_change"):
        assert table[name].tolist() == expected[name]
    if layout != "1.1":
        assert table["trials_id"].tolist() == expected["trials_id"]
        assert table["active"].tolist() == expected["active"]
        np.testing.assert_array_equal(table["end_frame"].isna(), table["omitted"])


def test_gray_and_movie_have_missing_values(four_blocks_file: pathlib.Path) -> None:
    table = opened(four_blocks_file).stimulus_presentations
    assert table["start_time"].is_monotonic_increasing
    assert set(table["stimulus_block"]) == {0, 1, 2, 3}
    gray_and_movie = table[table["image_name"].isna()]
    assert len(gray_and_movie) == 7
    assert set(gray_and_movie["image_index"]) == {-99}
    for name in ("omitted", "is_image_novel"):
        assert table[name].dtype == "boolean"
        assert gray_and_movie[name].isna().all()
    assert not gray_and_movie["is_change"].any()
    assert table["is_change"].dtype == bool
    # The gray row has 0, so that the first image has 1. Gray and movie are counted too.
    assert list(table["flashes_since_change"][:2]) == [0, 1]
    assert table["flashes_since_change"].iloc[-1] == table["flashes_since_change"].iloc[-6] + 5
    assert table["movie_frame_index"].iloc[-1] == 4


def test_missing_text_is_empty(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        file[f"{PRESENTATIONS}/stimulus_block_name"][3] = "N/A"

    names = opened(damage_file(damage)).stimulus_presentations["stimulus_block_name"]
    assert list(names[2:4]) == ["change_detection_behavior", ""]


def test_undeclared_columns_are_returned(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        group = file[PRESENTATIONS]
        add_column(group, "mood", np.arange(len(group["id"])))
        add_column(group, "note", np.array(["x"] * len(group["id"]), dtype=TEXT))

    table = opened(damage_file(damage)).stimulus_presentations
    assert list(table.columns[-2:]) == ["mood", "note"]
    assert table["mood"].tolist() == list(range(len(table)))
    assert set(table["note"]) == {"x"}


def test_undeclared_column_of_one_group_is_missing_in_the_others(
    four_blocks_file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    def damage(file: h5py.File) -> None:
        add_column(file[PRESENTATIONS], "mood", np.arange(len(file[PRESENTATIONS]["id"])))

    table = opened(damaged_copy(four_blocks_file, tmp_path / "s.nwb", damage)).stimulus_presentations
    assert table["mood"].dtype == float
    np.testing.assert_array_equal(table["mood"].isna(), table["image_name"].isna())


@pytest.mark.parametrize("name", STORED_1_1)
def test_absent_column_costs_no_other_column(damage_file: DamageFile, newer_file: pathlib.Path, name: str) -> None:
    path = damage_file(delete_column(PRESENTATIONS, name))
    expected = opened(newer_file).stimulus_presentations
    actual = opened(path).stimulus_presentations
    kept = [column for column in expected if column not in {name, *COMPUTED_FROM.get(name, ())}]
    pd.testing.assert_frame_equal(actual[kept], expected[kept])
    assert (name in actual) == (name in COMPUTED)


@pytest.mark.parametrize("layout", ["0", "1.0"])
@pytest.mark.parametrize("name", ["duration", "image_index", "start_frame", "end_frame", "omitted", "image_name"])
def test_absent_column_costs_no_other_column_in_older_files(tmp_path: pathlib.Path, layout: str, name: str) -> None:
    write_session(tmp_path / "complete.nwb", make_session(seed=1), layout)

    def damage(file: h5py.File) -> None:
        for group in file["intervals"].values():
            if name in group.attrs["colnames"] and not group.name.endswith("trials"):
                delete_columns(group, name)

    path = damaged_copy(tmp_path / "complete.nwb", tmp_path / "s.nwb", damage)
    expected = opened(tmp_path / "complete.nwb").stimulus_presentations
    actual = opened(path).stimulus_presentations
    kept = [column for column in expected if column not in {name, *COMPUTED_FROM.get(name, ())}]
    pd.testing.assert_frame_equal(actual[kept], expected[kept])
    assert name not in actual
    assert name not in opened(path, allensdk_version="2.10").stimulus_presentations


def test_convention_2_10_needs_the_image_names_of_newer_files(damage_file: DamageFile) -> None:
    session = opened(damage_file(delete_column(PRESENTATIONS, "image_name")), allensdk_version="2.10")
    with pytest.raises(
        MissingData, match=r"has no column image_name, .*Open the session with allensdk_version='2\.16'"
    ):
        _ = session.stimulus_presentations


@pytest.mark.parametrize("name", ["start_time", "stop_time"])
def test_times_are_required_in_each_group(damage_file: DamageFile, name: str) -> None:
    def damage(file: h5py.File) -> None:
        file.copy(PRESENTATIONS, "intervals/more_presentations")
        set_column_names(file["intervals/more_presentations"], {"start_time", "stop_time"} - {name})

    (present,) = {"start_time", "stop_time"} - {name}
    message = rf"stimulus_presentations \(in /intervals/more_presentations\) has no column {name}; it has {present}"
    assert_missing(damage_file(damage), "stimulus_presentations", message)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (PRESENTATIONS, r"has no group /intervals/\*_presentations, which holds the presentations"),
        (f"{PRESENTATIONS}/image_name", f"has no /{PRESENTATIONS}/image_name"),
        (f"{PRESENTATIONS}/stop_time", f"has no /{PRESENTATIONS}/stop_time"),
        ("intervals", "has no /intervals"),
    ],
)
def test_missing_groups_and_named_columns_are_reported(damage_file: DamageFile, member: str, message: str) -> None:
    assert_missing(damage_file(delete(member)), "stimulus_presentations", message)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("image_name", np.arange(3), "image_name holds values of type int64, expected text"),
        ("duration", np.zeros(2), "the columns of stimulus_presentations .* have different lengths: .*duration 2"),
        ("image_index", 0.5, "the column image_index holds numbers that are not whole"),
        ("image_index", np.inf, "the column image_index holds numbers that are not whole"),
        ("omitted", 2.0, "the column omitted of stimulus_presentations holds 2.0, expected truth values"),
        (
            "is_image_novel",
            -1.0,
            "the column is_image_novel of stimulus_presentations holds -1.0, expected truth values",
        ),
    ],
)
def test_unexpected_content_is_rejected(damage_file: DamageFile, name: str, data: Any, message: str) -> None:
    def damage(file: h5py.File) -> None:
        values = data if np.ndim(data) else np.full(len(file[PRESENTATIONS]["id"]), data)
        replace(f"{PRESENTATIONS}/{name}", values)(file)

    assert_bad_value(damage_file(damage), "stimulus_presentations", message)


def test_column_of_text_and_numbers_is_rejected(four_blocks_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def damage(file: h5py.File) -> None:
        add_column(file[PRESENTATIONS], "mood", np.arange(len(file[PRESENTATIONS]["id"])))
        add_column(file["intervals/spontaneous_presentations"], "mood", np.array(["x", "y"], dtype=TEXT))

    path = damaged_copy(four_blocks_file, tmp_path / "s.nwb", damage)
    message = "the column mood of the presentations is text in one group and numbers in another"
    assert_bad_value(path, "stimulus_presentations", message)


def test_stored_columns_are_not_computed(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        group = file[PRESENTATIONS]
        delete_columns(group, "active")
        group["trials_id"][:] = 7
        group["is_change"][:] = True

    session = opened(damage_file(damage))
    table = session.stimulus_presentations
    assert set(table["trials_id"]) == {7}
    # AllenSDK computes is_change again.
    assert table["is_change"].tolist() == reference_columns(table, session.trials)["is_change"]
    assert table["active"].all()


def _without_computed_columns(file: h5py.File) -> None:
    for group in file["intervals"].values():
        if not group.name.endswith("trials"):
            delete_columns(group, "active", "trials_id", "is_sham_change")


@pytest.fixture
def without_computed_columns(four_blocks_file: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return damaged_copy(four_blocks_file, tmp_path / "s.nwb", _without_computed_columns)


def test_absent_trials_id_is_computed(without_computed_columns: pathlib.Path) -> None:
    session = opened(without_computed_columns)
    table = session.stimulus_presentations
    assert table["trials_id"].dtype == np.int64
    assert table["trials_id"].tolist() == reference_columns(table, session.trials)["trials_id"]
    assert set(table.loc[table["image_name"].isna(), "trials_id"]) == {-99}


def test_absent_active_is_true_in_the_block_of_the_trials(without_computed_columns: pathlib.Path) -> None:
    session = opened(without_computed_columns)
    table = session.stimulus_presentations
    is_in_time = reference_columns(table, session.trials)["active"]
    assert 0 < sum(is_in_time) < (table["stimulus_block"] == 1).sum()
    assert table["active"].dtype == bool
    assert table["active"].tolist() == (table["stimulus_block"] == 1).tolist()


def test_absent_is_sham_change_is_true_at_the_change_frames_of_catch_trials(
    without_computed_columns: pathlib.Path,
) -> None:
    before = opened(without_computed_columns)
    table, trials = before.stimulus_presentations, before.trials
    catch, go = trials.index[trials["catch"]], trials.index[trials["go"]]
    gray = table.index[table["image_name"].isna()]
    trial_of_row = table["trials_id"]
    sham_rows = [trial_of_row.index[trial_of_row == trial][1] for trial in catch[:2]]
    change_row = trial_of_row.index[trial_of_row == go[0]][1]
    with h5py.File(without_computed_columns, "a") as file:
        change_frame = file[f"{TRIALS.group}/change_frame"]
        for trial, row in zip([*catch[:2], catch[2], go[0]], [*sham_rows, gray[-1], change_row], strict=True):
            change_frame[int(trial)] = table["start_frame"][row]
    is_sham_change = opened(without_computed_columns).stimulus_presentations["is_sham_change"]
    assert is_sham_change.dtype == bool
    assert list(is_sham_change.index[is_sham_change]) == sham_rows


def test_catch_trial_without_presentations_is_no_sham_change(without_computed_columns: pathlib.Path) -> None:
    table, trials = opened(without_computed_columns).stimulus_presentations, opened(without_computed_columns).trials
    row = int(table.index[table["trials_id"] == -99][1])
    with h5py.File(without_computed_columns, "a") as file:
        group = file[TRIALS.group]
        last = len(trials) - 1
        # The trial is after all others and after the presentations.
        group["start_time"][last], group["stop_time"][last] = 1e6, 1e6 + 1
        group["catch"][last], group["change_frame"][last] = True, table["start_frame"][row]
    assert not opened(without_computed_columns).stimulus_presentations["is_sham_change"][row]


@pytest.mark.parametrize("name", ["trials_id", "active", "is_sham_change"])
def test_single_computed_column_can_be_read(without_computed_columns: pathlib.Path, name: str) -> None:
    columns = NwbReader(without_computed_columns).read(STIMULUS_PRESENTATIONS, name.__eq__)
    np.testing.assert_array_equal(columns[name], opened(without_computed_columns).stimulus_presentations[name])


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("start_time", {"trials_id", "active", "is_sham_change"}),
        ("stop_time", {"trials_id", "active", "is_sham_change"}),
        ("catch", {"is_sham_change"}),
        ("change_frame", {"is_sham_change"}),
        ("hit", set()),
    ],
)
def test_columns_that_need_an_absent_column_of_trials_are_not_computed(
    without_computed_columns: pathlib.Path, name: str, lost: set[str]
) -> None:
    expected = opened(without_computed_columns).stimulus_presentations
    with h5py.File(without_computed_columns, "a") as file:
        delete_columns(file[TRIALS.group], name)
    actual = opened(without_computed_columns).stimulus_presentations
    pd.testing.assert_frame_equal(actual, expected.drop(columns=list(lost)))


def test_older_files_have_no_sham_changes(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(seed=1), "1.0")
    assert "is_sham_change" not in opened(path).stimulus_presentations


def test_computed_columns_of_older_files_need_the_trials(tmp_path: pathlib.Path) -> None:
    path = write_session(tmp_path / "s.nwb", make_session(seed=1), "1.0")
    with h5py.File(path, "a") as file:
        del file[TRIALS.group]
    assert_missing(path, "stimulus_presentations", f"has no /{TRIALS.group}")
    assert len(opened(path, allensdk_version="2.10").stimulus_presentations)


def test_rows_are_sorted_by_start_time_in_a_stable_order(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        group = file[PRESENTATIONS]
        group["start_time"][:] = group["start_time"][:][::-1]
        group["start_time"][3] = group["start_time"][4]
        add_column(group, "row", np.arange(len(group["id"])))

    table = opened(damage_file(damage)).stimulus_presentations
    assert table["start_time"].is_monotonic_increasing
    count = len(table)
    assert table["row"].tolist() == [*range(count - 1, 4, -1), 3, 4, 2, 1, 0]
