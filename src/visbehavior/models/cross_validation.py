"""Prediction of held-out flashes by the strategy model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.arguments import check_whole_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.inputs import Responses, check_responses, check_seed
from visbehavior.models.random_walk import (
    Floats,
    Posterior,
    Walk,
    find_weights,
    linear_predictor,
    log_likelihood,
)
from visbehavior.models.sigma_search import FIRST_SIGMA, find_sigma_from
from visbehavior.models.strategy import StrategyFit, compute_auc, find_fitted_posterior, find_posterior
from visbehavior.wording import count_text

NOT_HELD_OUT = -1
"""Fold of the last flashes, which are left over when the flashes are divided into folds of equal size."""
_HELDOUT = ("previous", "next")


@dataclass(frozen=True, repr=False, eq=False)
class CrossValidation:
    """How well a model predicts flashes that it was not fitted to, as `cross_validate_strategy` returns it.

    Attributes
    ----------
    folds : pandas.DataFrame
        A row for each fold, index fold, with its ``log_likelihood`` (of the held-out flashes), the ``evidence`` of its
        training flashes, and a column ``sigma_<regressor>`` for each regressor.
    flashes : pandas.DataFrame
        A row for each flash of X, with its ``fold`` and ``log_odds``: the held-out prediction. The last flashes are
        left over if the number of flashes is not divisible; their fold is -1 and their log_odds is NaN.
    log_likelihood : float
        Sum over the held-out flashes. Compare models by it only if they have the same folds.
    auc : float
        Area under the ROC curve over the held-out flashes.
    """

    folds: pd.DataFrame
    flashes: pd.DataFrame
    log_likelihood: float
    auc: float

    def __repr__(self) -> str:
        return (
            f"CrossValidation of {count_text(len(self.flashes), 'flash', 'flashes')} in {len(self.folds)} folds: held-out log-likelihood "
            f"{self.log_likelihood:.1f}, AUC {self.auc:.3f}"
        )


def cross_validate_strategy(
    X: pd.DataFrame,
    y: Any,
    *,
    fit: StrategyFit | None = None,
    heldout: str = "previous",
    folds: int = 10,
    seed: int = 0,
    sigma: Any = None,
) -> CrossValidation:
    """Fit the strategy model to all folds of a session but one, and predict the flashes of that one; for each fold.

    Parameters
    ----------
    X, y
        As for `fit_strategy`.
    fit : StrategyFit or None
        ``fit_strategy(X, y)``, with which the search in each fold begins. None: it is computed. Must be None with `sigma`.
    heldout : {"previous", "next"}
        Weights that predict a held-out flash: those of the previous flash that is not held out, or those of the next
        one. At the ends of the session, those of the nearest one.
    folds : int
        Number of folds. The flashes of a fold are chosen at random.
    seed : int
        Seed of the folds. The same seed gives the same folds in every version: those of psytrack.
    sigma : float, sequence or mapping, optional
        As for `fit_strategy`: sigmas of all folds. Default: each fold has its own; their search begins at those of the
        whole session, and at 1/16.

    Returns
    -------
    CrossValidation

    Raises
    ------
    BadValue
        If an argument is wrong, or there are fewer than two flashes in each fold.
    MissingExtra
        If scipy is not installed.

    Notes
    -----
    The published code says that it uses the previous flash, and uses the next one ("next" reproduces it). The next
    weights know later responses, so they are not a prediction. The log-likelihood differs by about 0.4 of 350 to 1,840.

    The last flashes, when the number of flashes is not divisible by `folds`, are not used at all. A weight may step over
    m held-out flashes with a variance of ``(1 + m) * sigma**2``.

    Source: psytrack 2.0.2, ``helper/crossValidation.py``.
    """
    if not isinstance(heldout, str) or heldout not in _HELDOUT:
        raise BadValue(
            f"heldout is {brief_repr(heldout)}; expected 'previous' or 'next'.", name="heldout", value=heldout
        )
    check_seed(seed)
    if fit is not None and sigma is not None:
        raise BadValue("fit and sigma are both given; expected one of them.", name="fit")
    responses = check_responses(X, y)
    fold = make_folds(len(responses.x), folds, seed)
    whole = find_fitted_posterior(responses, fit) if sigma is None else find_posterior(responses, sigma)
    return cross_validate(responses, fold, whole, heldout, search=sigma is None)


def cross_validate(
    responses: Responses, fold: NDArray[np.int64], whole: Posterior, heldout: str = "previous", *, search: bool = True
) -> CrossValidation:
    """Predict the flashes of each fold, from `make_folds`.

    `whole` is the fit of all flashes. Each fold has its sigmas, or without `search` those of the whole.
    """
    folds = int(fold.max()) + 1
    posteriors = [_train(responses, fold, held, whole, search=search) for held in range(folds)]
    log_odds = np.full(len(fold), np.nan)
    for held, posterior in enumerate(posteriors):
        rows = np.flatnonzero(fold == held)
        log_odds[rows] = linear_predictor(responses.x[rows], _held_out_weights(posterior, fold, held, heldout))
    return _summarize(responses, fold, log_odds, posteriors)


def make_folds(flashes: int, folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each flash: random, of equal size, -1 for the last ones that are left over.

    Raises
    ------
    BadValue
        If `folds` is not a whole number, or there are fewer than two flashes in a fold.
    """
    check_whole_number("folds", folds, 2)
    if flashes < 2 * folds:
        raise BadValue(f"folds is {brief_repr(folds)} and X has {flashes} flashes; expected 2 or more in each fold.")
    size = flashes // folds
    # RandomState, because its sequence never changes and psytrack uses it.
    order = np.random.RandomState(seed).permutation(size * folds)
    fold = np.full(flashes, NOT_HELD_OUT)
    fold[order] = np.repeat(np.arange(folds), size)
    return fold


def _training_rows(fold: NDArray[np.int64], held: int) -> NDArray[np.int64]:
    return np.flatnonzero((fold != held) & (fold != NOT_HELD_OUT))


def _train(responses: Responses, fold: NDArray[np.int64], held: int, whole: Posterior, *, search: bool) -> Posterior:
    rows = _training_rows(fold, held)
    walk = Walk(responses.x[rows], responses.y[rows], np.diff(rows).astype(np.float64))
    start = whole.weights[rows]
    if not search:
        return find_weights(walk, whole.sigma, start)
    return find_sigma_from(walk, [whole.sigma, np.full(len(whole.sigma), FIRST_SIGMA)])


def _held_out_weights(posterior: Posterior, fold: NDArray[np.int64], held: int, heldout: str) -> Floats:
    """Return the weights for each held-out flash."""
    following = np.searchsorted(_training_rows(fold, held), np.flatnonzero(fold == held))
    nearest = following if heldout == "next" else following - 1
    return posterior.weights[np.clip(nearest, 0, len(posterior.weights) - 1)]


def _summarize(
    responses: Responses, fold: NDArray[np.int64], log_odds: Floats, posteriors: list[Posterior]
) -> CrossValidation:
    held = [np.flatnonzero(fold == number) for number in range(len(posteriors))]
    table = pd.DataFrame(
        {
            "log_likelihood": [log_likelihood(log_odds[rows], responses.y[rows]) for rows in held],
            "evidence": [posterior.log_evidence for posterior in posteriors],
        },
        index=pd.RangeIndex(len(posteriors), name="fold"),
    )
    for column, name in enumerate(responses.names):
        table[f"sigma_{name}"] = [posterior.sigma[column] for posterior in posteriors]
    used = fold != NOT_HELD_OUT
    return CrossValidation(
        folds=table,
        flashes=pd.DataFrame({"fold": fold, "log_odds": log_odds}, index=responses.flashes),
        log_likelihood=float(table["log_likelihood"].sum()),
        auc=compute_auc(log_odds[used], responses.y[used]),
    )
