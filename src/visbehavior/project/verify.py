"""Whether what is in a cache is what the releases say it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.errors import DiskFull, VisBehaviorError
from visbehavior.progress import progress_bar
from visbehavior.project.files import ReleaseFiles
from visbehavior.project.manifest import FileEntry, Manifest
from visbehavior.store.download import download_files, hash_file
from visbehavior.store.remote_file import RemoteObject

# Hashing releases Python's lock, and more would only make a disk seek.
_AT_ONCE = 2


def verify_files(library: ReleaseFiles, repair: bool, progress: bool) -> pd.DataFrame:
    """Hash every file of a library, and fetch anew what is damaged or here in part, if that is wanted.

    Returns
    -------
    pandas.DataFrame
        Index path; ``state``, ``size`` (bytes).
    """
    files = library.all_files()
    states = _states(library, files, progress)
    wrong = [pair for pair, state in zip(files, states, strict=True) if state != "whole"]
    if repair and wrong:
        repaired = _repaired(library, wrong, progress)
        states = [repaired.get(entry.path, state) for (_, entry), state in zip(files, states, strict=True)]
    paths = [library.path_of(*pair) for pair in files]
    index = pd.Index([path.relative_to(library.folder).as_posix() for path in paths], name="path", dtype=object)
    sizes = pd.Series([_size(path) for path in paths], index=index, dtype="int64")
    return pd.DataFrame({"state": pd.Series(states, index=index, dtype=str), "size": sizes})


def _states(library: ReleaseFiles, files: list[tuple[Manifest, FileEntry]], progress: bool) -> list[str]:
    total = sum(_size(path) for pair in files if (path := library.path_of(*pair)).exists())
    with (
        progress_bar(progress, desc="hashing", total=total, unit="B", unit_scale=True) as bar,
        ThreadPoolExecutor(_AT_ONCE, "visbehavior") as pool,
    ):
        return list(pool.map(lambda pair: _state(library, pair, bar), files))


def _state(library: ReleaseFiles, pair: tuple[Manifest, FileEntry], bar: Any) -> str:
    path = library.path_of(*pair)
    file_hash = pair[1].file_hash
    if not path.exists():
        return "in part"
    if hash_file(path, bar.update) != file_hash:
        return "damaged"
    library.note_verified(path, file_hash)
    return "whole"


def _repaired(library: ReleaseFiles, wrong: list[tuple[Manifest, FileEntry]], progress: bool) -> dict[str, str]:
    objects: dict[str, RemoteObject] = {}
    for manifest, entry in wrong:
        objects[entry.path] = library.remote(manifest, entry)
        objects[entry.path].distrust()
    failures: dict[str, VisBehaviorError] = {}
    try:
        download_files(
            list(objects.values()),
            progress=progress,
            failures=failures,
            on_complete=lambda remote: library.note_verified(remote.final, str(remote.file_hash)),
        )
    except DiskFull as error:
        failures |= {remote.key: error for remote in objects.values()}
    return {
        path: f"not repaired: {failures[remote.key]}" if remote.key in failures else "repaired"
        for path, remote in objects.items()
    }


def _size(path: Path) -> int:
    part = path if path.exists() else path.with_name(path.name + ".blocks")
    found = part.stat()
    # What a sparse file takes, where the system tells.
    return found.st_size if part is path else min(getattr(found, "st_blocks", 1 << 40) * 512, found.st_size)
