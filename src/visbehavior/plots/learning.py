"""Plots of many mice: each mouse as a thin line, with their mean and its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_texts
from visbehavior.analysis.learning import (
    as_matrix,
    compute_latency_distribution,
    compute_learning_curve,
    compute_omission_responses,
    summarize_mice,
)
from visbehavior.analysis.many_sessions import check_column_name
from visbehavior.errors import BadValue, brief_repr
from visbehavior.extras import import_extra
from visbehavior.plots.colors import condition_color
from visbehavior.plots.figure import add_legend, check_axes, foreground, new_figure, set_labels
from visbehavior.schema.cohort import SESSIONS
from visbehavior.schema.strategy import STRATEGY_COLUMNS
from visbehavior.wording import count_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (9.0, 5.0)
_MOUSE_STYLE: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.35, "zorder": 1}
_BAND_ALPHA = 0.25
_UNITS = {column.name: column.unit for column in (*SESSIONS, *STRATEGY_COLUMNS)}
_X_LABELS = {"day": "days since the first session", "session": "session of the mouse", "stage": "stage"}


def plot_mice(values: pd.DataFrame, ax: Axes | None = None, label: str = "mean", color: Any = None) -> Axes:
    """Plot a table with a row per mouse: a thin line for each mouse, their mean, and its 95 % interval.

    Parameters
    ----------
    values : pandas.DataFrame
        A row per mouse and a column per day, stage, latency or position, as `compute_learning_curve` returns.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.
    label : str
        Name of the mean in the legend.
    color : color of matplotlib or None
        Color of all lines; None: that of the axes' labels.

    Returns
    -------
    matplotlib.axes.Axes
        x is the name of the column if that is a number, otherwise its position.

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    numbers, summary = as_matrix(values), summarize_mice(values)
    if not isinstance(label, str):
        raise BadValue(f"label is {brief_repr(label)}; expected text.", name="label")
    if ax is None:
        _, ax = new_figure(*_SIZE)
    _check_color(color)
    color = foreground(ax) if color is None else color
    x = _positions(ax, values)
    for row in numbers:
        known = np.isfinite(row)
        ax.plot(x[known], row[known], color=color, **_MOUSE_STYLE)
    known = np.isfinite(summary["mean"].to_numpy())
    mean, low, high = (summary[name].to_numpy()[known] for name in ("mean", "low", "high"))
    ax.fill_between(x[known], low, high, color=color, alpha=_BAND_ALPHA, linewidth=0, zorder=2)
    text = f"{label} ({count_text(len(values), 'mouse', 'mice')})".replace("$", r"\$")
    ax.plot(x[known], mean, color=color, linewidth=2.0, zorder=3, label=text, marker="o" if known.sum() == 1 else "")
    return ax


def _check_color(color: Any) -> None:
    if color is None:
        return
    if not isinstance(color, (str, tuple)) or not import_extra("matplotlib.colors").is_color_like(color):
        raise BadValue(f"color is {brief_repr(color)}; expected a color of matplotlib, or None.", name="color")


def _positions(ax: Axes, values: pd.DataFrame) -> NDArray[np.float64]:
    """Return the x of each column. Columns with names become ticks."""
    if values.columns.dtype.kind in "iuf":
        return np.asarray(values.columns, dtype=np.float64)
    x = np.arange(len(values.columns), dtype=np.float64)
    names = [str(name).replace("$", r"\$") for name in values.columns]
    ax.set_xticks(x, names, rotation=90 if max(map(len, names), default=0) > 6 else 0)
    return x


def plot_learning_curve(
    sessions: pd.DataFrame,
    metric: str = "dprime",
    by: str = "day",
    ax: Axes | None = None,
    *,
    groups: str | None = None,
) -> Axes:
    """Plot a metric of every mouse by day, session or stage, with the mean over mice.

    Parameters
    ----------
    sessions : pandas.DataFrame
        As for `compute_learning_curve`.
    metric, by : str
        As for `compute_learning_curve`. With the columns of ``strategy`` of a cohort also "strategy_index".
    groups : str or None
        Column of groups with a color each, such as "cre_line" or "experience_level". Sessions without a group are left out.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    if groups is None:
        ax = plot_mice(compute_learning_curve(sessions, metric, by), ax)
    else:
        ax = _plot_groups(sessions, metric, by, groups, ax)
    unit = _UNITS.get(metric, "")
    set_labels(ax, _X_LABELS[by], f"{metric}{f' ({unit})' if unit else ''}".replace("$", r"\$"))
    add_legend(ax, ax.get_legend_handles_labels()[0])
    return ax


def _plot_groups(sessions: pd.DataFrame, metric: str, by: str, groups: str, ax: Axes | None) -> Axes:
    check_column_name("groups", groups)
    curve = compute_learning_curve(sessions, metric, by)
    group = get_texts(sessions, groups, "sessions")
    names = sorted({name for name in group if name})
    if not names:
        raise BadValue(
            f"No session has a value of {brief_repr(groups)}; expected groups, such as cre_line.", name="groups"
        )
    if ax is None:
        _, ax = new_figure(*_SIZE)
    for number, name in enumerate(names):
        part = compute_learning_curve(sessions[group == name], metric, by)
        # All groups have the columns of all sessions, so that stages have the same positions.
        plot_mice(part.reindex(columns=curve.columns), ax, name, condition_color(name, number))
    return ax


def plot_latency_distribution(
    trials: pd.DataFrame, sessions: pd.DataFrame, by: str = "experience_level", ax: Axes | None = None
) -> Axes:
    """Plot the reaction times of every mouse in each group of sessions, such as familiar and novel.

    Parameters
    ----------
    trials, sessions : pandas.DataFrame
        As for `compute_latency_distribution`.
    by : str
        Column of the groups.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    distribution = compute_latency_distribution(trials, sessions, by)
    if ax is None:
        _, ax = new_figure(*_SIZE)
    for number, (group, values) in enumerate(distribution.groupby(level=0)):
        plot_mice(values.droplevel(0), ax, str(group), condition_color(group, number))
    set_labels(ax, "reaction time (s)", "fraction of hits")
    add_legend(ax, ax.get_legend_handles_labels()[0])
    return ax


def plot_omission_responses(flashes: pd.DataFrame, sessions: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot how often every mouse licked at omissions, and at the images before and after them.

    Parameters
    ----------
    flashes, sessions : pandas.DataFrame
        As for `compute_omission_responses`.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If an argument is wrong.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.
    """
    check_axes(ax)
    ax = plot_mice(compute_omission_responses(flashes, sessions), ax)
    set_labels(ax, "flash", "fraction with a lick bout")
    add_legend(ax, ax.get_legend_handles_labels()[0])
    return ax
