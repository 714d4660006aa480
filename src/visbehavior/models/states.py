"""Discrete states of a mouse: a logistic regression in each state of a hidden Markov chain (GLM-HMM).

Source of the model: Ashwood et al. 2022 (Nature Neuroscience 25). The parameters are found by expectation
maximization (EM) over all sessions at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from visbehavior.arguments import check_whole_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.inputs import Responses, check_responses, check_seed
from visbehavior.models.random_walk import Floats
from visbehavior.models.state_em import (
    MAX_ITERATIONS,
    PackedSessions,
    Parameters,
    find_start,
    order_states,
    pack_sessions,
    run,
    run_em,
)
from visbehavior.models.state_inputs import MAX_STATES, check_array, check_probabilities, check_sessions, check_shape
from visbehavior.models.state_space import find_most_likely_states
from visbehavior.wording import count_text


@dataclass(frozen=True, repr=False, eq=False)
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
        return f"StateEvaluation of {count_text(len(self.smoothed), 'flash', 'flashes')}: log-likelihood {self.log_likelihood:.1f}, occupancy {shares}"


@dataclass(frozen=True, repr=False, eq=False)
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
            f"StateFit of {count_text(len(self.weights), 'state')} to {count_text(len(self.sessions), 'session')}: log-likelihood "
            f"{self.log_likelihood:.1f}, {end} in {self.iterations} iterations"
        )


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
    check_seed(seed)
    packed = pack_sessions(check_sessions(sessions))
    first = find_start(packed, n_states, seed) if start is None else _given_start(start, packed, n_states)
    parameters, iterations, converged = run_em(packed, first, MAX_ITERATIONS)
    parameters = order_states(packed, parameters)
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
    first = check_array("initial", initial, 1)
    count = len(first)
    parameters = Parameters(
        check_probabilities("initial", first, (count,)),
        check_probabilities("transition", check_array("transition", transition, 2), (count, count)),
        check_shape("weights", check_array("weights", weights, 2), (count, len(responses.names))),
    )
    return _evaluate(responses, parameters)


def _given_start(start: Any, packed: PackedSessions, n_states: int) -> Parameters:
    if not isinstance(start, StateFit):
        raise BadValue(f"start is {brief_repr(start)}; expected a StateFit, as fit_states returns it.", name="start")
    if len(start.weights) != n_states or not start.weights.columns.equals(packed.sessions[0].names):
        raise BadValue(
            "start has another number of states or other regressors; expected those of the sessions.", name="start"
        )
    return Parameters(*(part.to_numpy() for part in (start.initial, start.transition, start.weights)))


def _evaluate(session: Responses, parameters: Parameters) -> StateEvaluation:
    packed = pack_sessions([session])
    passes = run(packed, parameters)
    arguments = packed.packing, parameters.initial, parameters.transition, packed.log_likelihoods(parameters.weights)
    return StateEvaluation(
        log_likelihood=passes.log_likelihood,
        smoothed=pd.DataFrame(passes.smoothed, index=session.flashes),
        filtered=pd.DataFrame(passes.filtered, index=session.flashes),
        transitions=passes.transitions,
        most_likely=pd.Series(find_most_likely_states(*arguments), index=session.flashes, name="state"),
    )
