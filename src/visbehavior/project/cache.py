"""The data set as a cache of files: releases, project tables, sessions.

So far a cache on this machine's disks: a folder that AllenSDK filled, or the bucket's own tree (a mounted bucket).
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from visbehavior.errors import BadValue, NotCached, NotFound
from visbehavior.nwb.road import NwbRoad
from visbehavior.project.manifest import (
    PROJECT,
    FileEntry,
    Manifest,
    describe_changes,
    manifest_file_name,
    newest_first,
    parse_manifest,
)
from visbehavior.project.tables import NO_FILE, read_project_table
from visbehavior.schema.columns import Table
from visbehavior.schema.convention import parse_convention
from visbehavior.schema.project import (
    BEHAVIOR_SESSION_TABLE,
    OPHYS_CELLS_TABLE,
    OPHYS_EXPERIMENT_TABLE,
    OPHYS_SESSION_TABLE,
)
from visbehavior.session import BehaviorSession
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

LAST_USED = "_manifest_last_used.txt"


class VisualBehaviorOphysProjectCache:
    """The Visual Behavior data set, in a folder.

    Open it with `from_local_cache`. The tables are those of the release that is current; each is read when it is asked
    for, and is the same object from then on.
    """

    def __init__(self, folder: Path, static: bool, allensdk_version: str, version: str | None) -> None:
        self._folder = folder
        self._static = static
        self._convention = parse_convention(allensdk_version)
        self._kept: dict[str, pd.DataFrame] = {}
        self.load_manifest(self._first_manifest(version))

    @classmethod
    def from_local_cache(
        cls,
        cache_dir: str | os.PathLike[str],
        use_static_cache: bool = False,
        *,
        allensdk_version: str = DEFAULT_ALLENSDK_VERSION,
        version: str | None = None,
    ) -> Self:
        """Open a cache whose files are on this machine's disks; nothing is fetched or written.

        Parameters
        ----------
        cache_dir : str or os.PathLike
            A folder that AllenSDK filled, with ``visual-behavior-ophys_project_manifest_v*.json`` in it; with
            `use_static_cache` the bucket's own tree.
        use_static_cache : bool
            Whether it is the bucket's own tree, with ``visual-behavior-ophys/manifests`` in it.
        allensdk_version : str
            Whose names and types the tables have: "2.16" or "2.10".
        version : str or None
            The release, such as "1.1.0"; None: the one last used, else the newest that is there.

        Raises
        ------
        NotFound
            If there is no such folder, or no manifest in it.
        NotCached
            If the release is not there.
        """
        folder = Path(cache_dir).expanduser().absolute()
        if not folder.is_dir():
            raise NotFound(f"There is no folder {folder}. Expected a cache of {PROJECT}.", path=str(folder))
        return cls(folder, use_static_cache, allensdk_version, version)

    def get_behavior_session_table(self, **_: Any) -> pd.DataFrame:
        """Every behavior session: `visbehavior.schema.project.BEHAVIOR_SESSION_TABLE`. AllenSDK's keywords are accepted."""
        return self._table(BEHAVIOR_SESSION_TABLE)

    def get_ophys_session_table(self, **_: Any) -> pd.DataFrame:
        """Every imaging session: `visbehavior.schema.project.OPHYS_SESSION_TABLE`. AllenSDK's keywords are accepted."""
        return self._table(OPHYS_SESSION_TABLE)

    def get_ophys_experiment_table(self, **_: Any) -> pd.DataFrame:
        """Every imaging plane: `visbehavior.schema.project.OPHYS_EXPERIMENT_TABLE`. AllenSDK's keywords are accepted."""
        return self._table(OPHYS_EXPERIMENT_TABLE)

    def get_ophys_cells_table(self) -> pd.DataFrame:
        """Every region of interest: `visbehavior.schema.project.OPHYS_CELLS_TABLE`; releases 0.x have none."""
        return self._table(OPHYS_CELLS_TABLE)

    def get_mouse(self, mouse_id: int | str) -> pd.DataFrame:
        """The sessions of a mouse in order of acquisition.

        Parameters
        ----------
        mouse_id : int or str

        Returns
        -------
        pandas.DataFrame
            Its rows of the behavior session table, and two columns more: ``day``, 0 at the first session, and
            ``has_imaging``, for an OPHYS_ session need not have any.

        Raises
        ------
        NotFound
            If there is no such mouse.
        """
        table = self.get_behavior_session_table()
        found = table[table["mouse_id"].astype(str) == str(mouse_id)]
        if found.empty:
            raise NotFound(
                f"Release {self._manifest.version} has no mouse {mouse_id!r}. get_behavior_session_table()['mouse_id'] lists them.",
                mouse_id=mouse_id,
            )
        dates = pd.to_datetime(found["date_of_acquisition"], utc=True, format="ISO8601").sort_values(kind="stable")
        found, days = found.loc[dates.index], dates.dt.normalize()
        return found.assign(
            day=(days - days.iloc[0]).dt.days, has_imaging=found["ophys_session_id"].notna().astype(bool)
        )

    def get_behavior_session(self, behavior_session_id: int | str) -> BehaviorSession:
        """A behavior session; of an imaging session the behavior half of one of its planes' files.

        Parameters
        ----------
        behavior_session_id : int or str

        Raises
        ------
        NotFound
            If there is no such session; an id of another kind is named with the right one.
        NotCached
            If its file is not there.
        """
        number = _id_number(behavior_session_id)
        entries = self._files_of(number)
        for entry in entries:
            path = self._path_of(entry)
            if path.exists():
                road = NwbRoad(path, release=self._manifest.version, file_hash=entry.file_hash)
                return BehaviorSession(road, allensdk_version=self._convention)
        raise NotCached(
            f"The file of behavior session {number} is not in {self._folder}. Put it at {self._path_of(entries[0])}; it is at {entries[0].url}.",
            path=str(self._path_of(entries[0])),
            url=entries[0].url,
        )

    def list_all_downloaded_manifests(self) -> list[str]:
        """The manifests that are here, the oldest release first."""
        return newest_first(os.listdir(self._manifest_folder))[::-1]

    def list_manifest_file_names(self) -> list[str]:
        """The manifests that are known, the oldest release first."""
        return self.list_all_downloaded_manifests()

    def latest_downloaded_manifest_file(self) -> str:
        """The manifest of the newest release that is here."""
        return self.list_all_downloaded_manifests()[-1]

    def latest_manifest_file(self) -> str:
        """The manifest of the newest release that is known."""
        return self.list_manifest_file_names()[-1]

    def current_manifest(self) -> str:
        """The manifest of the release that the tables are of."""
        return manifest_file_name(self._manifest.version)

    def load_manifest(self, manifest_name: str) -> None:
        """Make a release the current one.

        Raises
        ------
        NotCached
            If its manifest is not here.
        """
        self._manifest = self._read_manifest(manifest_name)
        self._kept.clear()

    def load_latest_manifest(self) -> None:
        """Make the newest release that is known the current one."""
        self.load_manifest(self.latest_manifest_file())

    def compare_manifests(self, manifest_0_name: str, manifest_1_name: str) -> str:
        """What changed from one release to another, in words."""
        return describe_changes(self._read_manifest(manifest_0_name), self._read_manifest(manifest_1_name))

    @cached_property
    def _manifest_folder(self) -> Path:
        folder = self._folder / PROJECT / "manifests" if self._static else self._folder
        if not folder.is_dir() or not newest_first(os.listdir(folder)):
            other = "" if self._static else " (for the bucket's own tree say use_static_cache=True)"
            raise NotFound(
                f"There is no manifest {manifest_file_name('*')} in {folder}{other}. Expected a cache of {PROJECT}.",
                path=str(folder),
            )
        return folder

    def _first_manifest(self, version: str | None) -> str:
        if version is not None:
            return manifest_file_name(version)
        try:
            last_used = (self._manifest_folder / LAST_USED).read_text().strip()
        except (OSError, UnicodeDecodeError):
            last_used = ""
        return (
            last_used if last_used in self.list_all_downloaded_manifests() else self.latest_downloaded_manifest_file()
        )

    def _read_manifest(self, name: str) -> Manifest:
        there = self.list_all_downloaded_manifests()
        if name not in there:
            raise NotCached(
                f"{name} is not in {self._manifest_folder}; there are {', '.join(there)}.", name=name, there=there
            )
        path = self._manifest_folder / name
        return parse_manifest(path.read_bytes(), str(path))

    def _path_of(self, entry: FileEntry) -> Path:
        return self._folder / (PROJECT if self._static else self._manifest.folder) / entry.path

    def _table(self, table: Table) -> pd.DataFrame:
        if table.name not in self._kept:
            self._kept[table.name] = read_project_table(self._content_of(table), table, self._convention)
        return self._kept[table.name]

    def _content_of(self, table: Table) -> bytes:
        entry = self._manifest.tables.get(table.name)
        if entry is None:
            raise NotFound(
                f"Release {self._manifest.version} has no {table.name}; it has {', '.join(self._manifest.tables)}.",
                name=table.name,
            )
        try:
            return self._path_of(entry).read_bytes()
        except FileNotFoundError:
            raise NotCached(
                f"{table.name}.csv is not in the cache: put it at {self._path_of(entry)}; it is at {entry.url}.",
                url=entry.url,
            ) from None

    def _files_of(self, behavior_session_id: int) -> list[FileEntry]:
        """The file of a session, or those of its planes."""
        table = self.get_behavior_session_table()
        if behavior_session_id not in table.index:
            raise NotFound(self._what_instead(behavior_session_id), behavior_session_id=behavior_session_id)
        file_ids = [table.loc[behavior_session_id, "file_id"]]
        if not _names_a_file(file_ids[0]):
            planes = self.get_ophys_experiment_table()
            file_ids = planes.loc[planes["behavior_session_id"] == behavior_session_id, "file_id"].tolist()
        entries = [
            self._manifest.files[key] for file_id in file_ids if (key := str(int(file_id))) in self._manifest.files
        ]
        if not entries:
            raise NotFound(
                f"The manifest of release {self._manifest.version} names no file for behavior session {behavior_session_id}.",
                behavior_session_id=behavior_session_id,
            )
        return entries

    def _what_instead(self, number: int) -> str:
        """An id that is none of a behavior session: of what it is, and which session that belongs to."""
        message = f"Release {self._manifest.version} has no behavior session {number}."
        planes = self.get_ophys_experiment_table().reset_index()
        for kind in ("ophys_experiment_id", "ophys_session_id", "ophys_container_id"):
            sessions = planes.loc[planes[kind] == number, "behavior_session_id"].drop_duplicates().tolist()
            if sessions:
                return f"{message} {number} is an {kind}, of behavior session{'s' * (len(sessions) > 1)} {', '.join(map(str, sessions))}."
        if (self.get_behavior_session_table()["mouse_id"].astype(str) == str(number)).any():
            return f"{message} {number} is a mouse: get_mouse({number}) lists its sessions."
        return f"{message} get_behavior_session_table() lists them."


def _id_number(given: Any) -> int:
    try:
        number = int(given)
        if isinstance(given, (bool, np.bool_)) or number != float(given):
            raise ValueError("not a whole number")
    except (TypeError, ValueError, OverflowError) as error:
        raise BadValue(
            f"The id of a session is {given!r}; expected a whole number, or its digits as text.", value=given
        ) from error
    return number


def _names_a_file(file_id: Any) -> bool:
    return bool(pd.notna(file_id)) and int(file_id) != NO_FILE
