"""The project tables, from the CSV files of a release."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.errors import BadValue, MissingData
from visbehavior.schema.columns import Table

NO_FILE = -999
"""File id, in release 1.1.0, of a session that has no file of its own."""


def read_project_table(content: bytes, table: Table, convention: str) -> pd.DataFrame:
    """A project table of a release.

    Parameters
    ----------
    content : bytes
        The CSV file.
    table : Table
        One of `visbehavior.schema.project.PROJECT_TABLES`.
    convention : str
        "2.16": mouse_id text, whole numbers that may be missing as ``Int64``, dates UTC, ids first. "2.10": as the CSV
        has it, dates as text.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    BadValue
        If it is no such table.
    MissingData
        If the column of its index is missing.
    """
    frame = _read_csv(content, table)
    for column in table:
        if column.dtype == "list" and column.name in frame:
            frame[column.name] = _converted(frame[column.name], column.name, table, _lists)
    if convention == "2.16":
        frame = _typed(frame, table)
    frame = frame.set_index(table.index)
    if convention == "2.10":
        return frame
    declared = [column.name for column in table if column.name in frame]
    # What the declaration does not know comes last.
    return frame[declared + [name for name in frame if name not in table.by_name]]


def _read_csv(content: bytes, table: Table) -> pd.DataFrame:
    try:
        frame = pd.read_csv(io.BytesIO(content))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BadValue(
            f"{table.name}.csv is no table of comma-separated values ({' '.join(str(error).split())}). Get the file again.",
            name=table.name,
        ) from error
    if table.index not in frame:
        raise MissingData(
            f"{table.name}.csv has no column {table.index}; it has {', '.join(map(str, frame.columns))}. It was cut or is another file: "
            "get it again.",
            name=table.index,
        )
    return frame


def _typed(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    types = {table.index: table.index_dtype} | {column.name: column.dtype for column in table}
    for name, dtype in types.items():
        if name in frame and dtype in _CONVERTERS:
            frame[name] = _converted(frame[name], name, table, _CONVERTERS[dtype])
    return frame


def _converted(column: pd.Series, name: str, table: Table, convert: Callable[[pd.Series], Any]) -> Any:
    try:
        return convert(column)
    except (ValueError, TypeError, SyntaxError, OverflowError) as error:
        raise BadValue(
            f"{table.name}.csv: the column {name} holds what it should not ({error}). Get the file again.", name=name
        ) from error


def _lists(column: pd.Series) -> pd.Series:
    """Lists that stand as text; each row gets a list of its own. Without any the column stays as it was read, as AllenSDK leaves it."""
    if column.isna().all():
        return column
    texts = column.to_numpy(dtype=object)
    parsed = {text: _list(text) for text in set(texts[column.notna()])}
    values = [list(parsed[text]) if text in parsed else np.nan for text in texts]
    return pd.Series(values, index=column.index, dtype=object)


def _list(text: Any) -> list[Any]:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    try:
        # Twenty times as fast, where no text has a quote in it.
        found = json.loads(text.replace("'", '"'))
    except ValueError:
        found = ast.literal_eval(text)
    if not isinstance(found, list):
        raise ValueError("no lists")
    return found


def _dates(column: pd.Series) -> pd.Series:
    # Labelled UTC as they stand: the digits are Seattle's, in both releases.
    return pd.to_datetime(column, utc=True, format="ISO8601").astype("datetime64[ns, UTC]")


_CONVERTERS: dict[str, Callable[[pd.Series], Any]] = {
    "text": lambda column: column.map(str) if column.dtype.kind in "iu" else column,
    "Int64": lambda column: column.astype("Int64"),
    "int64": lambda column: column.astype("int64"),
    "datetime": _dates,
}
