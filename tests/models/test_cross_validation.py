"""Held-out predictions, compared with fits of full matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.models.sessions import dense_fit, make_session
from visbehavior import BadValue, cross_validate_strategy, fit_strategy
from visbehavior.models.cross_validation import make_folds

X, Y = make_session(1, 123, ["bias", "task0"])
SIGMA = np.array([0.1, 0.05])


def reference(heldout: str) -> np.ndarray:
    """Fit each fold with full matrices, and look for the nearest training flash of each held-out one."""
    fold = make_folds(len(X), 4, seed=3)
    log_odds = np.full(len(X), np.nan)
    for held in range(4):
        training = [row for row in range(len(X)) if fold[row] not in (held, -1)]
        spans = np.array([after - before for before, after in itertools.pairwise(training)])
        fit = dense_fit(X.to_numpy()[training], Y.to_numpy()[training], spans, SIGMA)
        for row in np.flatnonzero(fold == held):
            if heldout == "previous":
                used = max((t for t in training if t < row), default=training[0])
            else:
                used = min((t for t in training if t > row), default=training[-1])
            log_odds[row] = X.to_numpy()[row] @ fit["weights"][training.index(used)]
    return log_odds


@pytest.mark.parametrize("heldout", ["previous", "next"])
def test_predictions_equal_those_of_full_matrices(heldout: str) -> None:
    found = cross_validate_strategy(X, Y, heldout=heldout, folds=4, seed=3, sigma=SIGMA)
    np.testing.assert_allclose(found.flashes["log_odds"], reference(heldout), rtol=1e-5, atol=1e-6)


def test_log_likelihood_and_auc_are_over_the_flashes_with_a_fold() -> None:
    found = cross_validate_strategy(X, Y, folds=4, sigma=SIGMA)
    used = found.flashes["fold"] >= 0
    assert used.sum() == 120
    assert found.flashes["log_odds"].isna().equals(~used)
    p = 1 / (1 + np.exp(-found.flashes["log_odds"][used]))
    expected = np.log(np.where(Y[used], p, 1 - p)).sum()
    assert found.log_likelihood == pytest.approx(expected)
    assert found.folds["log_likelihood"].sum() == pytest.approx(expected)
    assert 0 < found.auc < 1
    assert repr(found).startswith("CrossValidation of 123 flashes in 4 folds")


def test_each_fold_has_its_own_sigmas_unless_they_are_given() -> None:
    x, y = make_session(1, 300)
    searched = cross_validate_strategy(x, y, folds=3).folds
    assert searched["sigma_task0"].nunique() > 1
    given = cross_validate_strategy(x, y, folds=3, sigma=fit_strategy(x, y).sigma).folds
    assert given["sigma_task0"].nunique() == 1
    assert (searched["evidence"] >= given["evidence"] - 1e-3).all()


def test_a_fit_that_is_passed_is_where_the_folds_begin() -> None:
    x, y = make_session(1, 300)
    fit = fit_strategy(x, y)
    found, expected = (cross_validate_strategy(x, y, folds=3, **options) for options in ({"fit": fit}, {}))
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-3)
    with pytest.raises(BadValue, match="fit and sigma are both given"):
        cross_validate_strategy(x, y, fit=fit, sigma=1.0)


def test_folds_have_equal_sizes_and_depend_on_the_seed_only() -> None:
    fold = make_folds(47, 5, seed=1)
    assert np.bincount(fold + 1).tolist() == [2, 9, 9, 9, 9, 9]
    assert fold[-2:].tolist() == [-1, -1]
    np.testing.assert_array_equal(fold, make_folds(47, 5, seed=1))
    assert (fold != make_folds(47, 5, seed=2)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heldout": "nearest"}, "heldout is 'nearest'; expected 'previous' or 'next'"),
        ({"folds": 1}, "folds is 1"),
        ({"folds": 100}, "folds is 100 and X has 123 flashes; expected 2 or more in each fold"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_wrong_options_are_described(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        cross_validate_strategy(X, Y, **options)
