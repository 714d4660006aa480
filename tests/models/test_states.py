"""States that sessions share, found again in simulated sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.models.sessions import all_state_sequences
from visbehavior import BadValue, StateFit, evaluate_states, fit_states
from visbehavior.models.states import StateEvaluation

WEIGHTS = np.array([[1.0, 0.5], [-2.0, 3.0]])
TRANSITION = np.array([[0.98, 0.02], [0.03, 0.97]])
NAMES = ["bias", "task0"]


def simulate(seed: int, flashes: int) -> tuple[pd.DataFrame, pd.Series, list[int]]:
    rng = np.random.default_rng(seed)
    states = [int(rng.integers(2))]
    for _ in range(flashes - 1):
        states.append(int(rng.choice(2, p=TRANSITION[states[-1]])))
    x = np.column_stack([np.ones(flashes), rng.normal(size=flashes)])
    p = 1 / (1 + np.exp(-(x * WEIGHTS[states]).sum(axis=1)))
    index = pd.RangeIndex(10, 10 + flashes)
    return pd.DataFrame(x, columns=NAMES, index=index), pd.Series(rng.random(flashes) < p, index=index), states


SIMULATED = [simulate(seed, flashes) for seed, flashes in enumerate((700, 400, 900))]
SESSIONS = [session[:2] for session in SIMULATED]


@pytest.fixture(scope="module")
def fit() -> StateFit:
    return fit_states(SESSIONS, n_states=2)


def test_planted_parameters_are_found(fit: StateFit) -> None:
    assert fit.converged
    np.testing.assert_allclose(fit.weights, WEIGHTS, atol=0.8)
    np.testing.assert_allclose(fit.transition, TRANSITION, atol=0.03)
    assert fit.weights.columns.tolist() == NAMES


def test_planted_states_are_found(fit: StateFit) -> None:
    for (x, _, states), evaluation in zip(SIMULATED, fit.sessions, strict=True):
        assert evaluation.most_likely.index.equals(x.index)
        assert (evaluation.most_likely == states).mean() > 0.85
        np.testing.assert_allclose(evaluation.smoothed.sum(axis=1), 1)


def test_states_are_ordered_by_how_often_the_mouse_responds(fit: StateFit) -> None:
    x = np.concatenate([session[0] for session in SESSIONS])
    responds = (1 / (1 + np.exp(-x @ fit.weights.to_numpy().T))).mean(axis=0)
    assert responds[0] > responds[1]


def test_fit_evaluates_each_session_at_its_parameters(fit: StateFit) -> None:
    assert fit.log_likelihood == pytest.approx(sum(evaluation.log_likelihood for evaluation in fit.sessions))
    again = evaluate_states(*SESSIONS[1], fit.initial, fit.transition, fit.weights)
    assert again.log_likelihood == pytest.approx(fit.sessions[1].log_likelihood)
    pd.testing.assert_frame_equal(again.smoothed, fit.sessions[1].smoothed)


def test_one_mouse_can_start_from_the_fit_of_all(fit: StateFit) -> None:
    mouse = fit_states(SESSIONS[:1], n_states=2, start=fit)
    assert mouse.log_likelihood >= fit.sessions[0].log_likelihood
    np.testing.assert_allclose(mouse.weights, WEIGHTS, atol=1.5)


def test_same_seed_gives_the_same_fit(fit: StateFit) -> None:
    pd.testing.assert_frame_equal(fit_states(SESSIONS, n_states=2).weights, fit.weights)


def test_one_state_is_a_logistic_regression() -> None:
    fit = fit_states(SESSIONS, n_states=1)
    assert fit.transition.to_numpy().tolist() == [[1.0]]
    x, y = (np.concatenate([session[part] for session in SESSIONS]) for part in (0, 1))
    p = 1 / (1 + np.exp(-x @ fit.weights.to_numpy()[0]))
    np.testing.assert_allclose(x.T @ (y - p), fit.weights.to_numpy()[0] / 100, atol=1e-3)


def test_short_session_equals_the_sum_over_all_sequences() -> None:
    x, y = (part.iloc[:9] for part in SESSIONS[2])
    initial = np.array([0.3, 0.7])
    expected = all_state_sequences(x.to_numpy(), y.to_numpy(), initial, TRANSITION, WEIGHTS)
    found: StateEvaluation = evaluate_states(x, y, initial, TRANSITION, WEIGHTS)
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-10)
    np.testing.assert_allclose(found.smoothed, expected["smoothed"], atol=1e-10)
    np.testing.assert_allclose(found.transitions, expected["transitions"], atol=1e-10)
    assert found.most_likely.tolist() == expected["most_likely"]


def test_reprs_are_one_line(fit: StateFit) -> None:
    assert repr(fit).startswith("StateFit of 2 states to 3 sessions: log-likelihood ")
    assert repr(fit.sessions[0]).startswith("StateEvaluation of 700 flashes: log-likelihood ")


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no sessions": ({"sessions": []}, r"sessions is \[\]; expected a list of \(X, y\)"),
    "no pairs": ({"sessions": [SESSIONS[0][0]]}, r"expected a pair \(X, y\)"),
    "other regressors": (
        {"sessions": [SESSIONS[0], (SESSIONS[1][0].rename(columns={"task0": "omissions"}), SESSIONS[1][1])]},
        "Sessions have different regressors: 'bias', 'task0', and 'bias', 'omissions'",
    ),
    "no states": ({"n_states": 0}, "n_states is 0; expected a whole number from 1 to 20"),
    "no fit": ({"start": 1}, "start is 1; expected a StateFit"),
}


@pytest.mark.parametrize(("options", "message"), BROKEN.values(), ids=BROKEN)
def test_wrong_arguments_of_fits_are_described(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        fit_states(**{"sessions": SESSIONS, **options})


def test_start_with_other_states_raises(fit: StateFit) -> None:
    with pytest.raises(BadValue, match="start has another number of states"):
        fit_states(SESSIONS, n_states=3, start=fit)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial": [0.5, 0.6]}, "initial has probabilities below 0, or that do not sum to 1"),
        ({"initial": "x"}, "initial is 'x'; expected an array of numbers"),
        ({"transition": np.eye(3)}, r"transition has the shape \(3, 3\); expected \(2, 2\)"),
        ({"weights": np.full((2, 2), np.nan)}, "expected 2 dimensions of finite numbers"),
        ({"weights": np.zeros((2, 5))}, r"weights has the shape \(2, 5\); expected \(2, 2\)"),
    ],
)
def test_wrong_parameters_are_described(changes: dict[str, Any], message: str) -> None:
    parameters = {"initial": [0.5, 0.5], "transition": TRANSITION, "weights": WEIGHTS} | changes
    with pytest.raises(BadValue, match=message):
        evaluate_states(*SESSIONS[0], **parameters)
