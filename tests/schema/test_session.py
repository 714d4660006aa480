"""Declarations of the tables of a session."""

from __future__ import annotations

import pytest

from visbehavior.schema import session as schema
from visbehavior.schema.columns import DTYPES, Table
from visbehavior.schema.session import SERIES_TABLES, SESSION_TABLES

# Names, flags, counts and the like have no unit.
UNITLESS = {"text", "texts", "bool", "boolean", "uuid", "datetime", "int64", "integer", "days", "number", "float64"}
WITHOUT_UNIT = {"omitted_flash_fraction", "contrast", "color"}
session_tables = pytest.mark.parametrize("table", SESSION_TABLES, ids=lambda table: table.name)


@session_tables
def test_columns_have_known_dtypes_and_units(table: Table) -> None:
    assert table.summary.endswith(".")
    for column in table:
        assert column.dtype in DTYPES
        if not column.unit:
            assert column.dtype in UNITLESS, f"{table.name}.{column.name} has no unit"
        if column.dtype in ("float64", "times", "floats", "number") and column.name not in WITHOUT_UNIT:
            assert column.unit, f"{table.name}.{column.name} has no unit"


@session_tables
def test_names_in_each_convention_are_unique(table: Table) -> None:
    for convention in ("2.10", "2.16"):
        names = table.names(convention)
        assert len(names) == len(set(names))


@session_tables
def test_order_of_2_10_has_every_column_of_2_10(table: Table) -> None:
    if table.order_2_10:
        declared = [column.name for column in table if column.name_in("2.10") is not None]
        assert sorted(table.order_2_10) == sorted(declared)


@session_tables
def test_docstrings_describe_each_column_and_its_unit(table: Table) -> None:
    text = table.docstring()
    for column in table:
        unit = f", {column.unit}" if column.unit else ""
        assert f"    {column.name} : {DTYPES[column.dtype]}{unit}\n" in text
        if column.renamed_2_10:
            assert f"`{column.renamed_2_10}`" in text
    assert max(map(len, text.splitlines())) <= 100


def test_series_tables_are_those_without_code_of_their_own() -> None:
    names = [table.name for table in SERIES_TABLES]
    assert names == ["licks", "rewards", "running_speed", "raw_running_speed", "encoder", "stimulus_timestamps"]


def test_all_tables_are_listed_in_declared_order() -> None:
    declared = [value for value in vars(schema).values() if isinstance(value, Table)]
    assert list(SESSION_TABLES) == declared
    assert len({table.name for table in declared}) == len(declared)


def test_ellipse_centers_are_not_columns_of_their_own() -> None:
    for prefix, path in schema.ELLIPSE_CENTERS.items():
        assert path not in schema.EYE_TRACKING.by_path
        assert schema.EYE_TRACKING.by_name[f"{prefix}_center_x"].path is None
