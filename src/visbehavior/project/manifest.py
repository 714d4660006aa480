"""Manifests: what a release consists of.

A manifest names, for every file of a release, its URL, the version of the object and its BLAKE2b-512 hash. The same keys serve
every release, so a release is a set of object versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from visbehavior.errors import BadValue

PROJECT = "visual-behavior-ophys"

MANIFESTS, METADATA, SESSIONS = "manifests", "project_metadata", "behavior_sessions"
"""Folders of the bucket, below the project's."""

UNVERSIONED = "null"
"""What S3 calls the version of an object in a bucket without versions."""

KNOWN_RELEASES = ("1.1.0", "1.0.1", "1.0.0", "0.3.0", "0.2.0", "0.1.0")
"""The releases there were when this was written: for mirrors that show no listing."""

_FILE_NAME = re.compile(rf"{PROJECT}_project_manifest_v(\d+(?:\.\d+)*)\.json")
# As the release's own URLs are: no part can lead out. Six thousand of them are read whenever a cache is opened.
_PLAIN_URL = re.compile(rf"https://[\w.-]+/{PROJECT}/((?:[\w-][\w.-]*/)*[\w-][\w.-]*)", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True)
class FileEntry:
    """A file of a release.

    Parameters
    ----------
    url : str
        Where the object is.
    path : str
        Where it lies below the folder of its release: ``behavior_sessions/behavior_session_870987812.nwb``.
    version_id : str
        Version of the object.
    file_hash : str
        BLAKE2b-512 of its bytes, in hexadecimal digits.
    """

    url: str
    path: str
    version_id: str
    file_hash: str


MOVIE = FileEntry(
    f"https://visual-behavior-ophys-data.s3.us-west-2.amazonaws.com/{PROJECT}/resources/Movie_TOE1.npy",
    "resources/Movie_TOE1.npy",
    "Czht4ouDiTvs4CC_s8hsaE7VtVt_E9rO",
    "7e44cba154b29e1511ab8e5453b7aa5070f1ae456724b5b2541c97c052fbd80aebf159e5f933ab319bda8fdab7b863a096cdb44f129abd20a8c4cc791af4bc41",
)
"""The natural movie, which no manifest names (AllenSDK, ``natural_movie_one_cache.py``)."""


@dataclass(frozen=True)
class Manifest:
    """A release.

    Parameters
    ----------
    version : str
        Such as "1.1.0".
    tables : dict of str to FileEntry
        The project tables, by name.
    files : dict of str to FileEntry
        The sessions and planes, by file id.
    """

    version: str
    tables: dict[str, FileEntry]
    files: dict[str, FileEntry]

    @property
    def folder(self) -> str:
        """The folder of the release in a cache."""
        return f"{PROJECT}-{self.version}"

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The hash of each file, by its path."""
        return {entry.path: entry.file_hash for entry in self.entries()}

    def entries(self) -> list[FileEntry]:
        """Tables and files."""
        return [*self.tables.values(), *self.files.values()]


def manifest_file_name(version: str) -> str:
    """The name of a release's manifest."""
    return f"{PROJECT}_project_manifest_v{version}.json"


def manifest_version(file_name: str) -> str | None:
    """The release of a manifest, by its name; None for other files."""
    found = _FILE_NAME.fullmatch(file_name)
    return found[1] if found else None


def newest_first(file_names: Iterable[str]) -> list[str]:
    """The manifests among some files, the newest release first."""
    versions = {name: version for name in file_names if (version := manifest_version(name))}
    return sorted(versions, key=lambda name: [int(part) for part in versions[name].split(".")], reverse=True)


def parse_manifest(content: bytes, where: str) -> Manifest:
    """A manifest from its JSON.

    Parameters
    ----------
    content : bytes
        The file.
    where : str
        Its name, for messages.

    Raises
    ------
    BadValue
        If it is cut, is something else, or names paths that lead out of a cache.
    """
    try:
        found = json.loads(content)
        version = found["manifest_version"]
        parts = {key: found[key] for key in ("metadata_files", "data_files")}
        if not isinstance(version, str) or not all(isinstance(part, dict) for part in parts.values()):
            raise TypeError("its version is no text, or its files are no objects")
        tables, files = ({str(name): _entry(entry) for name, entry in part.items()} for part in parts.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise BadValue(
            f"{where} is no manifest of {PROJECT}: {what}. It was cut or is another file: get it again.", path=where
        ) from error
    return Manifest(version, tables, files)


def published_manifests(root: Path) -> list[Manifest]:
    """The releases below a project's folder, the newest first."""
    folder = root / MANIFESTS
    names = newest_first(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [parse_manifest((folder / name).read_bytes(), str(folder / name)) for name in names]


def describe_changes(older: Manifest, newer: Manifest) -> str:
    """What changed from one release to another, in words."""
    before, after = older.hashes, newer.hashes
    changes = {
        "added": sorted(set(after) - set(before)),
        "removed": sorted(set(before) - set(after)),
        "changed": sorted(path for path in set(before) & set(after) if before[path] != after[path]),
    }
    lines = [f"From release {older.version} to {newer.version}:"]
    for what, paths in changes.items():
        lines.append(f"{len(paths)} files {what}" + (":" if paths else ""))
        lines += [f"  {path}" for path in paths]
    return "\n".join(lines)


def _entry(found: dict[str, Any]) -> FileEntry:
    url, version_id, file_hash = (found[key] for key in ("url", "version_id", "file_hash"))
    if not all(isinstance(value, str) for value in (url, version_id, file_hash)):
        raise TypeError("url, version_id and file_hash of a file must be texts")
    if not _HASH.fullmatch(file_hash):
        raise ValueError(f"the hash of {url} is no BLAKE2b-512")
    return FileEntry(url, _local_path(url), version_id, file_hash)


def _local_path(url: str) -> str:
    """The part of a URL's path below the project's folder; nothing that leads out of it."""
    plain = _PLAIN_URL.fullmatch(url)
    if plain:
        return plain[1]
    parts = PurePosixPath(unquote(urlsplit(url).path)).parts
    below = parts[parts.index(PROJECT) + 1 :] if PROJECT in parts else ()
    if not below or any(part in ("..", ".", "") or "\\" in part or ":" in part for part in below):
        raise ValueError(f"{url} names no file below {PROJECT}/")
    return "/".join(below)
