"""One table of many sessions, read from their files without a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from visbehavior.progress import progress_bar
from visbehavior.project.manifest import FileEntry
from visbehavior.project.metrics_cache import CONCURRENT_SESSIONS
from visbehavior.project.release import Release
from visbehavior.session import BehaviorSession
from visbehavior.store.steps import Steps, run_together

INDEX = "behavior_session_id"
ReadTable = Callable[[BehaviorSession], pd.DataFrame]


def read_rows(
    release: Release,
    files: Mapping[int, Sequence[FileEntry]],
    read_table: ReadTable,
    convention: str,
    progress: bool,
) -> pd.DataFrame:
    """Return a table of many sessions, streamed at once.

    Parameters
    ----------
    release : Release
        Opens the sessions.
    files : dict of int to sequence of FileEntry
        Files of each session, in the order of the result.
    read_table : function
        Returns the table of a session.
    convention : str
        "2.16" or "2.10".
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        Index behavior_session_id and the index of the table.
    """

    def read(number: int) -> Steps[pd.DataFrame]:
        reader = release.open_reader(files[number])
        session = BehaviorSession(reader, allensdk_version=convention)
        return (yield from reader.reading(lambda: read_table(session)))

    finished = run_together(((number, read(number)) for number in files), CONCURRENT_SESSIONS)
    tables = dict(progress_bar(progress, finished, total=len(files), unit="session", leave=False))
    return _concatenate({number: tables[number] for number in files})


def _concatenate(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=[INDEX, None]))
    # A table without rows has columns of other types, which would change those of the result.
    filled = {number: table for number, table in tables.items() if len(table)} or dict([next(iter(tables.items()))])
    return pd.concat(filled, names=[INDEX])
