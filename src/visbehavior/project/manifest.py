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
from visbehavior.project.projects import OPHYS, VERSION, Project
from visbehavior.store.verified import read_file
from visbehavior.wording import count_text

PROJECT = OPHYS.name
"""Name of the data set with imaging."""

MANIFESTS, METADATA, SESSIONS = "manifests", "project_metadata", "behavior_sessions"
"""Folders below the project's folder in the bucket."""

UNVERSIONED = "null"
"""Version id of every object in a bucket without versioning."""

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
        Files of sessions, imaging planes and recordings, by file id.
    project : Project
        The data set.
    """

    version: str
    tables: dict[str, FileEntry]
    files: dict[str, FileEntry]
    project: Project = OPHYS

    @property
    def folder(self) -> str:
        """Name of the release's folder in a cache."""
        return f"{self.project.name}-{self.version}"

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Hash of each file, by path."""
        return {entry.path: entry.file_hash for entry in self.entries()}

    @property
    def file_name(self) -> str:
        """File name of the manifest."""
        return manifest_file_name(self.version, self.project)

    def entries(self) -> list[FileEntry]:
        """Return the entries of all tables and files."""
        return [*self.tables.values(), *self.files.values()]


def manifest_file_name(version: str, project: Project = OPHYS) -> str:
    """Return the file name of a release's manifest."""
    return f"{project.name}_project_manifest_v{version}.json"


def manifest_version(file_name: str, project: Project = OPHYS) -> str | None:
    """Return the release that a manifest's file name gives; None if it is not the name of a manifest of the project."""
    match = project.file_name_pattern.fullmatch(file_name)
    return match[1] if match else None


def is_version(version: object) -> bool:
    """Return True for the version of a release, such as "1.1.0"."""
    return isinstance(version, str) and re.fullmatch(VERSION, version, re.ASCII) is not None


def check_manifest_name(name: str, project: Project = OPHYS) -> str:
    """Return the name of a manifest of the project, which may be given by its version, such as "1.1.0"; BadValue if it is neither."""
    if is_version(name):
        return manifest_file_name(name, project)
    if not isinstance(name, str) or manifest_version(name, project) is None:
        example = manifest_file_name(project.releases[0], project)
        raise BadValue(
            f"{brief_repr(name)} is not a manifest name; expected one such as {example}. list_manifest_file_names() lists them.",
            name=name,
        )
    return name


def newest_first(file_names: Iterable[str], project: Project = OPHYS) -> list[str]:
    """Return the names that are manifests of a project, newest release first."""
    versions = {name: version for name in file_names if (version := manifest_version(name, project))}
    return sorted(versions, key=lambda name: [int(part) for part in versions[name].split(".")], reverse=True)


def parse_manifest(content: bytes, location: str, project: Project = OPHYS) -> Manifest:
    """Parse the JSON of a manifest.

    Parameters
    ----------
    content : bytes
        Content of the file.
    location : str
        Path or URL of the file, for error messages.
    project : Project

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
        tables, files = (
            {str(name): _parse_entry(entry, project) for name, entry in section.items()} for section in sections
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise BadValue(
            f"{location} is not a manifest of {project.name}: {problem}. It is truncated or is another file; download it again.",
            path=location,
        ) from error
    return Manifest(version, tables, files, project)


def published_manifests(root: Path, project: Project = OPHYS) -> list[Manifest]:
    """Return the manifests in a project's folder of a bucket, newest release first."""
    folder = root / MANIFESTS
    names = newest_first((path.name for path in folder.iterdir()), project) if folder.is_dir() else []
    return [parse_manifest(read_file(folder / name), str(folder / name), project) for name in names]


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
        lines.append(f"{count_text(len(paths), 'file')} {change}" + (":" if paths else ""))
        lines += [f"  {path}" for path in paths]
    return "\n".join(lines)


def _parse_entry(entry: dict[str, Any], project: Project) -> FileEntry:
    url, version_id, file_hash = (entry[key] for key in ("url", "version_id", "file_hash"))
    if not all(isinstance(value, str) for value in (url, version_id, file_hash)):
        raise TypeError("url, version_id and file_hash of a file must be strings")
    if not _HASH.fullmatch(file_hash):
        raise ValueError(f"the file_hash of {brief_repr(url)} is not a BLAKE2b-512 hash")
    return FileEntry(url, _local_path(url, project), version_id, file_hash)


def _local_path(url: str, project: Project) -> str:
    """Return the path of a URL below the project's folder; ValueError if it is not inside that folder."""
    # Opening a cache parses 6,000 URLs; this is the fast path.
    plain = project.plain_url_pattern.fullmatch(url)
    if plain:
        return plain[1]
    parts = PurePosixPath(unquote(urlsplit(url).path)).parts
    below = parts[parts.index(project.name) + 1 :] if project.name in parts else ()
    if not is_inside("/".join(below)):
        raise ValueError(f"{brief_repr(url)} is not the URL of a file below {project.name}/")
    return "/".join(below)
