"""Checks of tables with the rows of many sessions, and their columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_numbers, get_texts
from visbehavior.errors import BadValue, brief_repr

SESSION_ID, MOUSE_ID = "behavior_session_id", "mouse_id"


def check_frame(table: Any, name: str) -> None:
    """Raise BadValue unless a table is a DataFrame without repeated columns."""
    if not isinstance(table, pd.DataFrame):
        raise BadValue(f"{name} is {brief_repr(table)}; expected a DataFrame with rows of many sessions.", name=name)
    if not table.columns.is_unique:
        repeated = table.columns[table.columns.duplicated()][0]
        raise BadValue(f"{name} has the column {brief_repr(repeated)} more than once. Drop one of them.", name=name)


def check_column_name(name: str, value: Any) -> None:
    """Raise BadValue unless an argument is the name of a column."""
    if not isinstance(value, str):
        raise BadValue(f"{name} is {brief_repr(value)}; expected the name of a column.", name=name, value=value)


def get_ids(table: pd.DataFrame, name: str, table_name: str) -> list[str]:
    """Return a column of ids as text: a mouse_id is text or a number, by the convention.

    Raises
    ------
    BadValue
        If a row has no id.
    MissingData
        If there is no such column.
    """
    values = _as_texts(table, name, table_name)
    if any(value is None for value in values):
        raise BadValue(f"The column {name} of {table_name} has rows without an id. Drop these rows.", name=name)
    return values


def get_nullable_booleans(table: pd.DataFrame, name: str, table_name: str) -> NDArray[np.bool_]:
    """Return a column as bool; missing values are False. Raises as `get_numbers`."""
    column = table.get(name)
    if column is not None and column.isna().any():
        table = table.assign(**{name: column.astype(object).where(column.notna(), 0)})
    numbers = get_numbers(table, name, table_name)
    flags: NDArray[np.bool_] = numbers == 1
    return flags


def describe_sessions(sessions: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return mouse and group of each session, indexed by its id. Sessions without a group are left out.

    Raises
    ------
    BadValue
        If a session occurs more than once, or a column has other values.
    MissingData
        If a column is missing.
    """
    check_frame(sessions, "sessions")
    check_column_name("by", by)
    described = pd.DataFrame(
        {MOUSE_ID: get_ids(sessions, MOUSE_ID, "sessions")}, index=get_numbers(sessions, SESSION_ID, "sessions")
    )
    if not described.index.is_unique:
        raise BadValue(f"sessions has a {SESSION_ID} more than once; expected one row per session.", name="sessions")
    if by == MOUSE_ID:
        return described
    described["group"] = _as_texts(sessions, by, "sessions")
    return described[described["group"].notna()]


def split_sessions(table: pd.DataFrame, name: str) -> dict[float, pd.DataFrame]:
    """Return the rows of each session, by its id. Raises as `describe_sessions`."""
    check_frame(table, name)
    number = get_numbers(table, SESSION_ID, name)
    if np.isnan(number).any():
        raise BadValue(f"{name} has rows without a {SESSION_ID}. Drop these rows.", name=SESSION_ID)
    return dict(iter(table.reset_index(drop=True).groupby(number)))


def _as_texts(table: pd.DataFrame, name: str, table_name: str) -> list[Any]:
    try:
        return list(get_texts(table, name, table_name))
    except BadValue:
        numbers = get_numbers(table, name, table_name)
        return [None if np.isnan(number) else f"{number:.0f}" for number in numbers]
