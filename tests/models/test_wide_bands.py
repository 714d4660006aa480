"""Bands that include the uncertainty of sigma."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.models.sessions import make_session
from visbehavior import BadValue, compute_wide_bands, fit_strategy
from visbehavior.models.random_walk import Walk, find_weights, logistic, make_walk
from visbehavior.models.sigma_search import SIGMA_LIMITS, find_sigma
from visbehavior.models.wide_bands import PRIOR_POWER, widen_bands

X, Y = make_session(1, 300)


def plant(seed: int, flashes: int, sigma: float) -> tuple[np.ndarray, Walk]:
    """Return weights that drift with a known sigma, and the responses of a mouse that has them."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(flashes), rng.normal(size=flashes)])
    weights = rng.normal(0, sigma, (flashes, 2)).cumsum(axis=0)
    weights += [-1, 1]
    return weights, make_walk(x, rng.random(flashes) < logistic((x * weights).sum(axis=1)))


def test_planted_weights_are_covered_as_often_as_stated() -> None:
    plain, wide = [], []
    for seed in range(16):
        weights, walk = plant(seed, 600, 0.03)
        found = find_sigma(walk)
        error = np.abs(found.weights - weights)
        plain.append(np.mean(error < 1.96 * found.bands))
        wide.append(np.mean(error < 1.96 * widen_bands(found, np.random.default_rng(0))))
    assert np.mean(plain) < 0.92
    assert 0.92 < np.mean(wide) < 0.985


def test_one_weight_equals_an_average_over_a_grid_of_sigmas() -> None:
    _, walk = plant(1, 300, 0.05)
    walk = make_walk(walk.x[:, :1], walk.y)
    found = find_sigma(walk)
    grid = np.geomspace(*SIGMA_LIMITS, 300)
    posteriors = [find_weights(walk, np.array([sigma])) for sigma in grid]
    shares = np.exp([each.log_evidence - found.log_evidence for each in posteriors]) * grid**PRIOR_POWER
    shares /= shares.sum()
    squares = [each.bands**2 + (each.weights - found.weights) ** 2 for each in posteriors]
    expected = np.sqrt(np.tensordot(shares, squares, 1))
    np.testing.assert_allclose(widen_bands(found, np.random.default_rng(0)), expected, rtol=0.1)


def test_wide_bands_are_a_table_like_the_bands_and_not_narrower() -> None:
    fit = fit_strategy(X, Y)
    wide = compute_wide_bands(X, Y, fit)
    assert wide.index.equals(fit.bands.index)
    assert wide.columns.equals(fit.bands.columns)
    assert (wide >= fit.bands - 1e-9).to_numpy().all()
    pd.testing.assert_frame_equal(wide, compute_wide_bands(X, Y, fit))


def test_fit_of_another_session_raises() -> None:
    with pytest.raises(BadValue, match="fit has other flashes or regressors than X"):
        compute_wide_bands(X.iloc[:200], Y.iloc[:200], fit_strategy(X, Y, sigma=0.1))
    with pytest.raises(BadValue, match="fit is 1; expected what fit_strategy returned"):
        compute_wide_bands(X, Y, 1)
