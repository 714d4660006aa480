"""Whether a release is what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.analysis.history import compute_history
from visbehavior.errors import NotFound, VisBehaviorError
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import MANIFESTS, PROJECT, SESSIONS, Manifest, published_manifests
from visbehavior.project.tables import read_project_table
from visbehavior.publish.session_file import read_session_file
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE
from visbehavior.store.download import hash_file


def check_release(out_dir: str | os.PathLike[str], *, progress: bool = False) -> list[str]:
    """What is wrong with the newest release in a folder, in words; an empty list if nothing is.

    Every file is hashed and opened, and the behavior session table is compared with what the files and the other rows say.

    Parameters
    ----------
    out_dir : str or os.PathLike
        The folder of `build_release`.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    NotFound
        If there is no release.
    """
    root = Path(out_dir).expanduser().absolute() / PROJECT
    manifest = next(iter(published_manifests(root)), None)
    if manifest is None:
        raise NotFound(f"There is no release in {out_dir}: {root / MANIFESTS} holds no manifest.", path=str(out_dir))
    wrong = []
    for entry in progress_bar(progress, manifest.entries(), unit="file", leave=False):
        path = root / entry.path
        if not path.exists():
            wrong.append(f"{entry.path} is not there")
        elif hash_file(path) != entry.file_hash:
            wrong.append(f"{entry.path} has another hash than the manifest says")
    return wrong or _compare_table(root, manifest)


def _compare_table(root: Path, manifest: Manifest) -> list[str]:
    """Where the behavior session table differs from its files, or rows from what other rows say."""
    name = BEHAVIOR_SESSION_TABLE.name
    content = (root / manifest.tables[name].path).read_bytes()
    table = read_project_table(content, BEHAVIOR_SESSION_TABLE, "2.16")
    files = {number: entry for number, entry in manifest.files.items() if entry.path.startswith(SESSIONS)}
    listed = {str(int(number)) for number in table["file_id"].dropna() if number >= 0}
    wrong = [f"file {number} is in the manifest and not in {name}" for number in sorted(set(files) - listed)]
    wrong += [f"file {number} is in {name} and not in the manifest" for number in sorted(listed - set(manifest.files))]
    rows = []
    for entry in files.values():
        try:
            rows.append(read_session_file(root, root / entry.path))
        except VisBehaviorError as error:
            wrong.append(f"{entry.path} cannot be read: {error}")
    stored = {one.row["behavior_session_id"]: one for one in rows}
    history = compute_history(table.assign(omits=[number in stored and stored[number].omits for number in table.index]))
    for number, row in table.iterrows():
        facts = {**(stored[number].row if number in stored else {}), **history.loc[number].to_dict()}
        wrong += [
            f"session {number}: {column} is {row[column]} in {name}, and {value} by its file and the other rows"
            for column, value in facts.items()
            if column in row and not _same(row[column], value)
        ]
    return wrong


def _same(one: Any, other: Any) -> bool:
    missing = [not isinstance(value, list) and bool(pd.isna(value)) for value in (one, other)]
    return missing[0] and missing[1] if any(missing) else bool(one == other)
