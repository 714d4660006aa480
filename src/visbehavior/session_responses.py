"""Responses and engagement of a session: its streams aligned to its events, and the definitions of engagement compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from visbehavior.analysis.alignment import compute_event_triggered
from visbehavior.analysis.engagement import DEFINITIONS, compute_engagement
from visbehavior.analysis.event_kinds import EVENT_KINDS, select_events
from visbehavior.arguments import check_choice
from visbehavior.errors import BadValue, brief_repr
from visbehavior.session import BehaviorSession
from visbehavior.session_streams import read_stream


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
    check_session(session)
    check_choice("events", events, EVENT_KINDS)
    times, values = read_stream(session, stream)
    event_times = select_events(session.get_flash_table(), events, session.licks, session.rewards)
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
    check_session(session)
    flash_table, trials = session.get_flash_table(), session.trials
    states = np.array([compute_engagement(flash_table, method, trials).to_numpy() for method in DEFINITIONS])
    methods = pd.Index(list(DEFINITIONS), name="method")
    if not len(flash_table):
        return pd.DataFrame(np.nan, index=methods, columns=["engaged", *methods])
    disagreement = (states[:, None] != states[None, :]).mean(axis=2)
    table = pd.DataFrame(disagreement, index=methods, columns=list(methods))
    table.insert(0, "engaged", states.mean(axis=1))
    return table


def check_session(session: Any) -> None:
    """Raise BadValue unless an argument is a session."""
    if not isinstance(session, BehaviorSession):
        raise BadValue(
            f"session is {brief_repr(session)}; expected a BehaviorSession, as from BehaviorSession.from_nwb_path(path).",
            name="session",
        )
