"""Dropout scores, the strategy index, and weights by engagement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.models.sessions import make_session
from visbehavior import (
    BadValue,
    compute_dropout_scores,
    compute_weights_by_engagement,
    cross_validate_strategy,
    fit_strategy,
)
from visbehavior.models import strategy
from visbehavior.models.dropouts import classify_strategy

X, Y = make_session(1, 400)


def test_scores_compare_the_evidence_of_fits_with_and_without_a_regressor() -> None:
    found = compute_dropout_scores(X, Y)
    assert found.evidence == fit_strategy(X, Y).evidence
    assert found.scores.index.tolist() == ["omissions", "task0", "timing1D"]
    for name, row in found.scores.iterrows():
        assert row["evidence"] == fit_strategy(X.drop(columns=name), Y).evidence
        assert row["dropout"] == pytest.approx((1 - row["evidence"] / found.evidence) * 100)
    assert found.strategy_index == found.scores["dropout"]["timing1D"] - found.scores["dropout"]["task0"]


def test_a_fit_that_is_passed_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    x = X[["bias", "task0"]]
    expected = compute_dropout_scores(x, Y)
    fit = fit_strategy(x, Y)
    searches: list[int] = []
    search = strategy.find_best_sigma
    monkeypatch.setattr(strategy, "find_best_sigma", lambda *given: searches.append(1) or search(*given))
    found = compute_dropout_scores(x, Y, fit=fit)
    assert found.evidence == pytest.approx(expected.evidence, abs=1e-6)
    pd.testing.assert_frame_equal(found.scores, expected.scores)
    assert len(searches) == 1, "only the model without task0 is searched"


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (fit_strategy(X[["bias"]], Y), "fit has other flashes or regressors than X"),
        (fit_strategy(X.iloc[1:], Y.iloc[1:]), "fit has other flashes or regressors than X"),
        ("fit", "fit is 'fit'; expected what fit_strategy returned for X and y"),
    ],
)
def test_fit_of_something_else_raises(fit: object, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        compute_dropout_scores(X, Y, fit=fit)


def test_held_out_scores_compare_log_likelihoods_of_the_same_folds() -> None:
    x = X[["bias", "task0"]]
    found = compute_dropout_scores(x, Y, folds=3, seed=4).scores.loc["task0"]
    whole, without = (cross_validate_strategy(each, Y, folds=3, seed=4).log_likelihood for each in (x, x[["bias"]]))
    assert found["log_likelihood"] == without
    assert found["heldout_dropout"] == pytest.approx((1 - without / whole) * 100)


def test_mouse_that_follows_changes_is_visual() -> None:
    """The planted weight of a change is 2, that of the time since the last bout 0.2."""
    x = X.rename(columns={"omissions": "timing1D", "timing1D": "omissions"})
    found = compute_dropout_scores(x[sorted(x)], Y)
    assert found.scores["dropout"]["task0"] < 0
    assert (found.strategy, found.strategy_index > 0) == ("visual", True)


@pytest.mark.parametrize(("index", "name"), [(0.1, "visual"), (0.0, "timing"), (-2.0, "timing"), (np.nan, "unknown")])
def test_strategies_are_classified_by_the_sign_of_the_index(index: float, name: str) -> None:
    assert classify_strategy(index) == name


def test_index_is_missing_without_its_regressors() -> None:
    found = compute_dropout_scores(X[["bias", "task0"]], Y)
    assert np.isnan(found.strategy_index)
    assert found.strategy == "unknown"


def test_one_regressor_has_no_dropout() -> None:
    with pytest.raises(BadValue, match="X has only the column 'bias'; expected two or more"):
        compute_dropout_scores(X[["bias"]], Y)


def test_weights_are_averaged_by_engagement_with_those_inside_bouts_filled_forward() -> None:
    weights = pd.DataFrame({"task0": [1.0, 2.0, 4.0], "timing1D": [0.0, 1.0, 1.0]}, index=[0, 1, 4])
    engaged = pd.Series([True, True, True, False, False])
    found = compute_weights_by_engagement(weights, engaged)
    assert found["fraction"].tolist() == [0.6, 0.4]
    assert found["task0"].tolist() == [pytest.approx(5 / 3), 3.0]
    assert found["weight_index"].tolist() == [pytest.approx(1.0), 2.0]


def test_means_of_rare_flashes_are_missing() -> None:
    weights = pd.DataFrame({"task0": 1.0}, index=range(100))
    found = compute_weights_by_engagement(weights, pd.Series([False] * 4 + [True] * 96))
    assert np.isnan(found["task0"]["disengaged"])
    assert found["fraction"]["disengaged"] == 0.04
    assert np.isnan(found["weight_index"]["engaged"])


def test_engagement_of_other_flashes_raises() -> None:
    with pytest.raises(BadValue, match=r"expected fit\.weights of the same session"):
        compute_weights_by_engagement(pd.DataFrame({"task0": [1.0]}, index=[7]), pd.Series([True]))
