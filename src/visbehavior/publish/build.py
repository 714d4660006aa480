"""Building a release of sessions: a folder with the manifests, project tables and session files of a bucket."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior._version import __version__
from visbehavior.arguments import as_iterable, check_flags, check_jobs, parse_path
from visbehavior.atomic import atomic_write, make_folder
from visbehavior.errors import BadValue, VisBehaviorError, brief_repr
from visbehavior.processes import map_in_processes
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import (
    MANIFESTS,
    METADATA,
    UNVERSIONED,
    Manifest,
    manifest_file_name,
    published_manifests,
)
from visbehavior.publish.layouts import Layout, SessionFolders, find_layout
from visbehavior.publish.session_file import (
    SessionFile,
    SessionInput,
    read_session_file,
    same_id_error,
    write_session_file,
)
from visbehavior.session import BehaviorSession
from visbehavior.settings import BUCKET, REGION
from visbehavior.store.locks import BUILD_LOCK, only_build

FIRST_VERSION = "1.0.0"
ALLENSDK_VERSION = "2.16.2"
"""Version of AllenSDK whose file layout is used. AllenSDK requires it in a manifest."""

"""File in the project's folder that a running build locks."""

_VERSION_PART = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_LISTED_ERRORS = 10
_ABANDONED_AFTER_SECONDS = 3600.0


def build_release(
    sessions: Iterable[SessionInput],
    out_dir: str | os.PathLike[str],
    *,
    version: str | None = None,
    bucket: str | None = None,
    jobs: int = 1,
    progress: bool = False,
    project: str = "ophys",
) -> Path:
    """Build a release in the layout of the public bucket, to be used as a folder or served by S3 or any static web server.

    The folder can be opened with `VisualBehaviorOphysProjectCache.from_local_cache(out_dir, use_static_cache=True)`, also in
    AllenSDK. Building again in the same folder adds a version: published files are never changed, and new or corrected files get
    new names. After an interruption, build again: session files that are complete are not written again.

    Parameters
    ----------
    sessions : iterable
        All sessions of the release: paths (NWB files, rig's stimulus pickles, JSON files of session data), dictionaries (session
        data as for `BehaviorSession.from_json`, or pickles as from `simulate`), `BehaviorSession` and
        `BehaviorOphysExperiment` objects, and functions that return one of these. A session with imaging is released as its planes.
    out_dir : str or os.PathLike
        A new folder, or the folder of an earlier release.
    version : str or None
        Version such as "1.2.0", higher than those in the folder; None: the next one.
    bucket : str or None
        Name of the bucket that the release will be uploaded to. It is written into the manifest, where AllenSDK reads it. None: the
        data set's public bucket.
    jobs : int
        Number of processes. With more than one, the processes import your script: protect its entry point with
        ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a progress bar.
    project : str
        Data set whose layout the release has: "ophys", or "neuropixels", which `VisualBehaviorNeuropixelsProjectCache` opens. In the
        latter, pickles of EPHYS sessions become recordings: gray, Gabor patches, flashes and a passive replay follow the task, as if
        they had been shown. There are no spikes.

    Returns
    -------
    pathlib.Path
        The manifest.

    Raises
    ------
    BadValue
        If the folder contains something else, another build is running in it, two sessions have one id, the version is not higher, or a session could not be
        written. Nothing is published then; session files that were written are kept for the next attempt.

    Notes
    -----
    Prior exposures, experience levels and session numbers are counted as in AllenSDK (`visbehavior.analysis.history`), trial
    outcomes and engaged trials as in `BehaviorSession.get_performance_metrics`.
    """
    layout = find_layout(project)
    bucket = layout.project.bucket if bucket is None else bucket
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise BadValue(
            f"bucket is {brief_repr(bucket)}; expected an S3 bucket name, such as {BUCKET}.",
            name="bucket",
            value=bucket,
        )
    sessions = as_iterable(
        "sessions", sessions, (str, os.PathLike, Mapping, BehaviorSession), "paths, session data, or sessions"
    )
    check_jobs("jobs", jobs)
    check_flags(progress=progress)
    root = _make_project_folder(parse_path("out_dir", out_dir).absolute(), layout)
    with only_build(root / BUILD_LOCK, root.parent):
        releases = published_manifests(root, layout.project)
        earlier = next(iter(releases), None)
        version = _next_version(earlier, version)
        folders = SessionFolders(root, (*(known.version for known in reversed(releases)), version), layout)
        files = _write_session_files(sessions, folders, jobs, progress)
        published = {path: file_hash for known in releases for path, file_hash in known.hashes.items()}
        _check_unchanged(root, files, published)
        manifest = _write_tables(folders, version, bucket, earlier, files, published)
        _remove_abandoned_parts(folders)
        return _publish(folders, version, manifest)


def _make_project_folder(out_dir: Path, layout: Layout) -> Path:
    name_of_project = layout.project.name
    root = out_dir / name_of_project
    if out_dir.is_file():
        raise BadValue(f"{out_dir} is a file; a release needs its own folder.", path=str(out_dir))
    # One listing: another build may make the project's folder at any time.
    names = {path.name for path in out_dir.iterdir()} if out_dir.is_dir() else set()
    if names and name_of_project not in names:
        raise BadValue(
            f"{out_dir} is not empty and contains no release: there is no {name_of_project} in it. Name a new folder.",
            path=str(out_dir),
        )
    for name in (MANIFESTS, METADATA, *layout.folders):
        make_folder(root / name)
    return root


def _next_version(earlier: Manifest | None, requested: str | None) -> str:
    if requested is None and earlier is None:
        return FIRST_VERSION
    latest = (0, 0, 0) if earlier is None else _parse_version(earlier.version)
    if requested is None:
        return f"{latest[0]}.{latest[1] + 1}.0"
    if _parse_version(requested) <= latest:
        raise BadValue(
            f"Version {requested} is not higher than the newest release in the folder, {earlier.version if earlier else ''}.",
            value=requested,
        )
    return requested


def _parse_version(version: str) -> tuple[int, ...]:
    parts = version.split(".") if isinstance(version, str) else []
    if len(parts) != 3 or not all(_VERSION_PART.fullmatch(part) for part in parts):
        raise BadValue(
            f"Version {brief_repr(version)}: expected three numbers, such as {FIRST_VERSION}.", value=version
        )
    return tuple(int(part) for part in parts)


def _write_session_files(
    sessions: Iterable[SessionInput], folders: SessionFolders, jobs: int, progress: bool
) -> list[SessionFile]:
    total = len(sessions) if isinstance(sessions, Sequence) else None
    results = map_in_processes(_write_or_error, ((item, folders) for item in sessions), jobs)
    by_position = dict(progress_bar(progress, results, total=total, unit="session", leave=False))
    files = _raise_errors([by_position[position] for position in sorted(by_position)])
    _check_ids(files)
    return files


def _write_or_error(item: SessionInput, folders: SessionFolders) -> SessionFile | VisBehaviorError:
    try:
        return read_session_file(folders.root, write_session_file(item, folders))
    except VisBehaviorError as error:
        return error


def _raise_errors(results: list[SessionFile | VisBehaviorError]) -> list[SessionFile]:
    """Return the session files; raise one error that lists all failures if there are any."""
    errors = [result for result in results if isinstance(result, VisBehaviorError)]
    if errors:
        lines = [f"  {error}" for error in errors[:_LISTED_ERRORS]]
        if len(errors) > _LISTED_ERRORS:
            lines.append(f"  and {len(errors) - _LISTED_ERRORS} more")
        raise BadValue(
            f"{len(errors)} of {len(results)} sessions could not be released. Nothing was published; session files that were written are "
            "kept. Correct these sessions or leave them out:\n" + "\n".join(lines)
        )
    return [result for result in results if isinstance(result, SessionFile)]


def _check_ids(files: list[SessionFile]) -> None:
    if not files:
        raise BadValue("A release needs at least one session; there are none.")
    by_session: dict[int, SessionFile] = {}
    by_plane: dict[int | None, SessionFile] = {}
    for file in files:
        first = by_session.setdefault(file.behavior_session_id, file)
        # A session may have several planes, and no other file then.
        is_another_plane = None not in (first.ophys_experiment_id, file.ophys_experiment_id)
        if is_another_plane:
            first = by_plane.setdefault(file.ophys_experiment_id, file)
        if first is not file:
            raise same_id_error(str(file.behavior_session_id), first.path, file.path)


def _check_unchanged(root: Path, files: list[SessionFile], published: Mapping[str, str]) -> None:
    for file in files:
        if published.get(file.path, file.file_hash) != file.file_hash:
            raise BadValue(
                f"{root / file.path} is not the file that an earlier release published: it was changed or damaged. Restore it, or delete it "
                "and its release.",
                path=file.path,
            )


def _write_tables(
    folders: SessionFolders,
    version: str,
    bucket: str,
    earlier: Manifest | None,
    files: list[SessionFile],
    published: Mapping[str, str],
) -> dict[str, Any]:
    """Write the project tables and return the manifest, in AllenSDK's form."""
    file_ids, root, project = _assign_file_ids(earlier, files), folders.root, folders.layout.project.name
    url = f"https://{bucket}.s3.{REGION}.amazonaws.com/{project}/"
    entries = {}
    for name, table in folders.layout.make_tables(session_rows(files, file_ids)).items():
        content = table.to_csv(index=False).encode()
        file_hash = hashlib.blake2b(content).hexdigest()
        entries[name] = _entry(url, _write_table(root, version, name, content, file_hash, published), file_hash)
    return {
        "project_name": project,
        "manifest_version": version,
        "data_pipeline": [
            {"name": "visbehavior", "version": __version__, "comment": "Wrote the files and tables."},
            {
                "name": "AllenSDK",
                "version": ALLENSDK_VERSION,
                "comment": "Not used; the files have the layout of this version.",
            },
        ],
        "metadata_file_id_column_name": "file_id",
        "metadata_files": entries,
        "data_files": {str(file_ids[file.path]): _entry(url, file.path, file.file_hash) for file in files},
    }


def session_rows(files: Iterable[SessionFile], file_ids: Mapping[str, int]) -> pd.DataFrame:
    """Return a row for each file, in the order of the tables, with the columns omits and file_id."""
    rows = pd.DataFrame([file.row | {"omits": file.omits, "file_id": file_ids[file.path]} for file in files])
    order = ["mouse_id", "date_of_acquisition", "behavior_session_id", "ophys_experiment_id"]
    return rows.sort_values([name for name in order if name in rows], ignore_index=True)


def _assign_file_ids(earlier: Manifest | None, files: list[SessionFile]) -> dict[str, int]:
    """Return a file id for each path; a file of the earlier release keeps its id."""
    entries = {} if earlier is None else earlier.files
    known = {entry.path: int(number) for number, entry in entries.items() if number.isdecimal()}
    # Ids start at 1, because AllenSDK treats 0 as missing.
    unused = count(max(known.values(), default=0) + 1)
    return {file.path: known[file.path] if file.path in known else next(unused) for file in files}


def _entry(url: str, path: str, file_hash: str) -> dict[str, str]:
    return {"url": url + path, "version_id": UNVERSIONED, "file_hash": file_hash}


def _write_table(
    root: Path, version: str, name: str, content: bytes, file_hash: str, published: Mapping[str, str]
) -> str:
    """Write a table and return its path: the published one of the same content, else one that no release uses."""
    same = [path for path, known in published.items() if known == file_hash and path.endswith(f"/{name}.csv")]
    unused = [path for path in (f"{METADATA}/{name}.csv", f"{METADATA}/{version}/{name}.csv") if path not in published]
    path = (same + unused)[0]
    # A file that no release uses was left by an interrupted build; it is replaced.
    if not same or not (root / path).exists():
        _write_bytes(root / path, content)
    return path


def _publish(folders: SessionFolders, version: str, manifest: dict[str, Any]) -> Path:
    target = folders.root / MANIFESTS / manifest_file_name(version, folders.layout.project)
    if target.exists():
        raise BadValue(
            f"Release {version} was published by another build in the meantime: {target}. Build again to publish the next version.",
            path=str(target),
        )
    _write_bytes(target, json.dumps(manifest, indent=1).encode())
    return target


def _write_bytes(target: Path, content: bytes) -> None:
    target.parent.mkdir(exist_ok=True)
    with atomic_write(target, needed=len(content)) as part:
        part.write_bytes(content)


def _remove_abandoned_parts(folders: SessionFolders) -> None:
    """Remove incomplete files of builds that were killed; recent ones may belong to a build that is running."""
    for part in (part for name in folders.layout.folders for part in (folders.root / name).rglob(".part-*")):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
                part.unlink()
