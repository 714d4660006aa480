"""Logistic regression with weights that drift from flash to flash: most probable weights, evidence and its gradient.

The weights `w` of N flashes and K regressors follow independent random walks: the first is normal with a standard
deviation of `FIRST_WEIGHT_SD`, and each step is normal with variance ``sigma**2`` times the number of flashes that it
spans. A flash has a response with probability logistic(x . w). The model is that of psytrack 2.0.2 (Roy et al. 2021,
Neuron 109).

Ordered by time, the Hessian of the log posterior is a band matrix with K bands below the diagonal, and its blocks of
one flash are connected to the next flash only. Every function here costs time in proportion to N.

Flashes in a row can share their weights (`coarsen`). Shapes then count steps of the weights instead of flashes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.extras import import_extra

Floats: TypeAlias = NDArray[np.float64]

FIRST_WEIGHT_SD = 16.0
"""Prior standard deviation of each weight at the first flash (log-odds per unit of the regressor)."""
_MAX_NEWTON_STEPS = 200
_MAX_HALVINGS = 40
_NEWTON_DECREMENT = 1e-8
"""Newton's method ends with the step that raises the log posterior by less than this."""


@dataclass(frozen=True)
class Walk:
    """Responses and regressors of consecutive flashes.

    Parameters
    ----------
    x : numpy.ndarray
        Regressors, shape (flashes, regressors).
    y : numpy.ndarray
        Responses, float64, 0 or 1, shape (flashes,).
    spans : numpy.ndarray
        Flashes from each step of the weights to the next, float64, shape (steps - 1,); 1 if none is left out between them.
    held : int
        Flashes in a row that share their weights. The number of flashes is `held` times the number of steps.
    """

    x: Floats
    y: Floats
    spans: Floats
    held: int = 1

    @cached_property
    def by_step(self) -> Floats:
        """Regressors, shape (steps, held, regressors)."""
        return self.x.reshape(-1, self.held, self.x.shape[1])

    @cached_property
    def products(self) -> Floats:
        """Products of pairs of regressors as bands, shape (steps, held, regressors * (regressors + 1))."""
        flashes, count = self.x.shape
        products = np.zeros((flashes, count, count + 1))
        for below in range(count):
            products[:, : count - below, below] = self.x[:, : count - below] * self.x[:, below:]
        return products.reshape(-1, self.held, count * (count + 1))

    def log_odds(self, weights: Floats) -> Floats:
        """Return the log-odds of a response at each flash, shape (flashes,)."""
        return np.asarray(np.einsum("tmk,tk->tm", self.by_step, weights).ravel())

    def pool(self, factors: Floats, values: Floats) -> Floats:
        """Multiply values by a factor for each flash, and return the sum over the flashes of each step."""
        return np.asarray(np.einsum("tm,tmk->tk", factors.reshape(-1, self.held), values))


def make_walk(x: Floats, y: Floats) -> Walk:
    """Return a walk without gaps."""
    return Walk(np.ascontiguousarray(x), y.astype(np.float64), np.ones(len(x) - 1))


def coarsen(walk: Walk, held: int) -> Walk:
    """Return a walk whose weights step once in `held` flashes. Its best sigmas are similar, and found in less time."""
    first = np.arange(0, len(walk.x), held)
    times = np.append(0, walk.spans.cumsum())
    centers = np.add.reduceat(times, first) / np.diff(first, append=len(walk.x))
    # The last step is filled up with flashes whose regressors are 0. They add a constant to the log-likelihood.
    missing = len(first) * held - len(walk.x)
    return Walk(np.pad(walk.x, ((0, missing), (0, 0))), np.pad(walk.y, (0, missing)), np.diff(centers), held)


@dataclass(frozen=True)
class Posterior:
    """The most probable weights at given sigmas, and what follows from the curvature of the posterior there.

    Parameters
    ----------
    walk : Walk
    sigma : numpy.ndarray
        Standard deviation of the step of each weight, shape (regressors,).
    weights : numpy.ndarray
        Most probable weights, shape (flashes, regressors).
    factor : numpy.ndarray
        Cholesky factor of the negative Hessian of the log posterior, as bands (LAPACK's lower form).
    """

    walk: Walk
    sigma: Floats
    weights: Floats
    factor: Floats = field(repr=False)

    @cached_property
    def log_likelihood(self) -> float:
        """Log-likelihood of the responses given the most probable weights."""
        return log_likelihood(self.walk.log_odds(self.weights), self.walk.y)

    @cached_property
    def log_evidence(self) -> float:
        """Laplace approximation of the log probability of the responses given the sigmas."""
        precision = _step_precision(self.walk, self.sigma)
        prior_log_determinant = np.log(precision).sum() - 2 * len(self.sigma) * np.log(FIRST_WEIGHT_SD)
        log_determinant = 2 * np.log(self.factor[0]).sum()
        prior = _prior_quadratic(self.weights, precision)
        return float(self.log_likelihood - 0.5 * prior + 0.5 * prior_log_determinant - 0.5 * log_determinant)

    @cached_property
    def covariances(self) -> Floats:
        """Posterior covariance of the weights of each flash, shape (regressors, regressors, flashes)."""
        return _invert(self._precisions[0])

    @cached_property
    def bands(self) -> Floats:
        """Posterior standard deviation of each weight, shape (flashes, regressors)."""
        return np.sqrt(np.ascontiguousarray(np.diagonal(self.covariances)))

    @cached_property
    def gradient(self) -> Floats:
        """Derivative of the evidence with respect to the logarithm of each sigma, shape (regressors,)."""
        walk, weights = self.walk, self.weights
        precision = _step_precision(walk, self.sigma)
        steps = np.diff(weights, axis=0)
        # 1 - (posterior variance of a step) / sigma**2, written so that no digits are lost when sigma is small.
        prediction, covariances = self._precisions[1][..., 1:], self.covariances[..., 1:]
        explained = np.einsum("kit,ijt,kjt->tk", prediction, covariances, prediction)
        variance_lost = (np.diagonal(prediction) - explained) / precision
        explicit = (steps**2 * precision - variance_lost).sum(axis=0)
        # The curvature also changes because the most probable weights move with sigma.
        p = logistic(walk.log_odds(weights))
        x = np.moveaxis(walk.by_step, 2, 0)
        variance = np.einsum("ktm,kjt,jtm->tm", x, self.covariances, x).ravel()
        pull = walk.pool(variance * p * (1 - p) * (1 - 2 * p), walk.by_step)
        moved = (np.diff(solve(self.factor, pull), axis=0) * steps * precision).sum(axis=0)
        return np.asarray(explicit - moved)

    def predict_weights(self, sigma: Floats) -> Floats:
        """Return the most probable weights at other sigmas, to first order in the logarithm of sigma."""
        change = 2 * np.log(sigma / self.sigma)
        pull = change * np.diff(self.weights, axis=0) * _step_precision(self.walk, self.sigma)
        force = np.zeros(self.weights.shape)
        force[:-1] -= pull
        force[1:] += pull
        return self.weights + solve(self.factor, force)

    @cached_property
    def _precisions(self) -> tuple[Floats, Floats]:
        """Precision of the weights of each flash given all flashes, and given the flashes before it, shape as `covariances`.

        Eliminating all earlier flashes leaves a block of the factor, and so does eliminating all later flashes, in a
        factor of the matrix in reverse order. Both blocks contain the flash's own block of the matrix.
        """
        walk = self.walk
        bands = _hessian(walk, _step_precision(walk, self.sigma), self.weights)
        reverse = bands[::-1].copy()
        reverse[:-1, :, -1] = bands[-2::-1, :, -1]
        reverse[-1, :, -1] = 0
        gained = _pivots(self.factor)
        _subtract_blocks(gained, bands)
        prediction = gained.copy()
        diagonal = np.arange(len(self.sigma))
        prediction[diagonal, diagonal, 1:] += _step_precision(walk, self.sigma).T
        gained += _pivots(_factorize(reverse))[..., ::-1]
        return gained, prediction


def find_weights(walk: Walk, sigma: Floats, start: Floats | None = None) -> Posterior:
    """Find the most probable weights at given sigmas by Newton's method.

    Parameters
    ----------
    walk : Walk
    sigma : numpy.ndarray
        Standard deviation of the step of each weight, shape (regressors,).
    start : numpy.ndarray, optional
        Weights to begin with, shape (flashes, regressors). Default: zeros.

    Raises
    ------
    BadValue
        If the weights do not converge.
    """
    precision = _step_precision(walk, sigma)
    weights = np.zeros((len(walk.spans) + 1, len(sigma))) if start is None else start
    value = _log_posterior(walk, precision, weights)
    for _ in range(_MAX_NEWTON_STEPS):
        gradient = _log_posterior_gradient(walk, precision, weights)
        factor = _factorize(_hessian(walk, precision, weights))
        step = solve(factor, gradient)
        decrement = float((gradient * step).sum())
        if decrement < _NEWTON_DECREMENT:
            # The error after this step is about the square of the error before it.
            weights = weights + step
            return Posterior(walk, sigma, weights, _factorize(_hessian(walk, precision, weights)))
        weights, value, halvings = _halve_until_better(walk, precision, weights, step, value)
        if halvings == _MAX_HALVINGS:
            # The step is below the resolution of floating point numbers.
            return Posterior(walk, sigma, weights, factor)
    raise BadValue(
        f"The weights did not converge in {_MAX_NEWTON_STEPS} steps. Expected regressors of about the same size; scale X.",
        name="X",
    )


def _halve_until_better(
    walk: Walk, precision: Floats, weights: Floats, step: Floats, value: float
) -> tuple[Floats, float, int]:
    for halvings in range(_MAX_HALVINGS):
        moved = weights + step * 0.5**halvings
        moved_value = _log_posterior(walk, precision, moved)
        if moved_value >= value:
            return moved, moved_value, halvings
    return weights, value, _MAX_HALVINGS


def linear_predictor(x: Floats, weights: Floats) -> Floats:
    """Return the log-odds of a response at each flash, shape (flashes,)."""
    return np.asarray(np.einsum("tk,tk->t", x, weights))


def logistic(log_odds: Floats) -> Floats:
    """Return the probability of each log-odds."""
    return 0.5 + 0.5 * np.tanh(0.5 * log_odds)


def softplus(log_odds: Floats) -> Floats:
    """Return ``log(1 + exp(log_odds))``: numpy's ``logaddexp(0, log_odds)`` in a fifth of the time."""
    return np.maximum(log_odds, 0) + np.log1p(np.exp(-np.abs(log_odds)))


def log_likelihood(log_odds: Floats, y: Floats) -> float:
    """Return the log-likelihood of responses (0 or 1) with given log-odds."""
    return float((y * log_odds - softplus(log_odds)).sum())


def curvature(walk: Walk, weights: Floats) -> Floats:
    """Return the negative Hessian of the log-likelihood as bands, shape (flashes, regressors, regressors + 1)."""
    p = logistic(walk.log_odds(weights))
    steps, count = weights.shape
    return walk.pool(p * (1 - p), walk.products).reshape(steps, count, count + 1)


def solve(factor: Floats, values: Floats) -> Floats:
    """Return the inverse of a factorized matrix times a vector, given and returned as (flashes, regressors)."""
    solution, _ = import_extra("scipy.linalg").lapack.dpbtrs(factor, values.ravel(), lower=1)
    return np.asarray(solution).reshape(values.shape)


def _step_precision(walk: Walk, sigma: Floats) -> Floats:
    """Return the prior precision of each step, shape (flashes - 1, regressors)."""
    return 1 / (walk.spans[:, None] * sigma**2)


def _log_posterior(walk: Walk, precision: Floats, weights: Floats) -> float:
    return log_likelihood(walk.log_odds(weights), walk.y) - 0.5 * _prior_quadratic(weights, precision)


def _prior_quadratic(weights: Floats, precision: Floats) -> float:
    first = (weights[0] ** 2).sum() / FIRST_WEIGHT_SD**2
    return float(first + (np.diff(weights, axis=0) ** 2 * precision).sum())


def _log_posterior_gradient(walk: Walk, precision: Floats, weights: Floats) -> Floats:
    residual = walk.y - logistic(walk.log_odds(weights))
    gradient = walk.pool(residual, walk.by_step)
    gradient[0] -= weights[0] / FIRST_WEIGHT_SD**2
    pull = np.diff(weights, axis=0) * precision
    gradient[:-1] += pull
    gradient[1:] -= pull
    return gradient


def _hessian(walk: Walk, precision: Floats, weights: Floats) -> Floats:
    """Return the negative Hessian of the log posterior as bands, shape (flashes, regressors, regressors + 1).

    Element [t, k, d] is the element of the matrix in column (t, k), d rows below the diagonal.
    """
    bands = curvature(walk, weights)
    bands[0, :, 0] += 1 / FIRST_WEIGHT_SD**2
    bands[:-1, :, 0] += precision
    bands[1:, :, 0] += precision
    bands[:-1, :, -1] = -precision
    return bands


def _factorize(bands: Floats) -> Floats:
    flashes, count, _ = bands.shape
    lapack: Any = import_extra("scipy.linalg").lapack
    factor, failed = lapack.dpbtrf(bands.reshape(flashes * count, count + 1).T, lower=1)
    if failed:
        raise BadValue(
            "The curvature of the log posterior is not positive. Expected regressors of about the same size; scale X.",
            name="X",
        )
    return np.asarray(factor)


def _subtract_blocks(target: Floats, bands: Floats) -> None:
    """Subtract the symmetric block of each flash, taken from bands, from an array of shape (regressors, regressors, flashes)."""
    count = bands.shape[1]
    for below in range(count):
        for row in range(below, count):
            part = bands[:, row - below, below]
            target[row, row - below] -= part
            if below:
                target[row - below, row] -= part


def _pivots(factor: Floats) -> Floats:
    """Return the block of each flash that is left after eliminating the flashes before it, shape (regressors, regressors, flashes)."""
    count = len(factor) - 1
    bands = factor.T.reshape(-1, count, count + 1)
    triangle = [
        [np.ascontiguousarray(bands[:, column, row - column]) for column in range(row + 1)] for row in range(count)
    ]
    pivots = np.empty((count, count, len(bands)))
    for row in range(count):
        for column in range(row + 1):
            product = triangle[row][0] * triangle[column][0]
            for shared in range(1, column + 1):
                product += triangle[row][shared] * triangle[column][shared]
            pivots[row, column] = pivots[column, row] = product
    return pivots


def _invert(blocks: Floats) -> Floats:
    """Return the inverses of positive matrices, the first two axes, by Gauss-Jordan elimination, all at once: numpy inverts one at a time."""
    inverse = blocks.copy()
    for pivot in range(len(inverse)):
        value = inverse[pivot, pivot].copy()
        row, column = inverse[pivot] / value, inverse[:, pivot].copy()
        inverse -= column[:, None] * row
        inverse[pivot], inverse[:, pivot] = row, -column / value
        inverse[pivot, pivot] = 1 / value
    return inverse
