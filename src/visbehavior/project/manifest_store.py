"""The manifests of a cache folder and its bucket: listing, choosing, reading and fetching them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from visbehavior.atomic import atomic_write, make_folder
from visbehavior.errors import (
    BadValue,
    CannotWrite,
    NotCached,
    NotFound,
    TransferFailed,
    VisBehaviorError,
    brief_repr,
    warn,
)
from visbehavior.interrupts import iterate_completed, start_thread
from visbehavior.paths import join_inside
from visbehavior.project.manifest import (
    MANIFESTS,
    Manifest,
    is_version,
    manifest_file_name,
    manifest_version,
    newest_first,
    parse_manifest,
)
from visbehavior.project.projects import OPHYS, Project
from visbehavior.store.source import ObjectSource
from visbehavior.store.verified import read_file

LAST_USED = "_manifest_last_used.txt"
"""AllenSDK's file with the name of the manifest that was used last."""


class ManifestStore:
    """The manifests in a folder and, if there is one, in a bucket.

    Parameters
    ----------
    folder : pathlib.Path
        Folder that contains the manifests.
    source : ObjectSource or None
        Bucket to list and fetch manifests from; None: only the folder is read, and nothing is written.
    project : Project
        Manifests of other data sets are ignored.
    """

    def __init__(self, folder: Path, source: ObjectSource | None, project: Project = OPHYS) -> None:
        self.folder = folder
        self.project = project
        self.source = source
        self._loaded: dict[str, Manifest] = {}
        self._guessed: dict[str, bytes] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Manifests have megabytes. A copy in another process reads those that it needs.
        return {**self.__dict__, "_loaded": {}, "_guessed": {}}

    def cached(self) -> list[str]:
        """Return the names of the manifests in the folder, newest release first."""
        return newest_first(os.listdir(self.folder), self.project) if self.folder.is_dir() else []

    @cached_property
    def known(self) -> list[str]:
        """Names of the manifests in the folder and the bucket, newest release first.

        The bucket is listed once. If that fails, one warning is given and the folder's manifests are returned. If the folder has no
        manifest, that of the newest published release is fetched at the same time, because it is probably needed next.
        """
        cached = self.cached()
        if self.source is None:
            return cached
        guess = None if cached else self._guess(self.source)
        try:
            names = newest_first({*cached, *_list_manifests(self.source, self.project)}, self.project)
            if guess is not None:
                self._keep(*guess)
            return names
        except (TransferFailed, NotFound) as error:
            if not cached and isinstance(error, NotFound):
                raise
            if not cached:
                raise NotCached(
                    f"There is no release in {self.folder}, and the bucket could not be listed: {error}",
                    path=str(self.folder),
                ) from error
            warn(f"Newer releases could not be looked up in {self.source}; the releases in {self.folder} are used.")
            return cached

    def _guess(self, source: ObjectSource) -> tuple[str, Future[bytes]]:
        """Start to fetch the manifest of the newest published release; return its name and its content to come."""
        name = manifest_file_name(self.project.releases[0], self.project)
        return name, start_thread(partial(source.read_small, f"{manifest_folder(self.project)}/{name}"))

    def _keep(self, name: str, fetched: Future[bytes]) -> None:
        """Keep a manifest that was fetched early. If that failed, `_download` fetches it when it is needed."""
        with suppress(VisBehaviorError):
            self._guessed[name] = next(iterate_completed([fetched])).result()

    def load(self, name: str) -> Manifest:
        """Return a manifest, fetched if it is not in the folder.

        Raises
        ------
        NotFound, NotCached, BadValue, TransferFailed
        """
        if name not in self._loaded:
            self._loaded[name] = self._read(name)
        return self._loaded[name]

    def choose(self, version: str | None) -> str:
        """Return the name of the manifest to open.

        Parameters
        ----------
        version : str or None
            Release, such as "1.1.0"; None: the one last used in this folder, else the newest.
        """
        if version is not None:
            if not is_version(version):
                raise BadValue(
                    f"version is {brief_repr(version)}; expected a release such as '1.1.0'.", version=version
                )
            return manifest_file_name(version, self.project)
        last_used, known = self.last_used(), self.known
        if not known:
            raise NotFound(
                f"{self.source} contains no release of {self.project.name}. Check the bucket's name and the endpoint.",
                location=str(self.source),
            )
        if last_used and last_used != known[0] and self.source is not None:
            warn(
                f"{self.folder} was last used with release {manifest_version(last_used, self.project)}, which is opened again; the newest is "
                f"{manifest_version(known[0], self.project)}. Choose one with version=, or --data-version on the command line."
            )
        return last_used or known[0]

    def last_used(self) -> str:
        """Return the name of the manifest that was used last, as AllenSDK records it; "" if it is unknown or not in the folder."""
        try:
            name = read_file(self.folder / LAST_USED).decode().strip()
        except (OSError, UnicodeDecodeError):
            return ""
        return name if name in self.cached() else ""

    def record_last_used(self, name: str) -> None:
        """Record the manifest in use, as AllenSDK does. Skipped if the folder is read-only."""
        if self.source is None or self.last_used() == name:
            return
        try:
            with atomic_write(self.folder / LAST_USED) as part:
                part.write_text(name)
        except CannotWrite:
            return

    def _read(self, name: str) -> Manifest:
        path = join_inside(self.folder, name)
        if path.exists():
            try:
                return parse_manifest(read_file(path), str(path), self.project)
            except VisBehaviorError:
                if self.source is None:
                    raise
        elif self.source is None:
            cached = self.cached()[::-1]
            raise NotCached(
                f"{name} is not in {self.folder}; there are {', '.join(cached) or 'none'}.", name=name, there=cached
            )
        return self._fetch(name, self.source, path)

    def _fetch(self, name: str, source: ObjectSource, path: Path) -> Manifest:
        key = f"{manifest_folder(self.project)}/{name}"
        content = self._download(name, source, key)
        manifest = parse_manifest(content, f"{source}/{key}", self.project)
        make_folder(self.folder)
        with atomic_write(path, len(content)) as part:
            part.write_bytes(content)
        return manifest

    def _download(self, name: str, source: ObjectSource, key: str) -> bytes:
        if name in self._guessed:
            return self._guessed.pop(name)
        try:
            return source.read_small(key)
        except NotFound as error:
            known = ", ".join(self.known[::-1]) or "none"
            raise NotFound(f"{source} has no {name}; there are {known}.", name=name) from error
        except TransferFailed as error:
            if not error.offline:
                raise
            cached = ", ".join(self.cached()[::-1]) or "none"
            raise NotCached(
                f"{name} is missing or damaged in {self.folder}, and {source} cannot be reached. Connect to the network, or choose a "
                f"cached release: {cached}.",
                name=name,
            ) from error


def manifest_folder(project: Project) -> str:
    """Return the folder of the manifests in the bucket."""
    return f"{project.name}/{MANIFESTS}"


def _list_manifests(source: ObjectSource, project: Project) -> Iterable[str]:
    try:
        return source.list(manifest_folder(project))
    except TransferFailed as error:
        if not source.is_http or error.offline:
            raise
        # A mirror without directory listings may still have the releases that are known.
        names = [manifest_file_name(version, project) for version in project.releases]
        return [name for name in names if _exists(source, f"{manifest_folder(project)}/{name}")]


def _exists(source: ObjectSource, key: str) -> bool:
    try:
        source.info(key)
    except NotFound:
        return False
    return True
