"""Logistic regression of weighted responses."""

from __future__ import annotations

import numpy as np

from visbehavior.models.weighted_logistic import WEIGHT_SD, improve_weights


def test_steps_end_where_the_gradient_vanishes() -> None:
    rng = np.random.default_rng(1)
    x, y, shares = rng.normal(size=(200, 3)), rng.integers(0, 2, 200).astype(float), rng.random(200)
    weights = np.array([5.0, -5.0, 5.0])
    for _ in range(20):
        weights = improve_weights(x, y, shares, weights)
    gradient = x.T @ (shares * (y - 1 / (1 + np.exp(-x @ weights)))) - weights / WEIGHT_SD**2
    np.testing.assert_allclose(gradient, 0, atol=1e-8)


def test_whole_shares_equal_repeated_rows() -> None:
    rng = np.random.default_rng(2)
    x, y, counts = rng.normal(size=(50, 2)), rng.integers(0, 2, 50).astype(float), rng.integers(0, 4, 50)
    weighted = improve_weights(x, y, counts.astype(float), np.zeros(2))
    repeated = improve_weights(x.repeat(counts, axis=0), y.repeat(counts), np.ones(counts.sum()), np.zeros(2))
    np.testing.assert_allclose(weighted, repeated)


def test_weights_stay_finite_if_responses_are_separable() -> None:
    x = np.resize([-1.0, 1.0], 100)[:, None]
    weights = np.zeros(1)
    for _ in range(50):
        weights = improve_weights(x, (x[:, 0] > 0).astype(float), np.ones(100), weights)
    assert 0 < weights[0] < WEIGHT_SD


def test_rows_without_share_leave_the_prior() -> None:
    x = np.ones((10, 1))
    np.testing.assert_allclose(improve_weights(x, np.ones(10), np.zeros(10), np.array([3.0])), 0, atol=1e-12)
