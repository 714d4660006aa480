"""The strategy of a mouse in a session: how its decision to lick depends on the task, and how that drifts.

At each flash the mouse begins a lick bout or does not, by a logistic function of regressors whose weights drift from
flash to flash (Piet et al. 2024, Neuron 112). The sigmas, which say how fast each weight drifts, are those with the
greatest evidence. `visbehavior.models.random_walk` has the computation.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from visbehavior.analysis.checks import Columns
from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.fit_files import read_fit, write_fit
from visbehavior.models.inputs import Responses, check_responses, check_sigma
from visbehavior.models.random_walk import Floats, Posterior, find_weights, linear_predictor, make_walk
from visbehavior.models.regressors import compute_strategy_regressors
from visbehavior.models.sigma_search import find_best_sigma
from visbehavior.wording import count_text


@dataclass(frozen=True, repr=False, eq=False)
class StrategyFit:
    """The weights of a session, as `fit_strategy` returns them.

    Attributes
    ----------
    weights : pandas.DataFrame
        Most probable weight of each regressor at each flash (log-odds per unit of the regressor). A weight of 2 for
        task0 means that a change multiplies the odds of a lick bout by exp(2).
    bands : pandas.DataFrame
        One posterior standard deviation of each weight at given sigmas; published figures show two.
    sigma : pandas.Series
        Standard deviation of the step of each weight from flash to flash. Near 1e-4 a weight is constant, and only an
        upper limit of its drift is known.
    evidence : float
        Log probability of the responses given the sigmas (Laplace approximation). Compare models of the same
        responses by it: greater is better.
    log_likelihood : float
        Log probability of the responses given the weights. It is in sample: more flexible models have greater ones.
    auc : float
        Probability that a flash with a bout has greater log-odds than a flash without one, in sample. 0.5 is chance.
    """

    weights: pd.DataFrame
    bands: pd.DataFrame
    sigma: pd.Series
    evidence: float
    log_likelihood: float
    auc: float

    def __repr__(self) -> str:
        means = ", ".join(f"{name} {value:.2f}" for name, value in self.weights.mean().items())
        return (
            f"StrategyFit of {count_text(len(self.weights), 'flash', 'flashes')}: mean weights {means}; evidence {self.evidence:.1f}, "
            f"AUC {self.auc:.3f} in sample"
        )

    def plot(self, ax: Any = None) -> Any:
        """Plot the weights over the session, with bands of two standard deviations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on. Default: those of a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        BadValue
            If ax is something else.
        MissingExtra
            If matplotlib is not installed.
        """
        # Plots are a layer above models, which must work without them.
        return importlib.import_module("visbehavior.plots.strategy").plot_strategy(self, ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to an ``.npz`` file, which numpy opens without pickle.

        Parameters
        ----------
        path : str or path-like
            Path of the file. An existing file is replaced.

        Raises
        ------
        BadValue
            If no file can have this path, or the flashes or regressors are not labelled by numbers or texts.
        CannotWrite, DiskFull
            If the file cannot be written.
        """
        write_fit(path, vars(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a fit that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            Path of the file.

        Raises
        ------
        NotFound
            If there is no such file.
        UnsupportedFile
            If the file is something else, or is damaged.
        """
        return cls(**read_fit(path))


def fit_strategy(X: pd.DataFrame, y: Any, *, sigma: Any = None) -> StrategyFit:
    """Fit weights that drift from flash to flash to the lick bouts of a session.

    Parameters
    ----------
    X : pandas.DataFrame
        Regressors: a row for each flash, a column for each regressor, as `compute_strategy_regressors` returns them.
    y : pandas.Series or array
        bool, True at flashes where a lick bout begins, shape (flashes,).
    sigma : float, sequence or mapping, optional
        Standard deviation of the step of each weight: one number for all, or one for each regressor. Default: those
        with the greatest evidence, from 1e-4 to 64.

    Returns
    -------
    StrategyFit

    Raises
    ------
    BadValue
        If X is not a table of numbers, y has not one response for each flash, all responses are equal, or the weights
        do not converge.
    MissingExtra
        If scipy is not installed.

    Warns
    -----
    VisBehaviorWarning
        If there are fewer than 100 flashes, or the responses do not determine a weight: its sigma is above 16.

    Notes
    -----
    The first weight is normal with a standard deviation of 16, and each step with one of sigma. The evidence has several
    maxima; the search begins at two values of sigma and keeps the better result. Responses that a regressor predicts
    without error (separable data) have finite weights, which the prior determines.

    Sources: Roy et al. 2021, Neuron 109 (the model; psytrack 2.0.2 is its code), Piet et al. 2024, Neuron 112 (its use
    for this task).

    Examples
    --------
    >>> regressors = compute_strategy_regressors(flash_table)
    >>> fit = fit_strategy(regressors.X, regressors.y)
    >>> fit.weights["task0"].mean()
    1.93
    """
    responses = check_responses(X, y)
    return make_fit(responses, find_posterior(responses, sigma))


def fit_flash_table(flash_table: Columns) -> StrategyFit:
    """Fit the regressors of a flash table. Arguments and errors are those of `compute_strategy_regressors`."""
    regressors = compute_strategy_regressors(flash_table)
    return fit_strategy(regressors.X, regressors.y)


def find_posterior(responses: Responses, sigma: Any) -> Posterior:
    """Return the weights at given sigmas, or at those with the greatest evidence if `sigma` is None."""
    walk = make_walk(responses.x, responses.y)
    if sigma is None:
        return find_best_sigma(walk, responses.names)
    return find_weights(walk, check_sigma(sigma, responses.names))


def find_fitted_posterior(responses: Responses, fit: StrategyFit | None) -> Posterior:
    """Return the weights of a fit of these responses; if there is none, those at the sigmas with the greatest evidence."""
    return find_posterior(responses, None) if fit is None else reuse_fit(responses, fit)


def reuse_fit(responses: Responses, fit: StrategyFit) -> Posterior:
    """Return the weights at the sigmas of a fit; BadValue if it is not one of these responses."""
    if not isinstance(fit, StrategyFit):
        raise BadValue(f"fit is {brief_repr(fit)}; expected what fit_strategy returned for X and y.", name="fit")
    weights = fit.weights
    if not (
        isinstance(weights, pd.DataFrame)
        and weights.columns.equals(responses.names)
        and weights.index.equals(responses.flashes)
    ):
        raise BadValue("fit has other flashes or regressors than X; expected the fit of X and y.", name="fit")
    return find_posterior(responses, fit.sigma)


def make_fit(responses: Responses, posterior: Posterior) -> StrategyFit:
    """Return what users see of a fit."""
    return StrategyFit(
        weights=responses.frame(posterior.weights),
        bands=responses.frame(posterior.bands),
        sigma=pd.Series(posterior.sigma, index=responses.names),
        evidence=posterior.log_evidence,
        log_likelihood=posterior.log_likelihood,
        auc=compute_auc(linear_predictor(responses.x, posterior.weights), responses.y),
    )


def compute_auc(scores: Floats, y: Floats) -> float:
    """Return the area under the ROC curve: how often a response has a greater score than no response; ties count half."""
    _, position, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[position]
    positive = float(y.sum())
    negative = len(y) - positive
    if not positive or not negative:
        return float("nan")
    return float(((ranks * y).sum() - positive * (positive + 1) / 2) / (positive * negative))
