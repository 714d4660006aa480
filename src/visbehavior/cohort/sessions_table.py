"""The table of sessions of a cohort store."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visbehavior.project.mice import add_day_and_stage
from visbehavior.project.release import Release
from visbehavior.schema.cohort import DATASET, FILE_ENTRIES, METRIC_NAMES, SESSION_ID, SESSIONS
from visbehavior.store.records import Record


def make_sessions(release: Release, records: Mapping[int, Record]) -> pd.DataFrame:
    """Return the table of sessions: the project table, joined with what was read from the files.

    Parameters
    ----------
    release : Release
        Its project table describes the sessions.
    records : dict of int to dict
        Records of sessions that were read.
    """
    project = add_day_and_stage(release.session_table(), release.data_set.session_table)
    numbers = sorted(records)
    frame = project.reindex(numbers)
    frame.index.name = SESSION_ID.name
    columns = {SESSION_ID.name: numbers, DATASET.name: [records[number]["dataset"] for number in numbers]}
    columns |= {
        name: [records[number]["values"].get(name) for number in numbers] for name in (*FILE_ENTRIES, *METRIC_NAMES)
    }
    made = pd.DataFrame(columns)
    for column in SESSIONS:
        if column.name not in made:
            made[column.name] = frame[column.name].array if column.name in frame else None
    return made[SESSIONS.names()]
