"""Performance over the days of a mouse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from visbehavior.errors import BadValue, MissingData
from visbehavior.extras import import_extra

# What a day is: colour (of Paul Tol's "bright" scheme) and marker, so that it can be told without colours too.
KINDS = {
    "training": ("#4477AA", "o"),
    "habituation to the microscope": ("#CCBB44", "s"),
    "imaging rig, active": ("#228833", "^"),
    "imaging rig, passive": ("#EE6677", "v"),
}
_NEEDED = ("mouse_id", "session_type", "date_of_acquisition", "max_dprime")
_BANDS = ("#FFFFFF", "#E8E8E8")


def plot_max_dprime(sessions: pd.DataFrame, ax: Any) -> Any:
    """Draw the greatest rolling d' of every session of a mouse, in order of acquisition.

    Parameters
    ----------
    sessions : pandas.DataFrame
        One row a session, as `compute_performance_table` gives it: mouse_id, session_type, date_of_acquisition and
        max_dprime. Sessions without d' (no go or no catch trial) are marked at the bottom.
    ax : matplotlib.axes.Axes
        Where to draw. The legend stands to its right: use a figure with ``layout="constrained"``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If there is no session, or if there are sessions of several mice.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.
    """
    import_extra("matplotlib")
    mouse = _checked_mouse(sessions)
    days = sessions.sort_values("date_of_acquisition", kind="stable")
    place = np.arange(len(days))
    dprime = days["max_dprime"].to_numpy(dtype=np.float64)
    for i in place:
        ax.axvspan(i - 0.5, i + 0.5, facecolor=_BANDS[i % 2], zorder=0)
    ax.plot(place, dprime, color="#888888", linewidth=1, zorder=1)
    # Below it stand the sessions without d'.
    ax.axhline(0, color="#888888", linewidth=0.8, zorder=1)
    kinds = days["session_type"].map(session_kind)
    for kind, (color, marker) in KINDS.items():
        at = (kinds == kind).to_numpy() & ~np.isnan(dprime)
        if at.any():
            ax.plot(
                place[at], dprime[at], linestyle="none", marker=marker, color=color, markersize=7, label=kind, zorder=2
            )
    _mark_missing(ax, place[np.isnan(dprime)])
    ax.set_xticks(
        place, days["session_type"].fillna("unknown").tolist(), rotation=55, ha="right", rotation_mode="anchor"
    )
    ax.set_xlim(-0.5, len(days) - 0.5)
    low, high = np.nanmin(dprime, initial=0.0), np.nanmax(dprime, initial=1.0)
    ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    ax.set_xlabel("session type, in order of acquisition")
    ax.set_ylabel("greatest rolling d' (z units)")
    ax.set_title(f"Greatest rolling d' of every session of mouse {mouse}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0, frameon=False)
    return ax


def session_kind(session_type: Any) -> str:
    """What kind of day a session type is: one of `KINDS`."""
    text = str(session_type)
    if "passive" in text:
        return "imaging rig, passive"
    if "habituation" in text or text.startswith("OPHYS_0"):
        return "habituation to the microscope"
    return "imaging rig, active" if text.startswith("OPHYS") else "training"


def _checked_mouse(sessions: pd.DataFrame) -> str:
    if not isinstance(sessions, pd.DataFrame):
        raise BadValue(
            f"Expected a table of sessions; this is a {type(sessions).__name__}. compute_performance_table makes one."
        )
    missing = [name for name in _NEEDED if name not in sessions]
    if missing:
        raise MissingData(
            f"The table of sessions has no column {', '.join(missing)}; it has {', '.join(map(str, sessions.columns))}. "
            "compute_performance_table makes one.",
            name=missing[0],
        )
    mice = sessions["mouse_id"].astype(str).unique().tolist()
    if not mice:
        raise BadValue("There is no session to draw: the table is empty.")
    if len(mice) > 1:
        raise BadValue(
            f"The sessions are of {len(mice)} mice: {', '.join(mice)}. Draw one mouse at a time: give its files alone, or select its rows by mouse_id.",
            mice=mice,
        )
    return str(mice[0])


def _mark_missing(ax: Any, place: Any) -> None:
    if len(place):
        at = np.full(len(place), 0.03)
        label = "no d': no go or no catch trials"
        ax.plot(
            place, at, linestyle="none", marker="x", color="#555555", transform=ax.get_xaxis_transform(), label=label
        )
