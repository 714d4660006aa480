"""Checks that a table can be one session in order. Rows of several sessions would give plausible but wrong results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from visbehavior.errors import BadValue, MissingData, brief_repr

Columns: TypeAlias = Mapping[str, Any] | pd.DataFrame


def check_one_session(table: Columns, name: str, time_column: str) -> None:
    """Raise unless the rows are in order of time and the index has no duplicates.

    Parameters
    ----------
    table : pandas.DataFrame or mapping
        Table of a session. The time column may be absent.
    name : str
        Name of the table in messages.
    time_column : str
        Column that must not decrease.

    Raises
    ------
    BadValue
        If a time is earlier than the time of the previous row, or an index label occurs twice.
    """
    if isinstance(table, pd.DataFrame) and not table.index.is_unique:
        label = table.index[table.index.duplicated()][0]
        raise _several_sessions(name, f"the index {brief_repr(label)} occurs more than once")
    if not isinstance(table, (Mapping, pd.DataFrame)):
        raise _not_a_table(table, time_column)
    if time_column not in table:
        return
    times = np.asarray(table[time_column], dtype=np.float64)
    falls = np.flatnonzero(np.diff(times) < 0)
    if len(falls):
        row = int(falls[0]) + 1
        raise _several_sessions(name, f"{time_column} falls from {times[row - 1]:g} to {times[row]:g} s at row {row}")


def get_column(table: Columns, name: str) -> Any:
    """Return a column.

    Raises
    ------
    BadValue
        If it is not a table.
    MissingData
        If the table has no such column.
    """
    try:
        return table[name]
    except TypeError:
        raise _not_a_table(table, name) from None
    except KeyError:
        present = ", ".join(map(str, table.keys()))
        raise MissingData(
            f"The table has no column {brief_repr(name)}; it has {present}. Pass a table of BehaviorSession, such as session.trials.",
            name=name,
        ) from None


def _not_a_table(value: Any, column: str) -> BadValue:
    return BadValue(
        f"Expected a table with a column {brief_repr(column)}; got {type(value).__name__}. Pass the session's tables: session.trials, "
        "session.rewards."
    )


def _several_sessions(name: str, problem: str) -> BadValue:
    return BadValue(
        f"{name}: {problem}. Expected the rows of one session in order of time. Compute each session separately, for example with "
        "table.groupby('behavior_session_id').",
        name=name,
    )
