"""A session's file in a release, and what the project table says of it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visbehavior.errors import VisBehaviorWarning
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, COUNTS
from visbehavior.schema.session import METADATA, STIMULUS_TEMPLATES
from visbehavior.schema.session_type import NO_PROJECT_CODE, indicator_of
from visbehavior.session import BehaviorSession
from visbehavior.store.download import hash_file

_OF_FILE = [column.name for column in BEHAVIOR_SESSION_TABLE if column.name in METADATA.by_name]


@dataclass(frozen=True)
class SessionFile:
    """A session that lies in the release's folder.

    Parameters
    ----------
    path : str
        Below the project's folder.
    file_hash : str
        BLAKE2b-512.
    row : dict
        What the project table says of it, but for what depends on other sessions.
    omits : bool
        Whether images may have been left out.
    """

    path: str
    file_hash: str
    row: dict[str, Any]
    omits: bool


def read_session_file(root: Path, path: Path) -> SessionFile:
    """What a file in the folder of a release is, every table of it read."""
    with BehaviorSession.from_nwb_path(path) as session:
        metadata, metrics = session.metadata, session.get_performance_metrics()
        fraction = session.task_parameters["omitted_flash_fraction"]
        _read_all(session)
    row = {"behavior_session_id": metadata["behavior_session_id"], **{name: metadata[name] for name in _OF_FILE}}
    row["indicator"] = indicator_of(row["reporter_line"])
    if row["project_code"] == NO_PROJECT_CODE:
        row["project_code"] = None
    row |= {column.name: metrics[column.name] for column in COUNTS}
    return SessionFile(path.relative_to(root).as_posix(), hash_file(path), row, bool(fraction > 0))


def _read_all(session: BehaviorSession) -> None:
    """Every table, so that none is published that cannot be read."""
    with warnings.catch_warnings():
        # That there is no eye tracking is nothing new.
        warnings.simplefilter("ignore", VisBehaviorWarning)
        # A session need have no images.
        for name in set(session.list_data_attributes_and_methods()) - {STIMULUS_TEMPLATES.name}:
            getattr(session, name)
