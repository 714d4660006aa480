"""The rig's files to NWB files, many at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visbehavior.atomic import make_folder
from visbehavior.errors import BadValue, VisBehaviorError
from visbehavior.nwb.writer import write_nwb
from visbehavior.processes import in_processes
from visbehavior.progress import progress_bar
from visbehavior.raw.road import RawRoad
from visbehavior.schema.rig import STIMULUS_FILE
from visbehavior.session import BehaviorSession

Result = Path | VisBehaviorError


def convert_raw(
    sessions: Sequence[Mapping[str, Any]],
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
    sessions : sequence of dict
        Each as `BehaviorSession.from_json` takes it. Where it names no pictures, none are written.
    out_dir : str or os.PathLike
        Made if need be; files are named ``behavior_session_<id>.nwb``.
    jobs : int
        Processes. More than one import your script: guard its start with ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a progress bar.
    failures : dict or None
        Takes the error of each pickle that could not be converted, by path; None: the first is raised.

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
    written: dict[int, Path] = {}
    work = [(dict(data), folder) for data in sessions]
    done = in_processes(_converted, work, min(jobs, len(work)))
    for position, result in progress_bar(progress, done, total=len(sessions), unit="session", leave=False):
        if isinstance(result, Path):
            written[position] = result
        elif failures is None:
            raise result
        else:
            failures[str(sessions[position].get(STIMULUS_FILE))] = result
    return [written[position] for position in sorted(written)]


def write_raw(data: Mapping[str, Any], folder: Path) -> Path:
    """Write the session of a pickle as ``behavior_session_<id>.nwb``, unless it is there already; the file."""
    road = RawRoad(data)
    with BehaviorSession(road) as session:
        target = folder / session_file_name(session.behavior_session_id)
        if target.exists():
            _check_same(session, target)
        else:
            # Those that a simulated pickle carries need not be read fast.
            write_nwb(session, target, compress_templates=road.carries_pictures())
        return target


def session_file_name(behavior_session_id: int) -> str:
    """The name of a session's file, in the data set and everywhere."""
    return f"behavior_session_{behavior_session_id}.nwb"


def _converted(data: dict[str, Any], folder: Path) -> Result:
    try:
        return write_raw(data, folder)
    except VisBehaviorError as error:
        return error


def _check_same(session: BehaviorSession, target: Path) -> None:
    """Sessions of one id would otherwise be taken for each other, and one be lost."""
    with BehaviorSession.from_nwb_path(target) as there:
        uuids = [one.metadata["behavior_session_uuid"] for one in (there, session)]
        names = ("mouse_id", "date_of_acquisition") if None in uuids else ("behavior_session_uuid",)
        different = [name for name in names if there.metadata[name] != session.metadata[name]]
    if different:
        raise BadValue(
            f"{target} is there already and is not the session of {session.source.location}: they differ in {' and '.join(different)}. Give "
            "each session an id of its own (behavior_session_id; --id), or name another folder.",
            path=str(target),
            name="behavior_session_id",
        )
