"""Discrete states of a mouse: a logistic regression in each state of a hidden Markov chain (GLM-HMM).

Source of the model: Ashwood et al. 2022 (Nature Neuroscience 25). The parameters are found by expectation
maximization (EM) over all sessions at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.arguments import check_whole_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.inputs import Responses, check_responses
from visbehavior.models.random_walk import Floats, logistic
from visbehavior.models.state_space import Packing, Passes, find_most_likely_states, pack, run_passes
from visbehavior.models.weighted_logistic import improve_weights

MAX_STATES = 20
"""Largest number of states."""
_STARTS = 4
"""Random starts. Each runs for a few iterations, and the best one goes on."""
_SHORT_RUN = 15
_MAX_ITERATIONS = 300
_ENOUGH = 1e-3
"""EM ends when an iteration raises the log posterior by less than this."""
_STAY = 0.95
"""Probability of staying in a state at the start of EM."""
_START_SPREAD = 0.7
"""Standard deviation of the differences between states at the start of EM (log-odds)."""
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, repr=False)
class StateEvaluation:
    """States of a session at given parameters, as `evaluate_states` returns them.

    Attributes
    ----------
    log_likelihood : float
        Log probability of the responses, over all sequences of states.
    smoothed : pandas.DataFrame
        Probability of each state at each flash given all responses of the session. Columns 0, 1, ... are states.
    filtered : pandas.DataFrame
        Probability of each state given the responses up to the flash.
    transitions : numpy.ndarray
        Expected number of transitions, shape (states, states), from row to column.
    most_likely : pandas.Series
        The most likely sequence of states (Viterbi), int64. It can differ from the state that is most likely at each
        flash by itself.
    """

    log_likelihood: float
    smoothed: pd.DataFrame
    filtered: pd.DataFrame
    transitions: Floats
    most_likely: pd.Series

    def __repr__(self) -> str:
        shares = ", ".join(f"{share:.0%}" for share in self.smoothed.mean())
        return (
            f"StateEvaluation of {len(self.smoothed)} flashes: log-likelihood {self.log_likelihood:.1f}, occupancy {shares}"
        )


@dataclass(frozen=True, repr=False)
class StateFit:
    """States that sessions share, as `fit_states` returns them.

    States are ordered by how often the mouse responds in them, averaged over all flashes: state 0 responds most.

    Attributes
    ----------
    weights : pandas.DataFrame
        Weight of each regressor in each state (log-odds per unit of the regressor). Rows are states.
    transition : pandas.DataFrame
        Probability of each state (column) after each state (row).
    initial : pandas.Series
        Probability of each state at the first flash of a session.
    log_likelihood : float
        Log probability of the responses of all sessions. It is in sample: it rises with the number of states.
    sessions : list of StateEvaluation
        States of each session, in the order in which they were given.
    iterations : int
        Iterations of EM after the best start.
    converged : bool
        False if EM ended because of the limit of 300 iterations.
    """

    weights: pd.DataFrame
    transition: pd.DataFrame
    initial: pd.Series
    log_likelihood: float
    sessions: list[StateEvaluation]
    iterations: int
    converged: bool

    def __repr__(self) -> str:
        end = "converged" if self.converged else "did not converge"
        return (
            f"StateFit of {len(self.weights)} states to {len(self.sessions)} sessions: log-likelihood "
            f"{self.log_likelihood:.1f}, {end} in {self.iterations} iterations"
        )


@dataclass(frozen=True)
class _Parameters:
    initial: Floats
    transition: Floats
    weights: Floats


@dataclass(frozen=True)
class _Packed:
    """Sessions as one table of packed rows."""

    sessions: list[Responses]
    packing: Packing
    x: Floats
    y: Floats

    def log_likelihoods(self, weights: Floats) -> Floats:
        """Return the log-likelihood of each response in each state, shape (rows, states)."""
        log_odds = self.x @ weights.T
        return -np.logaddexp(0, np.where(self.y[:, None] > 0, -log_odds, log_odds))


def fit_states(sessions: Any, n_states: int = 3, *, start: StateFit | None = None, seed: int = 0) -> StateFit:
    """Fit states to sessions that share them: weights of each state, and probabilities of changing between states.

    Parameters
    ----------
    sessions : list of (X, y)
        Regressors and responses of each session, as for `fit_strategy`. All have the same regressors.
    n_states : int
        Number of states, 1 to 20.
    start : StateFit, optional
        Fit to begin with, such as one to the sessions of all mice before a fit to those of one mouse. Default: the best
        of four random starts.
    seed : int
        Seed of the random starts.

    Returns
    -------
    StateFit

    Raises
    ------
    BadValue
        If an argument is wrong, sessions have different regressors, or `start` has other states or regressors.

    Notes
    -----
    Weights have a normal prior with a standard deviation of 10, so that they stay finite if a state responds always or
    never. EM finds a local maximum; use several seeds to see whether it is a better one. `compare_state_counts` helps
    to choose the number of states.

    Examples
    --------
    >>> fit = fit_states([(r.X, r.y) for r in regressors], n_states=3)
    >>> fit.sessions[0].most_likely.value_counts()
    """
    check_whole_number("n_states", n_states, 1, MAX_STATES)
    check_whole_number("seed", seed, 0)
    packed = _pack(_check_sessions(sessions))
    first = _random_start(packed, n_states, seed) if start is None else _given_start(start, packed, n_states)
    parameters, iterations, converged = _run_em(packed, first, _MAX_ITERATIONS)
    parameters = _order_states(packed, parameters)
    evaluations = [_evaluate(session, parameters) for session in packed.sessions]
    names, states = packed.sessions[0].names, pd.RangeIndex(n_states, name="state")
    return StateFit(
        weights=pd.DataFrame(parameters.weights, index=states, columns=names),
        transition=pd.DataFrame(parameters.transition, index=states, columns=states),
        initial=pd.Series(parameters.initial, index=states),
        log_likelihood=sum(evaluation.log_likelihood for evaluation in evaluations),
        sessions=evaluations,
        iterations=iterations,
        converged=converged,
    )


def evaluate_states(X: pd.DataFrame, y: Any, initial: Any, transition: Any, weights: Any) -> StateEvaluation:
    """Compute the states of a session at given parameters.

    Parameters
    ----------
    X, y
        As for `fit_strategy`.
    initial : array-like
        Probability of each state at the first flash, shape (states,).
    transition : array-like
        Probability of each state after each state, shape (states, states); each row sums to 1.
    weights : array-like
        Weights of each state, shape (states, regressors), in the order of the columns of X.

    Returns
    -------
    StateEvaluation

    Raises
    ------
    BadValue
        If an argument has another shape, probabilities do not sum to 1, or the responses are impossible.

    Examples
    --------
    >>> evaluate_states(X, y, fit.initial, fit.transition, fit.weights).smoothed
    """
    responses = check_responses(X, y, warn_of_few=False)
    first = _check_array("initial", initial, 1)
    count = len(first)
    parameters = _Parameters(
        _check_probabilities("initial", first, (count,)),
        _check_probabilities("transition", _check_array("transition", transition, 2), (count, count)),
        _check_shape("weights", _check_array("weights", weights, 2), (count, len(responses.names))),
    )
    return _evaluate(responses, parameters)


def compare_state_counts(sessions: Any, n_states: Sequence[int] = (1, 2, 3, 4, 5), *, folds: int = 5, seed: int = 0) -> pd.DataFrame:
    """Compare numbers of states by the likelihood of sessions that were not used for fitting.

    Parameters
    ----------
    sessions : list of (X, y)
        As for `fit_states`; two or more.
    n_states : sequence of int
        Numbers of states to compare.
    folds : int
        Number of groups of sessions, each of which is held out once. At most one for each session is made.
    seed : int
        Seed of the groups and of the random starts.

    Returns
    -------
    pandas.DataFrame
        Index n_states. ``log_likelihood``: sum over the held-out sessions. ``bits_per_flash``: the gain over one state,
        per flash (bits).

    Raises
    ------
    BadValue
        If an argument is wrong, or there are fewer than two sessions.
    """
    counts = [n_states] if not isinstance(n_states, (list, tuple, range, np.ndarray)) else list(n_states)
    if not counts:
        raise BadValue("n_states is empty; expected one or more numbers of states.", name="n_states")
    for count in counts:
        check_whole_number("n_states", count, 1, MAX_STATES)
    check_whole_number("folds", folds, 2)
    check_whole_number("seed", seed, 0)
    checked = _check_sessions(sessions)
    if len(checked) < 2:
        raise BadValue("sessions has one session; expected two or more, because whole sessions are held out.")
    group = np.random.default_rng(seed).permutation(len(checked)) % min(folds, len(checked))
    one, *others = [sum(_held_out(checked, group, held, count, seed) for held in set(group.tolist())) for count in [1, *counts]]
    flashes = sum(len(session.x) for session in checked)
    table = pd.DataFrame({"log_likelihood": others}, index=pd.Index(counts, name="n_states"))
    table["bits_per_flash"] = (table["log_likelihood"] - one) / flashes / np.log(2)
    return table


def _held_out(sessions: list[Responses], group: Any, held: int, n_states: int, seed: int) -> float:
    packed = _pack([session for session, number in zip(sessions, group, strict=True) if number != held])
    parameters, _, _ = _run_em(packed, _random_start(packed, n_states, seed), _MAX_ITERATIONS)
    others = _pack([session for session, number in zip(sessions, group, strict=True) if number == held])
    return _run(others, parameters).log_likelihood


def _check_sessions(sessions: Any) -> list[Responses]:
    if not isinstance(sessions, (list, tuple)) or not sessions:
        raise BadValue(f"sessions is {brief_repr(sessions)}; expected a list of (X, y), one for each session.")
    checked = []
    for session in sessions:
        if not isinstance(session, (list, tuple)) or len(session) != 2:
            raise BadValue(f"sessions contains {brief_repr(session)}; expected a pair (X, y) for each session.")
        checked.append(check_responses(*session, warn_of_few=False))
        if not checked[0].names.equals(checked[-1].names):
            names = [", ".join(map(brief_repr, session.names)) for session in (checked[0], checked[-1])]
            raise BadValue(f"Sessions have different regressors: {names[0]}, and {names[1]}. Choose sessions that have the same.")
    return checked


def _pack(sessions: list[Responses]) -> _Packed:
    packing = pack([len(session.x) for session in sessions])
    rows = np.concatenate(packing.rows)
    x, y = np.empty((len(rows), len(sessions[0].names))), np.empty(len(rows))
    x[rows] = np.concatenate([session.x for session in sessions])
    y[rows] = np.concatenate([session.y for session in sessions])
    return _Packed(sessions, packing, x, y)


def _run(packed: _Packed, parameters: _Parameters) -> Passes:
    log_likelihoods = packed.log_likelihoods(parameters.weights)
    return run_passes(packed.packing, parameters.initial, parameters.transition, log_likelihoods)


def _random_start(packed: _Packed, n_states: int, seed: int) -> _Parameters:
    """Run EM for a few iterations from random starts, and return the best parameters."""
    rng = np.random.default_rng(seed)
    everything = np.ones(len(packed.y))
    common = np.zeros(packed.x.shape[1])
    for _ in range(_SHORT_RUN):
        common = improve_weights(packed.x, packed.y, everything, common)
    starts = [_spread(common, n_states, rng) for _ in range(_STARTS if n_states > 1 else 1)]
    runs = [_run_em(packed, start, _SHORT_RUN)[0] for start in starts]
    return max(runs, key=lambda parameters: _run(packed, parameters).log_likelihood)


def _spread(common: Floats, n_states: int, rng: np.random.Generator) -> _Parameters:
    transition = np.full((n_states, n_states), (1 - _STAY) / max(n_states - 1, 1))
    np.fill_diagonal(transition, _STAY if n_states > 1 else 1)
    weights = common + _START_SPREAD * rng.normal(size=(n_states, len(common)))
    return _Parameters(np.full(n_states, 1 / n_states), transition, weights)


def _given_start(start: Any, packed: _Packed, n_states: int) -> _Parameters:
    if not isinstance(start, StateFit):
        raise BadValue(f"start is {brief_repr(start)}; expected a StateFit, as fit_states returns it.", name="start")
    if len(start.weights) != n_states or not start.weights.columns.equals(packed.sessions[0].names):
        raise BadValue("start has another number of states or other regressors; expected those of the sessions.", name="start")
    return _Parameters(*(part.to_numpy() for part in (start.initial, start.transition, start.weights)))


def _run_em(packed: _Packed, parameters: _Parameters, limit: int) -> tuple[_Parameters, int, bool]:
    before = -np.inf
    for iteration in range(limit):
        passes = _run(packed, parameters)
        if passes.log_likelihood - before < _ENOUGH:
            return parameters, iteration, True
        before = passes.log_likelihood
        parameters = _maximize(packed, parameters, passes)
    return parameters, limit, False


def _maximize(packed: _Packed, parameters: _Parameters, passes: Passes) -> _Parameters:
    first = passes.smoothed[: packed.packing.sessions].mean(axis=0)
    # A state that no flash is in keeps its transitions.
    totals = passes.transitions.sum(axis=1, keepdims=True)
    transition = np.where(totals > 0, passes.transitions / np.where(totals > 0, totals, 1), parameters.transition)
    weights = [
        improve_weights(packed.x, packed.y, np.ascontiguousarray(shares), weights)
        for shares, weights in zip(passes.smoothed.T, parameters.weights, strict=True)
    ]
    return _Parameters(first / first.sum(), transition / transition.sum(axis=1, keepdims=True), np.array(weights))


def _order_states(packed: _Packed, parameters: _Parameters) -> _Parameters:
    order = np.argsort(-logistic(packed.x @ parameters.weights.T).mean(axis=0), kind="stable")
    return replace(
        parameters,
        initial=parameters.initial[order],
        transition=parameters.transition[np.ix_(order, order)],
        weights=parameters.weights[order],
    )


def _evaluate(session: Responses, parameters: _Parameters) -> StateEvaluation:
    packed = _pack([session])
    passes = _run(packed, parameters)
    arguments = packed.packing, parameters.initial, parameters.transition, packed.log_likelihoods(parameters.weights)
    return StateEvaluation(
        log_likelihood=passes.log_likelihood,
        smoothed=pd.DataFrame(passes.smoothed, index=session.flashes),
        filtered=pd.DataFrame(passes.filtered, index=session.flashes),
        transitions=passes.transitions,
        most_likely=pd.Series(find_most_likely_states(*arguments), index=session.flashes, name="state"),
    )


def _check_array(name: str, value: Any, dimensions: int) -> Floats:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"its dtype is {array.dtype}")
        array = array.astype(np.float64)
    except Exception as error:
        # Objects of other libraries can raise anything when they are converted.
        raise BadValue(f"{name} is {brief_repr(value)}; expected an array of numbers.", name=name) from error
    if array.ndim != dimensions or not array.size or not np.isfinite(array).all():
        raise BadValue(f"{name} is {brief_repr(value)}; expected {dimensions} dimensions of finite numbers.", name=name)
    return array


def _check_shape(name: str, array: Floats, shape: tuple[int, ...]) -> Floats:
    if array.shape != shape:
        raise BadValue(f"{name} has the shape {array.shape}; expected {shape}.", name=name)
    return array


def _check_probabilities(name: str, array: Floats, shape: tuple[int, ...]) -> Floats:
    _check_shape(name, array, shape)
    if (array < 0).any() or np.abs(array.sum(axis=-1) - 1).max() > _SUM_TOLERANCE:
        raise BadValue(f"{name} has probabilities below 0, or that do not sum to 1.", name=name)
    return array
