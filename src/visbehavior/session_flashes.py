"""The flash table of a session, computed from what it needs of the file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from visbehavior.analysis.blinks import compute_likely_blinks
from visbehavior.analysis.flashes import compute_flash_table, flash_rows
from visbehavior.analysis.performance import CHANGE_TIME_WITHOUT_DELAY, TRIAL_FLAGS
from visbehavior.analysis.running import correct_polarity
from visbehavior.frames import make_frame
from visbehavior.reader import SessionReader
from visbehavior.schema import session as schema
from visbehavior.schema.columns import Table

_COLUMNS = {
    schema.STIMULUS_PRESENTATIONS.name: {
        *("start_time", "image_name", "is_change", "omitted", "stimulus_block", "active", "trials_id"),
        schema.STIMULUS_PRESENTATIONS.index,
    },
    schema.LICKS.name: {"timestamps"},
    schema.REWARDS.name: {"timestamps"},
    schema.RUNNING_SPEED.name: {"timestamps", "speed"},
    schema.EYE_TRACKING.name: {"timestamps", "pupil_width", "eye_area_raw", "pupil_area_raw"},
    schema.TRIALS.name: {"start_time", "stop_time", "change_time", CHANGE_TIME_WITHOUT_DELAY, *TRIAL_FLAGS},
}
"""Columns that the flash table needs. Blinks depend on the areas."""


def read_flash_table(reader: SessionReader, convention: str, blink_options: tuple[float, int]) -> pd.DataFrame:
    """Read what the flash table of a session needs, and compute it.

    Parameters
    ----------
    reader : SessionReader
        Supplies the tables.
    convention : str
        "2.16" or "2.10". Labels of rows are those of `stimulus_presentations` in the convention.
    blink_options : tuple
        Threshold and dilation of `compute_likely_blinks`.
    """
    tables = (schema.STIMULUS_PRESENTATIONS, schema.LICKS, schema.REWARDS, schema.TRIALS, schema.RUNNING_SPEED)
    with reader.opened():
        reader.prefetch(*(lambda table=table: _read(reader, table) for table in (*tables, schema.EYE_TRACKING)))
        presentations, licks, rewards, trials, running = (_read(reader, table) for table in tables)
        eye = _read(reader, schema.EYE_TRACKING)
    running = correct_polarity(running) if convention == "2.16" and running else running
    if eye:
        areas = eye["eye_area_raw"], eye["pupil_area_raw"]
        eye["likely_blink"] = compute_likely_blinks(*areas, *blink_options)
    frame = make_frame(schema.STIMULUS_PRESENTATIONS, presentations)
    if convention == "2.10":
        frame = _label_task_rows(frame)
    return compute_flash_table(
        frame,
        licks or _NO_EVENTS,
        rewards or _NO_EVENTS,
        make_frame(schema.TRIALS, trials),
        running or None,
        eye or None,
    )


_NO_EVENTS = {"timestamps": np.empty(0)}


def _read(reader: SessionReader, table: Table) -> dict[str, Any]:
    return reader.read(table, _COLUMNS[table.name].__contains__)


def _label_task_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the task, numbered from 0 as in the convention of 2.10."""
    frame = frame.iloc[flash_rows(frame)]
    return frame.set_axis(pd.RangeIndex(len(frame), name=schema.STIMULUS_PRESENTATIONS.index))
