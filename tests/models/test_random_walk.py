"""Random-walk regression, compared with full matrices and with finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.sessions import dense_fit, make_session
from visbehavior.models.random_walk import Walk, coarsen, find_weights, make_walk, softplus

SIGMA = np.array([0.2, 0.01, 0.05, 1.0])


def walk_with_gaps(seed: int, flashes: int = 40) -> Walk:
    X, y = make_session(seed, flashes)
    spans = np.random.default_rng(seed).integers(1, 5, flashes - 1).astype(np.float64)
    return Walk(X.to_numpy(), y.to_numpy().astype(np.float64), spans)


@given(seed=st.integers(0, 1000), exponents=st.lists(st.floats(-3, 1), min_size=4, max_size=4))
def test_weights_bands_and_evidence_equal_those_of_full_matrices(seed: int, exponents: list[float]) -> None:
    walk, sigma = walk_with_gaps(seed, 15), 10 ** np.array(exponents)
    expected = dense_fit(walk.x, walk.y, walk.spans, sigma)
    found = find_weights(walk, sigma)
    np.testing.assert_allclose(found.weights, expected["weights"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.bands, expected["bands"], rtol=1e-6)
    assert found.log_evidence == pytest.approx(expected["evidence"], abs=1e-5)
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-5)


def test_covariances_of_a_flash_equal_blocks_of_the_inverse() -> None:
    walk = walk_with_gaps(1)
    expected = dense_fit(walk.x, walk.y, walk.spans, SIGMA)["covariance"]
    found = find_weights(walk, SIGMA).covariances
    for flash in (0, 1, 20, 39):
        block = slice(flash * 4, flash * 4 + 4)
        np.testing.assert_allclose(found[..., flash], expected[block, block], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("sigma", [SIGMA, np.full(4, 1 / 16), np.full(4, 1e-3)])
def test_gradient_equals_differences_of_the_evidence(sigma: np.ndarray) -> None:
    walk = walk_with_gaps(2, 100)
    gradient = find_weights(walk, sigma).gradient
    for regressor in range(4):
        step = np.zeros(4)
        step[regressor] = 1e-4
        above, below = (find_weights(walk, sigma * np.exp(sign * step)).log_evidence for sign in (1, -1))
        assert gradient[regressor] == pytest.approx((above - below) / 2e-4, abs=1e-4)


def test_predicted_weights_are_right_to_first_order() -> None:
    walk = walk_with_gaps(3, 100)
    found = find_weights(walk, SIGMA)
    errors = []
    for change in (0.02, 0.01):
        sigma = SIGMA * np.exp(change)
        errors.append(np.abs(found.predict_weights(sigma) - find_weights(walk, sigma).weights).max())
    assert errors[0] / errors[1] == pytest.approx(4, abs=0.2)


def test_start_does_not_change_the_weights() -> None:
    walk = walk_with_gaps(4, 100)
    far = np.random.default_rng(0).normal(0, 20, walk.x.shape)
    np.testing.assert_allclose(find_weights(walk, SIGMA, far).weights, find_weights(walk, SIGMA).weights, atol=1e-6)


def test_one_regressor_and_two_flashes_are_enough() -> None:
    walk = make_walk(np.ones((2, 1)), np.array([0.0, 1.0]))
    expected = dense_fit(walk.x, walk.y, walk.spans, np.array([0.5]))
    np.testing.assert_allclose(find_weights(walk, np.array([0.5])).weights, expected["weights"], rtol=1e-8)


@pytest.mark.parametrize("flashes", [40, 43])
def test_weights_bands_and_evidence_of_a_coarse_walk_equal_those_of_full_matrices(flashes: int) -> None:
    walk = walk_with_gaps(5, flashes)
    times = np.append(0, walk.spans.cumsum())
    spans = np.diff([times[first : first + 4].mean() for first in range(0, flashes, 4)])
    expected = dense_fit(walk.x, walk.y, spans, SIGMA, held=4)
    found = find_weights(coarsen(walk, 4), SIGMA)
    np.testing.assert_allclose(found.weights, expected["weights"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.bands, expected["bands"], rtol=1e-6)
    filled_up = -flashes % 4 * np.log(2)
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"] - filled_up, abs=1e-5)
    assert found.log_evidence == pytest.approx(expected["evidence"] - filled_up, abs=1e-5)


def test_gradient_of_a_coarse_walk_is_that_of_finite_differences() -> None:
    walk = coarsen(walk_with_gaps(6, 101), 4)
    gradient = find_weights(walk, SIGMA).gradient
    for regressor, step in enumerate(1e-4 * np.eye(len(SIGMA))):
        above, below = (find_weights(walk, SIGMA * np.exp(sign * step)).log_evidence for sign in (1, -1))
        assert gradient[regressor] == pytest.approx((above - below) / 2e-4, abs=1e-4)


@given(st.floats(-750, 750))
def test_softplus_equals_logaddexp_of_numpy(log_odds: float) -> None:
    np.testing.assert_allclose(softplus(np.array([log_odds])), np.logaddexp(0, log_odds), rtol=1e-15, atol=0)


def test_steps_of_a_coarse_walk_span_the_flashes_between_their_centers() -> None:
    walk = make_walk(np.ones((7, 1)), np.array([0.0, 1, 0, 1, 0, 1, 0]))
    np.testing.assert_array_equal(coarsen(walk, 3).spans, [3, 2])
