"""Checks of regressors, responses and sigmas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.models.sessions import NAMES, make_session
from visbehavior import BadValue, VisBehaviorWarning
from visbehavior.models.inputs import check_responses, check_sigma

X, Y = make_session(1, 120)


def test_values_are_returned_unchanged() -> None:
    checked = check_responses(X, Y)
    np.testing.assert_array_equal(checked.x, X)
    np.testing.assert_array_equal(checked.y, Y)
    assert checked.flashes.equals(X.index)
    assert checked.names.tolist() == NAMES
    pd.testing.assert_frame_equal(checked.frame(checked.x), X)


@pytest.mark.parametrize("y", [Y.to_numpy(), Y.astype(float).to_numpy(), Y.tolist(), Y.astype("boolean")])
def test_responses_may_be_any_truth_values(y: Any) -> None:
    np.testing.assert_array_equal(check_responses(X, y).y, Y)


def test_arrays_are_numbered() -> None:
    checked = check_responses(X.to_numpy(), Y.to_numpy())
    assert checked.names.tolist() == [0, 1, 2, 3]
    assert checked.flashes.tolist() == list(range(120))


BROKEN: dict[str, tuple[Any, Any, str]] = {
    "text": ("x", Y, "X is 'x'; expected a DataFrame"),
    "NaN": (X.assign(task0=np.nan), Y, "X contains nan in the column 'task0' at row 0; expected numbers from"),
    "huge": (X.assign(task0=1e9), Y, r"X contains 1e\+09"),
    "no columns": (X[[]], Y, "0 columns; expected 1 to 50"),
    "columns twice": (pd.concat([X, X], axis=1), Y, "two columns of the same name"),
    "shuffled": (X.iloc[::-1], Y.iloc[::-1], "not in order; expected one session"),
    "fewer responses": (X, Y.to_numpy()[:9], "y has 9 responses and X has 120 flashes"),
    "other flashes": (X, Y.reset_index(drop=True), "different indexes"),
    "psytrack's coding": (X, Y.to_numpy() + 1, "it contains 2. Expected True or False"),
    "all licks": (X, Y | True, "y has only responses in 120 flashes; expected some of both"),
    "no licks": (X, Y & False, "y has no response in 120 flashes; expected some of both"),
    "no rows": (X.iloc[:0], Y.iloc[:0], "y has no response in 0 flashes"),
}


@pytest.mark.parametrize(("x", "y", "message"), BROKEN.values(), ids=BROKEN)
def test_wrong_regressors_and_responses_are_described(x: Any, y: Any, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        check_responses(x, y)


def test_few_flashes_cause_a_warning() -> None:
    with pytest.warns(VisBehaviorWarning, match="X has 99 flashes. With fewer than 100, the prior largely determines"):
        check_responses(X.iloc[:99], Y.iloc[:99])


@pytest.mark.parametrize(
    "sigma",
    [
        [1, 2, 3, 4],
        np.array([1.0, 2, 3, 4]),
        pd.Series([4.0, 3, 2, 1], index=NAMES[::-1]),
        dict(zip(NAMES, [1, 2, 3, 4], strict=True)),
    ],
)
def test_sigma_may_have_a_value_for_each_regressor(sigma: Any) -> None:
    assert check_sigma(sigma, X.columns).tolist() == [1, 2, 3, 4]


def test_one_sigma_holds_for_all_regressors() -> None:
    assert check_sigma(0.5, X.columns).tolist() == [0.5] * 4


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        ([1, 2], "sigma has 2 values; expected 4"),
        ({"bias": 1}, "sigma has no value for 'omissions'"),
        (0, "sigma is 0; expected a number from 1e-05 to 1000"),
        (float("nan"), "sigma is nan"),
        ("x", "sigma is 'x'"),
    ],
)
def test_wrong_sigmas_are_described(sigma: Any, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        check_sigma(sigma, X.columns)
