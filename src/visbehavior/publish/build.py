"""A release of one's own: sessions in, a bucket with manifests and project tables out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior._version import __version__
from visbehavior.analysis.history import compute_history
from visbehavior.atomic import atomic_write, make_folder
from visbehavior.convert import differing, is_same_session, session_file_name, write_session
from visbehavior.errors import BadValue, UnsupportedFile, VisBehaviorError
from visbehavior.nwb.reader import NwbReader
from visbehavior.processes import map_in_processes
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import (
    MANIFESTS,
    METADATA,
    PROJECT,
    SESSIONS,
    UNVERSIONED,
    Manifest,
    manifest_file_name,
    published_manifests,
)
from visbehavior.publish.session_file import SessionFile, read_session_file
from visbehavior.raw.file import is_raw, read_session_data
from visbehavior.raw.reader import RawReader
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, PROJECT_TABLES
from visbehavior.schema.stimulus_pickle import BEHAVIOR, STIMULUS_FILE
from visbehavior.session import BehaviorSession
from visbehavior.settings import BUCKET, REGION
from visbehavior.store.download import hash_file

FIRST_VERSION = "1.0.0"
OF_LAYOUT = "2.16.2"
"""AllenSDK's version, which it looks for in a manifest."""

Session = str | os.PathLike[str] | Mapping[str, Any] | BehaviorSession | Callable[[], Mapping[str, Any]]

_NUMBER = re.compile(r"0|[1-9]\d*", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_SHOWN = 10
_ABANDONED = 3600.0


def build_release(
    sessions: Iterable[Session],
    out_dir: str | os.PathLike[str],
    *,
    version: str | None = None,
    bucket: str = BUCKET,
    jobs: int = 1,
    progress: bool = False,
) -> Path:
    """Make a release, in the layout of the public bucket: what any static server, S3 or a folder can serve.

    The folder is a cache for `VisualBehaviorOphysProjectCache.from_local_cache(out_dir, use_static_cache=True)`, here and in AllenSDK.
    Nothing that was published is ever changed: a second build adds a version, whose new objects have names of their own. What was broken off
    goes on: files that are whole are not written again.

    Parameters
    ----------
    sessions : iterable
        All sessions of the release: files (NWB; the rig's pickles; JSON of what is known of one), dictionaries (as `from_json` takes them, or
        as `simulate` gives them), functions that return one, `BehaviorSession` objects. Behavior only.
    out_dir : str or os.PathLike
        A new folder, or that of an earlier release.
    version : str or None
        Such as "1.2.0", above the newest there; None: the next one.
    bucket : str
        Name of the bucket that it will lie in; AllenSDK takes it from the manifest.
    jobs : int
        Processes. More than one import your script: guard its start with ``if __name__ == "__main__":``.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    pathlib.Path
        The manifest.

    Raises
    ------
    BadValue
        If the folder holds something else, two sessions have one id, the version is no higher one, or a session could not be written: then
        nothing is published, and what was written is kept for the next try.

    Notes
    -----
    The tables say what the release's own say: earlier exposures, experience and session numbers as AllenSDK counts them
    (`visbehavior.analysis.history`), outcomes and engaged trials as `get_performance_metrics` counts them.
    """
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise BadValue(
            f"bucket is {bucket!r}; expected a name as S3 has them, such as {BUCKET}.", name="bucket", value=bucket
        )
    root = _project_folder(Path(out_dir).expanduser().absolute())
    earlier = next(iter(published_manifests(root)), None)
    version = _next_version(earlier, version)
    folders = _folders(root, version)
    if isinstance(sessions, (str, os.PathLike, Mapping, BehaviorSession)):
        sessions = [sessions]
    total = len(sessions) if isinstance(sessions, Sequence) else None
    done = map_in_processes(_released_or_error, ((item, root, folders) for item in sessions), jobs)
    found = dict(progress_bar(progress, done, total=total, unit="session", leave=False))
    released = _all_whole([found[position] for position in sorted(found)])
    taken = {path: file_hash for known in published_manifests(root) for path, file_hash in known.hashes.items()}
    _check_unchanged(root, released, taken)
    manifest = _manifest(root, version, bucket, earlier, released, taken)
    _tidy(root)
    target = root / MANIFESTS / manifest_file_name(version)
    if target.exists():
        raise BadValue(
            f"Release {version} was published by another build meanwhile: {target}. Build again, for the version after it.",
            path=str(target),
        )
    _put(target, json.dumps(manifest, indent=1).encode())
    return target


def _project_folder(out_dir: Path) -> Path:
    """The project's folder within, made if need be."""
    root = out_dir / PROJECT
    if out_dir.is_file():
        raise BadValue(f"{out_dir} is a file; a release needs a folder of its own.", path=str(out_dir))
    if out_dir.is_dir() and not root.is_dir() and any(out_dir.iterdir()):
        raise BadValue(
            f"{out_dir} holds something else, and no release: there is no {PROJECT} in it. Name a new folder.",
            path=str(out_dir),
        )
    for name in (MANIFESTS, METADATA, SESSIONS):
        make_folder(root / name)
    return root


def _next_version(earlier: Manifest | None, wanted: str | None) -> str:
    if wanted is None and earlier is None:
        return FIRST_VERSION
    before = (0, 0, 0) if earlier is None else _numbers(earlier.version)
    if wanted is None:
        return f"{before[0]}.{before[1] + 1}.0"
    if _numbers(wanted) <= before:
        raise BadValue(
            f"Version {wanted} does not come after the newest release there, {earlier.version if earlier else ''}.",
            value=wanted,
        )
    return wanted


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".") if isinstance(version, str) else []
    if len(parts) != 3 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise BadValue(f"Version {version!r}: expected three numbers, such as {FIRST_VERSION}.", value=version)
    return tuple(int(part) for part in parts)


def _tidy(root: Path) -> None:
    """Remove what builds left that were killed, some time ago: a younger file may be another build's."""
    for part in (root / SESSIONS).glob(".part-*"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()


def _released_or_error(item: Session, root: Path, folders: list[Path]) -> SessionFile | VisBehaviorError:
    try:
        return read_session_file(root, _write(item, folders))
    except VisBehaviorError as error:
        return error


def _write(item: Session, folders: list[Path]) -> Path:
    """The session's file in the release's folder."""
    if callable(item):
        item = item()
    if isinstance(item, BehaviorSession):
        location = Path(item.source.location)
        is_file = location.suffix == ".nwb" and location.is_file()
        return _copy(location, folders) if is_file else _place(item, folders)
    if isinstance(item, Mapping):
        return _place_raw({STIMULUS_FILE: item} if BEHAVIOR[0] in item else item, folders)
    if not isinstance(item, (str, os.PathLike)):
        raise BadValue(
            f"{item!r} is no session; expected a path, a dictionary, a BehaviorSession, or a function.", value=item
        )
    path = Path(item).expanduser()
    return _place_raw(read_session_data(path), folders) if is_raw(path) else _copy(path, folders)


def _place_raw(data: Mapping[str, Any], folders: list[Path]) -> Path:
    reader = RawReader(data)
    with BehaviorSession(reader) as session:
        return _place(session, folders, reader.carries_images())


def _place(session: BehaviorSession, folders: list[Path], compress_templates: bool = False) -> Path:
    """The file of a session that has none: one that is there, or a new one, under a name of its own if what is known was corrected."""
    name = session_file_name(session.behavior_session_id)
    there = _files_of(folders, name)
    for path in there:
        if not differing(session, path):
            return path
    if there and not is_same_session(session, there[0]):
        raise _two_of_one_id(name, str(there[0]), session.source.location)
    return write_session(session, _free_place(folders, name), compress_templates)


def _copy(path: Path, folders: list[Path]) -> Path:
    """A copy of an NWB file: under a name of its own where that of the session is taken by other bytes."""
    reader = NwbReader(path)
    if reader.read_imaging_metadata():
        raise UnsupportedFile(
            f"{path} is a file of an imaging plane; releases are made of behavior sessions. Write its behavior half with write_nwb first.",
            path=str(path),
        )
    name, file_hash = session_file_name(reader.read_behavior_session_id()), hash_file(path)
    for there in _files_of(folders, name):
        if hash_file(there) == file_hash:
            return there
    target = _free_place(folders, name)
    with atomic_write(target, needed=path.stat().st_size) as part:
        shutil.copyfile(path, part)
    return target


def _folders(root: Path, version: str) -> list[Path]:
    """Where sessions lie: that of all releases, that of each release for what was changed, the new release's last."""
    versions = [entry.version for entry in published_manifests(root)]
    return [root / SESSIONS, *(root / SESSIONS / known for known in (*reversed(versions), version))]


def _files_of(folders: list[Path], name: str) -> list[Path]:
    """The files of a session in any release, the first one first."""
    return [folder / name for folder in folders if (folder / name).exists()]


def _free_place(folders: list[Path], name: str) -> Path:
    """Where a session's file goes: nothing that is there is replaced."""
    for target in (folders[0] / name, folders[-1] / name):
        if not target.exists():
            make_folder(target.parent)
            return target
    raise _two_of_one_id(name, str(target), "another one")


def _check_unchanged(root: Path, released: list[SessionFile], taken: Mapping[str, str]) -> None:
    """What was published must still be what it was."""
    for one in released:
        if taken.get(one.path, one.file_hash) != one.file_hash:
            raise BadValue(
                f"{root / one.path} is not what an earlier release published: it was changed or damaged. Put the old file back, or delete it and "
                "its release.",
                path=one.path,
            )


def _all_whole(found: list[SessionFile | VisBehaviorError]) -> list[SessionFile]:
    """All of them, if none failed and no two have one id."""
    failed = [one for one in found if isinstance(one, VisBehaviorError)]
    if failed:
        listed = "\n".join(f"  {error}" for error in failed[:_SHOWN])
        more = f"\n  and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise BadValue(
            f"{len(failed)} of {len(found)} sessions could not be released. Nothing was published; what was written is kept. Mend them, or leave "
            f"them out:\n{listed}{more}"
        )
    released = [one for one in found if isinstance(one, SessionFile)]
    if not released:
        raise BadValue("A release needs sessions; there are none.")
    seen: dict[int, SessionFile] = {}
    for one in released:
        number = one.row["behavior_session_id"]
        if number in seen:
            raise _two_of_one_id(str(number), seen[number].path, one.path)
        seen[number] = one
    return released


def _two_of_one_id(which: str, one: str, other: str) -> BadValue:
    return BadValue(
        f"Two sessions have the id of {which}: {one} and {other}. Give each an id of its own (behavior_session_id), or leave one out.",
        name="behavior_session_id",
        value=which,
    )


def _tables(released: list[SessionFile]) -> dict[str, pd.DataFrame]:
    """The project tables; those of imaging are empty."""
    facts = pd.DataFrame([one.row for one in released])
    facts["omits"] = [one.omits for one in released]
    facts = facts.sort_values(["mouse_id", "date_of_acquisition", "behavior_session_id"], ignore_index=True)
    whole = pd.concat([facts, compute_history(facts)], axis=1)
    tables = {}
    for table in PROJECT_TABLES:
        rows = whole if table is BEHAVIOR_SESSION_TABLE else whole.iloc[:0]
        tables[table.name] = rows.reindex(columns=[table.index, *table.names()])
    return tables


def _manifest(
    root: Path,
    version: str,
    bucket: str,
    earlier: Manifest | None,
    released: list[SessionFile],
    taken: Mapping[str, str],
) -> dict[str, Any]:
    """The manifest as AllenSDK reads it; the tables are put beside the files."""
    numbers, tables = _file_ids(earlier, released), _tables(released)
    sessions = tables[BEHAVIOR_SESSION_TABLE.name]
    of_session = {one.row["behavior_session_id"]: numbers[one.path] for one in released}
    sessions["file_id"] = sessions["behavior_session_id"].map(of_session)
    url = f"https://{bucket}.s3.{REGION}.amazonaws.com/{PROJECT}/"
    entries = {}
    for name, table in tables.items():
        content = table.to_csv(index=False).encode()
        digest = hashlib.blake2b(content).hexdigest()
        entries[name] = _entry(url, _put_table(root, version, name, content, digest, taken), digest)
    files = {str(numbers[one.path]): _entry(url, one.path, one.file_hash) for one in released}
    return {
        "project_name": PROJECT,
        "manifest_version": version,
        "data_pipeline": [
            {"name": "visbehavior", "version": __version__, "comment": "Made the files and the tables."},
            {"name": "AllenSDK", "version": OF_LAYOUT, "comment": "Not used: the version whose layout they have."},
        ],
        "metadata_file_id_column_name": "file_id",
        "metadata_files": entries,
        "data_files": files,
    }


def _entry(url: str, path: str, file_hash: str) -> dict[str, str]:
    return {"url": url + path, "version_id": UNVERSIONED, "file_hash": file_hash}


def _file_ids(earlier: Manifest | None, released: list[SessionFile]) -> dict[str, int]:
    """A number for each file; one that was released before keeps its own."""
    files = {} if earlier is None else earlier.files
    known = {entry.path: int(number) for number, entry in files.items() if number.isdecimal()}
    # AllenSDK takes 0 for none.
    fresh = count(max(known.values(), default=0) + 1)
    return {one.path: known[one.path] if one.path in known else next(fresh) for one in released}


def _put_table(root: Path, version: str, name: str, content: bytes, digest: str, taken: Mapping[str, str]) -> str:
    """Where a table lies: where a release has it if it is the same, else under a name of its own."""
    same = [path for path, file_hash in taken.items() if file_hash == digest and path.endswith(f"/{name}.csv")]
    free = [path for path in (f"{METADATA}/{name}.csv", f"{METADATA}/{version}/{name}.csv") if path not in taken]
    path = (same + free)[0]
    # What no release names was left by a build that was broken off.
    if not same or not (root / path).exists():
        _put(root / path, content)
    return path


def _put(target: Path, content: bytes) -> None:
    target.parent.mkdir(exist_ok=True)
    with atomic_write(target, needed=len(content)) as part:
        part.write_bytes(content)
