"""Engagement by six published definitions, all of which threshold a reward rate.

No two of them agree, so there is no default. Sources: AllenSDK 2.16; brain_observatory_utilities (BOU, c0a47b4),
``datasets/behavior/data_formatting.py``; visual_behavior_analysis (VBA, 8d04c3b), ``data_access/loading.py``;
visual_behavior_glm (GLM, 430db11), ``GLM_fit_tools.py``; licking_behavior (LB, feb9158), ``src/psy_metrics_tools.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns, get_booleans, get_numbers
from visbehavior.analysis.event_times import get_event_times
from visbehavior.analysis.flashes import FLASH_SECONDS, next_start, trial_labels
from visbehavior.analysis.performance import (
    RESPONSE_WINDOW,
    compute_reward_rate,
    get_change_time,
)
from visbehavior.analysis.rates import Booleans, Floats, compute_rate_around_trials
from visbehavior.arguments import check_choice
from visbehavior.errors import BadValue, MissingData

TRAILING_FLASHES = 320
"""Flashes of the window of VBA and GLM: the current flash and those before it."""
CENTERED_FLASHES = 640
CENTERED_SD = 60
"""Flashes of LB's window, which is centered, and the standard deviation of its Gaussian weights."""
LB_BOUT_RATE = 0.1
"""In LB's second version a mouse with more lick bouts per second than this is engaged, too."""
_SECONDS = 60


@dataclass(frozen=True)
class Definition:
    """A definition of engagement.

    Parameters
    ----------
    name : str
        Value of the argument `method`.
    reward_rate : function
        Returns the reward rate of each flash (rewards/min) from the flash table and the trials.
    above : float
        The mouse counts as engaged at a higher rate.
    needs_trials : bool
        True if the trials are required.
    """

    name: str
    reward_rate: Callable[[pd.DataFrame, Any], Floats]
    above: float
    needs_trials: bool = False


def compute_engagement(flash_table: pd.DataFrame, method: str, trials: Columns | None = None) -> pd.Series[bool]:
    """Return whether the mouse was engaged at each flash, by a published definition.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        As `compute_flash_table` returns it.
    method : str
        Which definition. The rate counts

        - "sdk": trials with a first lick from 0.15 to 0.75 s after the change, among the 25 before and 25 from the trial
          of the flash on; engaged above 2 per minute. Needs `trials`.
        - "bou": the same from the column ``response_latency``, in the next trial that is not aborted; the first 10
          trials count as engaged. Above 2 per minute. Needs `trials`.
        - "vba", "glm": rewarded flashes among this and the 319 before it, with triangular weights whose peak is 120 s
          back; above 2/3 per minute.
        - "lb": rewarded flashes among 640 around this one, with Gaussian weights (standard deviation 60 flashes); above
          1/2 per minute.
        - "lb_v2": as "lb", or more than 0.1 lick bouts per second.
    trials : pandas.DataFrame or None
        All trials of the session, aborted ones too.

    Returns
    -------
    pandas.Series
        bool, index as in `flash_table`.

    Raises
    ------
    BadValue
        If there is no such method, or an argument is not a table.
    MissingData
        If the trials or a column are missing.

    See Also
    --------
    compute_flash_reward_rate, compute_engaged_periods, compare_engagement

    Examples
    --------
    >>> flashes = session.get_flash_table()
    >>> compute_engagement(flashes, "vba").mean()
    0.895
    """
    rate = compute_flash_reward_rate(flash_table, method, trials)
    with np.errstate(invalid="ignore"):
        engaged = rate.to_numpy() > DEFINITIONS[method].above
        if method == "lb_v2":
            engaged |= compute_bout_rate(flash_table) > LB_BOUT_RATE
    return pd.Series(engaged, index=flash_table.index, name="engaged")


def compute_flash_reward_rate(
    flash_table: pd.DataFrame, method: str, trials: Columns | None = None
) -> pd.Series[float]:
    """Return the reward rate at each flash, by a published definition.

    Parameters
    ----------
    flash_table, method, trials
        As for `compute_engagement`.

    Returns
    -------
    pandas.Series
        float64 (rewards/min), index as in `flash_table`. NaN without a rate; infinite in the first trials of "bou".

    Raises
    ------
    BadValue, MissingData
        As `compute_engagement`.
    """
    check_choice("method", method, DEFINITIONS)
    definition = DEFINITIONS[method]
    if definition.needs_trials and trials is None:
        raise MissingData(
            f"The method {method!r} needs all trials of the session: pass trials=session.trials.", name="trials"
        )
    get_event_times(flash_table, "flash_table", "start_time")
    if not isinstance(flash_table, pd.DataFrame):
        raise BadValue("flash_table is a mapping; expected the DataFrame of compute_flash_table.", name="flash_table")
    return pd.Series(definition.reward_rate(flash_table, trials), index=flash_table.index, name="reward_rate")


def compute_engaged_periods(flash_table: pd.DataFrame, engaged: Any) -> pd.DataFrame:
    """Return the periods in which the mouse was engaged without interruption.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        As `compute_flash_table` returns it.
    engaged : pandas.Series or numpy.ndarray
        bool, one value per flash, as `compute_engagement` returns it.

    Returns
    -------
    pandas.DataFrame
        One row per period:

        start, end : float64, s
            Start of the first flash, and start of the flash after the last one.
        n_flashes : int64
            Flashes and omissions in the period.

    Raises
    ------
    BadValue
        If an argument is not a table, or the lengths differ.
    """
    start = get_event_times(flash_table, "flash_table", "start_time")
    flags = get_booleans({"engaged": engaged}, "engaged", "engagement")
    if len(flags) != len(start):
        raise BadValue(
            f"engaged has {len(flags)} values, and flash_table {len(start)} rows; expected one value per row.",
            name="engaged",
        )
    steps = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    first, stop = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return pd.DataFrame({"start": start[first], "end": next_start(start)[stop - 1], "n_flashes": stop - first})


def trailing_mean(values: NDArray[Any]) -> Floats:
    """Return the triangular weighted mean over each row and the 319 before it.

    The weights are symmetric, so that the newest row has the least; at the beginning those of existing rows are used.
    """
    half = (2 * np.arange(TRAILING_FLASHES // 2) + 1) / TRAILING_FLASHES
    weights = np.concatenate([half, half[::-1]])
    return _weighted(np.asarray(values, dtype=np.float64), weights, 0)


def centered_mean(values: NDArray[Any]) -> Floats:
    """Return the Gaussian weighted mean over the 320 rows before each row, the row itself and the 319 after it.

    Weights of missing rows and of NaN are left out; NaN if none is left.
    """
    distance = (np.arange(CENTERED_FLASHES) - (CENTERED_FLASHES - 1) / 2) / CENTERED_SD
    return _weighted(np.asarray(values, dtype=np.float64), np.exp(-distance * distance / 2), CENTERED_FLASHES // 2 - 1)


def _weighted(values: Floats, weights: Floats, ahead: int) -> Floats:
    """Return weighted means of windows that end `ahead` rows after each row. The weights are symmetric."""
    if not len(values):
        return values
    valid = ~np.isnan(values)
    rows = slice(ahead, ahead + len(values))
    total = np.convolve(np.where(valid, values, 0.0), weights)[rows]
    weight = np.convolve(valid.astype(np.float64), weights)[rows]
    mean: Floats = np.divide(total, weight, out=np.full(len(values), np.nan), where=weight > 0)
    return mean


def compute_bout_rate(flash_table: pd.DataFrame) -> Floats:
    """Return LB's rate of lick bouts at each flash (per second)."""
    return _from_first_image(flash_table, centered_mean, "bout_start") / FLASH_SECONDS


def _from_first_image(flash_table: pd.DataFrame, mean: Callable[[Any], Floats], column: str) -> Floats:
    """Return means over the rows from the first image on; NaN at omissions before it, which LB drops."""
    shown = np.cumsum(~get_booleans(flash_table, "omitted", "flash_table")) > 0
    values = np.full(len(shown), np.nan)
    values[shown] = mean(get_booleans(flash_table, column, "flash_table")[shown])
    return values


def _lb_rate(flash_table: pd.DataFrame, _: Any) -> Floats:
    return _from_first_image(flash_table, centered_mean, "rewarded") / FLASH_SECONDS * _SECONDS


def _vba_rate(flash_table: pd.DataFrame, _: Any) -> Floats:
    return trailing_mean(get_booleans(flash_table, "rewarded", "flash_table")) / FLASH_SECONDS * _SECONDS


def _sdk_rate(flash_table: pd.DataFrame, trials: Columns) -> Floats:
    rate = compute_reward_rate(trials)
    labels = trial_labels(trials)
    trial = get_numbers(flash_table, "trials_id", "flash_table")
    # The last NaN is for flashes of no trial.
    order = np.argsort(labels, kind="stable")
    position = np.minimum(np.searchsorted(labels[order], trial), max(len(labels) - 1, 0))
    found = labels[order][position] == trial if len(labels) else np.zeros(len(trial), dtype=np.bool_)
    of_flash: Floats = np.append(rate[order], np.nan)[np.where(found, position, len(labels))]
    return of_flash


def compute_bou_trial_rate(trials: Columns, latency_below: float = RESPONSE_WINDOW[1]) -> Floats:
    """Return BOU's reward rate of each trial (rewards/min): a trial counts if its response_latency is below a limit (s)."""
    latency = get_numbers(trials, "response_latency")
    with np.errstate(invalid="ignore"):
        return compute_rate_around_trials(get_event_times(trials, "trials", "start_time"), latency < latency_below)


def _bou_rate(flash_table: pd.DataFrame, trials: Columns) -> Floats:
    """Return the rate of the first trial that is not aborted and changes after each flash, at the end the last rate."""
    start, rate = get_event_times(flash_table, "flash_table", "start_time"), compute_bou_trial_rate(trials)
    change_time: Booleans | Floats = get_change_time(trials)
    kept = np.flatnonzero(~get_booleans(trials, "aborted") & ~np.isnan(change_time))
    if not len(kept):
        return np.full(len(start), np.nan)
    following = np.searchsorted(change_time[kept], start, "right")
    of_flash: Floats = rate[kept][np.minimum(following, len(kept) - 1)]
    return of_flash


DEFINITIONS = {
    definition.name: definition
    for definition in (
        Definition("sdk", _sdk_rate, 2.0, needs_trials=True),
        Definition("bou", _bou_rate, 2.0, needs_trials=True),
        Definition("vba", _vba_rate, 2 / 3),
        Definition("glm", _vba_rate, 2 / 3),
        Definition("lb", _lb_rate, 1 / 2),
        Definition("lb_v2", _lb_rate, 1 / 2),
    )
}
"""The definitions of engagement by the value of `method`."""
