"""Reading by declaration: time series, entries of dictionaries, and names of columns."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nwb.damaged_files import (
    DamageFile,
    assert_bad_value,
    assert_missing,
    delete,
    opened,
    replace,
    set_attribute,
)
from tests.nwbfiles import PRESENTATIONS, TEXT, write_tables
from tests.synthetic_session import SyntheticSession
from visbehavior import BadValue, MissingData
from visbehavior.errors import naming_file
from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.reader import NwbReader
from visbehavior.nwb.tables import check_booleans, check_lengths, convert_entry
from visbehavior.schema.columns import Column, Table
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import LICKS, SERIES_TABLES, STIMULUS_PRESENTATIONS, TRIALS

OPTIONAL_SERIES = [table for table in SERIES_TABLES if table.optional]
series_tables = pytest.mark.parametrize("table", SERIES_TABLES, ids=lambda table: table.name)


@series_tables
@given(rows=st.integers(0, 50), seed=st.integers(0, 2**32 - 1), in_creation_order=st.booleans(), data=st.data())
def test_series_are_read_as_written(
    table: Table, rows: int, seed: int, in_creation_order: bool, data: st.DataObject
) -> None:
    columns = table.sample(rows, np.random.default_rng(seed))
    order = data.draw(st.permutations(list(columns)))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "s.nwb"
        write_tables(path, [(table, {name: columns[name] for name in order})], track_order=in_creation_order)
        actual = NwbReader(path).read(table)
    assert list(actual) == table.names()
    for name, values in columns.items():
        np.testing.assert_array_equal(actual[name], values)
        assert actual[name].dtype == values.dtype


@pytest.mark.parametrize("table", OPTIONAL_SERIES, ids=lambda table: table.name)
def test_absent_optional_series_is_an_empty_table(tmp_path: pathlib.Path, table: Table) -> None:
    path = write_tables(tmp_path / "s.nwb", [])
    assert NwbReader(path).read(table) == {}
    pd.testing.assert_frame_equal(getattr(opened(path), table.name), table.empty())


@pytest.mark.parametrize("table", [t for t in SERIES_TABLES if not t.optional], ids=lambda table: table.name)
def test_absent_required_series_is_missing(tmp_path: pathlib.Path, table: Table) -> None:
    assert_missing(write_tables(tmp_path / "s.nwb", []), table.name, f"has no /{table.group}")


@pytest.mark.parametrize("table", OPTIONAL_SERIES, ids=lambda table: table.name)
def test_optional_series_needs_its_top_level_group(damage_file: DamageFile, table: Table) -> None:
    assert_missing(damage_file(delete("processing")), table.name, "has no /processing")


def test_licks_rewards_running_and_clock(session_file: pathlib.Path, synthetic_session: SyntheticSession) -> None:
    session, synthetic = opened(session_file), synthetic_session
    for table, columns in ((session.licks, synthetic.licks), (session.rewards, synthetic.rewards)):
        assert list(table) == list(columns)
        for name, values in columns.items():
            np.testing.assert_array_equal(table[name], values)
            assert table[name].dtype == values.dtype
    np.testing.assert_array_equal(session.running_speed["speed"], synthetic.speed)
    np.testing.assert_array_equal(session.raw_running_speed["speed"], synthetic.raw_speed)
    np.testing.assert_array_equal(session.raw_running_speed["timestamps"], synthetic.timestamps)
    np.testing.assert_array_equal(session.stimulus_timestamps, synthetic.timestamps)
    np.testing.assert_array_equal(session.encoder["dx"], synthetic.speed.astype(np.float32))
    assert session.encoder["dx"].dtype == np.float32


@pytest.mark.parametrize(
    ("member", "attribute"),
    [
        ("processing/licking/licks/data", "licks"),
        ("processing/rewards/volume", "rewards"),
        ("processing/running", "running_speed"),
        ("processing/running/speed_unfiltered", "raw_running_speed"),
        ("processing/stimulus/timestamps/timestamps", "stimulus_timestamps"),
    ],
)
def test_missing_members_of_series_are_reported(damage_file: DamageFile, member: str, attribute: str) -> None:
    assert_missing(damage_file(delete(member)), attribute, f"has no /{member.rpartition('/')[0]}")


def test_missing_member_is_reported_with_the_existing_ones(damage_file: DamageFile) -> None:
    session = opened(damage_file(delete("processing/running/speed/data")))
    with pytest.raises(
        MissingData, match=r"has no /processing/running/speed/data \(/processing/running/speed holds timestamps\)"
    ):
        _ = session.running_speed


@pytest.mark.parametrize(
    ("member", "data", "attribute", "message"),
    [
        ("running/speed/data", ["fast", "slow"], "running_speed", "speed/data holds text, expected numbers"),
        ("licking/licks/data", np.zeros((3, 2)), "licks", "licks/data has 2 dimensions, expected 1"),
        ("licking/licks/data", np.arange(3), "licks", r"have different lengths: timestamps \d+, frame 3"),
        ("stimulus/timestamps/timestamps", np.zeros((2, 2)), "stimulus_timestamps", "has 2 dimensions, expected 1"),
    ],
)
def test_unexpected_content_of_series_is_rejected(
    damage_file: DamageFile, member: str, data: Any, attribute: str, message: str
) -> None:
    options = {"dtype": TEXT} if isinstance(data, list) else {}
    assert_bad_value(damage_file(replace(f"processing/{member}", data, **options)), attribute, message)


@pytest.mark.parametrize("value", [7, 1.5, "text", h5py.Empty(TEXT), np.array([1, 2]), np.zeros((2, 2))])
@pytest.mark.parametrize(
    ("group", "attribute"), [("intervals/trials", "trials"), (PRESENTATIONS, "stimulus_presentations")]
)
def test_names_of_columns_must_be_texts(damage_file: DamageFile, group: str, attribute: str, value: Any) -> None:
    path = damage_file(set_attribute(group, "colnames", value))
    assert_bad_value(path, attribute, f"the attribute colnames of /{group} is .*expected names of columns")
    assert "damaged.nwb" in repr(opened(path))


@pytest.mark.parametrize(
    ("dtype", "stored", "expected"),
    [
        ("text", "images", "images"),
        ("float64", 7, 7.0),
        ("number", -1, -1),
        ("integer", 7.0, 7),
        ("days", "P114D", 114),
        ("days", "P12W3D", 12),
        ("days", "unknown", None),
        ("floats", ["0.15", "0.75"], [0.15, 0.75]),
        ("floats", [1, 2.5], [1.0, 2.5]),
        ("texts", ["b", "a"], ["a", "b"]),
        ("texts", [], []),
        ("uuid", "None", None),
    ],
)
def test_entries_have_their_declared_type(newer_file: pathlib.Path, dtype: str, stored: Any, expected: Any) -> None:
    column = Column(name="entry", dtype=dtype, meaning="An entry.")
    value = convert_entry(NwbFile(newer_file), LICKS, column, stored)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        ("text", 7),
        ("text", None),
        ("float64", "60"),
        ("integer", 990.5),
        ("integer", float("inf")),
        ("integer", float("nan")),
        ("days", 114),
        ("floats", 0.15),
        ("floats", []),
        ("floats", ["much"]),
        ("texts", "a"),
        ("texts", ["a", 1]),
        ("uuid", "7"),
        ("uuid", 7),
        ("datetime", "yesterday"),
        ("datetime", 2019),
    ],
)
def test_entries_of_other_types_are_rejected(newer_file: pathlib.Path, dtype: str, stored: Any) -> None:
    column = Column(name="entry", dtype=dtype, meaning="An entry.")
    with pytest.raises(
        BadValue, match=rf"entry \(/processing/licking, entry\) is .*, expected {dtype}\. The file was changed"
    ):
        convert_entry(NwbFile(newer_file), LICKS, column, stored)


def test_absent_optional_entry_is_none(newer_file: pathlib.Path) -> None:
    column = Column(name="entry", dtype="text", required=False, meaning="An entry.")
    assert convert_entry(NwbFile(newer_file), LICKS, column, None) is None


def test_dates_without_offset_are_utc(damage_file: DamageFile) -> None:
    path = damage_file(replace("session_start_time", "2019-06-20T11:18:15", dtype=TEXT))
    assert opened(path).metadata["date_of_acquisition"].isoformat() == "2019-06-20T11:18:15+00:00"


def test_columns_must_have_equal_lengths(newer_file: pathlib.Path) -> None:
    file = NwbFile(newer_file)
    ragged = Ragged(np.arange(5.0), np.array([2, 3]))
    check_lengths(file, TRIALS, {"a": np.zeros(2), "b": ragged})
    check_lengths(file, TRIALS, {})
    with pytest.raises(BadValue, match=r"the columns of trials .*have different lengths: a 5, b 2") as caught:
        check_lengths(file, TRIALS, {"a": np.zeros(5), "b": ragged})
    assert caught.value.lengths == {"a": 5, "b": 2}


@pytest.mark.parametrize("values", [[0, 1, 2], [0.5], [np.nan]])
def test_truth_values_are_zero_or_one(newer_file: pathlib.Path, values: list[float]) -> None:
    file = NwbFile(newer_file)
    check_booleans(file, TRIALS, {"hit": np.array([0.0, 1.0]), "undeclared": np.array([7])})
    with pytest.raises(BadValue, match=rf"the column hit of trials holds {values[-1]}, expected truth values"):
        check_booleans(file, TRIALS, {"hit": np.array(values)})


def test_nullable_truth_values_may_be_nan(newer_file: pathlib.Path) -> None:
    file = NwbFile(newer_file)
    check_booleans(file, STIMULUS_PRESENTATIONS, {"omitted": np.array([0.0, 1.0, np.nan])})
    with pytest.raises(
        BadValue, match=r"the column omitted of stimulus_presentations holds 3\.0, expected truth values"
    ):
        check_booleans(file, STIMULUS_PRESENTATIONS, {"omitted": np.array([0.0, 3.0, np.nan])})


def test_bad_value_without_a_file_names_the_file(newer_file: pathlib.Path) -> None:
    with (
        pytest.raises(BadValue, match=rf"{newer_file.name}: the column x is wrong") as caught,
        naming_file(str(newer_file)),
    ):
        raise BadValue("the column x is wrong.", name="x")
    assert (caught.value.path, caught.value.name) == (str(newer_file), "x")
    with pytest.raises(BadValue, match=r"^it is wrong") as caught, naming_file(str(newer_file)):
        raise BadValue("it is wrong.", path="other.nwb")
    assert caught.value.path == "other.nwb"
