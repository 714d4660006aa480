"""Expectation maximization of states."""

from __future__ import annotations

import numpy as np

from tests.models.test_states import SESSIONS
from visbehavior.models.state_em import Parameters, find_start, order_states, pack_sessions, run, run_em
from visbehavior.models.state_inputs import check_sessions

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
        np.testing.assert_array_equal(PACKED.x[rows], x)
        np.testing.assert_array_equal(PACKED.y[rows], y)
