"""Dropout scores and the strategy index: how much a session's model loses without each regressor.

Source: Piet et al. 2024 (Neuron 112) and its code, licking_behavior (feb9158), ``psy_tools.py`` and
``psy_output_tools.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_booleans
from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.cross_validation import cross_validate, make_folds
from visbehavior.models.inputs import Responses, check_responses, check_seed, check_table
from visbehavior.models.strategy import StrategyFit, find_fitted_posterior, find_posterior
from visbehavior.schema.strategy import UNTESTED

VISUAL, TIMING = "task0", "timing1D"
"""Regressors that the strategy index compares."""
MIN_FRACTION = 0.05
"""Mean weights of engaged or disengaged flashes are NaN if fewer flashes than this fraction are of the kind."""


@dataclass(frozen=True, eq=False)
class DropoutScores:
    """Contribution of each regressor to the model of a session, as `compute_dropout_scores` returns it.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row for each regressor but bias, index regressor. ``evidence``: of the model without the regressor.
        ``dropout``: ``(1 - evidence without / evidence) * 100`` (percent), negative where the regressor helps. With
        folds also ``log_likelihood`` (held out) and ``heldout_dropout``, the same with log-likelihoods for evidences.
    evidence : float
        Evidence of the model with all regressors.
    strategy_index : float
        ``dropout of timing1D - dropout of task0``: positive if the mouse relies more on what it sees, negative if it
        relies more on the time since its last bout. NaN if X lacks one of the two.
    strategy : str
        "visual" if the strategy index is above 0, else "timing"; "unknown" if it is NaN.
    """

    scores: pd.DataFrame
    evidence: float
    strategy_index: float
    strategy: str


def compute_dropout_scores(
    X: pd.DataFrame, y: Any, *, fit: StrategyFit | None = None, folds: int | None = None, seed: int = 0
) -> DropoutScores:
    """Compute how much the evidence falls without each regressor, and from that the strategy of the mouse.

    Parameters
    ----------
    X, y
        As for `fit_strategy`. At least one column besides bias.
    fit : StrategyFit or None
        ``fit_strategy(X, y)``. None: it is computed.
    folds : int or None
        Number of folds of held-out scores, which take about ten times as long. None: scores of the evidence only.
    seed : int
        Seed of the folds, which are the same for all models. The published code draws others for each model.

    Returns
    -------
    DropoutScores

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingExtra
        If scipy is not installed.

    Notes
    -----
    The sigmas of each smaller model are searched anew. The published figures show dropouts with the opposite sign. bias
    has no score: with means subtracted, another regressor with a large weight takes its place, and the evidence of the
    maximum that a search happens to find differs by hundreds.

    Allow a difference of 0.05 from indices of the published code: its search ends 0.005 to 0.2 below the maximum.

    Examples
    --------
    >>> dropouts = compute_dropout_scores(regressors.X, regressors.y)
    >>> dropouts.strategy_index, dropouts.strategy
    (4.95, 'visual')
    """
    responses = check_responses(X, y)
    tested = [name for name in responses.names if name != UNTESTED]
    if not tested or len(responses.names) == 1:
        raise BadValue(f"X has only the column {brief_repr(responses.names[0])}; expected two or more.", name="X")
    check_seed(seed)
    whole = find_fitted_posterior(responses, fit)
    table = _score(responses, tested, whole.log_evidence)
    if folds is not None:
        fold = make_folds(len(responses.x), folds, seed)
        table["log_likelihood"] = [_cross_validate_without(responses, name, fold) for name in tested]
        table["heldout_dropout"] = (
            1 - table["log_likelihood"] / cross_validate(responses, fold, whole).log_likelihood
        ) * 100
    index = _strategy_index(table["dropout"])
    return DropoutScores(table, whole.log_evidence, index, classify_strategy(index))


def find_strategy_index(responses: Responses, evidence: float | None = None) -> float:
    """Return the strategy index; NaN without its regressors. `evidence` of the whole model is computed if absent."""
    if not {VISUAL, TIMING} <= set(responses.names):
        return float("nan")
    evidence = find_posterior(responses, None).log_evidence if evidence is None else evidence
    return _strategy_index(_score(responses, [VISUAL, TIMING], evidence)["dropout"])


def _score(responses: Responses, tested: list[Any], evidence: float) -> pd.DataFrame:
    without = [find_posterior(_without(responses, name), None).log_evidence for name in tested]
    table = pd.DataFrame({"evidence": without}, index=pd.Index(tested, name="regressor"))
    table["dropout"] = (1 - table["evidence"] / evidence) * 100
    return table


def classify_strategy(strategy_index: float) -> str:
    """Return "visual" for a strategy index above 0, "timing" for others, "unknown" for NaN."""
    if np.isnan(strategy_index):
        return "unknown"
    return "visual" if strategy_index > 0 else "timing"


def _cross_validate_without(responses: Responses, name: Any, fold: NDArray[np.int64]) -> float:
    smaller = _without(responses, name)
    return cross_validate(smaller, fold, find_posterior(smaller, None)).log_likelihood


def _strategy_index(dropout: pd.Series) -> float:
    if VISUAL not in dropout or TIMING not in dropout:
        return float("nan")
    return float(dropout[TIMING] - dropout[VISUAL])


def _without(responses: Responses, name: str) -> Responses:
    kept = responses.names != name
    return Responses(np.ascontiguousarray(responses.x[:, kept]), responses.y, responses.names[kept], responses.flashes)


def compute_weights_by_engagement(weights: pd.DataFrame, engaged: pd.Series) -> pd.DataFrame:
    """Average the weights of a session over engaged and over disengaged flashes.

    Parameters
    ----------
    weights : pandas.DataFrame
        ``fit.weights`` of `fit_strategy`.
    engaged : pandas.Series
        bool, whether the mouse is engaged at each flash of the flash table, by any definition. Its index contains that
        of the weights.

    Returns
    -------
    pandas.DataFrame
        Rows engaged and disengaged. Columns: ``fraction`` (of all flashes), the mean weight of each regressor, and
        ``weight_index`` (mean weight of task0 minus that of timing1D). Means are NaN if fewer than 5 % of the flashes
        are of the kind, and weight_index also if one of the two regressors is absent.

    Raises
    ------
    BadValue
        If an argument is no such table, or a flash of the weights has no entry in `engaged`.

    Notes
    -----
    Flashes inside lick bouts have no weights; they get those of the flash at which the bout began. The published code
    averages weights by a definition with rewards only, but its fraction of engaged flashes is that of another
    definition, with rewards or bouts. Here both are by the definition that is passed.
    """
    if not isinstance(engaged, pd.Series) or not engaged.index.is_unique or not engaged.index.is_monotonic_increasing:
        raise BadValue(f"engaged is {brief_repr(engaged)}; expected a bool Series with one entry for each flash.")
    flags = get_booleans({"engaged": engaged}, "engaged", "the flashes")
    table, values = check_table("weights", weights)
    if not len(table) or not table.index.isin(engaged.index).all():
        raise BadValue("weights is not the weights of these flashes; expected fit.weights of the same session.")
    # Flashes before the first weights are before the first image.
    filled = pd.DataFrame(values, table.index, table.columns).reindex(engaged.index).ffill()
    return pd.DataFrame([_mean_weights(filled, flags), _mean_weights(filled, ~flags)], index=["engaged", "disengaged"])


def compute_weight_index(means: pd.Series) -> float:
    """Return the mean weight of task0 minus that of timing1D, from mean weights by regressor; NaN if one is absent."""
    return float(means[VISUAL] - means[TIMING]) if {VISUAL, TIMING} <= set(means.index) else float("nan")


def _mean_weights(weights: pd.DataFrame, chosen: Any) -> pd.Series:
    fraction = chosen.mean()
    mean = weights[chosen].mean() if fraction >= MIN_FRACTION else pd.Series(np.nan, weights.columns)
    ends = pd.Series({"fraction": fraction}), pd.Series({"weight_index": compute_weight_index(mean)})
    return pd.concat([ends[0], mean, ends[1]])
