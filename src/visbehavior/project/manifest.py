"""Manifests: the lists of the files that make up the releases.

A manifest gives, for every file of a release, its URL, the version of the object and its BLAKE2b-512 hash. All releases use the
same object keys, so a release is a set of object versions.
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

from visbehavior.errors import BadValue, brief_repr
from visbehavior.paths import is_inside
from visbehavior.store.verified import read_file

PROJECT = "visual-behavior-ophys"

MANIFESTS, METADATA, SESSIONS = "manifests", "project_metadata", "behavior_sessions"
"""Folders below the project's folder in the bucket."""

UNVERSIONED = "null"
"""Version id of every object in a bucket without versioning."""

KNOWN_RELEASES = ("1.1.0", "1.0.1", "1.0.0", "0.3.0", "0.2.0", "0.1.0")
"""The published releases; tried on mirrors that show no directory listing."""

_VERSION = r"\d{1,9}(?:\.\d{1,9}){0,9}"
_FILE_NAME = re.compile(rf"{PROJECT}_project_manifest_v({_VERSION})\.json", re.ASCII)
# The form of the public release's URLs, which cannot contain "..". Opening a cache parses 6,000 of them; this is the fast path.
_PLAIN_URL = re.compile(rf"https://[\w.-]+/{PROJECT}/((?:[\w-][\w.-]*/)*[\w-][\w.-]*)", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True)
class FileEntry:
    """A file of a release.

    Parameters
    ----------
    url : str
        URL of the object.
    path : str
        Path below the release's folder, such as ``behavior_sessions/behavior_session_870987812.nwb``.
    version_id : str
        Version of the object.
    file_hash : str
        BLAKE2b-512 of the file, as hexadecimal digits.
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
"""The natural movie, which is in no manifest (see AllenSDK, ``natural_movie_one_cache.py``)."""


@dataclass(frozen=True)
class Manifest:
    """The files of a release.

    Parameters
    ----------
    version : str
        Release, such as "1.1.0".
    tables : dict of str to FileEntry
        Project tables, by name.
    files : dict of str to FileEntry
        Files of sessions and imaging planes, by file id.
    """

    version: str
    tables: dict[str, FileEntry]
    files: dict[str, FileEntry]

    @property
    def folder(self) -> str:
        """Name of the release's folder in a cache."""
        return f"{PROJECT}-{self.version}"

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Hash of each file, by path."""
        return {entry.path: entry.file_hash for entry in self.entries()}

    def entries(self) -> list[FileEntry]:
        """Return the entries of all tables and files."""
        return [*self.tables.values(), *self.files.values()]


def manifest_file_name(version: str) -> str:
    """Return the file name of a release's manifest."""
    return f"{PROJECT}_project_manifest_v{version}.json"


def manifest_version(file_name: str) -> str | None:
    """Return the release that a manifest's file name gives; None if it is not the name of a manifest."""
    match = _FILE_NAME.fullmatch(file_name)
    return match[1] if match else None


def is_version(version: object) -> bool:
    """Return True for the version of a release, such as "1.1.0"."""
    return isinstance(version, str) and re.fullmatch(_VERSION, version, re.ASCII) is not None


def check_manifest_name(name: str) -> str:
    """Return the name of a manifest, which may be given by its version, such as "1.1.0"; BadValue if it is neither."""
    if is_version(name):
        return manifest_file_name(name)
    if not isinstance(name, str) or manifest_version(name) is None:
        raise BadValue(
            f"{brief_repr(name)} is not a manifest name; expected one such as {manifest_file_name('1.1.0')}. list_manifest_file_names() lists them.",
            name=name,
        )
    return name


def newest_first(file_names: Iterable[str]) -> list[str]:
    """Return the names that are manifests, newest release first."""
    versions = {name: version for name in file_names if (version := manifest_version(name))}
    return sorted(versions, key=lambda name: [int(part) for part in versions[name].split(".")], reverse=True)


def parse_manifest(content: bytes, location: str) -> Manifest:
    """Parse the JSON of a manifest.

    Parameters
    ----------
    content : bytes
        Content of the file.
    location : str
        Path or URL of the file, for error messages.

    Raises
    ------
    BadValue
        If the file is truncated, is not a manifest, or contains paths outside the cache folder.
    """
    try:
        document = json.loads(content)
        version = document["manifest_version"]
        sections = [document[key] for key in ("metadata_files", "data_files")]
        if not is_version(version):
            raise TypeError(f"its manifest_version is {brief_repr(version)}, expected one such as '1.1.0'")
        if not all(isinstance(section, dict) for section in sections):
            raise TypeError("metadata_files and data_files must be objects")
        tables, files = ({str(name): _parse_entry(entry) for name, entry in section.items()} for section in sections)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise BadValue(
            f"{location} is not a manifest of {PROJECT}: {problem}. It is truncated or is another file; download it again.",
            path=location,
        ) from error
    return Manifest(version, tables, files)


def published_manifests(root: Path) -> list[Manifest]:
    """Return the manifests in a project's folder of a bucket, newest release first."""
    folder = root / MANIFESTS
    names = newest_first(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [parse_manifest(read_file(folder / name), str(folder / name)) for name in names]


def describe_changes(older: Manifest, newer: Manifest) -> str:
    """Describe the changes from one release to another in plain text."""
    before, after = older.hashes, newer.hashes
    changes = {
        "added": sorted(set(after) - set(before)),
        "removed": sorted(set(before) - set(after)),
        "changed": sorted(path for path in set(before) & set(after) if before[path] != after[path]),
    }
    lines = [f"From release {older.version} to {newer.version}:"]
    for change, paths in changes.items():
        lines.append(f"{len(paths)} files {change}" + (":" if paths else ""))
        lines += [f"  {path}" for path in paths]
    return "\n".join(lines)


def _parse_entry(entry: dict[str, Any]) -> FileEntry:
    url, version_id, file_hash = (entry[key] for key in ("url", "version_id", "file_hash"))
    if not all(isinstance(value, str) for value in (url, version_id, file_hash)):
        raise TypeError("url, version_id and file_hash of a file must be strings")
    if not _HASH.fullmatch(file_hash):
        raise ValueError(f"the file_hash of {brief_repr(url)} is not a BLAKE2b-512 hash")
    return FileEntry(url, _local_path(url), version_id, file_hash)


def _local_path(url: str) -> str:
    """Return the path of a URL below the project's folder; ValueError if it is not inside that folder."""
    plain = _PLAIN_URL.fullmatch(url)
    if plain:
        return plain[1]
    parts = PurePosixPath(unquote(urlsplit(url).path)).parts
    below = parts[parts.index(PROJECT) + 1 :] if PROJECT in parts else ()
    if not is_inside("/".join(below)):
        raise ValueError(f"{brief_repr(url)} is not the URL of a file below {PROJECT}/")
    return "/".join(below)
