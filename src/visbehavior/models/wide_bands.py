"""Bands that include the uncertainty of sigma.

Bands at one sigma are too narrow when the sigma itself is estimated: an estimate that is too small makes a weight look
more constant than it is. Here weights and bands are averaged over sigmas, each weighted by its posterior probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from visbehavior.models.inputs import check_responses, check_seed
from visbehavior.models.random_walk import Floats, Posterior, find_weights
from visbehavior.models.sigma_search import SIGMA_LIMITS, find_sigma
from visbehavior.models.strategy import StrategyFit, reuse_fit

PRIOR_POWER = 0.3
"""The prior density of log sigma is proportional to sigma to this power. Planted walks are covered best with 0.3."""
_DRAWS = 40
_STEP = 0.2
"""Step of the differences that give the curvature, in log sigma."""
_MIN_CURVATURE = 0.25
"""Smallest curvature of the distribution that is drawn from: a standard deviation of 2 in log sigma."""
_SPREAD = 1.3
"""The distribution that is drawn from is wider than the posterior by this factor, so that its tails are reached."""


def compute_wide_bands(X: pd.DataFrame, y: Any, fit: StrategyFit, *, seed: int = 0) -> pd.DataFrame:
    """Compute bands of a fit that include the uncertainty of sigma.

    Parameters
    ----------
    X, y
        As for `fit_strategy`.
    fit : StrategyFit
        Fit of X and y by `fit_strategy`.
    seed : int
        Seed of the 40 sigmas that are drawn.

    Returns
    -------
    pandas.DataFrame
        One standard deviation of each weight around ``fit.weights``, like ``fit.bands``, and wider.

    Raises
    ------
    BadValue
        If an argument is wrong, or the fit is not one of X and y.
    MissingExtra
        If scipy is not installed.

    Notes
    -----
    Sigmas are drawn from a normal distribution around the most probable ones, in log sigma, and weighted by evidence and
    prior (importance sampling). On planted walks of 4,300 flashes, intervals that should contain 95 % of the weights
    contain 84 to 91 % with plain bands, and 94 to 97 % with wide ones. It takes about five times as long as the fit.
    """
    check_seed(seed)
    responses = check_responses(X, y, warn_of_few=False)
    posterior = reuse_fit(responses, fit)
    return responses.frame(widen_bands(posterior, np.random.default_rng(seed)))


def widen_bands(posterior: Posterior, rng: np.random.Generator) -> Floats:
    """Return the standard deviation of each weight around the given ones, averaged over sigmas."""
    center = find_sigma(posterior.walk, posterior.sigma, posterior.weights, prior_power=PRIOR_POWER)
    draws = rng.normal(size=(_DRAWS // 2, len(center.sigma)))
    scale = _scale(center)
    drawn = [(draw, _at(center, scale @ draw)) for draw in np.concatenate([draws, -draws])]
    inside = [(draw, found) for draw, found in drawn if found is not None] or [(np.zeros(1), center)]
    shares = _importance(inside)
    variance = np.zeros(posterior.weights.shape)
    for share, (_, found) in zip(shares, inside, strict=True):
        variance += share * (found.bands**2 + (found.weights - posterior.weights) ** 2)
    return np.sqrt(np.maximum(variance, posterior.bands**2))


def _at(center: Posterior, offset: Floats) -> Posterior | None:
    """Return the weights at sigmas with an offset in log sigma; None beyond the limits of sigma."""
    sigma = center.sigma * np.exp(offset)
    if (sigma < SIGMA_LIMITS[0]).any() or (sigma > SIGMA_LIMITS[1]).any():
        return None
    return find_weights(center.walk, sigma, center.predict_weights(sigma))


def _scale(center: Posterior) -> Floats:
    """Return the matrix that turns standard normal numbers into offsets in log sigma."""
    count = len(center.sigma)
    curvature = np.empty((count, count))
    for regressor, step in enumerate(_STEP * np.eye(count)):
        above, below = (center.sigma * np.exp(sign * step) for sign in (1, -1))
        gradients = [
            find_weights(center.walk, sigma, center.predict_weights(sigma)).gradient for sigma in (above, below)
        ]
        curvature[regressor] = (gradients[1] - gradients[0]) / (2 * _STEP)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return np.asarray(_SPREAD * vectors / np.sqrt(np.maximum(values, _MIN_CURVATURE)))


def _importance(drawn: list[tuple[Floats, Posterior]]) -> Floats:
    """Return how much each draw counts: posterior density over the density from which it was drawn."""
    logarithms = np.array(
        [found.log_evidence + PRIOR_POWER * np.log(found.sigma).sum() + draw @ draw / 2 for draw, found in drawn]
    )
    shares = np.exp(logarithms - logarithms.max())
    return np.asarray(shares / shares.sum())
