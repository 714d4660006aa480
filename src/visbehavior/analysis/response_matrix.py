"""Responses by pair of images: how often the mouse licked when one image followed another.

Definition: brain_observatory_utilities (BOU, c0a47b4) and visual_behavior_analysis (VBA, 8d04c3b).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from visbehavior.analysis.checks import Columns, get_booleans, get_texts
from visbehavior.analysis.could_change import compute_could_change, trial_by_start
from visbehavior.analysis.event_times import get_event_times
from visbehavior.analysis.flashes import trial_labels
from visbehavior.analysis.rates import Booleans, compute_dprime
from visbehavior.errors import BadValue


class ResponseMatrix(NamedTuple):
    """Responses by pair of images; rows are the previous image, columns the current one.

    Parameters
    ----------
    mean : pandas.DataFrame
        Fraction of flashes with a response; NaN for pairs that did not occur. The diagonal has false alarms.
    count : pandas.DataFrame
        Number of flashes, float64; NaN for pairs that did not occur.
    dprime : pandas.DataFrame
        d' of each change: z(response rate) - z(false-alarm rate on the diagonal of the current image), with rates clipped to
        [0.01, 0.99]. The diagonal is NaN.
    """

    mean: pd.DataFrame
    count: pd.DataFrame
    dprime: pd.DataFrame


def compute_response_matrix(
    flash_table: pd.DataFrame, licks: Columns, trials: Columns, method: str = "bou", engaged: Any = None
) -> ResponseMatrix:
    """Return how often the mouse responded when one image followed another.

    Only flashes count at which the image could have changed, in trials without a free reward.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        As `compute_flash_table` returns it, with ``image_name`` and ``previous_image_name``.
    licks : pandas.DataFrame
        The column ``timestamps`` (s) is used. A response is a lick from the start of the flash until the next start.
    trials : pandas.DataFrame
        ``start_time`` and ``auto_rewarded`` are used.
    method : str
        Definition of the flashes at which the image could have changed: "bou" or "vba", as in `compute_could_change`.
    engaged : pandas.Series, numpy.ndarray or None
        bool, one value per flash: use these flashes only. None: all.

    Returns
    -------
    ResponseMatrix
        ``mean``, ``count`` and ``dprime``; images in the order of their names. Images without a flash are absent.

    Raises
    ------
    BadValue
        If an argument is not a table, or `engaged` has another length.
    MissingData
        If a column is missing.
    """
    could_change = compute_could_change(flash_table, licks, trials, method)
    responded = compute_could_change(flash_table, licks, trials, "vba")["responded"].to_numpy()
    selected = could_change["could_change"].to_numpy() & _in_trial_without_free_reward(flash_table, trials)
    selected &= ~get_booleans(flash_table, "omitted", "flash_table")
    if engaged is not None:
        selected &= _checked_flags(engaged, len(selected))
    return make_response_matrix(flash_table, responded, selected)


def make_response_matrix(flash_table: Columns, responded: Booleans, selected: Booleans) -> ResponseMatrix:
    """Return the responses of selected flashes by pair of images."""
    mean, count = _by_pair(flash_table, responded, selected)
    return ResponseMatrix(mean, count, _matrix_dprime(mean))


def _checked_flags(engaged: Any, rows: int) -> Booleans:
    flags = get_booleans({"engaged": engaged}, "engaged", "engagement")
    if len(flags) != rows:
        raise BadValue(
            f"engaged has {len(flags)} values, and flash_table {rows} rows; expected one value per row.", name="engaged"
        )
    return flags


def _in_trial_without_free_reward(flash_table: pd.DataFrame, trials: Columns) -> Booleans:
    trial = trial_by_start(get_event_times(flash_table, "flash_table", "start_time"), trials)
    labels = trial_labels(trials)
    return np.isin(trial, labels[~get_booleans(trials, "auto_rewarded")])


def _by_pair(flash_table: Columns, responded: Booleans, selected: Booleans) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [
        get_texts(flash_table, name, "flash_table")[selected].astype(str)
        for name in ("previous_image_name", "image_name")
    ]
    (rows, row), (columns, column) = (np.unique(values, return_inverse=True) for values in names)
    cell = row * len(columns) + column
    count = np.bincount(cell, minlength=len(rows) * len(columns)).astype(np.float64)
    total = np.bincount(cell, responded[selected], minlength=len(count))
    count[count == 0] = np.nan
    index, header = pd.Index(rows, name="previous_image_name"), pd.Index(columns, name="image_name")
    shape = len(rows), len(columns)
    return (
        pd.DataFrame((total / count).reshape(shape), index, header),
        pd.DataFrame(count.reshape(shape), index, header),
    )


def _matrix_dprime(mean: pd.DataFrame) -> pd.DataFrame:
    """Return d' of each cell against the diagonal of its column's image."""
    rates = mean.to_numpy()
    stays = np.asarray(mean.index)[:, None] == np.asarray(mean.columns)[None, :]
    diagonal = mean.reindex(index=mean.columns).to_numpy().diagonal() if len(mean) else np.empty(0)
    false_alarms = np.broadcast_to(diagonal, rates.shape)
    dprime = compute_dprime(rates.ravel(), false_alarms.ravel()).reshape(rates.shape)
    return pd.DataFrame(np.where(stays, np.nan, dprime), mean.index, mean.columns)
