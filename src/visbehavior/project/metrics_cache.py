"""Performance metrics of many sessions of a cache, kept on disk by the file's hash and the code that computed them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Any

from visbehavior._version import __version__
from visbehavior.analysis.performance import TRIAL_COLUMNS, compute_performance_metrics
from visbehavior.errors import VisBehaviorError
from visbehavior.nwb.reader import NwbReader
from visbehavior.progress import progress_bar
from visbehavior.session import BehaviorSession
from visbehavior.store.records import append_records, read_records

KEPT = "_visbehavior_performance.txt"
"""The file in the cache folder."""

SESSIONS = 24
"""Sessions at once: while one waits for the network another is measured."""

Metrics = dict[str, Any]


class MetricsCache:
    """The metrics that were computed before.

    Parameters
    ----------
    folder : pathlib.Path
        The cache folder. Where it cannot be written nothing is kept.
    threshold : float
        Rewards a minute above which the mouse counts as engaged.
    """

    def __init__(self, folder: Path, threshold: float) -> None:
        self.threshold = threshold
        self._path = folder / KEPT
        self._by = {"code": _code(), "threshold": threshold}
        records, _ = read_records(self._path)
        self._known = {record["hash"]: record["metrics"] for record in records if self._by.items() <= record.items()}

    def get(self, file_hash: str) -> Metrics | None:
        """The metrics of a file, if today's code computed them."""
        return self._known.get(file_hash)

    def keep(self, file_hash: str, metrics: Metrics) -> None:
        """Remember the metrics of a file."""
        self._known[file_hash] = metrics
        try:
            append_records(self._path, [{"hash": file_hash, **self._by, "metrics": metrics}])
        except OSError:
            return


def compute_metrics_of(
    hashes: Mapping[int, str],
    open_reader: Callable[[int], NwbReader],
    ledger: MetricsCache,
    failed: dict[int, VisBehaviorError],
    progress: bool,
) -> dict[int, Metrics]:
    """The metrics of sessions, by id.

    Parameters
    ----------
    hashes : dict of int to str
        The hash of each session's file.
    open_reader : function
        Opens the file of a session.
    ledger : MetricsCache
    failed : dict
        Takes the error of each session that could not be measured.
    progress : bool
        Whether to show a progress bar.
    """
    found = {number: known for number, file_hash in hashes.items() if (known := ledger.get(file_hash)) is not None}
    todo = [number for number in hashes if number not in found]
    if not todo:
        return found
    with ThreadPoolExecutor(min(SESSIONS, len(todo)), "visbehavior") as pool:
        pending = {pool.submit(_measured, open_reader, number, ledger.threshold): number for number in todo}
        done = progress_bar(progress, as_completed(pending), total=len(pending), unit="session", leave=False)
        for future in done:
            number = pending[future]
            try:
                found[number] = future.result()
            except VisBehaviorError as error:
                failed[number] = error
            else:
                ledger.keep(hashes[number], found[number])
    return found


def metrics_without_trials() -> Metrics:
    """The metrics of a session that has no trials: their names, and the types of counts."""
    return compute_performance_metrics({name: [] for name in TRIAL_COLUMNS}, {"volume": []})


def _measured(open_reader: Callable[[int], NwbReader], number: int, threshold: float) -> Metrics:
    with BehaviorSession(open_reader(number)) as session:
        return session.get_performance_metrics(threshold)


@cache
def _code() -> str:
    """What computes: the version, and the text of the modules between a file and its metrics, which change between versions."""
    package = Path(__file__).parents[1]
    hasher = hashlib.blake2b(__version__.encode(), digest_size=8)
    for module in sorted([*package.glob("analysis/*.py"), *package.glob("nwb/*.py"), package / "session.py"]):
        hasher.update(module.read_bytes())
    return hasher.hexdigest()
