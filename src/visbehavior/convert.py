"""The rig's files to NWB files, many at once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visbehavior.atomic import make_folder
from visbehavior.errors import BadValue, VisBehaviorError
from visbehavior.nwb.writer import write_nwb
from visbehavior.processes import map_in_processes
from visbehavior.progress import progress_bar
from visbehavior.raw.file import read_session_data
from visbehavior.raw.reader import RawReader
from visbehavior.schema.stimulus_pickle import STIMULUS_FILE
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
    """Write sessions of the rig's pickles as NWB files, which AllenSDK opens too.

    A file of the same session that is there already is passed over: what was broken off goes on. A file takes its name when it is whole.

    Parameters
    ----------
    sessions : sequence
        Pickles (or .json of what is known of one), by path, or dictionaries as `BehaviorSession.from_json` takes them. Where there are no
        images, none are written.
    out_dir : str or os.PathLike
        Made if need be; files are named ``behavior_session_<id>.nwb``.
    jobs : int
        Processes. More than one import your script: guard its start with ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a progress bar.
    failures : dict or None
        Takes the error of each session that could not be converted, by the path of its pickle; None: the first is raised.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of `sessions`; those that failed are left out.

    Raises
    ------
    BadValue
        If two sessions have one id, or a file of that name holds another session; and what `from_json` and `write_nwb` raise.
    """
    folder = Path(out_dir).expanduser().absolute()
    make_folder(folder)
    if isinstance(sessions, (str, os.PathLike, Mapping)):
        sessions = [sessions]
    results: dict[int, Result] = {}
    work = [(data, folder) for data in sessions]
    done = map_in_processes(_converted, work, min(jobs, len(work)))
    for position, result in progress_bar(progress, done, total=len(work), unit="session", leave=False):
        results[position] = result
        if failures is None and isinstance(result, VisBehaviorError):
            raise result
    _check_none_lost(sessions, results)
    for position, result in sorted(results.items()):
        if isinstance(result, VisBehaviorError):
            if failures is None:
                raise result
            failures[_named(sessions[position], position)] = result
    return [result for _, result in sorted(results.items()) if isinstance(result, Path)]


def _check_none_lost(sessions: Sequence[Any], results: dict[int, Result]) -> None:
    """Two processes that write one file at once both think that it is theirs: the one whose session it is not has failed."""
    files = Counter(result for result in results.values() if isinstance(result, Path))
    for position, result in results.items():
        if isinstance(result, Path) and files[result] > 1:
            results[position] = _converted(sessions[position], result.parent)


def _named(session: Any, position: int) -> str:
    """How a session is called in `failures`."""
    given = session.get(STIMULUS_FILE) if isinstance(session, Mapping) else session
    return os.fspath(given) if isinstance(given, (str, os.PathLike)) else f"session {position}"


def write_session(session: BehaviorSession, target: Path, compress_templates: bool = False) -> Path:
    """Write a session, unless its file is there already; the file."""
    if target.exists():
        _check_same(session, target)
        return target
    return write_nwb(session, target, compress_templates=compress_templates)


def session_file_name(behavior_session_id: int) -> str:
    """The name of a session's file, in the data set and everywhere."""
    return f"behavior_session_{behavior_session_id}.nwb"


def _converted(session: Any, folder: Path) -> Result:
    try:
        reader = RawReader(read_session_data(session) if isinstance(session, (str, os.PathLike)) else session)
        with BehaviorSession(reader) as opened:
            target = folder / session_file_name(opened.behavior_session_id)
            # Images that a simulated pickle carries need not be read fast.
            return write_session(opened, target, reader.carries_images())
    except VisBehaviorError as error:
        return error


def _check_same(session: BehaviorSession, target: Path) -> None:
    """Sessions of one id would otherwise be taken for each other, or what was corrected be passed over."""
    different = differing(session, target)
    if different:
        raise BadValue(
            f"{target} is there already and is not the session of {session.source.location}: they differ in {', '.join(different)}. Give "
            "each session an id of its own (behavior_session_id; --id); or, if it was corrected, delete that file or name another folder.",
            path=str(target),
            name="behavior_session_id",
        )


def differing(session: BehaviorSession, target: Path) -> list[str]:
    """The entries of the metadata in which a file differs from a session."""
    with BehaviorSession.from_nwb_path(target) as there:
        return [name for name, value in session.metadata.items() if there.metadata.get(name) != value]


def is_same_session(session: BehaviorSession, target: Path) -> bool:
    """Whether a file is of this session, whatever else was said of it: by the rig's identity, else by mouse and date."""
    different = differing(session, target)
    identity = (_UUID,) if session.metadata[_UUID] is not None else ("mouse_id", "date_of_acquisition")
    return not set(identity) & set(different)
