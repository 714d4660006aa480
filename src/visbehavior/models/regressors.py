"""Regressors of the strategy model, from the flash table.

Source: Piet et al. 2024 (Neuron 112) and its code, licking_behavior (feb9158), ``psy_tools.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns, check_one_session, get_booleans, get_numbers
from visbehavior.errors import BadValue
from visbehavior.models.random_walk import Floats

MIN_LICKS = 10
"""Sessions with fewer licks during the task have no regressors, as in the published code."""
MAX_FLASH_INTERVAL = 1.0
"""Longest median interval between flashes (s). Gratings that stay until the next change have longer ones."""
TIMING_MIDPOINT = 4.0
"""Flashes since the last bout at which the timing regressor is halfway."""
TIMING_SLOPE = 5.0
"""Exponent of the timing regressor."""
_TIMING_RESOLUTION = 1e-3
"""Values of the timing regressor nearer than this to -1 or 0 are set to it."""
_FLASH_TABLE = "the flash table"


@dataclass(frozen=True, eq=False)
class StrategyRegressors:
    """Regressors and responses of a session, as `compute_strategy_regressors` returns them.

    Attributes
    ----------
    X : pandas.DataFrame
        Regressors, in alphabetical order. The index is the flash, as in the flash table.
    y : pandas.Series
        bool, True where a lick bout begins. Same index.
    """

    X: pd.DataFrame
    y: pd.Series


def compute_strategy_regressors(flash_table: Columns) -> StrategyRegressors:
    """Return the regressors of the strategy model, and at which flashes lick bouts begin.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        Flash table of an active session with images, from `compute_flash_table` or `session.get_flash_table()`. Its
        columns start_time, is_change, omitted, n_licks, num_bout_start, num_bout_end and in_lick_bout are used.

    Returns
    -------
    StrategyRegressors
        ``X``: float64, a row for each flash at which a bout can begin. Flashes inside bouts have no row, nor have
        omissions before the first image. Columns:

        bias
            1.
        omissions, omissions1
            1 if this flash, or the previous one, is an omission. Absent in sessions without omissions.
        task0
            1 if the image changes.
        timing1D
            From -1 to 0, a sigmoid of the number of flashes since a bout ended; halfway at 4 flashes.

        Each column but bias has its mean subtracted, so that the weight of bias is the log-odds of a bout at average
        regressors. ``y``: bool.

    Raises
    ------
    BadValue
        If there are fewer than 10 licks during the task, no image, or gratings that stay; or a column is wrong.
    MissingData
        If a column is missing.

    Notes
    -----
    Before the first bout ends, the first and the second flash both count as the first one after a bout, as in the
    published code.

    Examples
    --------
    >>> regressors = compute_strategy_regressors(session.get_flash_table())
    >>> fit = fit_strategy(regressors.X, regressors.y)
    """
    check_one_session(flash_table, _FLASH_TABLE, "start_time")
    start = get_numbers(flash_table, "start_time", _FLASH_TABLE)
    omitted = get_booleans(flash_table, "omitted", _FLASH_TABLE)
    rows = np.flatnonzero(np.logical_or.accumulate(~omitted))
    licks, begins, ends = (_counts(flash_table, name)[rows] for name in ("n_licks", "num_bout_start", "num_bout_end"))
    _check_session(start[rows], licks)
    inside = get_booleans(flash_table, "in_lick_bout", _FLASH_TABLE)[rows]
    change = get_booleans(flash_table, "is_change", _FLASH_TABLE)[rows]
    columns = _regressors(change, omitted[rows], ends > 0)
    labels = flash_table.index if isinstance(flash_table, pd.DataFrame) else pd.RangeIndex(len(start))
    index = labels[rows[~inside]]
    X = pd.DataFrame({name: values[~inside] for name, values in columns.items()}, index=index)
    X -= X.mean().where(X.columns != "bias", 0.0)
    return StrategyRegressors(X, pd.Series(begins[~inside] > 0, index=index, name="y"))


def _regressors(
    change: NDArray[np.bool_], omitted: NDArray[np.bool_], bout_ends: NDArray[np.bool_]
) -> dict[str, Floats]:
    """Return the regressors of all flashes, those inside bouts too, in alphabetical order."""
    columns = {"bias": np.ones(len(change))}
    if omitted.any():
        columns["omissions"] = omitted.astype(np.float64)
        columns["omissions1"] = np.concatenate([[0.0], columns["omissions"][:-1]])
    columns["task0"] = change.astype(np.float64)
    columns["timing1D"] = compute_timing(_flashes_since_bout(bout_ends))
    return columns


def compute_timing(flashes: NDArray[np.int64]) -> Floats:
    """Return the timing regressor, from -1 to 0, from the number of flashes since a bout ended (1 or more)."""
    timing = -1 + 1 / (1 + (flashes / TIMING_MIDPOINT) ** -TIMING_SLOPE)
    timing[timing < -1 + _TIMING_RESOLUTION] = -1
    timing[timing > -_TIMING_RESOLUTION] = 0
    return np.asarray(timing)


def _flashes_since_bout(bout_ends: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the number of flashes since the last flash in which a bout ended: 1 at the next one."""
    rows = np.arange(len(bout_ends))
    last = np.maximum.accumulate(np.where(bout_ends, rows, -1))
    since = np.where(last >= 0, rows - last, rows)
    return np.concatenate([[1], since[:-1] + 1])


def _counts(flash_table: Columns, name: str) -> Floats:
    counts = get_numbers(flash_table, name, _FLASH_TABLE)
    if not (counts >= 0).all():
        raise BadValue(
            f"The column {name} of {_FLASH_TABLE} has values below 0 or missing; expected counts.", name=name
        )
    return counts


def _check_session(start: Floats, licks: Floats) -> None:
    if not len(start):
        raise BadValue(f"{_FLASH_TABLE} has no image. Expected the flashes of an active session.", name="flash_table")
    if len(start) > 1 and not np.median(np.diff(start)) <= MAX_FLASH_INTERVAL:
        raise BadValue(
            f"The flashes are {np.median(np.diff(start)):.3g} s apart; expected at most {MAX_FLASH_INTERVAL:g} s. The "
            "strategy model needs images that flash, not gratings that stay.",
            name="flash_table",
        )
    if licks.sum() < MIN_LICKS:
        raise BadValue(
            f"The session has {licks.sum():.0f} licks during the task; expected {MIN_LICKS} or more. Choose an active session.",
            name="flash_table",
            licks=int(licks.sum()),
        )
