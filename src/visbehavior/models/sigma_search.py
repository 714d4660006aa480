"""Search of the sigmas of a random-walk regression: the maximum of the evidence.

Quasi-Newton (BFGS) in the logarithm of sigma. Steps are limited to `_MAX_STEP`, because a first step along the gradient
would overshoot to sigmas at which the evidence is flat or has another, lower maximum.

There are two searches. The first one has weights that step once in `_HELD` flashes, which takes an eighth of the time.
The second one has all steps, and begins with the sigmas and the curvature that the first one found. It is skipped for
starts that cannot lead to the greatest evidence.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from visbehavior.errors import brief_repr, warn
from visbehavior.models.random_walk import Floats, Posterior, Walk, coarsen, find_weights

FIRST_SIGMA = 2.0**-4
"""Sigma of each weight at which the search begins, as in the published fits."""
SECOND_SIGMA = 2.0**-6
"""Sigma at which it begins again, because the evidence has several maxima."""
SIGMA_LIMITS = (1e-4, 64.0)
"""Smallest and largest sigma. Over 5,000 flashes, a weight with the smallest one moves by 0.007."""
UNDETERMINED_SIGMA = 16.0
"""The responses do not determine a weight with a greater sigma: each step can turn a certain response into a certain absence."""
_HELD = 8
"""Flashes that share their weights in the first search."""
_MIN_FLASHES = 1000
"""Smallest number of flashes with a first search. With fewer, a search over all steps takes little time."""
_TOO_FAST = 0.5
"""Sigma above which the first search is not used: a weight moves by more than 1.4 log-odds within the held flashes."""
_PROMISING = 2.0
"""A result of the first search is ignored if its evidence is lower than the greatest one by more than this."""
_MAX_STEP = 1.0
_FLAT = 1e-6
"""Gradients below this are rounding errors."""
_MAX_ITERATIONS = 100
_MAX_HALVINGS = 12
_ENOUGH = 1e-4
"""The search ends when the next step would raise the evidence by about half of this."""
_ENOUGH_AT_FIRST = 1e-3
"""The same for the first search, whose result is only a start."""


def find_best_sigma(walk: Walk, names: pd.Index) -> Posterior:
    """Find the sigmas with the greatest evidence from several starts, and warn of weights that the responses do not determine."""
    count = len(names)
    best = find_sigma_from(walk, [np.full(count, FIRST_SIGMA), np.full(count, SECOND_SIGMA)])
    for name, sigma in zip(names, best.sigma, strict=True):
        if sigma > UNDETERMINED_SIGMA:
            warn(
                f"The weight of {brief_repr(name)} is not determined by the responses: its sigma is {sigma:.3g}, more than {UNDETERMINED_SIGMA:g} log-odds "
                "a flash."
            )
    return best


def find_sigma_from(walk: Walk, starts: list[Floats]) -> Posterior:
    """Search from each of several sigmas, and return the result with the greatest evidence."""
    found = [] if len(walk.x) < _MIN_FLASHES else _search_first(walk, starts)
    if not found or any((guess.sigma > _TOO_FAST).any() for guess, _ in found):
        return _best([find_sigma(walk, start) for start in starts])
    maxima: list[Posterior] = []
    for place, (guess, inverse) in enumerate(found):
        if any(_leads_to(guess, better) for better, _ in found[:place]):
            continue
        weights = np.repeat(guess.weights, _HELD, axis=0)[: len(walk.x)]
        posterior = find_weights(walk, guess.sigma, weights)
        if all(posterior.log_evidence > maximum.log_evidence - _PROMISING for maximum in maxima):
            maxima.append(_climb(posterior, inverse)[0])
    return _best(maxima)


def _search_first(walk: Walk, starts: list[Floats]) -> list[tuple[Posterior, Floats]]:
    """Search with weights that step rarely; return the results with their curvatures, the greatest evidence first."""
    coarse = coarsen(walk, _HELD)
    found = [_climb(find_weights(coarse, start), enough=_ENOUGH_AT_FIRST) for start in starts]
    return sorted(found, key=lambda result: -result[0].log_evidence)


def _best(posteriors: list[Posterior]) -> Posterior:
    return max(posteriors, key=lambda posterior: posterior.log_evidence)


def _leads_to(posterior: Posterior, better: Posterior) -> bool:
    """Return True if two searches ended near one maximum: halfway between them the evidence is at least their mean."""
    sigma = np.sqrt(posterior.sigma * better.sigma)
    middle = find_weights(better.walk, sigma, better.predict_weights(sigma))
    return middle.log_evidence >= (posterior.log_evidence + better.log_evidence) / 2


def find_sigma(
    walk: Walk, start: Floats | None = None, weights: Floats | None = None, *, prior_power: float = 0.0
) -> Posterior:
    """Find the sigmas with the greatest evidence.

    Parameters
    ----------
    walk : Walk
    start : numpy.ndarray, optional
        Sigmas to begin with, shape (regressors,). Default: `FIRST_SIGMA` for each.
    weights : numpy.ndarray, optional
        Weights to begin with, shape (flashes, regressors).
    prior_power : float
        Maximize the evidence times each sigma to this power, instead of the evidence alone.

    Returns
    -------
    Posterior
        The most probable weights at the sigmas that were found.
    """
    first = np.full(walk.x.shape[1], FIRST_SIGMA) if start is None else np.clip(start, *SIGMA_LIMITS)
    return _climb(find_weights(walk, first, weights), prior_power=prior_power)[0]


def _climb(
    current: Posterior, inverse: Floats | None = None, *, prior_power: float = 0.0, enough: float = _ENOUGH
) -> tuple[Posterior, Floats]:
    """Search for a maximum; return it with the estimate of the inverse of the negative Hessian, in log sigma."""
    if inverse is None:
        # The first step is of full length also where the evidence is nearly flat, which it is for small regressors.
        inverse = np.eye(len(current.sigma)) / np.clip(np.abs(current.gradient + prior_power).max(), _FLAT, 1)
    for _ in range(_MAX_ITERATIONS):
        gradient = current.gradient + prior_power
        step = _step(current.sigma, gradient, inverse)
        if gradient @ step < enough:
            break
        moved = _search_along(current, step, gradient, prior_power)
        if moved is None:
            break
        inverse = _update(inverse, np.log(moved.sigma / current.sigma), current.gradient - moved.gradient)
        current = moved
    return current, inverse


def _step(sigma: Floats, gradient: Floats, inverse: Floats) -> Floats:
    """Return the step in log sigma. A sigma at a limit moves only away from it."""
    logarithm, (lowest, highest) = np.log(sigma), np.log(SIGMA_LIMITS)
    is_fixed = ((logarithm <= lowest) & (gradient < 0)) | ((logarithm >= highest) & (gradient > 0))
    free = np.flatnonzero(~is_fixed)
    step = np.zeros(len(gradient))
    step[free] = inverse[np.ix_(free, free)] @ gradient[free]
    step *= min(1.0, _MAX_STEP / max(np.abs(step).max(), np.finfo(float).tiny))
    return np.clip(logarithm + step, lowest, highest) - logarithm


def _search_along(current: Posterior, step: Floats, gradient: Floats, prior_power: float) -> Posterior | None:
    """Halve a step until it raises the value enough; None if it never does."""
    for halvings in range(_MAX_HALVINGS):
        scaled = step * 0.5**halvings
        sigma = np.clip(current.sigma * np.exp(scaled), *SIGMA_LIMITS)
        moved = find_weights(current.walk, sigma, current.predict_weights(sigma))
        if _value(moved, prior_power) >= _value(current, prior_power) + 1e-4 * (gradient @ scaled):
            return moved
    return None


def _value(posterior: Posterior, prior_power: float) -> float:
    return float(posterior.log_evidence + prior_power * np.log(posterior.sigma).sum())


def _update(inverse: Floats, step: Floats, change: Floats) -> Floats:
    """Return the estimate of the inverse of the negative Hessian after a step (BFGS)."""
    product = step @ change
    if product <= 1e-10 * np.sqrt((step @ step) * (change @ change)):
        return inverse
    left = np.eye(len(step)) - np.outer(step, change) / product
    return left @ inverse @ left.T + np.outer(step, step) / product
