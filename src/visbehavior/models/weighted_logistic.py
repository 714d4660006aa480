"""Logistic regression of weighted responses: the step of EM that improves the weights of a state."""

from __future__ import annotations

import numpy as np

from visbehavior.models.random_walk import Floats, logistic, softplus

WEIGHT_SD = 10.0
"""Standard deviation of the normal prior of each weight (log-odds)."""
_MAX_HALVINGS = 20


def improve_weights(x: Floats, y: Floats, shares: Floats, weights: Floats) -> Floats:
    """Return weights after one step of Newton's method, halved until the log posterior does not fall.

    Parameters
    ----------
    x : numpy.ndarray
        Regressors, shape (rows, regressors).
    y : numpy.ndarray
        Responses, 0 or 1, shape (rows,).
    shares : numpy.ndarray
        How much each response counts, 0 or more, shape (rows,).
    weights : numpy.ndarray
        Weights to improve, shape (regressors,).
    """
    log_odds = x @ weights
    p = logistic(log_odds)
    gradient = x.T @ (shares * (y - p)) - weights / WEIGHT_SD**2
    hessian = x.T @ (x * (shares * p * (1 - p))[:, None]) + np.eye(len(weights)) / WEIGHT_SD**2
    step = np.linalg.solve(hessian, gradient)
    along = x @ step
    before = _log_posterior(log_odds, y, shares, weights)
    for halvings in range(_MAX_HALVINGS):
        length = 0.5**halvings
        if _log_posterior(log_odds + length * along, y, shares, weights + length * step) >= before:
            return np.asarray(weights + length * step)
    return weights


def _log_posterior(log_odds: Floats, y: Floats, shares: Floats, weights: Floats) -> float:
    log_likelihood = shares @ (y * log_odds - softplus(log_odds))
    return float(log_likelihood - 0.5 * (weights @ weights) / WEIGHT_SD**2)
