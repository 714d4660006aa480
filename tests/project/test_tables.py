"""Tests of reading the project tables."""

from __future__ import annotations

import datetime
import pathlib

import numpy as np
import pandas as pd
import pytest

from tests.project.synthetic_release import TABLES
from visbehavior import BadValue, MissingData, NotFound
from visbehavior import VisualBehaviorOphysProjectCache as Cache
from visbehavior.project.tables import read_project_table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, PROJECT_TABLES


def test_behavior_session_table_has_the_types_of_2_16(local_cache: Cache) -> None:
    table = local_cache.get_behavior_session_table()
    assert table.index.tolist() == [11, 12, 13, 14]
    assert table.index.name == "behavior_session_id"
    assert table["mouse_id"].tolist() == ["457841", "457841", "457841", "445002"]
    for name in ("ophys_session_id", "age_in_days", "session_number"):
        assert table[name].dtype == "Int64"
    assert table.loc[12, "driver_line"] == ["Sst-IRES-Cre", "Ai148"]
    assert table.loc[12, "ophys_experiment_id"] == [21, 22]
    assert np.isnan(table.loc[11, "ophys_experiment_id"])
    assert table.loc[12, "date_of_acquisition"].to_pydatetime() == datetime.datetime(
        2019, 5, 20, 10, 0, 0, 500000, tzinfo=datetime.UTC
    )
    assert table["file_id"].tolist() == [1941, -999, 1942, 1943]
    # Ids come first, undeclared columns last.
    assert list(table)[:2] == ["ophys_session_id", "ophys_container_id"]
    assert list(table)[-1] == "novelty"
    assert local_cache.get_behavior_session_table(suppress=None) is table


def test_imaging_tables_have_the_types_of_2_16(local_cache: Cache) -> None:
    assert local_cache.get_ophys_session_table().index.dtype == "Int64"
    assert local_cache.get_ophys_experiment_table()["passive"].dtype == bool
    cells = local_cache.get_ophys_cells_table()
    assert cells["cell_specimen_id"].dtype == "Int64"
    assert cells["cell_specimen_id"].isna().tolist() == [False, True]


def test_rows_do_not_share_lists(release_folder: pathlib.Path) -> None:
    table = Cache.from_local_cache(release_folder).get_behavior_session_table()
    table.loc[11, "driver_line"].append("mine")
    assert table.loc[13, "driver_line"] == ["Sst-IRES-Cre"]


def test_table_has_the_names_and_types_of_2_10(release_folder: pathlib.Path) -> None:
    table = Cache.from_local_cache(release_folder, allensdk_version="2.10").get_behavior_session_table()
    assert list(table) == TABLES["behavior_session_table"].splitlines()[0].split(",")[1:]
    assert table["mouse_id"].dtype == np.int64
    assert table["ophys_session_id"].dtype == np.float64
    assert table.loc[11, "date_of_acquisition"] == "2019-05-18 10:00:00+00:00"
    assert table.loc[12, "ophys_container_id"] == [41, 42]


@pytest.mark.parametrize("mouse_id", [457841, "457841", np.int64(457841)])
@pytest.mark.parametrize("convention", ["2.16", "2.10"])
def test_sessions_of_a_mouse_are_in_order_of_acquisition(
    release_folder: pathlib.Path, mouse_id: int | str, convention: str
) -> None:
    mouse = Cache.from_local_cache(release_folder, allensdk_version=convention).get_mouse(mouse_id)
    assert mouse.index.tolist() == [13, 11, 12]
    assert mouse["day"].tolist() == [0, 1, 3]
    assert mouse["has_imaging"].tolist() == [False, False, True]


def test_unknown_mouse_is_an_error(local_cache: Cache) -> None:
    with pytest.raises(NotFound, match=r"Release 1\.1\.0 has no mouse 7"):
        local_cache.get_mouse(7)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", BadValue, "is not a CSV file"),
        (b'a,b\n"1', BadValue, "is not a CSV file"),
        (b"\xff\xfe\x00", BadValue, "is not a CSV file"),
        (b"a,b\n1,2\n", MissingData, "has no column behavior_session_id; it has a, b"),
        (
            b"behavior_session_id,age_in_days\n1,old\n",
            BadValue,
            "has values in the column age_in_days that are not numbers",
        ),
        (
            b"behavior_session_id\n7\n1\n7\n",
            BadValue,
            r"has the behavior_session_id 7 more than once\. Download it again",
        ),
        (
            b"behavior_session_id,driver_line\n1,[" + b"-" * 50_000 + b"1]\n",
            BadValue,
            "values in the column driver_line that are not lists",
        ),
        (
            b"behavior_session_id,driver_line\n1," + b"[" * 90_000 + b"\n",
            BadValue,
            "values in the column driver_line that are not lists",
        ),
        (
            b"behavior_session_id,driver_line\n1,[" + b"1+" * 40_000 + b"1]\n",
            BadValue,
            "values in the column driver_line that are not lists",
        ),
        (
            b"behavior_session_id,driver_line\n1,__import__('os')\n",
            BadValue,
            "has values in the column driver_line that are not lists",
        ),
        (b"behavior_session_id,driver_line\n1,7\n", BadValue, "driver_line"),
        (b"behavior_session_id,date_of_acquisition\n1,yesterday\n", BadValue, "date_of_acquisition"),
    ],
)
def test_bad_tables_are_an_error(content: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_project_table(content, BEHAVIOR_SESSION_TABLE, "2.16")


def test_table_without_rows_is_empty() -> None:
    table = read_project_table(
        b"behavior_session_id,mouse_id,driver_line,date_of_acquisition\n", BEHAVIOR_SESSION_TABLE, "2.16"
    )
    assert isinstance(table, pd.DataFrame)
    assert table.empty


def test_index_is_not_a_declared_column() -> None:
    for table in PROJECT_TABLES:
        assert table.index not in table.by_name
        assert table.docstring()
