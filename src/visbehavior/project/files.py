"""The files of releases: where each lies in a folder, and how it comes there from a bucket.

The folder is laid out as AllenSDK lays out its own, or is the bucket's own tree (a mounted bucket, a mirror on a disk). A file
that several releases share by its hash lies in one place, and is used from there by all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from visbehavior.atomic import atomic_write, make_folder
from visbehavior.errors import BadValue, CannotWrite, NotCached, NotFound, TransferFailed, VisBehaviorError, warn
from visbehavior.project.manifest import (
    KNOWN_RELEASES,
    MOVIE,
    PROJECT,
    UNVERSIONED,
    FileEntry,
    Manifest,
    manifest_file_name,
    newest_first,
    parse_manifest,
)
from visbehavior.store.records import append_records, read_records
from visbehavior.store.remote_file import RemoteObject
from visbehavior.store.source import ObjectSource

LAST_USED = "_manifest_last_used.txt"
"""AllenSDK's file with the name of the manifest that was used last."""

DOWNLOADED = "_downloaded_data.json"
"""AllenSDK's file with the hashes of what it downloaded, by absolute path."""

VERIFIED = "_visbehavior_verified.txt"
"""Ours: files that were hashed, with their size and time of change then."""

_MANIFESTS = f"{PROJECT}/manifests"


class ReleaseFiles:
    """The files of releases in a folder, and in a bucket if there is one.

    Parameters
    ----------
    folder : pathlib.Path
    source : ObjectSource or None
        The bucket; None: what is not in the folder is not to be had.
    static : bool
        Whether the folder is the bucket's own tree. Nothing is written to it.
    """

    def __init__(self, folder: Path, source: ObjectSource | None, static: bool = False) -> None:
        self.folder = folder
        self.source = source
        self._static = static
        self._manifests: dict[str, Manifest] = {}

    @property
    def manifest_folder(self) -> Path:
        """Where the manifests lie."""
        return self.folder / _MANIFESTS if self._static else self.folder

    def manifests_here(self) -> list[str]:
        """The manifests in the folder, the newest release first."""
        return newest_first(os.listdir(self.manifest_folder)) if self.manifest_folder.is_dir() else []

    @cached_property
    def manifests_known(self) -> list[str]:
        """Those, and those in the bucket, which is asked once; one warning where it does not answer."""
        here = self.manifests_here()
        if self.source is None:
            return here
        try:
            return newest_first({*here, *self._listed(self.source)})
        except (TransferFailed, NotFound) as error:
            if not here and isinstance(error, NotFound):
                raise
            if not here:
                raise NotCached(
                    f"No release is in {self.folder}, and none can be looked up: {error}", path=str(self.folder)
                ) from error
            warn(f"Newer releases could not be looked up in {self.source}; what is in {self.folder} is used.")
            return here

    def manifest(self, name: str) -> Manifest:
        """A release, brought here if need be.

        Raises
        ------
        NotFound, NotCached, BadValue, TransferFailed
        """
        if name not in self._manifests:
            self._manifests[name] = self._read_manifest(name)
        return self._manifests[name]

    def last_used(self) -> str:
        """The manifest that was used last, by AllenSDK's record; "" where none is or it is not here."""
        try:
            name = (self.manifest_folder / LAST_USED).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""
        return name if name in self.manifests_here() else ""

    def note_last_used(self, name: str) -> None:
        """Record it, as AllenSDK does; a folder that cannot be written does without."""
        if self.source is not None and self.last_used() != name:
            try:
                with atomic_write(self.folder / LAST_USED) as part:
                    part.write_text(name)
            except CannotWrite:
                return

    def find(self, manifest: Manifest, entry: FileEntry) -> Path | None:
        """The file where it is whole, in the release's folder or in another's that has the same; None where it is not here."""
        own = self.path_of(manifest, entry)
        if own.exists():
            return own
        return next((path for path in self._elsewhere(manifest, entry) if path.exists()), None)

    def path_of(self, manifest: Manifest, entry: FileEntry) -> Path:
        """Where the file belongs: the movie beside the releases, all else in the release's folder."""
        if entry is MOVIE and not self._static:
            return self.folder / entry.path
        return self.folder / (PROJECT if self._static else manifest.folder) / entry.path

    def remote(self, manifest: Manifest, entry: FileEntry) -> RemoteObject:
        """The file in the bucket, and what of it is here.

        Raises
        ------
        NotCached
            If there is no bucket.
        """
        if self.source is None:
            raise NotCached(
                f"{PurePath(entry.path).name} is not in {self.folder}. Put it at {self.path_of(manifest, entry)}; it is at {entry.url}. Or "
                "open the cache with from_s3_cache, which fetches what is not there.",
                path=str(self.path_of(manifest, entry)),
                url=entry.url,
            )
        begun = (path for path in self._elsewhere(manifest, entry) if _is_begun(path))
        own = self.path_of(manifest, entry)
        final = own if own.exists() or _is_begun(own) else next(begun, own)
        # There is one version of it; not every server answers when it is asked for by that name.
        version = None if entry.version_id == UNVERSIONED else entry.version_id
        return RemoteObject(self.source, f"{PROJECT}/{entry.path}", version, entry.file_hash, final)

    def is_verified(self, path: Path, file_hash: str) -> bool:
        """Whether the file was found to have this hash, and has not changed since."""
        return self._verified.get(self._name_of(path)) == (file_hash, *_state(path))

    def note_verified(self, path: Path, file_hash: str) -> None:
        """Record that the file has this hash."""
        size, mtime = _state(path)
        name = self._name_of(path)
        self._verified[name] = file_hash, size, mtime
        try:
            append_records(self.folder / VERIFIED, [{"path": name, "hash": file_hash, "size": size, "mtime": mtime}])
        except OSError:
            # Of a folder that cannot be written; it is hashed again next time.
            return

    def all_files(self) -> list[tuple[Manifest, FileEntry]]:
        """Every file of every release that is here, each once, and those that are begun."""
        found: dict[Path, tuple[Manifest, FileEntry]] = {}
        for name in self.manifests_here():
            manifest = self.manifest(name)
            for entry in [*manifest.entries(), MOVIE]:
                path = self.path_of(manifest, entry)
                if path not in found and (path.exists() or _is_begun(path)):
                    found[path] = manifest, entry
        return list(found.values())

    def _listed(self, source: ObjectSource) -> Iterable[str]:
        try:
            return source.list(_MANIFESTS)
        except TransferFailed as error:
            if not source.is_http or getattr(error, "offline", False):
                raise
            # A mirror that shows no listing is asked for the releases that we know of.
            return [name for name in map(manifest_file_name, KNOWN_RELEASES) if _is_there(source, name)]

    def _read_manifest(self, name: str) -> Manifest:
        path = self.manifest_folder / name
        if path.exists():
            try:
                return parse_manifest(path.read_bytes(), str(path))
            except BadValue:
                if self.source is None:
                    raise
        elif self.source is None:
            raise NotCached(
                f"{name} is not in {self.manifest_folder}; there are {', '.join(self.manifests_here()[::-1]) or 'none'}.",
                name=name,
                there=self.manifests_here()[::-1],
            )
        return self._fetched_manifest(name, self.source, path)

    def _fetched_manifest(self, name: str, source: ObjectSource, path: Path) -> Manifest:
        key = f"{_MANIFESTS}/{name}"
        try:
            _, pieces = source.stream(key)
            content = b"".join(pieces)
        except NotFound as error:
            known = ", ".join(self.manifests_known[::-1]) or "none"
            raise NotFound(f"{source} has no {name}; there are {known}.", name=name) from error
        except TransferFailed as error:
            if not getattr(error, "offline", False):
                raise
            here = ", ".join(self.manifests_here()[::-1]) or "none"
            raise NotCached(
                f"{name} is not in {self.folder}, or damaged, and {source} cannot be reached. Connect to the network, or choose a release that "
                f"is there: {here}.",
                name=name,
            ) from error
        manifest = parse_manifest(content, f"{source}/{key}")
        make_folder(self.folder)
        with atomic_write(path, len(content)) as part:
            part.write_bytes(content)
        return manifest

    def _elsewhere(self, manifest: Manifest, entry: FileEntry) -> Iterator[Path]:
        """Where else the same bytes may lie: other releases' folders, and what AllenSDK has noted."""
        for name in self.manifests_here():
            other = self._other_manifest(name) if name != manifest_file_name(manifest.version) else None
            if other is not None and other.hashes.get(entry.path) == entry.file_hash:
                yield self.path_of(other, entry)
        yield from self._noted_by_allensdk.get(entry.file_hash, [])

    def _other_manifest(self, name: str) -> Manifest | None:
        """A release that might share files; one that cannot be read shares none."""
        try:
            return self.manifest(name)
        except VisBehaviorError:
            return None

    @cached_property
    def _noted_by_allensdk(self) -> dict[str, list[Path]]:
        """Files by hash. The paths are absolute, and the folder may have been moved since."""
        try:
            noted = json.loads((self.folder / DOWNLOADED).read_bytes())
            pairs = [(PurePath(path.replace("\\", "/")).parts[-3:], file_hash) for path, file_hash in noted.items()]
        except (OSError, ValueError, AttributeError):
            return {}
        found: dict[str, list[Path]] = {}
        for parts, file_hash in pairs:
            if ".." not in parts:
                found.setdefault(file_hash, []).append(self.folder.joinpath(*parts))
        return found

    @cached_property
    def _verified(self) -> dict[str, tuple[Any, ...]]:
        records, _ = read_records(self.folder / VERIFIED)
        return {record["path"]: (record["hash"], record["size"], record["mtime"]) for record in records}

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _is_begun(path: Path) -> bool:
    return path.with_name(path.name + ".blocks").exists()


def _is_there(source: ObjectSource, name: str) -> bool:
    try:
        source.info(f"{_MANIFESTS}/{name}")
    except NotFound:
        return False
    return True


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
