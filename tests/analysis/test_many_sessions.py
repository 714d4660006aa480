from __future__ import annotations

import pandas as pd
import pytest

from visbehavior import BadValue
from visbehavior.analysis.many_sessions import check_frame, describe_sessions, get_nullable_booleans, split_sessions

SESSIONS = pd.DataFrame({"behavior_session_id": [2, 1], "mouse_id": [7, 8], "stage": ["A", None]})


def test_repeated_columns_are_reported() -> None:
    with pytest.raises(BadValue, match="has the column 'stage' more than once"):
        check_frame(pd.concat([SESSIONS, SESSIONS[["stage"]]], axis=1), "sessions")


def test_sessions_without_a_group_are_left_out() -> None:
    described = describe_sessions(SESSIONS, "stage")
    assert described.to_dict("index") == {2.0: {"mouse_id": "7", "group": "A"}}


def test_repeated_sessions_are_reported() -> None:
    with pytest.raises(BadValue, match="more than once"):
        describe_sessions(pd.concat([SESSIONS, SESSIONS]), "stage")


def test_rows_are_split_by_session() -> None:
    table = pd.DataFrame({"behavior_session_id": [1, 2, 1], "x": [0, 1, 2]}, index=[5, 5, 5])
    assert {number: rows["x"].tolist() for number, rows in split_sessions(table, "x").items()} == {1: [0, 2], 2: [1]}


def test_missing_truth_values_are_false() -> None:
    table = pd.DataFrame({"x": pd.array([True, None, False], dtype="boolean")})
    assert get_nullable_booleans(table, "x", "x").tolist() == [True, False, False]
