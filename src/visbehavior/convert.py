"""Conversion of rigs' stimulus pickles to NWB files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visbehavior.arguments import as_iterable, check_failures, check_flags, check_jobs, parse_path
from visbehavior.atomic import make_folder
from visbehavior.errors import BadValue, VisBehaviorError
from visbehavior.nwb.writer import write_nwb
from visbehavior.paths import join_inside
from visbehavior.processes import map_in_processes
from visbehavior.progress import progress_bar
from visbehavior.raw.file import read_session_data
from visbehavior.raw.reader import RawReader
from visbehavior.schema.session import METADATA
from visbehavior.schema.session_data import STIMULUS_FILE
from visbehavior.session import BehaviorSession

Result = Path | VisBehaviorError
_UUID = "behavior_session_uuid"


def convert_raw(
    sessions: Sequence[Mapping[str, Any] | str | os.PathLike[str]],
    out_dir: str | os.PathLike[str],
    *,
    jobs: int = 1,
    progress: bool = False,
    failures: dict[str, VisBehaviorError] | None = None,
) -> list[Path]:
    """Convert rigs' stimulus pickles to NWB files, which AllenSDK can open too.

    A session whose file exists is skipped, so that an interrupted conversion can be continued. No incomplete file is left behind.

    Parameters
    ----------
    sessions : sequence
        Paths of pickles or of JSON files of session data, or dictionaries as for `BehaviorSession.from_json`. Images are written
        for sessions that have them.
    out_dir : str or os.PathLike
        Folder for the files, created if needed. They are named ``behavior_session_<id>.nwb``.
    jobs : int
        Number of processes. With more than one, the processes import your script: protect its entry point with
        ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a progress bar.
    failures : dict or None
        Receives the error of each session that could not be converted, by the path of its pickle; None: the first one is raised.

    Returns
    -------
    list of pathlib.Path
        The files in the order of `sessions`, without those that failed.

    Raises
    ------
    BadValue
        If two sessions have one id, or a file of that name contains another session.
    VisBehaviorError
        As raised by `BehaviorSession.from_json` and `write_nwb`.
    """
    folder = parse_path("out_dir", out_dir).absolute()
    sessions = list(as_iterable("sessions", sessions, (str, os.PathLike, Mapping), "paths of pickles, or session data"))
    check_jobs("jobs", jobs)
    check_flags(progress=progress)
    check_failures(failures)
    make_folder(folder)
    results = _convert_all(sessions, folder, jobs, progress, stop_at_error=failures is None)
    _recheck_shared_files(sessions, results)
    for position, result in sorted(results.items()):
        if isinstance(result, VisBehaviorError):
            if failures is None:
                raise result
            failures[_label(sessions[position], position)] = result
    return [result for _, result in sorted(results.items()) if isinstance(result, Path)]


def write_session(session: BehaviorSession, target: Path, compress_templates: bool = False) -> Path:
    """Write a session as an NWB file unless the file exists, and return the path.

    Raises
    ------
    BadValue
        If the existing file contains another session, or other metadata of this one.
    """
    if target.exists():
        _check_same_metadata(session, target)
        return target
    return write_nwb(session, target, compress_templates=compress_templates)


def session_file_name(behavior_session_id: int) -> str:
    """Return the file name of a session, as in the published data set."""
    return f"behavior_session_{behavior_session_id}.nwb"


def different_metadata(session: BehaviorSession, path: Path) -> list[str]:
    """Return the names of the metadata entries in which a file differs from a session."""
    with BehaviorSession.from_nwb_path(path) as written:
        return [name for name in METADATA.names() if written.metadata.get(name) != session.metadata.get(name)]


def is_same_session(session: BehaviorSession, path: Path) -> bool:
    """Return True if a file contains the same recording: the same session UUID or, without one, the same mouse and date."""
    identity = {_UUID} if session.metadata[_UUID] is not None else {"mouse_id", "date_of_acquisition"}
    return identity.isdisjoint(different_metadata(session, path))


def _convert_all(
    sessions: Sequence[Any], folder: Path, jobs: int, progress: bool, stop_at_error: bool
) -> dict[int, Result]:
    """Return the file or the error of each session by position."""
    results: dict[int, Result] = {}
    work = [(session, folder) for session in sessions]
    finished = map_in_processes(_convert, work, min(jobs, len(work)))
    for position, result in progress_bar(progress, finished, total=len(work), unit="session", leave=False):
        results[position] = result
        if stop_at_error and isinstance(result, VisBehaviorError):
            raise result
    return results


def _convert(session: Any, folder: Path) -> Result:
    try:
        reader = RawReader(read_session_data(session) if isinstance(session, (str, os.PathLike)) else session)
        with BehaviorSession(reader) as opened:
            target = join_inside(folder, session_file_name(opened.behavior_session_id))
            # Images inside a pickle come from a simulation, where a small file matters more than fast reading.
            return write_session(opened, target, reader.carries_images())
    except VisBehaviorError as error:
        return error


def _recheck_shared_files(sessions: Sequence[Any], results: dict[int, Result]) -> None:
    """Convert sessions again whose results are one file.

    Two processes that write the same file at the same time both succeed. Converting again compares each session with the file,
    which fails for the session that was overwritten.
    """
    counts = Counter(result for result in results.values() if isinstance(result, Path))
    for position, result in results.items():
        if isinstance(result, Path) and counts[result] > 1:
            results[position] = _convert(sessions[position], result.parent)


def _check_same_metadata(session: BehaviorSession, path: Path) -> None:
    different = different_metadata(session, path)
    if different:
        raise BadValue(
            f"{path} exists and is not the session of {session.source.location}: they differ in {', '.join(different)}. Give each "
            "session its own id (behavior_session_id, on the command line --id). If the session was corrected, delete the file or name "
            "another folder.",
            path=str(path),
            name="behavior_session_id",
        )


def _label(session: Any, position: int) -> str:
    """Return the key of a session in `failures`: the path of its pickle, or its position."""
    pickle = session.get(STIMULUS_FILE.key) if isinstance(session, Mapping) else session
    return os.fspath(pickle) if isinstance(pickle, (str, os.PathLike)) else f"session {position}"
