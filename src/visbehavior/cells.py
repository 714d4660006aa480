"""Look-up of cells by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.arguments import as_iterable, parse_id
from visbehavior.errors import BadValue, brief_repr, warn


def list_cell_ids(cell_specimen_ids: Iterable[int]) -> list[int]:
    """Return ids of cells as a list. A single id may stand for itself."""
    numbers = as_iterable("cell_specimen_ids", cell_specimen_ids, (Integral, str), "ids of cells, such as [1086557092]")
    return [parse_id(number) for number in numbers]


def row_of_cell(index: pd.Index | NDArray[Any], number: Any) -> int:
    """Return the row of a cell; BadValue unless there is exactly one."""
    rows = np.flatnonzero(np.asarray(index) == parse_id(number))
    if len(rows) != 1:
        raise BadValue(
            f"There is no cell {brief_repr(number)} in this imaging plane. get_cell_specimen_ids() lists its cells.",
            value=number,
        )
    return int(rows[0])


def select_cells(table: pd.DataFrame, numbers: list[int]) -> pd.DataFrame:
    """Return the rows of cells. BadValue if there is none of them; a warning for some that are missing."""
    selected = table[table.index.isin(numbers)]
    missing = [number for number in numbers if not (table.index == number).any()]
    if missing and not len(selected):
        raise BadValue(
            f"There is no cell {brief_repr(missing[0])} in this imaging plane. get_cell_specimen_ids() lists its cells.",
            value=missing,
        )
    if missing:
        warn(f"{len(missing)} of {len(numbers)} cells are not in this imaging plane, such as {brief_repr(missing[0])}.")
    return selected
