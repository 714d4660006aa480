"""Search of the sigmas with the greatest evidence."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from tests.models.sessions import make_session
from visbehavior import VisBehaviorWarning
from visbehavior.models.random_walk import Walk, find_weights, logistic, make_walk
from visbehavior.models.sigma_search import (
    FIRST_SIGMA,
    SECOND_SIGMA,
    SIGMA_LIMITS,
    find_best_sigma,
    find_sigma,
    find_sigma_from,
)

TOLERANCE = 0.01
"""Two searches can end at different sigmas if the evidence is flat. Their evidences then differ by less than this."""


def walk_of(seed: int, regressors: int, flashes: int = 400) -> Walk:
    X, y = make_session(seed, flashes)
    return make_walk(X.to_numpy()[:, :regressors], y.to_numpy())


def test_search_finds_the_best_of_a_grid() -> None:
    walk = walk_of(1, 1)
    grid = [find_weights(walk, np.array([sigma])).log_evidence for sigma in np.geomspace(*SIGMA_LIMITS, 60)]
    assert find_sigma(walk).log_evidence >= max(grid) - 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_gradient_vanishes_where_the_search_ends_or_sigma_is_at_a_limit(seed: int) -> None:
    found = find_sigma(walk_of(seed, 4))
    for sigma, slope in zip(found.sigma, found.gradient, strict=True):
        assert abs(slope) < 0.1 or (sigma <= SIGMA_LIMITS[0] and slope < 0)


def plant(seed: int, slowest: float, fastest: float) -> Walk:
    """Simulate the responses to weights that drift, with sigmas between two powers of 10."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(1200), rng.random((1200, 3)) < 0.3]).astype(float)
    weights = (rng.normal(size=x.shape) * 10 ** rng.uniform(slowest, fastest, 4)).cumsum(axis=0)
    return make_walk(x, rng.random(1200) < logistic((x * weights).sum(axis=1)))


STARTS = [np.full(4, FIRST_SIGMA), np.full(4, SECOND_SIGMA)]


@pytest.mark.parametrize("seed", [2, 132, 140])
def test_greater_one_of_two_maxima_is_found(seed: int) -> None:
    """The search begins with fewer steps of the weights, and must not miss a maximum because of it."""
    walk = plant(seed, -2.5, -0.7)
    one, other = (find_sigma(walk, start).log_evidence for start in STARTS)
    assert abs(one - other) > 3 * TOLERANCE
    assert find_sigma_from(walk, STARTS).log_evidence >= max(one, other) - TOLERANCE


@pytest.mark.parametrize("seed", [2, 58])
def test_fast_weights_have_the_maximum_of_searches_over_all_steps(seed: int) -> None:
    """Weights that change much within a few flashes have other maxima if they step rarely."""
    walk = plant(seed, -2, 0.3)
    slow = max(find_sigma(walk, start).log_evidence for start in STARTS)
    assert find_sigma_from(walk, STARTS).log_evidence >= slow - TOLERANCE


def test_few_flashes_have_the_best_result_of_all_starts() -> None:
    walk = walk_of(5, 4)
    found = max(find_sigma(walk, start).log_evidence for start in STARTS)
    assert find_best_sigma(walk, pd.Index(list("abcd"))).log_evidence == found


def test_sigmas_stay_within_the_limits() -> None:
    found = find_sigma(walk_of(6, 2), np.array([1e-9, 1e9]))
    assert ((found.sigma >= SIGMA_LIMITS[0]) & (found.sigma <= SIGMA_LIMITS[1])).all()


def test_weights_that_run_away_are_named_in_a_warning() -> None:
    """The responses follow the sign of a regressor that is tiny, so that only huge weights explain them."""
    x = np.resize([0.02, -0.02, -0.02, 0.02], 400)[:, None]
    flips = np.resize(np.repeat([1.0, -1.0], 25), 400)
    walk = make_walk(x, (x[:, 0] * flips > 0).astype(np.float64))
    with pytest.warns(
        VisBehaviorWarning,
        match="The weight of 'tiny' is not determined by the responses: its sigma is .* more than 16 log-odds",
    ):
        find_best_sigma(walk, pd.Index(["tiny"]))


def test_ordinary_sessions_cause_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_best_sigma(walk_of(7, 4), pd.Index(list("abcd")))
