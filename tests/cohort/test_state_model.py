"""The states of a store: fitted once, kept, and the same for every session."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from tests.models.sessions import make_session
from visbehavior import (
    CorruptFile,
    VisualBehaviorOphysProjectCache,
    build_cohort,
    compute_strategy_regressors,
    evaluate_states,
    fit_states,
    open_cohort,
)
from visbehavior.cohort.state_model import MODEL, StateModel, read_model
from visbehavior.models.regressors import StrategyRegressors
from visbehavior.schema.strategy import REGRESSORS

TABLES = ("flashes", "states")
STAYS = ((0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8))
WEIGHTS = tuple(tuple(map(float, row)) for row in np.arange(15.0).reshape(3, 5) / 10)
MODEL_OF_TEST = StateModel((0.5, 0.25, 0.25), STAYS, WEIGHTS, (1, 2))


def test_a_session_without_omissions_has_the_states_of_the_other_regressors() -> None:
    X, y = make_session(1, 200)
    X = X[["bias", "task0", "timing1D"]]
    found = MODEL_OF_TEST.evaluate(StrategyRegressors(X, y))
    columns = [REGRESSORS.index(name) for name in X]
    expected = evaluate_states(X, y, MODEL_OF_TEST.initial, STAYS, np.array(WEIGHTS)[:, columns])
    np.testing.assert_array_equal(found.smoothed, expected.smoothed)


def test_the_states_are_those_of_a_fit_to_sessions_of_the_store(
    cache: VisualBehaviorOphysProjectCache, store: pathlib.Path
) -> None:
    model = read_model(store)
    assert model is not None
    assert model.sessions
    types = cache.get_behavior_session_table().loc[list(model.sessions), "session_type"]
    assert set(types) == {"OPHYS_1_images_A"}
    regressors = [
        compute_strategy_regressors(cache.get_behavior_session(number).get_flash_table()) for number in model.sessions
    ]
    fit = fit_states([(each.X, each.y) for each in regressors])
    np.testing.assert_allclose(model.weights, fit.weights)
    np.testing.assert_allclose(model.transition, fit.transition)
    with open_cohort(store) as cohort:
        rows = cohort.table("states", where=f"behavior_session_id = {model.sessions[0]}")
    assert rows["stimulus_presentations_id"].tolist() == regressors[0].X.index.tolist()
    assert rows["state"].tolist() == fit.sessions[0].most_likely.tolist()
    np.testing.assert_allclose(
        rows[["probability_0", "probability_1", "probability_2"]], fit.sessions[0].smoothed, atol=1e-9
    )


def test_sessions_that_are_added_later_have_the_same_states(
    cache: VisualBehaviorOphysProjectCache, ids: list[int], store: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / MODEL).write_bytes(MODEL_OF_TEST.encode())
    (tmp_path / "staging").mkdir()
    build_cohort(cache, tmp_path, ids[:1], tables=TABLES)
    build_cohort(cache, tmp_path, ids[1:], tables=TABLES)
    assert read_model(tmp_path) == MODEL_OF_TEST
    assert (build_cohort(cache, tmp_path, tables=TABLES)["status"] == "unchanged").all()


def test_sessions_without_states_are_not_fitted_again_in_every_build(
    cache: VisualBehaviorOphysProjectCache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = cache.get_behavior_session_table()
    ids = table.index[table["session_type"].str.contains("gratings")][:1].tolist()
    status = build_cohort(cache, tmp_path, ids, tables=TABLES)
    assert status["status"].tolist() == ["done"]
    assert read_model(tmp_path) is None
    monkeypatch.setattr("visbehavior.cohort.state_model._sample", lambda *_: pytest.fail("sessions were read"))
    assert build_cohort(cache, tmp_path, ids, tables=TABLES)["status"].tolist() == ["unchanged"]


def test_sessions_are_read_again_when_the_states_change(
    cache: VisualBehaviorOphysProjectCache, ids: list[int], tmp_path: pathlib.Path
) -> None:
    build_cohort(cache, tmp_path, ids, tables=TABLES)
    (tmp_path / MODEL).write_bytes(MODEL_OF_TEST.encode())
    assert (build_cohort(cache, tmp_path, tables=TABLES)["status"] == "done").all()


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"regressors": REGRESSORS, "weights": [[1, 2]]})])
def test_damaged_parameters_are_reported(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / MODEL).write_text(content)
    with pytest.raises(CorruptFile, match=r"states\.json is damaged .* Remove it, and build the cohort again"):
        read_model(tmp_path)


def test_parameters_are_read_as_they_were_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / MODEL).write_bytes(MODEL_OF_TEST.encode())
    assert read_model(tmp_path) == MODEL_OF_TEST
    assert read_model(tmp_path / "none") is None
