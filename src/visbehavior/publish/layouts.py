"""How a release of each data set is laid out: its folders, the names of its files, and its project tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.analysis.history import compute_history
from visbehavior.convert import session_file_name
from visbehavior.errors import BadValue, brief_repr
from visbehavior.paths import join_inside
from visbehavior.project.manifest import SESSIONS
from visbehavior.project.projects import NEUROPIXELS, OPHYS, Project
from visbehavior.project.tables import NO_FILE
from visbehavior.publish.imaging_tables import make_ophys_tables
from visbehavior.publish.recording import Recording
from visbehavior.schema.neuropixels import BEHAVIOR_SESSIONS, ECEPHYS_SESSIONS, NEUROPIXELS_TABLES
from visbehavior.schema.session_type import NO_PROJECT_CODE, parse_session_type
from visbehavior.session import BehaviorSession

PLANES = "behavior_ophys_experiments"
"""Folder of the files of imaging planes."""
BEHAVIOR_ONLY, RECORDINGS = "behavior_only_sessions", "behavior_ecephys_sessions"
"""Folders of the session files of Visual Behavior Neuropixels."""


@dataclass(frozen=True)
class Layout:
    """The layout of a data set's releases.

    Parameters
    ----------
    project : Project
        The data set.
    folders : tuple of str
        Folders of session files.
    prepare : function
        Returns a session from a pickle as it is to be written.
    locate : function
        Returns the folder of a session's file, and its path in it. Arguments: behavior session id, and the id of the recording or
        of the imaging plane, or None.
    make_tables : function
        Returns the project tables. Arguments: the rows of all files, in order, with ``file_id`` and ``omits``.
    """

    project: Project
    folders: tuple[str, ...]
    prepare: Callable[[BehaviorSession], Any]
    locate: Callable[[int, int | None], tuple[str, str]]
    make_tables: Callable[[pd.DataFrame], dict[str, pd.DataFrame]]


@dataclass(frozen=True)
class SessionFolders:
    """The folders of session files in a release.

    Parameters
    ----------
    root : pathlib.Path
        The project's folder.
    versions : tuple of str
        All releases, the new one last. A file whose name is taken by another version of the session goes into a folder of its
        release.
    layout : Layout
    """

    root: Path
    versions: tuple[str, ...]
    layout: Layout

    def paths(self, behavior_session_id: int, part_id: int | None) -> list[Path]:
        """Return the paths that a file can have: that which all releases share, then one for each release."""
        folder, name = self.layout.locate(behavior_session_id, part_id)
        shared = self.root / folder
        return [join_inside(place, name) for place in (shared, *(shared / version for version in self.versions))]


def find_layout(project: str) -> Layout:
    """Return the layout of a data set by its short name; BadValue if there is none."""
    if not isinstance(project, str) or project not in LAYOUTS:
        raise BadValue(
            f"project is {brief_repr(project)}; expected one of {', '.join(LAYOUTS)}.", name="project", value=project
        )
    return LAYOUTS[project]


def _as_it_is(session: BehaviorSession) -> BehaviorSession:
    return session


def _locate_ophys(behavior_session_id: int, ophys_experiment_id: int | None) -> tuple[str, str]:
    if ophys_experiment_id is None:
        return SESSIONS, session_file_name(behavior_session_id)
    return PLANES, f"behavior_ophys_experiment_{ophys_experiment_id}.nwb"


def _as_recording(session: BehaviorSession) -> Any:
    """Return a session of the recording rig as a recording; others as they are."""
    is_recorded = parse_session_type(session.metadata["session_type"]).phase == "EPHYS"
    return Recording(session) if is_recorded else session


def _locate_neuropixels(behavior_session_id: int, ecephys_session_id: int | None) -> tuple[str, str]:
    if ecephys_session_id is None:
        return BEHAVIOR_ONLY, f"{behavior_session_id}/{session_file_name(behavior_session_id)}"
    return RECORDINGS, f"{ecephys_session_id}/ecephys_session_{ecephys_session_id}.nwb"


def _make_neuropixels_tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the project tables; those of probes, channels and units are empty."""
    history = compute_history(rows).drop(columns=["session_number", "image_set"])
    letters = [parse_session_type(text).image_set_letter for text in rows["session_type"]]
    sessions = pd.concat([rows, history], axis=1).assign(
        genotype=rows["full_genotype"],
        image_set=letters,
        session_number=_count_sessions(rows),
        ecephys_session_id=rows["ecephys_session_id"].astype("Int64"),
    )
    recorded = sessions[sessions["ecephys_session_id"].notna()]
    is_first = recorded["prior_exposures_to_image_set"] == 0
    recordings = recorded.assign(
        project_code=recorded["project_code"].fillna(NO_PROJECT_CODE),
        unit_count=0,
        probe_count=0,
        channel_count=0,
        structure_acronyms="[]",
        session_number=_count_sessions(recorded),
        experience_level=["Novel" if first else "Familiar" for first in is_first],
    )
    by_name = {
        BEHAVIOR_SESSIONS.name: sessions.assign(
            file_id=sessions["file_id"].where(sessions["ecephys_session_id"].isna(), NO_FILE)
        ),
        ECEPHYS_SESSIONS.name: recordings,
    }
    return {
        table.name: by_name.get(table.name, sessions.iloc[:0]).reindex(columns=[table.index, *table.names()])
        for table in NEUROPIXELS_TABLES
    }


def _count_sessions(rows: pd.DataFrame) -> pd.Series:
    """Number the sessions of each mouse, in order of acquisition."""
    by_date = rows.sort_values("date_of_acquisition", kind="stable")
    numbers: pd.Series = by_date.groupby("mouse_id").cumcount() + 1
    return numbers.reindex(rows.index)


LAYOUTS: Mapping[str, Layout] = {
    "ophys": Layout(OPHYS, (SESSIONS, PLANES), _as_it_is, _locate_ophys, make_ophys_tables),
    "neuropixels": Layout(
        NEUROPIXELS, (BEHAVIOR_ONLY, RECORDINGS), _as_recording, _locate_neuropixels, _make_neuropixels_tables
    ),
}
"""Layout of each data set, by the name that users choose it by."""
