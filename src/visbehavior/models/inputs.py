"""Checks of regressors, responses and model parameters that users pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.analysis.checks import get_booleans, get_numbers
from visbehavior.arguments import check_number, check_whole_number
from visbehavior.errors import BadValue, brief_repr, warn
from visbehavior.models.random_walk import Floats
from visbehavior.wording import count_text

MAX_REGRESSORS = 50
"""Largest number of regressors. The time of a fit grows with its square."""
LARGEST_REGRESSOR = 1e4
"""Largest absolute value of a regressor. Larger ones make the curvature of the posterior inexact."""
FEW_FLASHES = 100
"""With fewer flashes than this the prior determines the weights, and a warning says so."""
MAX_SEED = 2**32 - 1
"""Largest seed."""
GIVEN_SIGMA_LIMITS = (1e-5, 1e3)
"""Smallest and largest sigma that can be given. Bands are exact to 1e-5 at a sigma of 1e-4, and to 1e-3 at the smallest."""


@dataclass(frozen=True)
class Responses:
    """Regressors and responses of the flashes of a session, checked.

    Parameters
    ----------
    x : numpy.ndarray
        Regressors, shape (flashes, regressors).
    y : numpy.ndarray
        Responses, float64, 0 or 1, shape (flashes,).
    names : pandas.Index
        Names of the regressors.
    flashes : pandas.Index
        Labels of the flashes.
    """

    x: Floats
    y: Floats
    names: pd.Index
    flashes: pd.Index

    def frame(self, values: Floats) -> pd.DataFrame:
        """Return values of shape (flashes, regressors) as a table like X."""
        return pd.DataFrame(values, index=self.flashes, columns=self.names)


def check_responses(X: Any, y: Any, *, warn_of_few: bool = True) -> Responses:
    """Return regressors and responses as arrays.

    Raises
    ------
    BadValue
        If X is not a table of finite numbers, its flashes are not in order, or y does not have one response for each
        flash and both kinds of responses.
    """
    table, x = check_table("X", X)
    if not (np.abs(x) <= LARGEST_REGRESSOR).all():
        row, column = np.argwhere(~(np.abs(x) <= LARGEST_REGRESSOR))[0]
        raise _wrong(
            "X",
            f"contains {x[row, column]:g} in the column {brief_repr(table.columns[column])} at row {row}",
            f"numbers from -{LARGEST_REGRESSOR:g} to {LARGEST_REGRESSOR:g}",
        )
    if isinstance(y, pd.Series) and isinstance(X, pd.DataFrame) and not y.index.equals(X.index):
        raise BadValue("y and X have different indexes. Expected the same flashes in both.", name="y")
    responses = get_booleans({"y": y}, "y", "the responses")
    _check_responses(responses, len(x))
    if warn_of_few and len(x) < FEW_FLASHES:
        warn(
            f"X has {count_text(len(x), 'flash', 'flashes')}. With fewer than {FEW_FLASHES}, the prior largely determines the weights."
        )
    return Responses(x, responses.astype(np.float64), table.columns, table.index)


def check_table(name: str, table: Any) -> tuple[pd.DataFrame, Floats]:
    """Return a table with a row for each flash and a column for each regressor, and its numbers.

    Raises
    ------
    BadValue
        If it is something else, or the flashes are not in order.
    """
    if isinstance(table, np.ndarray) and table.ndim == 2:
        table = pd.DataFrame(table)
    if not isinstance(table, pd.DataFrame):
        raise BadValue(
            f"{name} is {brief_repr(table)}; expected a DataFrame with a row for each flash and a column for each regressor.",
            name=name,
        )
    if not table.columns.is_unique or table.columns.nlevels > 1:
        raise _wrong(name, "has two columns of the same name, or names with several levels", "different names")
    if not table.index.is_unique or not table.index.is_monotonic_increasing:
        raise _wrong(name, "has flashes that occur twice or are not in order", "one session, with an increasing index")
    if not 1 <= len(table.columns) <= MAX_REGRESSORS:
        raise _wrong(name, f"has {len(table.columns)} columns", f"1 to {MAX_REGRESSORS} regressors")
    return table, np.column_stack([get_numbers(table, column, name) for column in table])


def _check_responses(responses: Any, flashes: int) -> None:
    if len(responses) != flashes:
        raise BadValue(
            f"y has {count_text(len(responses), 'response')} and X has {count_text(flashes, 'flash', 'flashes')}; expected one for each flash.",
            name="y",
        )
    if not responses.any() or responses.all():
        kind = "only responses" if len(responses) and responses.all() else "no response"
        raise BadValue(
            f"y has {kind} in {count_text(flashes, 'flash', 'flashes')}; expected some of both kinds. This session cannot be fitted.",
            name="y",
        )


def check_sigma(sigma: Any, names: pd.Index) -> Floats:
    """Return sigma as one number for each regressor.

    Parameters
    ----------
    sigma : object
        A number for all regressors, one for each in their order, or a mapping from their names.
    names : pandas.Index
        Names of the regressors.

    Raises
    ------
    BadValue
        If it is something else, or a number is outside `GIVEN_SIGMA_LIMITS`.
    """
    if isinstance(sigma, (Mapping, pd.Series)):
        missing = [name for name in names if name not in sigma]
        if missing:
            raise BadValue(f"sigma has no value for {brief_repr(missing[0])}; expected one for each regressor.")
        sigma = [sigma[name] for name in names]
    is_list = isinstance(sigma, (list, tuple)) or (isinstance(sigma, np.ndarray) and sigma.ndim == 1)
    values = list(sigma) if is_list else [sigma] * len(names)
    if len(values) != len(names):
        raise BadValue(f"sigma has {len(values)} values; expected {len(names)}, one for each regressor.", name="sigma")
    for value in values:
        check_number("sigma", value, *GIVEN_SIGMA_LIMITS)
    return np.array(values, dtype=np.float64)


def check_seed(seed: Any) -> None:
    """Raise BadValue unless an argument is a whole number from 0 to `MAX_SEED`."""
    check_whole_number("seed", seed, 0, MAX_SEED)


def _wrong(name: str, problem: str, expected: str) -> BadValue:
    return BadValue(f"{name} {problem}; expected {expected}.", name=name)
