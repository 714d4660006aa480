"""Expectation maximization of states."""

from __future__ import annotations

import numpy as np

from tests.models.test_states import SESSIONS
from visbehavior.models.state_em import Parameters, find_start, order_states, pack_sessions, run, run_em
from visbehavior.models.state_inputs import check_sessions
from visbehavior.models.weighted_logistic import improve_weights

PACKED = pack_sessions(check_sessions(SESSIONS))


def test_iterations_never_lower_the_likelihood() -> None:
    parameters = find_start(PACKED, 3, seed=5)
    values = [run(PACKED, parameters).log_likelihood]
    for _ in range(20):
        parameters, _, _ = run_em(PACKED, parameters, 1)
        values.append(run(PACKED, parameters).log_likelihood)
    # The prior of the weights may cost a little likelihood.
    assert (np.diff(values) > -1e-3).all()


def test_limit_of_iterations_is_reported() -> None:
    start = Parameters(np.full(2, 0.5), np.full((2, 2), 0.5), np.array([[0.5, 0.0], [-0.5, 1.0]]))
    assert run_em(PACKED, start, 2)[1:] == (2, False)


def test_order_of_states_does_not_change_the_likelihood() -> None:
    parameters = find_start(PACKED, 3, seed=1)
    ordered = order_states(PACKED, parameters)
    np.testing.assert_allclose(run(PACKED, ordered).log_likelihood, run(PACKED, parameters).log_likelihood)
    np.testing.assert_allclose(ordered.transition.sum(axis=1), 1)


def test_sessions_keep_their_responses_when_packed() -> None:
    for rows, (x, y) in zip(PACKED.packing.rows, SESSIONS, strict=True):
        np.testing.assert_array_equal(PACKED.x[PACKED.kind[rows]], x)
        np.testing.assert_array_equal(PACKED.y[PACKED.kind[rows]], y)


def test_kinds_are_all_different_and_count_the_flashes() -> None:
    kinds = np.column_stack([PACKED.x, PACKED.y])
    rows = np.concatenate([np.column_stack([x, y]) for x, y in SESSIONS])
    expected, counts = np.unique(rows, axis=0, return_counts=True)
    order = np.lexsort(kinds.T[::-1])
    np.testing.assert_array_equal(kinds[order], expected)
    np.testing.assert_array_equal(PACKED.count()[order], counts)


def test_sums_over_kinds_are_those_over_flashes() -> None:
    weights, shares = np.array([-0.5, 1.0]), np.random.default_rng(0).random(len(PACKED.kind))
    x, y = PACKED.x[PACKED.kind], PACKED.y[PACKED.kind]
    expected = improve_weights(x, y, shares, weights)
    np.testing.assert_allclose(improve_weights(PACKED.x, PACKED.y, PACKED.count(shares), weights), expected, rtol=1e-12)
