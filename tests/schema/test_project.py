"""Declarations of the project tables."""

from __future__ import annotations

import pytest

from visbehavior.schema.columns import Table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, COUNTS, OPHYS_EXPERIMENT_TABLE, PROJECT_TABLES

project_tables = pytest.mark.parametrize("table", PROJECT_TABLES, ids=lambda table: table.name)


@project_tables
def test_index_is_not_a_column(table: Table) -> None:
    assert table.index
    assert table.index not in table.by_name


@project_tables
def test_columns_have_the_same_name_in_both_conventions(table: Table) -> None:
    assert table.names("2.10") == table.names("2.16") == list(table.by_name)


@project_tables
def test_same_column_has_the_same_dtype_in_every_table(table: Table) -> None:
    # The containers of a session are a list, that of a plane a number.
    differs = {"ophys_container_id", "ophys_experiment_id", "ophys_session_id"}
    for name, column in table.by_name.items():
        for other in PROJECT_TABLES:
            if name in other.by_name and name not in differs:
                assert other.by_name[name].dtype == column.dtype


def test_counts_are_those_of_the_behavior_session_table() -> None:
    assert {column.name for column in COUNTS} <= set(BEHAVIOR_SESSION_TABLE.by_name)
    assert {column.dtype for column in COUNTS} == {"int64"}
    assert not {column.name for column in COUNTS} & set(OPHYS_EXPERIMENT_TABLE.by_name)
