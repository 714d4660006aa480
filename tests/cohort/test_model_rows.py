"""The strategy and the states of sessions in a store."""

from __future__ import annotations

import re

import pytest

from visbehavior import Cohort, VisualBehaviorOphysProjectCache, build_cohort
from visbehavior.cohort.model_rows import compute_model_rows
from visbehavior.models.strategy_record import compute_strategy_record
from visbehavior.schema.strategy import STRATEGY_COLUMNS


@pytest.mark.filterwarnings("ignore:The weight of")
def test_every_session_has_a_strategy_or_the_reason_for_none(
    cohort: Cohort, cache: VisualBehaviorOphysProjectCache, ids: list[int]
) -> None:
    strategy = cohort.table("strategy").set_index("behavior_session_id")
    assert sorted(strategy.index) == ids
    types = cache.get_behavior_session_table()["session_type"]
    for number, row in strategy.iterrows():
        if types[number] == "OPHYS_1_images_A":
            expected = compute_strategy_record(cache.get_behavior_session(number).get_flash_table())
            assert {name: row[name] for name in expected} == pytest.approx(expected)
            assert row[["problem"]].isna().all()
        else:
            assert re.match(r"The (session has 0 licks|flashes are \d\.\d+ s apart)", row["problem"])
            assert row.drop("problem").isna().all()


def test_a_session_that_cannot_be_fitted_has_no_states(cohort: Cohort, cache: VisualBehaviorOphysProjectCache) -> None:
    fitted = cohort.sql("SELECT behavior_session_id FROM strategy WHERE problem IS NULL ORDER BY ALL")
    with_states = cohort.sql("SELECT DISTINCT behavior_session_id FROM states ORDER BY ALL")
    assert with_states.equals(fitted)


@pytest.mark.filterwarnings("ignore:The weight of")
def test_a_record_has_the_declared_columns(cache: VisualBehaviorOphysProjectCache, ids: list[int]) -> None:
    types = cache.get_behavior_session_table()["session_type"]
    number = next(number for number in ids if types[number] == "OPHYS_1_images_A")
    record = compute_strategy_record(cache.get_behavior_session(number).get_flash_table())
    assert list(record) == [column.name for column in STRATEGY_COLUMNS]


def test_without_parameters_there_are_no_states(cache: VisualBehaviorOphysProjectCache, ids: list[int]) -> None:
    table = cache.get_behavior_session(ids[0]).get_flash_table()
    found = compute_model_rows(table, ["states"], None)
    assert list(found) == ["states"]
    assert not len(found["states"])


def test_libraries_that_are_missing_are_reported_before_sessions_are_read(
    cache: VisualBehaviorOphysProjectCache, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from visbehavior import MissingExtra

    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    with pytest.raises(MissingExtra, match="models"):
        build_cohort(cache, f"{tmp_path}/store", tables=["strategy"])
