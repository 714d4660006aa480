"""Recovery of planted strategies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.models.sessions import dense_fit, make_session
from tests.models.test_regressors import make_flash_table
from visbehavior import BadValue, compute_recovery, compute_strategy_regressors
from visbehavior.models.random_walk import find_weights, make_walk
from visbehavior.models.recovery import draw_weights

TABLE = make_flash_table(1, flashes=200, licks=150)


def test_drawn_weights_have_the_mean_and_covariance_of_the_posterior() -> None:
    X, y = make_session(1, 12, ["bias", "task0"])
    sigma = np.array([0.2, 0.1])
    posterior = find_weights(make_walk(X.to_numpy(), y.to_numpy()), sigma)
    rng = np.random.default_rng(0)
    draws = np.array([draw_weights(posterior, rng).ravel() for _ in range(20_000)])
    expected = dense_fit(X.to_numpy(), y.to_numpy(), np.ones(11), sigma)
    spread = np.sqrt(np.diag(expected["covariance"]))
    np.testing.assert_allclose(draws.mean(axis=0), expected["weights"].ravel(), atol=0.05 * spread.max())
    np.testing.assert_allclose(np.cov(draws.T), expected["covariance"], atol=0.05 * spread.max() ** 2)


def test_recovery_describes_each_weight_and_index() -> None:
    recovery = compute_recovery(TABLE, mice=3)
    regressors = compute_strategy_regressors(TABLE)
    assert recovery.flashes == len(regressors.y)
    assert recovery.bouts == regressors.y.sum()
    assert recovery.weights.index.equals(regressors.X.columns)
    assert recovery.weights.columns.tolist() == ["planted", "bias", "spread", "coverage", "wide_coverage"]
    assert recovery.indices.index.tolist() == ["weight_index", "strategy_index"]
    assert np.isfinite(recovery.weights.to_numpy()).all()
    assert np.isfinite(recovery.indices.to_numpy()).all()
    assert (recovery.weights["wide_coverage"] >= recovery.weights["coverage"]).all()


def test_session_is_accepted_in_place_of_its_flash_table() -> None:
    class Session:
        def get_flash_table(self) -> pd.DataFrame:
            return TABLE

    found, expected = (compute_recovery(source, mice=2) for source in (Session(), TABLE))
    pd.testing.assert_frame_equal(found.weights, expected.weights)


def test_other_seed_gives_other_mice() -> None:
    first, second = (compute_recovery(TABLE, mice=2, seed=seed).weights["planted"] for seed in (0, 1))
    assert (first != second).all()


def test_one_mouse_has_no_spread() -> None:
    with pytest.raises(BadValue, match="mice is 1; expected a whole number from 2"):
        compute_recovery(TABLE, mice=1)
