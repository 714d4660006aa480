"""Checking a release: its files against the manifest, and its table against the files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.analysis.history import HISTORY_INPUTS, compute_history
from visbehavior.arguments import check_flags, parse_path
from visbehavior.errors import NotFound, VisBehaviorError
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import MANIFESTS, SESSIONS, FileEntry, Manifest, published_manifests
from visbehavior.project.projects import OPHYS
from visbehavior.project.tables import check_columns, read_project_table
from visbehavior.publish.build import session_rows
from visbehavior.publish.layouts import LAYOUTS, PLANES, Layout
from visbehavior.publish.session_file import SessionFile, read_session_file
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE
from visbehavior.store.verified import hash_file, read_file

_TABLE = BEHAVIOR_SESSION_TABLE.name
_LARGEST_ID = 2**53


def check_release(out_dir: str | os.PathLike[str], *, progress: bool = False) -> list[str]:
    """Check the newest release in a folder, and return a description of each problem; an empty list if there is none.

    Every file is hashed and opened. The behavior session table is compared with the files, and its columns that depend on other
    sessions are computed again; the tables of a release with recordings or imaging planes are made again as a whole.

    Parameters
    ----------
    out_dir : str or os.PathLike
        Folder of `build_release`.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    NotFound
        If there is no release in the folder.
    """
    folder = parse_path("out_dir", out_dir).absolute()
    check_flags(progress=progress)
    layout = next((made for made in LAYOUTS.values() if (folder / made.project.name).is_dir()), LAYOUTS["ophys"])
    root = folder / layout.project.name
    manifest = next(iter(published_manifests(root, layout.project)), None)
    if manifest is None:
        raise NotFound(f"There is no release in {out_dir}: {root / MANIFESTS} contains no manifest.", path=str(out_dir))
    entries = progress_bar(progress, manifest.entries(), unit="file", leave=False)
    problems = [problem for entry in entries if (problem := _check_file(root, entry))]
    if problems:
        return problems
    has_planes = any(entry.path.startswith(PLANES) for entry in manifest.files.values())
    is_behavior = layout.project == OPHYS and not has_planes
    return _check_table(root, manifest) if is_behavior else _check_tables(layout, root, manifest)


def _check_file(root: Path, entry: FileEntry) -> str:
    path = root / entry.path
    if not path.exists():
        return f"{entry.path} is missing"
    try:
        is_same = hash_file(path) == entry.file_hash
    except VisBehaviorError as error:
        return str(error)
    return "" if is_same else f"{entry.path} does not have the hash in the manifest"


def _check_table(root: Path, manifest: Manifest) -> list[str]:
    """Compare the behavior session table with the manifest, the session files, and itself."""
    if _TABLE not in manifest.tables:
        return [f"the manifest has no {_TABLE}"]
    table = read_project_table(read_file(root / manifest.tables[_TABLE].path), BEHAVIOR_SESSION_TABLE, "2.16")
    check_columns(table, ["file_id", *HISTORY_INPUTS], BEHAVIOR_SESSION_TABLE)
    entries = {number: entry for number, entry in manifest.files.items() if entry.path.startswith(SESSIONS)}
    problems = _compare_file_ids(table, entries, manifest)
    files: dict[int, SessionFile] = {}
    for entry in entries.values():
        try:
            file = read_session_file(root, root / entry.path)
        except VisBehaviorError as error:
            problems.append(f"{entry.path} cannot be read: {error}")
        else:
            files[file.behavior_session_id] = file
    return problems + _compare_rows(table, files)


def _check_tables(layout: Layout, root: Path, manifest: Manifest) -> list[str]:
    """Make the tables again from the files, and compare them with those of the release."""
    files, problems = [], []
    file_ids = {entry.path: int(number) for number, entry in manifest.files.items()}
    for entry in manifest.files.values():
        try:
            files.append(read_session_file(root, root / entry.path))
        except VisBehaviorError as error:
            problems.append(f"{entry.path} cannot be read: {error}")
    if problems or not files:
        return problems or ["the manifest names no session file"]
    expected = layout.make_tables(session_rows(files, file_ids))
    missing = [f"the manifest has no {name}" for name in expected if name not in manifest.tables]
    different = [
        f"{name}.csv differs from the table that the files give"
        for name, table in expected.items()
        if name in manifest.tables
        and read_file(root / manifest.tables[name].path) != table.to_csv(index=False).encode()
    ]
    return missing + different


def _compare_file_ids(table: pd.DataFrame, entries: Mapping[str, FileEntry], manifest: Manifest) -> list[str]:
    numbers = pd.to_numeric(table["file_id"], errors="coerce")
    listed = {str(int(number)) for number in numbers[numbers.between(0, _LARGEST_ID)]}
    return [
        *(f"file {number} is in the manifest and not in {_TABLE}" for number in sorted(set(entries) - listed)),
        *(f"file {number} is in {_TABLE} and not in the manifest" for number in sorted(listed - set(manifest.files))),
    ]


def _compare_rows(table: pd.DataFrame, files: Mapping[int, SessionFile]) -> list[str]:
    omits = [number in files and files[number].omits for number in table.index]
    history = compute_history(table.assign(omits=omits))
    problems = []
    for number, row in table.iterrows():
        expected = (files[number].row if number in files else {}) | history.loc[number].to_dict()
        problems += [
            f"session {number}: {column} is {row[column]} in {_TABLE}, expected {value} from its file and the other rows"
            for column, value in expected.items()
            if column in row and not _is_same(row[column], value)
        ]
    return problems


def _is_same(value: Any, expected: Any) -> bool:
    """Whether two values are equal or both missing."""
    missing = [not isinstance(item, list) and bool(pd.isna(item)) for item in (value, expected)]
    return all(missing) if any(missing) else bool(value == expected)
