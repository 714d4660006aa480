"""Expectation maximization of states: a logistic regression in each state of a hidden Markov chain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.models.inputs import Responses
from visbehavior.models.random_walk import Floats, logistic, softplus
from visbehavior.models.state_space import Packing, Passes, pack, run_passes
from visbehavior.models.weighted_logistic import improve_weights

_STARTS = 4
"""Random starts. Each runs for a few iterations, and the best one goes on."""
_SHORT_RUN = 15
MAX_ITERATIONS = 300
"""Iterations of EM after which a fit counts as not converged."""
_ENOUGH = 1e-3
"""EM ends when an iteration raises the log-likelihood of all sessions by less than this."""
_STAY = 0.95
"""Probability of staying in a state at the start of EM."""
_START_SPREAD = 0.7
"""Standard deviation of the differences between states at the start of EM (log-odds)."""


@dataclass(frozen=True)
class Parameters:
    """Parameters of states.

    Parameters
    ----------
    initial : numpy.ndarray
        Probability of each state at the first flash, shape (states,).
    transition : numpy.ndarray
        Probability of each state after each state, shape (states, states).
    weights : numpy.ndarray
        Weights of each state, shape (states, regressors).
    """

    initial: Floats
    transition: Floats
    weights: Floats


@dataclass(frozen=True)
class PackedSessions:
    """Sessions as one table of packed rows.

    Flashes with the same regressors and response are of one kind. A session has about 100 kinds. Values that do not
    depend on the order of the flashes are computed once for each kind.

    Parameters
    ----------
    sessions : list of Responses
    packing : Packing
    kind : numpy.ndarray
        Kind of each row.
    x : numpy.ndarray
        Regressors of each kind, shape (kinds, regressors).
    y : numpy.ndarray
        Response of each kind, shape (kinds,).
    """

    sessions: list[Responses]
    packing: Packing
    kind: NDArray[np.int64]
    x: Floats
    y: Floats

    def log_likelihoods(self, weights: Floats) -> Floats:
        """Return the log-likelihood of each response in each state, shape (rows, states)."""
        log_odds = self.x @ weights.T
        by_kind = -softplus(np.where(self.y[:, None] > 0, -log_odds, log_odds))
        return np.asarray(by_kind.take(self.kind, axis=0))

    def count(self, shares: Floats | None = None) -> Floats:
        """Return how many flashes are of each kind, or the sum of the shares of their rows, shape (kinds,)."""
        return np.bincount(self.kind, shares, minlength=len(self.y)).astype(np.float64)


def pack_sessions(sessions: list[Responses]) -> PackedSessions:
    """Return sessions, which have the same regressors, as one table."""
    packing = pack([len(session.x) for session in sessions])
    x = np.concatenate([session.x for session in sessions])
    y = np.concatenate([session.y for session in sessions]).astype(np.float64)
    kind, first = _find_kinds(x, y)
    packed_kind = np.empty_like(kind)
    packed_kind[np.concatenate(packing.rows)] = kind
    return PackedSessions(sessions, packing, packed_kind, x[first], y[first])


def _find_kinds(x: Floats, y: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the kind of each flash, and the first flash of each kind."""
    kind = pd.factorize(y)[0]
    for column in x.T:
        value = pd.factorize(column)[0]
        kind = pd.factorize(kind * (value.max() + 1) + value)[0]
    return kind, np.unique(kind, return_index=True)[1]


def run(packed: PackedSessions, parameters: Parameters) -> Passes:
    """Compute the probabilities of the states at given parameters."""
    log_likelihoods = packed.log_likelihoods(parameters.weights)
    return run_passes(packed.packing, parameters.initial, parameters.transition, log_likelihoods)


def find_start(packed: PackedSessions, n_states: int, seed: int) -> Parameters:
    """Run EM for a few iterations from random starts, and return the best parameters."""
    rng = np.random.default_rng(seed)
    counts = packed.count()
    common = np.zeros(packed.x.shape[1])
    for _ in range(_SHORT_RUN):
        common = improve_weights(packed.x, packed.y, counts, common)
    starts = [spread_states(common, n_states, rng) for _ in range(_STARTS if n_states > 1 else 1)]
    runs = [run_em(packed, start, _SHORT_RUN)[0] for start in starts]
    return max(runs, key=lambda parameters: run(packed, parameters).log_likelihood)


def spread_states(common: Floats, n_states: int, rng: np.random.Generator) -> Parameters:
    """Return parameters whose weights differ at random from common ones, shape (regressors,)."""
    transition = np.full((n_states, n_states), (1 - _STAY) / max(n_states - 1, 1))
    np.fill_diagonal(transition, _STAY if n_states > 1 else 1)
    weights = common + _START_SPREAD * rng.normal(size=(n_states, len(common)))
    return Parameters(np.full(n_states, 1 / n_states), transition, weights)


def run_em(packed: PackedSessions, parameters: Parameters, limit: int) -> tuple[Parameters, int, bool]:
    """Return better parameters, the number of iterations, and whether they converged before the limit."""
    before = -np.inf
    for iteration in range(limit):
        passes = run(packed, parameters)
        if passes.log_likelihood - before < _ENOUGH:
            return parameters, iteration, True
        before = passes.log_likelihood
        parameters = _maximize(packed, parameters, passes)
    return parameters, limit, False


def _maximize(packed: PackedSessions, parameters: Parameters, passes: Passes) -> Parameters:
    first = passes.smoothed[: packed.packing.sessions].mean(axis=0)
    # A state that no flash is in keeps its transitions.
    totals = passes.transitions.sum(axis=1, keepdims=True)
    transition = np.where(totals > 0, passes.transitions / np.where(totals > 0, totals, 1), parameters.transition)
    weights = [
        improve_weights(packed.x, packed.y, packed.count(shares), weights)
        for shares, weights in zip(passes.smoothed.T, parameters.weights, strict=True)
    ]
    return Parameters(first / first.sum(), transition / transition.sum(axis=1, keepdims=True), np.array(weights))


def order_states(packed: PackedSessions, parameters: Parameters) -> Parameters:
    """Order states by the mean probability of a response over all flashes, the greatest first."""
    order = np.argsort(-packed.count() @ logistic(packed.x @ parameters.weights.T), kind="stable")
    return replace(
        parameters,
        initial=parameters.initial[order],
        transition=parameters.transition[np.ix_(order, order)],
        weights=parameters.weights[order],
    )
