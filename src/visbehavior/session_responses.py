"""Responses and engagement of a session: its streams aligned to its events, and the definitions of engagement compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.analysis.alignment import compute_event_triggered
from visbehavior.analysis.engagement import DEFINITIONS, compute_engagement
from visbehavior.analysis.event_kinds import select_events
from visbehavior.analysis.licking import compute_lick_rate
from visbehavior.analysis.pupil import read_pupil_width
from visbehavior.arguments import check_choice
from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.experiment import BehaviorOphysExperiment
from visbehavior.session import BehaviorSession


def compute_session_response(
    session: BehaviorSession,
    stream: str,
    events: str,
    window: tuple[float, float] = (-1.0, 2.0),
    *,
    sampling_rate: float | None = None,
    method: str = "interpolate",
    baseline: tuple[float, float] | None = None,
) -> Any:
    """Return one stream of a session around one kind of its events.

    Parameters
    ----------
    session : BehaviorSession or BehaviorOphysExperiment
        The session.
    stream : str
        "running" (cm/s), "pupil" (width in pixels, interpolated over blinks), "licks" (licks per stimulus frame, see
        Notes); of an imaging plane also "dff", "events" and "filtered_events", whose cells are labeled by cell_roi_id.
    events : str
        "flashes", "changes", "omissions", "hits", "misses", "false_alarms", "correct_rejects", "licks", "bouts" or
        "rewards".
    window, sampling_rate, method, baseline
        As for `compute_event_triggered`.

    Returns
    -------
    xarray.DataArray
        As `compute_event_triggered` returns it. Events are labeled by the index of the flash table, or the number of
        the lick, bout or reward.

    Raises
    ------
    BadValue
        If an argument is not of this kind.
    MissingData
        If the session has no such stream.
    MissingExtra
        If xarray is not installed.

    Notes
    -----
    The stream "licks" is 1 in stimulus frames with a lick and 0 in others, smoothed over six frames.

    Examples
    --------
    >>> response = compute_session_response(experiment, "dff", "changes", (-0.5, 0.75))
    >>> compute_mean_response(response)
    """
    _check_session(session)
    check_choice("stream", stream, _STREAMS)
    event_times = select_events(session.get_flash_table(), events, session.licks, session.rewards)
    times, values = _STREAMS[stream](session)
    return compute_event_triggered(
        times, values, event_times, window, sampling_rate=sampling_rate, method=method, baseline=baseline
    )


def compare_engagement(session: BehaviorSession) -> pd.DataFrame:
    """Return how far the published definitions of engagement disagree in a session.

    Parameters
    ----------
    session : BehaviorSession
        The session.

    Returns
    -------
    pandas.DataFrame
        One row per definition, index method: ``engaged``, the fraction of flashes at which the mouse counts as engaged,
        and one column per definition with the fraction of flashes at which the two disagree.

    Raises
    ------
    BadValue
        If `session` is not a session.
    MissingData
        If its trials lack a column.

    See Also
    --------
    compute_engagement : the definitions.
    plot_engagement : a figure of them.

    Examples
    --------
    >>> compare_engagement(session)["engaged"]
    """
    _check_session(session)
    flash_table, trials = session.get_flash_table(), session.trials
    states = np.array([compute_engagement(flash_table, method, trials).to_numpy() for method in DEFINITIONS])
    methods = pd.Index(list(DEFINITIONS), name="method")
    if not len(flash_table):
        return pd.DataFrame(np.nan, index=methods, columns=["engaged", *methods])
    disagreement = (states[:, None] != states[None, :]).mean(axis=2)
    table = pd.DataFrame(disagreement, index=methods, columns=list(methods))
    table.insert(0, "engaged", states.mean(axis=1))
    return table


def _check_session(session: Any) -> None:
    if not isinstance(session, BehaviorSession):
        raise BadValue(
            f"session is {brief_repr(session)}; expected a BehaviorSession, as from BehaviorSession.from_nwb_path(path).",
            name="session",
        )


def _running(session: BehaviorSession) -> tuple[Any, Any]:
    running = session.running_speed
    return running["timestamps"], running["speed"]


def _pupil(session: BehaviorSession) -> tuple[Any, Any]:
    eye = session.eye_tracking
    if not len(eye):
        raise MissingData("The session has no eye tracking, so there is no stream 'pupil'.", name="eye_tracking")
    return read_pupil_width(eye)


def _licks(session: BehaviorSession) -> tuple[Any, Any]:
    clock = session.stimulus_timestamps
    frames = session.licks["frame"].to_numpy(dtype=np.int64) if len(session.licks) else np.empty(0, dtype=np.int64)
    return clock, compute_lick_rate(frames, len(clock))


def _cells(table_name: str, column: str) -> Callable[[Any], tuple[Any, Any]]:
    def read(session: Any) -> tuple[Any, Any]:
        if not isinstance(session, BehaviorOphysExperiment):
            raise MissingData(
                f"A behavior session has no stream {column!r}. Open an imaging plane with BehaviorOphysExperiment.from_nwb_path.",
                name=column,
            )
        table, times = getattr(session, table_name), session.ophys_timestamps
        traces = np.array(list(table[column]), dtype=np.float64).reshape(len(table), len(times))
        return times, pd.DataFrame(traces.T, columns=table["cell_roi_id"].to_numpy())

    return read


_STREAMS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "running": _running,
    "pupil": _pupil,
    "licks": _licks,
    "dff": _cells("dff_traces", "dff"),
    "events": _cells("events", "events"),
    "filtered_events": _cells("events", "filtered_events"),
}
"""The streams of a session: functions that return times and values."""
