"""One release in use: its tables, and the files of its sessions, downloaded or streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from visbehavior.arguments import parse_id
from visbehavior.errors import CorruptFile, NotFound, UnsupportedFile, VisBehaviorError, warn
from visbehavior.nwb.reader import NwbReader
from visbehavior.project.data_set import DataSet
from visbehavior.project.files import ReleaseFiles
from visbehavior.project.ids import NAMES
from visbehavior.project.manifest import FileEntry, Manifest
from visbehavior.project.tables import check_columns, read_project_table
from visbehavior.schema.columns import Table
from visbehavior.schema.project import OPHYS_EXPERIMENT_TABLE
from visbehavior.settings import DOWNLOAD_JOBS
from visbehavior.store.download import download_files
from visbehavior.store.os_files import size_and_mtime
from visbehavior.store.remote_object import RemoteObject, fetch_small_objects
from visbehavior.store.verified import hash_file, read_file


def verified_key(entry: FileEntry) -> str:
    """Return the content key of a verified file."""
    return f"hash {entry.file_hash}"


class SessionFile(NamedTuple):
    """The file that a session is read from: a cached one, or an object of the bucket."""

    entry: FileEntry
    location: Path | RemoteObject


class Release:
    """The tables and files of one release.

    It can be pickled; tables that were read are not pickled with it.

    Parameters
    ----------
    files : ReleaseFiles
    manifest : Manifest
        Manifest of the release.
    convention : str
        Convention of the tables' column names and dtypes: "2.16" or "2.10".
    data_set : DataSet
        The data set of the release.
    """

    def __init__(self, files: ReleaseFiles, manifest: Manifest, convention: str, data_set: DataSet) -> None:
        self._files = files
        self._manifest = manifest
        self._convention = convention
        self.data_set = data_set
        self._tables: dict[str, pd.DataFrame] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tables": {}}

    def without_tables(self) -> Release:
        """Return a copy for `open_reader` in another process: it has no tables and no list of files, so it is small."""
        small = copy(self)
        small._manifest = replace(self._manifest, tables={}, files={})
        small._tables = {}
        return small

    @property
    def version(self) -> str:
        """Version of the release, such as "1.1.0"."""
        return self._manifest.version

    @property
    def manifest_name(self) -> str:
        """File name of the release's manifest."""
        return self._manifest.file_name

    def table(self, table: Table) -> pd.DataFrame:
        """Return a project table; it is read once, and the same object is returned every time."""
        if table.name not in self._tables:
            content, stored_order = self._read_csv(table), self.data_set.stored_order
            self._tables[table.name] = read_project_table(content, table, self._convention, stored_order)
        return self._tables[table.name]

    def session_table(self) -> pd.DataFrame:
        """Return the table of behavior sessions."""
        return self.table(self.data_set.session_table)

    def _fetch_tables(self, tables: Iterable[Table], on_fetched: Callable[[Table], object] = lambda _: None) -> None:
        """Download those of some tables that are not cached, all at once; a function is called with each that is complete."""
        if self._files.source is None:
            return
        absent: dict[RemoteObject, Table] = {}
        for table in tables:
            entry = self._manifest.tables.get(table.name)
            if table.name not in self._tables and entry is not None and self.is_absent(entry):
                absent[self._files.remote_object(self._manifest, entry)] = table
        fetch_small_objects(absent, lambda remote: on_fetched(absent[remote]))

    def _try_to_read(self, table: Table) -> None:
        """Read a table while others are downloaded. An error is raised when it is needed."""
        with suppress(VisBehaviorError):
            self.table(table)

    def find(self, entry: FileEntry) -> Path | None:
        """Return the path of a complete file; None if it is not cached."""
        return self._files.find(self._manifest, entry)

    def is_absent(self, entry: FileEntry) -> bool:
        """Return True if the complete file is not cached."""
        return self.find(entry) is None

    def session_files(self, behavior_session_id: int) -> list[FileEntry]:
        """Return the file of a behavior session, or the files of its imaging planes or its recording.

        Raises
        ------
        NotFound
            If there is no such session, or the release has no file for it.
        """
        if self.data_set.session_table.name not in self._tables:
            self._fetch_tables(self.data_set.tables_of_files, self._try_to_read)
        if behavior_session_id not in self.session_table().index:
            raise self._unknown_id(behavior_session_id, "behavior_session_id")
        file_ids = self.data_set.find_file_ids(behavior_session_id, self.table)
        entries = [entry for value in file_ids if (entry := self._file_of(value))]
        if not entries:
            raise NotFound(
                f"Release {self.version} has no file for behavior session {behavior_session_id}. Another release may have one: "
                "list_manifest_file_names() lists the releases.",
                behavior_session_id=behavior_session_id,
            )
        return entries

    def session_file(self, behavior_session_id: int) -> FileEntry:
        """Return the file of a behavior session, of its first imaging plane, or of its recording."""
        return self.session_files(behavior_session_id)[0]

    def plane_file(self, ophys_experiment_id: int) -> FileEntry:
        """Return the file of an imaging plane.

        Raises
        ------
        NotFound
            If there is no such plane.
        """
        planes = self.table(OPHYS_EXPERIMENT_TABLE)
        if ophys_experiment_id not in planes.index:
            raise self._unknown_id(ophys_experiment_id, "ophys_experiment_id")
        check_columns(planes, ["file_id"], OPHYS_EXPERIMENT_TABLE)
        entry = self._file_of(planes.at[ophys_experiment_id, "file_id"])
        if entry is None:
            raise NotFound(
                f"Release {self.version} has no file for imaging plane {ophys_experiment_id}. Another release may have one: "
                "list_manifest_file_names() lists the releases.",
                ophys_experiment_id=ophys_experiment_id,
            )
        return entry

    def _file_of(self, file_id: Any) -> FileEntry | None:
        """Return the file that a table refers to; None if the manifest has none of this id."""
        try:
            return self._manifest.files.get(str(int(file_id)))
        except (ValueError, TypeError, OverflowError):
            return None

    def select_session_files(
        self, behavior_session_ids: Iterable[int], failures: dict[int, VisBehaviorError] | None
    ) -> dict[int, list[FileEntry]]:
        """Return the files of each session, as `session_files`, by id.

        Parameters
        ----------
        behavior_session_ids : iterable of int
        failures : dict or None
            Receives the error of each unknown id; None: the first one is raised.
        """
        files = {}
        for number in dict.fromkeys(behavior_session_ids):
            try:
                files[number] = self.session_files(number)
            except NotFound as error:
                if failures is None:
                    raise
                failures[number] = error
        return files

    def select_files(
        self,
        behavior_session_ids: Iterable[int | str],
        ophys_experiment_ids: Iterable[int | str],
        failures: dict[str, VisBehaviorError] | None,
    ) -> list[FileEntry]:
        """Return the file of each session and each imaging plane.

        Parameters
        ----------
        behavior_session_ids, ophys_experiment_ids : iterable of int or str
        failures : dict or None
            Receives the error of each unknown id; None: the first one is raised.
        """
        entries = []
        for find_entry, ids in ((self.session_file, behavior_session_ids), (self.plane_file, ophys_experiment_ids)):
            for value in ids:
                try:
                    entries.append(find_entry(parse_id(value)))
                except NotFound as error:
                    if failures is None:
                        raise
                    failures[str(value)] = error
        return entries

    def download(
        self,
        entries: Sequence[FileEntry],
        jobs: int = DOWNLOAD_JOBS,
        progress: bool = True,
        failures: dict[str, VisBehaviorError] | None = None,
    ) -> list[Path]:
        """Download files that are not cached, verify cached ones that were not verified before, and return their paths.

        Raises as `visbehavior.store.download.download_files`.
        """
        files = self._files
        planned = [self._plan_download(entry) for entry in dict.fromkeys(entries)]
        download_files(
            [remote for remote in planned if remote is not None],
            jobs=jobs,
            progress=progress,
            failures=failures,
        )
        return [self.find(entry) or files.path_of(self._manifest, entry) for entry in entries]

    def find_session(self, entries: Sequence[FileEntry]) -> SessionFile:
        """Return the first cached file of a session; if none is cached, the object of its first file.

        Raises
        ------
        NotCached
            If no file is cached and there is no bucket.
        """
        for entry in entries:
            path = self.find(entry)
            if path is not None:
                return SessionFile(entry, path)
        return SessionFile(entries[0], self._files.remote_object(self._manifest, entries[0]))

    def content_key(self, file: SessionFile) -> str | None:
        """Return what identifies the bytes that are read from a file: results that are stored depend on them.

        The hash of a verified file; path, size and modification time of an unverified one; size, version and ETag of a
        streamed object. None if nothing is known of the object before the first request.
        """
        entry, location = file
        if isinstance(location, RemoteObject):
            if location.is_complete:
                return verified_key(entry)
            info = location.partial.load()
            return None if info is None else f"object {info.size} {info.version} {info.etag}"
        if self._files.verified.is_verified(location, entry.file_hash):
            return verified_key(entry)
        return f"file {location} {size_and_mtime(location)}"

    def open_reader(self, entries: Sequence[FileEntry]) -> NwbReader:
        """Return a reader of the first cached file of a session; if none is cached, the first file is streamed."""
        return self.open_file(self.find_session(entries))

    def open_file(self, file: SessionFile) -> NwbReader:
        """Return a reader of the file of a session."""
        entry, location = file
        if isinstance(location, RemoteObject):
            return self._open_remote(location, entry)
        return self._open_cached(location, entry)

    def _open_cached(self, path: Path, entry: FileEntry) -> NwbReader:
        try:
            return NwbReader(path, release=self.version, file_hash=entry.file_hash)
        except (CorruptFile, UnsupportedFile):
            if self._files.source is None:
                raise
            warn(
                f"{path} cannot be opened: it is truncated or damaged. The session is streamed instead. verify(repair=True), on the command "
                "line visbehavior verify --repair, downloads the file again."
            )
            remote = self._files.remote_object(self._manifest, entry)
            remote.mark_damaged()
            return self._open_remote(remote, entry)

    def _open_remote(self, remote: RemoteObject, entry: FileEntry) -> NwbReader:
        return NwbReader(remote, release=self.version, file_hash=entry.file_hash)

    def _read_csv(self, table: Table) -> bytes:
        entry = self._manifest.tables.get(table.name)
        if entry is None:
            raise NotFound(
                f"Release {self.version} has no {table.name}; it has {', '.join(self._manifest.tables)}.",
                name=table.name,
            )
        self._fetch_tables([table])
        path = self.download([entry])[0]
        if self._files.source is None and hash_file(path) != entry.file_hash:
            self._warn_damaged(path, "used as it is")
        return read_file(path)

    def _plan_download(self, entry: FileEntry) -> RemoteObject | None:
        """Return the object to download for a file; None if a complete file with the right hash is cached."""
        files, path = self._files, self.find(entry)
        if path is None:
            return files.remote_object(self._manifest, entry)
        if files.source is None or files.verified.is_verified(path, entry.file_hash):
            return None
        if hash_file(path) == entry.file_hash:
            files.verified.record(path, entry.file_hash)
            return None
        self._warn_damaged(path, "downloaded again")
        remote = files.remote_object(self._manifest, entry)
        remote.mark_damaged()
        return remote

    def _warn_damaged(self, path: Path, action: str) -> None:
        warn(f"{path} is not the file of release {self.version}: it is truncated or was changed. It is {action}.")

    def _unknown_id(self, number: int, kind: str) -> NotFound:
        explanation = self.data_set.explain_unknown_id(number, kind, self.table)
        return NotFound(f"Release {self.version} has no {NAMES[kind]} {number}. {explanation}", **{kind: number})
