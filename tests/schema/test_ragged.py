"""Rows of different lengths."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from visbehavior.schema.ragged import Ragged

ROWS = st.lists(st.lists(st.floats(allow_nan=False, width=32), max_size=5), max_size=20)


@given(ROWS)
def test_rows_are_split_as_they_were_joined(rows: list[list[float]]) -> None:
    ragged = Ragged.from_rows([np.array(row) for row in rows])
    assert [row.tolist() for row in ragged.split()] == rows
    assert ragged.flat.dtype == np.float64
    assert ragged.counts.tolist() == [len(row) for row in rows]


@given(ROWS)
def test_row_is_the_row_number_of_each_value(rows: list[list[float]]) -> None:
    ragged = Ragged.from_rows(rows)
    assert ragged.row.tolist() == [i for i, row in enumerate(rows) for _ in row]


def test_rows_of_whole_numbers_become_floats() -> None:
    ragged = Ragged.from_rows(pd.Series([[1, 2], [3]]))
    assert ragged.flat.tolist() == [1.0, 2.0, 3.0]
    assert ragged.flat.dtype == np.float64


def test_writing_to_a_row_does_not_change_the_values() -> None:
    ragged = Ragged(np.arange(3.0), np.array([1, 2]))
    rows = ragged.split()
    rows[1][:] = -1
    assert ragged.flat.tolist() == [0.0, 1.0, 2.0]
    assert rows[0].tolist() == [0.0]
