"""`NwbReader`: tables of a file by their declarations, numbers of rows, duration, and another storage than HDF5."""

from __future__ import annotations

import pathlib
import pickle
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.nwb.damaged_files import DamageFile, delete, opened
from tests.nwb.memory_file import MemoryFile, load_tree
from tests.nwbfiles import write_session, write_tables
from tests.synthetic_session import make_session
from visbehavior import BehaviorSession, MissingData
from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.columns import Column, Table
from visbehavior.schema.session import (
    EYE_TRACKING,
    EYE_TRACKING_RIG_GEOMETRY,
    LICKS,
    METADATA,
    REWARDS,
    RUNNING_SPEED,
    SESSION_TABLES,
    STIMULUS_TIMESTAMPS,
    TRIALS,
)

ROW_TABLES = [table for table in SESSION_TABLES if table.kind != "dictionary"]


def assert_same_table(actual: Any, expected: Any) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(actual, expected, check_exact=True)
    else:
        np.testing.assert_equal(actual, expected)


@pytest.mark.parametrize("table", ROW_TABLES, ids=lambda table: table.name)
def test_rows_are_counted_without_reading_the_table(session_file: pathlib.Path, table: Table) -> None:
    assert NwbReader(session_file).count_rows(table) == len(getattr(opened(session_file), table.name))


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_absent_optional_tables_have_no_number_of_rows(tmp_path: pathlib.Path, layout: str) -> None:
    reader = NwbReader(write_session(tmp_path / "s.nwb", make_session(passive=True), layout))
    assert [reader.count_rows(table) for table in (LICKS, REWARDS, EYE_TRACKING)] == [None, None, None]


def test_duration_is_the_time_from_the_first_to_the_last_frame(session_file: pathlib.Path) -> None:
    clock = opened(session_file).stimulus_timestamps
    assert NwbReader(session_file).read_duration() == clock[-1] - clock[0]


def test_duration_without_frames_is_zero(tmp_path: pathlib.Path) -> None:
    path = write_tables(tmp_path / "s.nwb", [(STIMULUS_TIMESTAMPS, {"timestamps": np.empty(0)})])
    assert NwbReader(path).read_duration() == 0.0


def test_layout_is_found_from_the_columns_of_the_presentations(session_file: pathlib.Path, layout: str) -> None:
    assert NwbReader(session_file).layout == layout


def test_only_wanted_columns_are_read(newer_file: pathlib.Path) -> None:
    reader = NwbReader(newer_file)
    assert list(reader.read(RUNNING_SPEED, "speed".__eq__)) == ["speed"]
    assert list(reader.read(TRIALS, "hit".__eq__)) == ["trials_id", "hit"]
    assert list(reader.read(METADATA, "sex".__eq__)) == ["sex"]


def test_known_columns_are_returned_and_not_read(newer_file: pathlib.Path, datasets_read: list[str]) -> None:
    reader = NwbReader(newer_file)
    for table, name in ((REWARDS, "volume"), (TRIALS, "hit"), (TRIALS, "lick_times")):
        expected = reader.read(table)
        datasets_read.clear()
        columns = reader.read(table, known={name: expected[name]})
        assert columns[name] is expected[name]
        assert list(columns) == list(expected)
        assert datasets_read
        assert not [path for path in datasets_read if f"/{name}" in path]


def test_missing_table_does_not_affect_others(damage_file: DamageFile) -> None:
    session = opened(damage_file(delete("intervals/trials")))
    assert len(session.licks)
    assert len(session.stimulus_presentations)
    with pytest.raises(MissingData, match="has no /intervals/trials"):
        session.get_performance_metrics()


def test_reader_can_be_pickled(newer_file: pathlib.Path) -> None:
    reader = NwbReader(newer_file, release="1.1.0", file_hash="ab")
    copy = pickle.loads(pickle.dumps(reader))
    assert (copy.location, copy.release, copy.file_hash, copy.layout) == (str(newer_file), "1.1.0", "ab", "1.1")


def test_prefetch_does_nothing_for_local_files(newer_file: pathlib.Path) -> None:
    calls: list[int] = []
    NwbReader(newer_file).prefetch(partial(calls.append, 1))
    assert calls == []


ACCELERATION = Column(
    name="acceleration",
    dtype="float64",
    unit="cm/s^2",
    path="acceleration/data",
    meaning="Acceleration of the mouse.",
)
LENS = Column(name="lens_mm", dtype="float64", unit="mm", path="@lens", meaning="Focal length of the camera's lens.")
LICK_SENSOR = Table(
    name="lick_sensor",
    summary="Voltage of the lick sensor.",
    group="processing/lick_sensor",
    optional=True,
    columns=(
        Column(name="timestamps", dtype="float64", unit="s", path="sensor/timestamps", meaning="Time of the sample."),
        Column(name="voltage", dtype="float64", unit="V", path="sensor/data", meaning="Voltage."),
    ),
)


def test_added_column_is_read_by_its_declaration(damage_file: DamageFile) -> None:
    speed = replace(RUNNING_SPEED, columns=(*RUNNING_SPEED.columns, ACCELERATION))
    geometry = replace(EYE_TRACKING_RIG_GEOMETRY, columns=(*EYE_TRACKING_RIG_GEOMETRY.columns, LENS))

    def add(file: h5py.File) -> None:
        data = file[f"{speed.group}/speed/data"][:]
        file[f"{speed.group}/{ACCELERATION.path}"] = np.gradient(data)
        file[geometry.group].attrs["lens"] = 25

    path = damage_file(add)
    reader = NwbReader(path)
    columns = reader.read(speed)
    assert list(columns) == ["timestamps", "speed", "acceleration"]
    np.testing.assert_array_equal(columns["acceleration"], np.gradient(columns["speed"]))
    entries = reader.read(geometry)
    assert entries == {**reader.read(EYE_TRACKING_RIG_GEOMETRY), "lens_mm": 25.0}
    assert type(entries["lens_mm"]) is float


def test_missing_added_column_is_reported(newer_file: pathlib.Path) -> None:
    speed = replace(RUNNING_SPEED, columns=(*RUNNING_SPEED.columns, ACCELERATION))
    with pytest.raises(MissingData, match="has no /processing/running/acceleration"):
        NwbReader(newer_file).read(speed)


def test_new_table_is_read_by_its_declaration(tmp_path: pathlib.Path, newer_file: pathlib.Path) -> None:
    assert LICK_SENSOR.is_series
    columns = LICK_SENSOR.sample(20, np.random.default_rng(0))
    reader = NwbReader(write_tables(tmp_path / "s.nwb", [(LICK_SENSOR, columns)]))
    np.testing.assert_equal(reader.read(LICK_SENSOR), columns)
    assert reader.count_rows(LICK_SENSOR) == 20
    reader_of_other_file = NwbReader(newer_file)
    assert reader_of_other_file.read(LICK_SENSOR) == {}
    assert reader_of_other_file.count_rows(LICK_SENSOR) is None


@pytest.fixture
def memory_session(
    session_file: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> BehaviorSession:
    """Session of a file in memory. The file on disk consists of the signature of HDF5."""
    with h5py.File(session_file) as stored:
        memory = MemoryFile(load_tree(stored))
    path = tmp_path / "signature.nwb"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setattr(NwbFile, "_open", lambda file: nullcontext(memory))
    return opened(path)


@pytest.mark.parametrize("table", SESSION_TABLES, ids=lambda table: table.name)
def test_tables_from_memory_equal_those_from_hdf5(
    memory_session: BehaviorSession, session_file: pathlib.Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_memory = getattr(memory_session, table.name)
    rows = memory_session._reader.count_rows(table) if table in ROW_TABLES else None
    monkeypatch.undo()
    from_hdf5 = getattr(opened(session_file), table.name)
    assert_same_table(from_memory, from_hdf5)
    assert rows == (len(from_hdf5) if table in ROW_TABLES else None)


def test_description_and_metrics_from_memory_equal_those_from_hdf5(
    memory_session: BehaviorSession, session_file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description, metrics = memory_session.describe(), memory_session.get_performance_metrics()
    layout = memory_session.source.layout
    monkeypatch.undo()
    session = opened(session_file)
    assert description.splitlines()[:-1] == session.describe().splitlines()[:-1]
    assert metrics == session.get_performance_metrics()
    assert layout == session.source.layout
