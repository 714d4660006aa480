"""Files of the sessions of Visual Behavior."""

from __future__ import annotations

import pandas as pd
import pytest

from visbehavior import MissingData
from visbehavior.project.ophys import find_file_ids, mark_kind
from visbehavior.schema.columns import Table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, OPHYS_EXPERIMENT_TABLE

SESSIONS = pd.DataFrame(
    {
        "file_id": [1941.0, -999, float("nan")],
        "ophys_experiment_id": [float("nan"), [22, 21], [23]],
        "ophys_session_id": pd.array([None, 31, 32], dtype="Int64"),
    },
    index=pd.Index([11, 12, 13], name="behavior_session_id"),
)
PLANES = pd.DataFrame(
    {"behavior_session_id": [12, 12, 13, 12], "file_id": [0, 1, 2, 3]},
    index=pd.Index([21, 22, 23, 24], name="ophys_experiment_id"),
)


def read_table(table: Table) -> pd.DataFrame:
    return {BEHAVIOR_SESSION_TABLE.name: SESSIONS, OPHYS_EXPERIMENT_TABLE.name: PLANES}[table.name]


@pytest.mark.parametrize(("number", "file_ids"), [(11, [1941]), (12, [1, 0, 3]), (13, [2])])
def test_files_of_planes_are_in_the_order_of_the_session_table(number: int, file_ids: list[int]) -> None:
    assert find_file_ids(number, read_table) == file_ids


def test_sessions_with_imaging_are_marked() -> None:
    assert mark_kind(SESSIONS)["has_imaging"].tolist() == [False, True, True]
    with pytest.raises(MissingData, match="has no column ophys_session_id"):
        mark_kind(SESSIONS.drop(columns="ophys_session_id"))
