"""Passes over hidden Markov chains, compared with sums over all sequences of states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.sessions import all_state_sequences
from visbehavior import BadValue
from visbehavior.models.state_space import find_most_likely_states, pack, run_passes


def random_chain(seed: int, states: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    initial, transition = rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), size=states)
    return initial, transition, rng.normal(size=(states, 2)), rng


@given(
    seed=st.integers(0, 10_000), states=st.integers(1, 3), lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4)
)
def test_several_sessions_equal_sums_over_all_sequences(seed: int, states: int, lengths: list[int]) -> None:
    initial, transition, weights, rng = random_chain(seed, states)
    sessions = [(rng.normal(size=(length, 2)), rng.integers(0, 2, length)) for length in lengths]
    expected = [all_state_sequences(x, y, initial, transition, weights) for x, y in sessions]
    packing = pack(lengths)
    log_likelihoods = np.empty((sum(lengths), states))
    for rows, (x, y) in zip(packing.rows, sessions, strict=True):
        log_likelihoods[rows] = -np.logaddexp(0, np.where(y[:, None] == 1, -1, 1) * (x @ weights.T))
    passes = run_passes(packing, initial, transition, log_likelihoods)
    assert passes.log_likelihood == pytest.approx(sum(chain["log_likelihood"] for chain in expected), abs=1e-10)
    np.testing.assert_allclose(passes.transitions, sum(chain["transitions"] for chain in expected), atol=1e-10)
    most_likely = find_most_likely_states(packing, initial, transition, log_likelihoods)
    for rows, chain in zip(packing.rows, expected, strict=True):
        np.testing.assert_allclose(passes.smoothed[rows], chain["smoothed"], atol=1e-10)
        assert most_likely[rows].tolist() == chain["most_likely"]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_packed_rows_have_each_flash_once_and_know_the_previous_one(lengths: list[int]) -> None:
    packing = pack(lengths)
    assert sorted(np.concatenate(packing.rows)) == list(range(sum(lengths)))
    previous = dict(zip(range(packing.sessions, sum(lengths)), packing.previous.tolist(), strict=True))
    for rows in packing.rows:
        for before, row in zip(rows.tolist(), rows.tolist()[1:], strict=False):
            assert previous[row] == before


def test_filtered_probabilities_use_earlier_responses_only() -> None:
    initial, transition, _, rng = random_chain(1, 3)
    log_likelihoods = rng.normal(size=(30, 3))
    whole = run_passes(pack([30]), initial, transition, log_likelihoods)
    part = run_passes(pack([12]), initial, transition, log_likelihoods[:12])
    np.testing.assert_allclose(whole.filtered[:12], part.smoothed * 0 + part.filtered, atol=1e-14)
    np.testing.assert_allclose(part.filtered[-1], part.smoothed[-1], atol=1e-14)


def test_tiny_likelihoods_do_not_underflow() -> None:
    initial, transition, _, rng = random_chain(2, 2)
    log_likelihoods = rng.normal(size=(50, 2))
    passes, shifted = (run_passes(pack([50]), initial, transition, log_likelihoods - shift) for shift in (0, 5000))
    np.testing.assert_allclose(shifted.smoothed, passes.smoothed, atol=1e-9)
    assert shifted.log_likelihood == pytest.approx(passes.log_likelihood - 50 * 5000)


def test_impossible_responses_raise() -> None:
    log_likelihoods = np.array([[0.0, -2000.0], [-2000.0, 0.0]])
    with pytest.raises(BadValue, match="The responses are impossible"):
        run_passes(pack([2]), np.array([1.0, 0.0]), np.eye(2), log_likelihoods)
