"""Questions about many mice: learning, reaction times, omissions, engagement, and responses by pair of images.

Every function takes tables with rows of many sessions, as `visbehavior.Cohort.table` returns them, and most return a row per
mouse, so that each mouse counts once whatever the number of its sessions or trials. `summarize_mice` returns their mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_booleans, get_numbers, get_texts
from visbehavior.analysis.engagement import DEFINITIONS, compute_engagement
from visbehavior.analysis.many_sessions import (
    MOUSE_ID,
    SESSION_ID,
    check_column_name,
    check_frame,
    describe_sessions,
    get_ids,
    get_nullable_booleans,
    split_sessions,
)
from visbehavior.analysis.performance import RESPONSE_WINDOW
from visbehavior.analysis.response_matrix import ResponseMatrix, make_response_matrix
from visbehavior.arguments import check_choice, check_number, check_whole_number
from visbehavior.errors import BadValue
from visbehavior.schema.session_type import stage_order

CRITERION = 2.0
"""d' above which a session counts for the criterion."""
SESSIONS_NEEDED, SESSIONS_CONSIDERED = 2, 3
_NORMAL_95 = 1.959963984540054
"""Standard errors on each side of a mean that contain 95 % of a normal distribution."""
OMISSION_POSITIONS = ("before", "omission", "after", "other image")


def compute_learning_curve(sessions: pd.DataFrame, metric: str = "dprime", by: str = "day") -> pd.DataFrame:
    """Return a metric of each mouse by day, by number of the session, or by stage.

    Parameters
    ----------
    sessions : pandas.DataFrame
        Sessions of many mice with ``mouse_id``, ``day``, the metric and, by stage, ``stage``: the table ``sessions`` of a
        cohort, or `get_performance_table`.
    metric : str
        Column of the metric, such as "dprime", "max_dprime", "hit_rate" or "engaged_trial_count".
    by : str
        "day": days since the first session of the mouse; "session": its sessions, counted from 0; "stage".

    Returns
    -------
    pandas.DataFrame
        Index mouse_id, a column for each day, session or stage: mean of the metric over the sessions of the mouse; NaN without
        one. Stages are in order: training, habituation, imaging or recording.

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.
    """
    check_frame(sessions, "sessions")
    check_column_name("metric", metric)
    check_choice("by", by, ("day", "session", "stage"))
    frame = pd.DataFrame(
        {"mouse": get_ids(sessions, MOUSE_ID, "sessions"), "value": get_numbers(sessions, metric, "sessions")}
    )
    if by == "stage":
        frame["x"] = get_texts(sessions, "stage", "sessions")
    else:
        frame["x"] = get_numbers(sessions, "day", "sessions")
    if by == "session":
        frame["x"] = frame.sort_values("x", kind="stable").groupby("mouse").cumcount()
    frame = frame[frame["value"].notna() & frame["x"].notna() & (frame["x"] != "")]
    curve = frame.pivot_table(index="mouse", columns="x", values="value", aggfunc="mean")
    curve = curve.rename_axis(index=MOUSE_ID, columns=by).astype(np.float64)
    if by != "stage":
        return curve.set_axis(curve.columns.astype(np.int64), axis=1)
    return curve[sorted(curve, key=stage_order)]


def compute_days_to_criterion(
    sessions: pd.DataFrame,
    metric: str = "max_dprime",
    criterion: float = CRITERION,
    needed: int = SESSIONS_NEEDED,
    considered: int = SESSIONS_CONSIDERED,
) -> pd.DataFrame:
    """Return when each mouse first met a criterion: a metric above a value in some of its last sessions.

    Parameters
    ----------
    sessions : pandas.DataFrame
        Sessions of many mice with ``mouse_id``, ``day`` and the metric.
    metric : str
        Column of the metric.
    criterion : float
        Value that the metric must exceed.
    needed, considered : int
        Number of sessions above the criterion, among the last `considered` sessions.

    Returns
    -------
    pandas.DataFrame
        Index mouse_id; ``day`` and ``session`` (both from 0) of the session with which the criterion was met, <NA> if it never was; ``sessions``,
        the number of sessions of the mouse.

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.

    Notes
    -----
    The default is the gate between stages of training in AllenSDK (``brain_observatory/behavior/criteria.py``): peak d' above 2 in two
    of the last three sessions. Sessions without the metric count as below.
    """
    check_frame(sessions, "sessions")
    check_column_name("metric", metric)
    check_number("criterion", criterion, -1e9, 1e9)
    check_whole_number("considered", considered, 1, 1000)
    check_whole_number("needed", needed, 1, considered)
    frame = pd.DataFrame(
        {
            "mouse": get_ids(sessions, MOUSE_ID, "sessions"),
            "day": get_numbers(sessions, "day", "sessions"),
            "above": get_numbers(sessions, metric, "sessions") > criterion,
        }
    ).sort_values("day", kind="stable")
    rows = {mouse: _first_met(group, int(needed), int(considered)) for mouse, group in frame.groupby("mouse")}
    made = pd.DataFrame.from_dict(rows, orient="index", columns=["day", "session", "sessions"])
    return made.rename_axis(MOUSE_ID).astype({"day": "Int64", "session": "Int64", "sessions": "int64"})


def _first_met(group: pd.DataFrame, needed: int, considered: int) -> tuple[Any, Any, int]:
    total = np.concatenate([[0], np.cumsum(group["above"].to_numpy())])
    stop = np.arange(1, len(total))
    met = np.flatnonzero(total[stop] - total[np.maximum(stop - considered, 0)] >= needed)
    if not len(met):
        return pd.NA, pd.NA, len(group)
    day = group["day"].iloc[met[0]]
    return pd.NA if np.isnan(day) else int(day), int(met[0]), len(group)


def compute_latency_distribution(
    trials: pd.DataFrame, sessions: pd.DataFrame, by: str = "experience_level", bin_width: float = 0.05
) -> pd.DataFrame:
    """Return the distribution of reaction times in hits, for each group of sessions and each mouse.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of many sessions with ``behavior_session_id``, ``hit`` and ``response_latency`` (s).
    sessions : pandas.DataFrame
        Their sessions with ``behavior_session_id``, ``mouse_id`` and the column `by`.
    by : str
        Column of the groups, such as "experience_level" (Familiar, Novel 1 ...), "stage" or "cre_line".
    bin_width : float
        Width of a bin (s), at least 0.001.

    Returns
    -------
    pandas.DataFrame
        Index of the group and mouse_id; a column for each bin, its center (s), from 0 to 0.75 s: fraction of the mouse's hits in the bin.

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.

    Notes
    -----
    The reaction time is AllenSDK's ``response_latency``: the first lick of the trial minus the change on the monitor. Hits with
    a lick before the change or after the response window (0.15 to 0.75 s) are outside all bins or in early ones, and count in the
    denominator.
    """
    check_frame(trials, "trials")
    check_number("bin_width", bin_width, 0.001, RESPONSE_WINDOW[1], unit="s")
    hit = get_booleans(trials, "hit", "trials")
    latency, number = get_numbers(trials, "response_latency", "trials"), get_numbers(trials, SESSION_ID, "trials")
    edges = np.arange(0, RESPONSE_WINDOW[1] + float(bin_width) / 2, float(bin_width))
    bins = np.digitize(np.where(np.isfinite(latency), latency, np.inf), edges) - 1
    described = describe_sessions(sessions, by)
    frame = pd.DataFrame({"session": number[hit], "bin": bins[hit]}).join(described, on="session", how="inner")
    counts = pd.crosstab([frame["group"], frame[MOUSE_ID]], frame["bin"])
    fractions = counts.div(counts.sum(axis=1), axis=0).reindex(columns=range(len(edges) - 1), fill_value=0.0)
    centers = (edges[:-1] + edges[1:]) / 2
    return fractions.set_axis(pd.Index(centers, name="latency"), axis=1).rename_axis(index=[by, MOUSE_ID])


def compute_omission_responses(flashes: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return how often each mouse licked at an omission, and at the images before and after it.

    Parameters
    ----------
    flashes : pandas.DataFrame
        Flash tables of many sessions with ``behavior_session_id``, ``omitted``, ``is_change`` and ``bout_start``, in order of time.
    sessions : pandas.DataFrame
        Their sessions with ``behavior_session_id`` and ``mouse_id``.

    Returns
    -------
    pandas.DataFrame
        Index mouse_id; columns "before", "omission", "after" and "other image": fraction of these flashes at which a lick bout began.
        Changes do not count. NaN without such a flash.

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.

    Notes
    -----
    A response is the start of a lick bout, as in the strategy model of Piet et al. (2024), where the flash after an omission has a
    regressor of its own.
    """
    check_frame(flashes, "flashes")
    omitted, change, responded = (
        get_booleans(flashes, name, "flashes") for name in ("omitted", "is_change", "bout_start")
    )
    number = get_numbers(flashes, SESSION_ID, "flashes")
    same = number[1:] == number[:-1]
    after, before = np.zeros(len(omitted), dtype=bool), np.zeros(len(omitted), dtype=bool)
    after[1:], before[:-1] = omitted[:-1] & same, omitted[1:] & same
    position = np.select([omitted, after, before], ["omission", "after", "before"], "other image")
    kept = ~change | omitted
    frame = pd.DataFrame({"session": number, "position": position, "responded": responded.astype(np.float64)})[kept]
    frame = frame.join(describe_sessions(sessions, MOUSE_ID), on="session", how="inner")
    means = frame.groupby([MOUSE_ID, "position"])["responded"].mean().unstack()
    return means.reindex(columns=list(OMISSION_POSITIONS)).rename_axis(columns="position")


def compute_engaged_fractions(flashes: pd.DataFrame, trials: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the fraction of flashes at which each mouse was engaged, by each published definition.

    Parameters
    ----------
    flashes : pandas.DataFrame
        Flash tables of many sessions with ``behavior_session_id``.
    trials : pandas.DataFrame
        All trials of these sessions with ``behavior_session_id``.
    sessions : pandas.DataFrame
        The sessions with ``behavior_session_id`` and ``mouse_id``.

    Returns
    -------
    pandas.DataFrame
        Index mouse_id; a column for each definition of `compute_engagement`: mean over the sessions of the mouse.

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.
    """
    described = describe_sessions(sessions, MOUSE_ID)
    trials_of = split_sessions(trials, "trials")
    fractions = {}
    for number, table in split_sessions(flashes, "flashes").items():
        if number in described.index and number in trials_of:
            engaged = (compute_engagement(table, method, trials_of[number]) for method in DEFINITIONS)
            fractions[number] = [flags.mean() for flags in engaged]
    frame = pd.DataFrame.from_dict(fractions, orient="index", columns=list(DEFINITIONS), dtype=np.float64)
    mice = described[MOUSE_ID].reindex(frame.index)
    return frame.groupby(mice).mean().rename_axis(index=MOUSE_ID, columns="definition")


def compute_pooled_response_matrix(flashes: pd.DataFrame) -> ResponseMatrix:
    """Return how often mice responded when one image followed another, over the flashes of many sessions.

    Parameters
    ----------
    flashes : pandas.DataFrame
        Flash tables of many sessions with ``image_name``, ``previous_image_name``, ``could_change``, ``omitted``, ``licked`` and ``auto_rewarded``.

    Returns
    -------
    ResponseMatrix
        As `compute_response_matrix` returns it. Each flash counts once, so mice with more flashes have more weight.

    Raises
    ------
    BadValue
        If a column has other values.
    MissingData
        If a column is missing.

    Notes
    -----
    Definition: `compute_response_matrix` with the method "bou". Flashes with a free reward are left out.
    """
    check_frame(flashes, "flashes")
    flags = {name: get_booleans(flashes, name, "flashes") for name in ("could_change", "omitted", "licked")}
    free = get_nullable_booleans(flashes, "auto_rewarded", "flashes")
    selected = flags["could_change"] & ~flags["omitted"] & ~free
    return make_response_matrix(flashes, flags["licked"], selected)


def summarize_mice(values: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over mice with its interval.

    Parameters
    ----------
    values : pandas.DataFrame
        A row per mouse, a column per day, stage, latency or position.

    Returns
    -------
    pandas.DataFrame
        A row per column of `values`: ``mean`` over the mice that have a value, ``low`` and ``high`` (mean minus and plus 1.96 standard errors, a 95 %
        interval; NaN for a single mouse), and ``mice``, their number.

    Raises
    ------
    BadValue
        If it is not a table of numbers.
    """
    numbers = as_matrix(values)
    count = np.isfinite(numbers).sum(axis=0)
    total = np.where(np.isfinite(numbers), numbers, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    squares = np.where(np.isfinite(numbers), (numbers - mean) ** 2, 0.0).sum(axis=0)
    variance = np.divide(squares, count - 1, out=np.full(len(count), np.nan), where=count > 1)
    half = _NORMAL_95 * np.sqrt(np.divide(variance, count, out=np.full(len(count), np.nan), where=count > 1))
    return pd.DataFrame({"mean": mean, "low": mean - half, "high": mean + half, "mice": count}, index=values.columns)


def as_matrix(values: Any) -> NDArray[np.float64]:
    """Return a table of a row per mouse as float64; BadValue if it is something else."""
    if not isinstance(values, pd.DataFrame):
        raise BadValue(
            f"values is a {type(values).__name__}; expected a DataFrame with a row per mouse.", name="values"
        )
    if not len(values.columns):
        return np.empty((len(values), 0))
    columns = ({"column": values.iloc[:, position]} for position in range(values.shape[1]))
    return np.column_stack([get_numbers(column, "column", "values") for column in columns])
