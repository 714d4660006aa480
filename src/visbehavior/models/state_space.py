"""Hidden Markov chains of several sessions at once: forward, backward and Viterbi passes.

Sessions are packed: the rows of all first flashes come first, then those of all second flashes, and so on, longer
sessions before shorter ones. Each step of a pass then computes one flash of all sessions as one slice, and no row is
padding.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue
from visbehavior.models.random_walk import Floats


@dataclass(frozen=True)
class Packing:
    """Rows of packed sessions.

    Parameters
    ----------
    rows : tuple of numpy.ndarray
        Packed rows of the flashes of each session, in the order in which the sessions were given.
    starts : numpy.ndarray
        First packed row of each flash number, and the number of rows at the end.
    previous : numpy.ndarray
        Packed row of the previous flash, for all rows but the first flashes.
    """

    rows: tuple[NDArray[np.int64], ...]
    starts: NDArray[np.int64]
    previous: NDArray[np.int64]

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return len(self.rows)

    def slices(self) -> list[tuple[slice, slice]]:
        """Return, for all flash numbers but the first, the rows of the flash and those of the previous flash."""
        starts, counts = self.starts[:-1].tolist(), np.diff(self.starts).tolist()
        return [
            (slice(start, start + count), slice(before, before + count))
            for start, before, count in zip(starts[1:], starts, counts[1:], strict=False)
        ]


def pack(lengths: Sequence[int]) -> Packing:
    """Return the packed rows of sessions with these numbers of flashes."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    descending = np.asarray(lengths)[order]
    counts = np.searchsorted(-descending, -np.arange(descending[0]), side="left")
    starts = np.concatenate([[0], np.cumsum(counts)])
    rank = np.argsort(order)
    rows = tuple(starts[:length] + rank[session] for session, length in enumerate(lengths))
    flash = np.repeat(np.arange(len(counts)), counts)[counts[0] :]
    previous = np.arange(counts[0], starts[-1]) - counts[flash - 1]
    return Packing(rows, starts, previous)


@dataclass(frozen=True)
class Passes:
    """Results of the forward and backward passes; rows are packed.

    Parameters
    ----------
    log_likelihood : float
        Sum over the sessions.
    filtered : numpy.ndarray
        Probability of each state given the responses up to the flash, shape (rows, states).
    smoothed : numpy.ndarray
        Probability of each state given all responses of the session, shape (rows, states).
    transitions : numpy.ndarray
        Expected number of transitions, shape (states, states), from row to column.
    """

    log_likelihood: float
    filtered: Floats
    smoothed: Floats
    transitions: Floats


def run_passes(packing: Packing, initial: Floats, transition: Floats, log_likelihoods: Floats) -> Passes:
    """Compute the probabilities of the states.

    Parameters
    ----------
    packing : Packing
    initial : numpy.ndarray
        Probability of each state at the first flash, shape (states,).
    transition : numpy.ndarray
        Probability of each state given the previous one, shape (states, states); rows sum to 1.
    log_likelihoods : numpy.ndarray
        Log-likelihood of each response in each state, shape (rows, states).

    Raises
    ------
    BadValue
        If the responses are impossible, because transitions have probability 0.
    """
    # The largest likelihood of a row is divided out, so that small ones do not underflow. Numpy's max of short rows is slow.
    largest = functools.reduce(np.maximum, log_likelihoods.T)
    likelihoods = np.exp(log_likelihoods - largest[:, None])
    filtered, scale = _forward(packing, initial, transition, likelihoods)
    likelihoods /= scale[:, None]
    backward = _backward(packing, transition, likelihoods)
    later = slice(packing.sessions, None)
    transitions = transition * (filtered[packing.previous].T @ (likelihoods[later] * backward[later]))
    return Passes(float(np.log(scale).sum() + largest.sum()), filtered, filtered * backward, transitions)


def _forward(packing: Packing, initial: Floats, transition: Floats, likelihoods: Floats) -> tuple[Floats, Floats]:
    """Return the filtered probabilities, and the likelihood of each response given the earlier ones."""
    filtered, scale = likelihoods.copy(), np.empty(len(likelihoods))
    filtered[: packing.sessions] *= initial
    with np.errstate(invalid="ignore", divide="ignore"):
        _normalize(filtered, scale, slice(0, packing.sessions))
        for row, before in packing.slices():
            filtered[row] *= filtered[before] @ transition
            _normalize(filtered, scale, row)
    if not (scale > 0).all():
        raise BadValue(
            "The responses are impossible: a state that they need has probability 0. Use small probabilities instead."
        )
    return filtered, scale


def _normalize(filtered: Floats, scale: Floats, row: slice) -> None:
    total = filtered[row].sum(axis=1)
    scale[row] = total
    filtered[row] /= total[:, None]


def _backward(packing: Packing, transition: Floats, likelihoods: Floats) -> Floats:
    """Return the factors by which later responses change the filtered probabilities, shape (rows, states)."""
    backward = np.ones_like(likelihoods)
    for row, before in reversed(packing.slices()):
        np.matmul(likelihoods[row] * backward[row], transition.T, out=backward[before])
    return backward


def find_most_likely_states(
    packing: Packing, initial: Floats, transition: Floats, log_likelihoods: Floats
) -> NDArray[np.int64]:
    """Return the most likely sequence of states of each session (Viterbi), shape (rows,). Arguments as `run_passes`."""
    with np.errstate(divide="ignore"):
        log_initial, log_transition = np.log(initial), np.log(transition)
    score, origin = log_likelihoods.copy(), np.zeros(log_likelihoods.shape, dtype=np.int64)
    score[: packing.sessions] += log_initial
    for row, before in packing.slices():
        candidates = score[before][:, :, None] + log_transition
        origin[row] = candidates.argmax(axis=1)
        score[row] += candidates.max(axis=1)
    states: NDArray[np.int64] = score.argmax(axis=1)
    for row, before in reversed(packing.slices()):
        states[before] = np.take_along_axis(origin[row], states[row][:, None], axis=1)[:, 0]
    return states
