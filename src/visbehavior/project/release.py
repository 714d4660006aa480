"""A release of one's own: sessions in, a bucket with manifests and project tables out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior._version import __version__
from visbehavior.analysis.history import compute_history
from visbehavior.atomic import make_folder, whole_file
from visbehavior.conversion import check_same_session, differing, session_file_name, write_raw
from visbehavior.errors import BadValue, NotFound, UnsupportedFile, VisBehaviorError, VisBehaviorWarning
from visbehavior.nwb.road import NwbRoad
from visbehavior.nwb.writer import write_nwb
from visbehavior.processes import in_processes
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import (
    PROJECT,
    UNVERSIONED,
    Manifest,
    manifest_file_name,
    newest_first,
    parse_manifest,
)
from visbehavior.project.tables import read_project_table
from visbehavior.raw.file import is_raw, read_session_data
from visbehavior.schema.derived import NO_PROJECT_CODE, indicator_of
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, COUNTS, PROJECT_TABLES
from visbehavior.schema.rig import BEHAVIOR, STIMULUS_FILE
from visbehavior.schema.session import STIMULUS_TEMPLATES
from visbehavior.session import BehaviorSession
from visbehavior.settings import BUCKET, REGION
from visbehavior.store.transfer import hash_file

FIRST_VERSION = "1.0.0"
OF_LAYOUT = "2.16.2"
"""AllenSDK's version, which it looks for in a manifest."""

Session = str | os.PathLike[str] | Mapping[str, Any] | BehaviorSession | Callable[[], Mapping[str, Any]]

MANIFESTS, METADATA, SESSIONS = "manifests", "project_metadata", "behavior_sessions"
UUID = "behavior_session_uuid"
_NUMBER = re.compile(r"0|[1-9]\d*", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_SHOWN = 10
_ABANDONED = 3600.0
_OF_FILE = (
    "mouse_id",
    "full_genotype",
    "driver_line",
    "cre_line",
    "reporter_line",
    "sex",
    "age_in_days",
    "project_code",
    "session_type",
    "date_of_acquisition",
    "equipment_name",
)


@dataclass(frozen=True)
class Released:
    """A session that lies in the release's folder.

    Parameters
    ----------
    path : str
        Below the project's folder.
    file_hash : str
        BLAKE2b-512.
    row : dict
        What the project table says of it, but for what depends on other sessions.
    omits : bool
        Whether pictures may have been left out.
    """

    path: str
    file_hash: str
    row: dict[str, Any]
    omits: bool


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
    earlier = newest_manifest(root)
    version = _next_version(earlier, version)
    if isinstance(sessions, (str, os.PathLike, Mapping, BehaviorSession)):
        sessions = [sessions]
    total = len(sessions) if isinstance(sessions, Sequence) else None
    done = in_processes(_released_or_error, ((item, root, version) for item in sessions), jobs)
    found = dict(progress_bar(progress, done, total=total, unit="session", leave=False))
    released = _all_whole([found[position] for position in sorted(found)])
    _check_unchanged(root, released)
    tables = _tables(released)
    manifest = _manifest(root, version, bucket, earlier, released, tables)
    _tidy(root)
    target = root / MANIFESTS / manifest_file_name(version)
    if target.exists():
        raise BadValue(
            f"Release {version} was published by another build meanwhile: {target}. Build again, for the version after it.",
            path=str(target),
        )
    _put(target, json.dumps(manifest, indent=1).encode())
    return target


def check_release(out_dir: str | os.PathLike[str], *, progress: bool = False) -> list[str]:
    """What is wrong with the newest release in a folder, in words; an empty list if nothing is.

    Every file is hashed and opened, and the behavior session table is compared with what the files and the other rows say.

    Parameters
    ----------
    out_dir : str or os.PathLike
        The folder of `build_release`.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    NotFound
        If there is no release.
    """
    root = Path(out_dir).expanduser().absolute() / PROJECT
    manifest = newest_manifest(root)
    if manifest is None:
        raise NotFound(f"There is no release in {out_dir}: {root / MANIFESTS} holds no manifest.", path=str(out_dir))
    wrong = []
    for entry in progress_bar(progress, manifest.entries(), unit="file", leave=False):
        path = root / entry.path
        if not path.exists():
            wrong.append(f"{entry.path} is not there")
        elif hash_file(path) != entry.file_hash:
            wrong.append(f"{entry.path} has another hash than the manifest says")
    return wrong or _compare_table(root, manifest)


def newest_manifest(root: Path) -> Manifest | None:
    """The newest release below a project's folder; None if there is none."""
    folder = root / MANIFESTS
    names = newest_first(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return parse_manifest((folder / names[0]).read_bytes(), str(folder / names[0])) if names else None


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


def _released_or_error(item: Session, root: Path, version: str) -> Released | VisBehaviorError:
    try:
        path = _write(item, root, version)
        return _facts(root, path)
    except VisBehaviorError as error:
        return error


def _write(item: Session, root: Path, version: str) -> Path:
    """The session's file in the release's folder."""
    if isinstance(item, BehaviorSession):
        return _write_session(item, root, version)
    if callable(item):
        item = item()
    if isinstance(item, Mapping):
        return _write_raw({STIMULUS_FILE: item} if BEHAVIOR[0] in item else item, root, version)
    if not isinstance(item, (str, os.PathLike)):
        raise BadValue(
            f"{item!r} is no session; expected a path, a dictionary, a BehaviorSession, or a function.", value=item
        )
    path = Path(item).expanduser()
    return _write_raw(read_session_data(path), root, version) if is_raw(path) else _copy(path, root, version)


def _write_raw(data: Mapping[str, Any], root: Path, version: str) -> Path:
    """A pickle's session: under a name of its own where what is known of it was corrected since it was published."""
    with BehaviorSession.from_json(dict(data)) as session:
        published = root / SESSIONS / session_file_name(session.behavior_session_id)
        corrected = published.exists() and UUID not in (names := differing(session, published)) and bool(names)
    folder = root / SESSIONS / version if corrected else root / SESSIONS
    folder.mkdir(exist_ok=True)
    return write_raw(data, folder)


def _copy(path: Path, root: Path, version: str) -> Path:
    """A copy of an NWB file: under a name of its own where that of the session is taken by other bytes."""
    road = NwbRoad(path)
    if road.read_imaging_metadata():
        raise UnsupportedFile(
            f"{path} is a file of an imaging plane; releases are made of behavior sessions. Write its behavior half with write_nwb first.",
            path=str(path),
        )
    name = session_file_name(road.read_behavior_session_id())
    for published in sorted((root / SESSIONS).rglob(name)):
        if hash_file(published) == hash_file(path):
            return published
    for target in (root / SESSIONS / name, root / SESSIONS / version / name):
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            with whole_file(target, needed=path.stat().st_size) as part:
                shutil.copyfile(path, part)
            return target
    raise _two_of_one_id(name, str(path), str(target))


def _write_session(session: BehaviorSession, root: Path, version: str) -> Path:
    """A session that is in memory: its file is copied if it has one, and else it is written."""
    location = Path(session.source.location)
    if location.suffix == ".nwb" and location.is_file():
        return _copy(location, root, version)
    target = root / SESSIONS / session_file_name(session.behavior_session_id)
    if not target.exists():
        return write_nwb(session, target)
    check_same_session(session, target)
    return target


def _facts(root: Path, path: Path) -> Released:
    with BehaviorSession.from_nwb_path(path) as session:
        metadata, metrics = session.metadata, session.get_performance_metrics()
        fraction = session.task_parameters["omitted_flash_fraction"]
        _read_all(session)
    row = {"behavior_session_id": metadata["behavior_session_id"], **{name: metadata[name] for name in _OF_FILE}}
    row["indicator"] = indicator_of(row["reporter_line"])
    if row["project_code"] == NO_PROJECT_CODE:
        row["project_code"] = None
    row |= {column.name: metrics[column.name] for column in COUNTS}
    return Released(path.relative_to(root).as_posix(), hash_file(path), row, bool(fraction > 0))


def _read_all(session: BehaviorSession) -> None:
    """Every table, so that none is published that cannot be read."""
    with warnings.catch_warnings():
        # That there is no eye tracking is nothing new.
        warnings.simplefilter("ignore", VisBehaviorWarning)
        # A session need have no pictures.
        for name in set(session.list_data_attributes_and_methods()) - {STIMULUS_TEMPLATES.name}:
            getattr(session, name)


def _check_unchanged(root: Path, released: list[Released]) -> None:
    """What was published must still be what it was."""
    taken = _published(root)
    for one in released:
        if taken.get(one.path, one.file_hash) != one.file_hash:
            raise BadValue(
                f"{root / one.path} is not what an earlier release published: it was changed or damaged. Put the old file back, or delete it and "
                "its release.",
                path=one.path,
            )


def _published(root: Path) -> dict[str, str]:
    """The hash of each file that any release names, by path."""
    found: dict[str, str] = {}
    for name in newest_first(path.name for path in (root / MANIFESTS).iterdir()):
        found |= parse_manifest((root / MANIFESTS / name).read_bytes(), name).hashes
    return found


def _all_whole(found: list[Released | VisBehaviorError]) -> list[Released]:
    """All of them, if none failed and no two have one id."""
    failed = [one for one in found if isinstance(one, VisBehaviorError)]
    if failed:
        listed = "\n".join(f"  {error}" for error in failed[:_SHOWN])
        more = f"\n  and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise BadValue(
            f"{len(failed)} of {len(found)} sessions could not be released. Nothing was published; what was written is kept. Mend them, or leave "
            f"them out:\n{listed}{more}"
        )
    released = [one for one in found if isinstance(one, Released)]
    if not released:
        raise BadValue("A release needs sessions; there are none.")
    seen: dict[int, Released] = {}
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


def _tables(released: list[Released]) -> dict[str, pd.DataFrame]:
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
    released: list[Released],
    tables: dict[str, pd.DataFrame],
) -> dict[str, Any]:
    """The manifest as AllenSDK reads it; the tables are put beside the files."""
    numbers = _file_ids(earlier, released)
    sessions = tables[BEHAVIOR_SESSION_TABLE.name]
    of_session = {one.row["behavior_session_id"]: numbers[one.path] for one in released}
    sessions["file_id"] = sessions["behavior_session_id"].map(of_session)
    url = f"https://{bucket}.s3.{REGION}.amazonaws.com/{PROJECT}/"
    entries = {}
    for name, table in tables.items():
        path = _put_table(root, version, name, table.to_csv(index=False).encode())
        entries[name] = _entry(url, path, hash_file(root / path))
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


def _file_ids(earlier: Manifest | None, released: list[Released]) -> dict[str, int]:
    """A number for each file; one that was released before keeps its own."""
    known = {} if earlier is None else {entry.path: int(number) for number, entry in earlier.files.items()}
    # AllenSDK takes 0 for none.
    fresh = count(max(known.values(), default=0) + 1)
    return {one.path: known[one.path] if one.path in known else next(fresh) for one in released}


def _put_table(root: Path, version: str, name: str, content: bytes) -> str:
    """Where a table lies: where the last release has it if it is the same, else under a name of its own."""
    taken, digest = _published(root), hashlib.blake2b(content).hexdigest()
    for path in (f"{METADATA}/{name}.csv", f"{METADATA}/{version}/{name}.csv"):
        target = root / path
        if taken.get(path, digest) != digest:
            continue
        if not target.exists():
            _put(target, content)
        if target.read_bytes() == content:
            return path
    # Left by a build of this version that was broken off before its manifest: nobody has read it.
    _put(target, content)
    return path


def _put(target: Path, content: bytes) -> None:
    target.parent.mkdir(exist_ok=True)
    with whole_file(target, needed=len(content)) as part:
        part.write_bytes(content)


def _compare_table(root: Path, manifest: Manifest) -> list[str]:
    """Where the behavior session table differs from its files, or rows from what other rows say."""
    name = BEHAVIOR_SESSION_TABLE.name
    content = (root / manifest.tables[name].path).read_bytes()
    table = read_project_table(content, BEHAVIOR_SESSION_TABLE, "2.16")
    files = {number: entry for number, entry in manifest.files.items() if entry.path.startswith(SESSIONS)}
    listed = {str(int(number)) for number in table["file_id"].dropna() if number >= 0}
    wrong = [f"file {number} is in the manifest and not in {name}" for number in sorted(set(files) - listed)]
    wrong += [f"file {number} is in {name} and not in the manifest" for number in sorted(listed - set(manifest.files))]
    rows = []
    for entry in files.values():
        try:
            rows.append(_facts(root, root / entry.path))
        except VisBehaviorError as error:
            wrong.append(f"{entry.path} cannot be read: {error}")
    stored = {one.row["behavior_session_id"]: one for one in rows}
    history = compute_history(table.assign(omits=[number in stored and stored[number].omits for number in table.index]))
    for number, row in table.iterrows():
        facts = {**(stored[number].row if number in stored else {}), **history.loc[number].to_dict()}
        wrong += [
            f"session {number}: {column} is {row[column]} in {name}, and {value} by its file and the other rows"
            for column, value in facts.items()
            if column in row and not _same(row[column], value)
        ]
    return wrong


def _same(one: Any, other: Any) -> bool:
    missing = [not isinstance(value, list) and bool(pd.isna(value)) for value in (one, other)]
    return missing[0] and missing[1] if any(missing) else bool(one == other)
