"""Many sessions at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pandas as pd

from visbehavior.errors import VisBehaviorError
from visbehavior.processes import map_in_processes
from visbehavior.progress import progress_bar
from visbehavior.raw.file import is_raw, read_session_data
from visbehavior.session import BehaviorSession
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION, ENGAGED_REWARD_RATE

INDEX = "behavior_session_id"
DESCRIBED_BY = ("mouse_id", "session_type", "date_of_acquisition")

Result = dict[str, Any] | VisBehaviorError


def open_file(path: str, allensdk_version: str) -> BehaviorSession:
    """A session from its NWB file, from the rig's pickle, or from a JSON of what is known of one."""
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
    """Performance metrics of many sessions, from their NWB files or the rig's pickles.

    Parameters
    ----------
    paths : iterable of str or os.PathLike
        NWB files, or the rig's pickles (.pkl, .pkl.gz); or a single one.
    allensdk_version : str
        Whose names and types the mouse's id has: "2.16" (text) or "2.10" (number).
    engaged_trial_reward_rate_threshold : float
        Rewards a minute above which the mouse counts as engaged.
    jobs : int
        Processes to share the work. More than one starts new processes, which import your script: guard its start with
        ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a progress bar (on stderr, or in the notebook).
    failures : dict or None
        Takes the error of each file that could not be read, by path; None: the first one is raised.

    Returns
    -------
    pandas.DataFrame
        One row a session in the order of `paths`, index behavior_session_id; mouse_id, session_type,
        date_of_acquisition, then the metrics of `BehaviorSession.get_performance_metrics` in their order.

    Raises
    ------
    VisBehaviorError
        Of the first file that could not be read, unless `failures` takes them.
    """
    listed = [os.fspath(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    rows: dict[int, dict[str, Any]] = {}
    work = [(path, allensdk_version, engaged_trial_reward_rate_threshold) for path in listed]
    done = map_in_processes(_result, work, min(jobs, len(work)))
    for position, result in progress_bar(progress, done, total=len(listed), unit="session", leave=False):
        if not isinstance(result, VisBehaviorError):
            rows[position] = result
        elif failures is None:
            raise result
        else:
            failures[listed[position]] = result
    return _table([rows[position] for position in sorted(rows)])


def _result(path: str, allensdk_version: str, threshold: float) -> Result:
    try:
        with open_file(path, allensdk_version) as session:
            described = {name: session.metadata[name] for name in DESCRIBED_BY}
            return {INDEX: session.behavior_session_id, **described, **session.get_performance_metrics(threshold)}
    except VisBehaviorError as error:
        return error


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    if rows:
        return pd.DataFrame(rows).set_index(INDEX)
    return pd.DataFrame(columns=[*DESCRIBED_BY], index=pd.Index([], name=INDEX, dtype="int64"))
