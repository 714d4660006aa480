"""One table of many sessions, read from their files without a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from visbehavior.interrupts import iterate_completed
from visbehavior.processes import threads
from visbehavior.progress import progress_bar
from visbehavior.project.manifest import FileEntry
from visbehavior.project.metrics_cache import CONCURRENT_SESSIONS
from visbehavior.project.release import Release
from visbehavior.session import BehaviorSession

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

    def read(number: int) -> pd.DataFrame:
        return read_table(BehaviorSession(release.open_reader(files[number]), allensdk_version=convention))

    tables: dict[int, pd.DataFrame] = {}
    with threads(CONCURRENT_SESSIONS) as pool:
        futures = {pool.submit(read, number): number for number in files}
        for future in progress_bar(
            progress, iterate_completed(futures), total=len(futures), unit="session", leave=False
        ):
            tables[futures[future]] = future.result()
    return _concatenate({number: tables[number] for number in files})


def _concatenate(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=[INDEX, None]))
    # A table without rows has columns of other types, which would change those of the result.
    filled = {number: table for number, table in tables.items() if len(table)} or dict([next(iter(tables.items()))])
    return pd.concat(filled, names=[INDEX])
