"""Tests of parsing ids and of explaining unknown ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visbehavior import BadValue, NotFound, VisualBehaviorOphysProjectCache
from visbehavior.project.ids import parse_id, parse_ids


@pytest.mark.parametrize("value", [11, "11", np.int64(11), 11.0])
def test_numbers_and_digits_are_ids(value: object) -> None:
    assert parse_id(value) == 11


@pytest.mark.parametrize("value", ["x", None, 1.5, True, [11], float("inf")])
def test_other_values_are_not_ids(local_cache: VisualBehaviorOphysProjectCache, value: object) -> None:
    with pytest.raises(BadValue, match="expected a whole number"):
        local_cache.get_behavior_session(value)  # type: ignore[arg-type]


def test_one_id_or_several_are_parsed() -> None:
    assert parse_ids("11") == parse_ids(11) == parse_ids(np.int64(11)) == [11]
    assert parse_ids([13, "11"]) == parse_ids(pd.Index([13, 11])) == [13, 11]


def test_table_is_not_a_list_of_ids(local_cache: VisualBehaviorOphysProjectCache) -> None:
    with pytest.raises(BadValue, match=r"The ids are a DataFrame.*table\.index"):
        local_cache.download(local_cache.get_mouse(457841))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (22, r"22 is an ophys_experiment_id, of behavior session 12\."),
        (31, r"31 is an ophys_session_id, of behavior session 12\."),
        (41, r"41 is an ophys_container_id, of behavior session 12\."),
        (501, r"501 is a cell_roi_id, of behavior session 12\."),
        (601, r"601 is a cell_specimen_id, of behavior session 12\."),
        (457841, r"457841 is a mouse: get_mouse\(457841\)"),
        (99, r"Release 1\.1\.0 has no behavior session 99\. get_behavior_session_table\(\) lists them"),
    ],
)
def test_unknown_behavior_session_id_is_explained(
    local_cache: VisualBehaviorOphysProjectCache, number: int, message: str
) -> None:
    with pytest.raises(NotFound, match=message):
        local_cache.get_behavior_session(number)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (12, r"no imaging plane 12\. 12 is a behavior_session_id, of imaging planes 21, 22\."),
        (31, r"31 is an ophys_session_id, of imaging planes 21, 22\."),
        (502, r"502 is a cell_roi_id, of imaging plane 22\."),
        (11, r"11 is a behavior session without imaging\."),
        (99, r"no imaging plane 99\. get_ophys_experiment_table\(\) lists them"),
    ],
)
def test_unknown_imaging_plane_id_is_explained(
    local_cache: VisualBehaviorOphysProjectCache, number: int, message: str
) -> None:
    with pytest.raises(NotFound, match=message):
        local_cache.download(ophys_experiment_ids=number)
