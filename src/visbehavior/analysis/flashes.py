"""The flash table: what the mouse did at each flash of the task.

Definitions: `visbehavior.schema.flashes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import Columns, check_one_session, get_booleans, get_numbers, get_texts
from visbehavior.analysis.could_change import compute_could_change
from visbehavior.analysis.event_times import (
    Floats,
    count_after_until,
    count_between,
    get_event_times,
    mean_in_windows,
    rows_from_last,
    time_from_last,
)
from visbehavior.analysis.licking import find_bouts
from visbehavior.analysis.performance import get_change_time
from visbehavior.analysis.presentations import compute_trials_id
from visbehavior.analysis.pupil import read_pupil_width
from visbehavior.errors import BadValue
from visbehavior.schema.flashes import FLASHES

FLASH_SECONDS = 0.75
"""Published length of a flash and the gray after it (s). The real interval is 0.7506 s or so."""
CHANGE_DISTANCE = 0.5
"""A flash belongs to the change of a trial whose change_time is nearer than this (s)."""
_OF_TRIAL = ("go", "catch", "auto_rewarded", "hit", "miss", "false_alarm", "correct_reject")


def compute_flash_table(
    stimulus_presentations: Columns,
    licks: Columns,
    rewards: Columns,
    trials: Columns | None = None,
    running_speed: Columns | None = None,
    eye_tracking: Columns | None = None,
) -> pd.DataFrame:
    """Return what the mouse did at each flash and omission of the task.

    Parameters
    ----------
    stimulus_presentations : pandas.DataFrame
        Presentations of a session. The columns ``start_time`` (s), ``is_change`` and ``omitted`` are required;
        ``image_name``, ``trials_id``, ``stimulus_block`` and ``active`` are used if present. Gray and movie, whose
        ``omitted`` is missing, have no row in the result.
    licks, rewards : pandas.DataFrame
        The column ``timestamps`` (s) is used.
    trials : pandas.DataFrame or None
        Trials of the session. None: the result has no columns that need them.
    running_speed : pandas.DataFrame or None
        ``timestamps`` (s) and ``speed`` (cm/s).
    eye_tracking : pandas.DataFrame or None
        ``timestamps`` (s), ``pupil_width`` (pixels) and ``likely_blink``.

    Returns
    -------
    pandas.DataFrame
        One row per flash or omission of the task; the index is that of `stimulus_presentations`. The columns are
        documented in ``docs/tables.md`` (flash_table).

    Raises
    ------
    BadValue
        If an argument is not a table, or times do not increase or are missing.
    MissingData
        If a column is missing.

    See Also
    --------
    compute_lick_bouts, compute_could_change, compute_engagement

    Examples
    --------
    >>> flashes = session.get_flash_table()
    >>> flashes.groupby("is_change")["licked"].mean()
    """
    flashes = _select_flashes(stimulus_presentations)
    start, stop = flashes["start_time"].to_numpy(), next_start(flashes["start_time"].to_numpy())
    lick_times, reward_times = get_event_times(licks, "licks"), get_event_times(rewards, "rewards")
    columns: dict[str, Any] = _count_events(lick_times, reward_times, start, stop)
    columns |= _find_bouts(lick_times, flashes)
    columns |= _since_events(lick_times, reward_times, flashes, columns)
    window = start, start + FLASH_SECONDS
    if running_speed is not None:
        times = get_event_times(running_speed, "running_speed")
        columns["mean_running_speed"] = mean_in_windows(times, get_numbers(running_speed, "speed"), *window)
    if eye_tracking is not None:
        columns["mean_pupil_width"] = mean_in_windows(*read_pupil_width(eye_tracking), *window)
    table = flashes.assign(**columns)
    if trials is not None:
        table = _add_trials(table, trials, stimulus_presentations, licks)
    return table[[name for name in FLASHES.names() if name in table]]


def next_start(start: Floats) -> Floats:
    """Return the start of the next flash (s); for the last one 0.75 s after its start."""
    return np.append(start[1:], start[-1:] + FLASH_SECONDS)


def flash_rows(stimulus_presentations: Columns) -> NDArray[np.intp]:
    """Return the rows of the flashes and omissions of the task.

    Newer files have blocks, and ``active`` names the task's. Older files have the task only; there AllenSDK computes
    ``active`` from the trials, and it is False in the last rows.
    """
    omitted = np.asarray(stimulus_presentations["omitted"], dtype=object)
    selected = ~pd.isna(omitted)
    if "stimulus_block" in stimulus_presentations and "active" in stimulus_presentations:
        selected &= get_booleans(stimulus_presentations, "active", "stimulus_presentations")
    return np.flatnonzero(selected)


def _select_flashes(presentations: Columns) -> pd.DataFrame:
    """Return the columns of the table that `stimulus_presentations` has, for the flashes of the task."""
    check_one_session(presentations, "stimulus_presentations", "start_time")
    get_numbers(presentations, "start_time", "stimulus_presentations")
    get_booleans(presentations, "is_change", "stimulus_presentations")
    frame = presentations if isinstance(presentations, pd.DataFrame) else pd.DataFrame(dict(presentations))
    if "omitted" not in frame:
        get_booleans(frame, "omitted", "stimulus_presentations")
    frame = frame.iloc[flash_rows(frame)]
    name = "stimulus_presentations"
    columns: dict[str, Any] = {"start_time": get_event_times(frame, name, "start_time")}
    if "image_name" in frame:
        image_name = get_texts(frame, "image_name", name)
        columns["image_name"] = image_name
        columns["previous_image_name"] = np.concatenate([[None], image_name[:-1]])[: len(frame)]
    columns |= {column: get_booleans(frame, column, name) for column in ("is_change", "omitted")}
    return pd.DataFrame(columns, index=frame.index.rename(FLASHES.index))


def _count_events(licks: Floats, rewards: Floats, start: Floats, stop: Floats) -> dict[str, Any]:
    n_licks, first_lick = count_after_until(licks, start, stop)
    n_rewards, _ = count_after_until(rewards, start, stop)
    return {
        "n_licks": n_licks,
        "licked": n_licks > 0,
        "first_lick_time": first_lick,
        "lick_latency": first_lick - start,
        "n_rewards": n_rewards,
        "rewarded": n_rewards > 0,
    }


def task_licks(licks: Floats, start: Floats, omitted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which licks are after the first image, and not later than 0.75 s after the last flash began."""
    shown = start[~omitted]
    if not len(shown):
        return np.zeros(len(licks), dtype=np.bool_)
    in_task: NDArray[np.bool_] = (licks > shown[0]) & (licks <= start[-1] + FLASH_SECONDS)
    return in_task


def _find_bouts(licks: Floats, flashes: pd.DataFrame) -> dict[str, Any]:
    """Find the flashes at which bouts begin and end, as ``annotate_bouts`` of licking_behavior."""
    start, count = flashes["start_time"].to_numpy(), len(flashes)
    licks = licks[task_licks(licks, start, flashes["omitted"].to_numpy())]
    first, last = find_bouts(licks)
    began, ended = (np.searchsorted(start, licks[at], "left") - 1 for at in (first, last))
    starts, ends = np.bincount(began, minlength=count), np.bincount(ended, minlength=count)
    # The last bout that begins at a flash has the number of all bouts so far.
    number = np.cumsum(starts)
    open_before = np.concatenate([[0], np.cumsum(starts - ends)[:-1]])[:count] > 0
    return {
        "num_bout_start": starts,
        "bout_start": starts > 0,
        "bout_number": pd.arrays.IntegerArray(number, starts == 0),
        "num_bout_end": ends,
        "bout_end": ends > 0,
        "in_lick_bout": open_before & ~((starts > 0) & (ends > 0)),
        "_bout_times": licks[first],
    }


def _since_events(licks: Floats, rewards: Floats, flashes: pd.DataFrame, columns: dict[str, Any]) -> dict[str, Any]:
    start, change, omitted = (flashes[name].to_numpy() for name in ("start_time", "is_change", "omitted"))
    times = {
        "change": start[change],
        "omitted": start[omitted],
        "lick": licks,
        "bout": columns.pop("_bout_times"),
        "reward": rewards,
    }
    flags = {
        "change": change,
        "omitted": omitted,
        "lick": columns["licked"],
        "bout": columns["bout_start"],
        "bout_end": columns["bout_end"],
        "reward": columns["rewarded"],
    }
    since = {f"time_from_last_{name}": time_from_last(events, start) for name, events in times.items()}
    return since | {f"flashes_from_last_{name}": rows_from_last(rows) for name, rows in flags.items()}


def _add_trials(table: pd.DataFrame, trials: Columns, presentations: Columns, licks: Columns) -> pd.DataFrame:
    check_one_session(trials, "trials", "start_time")
    columns: dict[str, Any] = {"trials_id": _trial_of_flash(table, trials, presentations)}
    trial = _trial_of_change(table["start_time"].to_numpy(), trials)
    absent = trial < 0
    columns["change_trials_id"] = pd.arrays.IntegerArray(_take(trial_labels(trials), trial), absent)
    for name in _OF_TRIAL:
        columns[name] = pd.arrays.BooleanArray(_take(get_booleans(trials, name), trial), absent.copy())
    table = table.assign(**columns)
    return table.assign(could_change=compute_could_change(table, licks)["could_change"])


def _trial_of_flash(table: pd.DataFrame, trials: Columns, presentations: Columns) -> NDArray[np.int64]:
    if "trials_id" in presentations:
        stored = get_numbers(presentations, "trials_id", "stimulus_presentations")
        return stored[flash_rows(presentations)].astype(np.int64)
    start = table["start_time"].to_numpy()
    bounds = get_numbers(trials, "start_time"), get_numbers(trials, "stop_time")
    return compute_trials_id(start, np.ones(len(start), dtype=np.bool_), *bounds, trial_labels(trials))


def trial_labels(trials: Columns) -> NDArray[np.int64]:
    """Return the labels of the trials: their index, or the column trials_id of a mapping of columns."""
    if isinstance(trials, pd.DataFrame):
        trials = {"trials_id": trials.index}
    labels = get_numbers(trials, "trials_id") if "trials_id" in trials else np.arange(len(trials["start_time"]))
    if not np.isfinite(labels).all():
        raise BadValue("The index of trials has missing labels; expected whole numbers.", name="trials")
    return labels.astype(np.int64)


def _trial_of_change(start: Floats, trials: Columns) -> NDArray[np.int64]:
    """Return the position of the trial that has its change at each flash; -1 if there is none, or more than one."""
    change_time = get_change_time(trials)
    order = np.argsort(change_time, kind="stable")
    changes = change_time[order][: np.count_nonzero(~np.isnan(change_time))]
    count, _ = count_between(changes, start - CHANGE_DISTANCE, start + CHANGE_DISTANCE)
    first = np.searchsorted(changes, start - CHANGE_DISTANCE, "right")
    trial = np.full(len(start), -1)
    trial[count == 1] = order[first[count == 1]]
    return trial


def _take(values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return values at positions; zero at -1."""
    return np.append(values, values.dtype.type(0))[rows]
