"""Verifying and repairing the files of a cache, by the hashes of the releases' manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.errors import VisBehaviorError
from visbehavior.processes import threads
from visbehavior.progress import progress_bar
from visbehavior.project.files import ReleaseFiles
from visbehavior.project.manifest import FileEntry, Manifest
from visbehavior.project.metrics_cache import drop_metrics
from visbehavior.project.release import verified_key
from visbehavior.store.download import download_files
from visbehavior.store.os_files import allocated_bytes
from visbehavior.store.paths import partial_path
from visbehavior.store.verified import hash_file

COMPLETE, PARTIAL, DAMAGED, REPAIRED = "complete", "partial", "damaged", "repaired"
"""States of a file; one that cannot be read or repaired has the reason instead."""
UNREADABLE, NOT_REPAIRED = "unreadable", "not repaired"
"""Beginnings of these reasons."""

# hashlib releases Python's lock. More threads would only make a hard disk seek.
_HASHING_THREADS = 2


def verify_files(files: ReleaseFiles, repair: bool, progress: bool) -> pd.DataFrame:
    """Hash every file of the cached releases, and repair damaged and partial ones on request.

    Parameters
    ----------
    files : ReleaseFiles
    repair : bool
        Whether to download damaged files again and to complete partial ones.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        Index path (below the cache folder); ``state``; ``size`` (bytes on disk).
    """
    cached = files.cached_files()
    states = _check_all(files, cached, progress)
    broken = [pair for pair, state in zip(cached, states, strict=True) if state != COMPLETE]
    if repair and broken:
        repaired = _repair(files, broken, progress)
        states = [repaired.get(files.path_of(*pair), state) for pair, state in zip(cached, states, strict=True)]
    paths = [files.path_of(*pair) for pair in cached]
    index = pd.Index([path.relative_to(files.folder).as_posix() for path in paths], name="path", dtype=object)
    sizes = pd.Series([size_on_disk(path) for path in paths], index=index, dtype="int64")
    return pd.DataFrame({"state": pd.Series(states, index=index, dtype=str), "size": sizes})


def _check_all(files: ReleaseFiles, cached: list[tuple[Manifest, FileEntry]], progress: bool) -> list[str]:
    total = sum(size_on_disk(path) for pair in cached if (path := files.path_of(*pair)).exists())
    with (
        progress_bar(progress, desc="hashing", total=total, unit="B", unit_scale=True) as bar,
        threads(_HASHING_THREADS) as pool,
    ):
        return list(pool.map(lambda pair: _check(files, pair[0], pair[1], bar), cached))


def _check(files: ReleaseFiles, manifest: Manifest, entry: FileEntry, bar: Any) -> str:
    path = files.path_of(manifest, entry)
    if not path.exists():
        return PARTIAL
    try:
        file_hash = hash_file(path, bar.update)
    except VisBehaviorError as error:
        return f"{UNREADABLE}: {error}"
    if file_hash != entry.file_hash:
        # Results of the damaged bytes may have been stored as those of the verified file.
        drop_metrics(files.records_folder, verified_key(entry))
        return DAMAGED
    files.verified.record(path, entry.file_hash)
    return COMPLETE


def _repair(files: ReleaseFiles, broken: list[tuple[Manifest, FileEntry]], progress: bool) -> dict[Path, str]:
    """Download files again and return their states by path. Releases share the names of files, so each is on its own."""
    states: dict[Path, str] = {}
    for manifest, entry in broken:
        remote = files.remote_object(manifest, entry)
        remote.mark_damaged()
        try:
            download_files([remote], progress=progress)
        except VisBehaviorError as error:
            states[files.path_of(manifest, entry)] = f"{NOT_REPAIRED}: {error}"
        else:
            states[files.path_of(manifest, entry)] = REPAIRED
    return states


def size_on_disk(path: Path) -> int:
    """Return the bytes that a complete or partial file takes; 0 if there is none."""
    partial = partial_path(path)
    try:
        if path.exists():
            return path.stat().st_size
        size, allocated = partial.stat().st_size, allocated_bytes(partial)
    except FileNotFoundError:
        # It was deleted meanwhile.
        return 0
    return size if allocated is None else min(allocated, size)
