"""The session files of a release: writing them into the release's folder, and reading their rows of the project table."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visbehavior.analysis.performance import CHANGE_TIME_WITHOUT_DELAY
from visbehavior.arguments import parse_id, parse_path
from visbehavior.atomic import atomic_write, make_folder
from visbehavior.convert import different_metadata, is_same_session, write_session
from visbehavior.errors import BadValue, UnsupportedFile, VisBehaviorWarning, brief_repr
from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.nwb.reader import NwbReader
from visbehavior.publish.imaging_tables import describe_plane
from visbehavior.publish.layouts import PLANES, SessionFolders
from visbehavior.raw.file import is_raw, read_session_data
from visbehavior.raw.reader import RawReader
from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.neuropixels import RECORDING_METADATA
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, COUNTS
from visbehavior.schema.session import METADATA, STIMULUS_TEMPLATES, TRIALS
from visbehavior.schema.session_data import STIMULUS_FILE
from visbehavior.schema.session_type import NO_PROJECT_CODE, parse_indicator
from visbehavior.schema.stimulus_pickle import BEHAVIOR
from visbehavior.session import BehaviorSession
from visbehavior.store.verified import hash_file

SessionInput = str | os.PathLike[str] | Mapping[str, Any] | BehaviorSession | Callable[[], Mapping[str, Any]]
"""A session to publish: path of a file, session data or pickle as a dictionary, session, or function that returns a dictionary."""

_METADATA_COLUMNS = [column.name for column in BEHAVIOR_SESSION_TABLE if column.name in METADATA.by_name]


@dataclass(frozen=True)
class SessionFile:
    """The file of a session in the folder of a release.

    Parameters
    ----------
    path : str
        Path below the project's folder.
    file_hash : str
        BLAKE2b-512.
    row : dict
        The session's row of the project table, without the columns that depend on other sessions.
    omits : bool
        Whether images may have been omitted.
    """

    path: str
    file_hash: str
    row: dict[str, Any]
    omits: bool

    @property
    def behavior_session_id(self) -> int:
        """Id of the session."""
        return int(self.row["behavior_session_id"])

    @property
    def ophys_experiment_id(self) -> int | None:
        """Id of the imaging plane; None for the file of a session."""
        return self.row.get("ophys_experiment_id")


def read_session_file(root: Path, path: Path) -> SessionFile:
    """Return the facts about a session file. All its tables are read, to be sure that they can be.

    Parameters
    ----------
    root : pathlib.Path
        The project's folder.
    path : pathlib.Path
        The file.
    """
    reader = NwbReader(path)
    plane: dict[str, Any] = {}
    with _open(reader) as session:
        metadata, metrics = session.metadata, session.get_performance_metrics()
        fraction = session.task_parameters["omitted_flash_fraction"]
        _read_all_tables(session)
        if isinstance(session, BehaviorOphysExperiment):
            plane = describe_plane(session)
    row = {name: metadata[name] for name in ("behavior_session_id", *_METADATA_COLUMNS)}
    row["indicator"] = parse_indicator(row["reporter_line"])
    if row["project_code"] == NO_PROJECT_CODE:
        row["project_code"] = None
    row |= {column.name: metrics[column.name] for column in COUNTS}
    row |= {"ecephys_session_id": _find_recording(reader), **plane}
    return SessionFile(path.relative_to(root).as_posix(), hash_file(path), row, bool(fraction > 0))


def write_session_file(item: SessionInput, folders: SessionFolders) -> Path:
    """Write the file of a session into the folder of a release, unless it is there; return its path.

    Parameters
    ----------
    item : str, os.PathLike, dict, BehaviorSession or function
    folders : SessionFolders
        Folders of session files.

    Raises
    ------
    BadValue
        If the item is not a session, or its id belongs to another session.
    UnsupportedFile
        If it is an imaging plane, and the data set has none.
    """
    if callable(item):
        item = item()
    if isinstance(item, BehaviorSession):
        location = Path(item.source.location)
        is_file = location.suffix == ".nwb" and location.is_file()
        return _copy_nwb(location, folders) if is_file else _write_session(item, folders)
    if isinstance(item, Mapping):
        return _write_raw({STIMULUS_FILE.key: item} if BEHAVIOR[0] in item else item, folders)
    if not isinstance(item, (str, os.PathLike)):
        raise BadValue(
            f"{brief_repr(item)} is not a session; expected a path, a dictionary, a BehaviorSession, or a function.",
            value=item,
        )
    path = parse_path("path", item)
    return _write_raw(read_session_data(path), folders) if is_raw(path) else _copy_nwb(path, folders)


def same_id_error(session: str, first: str, second: str) -> BadValue:
    """Return the error for two different sessions with one id."""
    return BadValue(
        f"Two sessions have the id of {session}: {first} and {second}. Give each its own id (behavior_session_id), or leave one out.",
        name="behavior_session_id",
        value=session,
    )


def _write_raw(data: Mapping[str, Any], folders: SessionFolders) -> Path:
    reader = RawReader(data)
    with BehaviorSession(reader) as session:
        return _write_session(session, folders, reader.carries_images())


def _write_session(session: BehaviorSession, folders: SessionFolders, compress_templates: bool = False) -> Path:
    """Write a session that has no NWB file. An existing file with the same metadata is kept and returned."""
    prepared = folders.layout.prepare(session)
    if isinstance(session, BehaviorOphysExperiment):
        part_id: int | None = session.ophys_experiment_id
    else:
        part_id = getattr(prepared, "ecephys_session_id", None)
    _check_has_planes(folders, isinstance(session, BehaviorOphysExperiment), session.source.location)
    paths = folders.paths(session.behavior_session_id, part_id)
    existing = _existing_files(paths)
    for path in existing:
        if not different_metadata(session, path):
            return path
    if existing and not is_same_session(session, existing[0]):
        raise same_id_error(existing[0].name, str(existing[0]), session.source.location)
    return write_session(prepared, _unused_path(paths), compress_templates)


def _copy_nwb(path: Path, folders: SessionFolders) -> Path:
    """Copy an NWB file. An existing file with the same bytes is kept and returned."""
    reader = NwbReader(path)
    plane_id = reader.read(IMAGING_METADATA).get("ophys_experiment_id")
    _check_has_planes(folders, plane_id is not None, str(path))
    part_id = _find_recording(reader) if plane_id is None else parse_id(plane_id)
    paths = folders.paths(BehaviorSession(reader).behavior_session_id, part_id)
    file_hash = hash_file(path)
    for existing in _existing_files(paths):
        if hash_file(existing) == file_hash:
            return existing
    target = _unused_path(paths)
    with atomic_write(target, needed=path.stat().st_size) as part:
        shutil.copyfile(path, part)
    return target


def _open(reader: NwbReader) -> BehaviorSession:
    return BehaviorOphysExperiment(reader) if reader.read(IMAGING_METADATA) else BehaviorSession(reader)


def _check_has_planes(folders: SessionFolders, is_plane: bool, location: str) -> None:
    if is_plane and PLANES not in folders.layout.folders:
        raise UnsupportedFile(
            f"{location} is an imaging plane, which {folders.layout.project.name} does not have. Write its behavior alone with "
            "write_nwb(experiment, path, include_imaging=False).",
            path=location,
        )


def _find_recording(reader: NwbReader) -> int | None:
    """Return the id of the recording of a file; None for a behavior-only file."""
    if CHANGE_TIME_WITHOUT_DELAY not in reader.read(TRIALS, CHANGE_TIME_WITHOUT_DELAY.__eq__):
        return None
    return parse_id(reader.read(RECORDING_METADATA)["ecephys_session_id"])


def _existing_files(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.exists()]


def _unused_path(paths: list[Path]) -> Path:
    """Return a path for a session file that replaces none: that which releases share, else that of the new release."""
    for target in (paths[0], paths[-1]):
        if not target.exists():
            make_folder(target.parent)
            return target
    raise same_id_error(target.name, str(target), "another one")


def _read_all_tables(session: BehaviorSession) -> None:
    with warnings.catch_warnings():
        # A session without eye tracking warns.
        warnings.simplefilter("ignore", VisBehaviorWarning)
        # Stimulus templates are optional.
        for name in set(session.list_data_attributes_and_methods()) - {STIMULUS_TEMPLATES.name}:
            getattr(session, name)
