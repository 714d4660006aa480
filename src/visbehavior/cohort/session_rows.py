"""The rows of one session in the tables of a cohort store."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.eye_tracking import checked_blink_options
from visbehavior.analysis.licking import compute_lick_bouts
from visbehavior.cohort.model_rows import MODEL_TABLES, compute_model_rows
from visbehavior.cohort.state_model import StateModel
from visbehavior.errors import BadValue, VisBehaviorWarning
from visbehavior.reader import SessionReader
from visbehavior.schema import session as schema
from visbehavior.schema.cohort import EVENTS, FILE_ENTRIES, ROW_TABLES, SAMPLES_PER_SECOND, SESSION_ID, stored_columns
from visbehavior.schema.columns import Table
from visbehavior.session import BehaviorSession
from visbehavior.session_flashes import flash_table_reads, read_flash_table
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION, EYE_TRACKING_DILATION_FRAMES, EYE_TRACKING_Z_THRESHOLD

Rows = dict[str, pd.DataFrame]

_SAMPLES = {"running_speed": schema.RUNNING_SPEED, "eye_tracking": schema.EYE_TRACKING}


def read_session_rows(
    reader: SessionReader, tables: Collection[str], model: StateModel | None = None
) -> tuple[Rows, dict[str, Any]]:
    """Read what a cohort store has of a session.

    Parameters
    ----------
    reader : SessionReader
        Supplies the tables of the session.
    tables : collection of str
        Names of tables in `visbehavior.schema.cohort.ROW_TABLES`.
    model : StateModel or None
        Parameters of the states in the table ``states``.

    Returns
    -------
    dict of str to pandas.DataFrame
        The rows of each table with its declared columns, index 0, 1, 2, ...; a column that the session lacks is missing
        everywhere.
    dict
        Entries of the session's metadata, and its metrics.
    """
    session, measured = BehaviorSession(reader), _measured(tables)
    with reader.opened(), warnings.catch_warnings():
        # Most sessions have no eye tracking.
        warnings.simplefilter("ignore", VisBehaviorWarning)
        frames = {name: read(session, measured) for name, read in _READERS.items() if name in tables}
        if set(MODEL_TABLES) & set(tables):
            flash_table = frames["flashes"] if "flashes" in frames else session.get_flash_table()
            frames |= compute_model_rows(flash_table, tables, model)
        values = session.get_performance_metrics() | session.get_session_rates()
        metadata = session.metadata
    values |= {name: _plain(metadata.get(name)) for name in FILE_ENTRIES}
    number = session.behavior_session_id
    rows = {
        table.name: _select(table, frames[table.name], number, tables) for table in ROW_TABLES if table.name in tables
    }
    return rows, values


def session_reads(reader: SessionReader, tables: Collection[str]) -> list[Callable[[], object]]:
    """Return functions that read what `read_session_rows` needs, to download it in common batches before."""
    needed = (schema.TRIALS, schema.LICKS, schema.REWARDS, schema.METADATA, schema.TASK_PARAMETERS)
    return [*flash_table_reads(reader, _measured(tables)), *(partial(reader.read, table) for table in needed)]


def _measured(tables: Collection[str]) -> list[Table]:
    """Return the samples that the flash table of a store needs."""
    return [table for name, table in _SAMPLES.items() if name in tables]


def _read_flashes(session: BehaviorSession, measured: list[Table]) -> pd.DataFrame:
    blink_options = checked_blink_options(EYE_TRACKING_Z_THRESHOLD, EYE_TRACKING_DILATION_FRAMES)
    flashes = read_flash_table(session._reader, DEFAULT_ALLENSDK_VERSION, blink_options, measured)
    return add_last_times(flashes, session.licks, session.rewards)


def add_last_times(flashes: pd.DataFrame, licks: pd.DataFrame, rewards: pd.DataFrame) -> pd.DataFrame:
    """Return a flash table with the time of the last event of each kind, from the time since it.

    The times are those of the events exactly, so that the difference from start_time is the time since the event again.
    """
    start = flashes["start_time"].to_numpy()
    lick_times, reward_times = (table["timestamps"].to_numpy(dtype=np.float64) for table in (licks, rewards))
    times = {"change": start, "omitted": start, "lick": lick_times, "bout": lick_times, "reward": reward_times}
    last = {}
    for event in EVENTS:
        since = flashes[f"time_from_last_{event}"].to_numpy()
        last[f"last_{event}_time"] = _nearest(times[event], start - since)
        if not np.array_equal(start - last[f"last_{event}_time"], since, equal_nan=True):
            raise BadValue(f"The flash table has times since the last {event} that are not those of an event.")
    return flashes.assign(**last)


def _nearest(times: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest of sorted times to each wanted time; NaN where that is NaN."""
    nearest = np.full(len(wanted), np.nan)
    known = np.flatnonzero(~np.isnan(wanted))
    if len(known):
        after = np.clip(np.searchsorted(times, wanted[known]), 1, max(len(times) - 1, 1))
        pair = times[np.minimum(np.array([after - 1, after]), len(times) - 1)]
        nearest[known] = np.where(np.abs(pair[0] - wanted[known]) <= np.abs(pair[1] - wanted[known]), *pair)
    return nearest


_READERS: dict[str, Callable[[BehaviorSession, list[Table]], pd.DataFrame]] = {
    "trials": lambda session, _: session.trials,
    "flashes": _read_flashes,
    "licks": lambda session, _: session.licks,
    "lick_bouts": lambda session, _: compute_lick_bouts(session.licks, rewards=session.rewards),
    "rewards": lambda session, _: session.rewards,
    "rolling_performance": lambda session, _: session.get_rolling_performance_df(),
    "running_speed": lambda session, _: reduce_rate(session.running_speed),
    "eye_tracking": lambda session, _: reduce_rate(session.eye_tracking),
}


def reduce_rate(samples: pd.DataFrame) -> pd.DataFrame:
    """Return every n-th sample, so that some `SAMPLES_PER_SECOND` are left. Values and index are those of the samples."""
    times = samples["timestamps"].to_numpy(dtype=np.float64)
    interval = np.median(np.diff(times)) if len(times) > 1 else 1.0
    return samples.iloc[:: max(1, round(1 / (SAMPLES_PER_SECOND * interval)))]


def _select(table: Table, frame: pd.DataFrame, number: int, tables: Collection[str]) -> pd.DataFrame:
    """Return the stored columns of a table, with the session and, if it has several rows, their numbers."""
    columns: dict[str, Any] = {SESSION_ID.name: np.full(len(frame), number)}
    if table.index:
        columns[table.index] = frame.index.to_numpy(dtype=np.int64)
    for column in stored_columns(table.name, tables):
        if column.name not in columns:
            columns[column.name] = frame[column.name].array if column.name in frame else [None] * len(frame)
    return pd.DataFrame(columns)


def _plain(value: Any) -> Any:
    """Return a value that JSON has."""
    return value if value is None or isinstance(value, (int, float, str)) else str(value)
