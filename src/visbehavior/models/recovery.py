"""How well the strategy of a session can be recovered: mice of known weights, simulated and fitted again.

The simulated mice see the flashes of the session and have its regressors. Their weights are drawn from the posterior of
the session's fit, so that they drift as those of the mouse do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.arguments import check_whole_number
from visbehavior.errors import BadValue
from visbehavior.extras import import_extra
from visbehavior.models.dropouts import compute_weight_index, find_strategy_index
from visbehavior.models.inputs import Responses, check_responses, check_seed
from visbehavior.models.random_walk import Floats, Posterior, linear_predictor, logistic
from visbehavior.models.regressors import compute_strategy_regressors
from visbehavior.models.strategy import find_posterior
from visbehavior.models.wide_bands import widen_bands

INTERVAL = 1.96
"""Half-width of an interval that should contain 95 % of the planted weights (standard deviations)."""
_MAX_MICE = 10_000
_MAX_DRAWS = 100
"""Draws of responses, of which one must have both kinds, before a simulated mouse counts as impossible."""


@dataclass(frozen=True, eq=False)
class Recovery:
    """How well weights and indices are recovered, as `compute_recovery` returns it.

    Attributes
    ----------
    weights : pandas.DataFrame
        A row for each regressor. ``planted``: mean weight of the simulated mice. ``bias``: mean of the fitted minus the
        planted mean weights. ``spread``: standard deviation of these differences. ``coverage``: fraction of flashes
        whose planted weight is inside the 95 % interval of the fit. ``wide_coverage``: the same with wide bands.
    indices : pandas.DataFrame
        Rows weight_index (mean weight of task0 minus that of timing1D) and strategy_index, with ``planted``, ``bias``
        and ``spread``. The planted strategy index is that of the session. NaN if X lacks one of the two regressors.
    flashes, bouts : int
        Flashes of the session, and flashes at which a bout begins.
    """

    weights: pd.DataFrame
    indices: pd.DataFrame
    flashes: int
    bouts: int


def compute_recovery(source: Any, *, mice: int = 10, seed: int = 0) -> Recovery:
    """Simulate mice like that of a session, fit them, and compare the fits with what was planted.

    Parameters
    ----------
    source : BehaviorSession or pandas.DataFrame
        A session, or its flash table.
    mice : int
        Number of simulated mice. Each takes about 2 s.
    seed : int
        Seed of the simulation.

    Returns
    -------
    Recovery

    Raises
    ------
    BadValue
        If an argument is wrong, or the session cannot be fitted.
    MissingExtra
        If scipy is not installed.

    Notes
    -----
    A strategy index means something if it differs from 0 by more than two spreads. The regressors are those of the
    session: the timing of simulated bouts does not change timing1D at later flashes.

    Examples
    --------
    >>> recovery = compute_recovery(session)
    >>> recovery.indices
    """
    check_whole_number("mice", mice, 2, _MAX_MICE)
    check_seed(seed)
    flash_table = source.get_flash_table() if hasattr(source, "get_flash_table") else source
    regressors = compute_strategy_regressors(flash_table)
    responses = check_responses(regressors.X, regressors.y)
    posterior = find_posterior(responses, None)
    rng = np.random.default_rng(seed)
    planted = [draw_weights(posterior, rng) for _ in range(mice)]
    fits = [_simulate_and_fit(responses, weights, rng) for weights in planted]
    return Recovery(
        weights=_compare_weights(responses, planted, fits),
        indices=_compare_indices(responses, find_strategy_index(responses), planted, fits),
        flashes=len(responses.y),
        bouts=int(responses.y.sum()),
    )


@dataclass(frozen=True)
class _Fit:
    posterior: Posterior
    wide_bands: Floats
    strategy_index: float


def draw_weights(posterior: Posterior, rng: np.random.Generator) -> Floats:
    """Draw weights from the posterior at its sigmas, shape (flashes, regressors)."""
    noise = rng.normal(size=posterior.weights.size)
    lapack = import_extra("scipy.linalg").lapack
    deviation, _ = lapack.dtbtrs(posterior.factor, noise[:, None], uplo="L", trans="T")
    drawn: Floats = posterior.weights + np.reshape(deviation, posterior.weights.shape)
    return drawn


def _simulate_and_fit(responses: Responses, weights: Floats, rng: np.random.Generator) -> _Fit:
    p = logistic(linear_predictor(responses.x, weights))
    for _ in range(_MAX_DRAWS):
        y = (rng.random(len(p)) < p).astype(np.float64)
        if 0 < y.sum() < len(y):
            break
    else:
        raise BadValue("The simulated mice never lick. The session has too few lick bouts for a recovery.")
    simulated = Responses(responses.x, y, responses.names, responses.flashes)
    posterior = find_posterior(simulated, None)
    return _Fit(posterior, widen_bands(posterior, rng), find_strategy_index(simulated, posterior.log_evidence))


def _compare_weights(responses: Responses, planted: list[Floats], fits: list[_Fit]) -> pd.DataFrame:
    differences = [fit.posterior.weights - weights for weights, fit in zip(planted, fits, strict=True)]
    means = np.array([difference.mean(axis=0) for difference in differences])
    bands = {"coverage": [fit.posterior.bands for fit in fits], "wide_coverage": [fit.wide_bands for fit in fits]}
    coverage = {
        name: np.mean([np.abs(d) < INTERVAL * band for d, band in zip(differences, each, strict=True)], axis=(0, 1))
        for name, each in bands.items()
    }
    table = {"planted": np.mean(planted, axis=(0, 1)), "bias": means.mean(axis=0), "spread": means.std(axis=0, ddof=1)}
    return pd.DataFrame(table | coverage, index=responses.names)


def _compare_indices(
    responses: Responses, session_index: float, planted: list[Floats], fits: list[_Fit]
) -> pd.DataFrame:
    weight_indices = np.array([_weight_index(responses, weights) for weights in planted])
    found = np.array([_weight_index(responses, fit.posterior.weights) for fit in fits])
    strategy_indices = np.array([fit.strategy_index for fit in fits])
    rows = {
        "weight_index": (weight_indices.mean(), found - weight_indices),
        "strategy_index": (session_index, strategy_indices - session_index),
    }
    table = {name: [mean, errors.mean(), errors.std(ddof=1)] for name, (mean, errors) in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index", columns=["planted", "bias", "spread"])


def _weight_index(responses: Responses, weights: Floats) -> float:
    return compute_weight_index(pd.Series(weights.mean(axis=0), index=responses.names))
