"""Visual Behavior Neuropixels: the files of its sessions, and the explanation of unknown ids."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visbehavior.errors import NotFound
from visbehavior.project.data_set import DataSet, ReadTable
from visbehavior.project.ids import explain_mouse_id
from visbehavior.project.projects import NEUROPIXELS
from visbehavior.project.tables import NO_FILE, check_columns
from visbehavior.schema.neuropixels import BEHAVIOR_SESSIONS, ECEPHYS_SESSIONS


def find_file_ids(behavior_session_id: int, read_table: ReadTable) -> list[Any]:
    """Return the file id of a session, or that of its recording.

    A file of its own goes first, because habituation sessions have the id of a recording that was not published.

    Parameters
    ----------
    behavior_session_id : int
        A session of the table.
    read_table : function
        Reads a project table.

    Raises
    ------
    NotFound
        If the session has no file of its own, and the table of recordings lacks its recording.
    """
    sessions = read_table(BEHAVIOR_SESSIONS)
    check_columns(sessions, ["file_id", "ecephys_session_id"], BEHAVIOR_SESSIONS)
    file_id, recording = (sessions.at[behavior_session_id, name] for name in ("file_id", "ecephys_session_id"))
    if pd.notna(file_id) and file_id != NO_FILE:
        return [file_id]
    recordings = read_table(ECEPHYS_SESSIONS)
    check_columns(recordings, ["file_id"], ECEPHYS_SESSIONS)
    if pd.isna(recording) or recording not in recordings.index:
        raise NotFound(
            f"Behavior session {behavior_session_id} has no file of its own, and its recording {recording} is not in this release: "
            "get_ecephys_session_table(filter_abnormalities=False) lists the recordings. Another release may have it.",
            behavior_session_id=behavior_session_id,
        )
    return [recordings.at[recording, "file_id"]]


def mark_kind(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the session table with the column ``has_recording``: whether a recording's file has the behavior.

    Habituation sessions have the id of a recording too, but files of their own.
    """
    check_columns(sessions, ["file_id"], BEHAVIOR_SESSIONS)
    return sessions.assign(has_recording=sessions["file_id"] == NO_FILE)


def explain_unknown_id(number: int, expected: str, read_table: ReadTable) -> str:
    """Explain why there is no behavior session of an id: it may be a recording, a mouse, or of the other data set.

    Parameters
    ----------
    number : int
        The unknown id.
    expected : str
        Kind of id that was expected: "behavior_session_id".
    read_table : function
        Reads a project table.
    """
    recordings = read_table(ECEPHYS_SESSIONS)
    if number in recordings.index and expected in recordings:
        return f"{number} is a recording (ecephys_session_id), of behavior session {recordings.at[number, expected]}."
    return explain_mouse_id(number, read_table(BEHAVIOR_SESSIONS)) or (
        "get_behavior_session_table() lists them. Sessions of the data set with imaging are in VisualBehaviorOphysProjectCache, on "
        "the command line --project ophys."
    )


DATA_SET = DataSet(
    project=NEUROPIXELS,
    session_table=BEHAVIOR_SESSIONS,
    stored_order=True,
    mark_kind=mark_kind,
    tables_of_files=(BEHAVIOR_SESSIONS, ECEPHYS_SESSIONS),
    find_file_ids=find_file_ids,
    explain_unknown_id=explain_unknown_id,
)
