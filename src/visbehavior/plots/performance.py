"""Plot performance across the sessions of a mouse."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_numbers
from visbehavior.arguments import as_float
from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.plots.colors import KINDS, STAGE_ALPHA, stage_color
from visbehavior.plots.figure import (
    LINE_HEIGHT,
    POINTS_PER_INCH,
    add_legend,
    axes_size,
    check_axes,
    font_size,
    foreground,
    has_legend_below,
    new_figure,
    set_labels,
)
from visbehavior.schema.session_type import parse_session_type

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PASSIVE = "imaging, passive"
TRAINING = "training"
HABITUATION = "habituation"
ACTIVE = "imaging, active"
RECORDING = "recording, active"
NO_DPRIME = "no d'"
KIND_MARKERS = {TRAINING: "o", HABITUATION: "s", ACTIVE: "^", PASSIVE: "v", RECORDING: "D"}
"""Marker of each kind of session. They also work without color."""
_ACTIVE_KINDS = {"OPHYS": ACTIVE, "EPHYS": RECORDING}
"""Kind of the active sessions of a phase; those of other phases are training."""

_REQUIRED_COLUMNS = ("mouse_id", "session_type", "date_of_acquisition", "max_dprime")
_ID_LIMIT = 2**63
_LISTED_MICE = 10
# Inches. The figure gets wider with the number of days.
_HEIGHT = 6.0
_WIDTHS = (9.0, 16.0)
_WIDTH_PER_DAY = 0.08
_LEGEND_AND_MARGINS = 4.0
# The name of a stage in narrow axes: its first letter and number. Its width with a gap, in font sizes.
_SHORT_NAME = re.compile(r"^([A-Z])[A-Z]*_(\d+).*$", re.ASCII)
_SHORT_WIDTH = 1.7
# Days on each side of the first and the last session.
_MARGIN = 0.5


def plot_max_dprime(sessions: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the maximum rolling d' of each session of a mouse over the days of training and imaging.

    Draws one marker per session, with color and shape by kind of session (training, habituation, active or passive
    imaging), and a line that connects the active sessions: in passive ones d' is 0 by definition. Colored bands are the
    stages, with their names above; names that would overlap are left out. Sessions without d' (no go or no catch trials)
    are crosses at the bottom.

    Parameters
    ----------
    sessions : pandas.DataFrame
        One row per session of one mouse, with columns mouse_id, session_type, date_of_acquisition and max_dprime, as
        returned by `compute_performance_table`.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure. The legend is placed to the right of the axes, or below small ones: use a
        figure with ``layout="constrained"``.

    Returns
    -------
    matplotlib.axes.Axes
        x is the time since the first session (days). The names of the stages are ticks of its first child axes.

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
    ordered = sessions.assign(day=_count_days(sessions)).sort_values("day", kind="stable")
    days, dprime = ordered["day"].to_numpy(), get_numbers(ordered, "max_dprime", "sessions")
    session_types = ordered["session_type"].astype(object).fillna("unknown")
    if ax is None:
        width = _LEGEND_AND_MARGINS + _WIDTH_PER_DAY * days[-1]
        _, ax = new_figure(float(np.clip(width, *_WIDTHS)), _HEIGHT)
    x_label = "days since the first session" + (_explain_short_names(session_types) if has_legend_below(ax) else "")
    set_labels(ax, x_label, "max d' (z units)", f"Maximum rolling d' of each session, mouse {mouse_id}")
    _set_limits(ax, days, dprime)
    _draw_stages(ax, days, session_types.tolist())
    add_legend(ax, _draw_dprime(ax, days, dprime, session_types.map(session_kind).to_numpy()))
    return ax


def session_kind(session_type: Any) -> str:
    """Return the kind of a session, a key of `KIND_MARKERS`, from its session type."""
    parsed = parse_session_type(str(session_type))
    if parsed.is_passive:
        return PASSIVE
    if parsed.is_habituation:
        return HABITUATION
    return _ACTIVE_KINDS.get(parsed.phase, TRAINING)


def stage_label(session_type: str) -> str:
    """Return a short name of a stage: ``TRAINING_3 A`` for TRAINING_3_images_A_10uL_reward."""
    parsed = parse_session_type(session_type)
    if parsed.number is None:
        return session_type
    words = [f"{parsed.phase}_{parsed.number}", parsed.image_set_letter, "passive" if parsed.is_passive else None]
    return " ".join(word for word in words if word)


def _explain_short_names(session_types: pd.Series) -> str:
    """Return the explanation of the names of stages in narrow axes, such as T3 for TRAINING_3."""
    phases = dict.fromkeys(phase for text in session_types if (phase := parse_session_type(text).phase))
    return "; " + ", ".join(f"{phase[0]}: {phase}" for phase in phases) if phases else ""


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


def _count_days(sessions: pd.DataFrame) -> NDArray[np.float64]:
    """Return the time of each session since the first one, in days."""
    name = "date_of_acquisition"
    try:
        dates = pd.to_datetime(sessions[name], utc=True)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise BadValue(
            f"The sessions cannot be sorted by {name}: {error}. Expected one date in each row.", name=name
        ) from error
    if dates.isna().any():
        raise BadValue(f"The column {name} of sessions has rows without a date. Expected one in each row.", name=name)
    days: NDArray[np.float64] = ((dates - dates.min()) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)
    return days


def _draw_stages(ax: Axes, days: NDArray[np.float64], session_types: list[str]) -> None:
    """Draw a band for each run of sessions of a stage, and name the bands above."""
    labels = [stage_label(text) for text in session_types]
    first = np.flatnonzero([i == 0 or labels[i] != labels[i - 1] for i in range(len(labels))])
    middles = (days[first[1:]] + days[first[1:] - 1]) / 2
    edges = np.concatenate([[days[0] - _MARGIN], middles, [days[-1] + _MARGIN]])
    for i, row in enumerate(first.tolist()):
        stage = parse_session_type(session_types[row])
        color = stage_color(stage.phase, stage.number)
        ax.axvspan(edges[i], edges[i + 1], facecolor=color, alpha=STAGE_ALPHA, linewidth=0, zorder=0, label=labels[row])
    _name_stages(ax, (edges[:-1] + edges[1:]) / 2, np.diff(edges), [labels[row] for row in first])


def _name_stages(ax: Axes, centers: NDArray[np.float64], widths: NDArray[np.float64], labels: list[str]) -> None:
    """Write the names of stages above the axes, those of the widest bands first, without overlap."""
    size = 0.9 * font_size(ax, "xtick.labelsize")
    low, high = ax.get_xlim()
    is_short = has_legend_below(ax)
    if is_short:
        labels = [_SHORT_NAME.sub(r"\1\2", label) for label in labels]
    distance = size * (_SHORT_WIDTH if is_short else LINE_HEIGHT) / POINTS_PER_INCH / axes_size(ax)[0] * (high - low)
    named: list[int] = []
    for i in np.argsort(-widths, kind="stable").tolist():
        if all(abs(centers[i] - centers[other]) >= distance for other in named):
            named.append(i)
    named.sort()
    top = ax.secondary_xaxis("top")
    top.set_xticks(
        centers[named], [labels[i] for i in named], rotation=0 if is_short else 90, fontsize=size, parse_math=False
    )
    top.tick_params(length=2)


def _draw_dprime(ax: Axes, days: NDArray[np.float64], dprime: NDArray[np.float64], kinds: NDArray[Any]) -> list[Any]:
    color, missing, active = foreground(ax), np.isnan(dprime), kinds != PASSIVE
    ax.plot(days[active], dprime[active], color=color, alpha=0.6, linewidth=1, zorder=1, label="active sessions")
    ax.axhline(0, color=color, alpha=0.6, linewidth=0.8, zorder=1)
    handles: list[Any] = []
    size = 0.6 * font_size(ax)
    for kind, marker in KIND_MARKERS.items():
        mask = (kinds == kind) & ~missing
        if mask.any():
            style: dict[str, Any] = {"color": KINDS[kind], "marker": marker, "markersize": size, "label": kind}
            style |= {"markeredgecolor": color, "markeredgewidth": 0.5, "linestyle": "none"}
            handles += ax.plot(days[mask], dprime[mask], zorder=2, **style)
    return handles + _draw_missing(ax, days[missing], size)


def _draw_missing(ax: Axes, days: NDArray[np.float64], size: float) -> list[Any]:
    """Draw a cross at the bottom for each session without d'."""
    if not len(days):
        return []
    style: dict[str, Any] = {"color": foreground(ax), "marker": "x", "linestyle": "none", "markersize": size}
    y, transform = np.full(len(days), 0.03), ax.get_xaxis_transform()
    lines: list[Any] = ax.plot(days, y, transform=transform, label=NO_DPRIME, **style)
    return lines


def _set_limits(ax: Axes, days: NDArray[np.float64], dprime: NDArray[np.float64]) -> None:
    low, high = np.nanmin(dprime, initial=0.0), np.nanmax(dprime, initial=1.0)
    ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    ax.set_xlim(-_MARGIN, days[-1] + _MARGIN)
