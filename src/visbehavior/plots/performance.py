"""Plot performance across the sessions of a mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_numbers
from visbehavior.arguments import as_float
from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.plots.figure import check_axes

# Color (Paul Tol's "bright" scheme) and marker of each kind of session. The markers also work without color.
KIND_STYLES = {
    "training": ("#4477AA", "o"),
    "habituation to the microscope": ("#CCBB44", "s"),
    "imaging rig, active": ("#228833", "^"),
    "imaging rig, passive": ("#EE6677", "v"),
}
_REQUIRED_COLUMNS = ("mouse_id", "session_type", "date_of_acquisition", "max_dprime")
_ID_LIMIT = 2**63
_LISTED_MICE = 10
_BAND_COLORS = ("#FFFFFF", "#E8E8E8")


def plot_max_dprime(sessions: pd.DataFrame, ax: Any) -> Any:
    """Plot the maximum rolling d' of each session of a mouse, in order of acquisition.

    Draws one marker per session, with color and shape by kind of session (training, habituation, active or passive
    imaging), and a line that connects them. Sessions without d' (no go or no catch trials) are crosses at the bottom.

    Parameters
    ----------
    sessions : pandas.DataFrame
        One row per session of one mouse, with columns mouse_id, session_type, date_of_acquisition and max_dprime, as
        returned by `compute_performance_table`.
    ax : matplotlib.axes.Axes
        Axes to draw on. The legend is placed to the right of the axes: use a figure with ``layout="constrained"``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If the table is empty, has sessions of several mice, or a column has other values.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    mouse_id = _validate_sessions(sessions)
    ordered = _sort_by_date(sessions)
    dprime = get_numbers(ordered, "max_dprime", "sessions")
    _draw_background(ax, len(ordered))
    _draw_dprime(ax, dprime, ordered["session_type"].map(session_kind))
    _set_limits(ax, dprime)
    labels = ordered["session_type"].fillna("unknown").tolist()
    ax.set_xticks(np.arange(len(ordered)), labels, rotation=55, ha="right", rotation_mode="anchor")
    ax.set_xlabel("session type, in order of acquisition")
    ax.set_ylabel("greatest rolling d' (z units)")
    ax.set_title(f"Greatest rolling d' of every session of mouse {mouse_id}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0, frameon=False)
    return ax


def session_kind(session_type: Any) -> str:
    """Return the kind of a session, a key of `KIND_STYLES`, from its session type."""
    text = str(session_type)
    if "passive" in text:
        return "imaging rig, passive"
    if "habituation" in text or text.startswith("OPHYS_0"):
        return "habituation to the microscope"
    return "imaging rig, active" if text.startswith("OPHYS") else "training"


def _validate_sessions(sessions: pd.DataFrame) -> str:
    """Check the table of sessions and return its mouse_id."""
    if not isinstance(sessions, pd.DataFrame):
        raise BadValue(
            f"sessions is a {type(sessions).__name__}; expected a DataFrame, as returned by compute_performance_table."
        )
    missing = [name for name in _REQUIRED_COLUMNS if name not in sessions]
    if missing:
        raise MissingData(
            f"sessions has no column {', '.join(missing)}; its columns are {', '.join(map(str, sessions.columns))}. "
            "Use a table returned by compute_performance_table.",
            name=missing[0],
        )
    _check_values(sessions, "mouse_id", _is_id, "ids as text or numbers")
    _check_values(sessions, "session_type", _is_text_or_missing, "session types as text")
    mice = sessions["mouse_id"].astype(str).unique().tolist()
    if not mice:
        raise BadValue("sessions is empty; expected at least one session.")
    if len(mice) > 1:
        raise BadValue(
            f"sessions has {len(mice)} mice ({', '.join(mice[:_LISTED_MICE])}); expected one. Select the rows of one mouse_id.",
            mice=mice,
        )
    return str(mice[0])


def _check_values(sessions: pd.DataFrame, name: str, is_valid: Callable[[Any], bool], expected: str) -> None:
    column = sessions[name]
    values = column.tolist() if isinstance(column, pd.Series) else [list(column)]
    wrong = [value for value in values if not is_valid(value)]
    if wrong:
        raise BadValue(
            f"The column {name} of sessions contains {brief_repr(wrong[0])}; expected {expected}.", name=name
        )


def _is_id(value: Any) -> bool:
    return isinstance(value, str) or abs(as_float(value)) < _ID_LIMIT


def _is_text_or_missing(value: Any) -> bool:
    return isinstance(value, str) or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _sort_by_date(sessions: pd.DataFrame) -> pd.DataFrame:
    try:
        return sessions.sort_values("date_of_acquisition", kind="stable")
    except (TypeError, ValueError) as error:
        raise BadValue(
            f"The sessions cannot be sorted by date_of_acquisition: {error}. Expected one date in each row.",
            name="date_of_acquisition",
        ) from error


def _draw_background(ax: Any, count: int) -> None:
    for i in range(count):
        ax.axvspan(i - 0.5, i + 0.5, facecolor=_BAND_COLORS[i % 2], zorder=0)


def _draw_dprime(ax: Any, dprime: NDArray[np.float64], kinds: pd.Series) -> None:
    x = np.arange(len(dprime))
    missing = np.isnan(dprime)
    ax.plot(x, dprime, color="#888888", linewidth=1, zorder=1)
    ax.axhline(0, color="#888888", linewidth=0.8, zorder=1)
    for kind, (color, marker) in KIND_STYLES.items():
        mask = (kinds == kind).to_numpy() & ~missing
        if mask.any():
            style = {"color": color, "marker": marker, "markersize": 7, "label": kind}
            ax.plot(x[mask], dprime[mask], linestyle="none", zorder=2, **style)
    if missing.any():
        style = {"color": "#555555", "marker": "x", "label": "no d': no go or no catch trials"}
        y = np.full(missing.sum(), 0.03)
        ax.plot(x[missing], y, linestyle="none", transform=ax.get_xaxis_transform(), **style)


def _set_limits(ax: Any, dprime: NDArray[np.float64]) -> None:
    low, high = np.nanmin(dprime, initial=0.0), np.nanmax(dprime, initial=1.0)
    ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    ax.set_xlim(-0.5, len(dprime) - 0.5)
