"""Comparing a cohort store with the files that it was built from."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from visbehavior.arguments import check_flags, check_whole_number
from visbehavior.cohort.packing import pack
from visbehavior.cohort.query import Cohort, open_cohort
from visbehavior.cohort.session_rows import read_session_rows, session_reads
from visbehavior.cohort.staging import DONE, compute_digest, pack_tables
from visbehavior.cohort.state_model import StateModel, read_model
from visbehavior.cohort.store import read_session_records
from visbehavior.errors import BadValue, CorruptFile, VisBehaviorError, brief_repr
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import FileEntry
from visbehavior.project.project_cache import ProjectCache
from visbehavior.project.release import Release
from visbehavior.schema.cohort import METRIC_NAMES, SESSION_ID, stored_columns
from visbehavior.store.records import Record
from visbehavior.wording import count_text

EQUAL = "equal"


def check_cohort(
    cache: ProjectCache, path: str | os.PathLike[str], *, sessions: int = 20, seed: int = 0, progress: bool = False
) -> pd.DataFrame:
    """Compare a random sample of the sessions of a store with their files.

    Each session is read again from its file, and every value is compared with the store.

    Parameters
    ----------
    cache : VisualBehaviorOphysProjectCache or VisualBehaviorNeuropixelsProjectCache
        The data set that the store was built from.
    path : str or os.PathLike
        Folder of the store.
    sessions : int
        Number of sessions to compare; all if the store has fewer.
    seed : int
        Seed of the random sample.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row per compared session, index behavior_session_id; ``result``: "equal", the names of the tables that differ, or the reason why the
        file could not be read.

    Raises
    ------
    CorruptFile
        If parts are damaged, or the records of the sessions do not give the digest of the store.
    NotFound, BadValue, MissingExtra
    """
    if not isinstance(cache, ProjectCache):
        raise BadValue(f"cache is {brief_repr(cache)}; expected a VisualBehaviorOphysProjectCache.", name="cache")
    check_whole_number("sessions", sessions, 1)
    check_whole_number("seed", seed, 0)
    check_flags(progress=progress)
    if isinstance(path, str) and "://" in path:
        raise BadValue(f"path is {brief_repr(path)}; expected the folder of a store.", name="path", value=path)
    with open_cohort(path) as cohort:
        records = {n: r for n, r in read_session_records(Path(cohort.location)).items() if r["status"] == DONE}
        _check_digest(cohort, records)
        if damaged := cohort.find_damaged():
            raise CorruptFile(
                f"The cohort in {cohort.location} has {count_text(len(damaged), 'damaged or missing part')}, such as {damaged[0]}. Build the "
                "cohort again: it writes what is missing.",
                path=damaged[0],
            )
        known = sorted(cache._release.select_session_files(records, {}))
        chosen = sorted(random.Random(int(seed)).sample(known, min(int(sessions), len(known))))
        files = cache._release.select_session_files(chosen, None)
        model = read_model(Path(cohort.location))
        results = {
            number: _compare(cohort, cache._release, files[number], records[number], model)
            for number in progress_bar(progress, chosen, unit="session", leave=False)
        }
    index = pd.Index(list(results), name=SESSION_ID.name, dtype="int64")
    return pd.DataFrame({"result": list(results.values())}, index=index, dtype=object)


def _check_digest(cohort: Cohort, records: dict[int, Record]) -> None:
    if compute_digest(records) != cohort.digest:
        raise CorruptFile(
            f"The records of the cohort in {cohort.location} do not give its digest: records.txt is damaged. Copy it again, or build the cohort again.",
            path=cohort.location,
        )


def _compare(
    cohort: Cohort, release: Release, entries: Sequence[FileEntry], record: Record, model: StateModel | None
) -> str:
    """Return "equal", or what differs between a session's file and its rows in the store."""
    number, tables = record["id"], record["tables"]
    try:
        reader = release.open_reader(entries)
        reader.prefetch(*session_reads(reader, tables))
        rows, values = read_session_rows(reader, tables, model)
        packed = pack_tables(rows)
        different = [name for name in tables if packed[name] != _pack_stored(cohort, name, number)]
        stored = cohort.table("sessions", METRIC_NAMES, f"{SESSION_ID.name} = {number}")
    except VisBehaviorError as error:
        return str(error)
    expected = pd.DataFrame([values])[list(METRIC_NAMES)]
    if len(stored) != 1 or not stored.astype(float).equals(expected.astype(float)):
        different.append("sessions")
    return f"different: {', '.join(different)}" if different else EQUAL


def _pack_stored(cohort: Cohort, name: str, number: int) -> bytes:
    columns = stored_columns(name, cohort.tables)
    rows = cohort.table(name, [column.name for column in columns], f"{SESSION_ID.name} = {number}")
    return pack(columns, rows)
