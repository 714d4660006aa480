"""The two conventions of naming: AllenSDK 2.10 (2021, the published notebook) and 2.16 (today).

Inside the package only the names of 2.16 exist; here they are translated, once, on the way to the user. A file's layout
("0", "1.0", "1.1": what the file stores) is another matter than the convention (how the result is named); all pairs
work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from visbehavior.errors import UnknownVersion
from visbehavior.schema.columns import MISSING_INTEGER, Table
from visbehavior.schema.session import EMPTY_LICKS_2_10, LICKS, STIMULUS_PRESENTATIONS, TRIALS

CONVENTIONS = ("2.16", "2.10")

LISTED_2_10 = (
    "behavior_session_id",
    "get_performance_metrics",
    "get_reward_rate",
    "get_rolling_performance_df",
    "licks",
    "metadata",
    "raw_running_speed",
    "rewards",
    "running_speed",
    "stimulus_presentations",
    "stimulus_templates",
    "stimulus_timestamps",
    "task_parameters",
    "trials",
)
"""What ``list_data_attributes_and_methods()`` gives in the convention of 2.10."""
LISTED_2_16 = tuple(sorted((*LISTED_2_10, "eye_tracking", "eye_tracking_rig_geometry")))
"""The same in the convention of 2.16."""


def parse_convention(allensdk_version: str) -> str:
    """The convention that a version of AllenSDK stands for: "2.16.2" is "2.16"."""
    for convention in CONVENTIONS:
        if allensdk_version == convention or str(allensdk_version).startswith(f"{convention}."):
            return convention
    raise UnknownVersion(
        f"allensdk_version is {allensdk_version!r}; expected '2.16' (today's names) or '2.10' (those of 2021, as in the published "
        "notebook), in quotes.",
        allensdk_version=allensdk_version,
    )


def named_table(table: Table, frame: pd.DataFrame, convention: str, layout: str) -> pd.DataFrame:
    """A table of this package as a convention has it.

    Parameters
    ----------
    table : Table
        Its declaration.
    frame : pandas.DataFrame
        The table under the names of 2.16; it may hold more columns than the convention returns.
    convention : str
        "2.16" or "2.10".
    layout : str
        What kind of file it was read from: some types of 2.10 depend on it.
    """
    if convention == "2.16":
        return _ordered(table, frame, table is not TRIALS)
    if table is LICKS and frame.empty:
        return frame.rename(columns=EMPTY_LICKS_2_10)
    if table is TRIALS:
        frame = _older_trials(frame, layout)
    elif table is STIMULUS_PRESENTATIONS:
        frame = _older_presentations(frame, layout)
    older = {column.name: column.name_2_10 for column in table if column.name_2_10 and column.name in frame.columns}
    return frame.rename(columns=older) if older else frame


def named_dictionary(table: Table, found: dict[str, Any], convention: str) -> dict[str, Any]:
    """A dictionary of this package as a convention has it."""
    return {name: found[name] for name in table.names(convention) if name in found}


def wanted_columns(table: Table, convention: str) -> frozenset[str]:
    """The columns, under the names of 2.16, that a convention returns."""
    return frozenset(column.name for column in table if column.named(convention) is not None)


def older_mouse_id(mouse_id: str) -> int | str:
    """The mouse as 2.10 has it: a number, where it is one."""
    return int(mouse_id) if mouse_id.isdecimal() else mouse_id


def _ordered(table: Table, frame: pd.DataFrame, by_declaration: bool) -> pd.DataFrame:
    names = [name for name in frame.columns if name not in table.by_name or table.by_name[name].in_2_16]
    if by_declaration:
        declared = [column.name for column in table if column.name in names]
        # What the declaration does not know comes last.
        names = declared + [name for name in names if name not in table.by_name]
    return frame if names == list(frame.columns) else frame[names]


def _older_trials(frame: pd.DataFrame, layout: str) -> pd.DataFrame:
    if layout == "1.1":
        frame = frame[[name for name in TRIALS.order_2_10 if name in frame.columns]].copy()
    change_frame = frame["change_frame"].to_numpy()
    none = change_frame == MISSING_INTEGER
    if layout == "1.1" or none.any():
        frame["change_frame"] = np.where(none, np.nan, change_frame)
    return frame


def _older_presentations(frame: pd.DataFrame, layout: str) -> pd.DataFrame:
    """The task alone; AllenSDK 2.10 cannot open files with gray and movie, so what it would give was decided."""
    if layout == "1.1":
        frame = frame[frame["image_name"].notna()].reset_index(drop=True)
        frame.index = pd.RangeIndex(len(frame), name=STIMULUS_PRESENTATIONS.index)
        omitted = (
            frame["omitted"].to_numpy(dtype=np.bool_) if "omitted" in frame else np.zeros(len(frame), dtype=np.bool_)
        )
        frame["omitted"] = omitted
        frame["index"] = np.where(omitted, np.cumsum(omitted), np.cumsum(~omitted)) - 1
    wanted = wanted_columns(STIMULUS_PRESENTATIONS, "2.10")
    declared = STIMULUS_PRESENTATIONS.by_name
    older = {name: declared[name].name_2_10 or name if name in declared else name for name in frame.columns}
    names = sorted((name for name in older if name in wanted or name not in declared), key=older.__getitem__)
    if layout == "0":
        # Files that do not store is_change: it is computed, and comes last.
        names = [name for name in names if name != "is_change"] + ["is_change"]
    return frame[names]
