"""The streams of a session: running, pupil, licks, and the traces of cells, each with its own clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.analysis.licking import compute_lick_rate
from visbehavior.analysis.pupil import read_pupil_width
from visbehavior.arguments import check_choice
from visbehavior.errors import MissingData


def is_session(value: Any) -> bool:
    """Return True for a BehaviorSession, whose module uses this one."""
    return hasattr(type(value), "get_flash_table")


def is_plane(session: Any) -> bool:
    """Return True for an imaging plane."""
    return hasattr(type(session), "ophys_timestamps")


def read_stream(session: Any, stream: str) -> tuple[Any, Any]:
    """Return the times and values of a stream; cells as a DataFrame, frames x cells, with columns cell_roi_id.

    Raises
    ------
    BadValue
        If there is no such stream.
    MissingData
        If the session lacks it.
    """
    check_choice("stream", stream, STREAMS)
    return STREAMS[stream](session)


def _running(session: Any) -> tuple[Any, Any]:
    running = session.running_speed
    return running["timestamps"], running["speed"]


def _pupil(session: Any) -> tuple[Any, Any]:
    eye = session.eye_tracking
    if not len(eye):
        raise MissingData("The session has no eye tracking, so there is no stream 'pupil'.", name="eye_tracking")
    return read_pupil_width(eye)


def _licks(session: Any) -> tuple[Any, Any]:
    clock = session.stimulus_timestamps
    frames = session.licks["frame"].to_numpy(dtype=np.int64) if len(session.licks) else np.empty(0, dtype=np.int64)
    return clock, compute_lick_rate(frames, len(clock))


def _cells(table_name: str, column: str) -> Callable[[Any], tuple[Any, Any]]:
    def read(session: Any) -> tuple[Any, Any]:
        if not is_plane(session):
            raise MissingData(
                f"A behavior session has no stream {column!r}. Open an imaging plane with BehaviorOphysExperiment.from_nwb_path.",
                name=column,
            )
        table, times = getattr(session, table_name), session.ophys_timestamps
        traces = np.array(list(table[column]), dtype=np.float64).reshape(len(table), len(times))
        return times, pd.DataFrame(traces.T, columns=table["cell_roi_id"].to_numpy())

    return read


STREAMS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "running": _running,
    "pupil": _pupil,
    "licks": _licks,
    "dff": _cells("dff_traces", "dff"),
    "events": _cells("events", "events"),
    "filtered_events": _cells("events", "filtered_events"),
}
"""The streams of a session: functions that return times and values."""
CELL_STREAMS = ("dff", "events", "filtered_events")
"""The streams that an imaging plane has for each cell."""
