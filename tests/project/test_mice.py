"""Summaries of mice."""

from __future__ import annotations

import pandas as pd
import pytest

from visbehavior import MissingData, NotFound
from visbehavior import VisualBehaviorOphysProjectCache as Cache
from visbehavior.project.mice import summarize_mice
from visbehavior.project.ophys import mark_kind
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE


def test_each_mouse_has_its_days_and_counts(local_cache: Cache) -> None:
    mice = local_cache.get_mice()
    assert mice.index.tolist() == ["445002", "457841"]
    row = mice.loc["457841"]
    assert (row["first_day"], row["last_day"]) == (
        pd.Timestamp("2019-05-17", tz="UTC"),
        pd.Timestamp("2019-05-20", tz="UTC"),
    )
    assert row[["session_count", "imaging_session_count"]].tolist() == [3, 1]
    assert row[["TRAINING_0", "TRAINING_1", "OPHYS_1"]].tolist() == [1, 1, 1]
    # The session type of its only session is missing.
    assert mice.loc["445002", ["TRAINING_0", "TRAINING_1", "OPHYS_1"]].tolist() == [0, 0, 0]


def test_counts_of_stages_sum_to_the_sessions() -> None:
    types = ["TRAINING_1_gratings", "OPHYS_1_images_A", "OPHYS_1_images_A", "TRAINING_10_x", "TRAINING_2_x"]
    sessions = pd.DataFrame(
        {
            "mouse_id": ["1", "1", "2", "2", "2"],
            "session_type": types,
            "date_of_acquisition": pd.date_range("2020", periods=5, tz="UTC"),
            "ophys_session_id": [None, 5, 6, None, None],
            "sex": ["F", "F", "M", "M", "M"],
        }
    )
    mice = summarize_mice(mark_kind(sessions), BEHAVIOR_SESSION_TABLE)
    stages = [name for name in mice if name.startswith(("TRAINING", "OPHYS"))]
    assert stages[-1] == "OPHYS_1"
    assert mice[stages].sum(axis=1).tolist() == mice["session_count"].tolist() == [2, 3]
    assert mice["sex"].tolist() == ["F", "M"]
    with pytest.raises(MissingData, match="session_type"):
        summarize_mice(sessions.drop(columns="session_type"), BEHAVIOR_SESSION_TABLE)


def test_performance_table_keeps_day_and_stage(local_cache: Cache) -> None:
    table = local_cache.get_performance_table([11, 13], progress=False)
    assert table["day"].tolist() == [1, 0]
    assert table["stage"].tolist() == ["TRAINING_1", "TRAINING_0"]
    assert table["hit_rate"].tolist() == (table["hit_trial_count"] / table["go_trial_count"]).tolist()


def test_id_of_a_session_is_explained_where_a_mouse_is_asked(local_cache: Cache) -> None:
    with pytest.raises(NotFound, match=r"has no mouse 11\. 11 is a behavior_session_id, of mouse 457841\."):
        local_cache.get_mouse(11)
    with pytest.raises(NotFound, match=r"31 is an ophys_session_id, of mouse 457841"):
        local_cache.get_mouse("31")
    with pytest.raises(NotFound, match=r"get_mice\(\) lists them"):
        local_cache.get_mouse(5)
