"""AllenSDK's keywords of the project tables."""

from __future__ import annotations

import pandas as pd
import pytest

from visbehavior import BadValue, VisBehaviorWarning
from visbehavior import VisualBehaviorOphysProjectCache as Cache

METHODS = (
    "get_behavior_session_table",
    "get_ophys_session_table",
    "get_ophys_experiment_table",
    "get_ophys_cells_table",
)


@pytest.mark.parametrize("method", METHODS)
def test_suppressed_columns_are_left_out_of_a_copy(local_cache: Cache, method: str) -> None:
    table = getattr(local_cache, method)()
    name = next(iter(table))
    pd.testing.assert_frame_equal(getattr(local_cache, method)(suppress=[name]), table.drop(columns=name))
    pd.testing.assert_frame_equal(getattr(local_cache, method)(suppress=name), table.drop(columns=name))
    assert name in getattr(local_cache, method)()


def test_unknown_suppressed_column_warns_and_suggests(local_cache: Cache) -> None:
    with pytest.warns(VisBehaviorWarning, match=r"suppress has 'mouseid', .*Did you mean mouse_id\?"):
        table = local_cache.get_behavior_session_table(suppress=["mouseid", "trial_count"])
    assert "trial_count" not in table


@pytest.mark.parametrize("method", METHODS)
def test_other_keywords_are_type_errors(local_cache: Cache, method: str) -> None:
    with pytest.raises(TypeError, match="passive_only"):
        getattr(local_cache, method)(passive_only=True)


def test_misspelt_keyword_is_suggested(local_cache: Cache) -> None:
    with pytest.raises(TypeError, match=r"has no keyword 'supress'\. Did you mean suppress\?"):
        local_cache.get_behavior_session_table(supress=["sex"])


def test_keywords_of_allensdk_that_change_nothing_are_accepted(local_cache: Cache) -> None:
    table = local_cache.get_behavior_session_table(as_df=True, include_ophys_data=True, include_trial_metrics=False)
    assert table is local_cache.get_behavior_session_table()


def test_index_column_gives_a_row_per_plane(local_cache: Cache) -> None:
    table = local_cache.get_ophys_session_table(index_column="ophys_experiment_id")
    assert (table.index.tolist(), table.index.name) == ([21, 22], "ophys_experiment_id")
    assert table["behavior_session_id"].tolist() == [12, 12]
    with pytest.raises(BadValue, match="index_column is 'mouse_id'; expected ophys_session_id or ophys_experiment_id"):
        local_cache.get_ophys_session_table(index_column="mouse_id")
