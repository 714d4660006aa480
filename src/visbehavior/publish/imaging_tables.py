"""Project tables of a release with imaging planes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visbehavior.analysis.history import compute_history
from visbehavior.errors import BadValue
from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.project.tables import NO_FILE
from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.project import (
    BEHAVIOR_SESSION_TABLE,
    OPHYS_CELLS_TABLE,
    OPHYS_EXPERIMENT_TABLE,
    OPHYS_SESSION_TABLE,
    PROJECT_TABLES,
)

CELLS = "cells"
"""Column of rows: pairs of cell_roi_id and cell_specimen_id, or None."""
_PLANE_ID, _SESSION_ID = "ophys_experiment_id", "behavior_session_id"
_PLANE_COLUMNS = (
    *(_PLANE_ID, "ophys_session_id", "ophys_container_id", "imaging_depth", "targeted_imaging_depth"),
    *("targeted_structure", "imaging_plane_group", "imaging_plane_group_count"),
)
_LISTED = (_PLANE_ID, "ophys_container_id")
"""Columns that list a value of each plane in the tables of sessions."""


def describe_plane(experiment: BehaviorOphysExperiment) -> dict[str, Any]:
    """Return what the rows of a release have of an imaging plane, beside its session."""
    cells = experiment.cell_specimen_table["cell_roi_id"]
    pairs = [(roi, None if pd.isna(number) else int(number)) for number, roi in cells.items()]
    return {name: experiment.metadata.get(name) for name in _PLANE_COLUMNS} | {CELLS: pairs}


def make_ophys_tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the project tables.

    Parameters
    ----------
    rows : pandas.DataFrame
        A row per file, in order: of a session, or of each plane of a session.
    """
    planes = rows[rows[_PLANE_ID].notna()] if _PLANE_ID in rows else rows.iloc[:0]
    sessions = rows.drop_duplicates(_SESSION_ID, ignore_index=True)
    sessions = pd.concat([sessions, compute_history(sessions)], axis=1)
    if len(planes):
        sessions = _with_lists(sessions, planes)
    imaging = sessions[sessions[_PLANE_ID].notna()] if len(planes) else sessions.iloc[:0]
    by_name = {
        BEHAVIOR_SESSION_TABLE.name: sessions,
        OPHYS_SESSION_TABLE.name: imaging,
        OPHYS_EXPERIMENT_TABLE.name: _plane_rows(planes, sessions),
        OPHYS_CELLS_TABLE.name: _cell_rows(planes),
    }
    return {table.name: by_name[table.name].reindex(columns=[table.index, *table.names()]) for table in PROJECT_TABLES}


def _with_lists(sessions: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions with the lists of their planes, counts of depths and areas, and without files of their own."""
    grouped = planes.groupby(_SESSION_ID)
    is_imaging = sessions[_SESSION_ID].isin(grouped.groups)
    ids = sessions[_SESSION_ID]
    made = sessions.astype({"file_id": "int64"}).assign(
        file_id=sessions["file_id"].where(~is_imaging, NO_FILE),
        num_targeted_structures=ids.map(grouped["targeted_structure"].nunique()).astype("Int64"),
        num_depths_per_area=ids.map(grouped.apply(_depths_per_area, include_groups=False)).astype("Int64"),
    )
    for name in ("ophys_session_id", "imaging_plane_group_count"):
        made[name] = pd.array(ids.map(grouped[name].first()), dtype="Int64")
    for name in _LISTED:
        lists = grouped[name].agg(lambda values: [int(value) for value in values.dropna()])
        made[name] = ids.map(lists).astype(object)
    return made


def _depths_per_area(planes: pd.DataFrame) -> int:
    return int(planes.groupby("targeted_structure")["imaging_depth"].nunique(dropna=False).max())


def _plane_rows(planes: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    own = planes[[_SESSION_ID, "file_id", *_PLANE_COLUMNS]] if len(planes) else planes.iloc[:0]
    if not len(own):
        return own
    shared = sessions.drop(columns=[name for name in sessions if name in own and name != _SESSION_ID])
    joined = own.merge(shared, on=_SESSION_ID, how="left")
    whole = {name: "Int64" for name in _PLANE_COLUMNS if name != "targeted_structure"}
    passive = joined["behavior_type"] == "passive_viewing"
    # The map of visual areas that the plane was placed by is not part of a release.
    return joined.astype(whole).assign(passive=passive, isi_experiment_id=MISSING_INTEGER)


def _cell_rows(planes: pd.DataFrame) -> pd.DataFrame:
    cells = [
        (roi, specimen, int(plane))
        for plane, pairs in zip(planes.get(_PLANE_ID, ()), planes.get(CELLS, ()), strict=True)
        for roi, specimen in pairs
    ]
    frame = pd.DataFrame(cells, columns=["cell_roi_id", "cell_specimen_id", _PLANE_ID])
    twice = frame["cell_roi_id"].duplicated()
    if twice.any():
        number = frame.loc[twice, "cell_roi_id"].iloc[0]
        owners = frame.loc[frame["cell_roi_id"] == number, _PLANE_ID].tolist()
        raise BadValue(
            f"The imaging planes {owners[0]} and {owners[1]} have a cell of the same cell_roi_id, {number}. Give each its own, or leave one "
            "plane out.",
            name="cell_roi_id",
            value=number,
        )
    return frame.astype({"cell_specimen_id": "Int64"})
