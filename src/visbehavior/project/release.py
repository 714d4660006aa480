"""A release in use: its tables, and the files of its sessions, whole or streaming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.errors import CorruptFile, NotFound, UnsupportedFile, VisBehaviorError, warn
from visbehavior.nwb.reader import NwbReader
from visbehavior.project.files import ReleaseFiles
from visbehavior.project.manifest import FileEntry, Manifest
from visbehavior.project.tables import NO_FILE, read_project_table
from visbehavior.schema.columns import Table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, OPHYS_CELLS_TABLE, OPHYS_EXPERIMENT_TABLE
from visbehavior.store.download import JOBS, download_files, hash_file
from visbehavior.store.remote_file import RemoteObject

_KINDS = ("ophys_experiment_id", "ophys_session_id", "ophys_container_id", "behavior_session_id")
_KINDS_OF_CELLS = ("cell_roi_id", "cell_specimen_id")
_LISTS = {
    "behavior_session_id": "get_behavior_session_table()",
    "ophys_experiment_id": "get_ophys_experiment_table()",
}
_WORDS = {"behavior_session_id": "behavior session", "ophys_experiment_id": "imaging plane"}


class Release:
    """One release of a library. It can be pickled; what was read does not go along.

    Parameters
    ----------
    library : ReleaseFiles
    manifest : Manifest
        Of the release.
    convention : str
        Whose names and types the tables have: "2.16" or "2.10".
    """

    def __init__(self, library: ReleaseFiles, manifest: Manifest, convention: str) -> None:
        self._library = library
        self._manifest = manifest
        self._convention = convention
        self._kept: dict[str, pd.DataFrame] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    @property
    def version(self) -> str:
        """The release's."""
        return self._manifest.version

    def find(self, entry: FileEntry) -> Path | None:
        """Where a file lies whole; None if it is not here."""
        return self._library.find(self._manifest, entry)

    def table(self, table: Table) -> pd.DataFrame:
        """A project table, the same object each time."""
        if table.name not in self._kept:
            self._kept[table.name] = read_project_table(self._content_of(table), table, self._convention)
        return self._kept[table.name]

    def _content_of(self, table: Table) -> bytes:
        """The CSV of a table."""
        entry = self._manifest.tables.get(table.name)
        if entry is None:
            raise NotFound(
                f"Release {self.version} has no {table.name}; it has {', '.join(self._manifest.tables)}.",
                name=table.name,
            )
        path = self.bring([entry])[0]
        if self._library.source is None and hash_file(path) != entry.file_hash:
            self._say_damaged(path, "used as it is")
        return path.read_bytes()

    def _say_damaged(self, path: Path, what_now: str) -> None:
        warn(f"{path} is not the file of release {self.version}: it was cut or changed. It is {what_now}.")

    def bring(
        self,
        entries: list[FileEntry],
        jobs: int = JOBS,
        progress: bool = True,
        failures: dict[str, VisBehaviorError] | None = None,
    ) -> list[Path]:
        """Files whole, verified unless they were; where each lies."""
        library = self._library
        wanted: dict[FileEntry, RemoteObject] = {}
        for entry in dict.fromkeys(entries):
            path = self.find(entry)
            if path is None:
                wanted[entry] = library.remote(self._manifest, entry)
            elif library.source is not None and not library.is_verified(path, entry.file_hash):
                if hash_file(path) == entry.file_hash:
                    library.note_verified(path, entry.file_hash)
                    continue
                self._say_damaged(path, "fetched again")
                wanted[entry] = library.remote(self._manifest, entry)
                wanted[entry].distrust()
        download_files(
            list(wanted.values()),
            jobs=jobs,
            progress=progress,
            failures=failures,
            on_complete=lambda remote: library.note_verified(remote.final, str(remote.file_hash)),
        )
        return [self.find(entry) or library.path_of(self._manifest, entry) for entry in entries]

    def reader(self, entries: list[FileEntry]) -> NwbReader:
        """The first of some files of one session that is here, else the first, streaming."""
        for entry in entries:
            path = self.find(entry)
            if path is not None:
                return self._local_reader(path, entry)
        remote = self._library.remote(self._manifest, entries[0])
        return NwbReader(remote, release=self.version, file_hash=entries[0].file_hash)

    def _local_reader(self, path: Path, entry: FileEntry) -> NwbReader:
        release = self.version
        try:
            return NwbReader(path, release=release, file_hash=entry.file_hash)
        except (CorruptFile, UnsupportedFile):
            if self._library.source is None:
                raise
            warn(
                f"{path} cannot be opened: it was cut or damaged. What is read of it streams; verify(repair=True), on the command line "
                "visbehavior verify --repair, fetches it anew."
            )
            remote = self._library.remote(self._manifest, entry)
            remote.distrust()
            return NwbReader(remote, release=release, file_hash=entry.file_hash)

    def files_of(self, behavior_session_id: int) -> list[FileEntry]:
        """The file of a session, or those of its planes, the first one first."""
        table = self.table(BEHAVIOR_SESSION_TABLE)
        if behavior_session_id not in table.index:
            raise self._unknown(behavior_session_id, "behavior_session_id")
        file_ids = [table.at[behavior_session_id, "file_id"]]
        if not _names_a_file(file_ids[0]):
            planes = self.table(OPHYS_EXPERIMENT_TABLE)
            of_session = planes.loc[planes["behavior_session_id"] == behavior_session_id, "file_id"]
            listed = table.at[behavior_session_id, "ophys_experiment_id"]
            order = [plane for plane in listed if plane in of_session.index] if isinstance(listed, list) else []
            file_ids = [*of_session.loc[order], *of_session.drop(order)]
        entries = [
            self._manifest.files[key] for file_id in file_ids if (key := str(int(file_id))) in self._manifest.files
        ]
        if not entries:
            raise NotFound(
                f"The manifest of release {self.version} names no file for behavior session {behavior_session_id}. Another release may: list_manifest_file_names() lists them.",
                behavior_session_id=behavior_session_id,
            )
        return entries

    def first_file_of(self, behavior_session_id: int) -> FileEntry:
        """The file of a session, or of its first plane."""
        return self.files_of(behavior_session_id)[0]

    def file_of_plane(self, ophys_experiment_id: int) -> FileEntry:
        """The file of an imaging plane."""
        planes = self.table(OPHYS_EXPERIMENT_TABLE)
        if ophys_experiment_id not in planes.index:
            raise self._unknown(ophys_experiment_id, "ophys_experiment_id")
        return self._manifest.files[str(int(planes.at[ophys_experiment_id, "file_id"]))]

    def _unknown(self, number: int, wanted: str) -> NotFound:
        what = self._what_it_is(number, wanted) or f" {_LISTS[wanted]} lists them."
        return NotFound(f"Release {self.version} has no {_WORDS[wanted]} {number}.{what}", **{wanted: number})

    def _what_it_is(self, number: int, wanted: str) -> str:
        """An id of another kind than the wanted one: which, and which of those that belongs to; "" where it is none."""
        planes = self.table(OPHYS_EXPERIMENT_TABLE).reset_index()
        sessions = self.table(BEHAVIOR_SESSION_TABLE)
        if what := _kind_of(number, planes, _KINDS, wanted):
            return what
        if number in sessions.index:
            return f" {number} is a behavior session without imaging."
        if (sessions["mouse_id"].astype(str) == str(number)).any():
            return f" {number} is a mouse: get_mouse({number}) lists its sessions."
        try:
            cells = self.table(OPHYS_CELLS_TABLE).reset_index()
        except VisBehaviorError:
            # Releases 0.x have none, and it may not be here.
            return ""
        of_planes = planes[["ophys_experiment_id", "behavior_session_id"]]
        return _kind_of(number, cells.merge(of_planes, on="ophys_experiment_id"), _KINDS_OF_CELLS, wanted)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _kind_of(number: int, table: pd.DataFrame, kinds: tuple[str, ...], wanted: str) -> str:
    for kind in kinds:
        belongs = table.loc[table[kind] == number, wanted].drop_duplicates().tolist()
        if belongs and kind != wanted:
            name = _WORDS[wanted] + "s" * (len(belongs) > 1)
            return f" {number} is {_article(kind)} {kind}, of {name} {', '.join(map(str, belongs))}."
    return ""


def _names_a_file(file_id: Any) -> bool:
    return bool(pd.notna(file_id)) and int(file_id) != NO_FILE
