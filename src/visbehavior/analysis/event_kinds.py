"""Events of a session by kind: changes, hits, omissions, licks, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.analysis.checks import Columns
from visbehavior.analysis.event_times import get_event_times
from visbehavior.analysis.licking import compute_lick_bouts
from visbehavior.arguments import check_choice
from visbehavior.errors import MissingData

_FLASH_COLUMNS = {
    "changes": "is_change",
    "omissions": "omitted",
    "hits": "hit",
    "misses": "miss",
    "false_alarms": "false_alarm",
    "correct_rejects": "correct_reject",
}
"""Kinds of events that are flashes, and the column that selects them."""


def select_events(
    flash_table: pd.DataFrame, kind: str, licks: Columns | None = None, rewards: Columns | None = None
) -> pd.Series[float]:
    """Return the times of one kind of events.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        As `compute_flash_table` returns it.
    kind : str
        "flashes" (images, without omissions), "changes", "omissions"; "hits", "misses", "false_alarms" and
        "correct_rejects" (the change or sham change); "licks", "bouts" (first licks), "rewards".
    licks, rewards : pandas.DataFrame or None
        The column ``timestamps`` (s). "licks" and "bouts" need `licks`, and "rewards" needs `rewards`.

    Returns
    -------
    pandas.Series
        Times (s). The index is that of the flash table, or the number of the lick, bout or reward.

    Raises
    ------
    BadValue
        If there is no such kind, or an argument is not a table.
    MissingData
        If a table or column is missing.
    """
    check_choice("kind", kind, EVENT_KINDS)
    if kind in _EVENTS_OF_TABLE:
        name, select = _EVENTS_OF_TABLE[kind]
        table = {"licks": licks, "rewards": rewards}[name]
        if table is None:
            raise MissingData(f"The events {kind!r} need {name}: pass {name}=session.{name}.", name=name)
        return pd.Series(select(table), name="event_time", dtype=np.float64)
    start = get_event_times(flash_table, "flash_table", "start_time")
    column = "omitted" if kind == "flashes" else _FLASH_COLUMNS[kind]
    if column not in flash_table:
        raise MissingData(
            f"flash_table has no column {column!r}, which the events {kind!r} need; expected the table of "
            "session.get_flash_table(), or of compute_flash_table with trials.",
            name=column,
        )
    flags = pd.Series(flash_table[column]).astype("boolean").fillna(False).to_numpy(dtype=np.bool_)
    selected = ~flags if kind == "flashes" else flags
    index = flash_table.index if isinstance(flash_table, pd.DataFrame) else pd.RangeIndex(len(start))
    return pd.Series(start[selected], index=index[selected], name="event_time")


_EVENTS_OF_TABLE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "licks": ("licks", lambda licks: get_event_times(licks, "licks")),
    "bouts": ("licks", lambda licks: compute_lick_bouts(licks)["start"].to_numpy()),
    "rewards": ("rewards", lambda rewards: get_event_times(rewards, "rewards")),
}
EVENT_KINDS = ("flashes", *_FLASH_COLUMNS, *_EVENTS_OF_TABLE)
"""The kinds of events."""
