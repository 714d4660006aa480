from __future__ import annotations

import pytest

from visbehavior.schema.cohort import (
    BY_NAME,
    DEFAULT_TABLES,
    DERIVED,
    METRIC_NAMES,
    ROW_TABLES,
    SESSIONS,
    SQL_TYPES,
    sql_type,
    stored_columns,
    table_columns,
)
from visbehavior.schema.flashes import FLASHES
from visbehavior.schema.metrics import PERFORMANCE_METRICS, SESSION_RATES
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE
from visbehavior.schema.session import TRIALS

ALL = tuple(table.name for table in ROW_TABLES)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_column_has_a_sql_type(name: str) -> None:
    assert {sql_type(column) for column in BY_NAME[name]} <= set(SQL_TYPES.values())
    assert BY_NAME[name].columns[0].name == "behavior_session_id"


def test_tables_have_the_declared_columns_of_the_session() -> None:
    assert [column.name for column in BY_NAME["trials"]][2:] == TRIALS.names()
    assert set(FLASHES.names()) < {column.name for column in BY_NAME["flashes"]}


def test_sessions_have_the_project_table_and_all_metrics() -> None:
    names = set(SESSIONS.names())
    assert set(BEHAVIOR_SESSION_TABLE.names()) - names == {"file_id"}
    assert {metric.name for metric in (*PERFORMANCE_METRICS, *SESSION_RATES)} == set(METRIC_NAMES) <= names


def test_means_of_samples_need_their_table() -> None:
    def names(tables: tuple[str, ...]) -> set[str]:
        return {column.name for column in table_columns("flashes", tables)}

    assert names(ALL) - names(DEFAULT_TABLES) == {"mean_running_speed", "mean_pupil_width"}
    assert names((*DEFAULT_TABLES, "eye_tracking")) - names(DEFAULT_TABLES) == {"mean_pupil_width"}


def test_derived_columns_are_not_stored() -> None:
    stored = {column.name for column in stored_columns("flashes", ALL)}
    assert {column.name for column in table_columns("flashes", ALL)} - stored == set(DERIVED)
    for expression in DERIVED.values():
        assert set(expression.split(" - ")) <= stored
