"""Declarations of the project tables of Visual Behavior Neuropixels."""

from __future__ import annotations

import pytest

from visbehavior.schema.columns import Table
from visbehavior.schema.neuropixels import NEUROPIXELS_TABLES

tables = pytest.mark.parametrize("table", NEUROPIXELS_TABLES, ids=lambda table: table.name)


@tables
def test_index_is_not_a_column(table: Table) -> None:
    assert table.index
    assert table.index not in table.by_name


@tables
def test_columns_have_the_same_name_in_both_conventions(table: Table) -> None:
    assert table.names("2.10") == table.names("2.16") == list(table.by_name)
