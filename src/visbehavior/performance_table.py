"""Performance metrics of many session files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, Any

from visbehavior.analysis.performance import check_threshold
from visbehavior.arguments import as_iterable, check_failures, check_flags, check_jobs, parse_path
from visbehavior.errors import BadValue, VisBehaviorError, brief_repr
from visbehavior.processes import map_in_processes
from visbehavior.progress import progress_bar
from visbehavior.raw.file import is_raw, read_session_data
from visbehavior.schema.convention import parse_convention
from visbehavior.session import BehaviorSession
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION, ENGAGED_REWARD_RATE

if TYPE_CHECKING:
    import pandas as pd

INDEX = "behavior_session_id"
SESSION_COLUMNS = ("mouse_id", "session_type", "date_of_acquisition")
"""Columns that describe the session, before the metrics."""


def open_file(path: str, allensdk_version: str) -> BehaviorSession:
    """Open a session from an NWB file, a rig's stimulus pickle, or a JSON file of session data."""
    if is_raw(path):
        return BehaviorSession.from_json(read_session_data(path), allensdk_version=allensdk_version)
    return BehaviorSession.from_nwb_path(path, allensdk_version=allensdk_version)


def compute_performance_table(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
    engaged_trial_reward_rate_threshold: float = ENGAGED_REWARD_RATE,
    jobs: int = 1,
    progress: bool = False,
    failures: dict[str, VisBehaviorError] | None = None,
) -> pd.DataFrame:
    """Compute the performance metrics of many sessions from their NWB files or rigs' stimulus pickles.

    Parameters
    ----------
    paths : str, os.PathLike, or iterable of them
        NWB files, or rigs' stimulus pickles (.pkl, .pkl.gz).
    allensdk_version : str
        Convention of the mouse_id: "2.16" (text) or "2.10" (number).
    engaged_trial_reward_rate_threshold : float
        Rewards per minute above which the mouse counts as engaged.
    jobs : int
        Number of processes. With more than one, the processes import your script: protect its entry point with
        ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a progress bar (on stderr, or in the notebook).
    failures : dict or None
        Receives the error of each file that could not be read, by path; None: the first one is raised.

    Returns
    -------
    pandas.DataFrame
        One row per session in the order of `paths`, index behavior_session_id; mouse_id, session_type,
        date_of_acquisition, the metrics of `BehaviorSession.get_performance_metrics` in their order, and the plain rates and
        d' of `compute_session_rates`.

    Raises
    ------
    VisBehaviorError
        If a file cannot be read and `failures` is None.
    """
    items = list(as_iterable("paths", paths, (str, os.PathLike), "the path of a file, or several"))
    if items and isinstance(items[0], Integral):
        raise BadValue(
            f"paths has the number {brief_repr(items[0])}; expected paths of files. The metrics of ids are in the table that "
            "VisualBehaviorOphysProjectCache.from_s3_cache().get_performance_table(ids) returns.",
            name="paths",
            value=items[0],
        )
    files = [str(parse_path("path", path)) for path in items]
    parse_convention(allensdk_version)
    check_threshold(engaged_trial_reward_rate_threshold)
    check_jobs("jobs", jobs)
    check_flags(progress=progress)
    check_failures(failures)
    rows: dict[int, dict[str, Any]] = {}
    work = [(path, allensdk_version, engaged_trial_reward_rate_threshold) for path in files]
    finished = map_in_processes(_compute_row, work, min(jobs, len(work)))
    for position, row in progress_bar(progress, finished, total=len(files), unit="session", leave=False):
        if not isinstance(row, VisBehaviorError):
            rows[position] = row
        elif failures is None:
            raise row
        else:
            failures[files[position]] = row
    return _make_table([rows[position] for position in sorted(rows)])


def _compute_row(path: str, allensdk_version: str, threshold: float) -> dict[str, Any] | VisBehaviorError:
    try:
        with open_file(path, allensdk_version) as session:
            described = {name: session.metadata[name] for name in SESSION_COLUMNS}
            metrics = session.get_performance_metrics(threshold) | session.get_session_rates()
            return {INDEX: session.behavior_session_id, **described, **metrics}
    except VisBehaviorError as error:
        return error


def _make_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    if rows:
        return pd.DataFrame(rows).set_index(INDEX)
    return pd.DataFrame(columns=[*SESSION_COLUMNS], index=pd.Index([], name=INDEX, dtype="int64"))
