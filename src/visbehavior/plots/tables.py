"""The tables that plots use, checked, with the same column names for all sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_booleans, get_numbers
from visbehavior.analysis.performance import get_change_time
from visbehavior.analysis.presentations import compute_is_change
from visbehavior.arguments import check_number
from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.schema.session import OMITTED

SESSION_TABLES = ("running_speed", "licks", "rewards", "stimulus_presentations")
"""Tables of a session, in the order of the arguments."""
OUTCOME_COLUMNS = {
    "hit": "hit",
    "miss": "miss",
    "false alarm": "false_alarm",
    "correct reject": "correct_reject",
}
"""Column of the trials for each outcome that is drawn."""

# Largest start and stop (s).
_MAX_TIME = 1e9
# Kinds of dtypes of truth values, integers and floats.
_NUMBERS = "biuf"
_FREE_REWARD_COLUMNS = ("auto_rewarded", "autorewarded")


@dataclass(frozen=True)
class TaskTables:
    """Checked tables of a session.

    Attributes
    ----------
    running : pandas.DataFrame
        timestamps (s) and speed (cm/s).
    licks : pandas.DataFrame
        timestamps (s).
    rewards : pandas.DataFrame
        timestamps (s), and is_free: whether the reward was given without a lick.
    images : pandas.DataFrame
        start and stop (s), name, and is_change of each image and omission, without gray and movie.
    outcomes : pandas.DataFrame
        time (s) of the change or sham change, and outcome of the trial, a key of `OUTCOME_COLUMNS`.
    trials : pandas.DataFrame or None
        The trials as passed.
    """

    running: pd.DataFrame
    licks: pd.DataFrame
    rewards: pd.DataFrame
    images: pd.DataFrame
    outcomes: pd.DataFrame
    trials: pd.DataFrame | None = None

    def within(self, start: float, stop: float) -> TaskTables:
        """Return the rows in a time range, and images that are partly in it."""
        events = {name: _within(getattr(self, name), "timestamps", start, stop) for name in _EVENTS}
        images = self.images[(self.images["stop"] >= start) & (self.images["start"] <= stop)]
        return replace(self, **events, images=images, outcomes=_within(self.outcomes, "time", start, stop))


_EVENTS = ("running", "licks", "rewards")


def read_attributes(value: Any, argument: str, names: tuple[str, ...], expected: str) -> list[Any]:
    """Return attributes of a session or an imaging plane.

    Raises
    ------
    BadValue
        If an attribute is absent.
    """
    missing = [name for name in names if not hasattr(value, name)]
    if missing:
        raise BadValue(
            f"{argument} is {brief_repr(value)}, which has no {missing[0]}; expected {expected}.",
            name=argument,
            value=value,
        )
    return [getattr(value, name) for name in names]


def as_array(value: Any, dimensions: int, name: str, expected: str) -> NDArray[Any]:
    """Return numbers as an array; BadValue if they are something else or have another number of dimensions."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.empty((), dtype=object)
    if array.ndim != dimensions or array.dtype.kind not in _NUMBERS:
        raise BadValue(f"{name} is {brief_repr(value)}; expected {expected}.", name=name)
    return array


def read_session(session: Any) -> TaskTables:
    """Return the tables of a session, which may be any object with the attributes of a `BehaviorSession`."""
    running_speed, licks, rewards, presentations = read_attributes(session, "session", SESSION_TABLES, "a session")
    return check_tables(running_speed, licks, rewards, presentations, getattr(session, "trials", None))


def check_tables(running_speed: Any, licks: Any, rewards: Any, stimulus_presentations: Any, trials: Any) -> TaskTables:
    """Check the tables of a session. The trials may be None.

    Raises
    ------
    BadValue
        If an argument is not a table, or a column contains something else.
    MissingData
        If a column is missing.
    """
    return TaskTables(
        running=_select_columns(running_speed, "running_speed", "timestamps", "speed"),
        licks=_select_columns(licks, "licks", "timestamps"),
        rewards=_select_rewards(rewards),
        images=_select_images(stimulus_presentations),
        outcomes=_select_outcomes(trials),
        trials=trials,
    )


def parse_time_range(
    start: float | None, stop: float | None, session_start: float, session_stop: float
) -> tuple[float, float]:
    """Fill in a missing start or stop, and check that the time range overlaps the session (all in s).

    Raises
    ------
    BadValue
        If start or stop is no number, or the time range is empty or outside the session.
    """
    for name, value in (("start", start), ("stop", stop)):
        if value is not None:
            check_number(name, value, -_MAX_TIME, _MAX_TIME, unit="s")
    first = session_start if start is None else float(start)
    last = session_stop if stop is None else float(stop)
    if not first < last:
        raise BadValue(
            f"The time range {first:g} s to {last:g} s is empty; start must be less than stop.", start=first, stop=last
        )
    if first > session_stop or last < session_start:
        raise BadValue(
            f"The time range {first:g} s to {last:g} s is outside the session, which lasts from {session_start:.1f} s "
            f"to {session_stop:.1f} s.",
            start=first,
            stop=last,
            session=(session_start, session_stop),
        )
    return first, last


def session_range(tables: TaskTables) -> tuple[float, float]:
    """Return the first and the last time (s) of all tables; BadValue if all are empty."""
    columns = [tables.images["start"], tables.images["stop"]]
    columns += [getattr(tables, name)["timestamps"] for name in _EVENTS]
    times = np.concatenate([column.to_numpy(dtype=np.float64) for column in columns])
    times = times[np.isfinite(times)]
    if not len(times):
        raise BadValue("The session is empty: it has no running, licks, rewards or images to plot.")
    return float(times.min()), float(times.max())


def read_entry(session: Any, name: str) -> Any:
    """Return an entry of the metadata of a session, or "unknown" if it is absent."""
    metadata = getattr(session, "metadata", None)
    value = metadata.get(name) if isinstance(metadata, Mapping) else None
    return "unknown" if value is None else value


def session_title(session: Any) -> str:
    """Return the title of a session: its id, mouse and session type."""
    number, mouse, stage = (read_entry(session, name) for name in ("behavior_session_id", "mouse_id", "session_type"))
    return f"Session {number}, mouse {mouse}, {stage}"


def _check_table(table: Any, name: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise BadValue(
            f"{name} is {brief_repr(table)}; expected a DataFrame, such as session.{name}.", name=name, value=table
        )


def _select_columns(table: pd.DataFrame, name: str, *columns: str) -> pd.DataFrame:
    """Return columns of a table as float64. An empty table may lack them."""
    _check_table(table, name)
    if not len(table):
        return pd.DataFrame(columns=list(columns), dtype=np.float64)
    missing = [column for column in columns if column not in table]
    if missing:
        raise MissingData(
            f"{name} has no column {missing[0]}; its columns are {', '.join(map(brief_repr, table.columns))}. "
            f"Pass the tables in the order {', '.join(SESSION_TABLES)}.",
            name=missing[0],
        )
    return pd.DataFrame({column: get_numbers(table, column, name) for column in columns})


def _select_rewards(rewards: pd.DataFrame) -> pd.DataFrame:
    # The volume is not drawn. It shows that the table is that of the rewards.
    selected = _select_columns(rewards, "rewards", "timestamps", "volume")
    is_free = np.zeros(len(selected), dtype=np.bool_)
    for name in _FREE_REWARD_COLUMNS:
        if len(selected) and name in rewards:
            is_free = get_booleans(rewards, name, "rewards")
    return pd.DataFrame({"timestamps": selected["timestamps"], "is_free": is_free})


def _select_images(presentations: pd.DataFrame) -> pd.DataFrame:
    """Return the images and omissions, without gray screen and movie."""
    name = "stimulus_presentations"
    _check_table(presentations, name)
    stop = "end_time" if "end_time" in presentations else "stop_time"
    missing = [column for column in ("start_time", stop, "image_name") if column not in presentations]
    if missing:
        raise MissingData(
            f"{name} has no column {', '.join(missing)}; its columns are "
            f"{', '.join(map(brief_repr, presentations.columns))}.",
            name=missing[0],
        )
    times = {"start": get_numbers(presentations, "start_time", name), "stop": get_numbers(presentations, stop, name)}
    names = pd.Series(presentations["image_name"].astype(object).tolist(), dtype=object)
    images = pd.DataFrame(times | {"name": names})
    images = images[images["name"].notna()]
    wrong = [image for image in images["name"] if not isinstance(image, str)]
    if wrong:
        raise BadValue(
            f"The column image_name of {name} contains {brief_repr(wrong[0])}; expected the name of an image.",
            name="image_name",
        )
    shown = (images["name"] != OMITTED).to_numpy()
    return images.assign(is_change=compute_is_change(images["name"].to_numpy(), shown))


def _select_outcomes(trials: pd.DataFrame | None) -> pd.DataFrame:
    """Return the outcome of each trial that has one, in order of time."""
    if trials is None:
        return pd.DataFrame({"time": np.empty(0), "outcome": np.empty(0, dtype=object)})
    _check_table(trials, "trials")
    if not len(trials):
        return _select_outcomes(None)
    time = get_change_time(trials)
    parts = [
        pd.DataFrame({"time": time[get_booleans(trials, column)], "outcome": outcome})
        for outcome, column in OUTCOME_COLUMNS.items()
    ]
    return pd.concat(parts).sort_values("time", ignore_index=True)


def _within(table: pd.DataFrame, column: str, start: float, stop: float) -> pd.DataFrame:
    return table[(table[column] >= start) & (table[column] <= stop)]
