"""The files in a cache folder: listing them, and removing those that are no longer needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from visbehavior.project.files import ReleaseFiles
from visbehavior.project.verify import COMPLETE, PARTIAL, size_on_disk
from visbehavior.store.paths import journal_path, lock_path, partial_path


def list_contents(files: ReleaseFiles) -> pd.DataFrame:
    """Return the complete and partial files of the cached releases, without reading them.

    Returns
    -------
    pandas.DataFrame
        Index path (below the cache folder), sorted; ``release``; ``state`` ("complete" or "partial"); ``size`` (bytes on disk).
    """
    rows = []
    for manifest, entry in files.cached_files():
        path = files.path_of(manifest, entry)
        state = COMPLETE if path.exists() else PARTIAL
        rows.append((path.relative_to(files.folder).as_posix(), manifest.version, state, size_on_disk(path)))
    table = pd.DataFrame(rows, columns=["path", "release", "state", "size"]).astype({"size": "int64"})
    return table.sort_values("path").set_index("path")


def select_removable(contents: pd.DataFrame, partial: bool, keep_release: str | None) -> pd.DataFrame:
    """Return the files that may be removed.

    Parameters
    ----------
    contents : pandas.DataFrame
        As `list_contents` returns it.
    partial : bool
        Whether partial files are.
    keep_release : str or None
        Release to keep: the files of all others may be removed. None: no release is removed.
    """
    removable = pd.Series(False, index=contents.index)
    if partial:
        removable |= contents["state"] == PARTIAL
    if keep_release is not None:
        removable |= contents["release"] != keep_release
    return contents[removable]


def remove_files(files: ReleaseFiles, contents: pd.DataFrame) -> None:
    """Remove files of the cache, with what belongs to partial ones. They can be downloaded again."""
    for relative in contents.index:
        for path in _with_parts(files.folder / relative):
            with suppress(FileNotFoundError):
                path.unlink()


def _with_parts(path: Path) -> Iterator[Path]:
    yield from (path, partial_path(path), journal_path(path), lock_path(path))
