"""The project tables, read from the CSV files of a release."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.arguments import parse_id
from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.schema.columns import Table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE

_MAX_LIST = 100_000
"""Characters of the longest list in a table."""

NO_FILE = -999
"""File id, in release 1.1.0, of a session that has no file of its own."""


def read_project_table(content: bytes, table: Table, convention: str, stored_order: bool = False) -> pd.DataFrame:
    """Read a project table of a release.

    Parameters
    ----------
    content : bytes
        Content of the CSV file.
    table : Table
        One of `visbehavior.schema.project.PROJECT_TABLES` or `visbehavior.schema.neuropixels.NEUROPIXELS_TABLES`.
    convention : str
        "2.16": mouse_id as text, whole numbers with missing values as ``Int64``, dates in UTC, ids first. "2.10": columns as
        in the CSV file, dates as text.
    stored_order : bool
        Whether the columns keep the order of the CSV file in the convention of 2.16, too.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    BadValue
        If the file is not CSV, or a column has values of another type.
    MissingData
        If the index column is missing.
    """
    frame = _read_csv(content, table)
    for column in table:
        if column.dtype == "list" and column.name in frame:
            frame[column.name] = _convert_column(frame[column.name], column.name, table, _parse_lists)
    if convention == "2.16":
        frame = _convert_types(frame, table)
    frame = frame.set_index(table.index)
    if convention == "2.10" or stored_order:
        return frame
    declared = [column.name for column in table if column.name in frame]
    undeclared = [name for name in frame if name not in table.by_name]
    return frame[declared + undeclared]


def select_mouse(sessions: pd.DataFrame, mouse_id: int | str, table: Table) -> pd.DataFrame:
    """Return a mouse's rows of the table of behavior sessions in order of acquisition, with the column day.

    Parameters
    ----------
    sessions : pandas.DataFrame
        The table of behavior sessions.
    mouse_id : int or str
    table : Table
        Its declaration.

    Returns
    -------
    pandas.DataFrame
        Without rows if there is no such mouse.
    """
    check_columns(sessions, ["mouse_id", "date_of_acquisition"], table)
    wanted = mouse_id if isinstance(mouse_id, str) else str(parse_id(mouse_id))
    mouse = sessions[sessions["mouse_id"].astype(str) == wanted]
    dates = parse_acquisition_dates(mouse, table).sort_values(kind="stable")
    mouse, days = mouse.loc[dates.index], dates.dt.normalize()
    return mouse.assign(day=(days - days.min()).dt.days)


def parse_acquisition_dates(sessions: pd.DataFrame, table: Table = BEHAVIOR_SESSION_TABLE) -> pd.Series:
    """Return the dates of acquisition of a table of behavior sessions as UTC times; BadValue if one is no date."""
    name = "date_of_acquisition"
    dates: pd.Series = _convert_column(sessions[name], name, table, _parse_dates)
    return dates


def check_columns(frame: pd.DataFrame, names: Iterable[str], table: Table) -> None:
    """Raise MissingData unless a project table has the columns that are needed."""
    for name in names:
        if name not in frame and name != frame.index.name:
            raise MissingData(
                f"{table.name}.csv has no column {name}; it has {', '.join(map(str, frame.columns))}. It is truncated or is another "
                "file; download it again.",
                name=name,
            )


def _read_csv(content: bytes, table: Table) -> pd.DataFrame:
    try:
        frame = pd.read_csv(io.BytesIO(content))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BadValue(
            f"{table.name}.csv is not a CSV file ({' '.join(str(error).split())}). Download it again.", name=table.name
        ) from error
    check_columns(frame, [table.index], table)
    ids = frame[table.index]
    if ids.duplicated().any():
        raise BadValue(
            f"{table.name}.csv has the {table.index} {brief_repr(ids[ids.duplicated()].tolist()[0])} more than once. Download it again.",
            name=table.index,
        )
    return frame


def _convert_types(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    types = {table.index: table.index_dtype} | {column.name: column.dtype for column in table}
    for name, dtype in types.items():
        if name in frame and dtype in _CONVERTERS:
            frame[name] = _convert_column(frame[name], name, table, _CONVERTERS[dtype])
    return frame


def _convert_column(column: pd.Series, name: str, table: Table, convert: Callable[[pd.Series], Any]) -> Any:
    try:
        return convert(column)
    except (ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError) as error:
        raise BadValue(
            f"{table.name}.csv has values in the column {name} that are not {_expected(table, name)}. Download it again.",
            name=name,
        ) from error


def _expected(table: Table, name: str) -> str:
    dtype = table.index_dtype if name == table.index else table.by_name[name].dtype
    return {"list": "lists", "datetime": "dates", "text": "text"}.get(dtype, f"numbers ({dtype})")


def _parse_lists(column: pd.Series) -> pd.Series:
    """Parse lists written as text. A column without any list stays as it was read, as in AllenSDK."""
    if column.isna().all():
        return column
    texts = column.to_numpy(dtype=object)
    parsed = {text: _parse_list(text) for text in set(texts[column.notna()])}
    # Each row gets its own list, so that changing one does not change the others.
    values = [list(parsed[text]) if text in parsed else np.nan for text in texts]
    return pd.Series(values, index=column.index, dtype=object)


def _parse_list(text: Any) -> list[Any]:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is not text")
    if len(text) > _MAX_LIST:
        raise ValueError("a list is too long")
    try:
        # 20 times as fast as literal_eval; fails if a text contains a quote.
        value = json.loads(text.replace("'", '"'))
    except ValueError:
        value = ast.literal_eval(text)
    if not isinstance(value, list):
        raise ValueError(f"{text} is not a list")
    return value


def _parse_dates(column: pd.Series) -> pd.Series:
    # The values are local times in Seattle, labeled as UTC in both releases.
    return pd.to_datetime(column, utc=True, format="ISO8601").astype("datetime64[ns, UTC]")


_CONVERTERS: dict[str, Callable[[pd.Series], Any]] = {
    "text": lambda column: column.map(str) if column.dtype.kind in "iu" else column,
    "Int64": lambda column: column.astype("Int64"),
    "int64": lambda column: column.astype("int64"),
    "datetime": _parse_dates,
}
