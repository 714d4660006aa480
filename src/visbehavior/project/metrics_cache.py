"""Performance metrics of many sessions, stored in the cache folder so that they are computed once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior._version import __version__
from visbehavior.analysis.performance import TRIAL_COLUMNS, compute_performance_metrics, compute_session_rates
from visbehavior.errors import VisBehaviorError
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import FileEntry
from visbehavior.project.release import Release, SessionFile
from visbehavior.session import BehaviorSession
from visbehavior.store.records import append_records, read_records
from visbehavior.store.steps import Steps, run_together

FILE_NAME = "_visbehavior_performance.txt"
"""Name of the file in the cache folder."""

CONCURRENT_SESSIONS = 24
"""Sessions that wait for the network at the same time."""

# Imported already; their metadata would have to be parsed, which takes twice as long as everything else in the key.
_LIBRARIES = ("numpy", "pandas", "h5py")

Metrics = dict[str, Any]


class MetricsCache:
    """Stored metrics, keyed by the bytes that were read, the engagement threshold, and the code that computed them.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of our records. If it is read-only, nothing is stored.
    threshold : float
        Rewards per minute above which the mouse counts as engaged.
    """

    def __init__(self, folder: Path, threshold: float) -> None:
        self.threshold = threshold
        self._path = folder / FILE_NAME
        self._key = {"code": running_code_key(), "threshold": threshold}
        self._stored: dict[str, Metrics] = {}
        records, _ = read_records(self._path)
        for record in records:
            content, metrics = record.get("content"), record.get("metrics")
            if not isinstance(content, str):
                continue
            if isinstance(metrics, dict) and self._key.items() <= record.items():
                self._stored[content] = metrics
            elif metrics is None:
                self._stored.pop(content, None)

    def get(self, content_key: str | None) -> Metrics | None:
        """Return the stored metrics of a file (see `Release.content_key`); None if they must be computed."""
        return None if content_key is None else self._stored.get(content_key)

    def add(self, content_key: str, metrics: Metrics) -> None:
        """Store the metrics of a file."""
        self._stored[content_key] = metrics
        _append(self._path, {"content": content_key, **self._key, "metrics": metrics})


def drop_metrics(folder: Path, content_key: str) -> None:
    """Forget the stored metrics of a file that turned out to be damaged."""
    _append(folder / FILE_NAME, {"content": content_key, "metrics": None})


def _append(path: Path, record: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        append_records(path, [record])
    except OSError:
        # The folder is read-only: nothing is stored.
        return


def compute_code_key(package: Path) -> str:
    """Return a hash of everything besides the data that determines a result: all code, and the versions of the libraries.

    Parameters
    ----------
    package : pathlib.Path
        Folder of the package.
    """
    versions = [__version__, *(f"{name} {import_module(name).__version__}" for name in _LIBRARIES)]
    hasher = hashlib.blake2b(" ".join(versions).encode(), digest_size=8)
    for path in _list_modules(package):
        with open(path, "rb", buffering=0) as file:
            content = file.read()
        name = os.path.relpath(path, package).replace(os.sep, "/")
        hasher.update(f"\n{name} {len(content)}\n".encode())
        hasher.update(content)
    return hasher.hexdigest()


def compute_metrics(
    files: Mapping[int, Sequence[FileEntry]],
    release: Release,
    stored: MetricsCache,
    failures: dict[int, VisBehaviorError] | None,
    progress: bool,
) -> dict[int, Metrics]:
    """Return the metrics of sessions by id, from the metrics cache or computed.

    Parameters
    ----------
    files : dict of int to sequence of FileEntry
        Files of each session; any of them will do.
    release : Release
        Opens them.
    stored : MetricsCache
    failures : dict or None
        Receives the error of each session whose metrics could not be computed; None: the first one is raised at the end.
    progress : bool
        Whether to show a progress bar.
    """
    errors: dict[int, VisBehaviorError] = {} if failures is None else failures
    found = _find_files(files, release, errors)
    keys = {number: release.content_key(file) for number, file in found.items()}
    metrics = {number: known for number, key in keys.items() if (known := stored.get(key)) is not None}
    missing = [number for number in found if number not in metrics]
    work = ((number, _compute(release, found.pop(number), stored.threshold)) for number in missing)
    computed = run_together(work, CONCURRENT_SESSIONS)
    for number, result in progress_bar(progress, computed, total=len(missing), unit="session", leave=False):
        if isinstance(result, VisBehaviorError):
            errors[number] = result
            continue
        key, metrics[number] = result
        # A file that was replaced meanwhile is not what was read.
        if key is not None and keys[number] in (None, key):
            stored.add(key, metrics[number])
    if failures is None and errors:
        raise next(iter(errors.values()))
    return metrics


def _find_files(
    files: Mapping[int, Sequence[FileEntry]], release: Release, errors: dict[int, VisBehaviorError]
) -> dict[int, SessionFile]:
    """Return the file of each session, and note the error of each that has none."""
    found = {}
    for number, entries in files.items():
        try:
            found[number] = release.find_session(entries)
        except VisBehaviorError as error:
            errors[number] = error
    return found


def join_metrics(sessions: pd.DataFrame, ids: Sequence[int], metrics: Mapping[int, Metrics]) -> pd.DataFrame:
    """Join the behavior session table with metrics; the metrics' values replace columns of the same name.

    Parameters
    ----------
    sessions : pandas.DataFrame
        The behavior session table.
    ids : sequence of int
        Sessions to return; those without metrics are left out.
    metrics : dict of int to dict
        Metrics by session.
    """
    computed = [number for number in ids if number in metrics]
    # Without rows, a session without trials gives the names and dtypes of the columns.
    rows = [metrics[number] for number in computed] or [_metrics_without_trials()]
    selected = sessions.loc[computed]
    columns = pd.DataFrame(rows).iloc[: len(computed)].set_axis(selected.index)
    return pd.concat([selected[[name for name in sessions if name not in columns]], columns], axis=1)


def _metrics_without_trials() -> Metrics:
    trials: dict[str, list[Any]] = {name: [] for name in TRIAL_COLUMNS}
    return compute_performance_metrics(trials, {"volume": []}) | compute_session_rates(trials)


def _compute(
    release: Release, file: SessionFile, threshold: float
) -> Steps[tuple[str | None, Metrics] | VisBehaviorError]:
    """Return what identifies the bytes of a session, and its metrics; or its error."""
    try:
        reader = release.open_file(file)
        with BehaviorSession(reader) as session:
            metrics = yield from reader.reading(lambda: session.get_performance_metrics(threshold))
            return release.content_key(file), metrics | session.get_session_rates()
    except VisBehaviorError as error:
        return error


def _list_modules(package: Path) -> list[str]:
    # os.walk is several times as fast as Path.rglob.
    walk = os.walk(package)
    return sorted(os.path.join(folder, name) for folder, _, names in walk for name in names if name.endswith(".py"))


@cache
def running_code_key() -> str:
    """Return the code key of the running package."""
    return compute_code_key(Path(__file__).parents[1])
