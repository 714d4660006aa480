"""Checks of tables, and their columns as arrays.

A table must be one session in order: rows of several sessions would give plausible but wrong results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.schema.ragged import Ragged

if TYPE_CHECKING:
    import pandas as pd

Columns: TypeAlias = "Mapping[str, Any] | pd.DataFrame"

_CONVERSION_ERRORS = (ArithmeticError, TypeError, ValueError)
_NOT_NUMBERS = "cmM"
"""Kinds of dtypes that numpy converts to numbers although they are not: complex numbers, durations and dates."""


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
        If it is not a table, a time is earlier than the time of the previous row, or an index label occurs twice.
    """
    if isinstance(table, Mapping):
        _check_lengths(table, name)
    elif not _is_frame(table):
        raise _not_a_table(table, time_column)
    elif not table.index.is_unique:
        label = table.index[table.index.duplicated()][0]
        raise _several_sessions(name, f"the index {brief_repr(label)} occurs more than once")
    if time_column not in table:
        return
    times = get_numbers(table, time_column, name)
    falls = np.flatnonzero(np.diff(times) < 0)
    if len(falls):
        row = int(falls[0]) + 1
        raise _several_sessions(name, f"{time_column} falls from {times[row - 1]:g} to {times[row]:g} s at row {row}")


def get_numbers(table: Columns, name: str, table_name: str = "trials") -> NDArray[np.float64]:
    """Return a column as float64. `table_name` is the name of the table in messages.

    Raises
    ------
    BadValue
        If it is not a table, or the column contains something else.
    MissingData
        If the table has no such column.
    """
    column = _get_column(table, name)
    dtype = getattr(column, "dtype", np.dtype(object))
    if getattr(dtype, "kind", "") in _NOT_NUMBERS:
        raise _wrong_column(table_name, name, f"its dtype is {dtype}", "one number per row")
    try:
        numbers = np.asarray(column, dtype=np.float64)
    except _CONVERSION_ERRORS as error:
        raise _wrong_column(table_name, name, str(error), "one number per row") from error
    if numbers.ndim != 1:
        raise _wrong_column(table_name, name, f"it has {numbers.ndim} dimensions", "one number per row")
    return numbers


def get_booleans(table: Columns, name: str, table_name: str = "trials") -> NDArray[np.bool_]:
    """Return a column as bool. Raises as `get_numbers`."""
    column = _get_column(table, name)
    if getattr(column, "dtype", None) == np.bool_ and column.ndim == 1:
        return np.asarray(column)
    numbers = get_numbers(table, name, table_name)
    wrong = numbers[(numbers != 0) & (numbers != 1)]
    if len(wrong):
        raise _wrong_column(table_name, name, f"it contains {wrong[0]:g}", "True or False in each row")
    return numbers.astype(np.bool_)


def get_texts(table: Columns, name: str, table_name: str = "trials") -> NDArray[np.object_]:
    """Return a column of texts as objects, None where a text is missing. Raises as `get_numbers`."""
    import pandas as pd

    column = _get_column(table, name)
    try:
        values = list(column)
    except _CONVERSION_ERRORS as error:
        raise _wrong_column(table_name, name, str(error), "a text in each row") from error
    texts = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        is_missing = value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))
        if not is_missing and not isinstance(value, str):
            raise _wrong_column(table_name, name, f"it contains {brief_repr(value)}", "a text in each row")
        texts[row] = None if is_missing else str(value)
    return texts


def get_times(table: Columns, name: str, table_name: str = "trials") -> Ragged:
    """Return a column that has an array of times in each row. Raises as `get_numbers`."""
    column = _get_column(table, name)
    expected = "an array of times in each row"
    try:
        times = column if isinstance(column, Ragged) else Ragged.from_rows(column)
    except _CONVERSION_ERRORS as error:
        raise _wrong_column(table_name, name, str(error), expected) from error
    if times.flat.ndim != 1:
        raise _wrong_column(table_name, name, f"its rows have {times.flat.ndim} dimensions", expected)
    return times


def _check_lengths(table: Mapping[str, Any], name: str) -> None:
    """Raise BadValue unless all columns of a mapping have the same number of rows."""
    columns_by_length: dict[int, str] = {}
    for column, values in table.items():
        try:
            columns_by_length.setdefault(len(values.counts if isinstance(values, Ragged) else values), column)
        except TypeError as error:
            raise _wrong_column(name, column, f"it is {brief_repr(values)}", "one value per row") from error
    if len(columns_by_length) > 1:
        (rows, first), (other_rows, other), *_ = columns_by_length.items()
        raise BadValue(
            f"{name}: the column {brief_repr(first)} has {rows} rows, and the column {brief_repr(other)} has {other_rows}. Expected the "
            "columns of one table.",
            name=name,
        )


def _is_frame(table: Any) -> bool:
    import pandas as pd

    return isinstance(table, pd.DataFrame)


def _get_column(table: Columns, name: str) -> Any:
    if not isinstance(table, Mapping) and not _is_frame(table):
        raise _not_a_table(table, name)
    try:
        return table[name]
    except KeyError:
        present = ", ".join(map(brief_repr, table.keys()))
        raise MissingData(
            f"The table has no column {brief_repr(name)}; it has {present}. Pass a table of BehaviorSession, such as session.trials.",
            name=name,
        ) from None


def _wrong_column(table_name: str, column: str, problem: str, expected: str) -> BadValue:
    return BadValue(
        f"The column {brief_repr(column)} of {table_name} cannot be used: {problem}. Expected {expected}.", name=column
    )


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
