"""Plot a time range of a session: running speed, licks, rewards, images and trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from visbehavior.errors import BadValue, brief_repr
from visbehavior.plots.events import draw_task, named_elsewhere
from visbehavior.plots.figure import TIME_LABEL, add_legend, check_axes, foreground, new_figure, set_labels
from visbehavior.plots.overview import draw_overview
from visbehavior.plots.tables import (
    SESSION_TABLES,
    TaskTables,
    check_tables,
    parse_time_range,
    read_session,
    session_range,
    session_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OVERVIEW_DURATION = 300.0
"""Time ranges longer than this (s) are drawn as an overview. Their images would be thinner than a pixel."""

SPEED = "running speed"
_DETAIL_SIZE = (15.0, 5.0)
_OVERVIEW_SIZE = (13.0, 7.0)


def plot_timeline(
    running_speed: Any,
    licks: pd.DataFrame | None = None,
    rewards: pd.DataFrame | None = None,
    stimulus_presentations: pd.DataFrame | None = None,
    ax: Axes | None = None,
    start: float | None = None,
    stop: float | None = None,
    *,
    trials: pd.DataFrame | None = None,
) -> Axes:
    """Plot running speed, licks, rewards, images and the outcomes of trials in a time range of a session.

    A range of up to 5 minutes is drawn in detail: running speed as a line, licks and rewards in strips below it, a
    colored span for each image, with its name where it first appears, a dashed span for each omission, a dashed line at
    each change, and the outcome of each trial above. An image has the same color in every session.

    A longer range is drawn as an overview: mean running speed, licks and rewards per minute, AllenSDK's rolling reward
    rate with the times at which the mouse was engaged, the rolling hit and false-alarm rates, and the trials by outcome.

    Parameters
    ----------
    running_speed : pandas.DataFrame, BehaviorSession or BehaviorOphysExperiment
        The session; or its table running_speed, followed by the three other tables.
    licks, rewards, stimulus_presentations : pandas.DataFrame or None
        Tables of a `BehaviorSession`, with the column names of either AllenSDK version. Empty tables are skipped. None
        with a session.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure. The legend is placed to the right of the axes, or below small ones: use a
        figure with ``layout="constrained"``.
    start, stop : float or None
        Time range (s). None means the first and the last time of the session.
    trials : pandas.DataFrame or None
        The trials, if tables are passed. Without them, no outcomes and no rolling rates are drawn.

    Returns
    -------
    matplotlib.axes.Axes
        In an overview the rows are its ``child_axes``.

    Raises
    ------
    BadValue
        If an argument is neither a session nor a table, a column contains something else, or the time range is empty or
        outside the session.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.

    Notes
    -----
    Image times include the monitor delay of 20 to 40 ms. Running, lick and reward times do not.

    Examples
    --------
    >>> ax = plot_timeline(session, start=290, stop=330)
    >>> ax = plot_timeline(session)  # an overview
    >>> ax.figure.savefig("session.png")
    """
    check_axes(ax)
    tables, title = _read_tables(running_speed, licks, rewards, stimulus_presentations, trials)
    first, last = parse_time_range(start, stop, *session_range(tables))
    is_long = last - first > OVERVIEW_DURATION
    if ax is None:
        _, ax = new_figure(*(_OVERVIEW_SIZE if is_long else _DETAIL_SIZE))
    ax.set_xlim(first, last)
    if is_long:
        set_labels(ax, TIME_LABEL, "", title)
        add_legend(ax, draw_overview(ax, tables, first, last))
    else:
        set_labels(ax, TIME_LABEL, "running speed (cm/s)", title)
        add_legend(ax, _draw_detail(ax, tables.within(first, last)), {SPEED, *named_elsewhere(tables)})
    return ax


plot_stretch = plot_timeline
"""Alias of `plot_timeline`: its name in version 0.1."""


def _read_tables(first: Any, licks: Any, rewards: Any, presentations: Any, trials: Any) -> tuple[TaskTables, str]:
    """Return the tables and the title of a session, or the tables that were passed and no title."""
    if isinstance(first, pd.DataFrame):
        return check_tables(first, licks, rewards, presentations, trials), ""
    passed = {"licks": licks, "rewards": rewards, "stimulus_presentations": presentations, "trials": trials}
    if not all(hasattr(first, name) for name in SESSION_TABLES):
        raise BadValue(
            f"running_speed is {brief_repr(first)}; expected a session, or a DataFrame, such as session.running_speed.",
            name="running_speed",
            value=first,
        )
    for name, value in passed.items():
        if value is not None:
            raise BadValue(
                f"{name} is {brief_repr(value)}, after a session; expected either a session or its tables. Pass axes and times by "
                "name: plot_timeline(session, ax=ax, start=290, stop=330).",
                name=name,
                value=value,
            )
    return read_session(first), session_title(first)


def _draw_detail(ax: Axes, tables: TaskTables) -> list[Any]:
    """Draw the running speed, and the events of the task around it."""
    speed = tables.running["speed"].to_numpy()
    speed = speed[abs(speed) < float("inf")]
    low, high = (min(0.0, float(speed.min())), float(speed.max())) if len(speed) else (0.0, 1.0)
    lines: list[Any] = []
    if len(tables.running):
        style: dict[str, Any] = {"color": foreground(ax), "linewidth": 1.2, "label": SPEED}
        lines = ax.plot(tables.running["timestamps"], tables.running["speed"], **style)
    return [*lines, *draw_task(ax, tables, low, max(high, low + 1.0))]
