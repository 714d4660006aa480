"""The two naming conventions: AllenSDK 2.10 (2021, the published notebook) and 2.16 (current).

Inside the package only the names of 2.16 exist; this module translates tables once, before they are returned to the
user. A file's layout ("0", "1.0", "1.1": what is stored) is independent of the convention (how results are named).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from visbehavior.errors import MissingData, UnknownVersion, brief_repr
from visbehavior.schema.columns import MISSING_INTEGER, Table
from visbehavior.schema.session import EMPTY_LICKS_2_10, EYE_TRACKING, LICKS, STIMULUS_PRESENTATIONS, TRIALS

if TYPE_CHECKING:
    import pandas as pd

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
"""Result of ``list_data_attributes_and_methods()`` in AllenSDK 2.10."""
LISTED_2_16 = tuple(sorted((*LISTED_2_10, "eye_tracking", "eye_tracking_rig_geometry")))
"""Result of ``list_data_attributes_and_methods()`` in AllenSDK 2.16."""

_EXPERIMENT_2_10 = (
    "average_projection",
    "cell_specimen_table",
    "corrected_fluorescence_traces",
    "dff_traces",
    "events",
    "eye_tracking",
    "eye_tracking_rig_geometry",
    "get_cell_specimen_ids",
    "get_cell_specimen_indices",
    "get_dff_traces",
    "get_segmentation_mask_image",
    "max_projection",
    "motion_correction",
    "ophys_experiment_id",
    "ophys_session_id",
    "ophys_timestamps",
    "roi_masks",
    "segmentation_mask_image",
)
LISTED_EXPERIMENT = {"2.10": _EXPERIMENT_2_10, "2.16": (*_EXPERIMENT_2_10, "demixed_traces", "neuropil_traces")}
"""Attributes that an imaging plane lists in addition to those of a behavior session, by convention."""


def parse_convention(allensdk_version: str) -> str:
    """Return the convention of a version of AllenSDK: "2.16" for "2.16.2".

    Raises
    ------
    UnknownVersion
        If there is no such convention.
    """
    for convention in CONVENTIONS:
        if isinstance(allensdk_version, str) and f"{allensdk_version}.".startswith(f"{convention}."):
            return convention
    raise UnknownVersion(
        f"allensdk_version is {brief_repr(allensdk_version)}; expected '2.16' (current names) or '2.10' (names of 2021, as in the published "
        "notebook), in quotes.",
        allensdk_version=allensdk_version,
    )


def is_in_convention(table: Table, convention: str, name: str) -> bool:
    """Return True if a convention returns the column, given by its name of 2.16. Undeclared columns are returned."""
    column = table.by_name.get(name)
    return column is None or column.name_in(convention) is not None


def to_convention(table: Table, frame: pd.DataFrame, convention: str, layout: str) -> pd.DataFrame:
    """Rename and order the columns of a table as a convention returns them.

    Parameters
    ----------
    table : Table
        Declaration of the table.
    frame : pandas.DataFrame
        The table under the names of 2.16. It may have more columns than the convention returns.
    convention : str
        "2.16" or "2.10".
    layout : str
        Layout of the file, on which some dtypes of 2.10 depend.
    """
    if convention == "2.16":
        return _in_declared_order(table, frame) if table is not TRIALS else frame
    if table is TRIALS:
        frame = _trials_2_10(frame, layout)
    elif table is STIMULUS_PRESENTATIONS:
        frame = _presentations_2_10(frame, layout)
    elif table is EYE_TRACKING:
        frame = frame[list(table.order_2_10)]
    renamed = {column.name: column.renamed_2_10 for column in table if column.renamed_2_10 and column.name in frame}
    return frame.rename(columns=renamed) if renamed else frame


def absent_table(table: Table, convention: str) -> pd.DataFrame:
    """Return what a convention has for a table that the session lacks: no rows."""
    frame = to_convention(table, table.empty(), convention, "")
    return frame.rename(columns=EMPTY_LICKS_2_10) if table is LICKS and convention == "2.10" else frame


def dictionary_to_convention(table: Table, entries: dict[str, Any], convention: str) -> dict[str, Any]:
    """Return the entries of a dictionary that a convention has, in its order."""
    return {name: entries[name] for name in table.names(convention) if name in entries}


def mouse_id_2_10(mouse_id: str) -> int | str:
    """Return the mouse id as AllenSDK 2.10 does: a number if possible."""
    return int(mouse_id) if mouse_id.isdecimal() else mouse_id


def _in_declared_order(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of 2.16 in declared order, undeclared ones last."""
    declared = [name for name in table.names() if name in frame]
    names = declared + [name for name in frame if name not in table.by_name]
    return frame if names == list(frame.columns) else frame[names]


def _trials_2_10(frame: pd.DataFrame, layout: str) -> pd.DataFrame:
    if layout == "1.1":
        frame = frame[[name for name in TRIALS.order_2_10 if name in frame]].copy()
    if "change_frame" not in frame:
        return frame
    change_frame = frame["change_frame"].to_numpy()
    missing = change_frame == MISSING_INTEGER
    if layout == "1.1" or missing.any():
        frame["change_frame"] = np.where(missing, np.nan, change_frame)
    return frame


def _presentations_2_10(frame: pd.DataFrame, layout: str) -> pd.DataFrame:
    """Return the rows of the task. AllenSDK 2.10 cannot open files with gray and movie, so this result was decided."""
    if layout == "1.1":
        if "image_name" not in frame:
            raise MissingData(
                "stimulus_presentations has no column image_name, which selects the rows of the task in the convention of AllenSDK "
                "2.10. Open the session with allensdk_version='2.16'.",
                name="image_name",
            )
        frame = _task_rows(frame)
    declared = STIMULUS_PRESENTATIONS.by_name
    names = {
        name: declared[name].renamed_2_10 or name if name in declared else name
        for name in frame
        if is_in_convention(STIMULUS_PRESENTATIONS, "2.10", name)
    }
    ordered = sorted(names, key=names.__getitem__)
    if layout == "0" and "is_change" in frame:
        # These files do not store is_change: AllenSDK computes it and appends it.
        ordered = [name for name in ordered if name != "is_change"] + ["is_change"]
    return frame[ordered]


def _task_rows(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame[frame["image_name"].notna()].reset_index(drop=True)
    frame.index.name = STIMULUS_PRESENTATIONS.index
    omitted = np.zeros(len(frame), dtype=np.bool_)
    if "omitted" in frame:
        omitted = frame["omitted"].to_numpy(dtype=np.bool_)
    frame["omitted"] = omitted
    frame["index"] = np.where(omitted, np.cumsum(omitted), np.cumsum(~omitted)) - 1
    return frame
