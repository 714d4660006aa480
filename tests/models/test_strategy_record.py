"""Records of strategies, compared with the functions that they summarize."""

from __future__ import annotations

import pytest

from tests.models.test_regressors import make_flash_table
from visbehavior import BadValue, compute_dropout_scores, compute_strategy_regressors, fit_strategy
from visbehavior.models.strategy_record import compute_strategy_record

TABLE = make_flash_table(1, flashes=300, licks=200)


def test_record_summarizes_the_fit_and_the_dropouts() -> None:
    regressors = compute_strategy_regressors(TABLE)
    fit = fit_strategy(regressors.X, regressors.y)
    dropouts = compute_dropout_scores(regressors.X, regressors.y)
    record = compute_strategy_record(TABLE)
    assert (record["flashes"], record["bouts"]) == (len(regressors.y), regressors.y.sum())
    assert (record["evidence"], record["auc"]) == (fit.evidence, fit.auc)
    assert (record["strategy"], record["strategy_index"]) == (dropouts.strategy, dropouts.strategy_index)
    assert record["weight_index"] == pytest.approx((fit.weights["task0"] - fit.weights["timing1D"]).mean())
    for name in fit.weights:
        assert record[f"weight_{name}"] == pytest.approx(fit.weights[name].mean())
        assert record[f"sigma_{name}"] == fit.sigma[name]
    assert record["dropout_task0"] == dropouts.scores["dropout"]["task0"]
    assert "dropout_bias" not in record


def test_session_that_cannot_be_fitted_raises() -> None:
    with pytest.raises(BadValue, match="0 licks during the task"):
        compute_strategy_record(TABLE.assign(n_licks=0))
