"""A summary of each mouse, from the table of behavior sessions."""

from __future__ import annotations

import pandas as pd

from visbehavior.project.tables import check_columns, parse_acquisition_dates
from visbehavior.schema.columns import Table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE
from visbehavior.schema.session_type import parse_session_type, stage_order

MOUSE_COLUMNS = ("sex", "full_genotype", "genotype", "cre_line", "indicator")
"""Columns that are the same in all sessions of a mouse."""

_NEEDED = ("mouse_id", "session_type", "date_of_acquisition")
_KIND = "has_"
"""Beginning of the name of the column that marks sessions with imaging or a recording."""


def get_stages(session_types: pd.Series) -> pd.Series:
    """Return the stage of each session type, such as OPHYS_4 of OPHYS_4_images_B; "" without one."""
    stages = {text: parse_session_type(text).stage for text in session_types.dropna().unique()}
    return session_types.map(stages).fillna("").astype(object)


def count_days(sessions: pd.DataFrame, table: Table = BEHAVIOR_SESSION_TABLE) -> pd.Series:
    """Return the day of each session, counted from the first session of its mouse (0)."""
    days = parse_acquisition_dates(sessions, table).dt.normalize()
    first = days.groupby(sessions["mouse_id"].astype(str)).transform("min")
    return (days - first).dt.days


def add_day_and_stage(sessions: pd.DataFrame, table: Table = BEHAVIOR_SESSION_TABLE) -> pd.DataFrame:
    """Return a table of behavior sessions with the columns ``day`` and ``stage``."""
    check_columns(sessions, _NEEDED, table)
    return sessions.assign(day=count_days(sessions, table), stage=get_stages(sessions["session_type"]))


def list_mice(sessions: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return a row per mouse.

    Parameters
    ----------
    sessions : pandas.DataFrame
        The table of behavior sessions, with the column has_imaging or has_recording.
    table : Table
        Its declaration.

    Returns
    -------
    pandas.DataFrame
        Index mouse_id, sorted; `MOUSE_COLUMNS` as far as the table has them, ``first_day`` and ``last_day`` (UTC midnight),
        ``session_count``, ``imaging_session_count`` or ``recording_session_count``, and the number of sessions of each stage, such as ``TRAINING_1``.
    """
    check_columns(sessions, _NEEDED, table)
    mouse = sessions["mouse_id"]
    days = parse_acquisition_dates(sessions, table).dt.normalize()
    first = sessions[[name for name in MOUSE_COLUMNS if name in sessions]].groupby(mouse).first()
    grouped = days.groupby(mouse)
    summary = first.assign(first_day=grouped.min(), last_day=grouped.max(), session_count=grouped.size())
    for kind in (name for name in sessions if name.startswith(_KIND)):
        counts = sessions[kind].groupby(mouse).sum().astype("int64")
        summary[f"{kind.removeprefix(_KIND)}_session_count"] = counts
    stages = pd.crosstab(mouse, get_stages(sessions["session_type"]))
    ordered = sorted((name for name in stages if name), key=stage_order)
    return pd.concat([summary, stages[ordered]], axis=1)
