"""The files of releases: their paths in a cache folder, and the objects of the bucket that they are downloaded from.

The folder has AllenSDK's layout, or is the bucket's own tree (a mounted bucket, a mirror on a disk). A file that several
releases have in common, by its hash, is stored once and used by all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePath

from visbehavior.atomic import atomic_write
from visbehavior.errors import NotCached, NotFound, VisBehaviorError
from visbehavior.paths import is_inside, join_inside
from visbehavior.project.manifest import MOVIE, UNVERSIONED, FileEntry, Manifest, manifest_file_name
from visbehavior.project.manifest_store import ManifestStore, manifest_folder
from visbehavior.project.projects import OPHYS, Project
from visbehavior.settings import default_cache_dir
from visbehavior.store.paths import has_partial
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectSource
from visbehavior.store.verified import VerifiedFiles, hash_file, read_file

DOWNLOADED = "_downloaded_data.json"
"""AllenSDK's file with the hashes of the files that it downloaded, by absolute path."""


class ReleaseFiles:
    """The files of all releases in a cache folder and, if there is one, in a bucket.

    Parameters
    ----------
    folder : pathlib.Path
        The cache folder.
    source : ObjectSource or None
        Bucket to download from; None: only files in the folder are available.
    static : bool
        Whether the folder is the bucket's own tree. Nothing is written to it.
    project : Project
        The data set.

    Attributes
    ----------
    records_folder : pathlib.Path
        Folder of our own records: the cache folder, or for the bucket's own tree a folder in the user's cache.
    verified : VerifiedFiles
        Record of verified files.
    """

    def __init__(
        self, folder: Path, source: ObjectSource | None, static: bool = False, project: Project = OPHYS
    ) -> None:
        self.folder = folder
        self.source = source
        self.project = project
        self.manifests = ManifestStore(folder / manifest_folder(project) if static else folder, source, project)
        self.records_folder = default_cache_dir(str(folder)) if static else folder
        self.verified = VerifiedFiles(folder, self.records_folder)
        self.is_static = static

    def find(self, manifest: Manifest, entry: FileEntry) -> Path | None:
        """Return the path of a complete file, which may be in another release's folder; None if it is not cached."""
        own = self.path_of(manifest, entry)
        if own.exists():
            return own
        return next((path for path in self._shared_paths(manifest, entry) if path.exists()), None)

    def path_of(self, manifest: Manifest, entry: FileEntry) -> Path:
        """Return the path of a file in its release's folder; the natural movie belongs to no release."""
        if entry is MOVIE and not self.is_static:
            return join_inside(self.folder, entry.path)
        return join_inside(self.folder, f"{self.project.name if self.is_static else manifest.folder}/{entry.path}")

    def remote_object(self, manifest: Manifest, entry: FileEntry) -> RemoteObject:
        """Return the bucket's object of a file, with its partial file in the cache.

        Raises
        ------
        NotCached
            If there is no bucket.
        """
        own = self.path_of(manifest, entry)
        if self.source is None:
            raise NotCached(
                f"{PurePath(entry.path).name} is not in {self.folder}. Open the cache with from_s3_cache, which fetches missing files, or "
                f"download {entry.url} to {own}.",
                path=str(own),
                url=entry.url,
            )
        begun = (path for path in self._shared_paths(manifest, entry) if has_partial(path))
        final = own if own.exists() or has_partial(own) else next(begun, own)
        # Not every server accepts a request for the version "null".
        version = None if entry.version_id == UNVERSIONED else entry.version_id
        return RemoteObject(
            self.source, f"{self.project.name}/{entry.path}", version, entry.file_hash, final, self.verified
        )

    def cached_files(self) -> list[tuple[Manifest, FileEntry]]:
        """Return every complete or partial file of the cached releases, each path once."""
        files: dict[Path, tuple[Manifest, FileEntry]] = {}
        for name in self.manifests.cached():
            manifest = self.manifests.load(name)
            for entry in [*manifest.entries(), *([MOVIE] if self.project == OPHYS else [])]:
                path = self.path_of(manifest, entry)
                if path not in files and (path.exists() or has_partial(path)):
                    files[path] = manifest, entry
        return list(files.values())

    def write_downloaded(self) -> None:
        """Hash every complete file and write AllenSDK's ``_downloaded_data.json``."""
        paths = [self.path_of(manifest, entry) for manifest, entry in self.cached_files()]
        hashes = {str(path): hash_file(path) for path in paths if path.exists()}
        with atomic_write(self.folder / DOWNLOADED) as part:
            part.write_text(json.dumps(hashes, indent=2, sort_keys=True))

    def _shared_paths(self, manifest: Manifest, entry: FileEntry) -> Iterator[Path]:
        """Yield other paths of the same bytes: in other releases' folders, and as recorded by AllenSDK."""
        for name in self.manifests.cached():
            other = self._load_other(name) if name != manifest.file_name else None
            if other is not None and other.hashes.get(entry.path) == entry.file_hash:
                yield self.path_of(other, entry)
        yield from self._downloaded_by_allensdk.get(entry.file_hash, [])

    def _load_other(self, name: str) -> Manifest | None:
        """Return another release's manifest; None if it cannot be read, because it is not needed."""
        try:
            return self.manifests.load(name)
        except VisBehaviorError:
            return None

    @cached_property
    def _downloaded_by_allensdk(self) -> dict[str, list[Path]]:
        """Paths of the files that AllenSDK recorded, by hash.

        Its paths are absolute, and the folder may have been moved since: they are used from the release's folder on.
        """
        try:
            records = json.loads(read_file(self.folder / DOWNLOADED))
            pairs = [(self._from_release_folder(path), str(value)) for path, value in records.items()]
        except (OSError, ValueError, AttributeError, RecursionError):
            return {}
        paths: dict[str, list[Path]] = {}
        for relative, file_hash in pairs:
            if is_inside(relative):
                paths.setdefault(file_hash, []).append(join_inside(self.folder, relative))
        return paths

    def _from_release_folder(self, path: str) -> str:
        """Return a path from its last folder of a release on; of a path without one the last three parts."""
        parts = path.replace("\\", "/").split("/")
        releases = [i for i, part in enumerate(parts) if part.startswith(f"{self.project.name}-")]
        return "/".join(parts[releases[-1] if releases else -3 :])


def open_cache_folder(folder: Path, static: bool, project: Project = OPHYS) -> ReleaseFiles:
    """Return the files of an existing cache folder, without a bucket.

    Parameters
    ----------
    folder : pathlib.Path
    static : bool
        Whether the folder is the bucket's own tree.
    project : Project

    Raises
    ------
    NotFound
        If there is no such folder, or no manifest in it.
    """
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}. Expected a cache of {project.name}.", path=str(folder))
    files = ReleaseFiles(folder, None, static, project)
    if not files.manifests.cached():
        hint = "" if static else " (if it is a copy of the bucket, use use_static_cache=True)"
        raise NotFound(
            f"There is no manifest {manifest_file_name('*', project)} in {files.manifests.folder}{hint}. Expected a cache of {project.name}.",
            path=str(files.manifests.folder),
        )
    return files
