"""Building a cohort store: the tables of many sessions as sorted Parquet files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.arguments import as_iterable, check_choice, check_flags, check_whole_number
from visbehavior.atomic import make_folder
from visbehavior.cohort.database import connect
from visbehavior.cohort.engines import Engine
from visbehavior.cohort.merge import Job, merge
from visbehavior.cohort.model_rows import MODEL_TABLES, STATES_TABLE
from visbehavior.cohort.session_rows import read_session_rows, session_reads
from visbehavior.cohort.staging import (
    DONE,
    FAILED,
    pack_tables,
    read_staged_records,
    write_staged,
)
from visbehavior.cohort.state_model import find_model
from visbehavior.cohort.store import (
    DESCRIPTION,
    STAGING,
    Part,
    hash_bytes,
    is_intact,
    parse_folder,
    read_description,
    read_session_records,
)
from visbehavior.errors import BadValue, CannotWrite, NotCached, VisBehaviorError, brief_repr
from visbehavior.extras import import_extra
from visbehavior.progress import progress_bar
from visbehavior.project.ids import Ids, parse_ids
from visbehavior.project.manifest import FileEntry
from visbehavior.project.metrics_cache import CONCURRENT_SESSIONS, running_code_key
from visbehavior.project.project_cache import ProjectCache
from visbehavior.project.release import Release, verified_key
from visbehavior.schema.cohort import DEFAULT_TABLES, ROW_TABLES
from visbehavior.store.locks import BUILD_LOCK, only_build
from visbehavior.store.records import Record
from visbehavior.store.steps import Steps, run_together

_SESSIONS_PER_CALL = 8
"""Sessions that a worker reads in one call, at most, if they are in files."""
UNCHANGED = "unchanged"
Work = list[tuple[int, list[FileEntry]]]


def build_cohort(
    cache: ProjectCache,
    path: str | os.PathLike[str],
    ids: Ids | None = None,
    *,
    tables: Iterable[str] = DEFAULT_TABLES,
    executor: Any = None,
    jobs: int | None = None,
    shard: tuple[int, int] | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Build or update a store with the tables of many sessions, for `open_cohort`.

    Only sessions that are new, or whose file or code changed, are read. Sessions are streamed: of each file only the parts
    that the tables need are fetched. A session that cannot be read is recorded as failed, and the others are built. An
    interrupted build continues where it stopped.

    Parameters
    ----------
    cache : VisualBehaviorOphysProjectCache or VisualBehaviorNeuropixelsProjectCache
        The data set. A store may have sessions of several data sets.
    path : str or os.PathLike
        A new or empty folder, or the folder of an earlier build.
    ids : int, str, iterable of them, or None
        Sessions to add or update; sessions that the store has besides are kept. None: all sessions of the release; sessions of
        this data set that the release no longer has are removed.
    tables : iterable of str
        Tables besides ``sessions``: "trials", "flashes", "licks", "lick_bouts", "rewards", "rolling_performance", "running_speed",
        "eye_tracking", "strategy", "states". The last four are not among the default ones. Running speed and eye tracking are
        most of a file's bytes; with them the flash table has its means of running speed and pupil width. A strategy takes about
        a second. The states are fitted once, to 32 random sessions of the first build, and kept in the store.
    executor : concurrent.futures.Executor or None
        Runs the work elsewhere, such as ``dask.distributed.Client(...).get_executor()`` on a cluster. Its workers must reach the
        folder `path`, and the cache folder or the bucket.
    jobs : int or None
        Number of processes; None: this process only. With more than one, the processes import your script: protect its entry
        point with ``if __name__ == "__main__":``.
    shard : tuple of int or None
        ``(i, n)``: read only the i-th of n shares of the sessions, i from 1, as a task of an array of jobs does. Several shards
        may run at once. When all have ended, a build without `shard` completes the store.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row per session, index behavior_session_id: ``status`` ("done", "unchanged" or "failed"), ``error`` ("" unless failed),
        ``dataset``, and ``seconds`` that reading took.

    Raises
    ------
    BadValue
        If the folder contains something else, another build is running in it, or an argument is wrong.
    NotFound
        If there is no such session.
    MissingExtra
        If DuckDB is not installed.
    CannotWrite, DiskFull
        If the folder cannot be written to. Sessions that were read are kept.
    """
    if not isinstance(cache, ProjectCache):
        raise BadValue(
            f"cache is {brief_repr(cache)}; expected a project cache, such as VisualBehaviorOphysProjectCache.from_s3_cache() returns.",
            name="cache",
        )
    check_flags(progress=progress)
    engine, wanted = Engine(executor, jobs), _parse_tables(tables)
    numbers = None if ids is None else list(dict.fromkeys(parse_ids(ids)))
    share = _parse_shard(shard)
    connect().close()
    if set(MODEL_TABLES) & set(wanted):
        import_extra("scipy.linalg")
    folder = _open_folder(parse_folder("path", path))
    job = Job(folder, cache._release.without_tables(), wanted, running_code_key(), cache._data_set.project.name)
    # Shards do not exclude each other.
    with only_build(folder / BUILD_LOCK, folder) if share is None else nullcontext():
        known = _known_records(folder)
        files, missing = _select_files(cache._release, numbers)
        # If no session has changed since a build in which none had states, none has states now.
        if STATES_TABLE in wanted and not all(_is_current(known.get(n), each, job) for n, each in files.items()):
            job = replace(job, model=find_model(folder, cache._release, files, progress))
        selected = list(files) if share is None else list(files)[share[0] - 1 :: share[1]]
        current = {number for number in selected if _is_current(known.get(number), files[number], job)}
        work = [(number, files[number]) for number in selected if number not in current]
        records = dict(_read_sessions(engine, job, work, progress, cache))
        records |= {number: _failure(job, number, error) for number, error in missing.items() if share is None}
        if share is None:
            kept = known if numbers is not None else _without_removed(known, {*files, *missing}, job.dataset)
            merge(engine, job, cache._release, kept | records, progress)
    unchanged = {number: {**known[number], "status": UNCHANGED} for number in current}
    return _summarize({**unchanged, **records})


def _parse_tables(tables: Iterable[str]) -> tuple[str, ...]:
    names = list(as_iterable("tables", tables, (str,), "names of tables"))
    for name in names:
        check_choice("tables", name, (table.name for table in ROW_TABLES))
    if not names:
        raise BadValue("tables is empty; expected names of tables, such as trials.", name="tables")
    return tuple(table.name for table in ROW_TABLES if table.name in names)


def _parse_shard(shard: Any) -> tuple[int, int] | None:
    if shard is None:
        return None
    if not isinstance(shard, tuple) or len(shard) != 2:
        raise BadValue(f"shard is {brief_repr(shard)}; expected two numbers, such as (1, 10), or None.", name="shard")
    check_whole_number("shard", shard[1], 1)
    check_whole_number("shard", shard[0], 1, int(shard[1]))
    return int(shard[0]), int(shard[1])


def _open_folder(folder: Path) -> Path:
    if folder.is_dir():
        names = {path.name for path in folder.iterdir()}
        if names and not names & {DESCRIPTION, STAGING, BUILD_LOCK}:
            raise BadValue(
                f"{folder} is not empty and contains no cohort: there is no {DESCRIPTION} in it. Name a new folder.",
                path=str(folder),
            )
    make_folder(folder / STAGING)
    return folder


def _known_records(folder: Path) -> dict[int, Record]:
    """Return the records of sessions that are in the store or staged; a staged one is newer."""
    description = read_description(folder)
    stored = {} if description is None else read_session_records(folder)
    parts = () if description is None else description.parts
    in_parts = {number for part in parts if _is_intact(folder, part) for number in part.ids}
    kept = {number: record for number, record in stored.items() if record["status"] == FAILED or number in in_parts}
    return kept | read_staged_records(folder)


def _is_intact(folder: Path, part: Part) -> bool:
    """Return whether a part has all its files; a damaged file is removed, because it will be written again."""
    damaged = [folder / file.path for file in part.files.values() if not is_intact(folder, file)]
    for path in damaged:
        path.unlink(missing_ok=True)
    return not damaged


def _select_files(
    release: Release, numbers: list[int] | None
) -> tuple[dict[int, list[FileEntry]], dict[int, VisBehaviorError]]:
    """Return the files of sessions. With explicit ids an unknown one is an error; of all sessions, some may have no file."""
    if numbers is not None:
        return release.select_session_files(numbers, None), {}
    missing: dict[int, VisBehaviorError] = {}
    return release.select_session_files(release.session_table().index.tolist(), missing), missing


def _source_key(release: Release, entries: Sequence[FileEntry]) -> str:
    """Return what identifies the bytes of a session: the hash in the manifest, unless an unverified file is cached."""
    with suppress(NotCached):
        key = release.content_key(release.find_session(entries))
        if key is not None and key.startswith("file "):
            return key
    return verified_key(entries[0])


def _is_current(record: Record | None, entries: Sequence[FileEntry], job: Job) -> bool:
    """Return whether a session need not be read again."""
    if record is None or record["status"] != DONE or record["code"] != job.code:
        return False
    if record["states"] != job.model_key:
        return False
    return bool(record["tables"] == list(job.tables) and record["source"] == _source_key(job.release, entries))


def _without_removed(known: Mapping[int, Record], present: set[int], dataset: str) -> dict[int, Record]:
    return {number: record for number, record in known.items() if number in present or record["dataset"] != dataset}


def _read_sessions(
    engine: Engine, job: Job, work: Work, progress: bool, cache: ProjectCache
) -> Iterator[tuple[int, Record]]:
    """Read sessions and stage their rows, and yield their records."""
    with progress_bar(progress, total=len(work), unit="session", desc="Reading", leave=False) as bar:
        for record in _stage(job, work) if engine.in_process else _stage_by_workers(engine, job, work):
            if cache.traffic.bytes:
                bar.set_postfix_str(f"{cache.traffic.bytes / 1e6:,.0f} MB", refresh=False)
            bar.update()
            yield record["id"], record


def _stage_by_workers(engine: Engine, job: Job, work: Work) -> Iterator[Record]:
    cached: Work = []
    absent: Work = []
    for number, entries in work:
        (absent if all(map(job.release.is_absent, entries)) else cached).append((number, entries))
    calls = _divide(job, cached, engine, _SESSIONS_PER_CALL) + _divide(job, absent, engine, CONCURRENT_SESSIONS)
    for position, result in engine.run(stage_sessions, calls):
        if isinstance(result, VisBehaviorError):
            yield from (_failure(job, number, result) for number, _ in calls[position][1])
        else:
            yield from result


def _divide(job: Job, work: Work, engine: Engine, most: int) -> list[tuple[Job, Work]]:
    """Return the calls of `stage_sessions`: several for each worker, so that all end at about the same time."""
    size = max(1, min(most, len(work) // (4 * engine.workers)))
    return [(job, work[start : start + size]) for start in range(0, len(work), size)]


def stage_sessions(job: Job, work: Work) -> list[Record]:
    """Read sessions and stage their rows; return a record for each."""
    return list(_stage(job, work))


def _stage(job: Job, work: Work) -> Iterator[Record]:
    """Read sessions and stage their rows. Those that are streamed wait for the network together."""
    steps = ((number, _staging(job, number, entries)) for number, entries in work)
    return (record for _, record in run_together(steps, CONCURRENT_SESSIONS))


def _staging(job: Job, number: int, entries: Sequence[FileEntry]) -> Steps[Record]:
    """Read a session, and stage its rows; a session that cannot be read is recorded as failed."""
    begin = time.perf_counter()
    try:
        reader = job.release.open_reader(entries)
        yield from reader.prefetching(*session_reads(reader, job.tables))
        rows, values = read_session_rows(reader, job.tables, job.model)
        packed = pack_tables(rows)
        record = _make_record(job, number, entries, time.perf_counter() - begin) | {
            "rows": {name: len(frame) for name, frame in rows.items()},
            "hashes": {name: hash_bytes(content) for name, content in packed.items()},
            "values": {name: None if value != value else value for name, value in values.items()},
        }
        write_staged(job.folder, record, packed)
    except CannotWrite:
        # No other session could be written either.
        raise
    except VisBehaviorError as error:
        return _failure(job, number, error)
    return {name: value for name, value in record.items() if name != "sizes"}


def _make_record(job: Job, number: int, entries: Sequence[FileEntry], seconds: float) -> Record:
    return {
        "id": number,
        "status": DONE,
        "error": "",
        "dataset": job.dataset,
        "release": job.release.version,
        "source": _source_key(job.release, entries),
        "code": job.code,
        "states": job.model_key,
        "tables": list(job.tables),
        "seconds": round(seconds, 3),
    }


def _failure(job: Job, number: int, error: VisBehaviorError) -> Record:
    described = {"status": FAILED, "error": str(error), "dataset": job.dataset, "release": job.release.version}
    return {"id": number, **described, "code": job.code, "seconds": 0.0}


def _summarize(records: Mapping[int, Record]) -> pd.DataFrame:
    columns = ("status", "error", "dataset", "seconds")
    index = pd.Index(sorted(records), name="behavior_session_id", dtype="int64")
    return pd.DataFrame({name: [records[number][name] for number in index] for name in columns}, index=index)
