"""Visual Behavior: the files of its sessions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visbehavior.project.data_set import DataSet, ReadTable
from visbehavior.project.ids import explain_unknown_id
from visbehavior.project.projects import OPHYS
from visbehavior.project.tables import NO_FILE, check_columns
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, OPHYS_EXPERIMENT_TABLE


def find_file_ids(behavior_session_id: int, read_table: ReadTable) -> list[Any]:
    """Return the file id of a session, or those of its imaging planes in the order of the session table.

    Parameters
    ----------
    behavior_session_id : int
        A session of the table.
    read_table : function
        Reads a project table.
    """
    sessions = read_table(BEHAVIOR_SESSION_TABLE)
    check_columns(sessions, ["file_id", "ophys_experiment_id"], BEHAVIOR_SESSION_TABLE)
    file_id = sessions.at[behavior_session_id, "file_id"]
    if pd.notna(file_id) and file_id != NO_FILE:
        return [file_id]
    planes = read_table(OPHYS_EXPERIMENT_TABLE)
    check_columns(planes, ["file_id", "behavior_session_id"], OPHYS_EXPERIMENT_TABLE)
    file_ids = planes.loc[planes["behavior_session_id"] == behavior_session_id, "file_id"]
    plane_ids = sessions.at[behavior_session_id, "ophys_experiment_id"]
    first = [plane for plane in plane_ids if plane in file_ids.index] if isinstance(plane_ids, list) else []
    return [*file_ids.loc[first], *file_ids.drop(first)]


def mark_kind(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the session table with the column ``has_imaging``, because not every OPHYS_ session has imaging data."""
    check_columns(sessions, ["ophys_session_id"], BEHAVIOR_SESSION_TABLE)
    return sessions.assign(has_imaging=sessions["ophys_session_id"].notna().astype(bool))


DATA_SET = DataSet(
    project=OPHYS,
    session_table=BEHAVIOR_SESSION_TABLE,
    stored_order=False,
    mark_kind=mark_kind,
    tables_of_files=(BEHAVIOR_SESSION_TABLE, OPHYS_EXPERIMENT_TABLE),
    find_file_ids=find_file_ids,
    explain_unknown_id=explain_unknown_id,
)
