"""Fits of the strategy model as users see them."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.sessions import dense_fit, make_session
from tests.models.test_regressors import make_flash_table
from visbehavior import BadValue, StrategyFit, VisBehaviorWarning, compute_strategy_regressors, fit_strategy
from visbehavior.models.strategy import compute_auc, fit_flash_table

X, Y = make_session(1, 300)
SIGMA = {"bias": 0.1, "omissions": 0.01, "task0": 0.05, "timing1D": 0.2}


def test_given_sigmas_are_used_without_a_search() -> None:
    x, y = X.iloc[:120], Y.iloc[:120]
    fit = fit_strategy(x, y, sigma=SIGMA)
    expected = dense_fit(x.to_numpy(), y.to_numpy(), np.ones(119), np.array(list(SIGMA.values())))
    assert fit.sigma.to_dict() == SIGMA
    assert fit.evidence == pytest.approx(expected["evidence"], abs=1e-5)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-5)
    np.testing.assert_allclose(fit.weights, expected["weights"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fit.bands, expected["bands"], rtol=1e-6)


def test_tables_have_the_labels_of_the_regressors() -> None:
    fit = fit_strategy(X, Y, sigma=0.05)
    for table in (fit.weights, fit.bands):
        assert table.index.equals(X.index)
        assert table.columns.equals(X.columns)
    assert fit.sigma.index.equals(X.columns)


def test_search_raises_the_evidence() -> None:
    assert fit_strategy(X, Y).evidence > fit_strategy(X, Y, sigma=2**-4).evidence


def test_repr_names_mean_weights_and_evidence() -> None:
    fit = fit_strategy(X, Y, sigma=0.05)
    text = repr(fit)
    assert text.startswith("StrategyFit of 300 flashes: mean weights bias ")
    assert f"evidence {fit.evidence:.1f}, AUC {fit.auc:.3f} in sample" in text


def test_separable_responses_have_finite_weights() -> None:
    x = pd.DataFrame({"bias": 1.0, "task0": np.resize([-0.5, 0.5], 200)})
    fit = fit_strategy(x, x["task0"] > 0)
    assert np.isfinite(fit.weights.to_numpy()).all()
    assert np.isfinite(fit.bands.to_numpy()).all()
    assert fit.auc == 1


def test_few_flashes_are_fitted_with_a_warning() -> None:
    with pytest.warns(VisBehaviorWarning, match="X has 20 flashes"):
        fit = fit_strategy(X.iloc[:20], Y.iloc[:20])
    assert np.isfinite(fit.weights.to_numpy()).all()


def test_regressor_that_never_changes_keeps_the_prior() -> None:
    fit = fit_strategy(X.assign(task0=0.0), Y, sigma=0.1)
    np.testing.assert_allclose(fit.weights["task0"], 0, atol=1e-9)
    np.testing.assert_allclose(fit.bands["task0"], np.sqrt(16**2 + 0.1**2 * np.arange(300)), rtol=1e-6)


def test_equal_responses_raise() -> None:
    with pytest.raises(BadValue, match="This session cannot be fitted"):
        fit_strategy(X, Y & False)


def test_saved_fit_is_loaded_again(tmp_path: pathlib.Path) -> None:
    fit = fit_strategy(X, Y, sigma=0.05)
    fit.save(tmp_path / "fit.npz")
    loaded = StrategyFit.load(tmp_path / "fit.npz")
    for name, value in vars(fit).items():
        other = getattr(loaded, name)
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(other, value)
        elif isinstance(value, pd.Series):
            pd.testing.assert_series_equal(other, value)
        else:
            assert other == value


def test_fit_of_a_flash_table_uses_its_regressors() -> None:
    table = make_flash_table(1, flashes=400, licks=300)
    regressors = compute_strategy_regressors(table)
    expected = fit_strategy(regressors.X, regressors.y)
    pd.testing.assert_frame_equal(fit_flash_table(table).weights, expected.weights)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_fraction_of_pairs_in_the_right_order(pairs: list[tuple[int, bool]]) -> None:
    scores, y = (np.array(values, dtype=np.float64) for values in zip(*pairs, strict=True))
    above, below = scores[y == 1], scores[y == 0]
    if len(above) and len(below):
        wins = np.mean([(a > b) + 0.5 * (a == b) for a in above for b in below])
        assert compute_auc(scores, y) == pytest.approx(wins)
    else:
        assert np.isnan(compute_auc(scores, y))


def test_names_of_regressors_are_free() -> None:
    fit = fit_strategy(X.set_axis(["a", "b", "c", "d"], axis=1), Y, sigma=list(SIGMA.values()))
    np.testing.assert_array_equal(fit.weights, fit_strategy(X, Y, sigma=SIGMA).weights)
