"""Keywords that the methods for project tables have in AllenSDK."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from visbehavior.arguments import as_iterable
from visbehavior.errors import BadValue, brief_repr, did_you_mean, warn
from visbehavior.schema.columns import Table
from visbehavior.schema.project import (
    BEHAVIOR_SESSION_TABLE,
    OPHYS_CELLS_TABLE,
    OPHYS_EXPERIMENT_TABLE,
    OPHYS_SESSION_TABLE,
)

_PLANE_ID = OPHYS_EXPERIMENT_TABLE.index

_ACCEPTED: Mapping[str, tuple[str, ...]] = {
    BEHAVIOR_SESSION_TABLE.name: ("suppress", "as_df", "include_ophys_data", "include_trial_metrics"),
    OPHYS_SESSION_TABLE.name: ("suppress", "index_column", "as_df", "include_behavior_data"),
    OPHYS_EXPERIMENT_TABLE.name: ("suppress", "as_df"),
    OPHYS_CELLS_TABLE.name: ("suppress",),
}
"""Keywords of each table. Those that begin with as_ or include_ change nothing, as in AllenSDK for released data."""


def check_keywords(method: str, given: Iterable[str], accepted: tuple[str, ...]) -> None:
    """Raise TypeError, as Python does, for a keyword that a method does not have."""
    for name in given:
        if name not in accepted:
            raise TypeError(
                f"{method}() has no keyword {brief_repr(name)}.{did_you_mean(name, accepted)} It has {', '.join(accepted)}."
            )


def apply_keywords(frame: pd.DataFrame, table: Table, keywords: Mapping[str, Any]) -> pd.DataFrame:
    """Return a project table as AllenSDK's keywords ask for it; the table itself without keywords.

    Parameters
    ----------
    frame : pandas.DataFrame
    table : Table
        Its declaration.
    keywords : mapping
        ``suppress`` (columns to leave out) and ``index_column`` ("ophys_experiment_id": a row per imaging plane).

    Raises
    ------
    TypeError
        If there is no such keyword.
    BadValue
        If a value is not one that the keyword has.
    """
    check_keywords(f"get_{table.name}", keywords, _ACCEPTED[table.name])
    index = keywords.get("index_column", table.index)
    if index == _PLANE_ID and table is OPHYS_SESSION_TABLE:
        frame = frame.reset_index().explode(_PLANE_ID).astype({_PLANE_ID: "int64"}).set_index(_PLANE_ID)
    elif index != table.index:
        raise BadValue(
            f"index_column is {brief_repr(index)}; expected {table.index} or {_PLANE_ID}.",
            name="index_column",
            value=index,
        )
    suppress = keywords.get("suppress")
    return frame if suppress is None else _drop_columns(frame, suppress)


def _drop_columns(frame: pd.DataFrame, suppress: Any) -> pd.DataFrame:
    names = list(as_iterable("suppress", suppress, (str,), "names of columns"))
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise BadValue(
            f"suppress has {brief_repr(wrong[0])}; expected names of columns.", name="suppress", value=wrong[0]
        )
    unknown = [name for name in names if name not in frame]
    if unknown:
        columns = list(map(str, frame.columns))
        warn(f"suppress has {brief_repr(unknown[0])}, which is not a column.{did_you_mean(unknown[0], columns)}")
    return frame.drop(columns=[name for name in names if name not in unknown])
