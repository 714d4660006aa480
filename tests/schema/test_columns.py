"""The declarations: sound, and saying what a user needs."""

from __future__ import annotations

import pytest

from visbehavior.schema.columns import DTYPES, Column, Table
from visbehavior.schema.session import SESSION_TABLES

# Names, truth values, counters and the like have no unit.
UNITLESS = {"text", "texts", "bool", "boolean", "uuid", "datetime", "int64", "integer", "days", "number", "float64"}


@pytest.mark.parametrize("table", SESSION_TABLES, ids=lambda table: table.name)
def test_each_table_is_sound(table: Table) -> None:
    assert table.summary.endswith(".")
    older = [name for column in table if (name := column.named("2.10")) is not None]
    assert len(older) == len(set(older))
    for column in table:
        assert column.dtype in DTYPES
        if not column.unit:
            assert column.dtype in UNITLESS, f"{table.name}.{column.name} has no unit"
        if column.dtype in ("float64", "times", "floats", "number") and column.name != "omitted_flash_fraction":
            assert column.unit, f"{table.name}.{column.name} has no unit"


@pytest.mark.parametrize("table", SESSION_TABLES, ids=lambda table: table.name)
def test_a_docstring_tells_of_each_column_and_its_unit(table: Table) -> None:
    text = table.docstring()
    for column in table:
        assert f"{column.name} : {DTYPES[column.dtype]}" in text
        if column.unit:
            assert f", {column.unit}\n" in text
        if column.name_2_10:
            assert f"`{column.name_2_10}`" in text
    assert max(map(len, text.splitlines())) <= 100


def test_slips_in_a_declaration_are_refused() -> None:
    with pytest.raises(TypeError, match="unknown dtype 'flaot64'"):
        Column("x", "flaot64", "s", "Something.")
    with pytest.raises(TypeError, match="must be a sentence"):
        Column("x", "float64", "s", "something")
    column = Column("x", "float64", "s", "Something.")
    with pytest.raises(TypeError, match="two columns of one name"):
        Table("t", "T.", "g", (column, column))
    with pytest.raises(TypeError, match=r"order_2_10 names \['y'\]"):
        Table("t", "T.", "g", (column,), order_2_10=("y",))
