"""Plot a time range of a session: running speed, licks, rewards, images and omissions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_numbers
from visbehavior.arguments import check_number
from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.extras import import_extra
from visbehavior.plots.colors import LICK, OMISSION, REWARD, RUNNING, image_color
from visbehavior.plots.figure import check_axes
from visbehavior.schema.session import OMITTED

# Fractions of the axes height. Licks and rewards are drawn in a strip below the running speed.
_LICKS_HEIGHT = 0.035
_REWARDS_HEIGHT = 0.095
_STRIP_HEIGHT = 0.14
# Time ranges of this length (s) or more are drawn with a thin line.
_LONG_RANGE = 300
# Largest start and stop (s).
_MAX_TIME = 1e9
_IMAGE_ALPHA = 0.45


def plot_timeline(
    running_speed: pd.DataFrame,
    licks: pd.DataFrame,
    rewards: pd.DataFrame,
    stimulus_presentations: pd.DataFrame,
    ax: Any,
    start: float | None = None,
    stop: float | None = None,
) -> Any:
    """Plot running speed, licks, rewards, images and omissions in a time range of a session.

    Draws running speed as a line, licks as ticks and rewards as diamonds below it, each image presentation as a
    colored span and each omission as a dashed span. An image has the same color in every session.

    Parameters
    ----------
    running_speed, licks, rewards, stimulus_presentations : pandas.DataFrame
        Tables of a `BehaviorSession`, with the column names of either AllenSDK version. Empty tables are skipped.
    ax : matplotlib.axes.Axes
        Axes to draw on. The legend is placed to the right of the axes: use a figure with ``layout="constrained"``.
    start, stop : float or None
        Time range (s). None means the first and the last time of the session.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If an argument is not a table, a column contains something else, or the time range is empty or outside the session.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.

    Notes
    -----
    Image times include the monitor delay of 20 to 40 ms. Running, lick and reward times do not.

    Examples
    --------
    >>> plot_timeline(session.running_speed, session.licks, session.rewards,
    ...              session.stimulus_presentations, ax, 290, 330)
    """
    check_axes(ax)
    running = _select_columns(running_speed, "running_speed", "timestamps", "speed")
    licks = _select_columns(licks, "licks", "timestamps")
    rewards = _select_columns(rewards, "rewards", "timestamps", "volume")
    presentations = _select_images(stimulus_presentations)
    first, last = _time_range([running, licks, rewards], presentations, start, stop)
    running, licks, rewards = (_within(table, first, last) for table in (running, licks, rewards))
    presentations = presentations[(presentations["stop"] >= first) & (presentations["start"] <= last)]
    patches = [*_draw_images(ax, presentations), *_draw_omissions(ax, presentations)]
    handles = [
        *_draw_running(ax, running, linewidth=1.2 if last - first < _LONG_RANGE else 0.4),
        *_draw_events(ax, licks, _LICKS_HEIGHT, label="licks", marker="|", color=LICK, markersize=9),
        *_draw_events(ax, rewards, _REWARDS_HEIGHT, label="rewards", marker="d", color=REWARD, markersize=8),
        *patches,
    ]
    ax.set_xlim(first, last)
    _set_ylim(ax, running["speed"].to_numpy())
    ax.set_xlabel("time in session (s)")
    ax.set_ylabel("running speed (cm/s)")
    if handles:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0, frameon=False)
    return ax


plot_stretch = plot_timeline
"""Alias of `plot_timeline`: its name in version 0.1."""


def _check_table(table: Any, name: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise BadValue(
            f"{name} is {brief_repr(table)}; expected a DataFrame, such as session.{name}.", name=name, value=table
        )


def _select_columns(table: pd.DataFrame, name: str, *columns: str) -> pd.DataFrame:
    """Return columns of a table as float64. An empty table may lack them."""
    _check_table(table, name)
    if not len(table):
        return pd.DataFrame(columns=list(columns), dtype=np.float64)
    missing = [column for column in columns if column not in table]
    if missing:
        raise MissingData(
            f"{name} has no column {missing[0]}; its columns are {', '.join(map(brief_repr, table.columns))}. "
            "Pass the tables in the order running_speed, licks, rewards, stimulus_presentations.",
            name=missing[0],
        )
    return pd.DataFrame({column: get_numbers(table, column, name) for column in columns})


def _select_images(presentations: pd.DataFrame) -> pd.DataFrame:
    """Return start, stop and name of images and omissions, without gray screen and movie."""
    name = "stimulus_presentations"
    _check_table(presentations, name)
    stop = "end_time" if "end_time" in presentations else "stop_time"
    missing = [column for column in ("start_time", stop, "image_name") if column not in presentations]
    if missing:
        raise MissingData(
            f"{name} has no column {', '.join(missing)}; its columns are "
            f"{', '.join(map(brief_repr, presentations.columns))}.",
            name=missing[0],
        )
    times = {"start": get_numbers(presentations, "start_time", name), "stop": get_numbers(presentations, stop, name)}
    images = pd.DataFrame(times | {"name": presentations["image_name"].astype(object).tolist()})
    images = images[images["name"].notna()]
    wrong = [image for image in images["name"] if not isinstance(image, str)]
    if wrong:
        raise BadValue(
            f"The column image_name of {name} contains {brief_repr(wrong[0])}; expected the name of an image.",
            name="image_name",
        )
    return images


def _time_range(
    tables: list[pd.DataFrame], presentations: pd.DataFrame, start: float | None, stop: float | None
) -> tuple[float, float]:
    """Fill in a missing start or stop, and check that the time range overlaps the session."""
    for name, value in (("start", start), ("stop", stop)):
        if value is not None:
            check_number(name, value, -_MAX_TIME, _MAX_TIME, unit="s")
    session_start, session_stop = _session_range(tables, presentations)
    first = session_start if start is None else float(start)
    last = session_stop if stop is None else float(stop)
    if not first < last:
        raise BadValue(
            f"The time range {first:g} s to {last:g} s is empty; start must be less than stop.", start=first, stop=last
        )
    if first > session_stop or last < session_start:
        raise BadValue(
            f"The time range {first:g} s to {last:g} s is outside the session, which lasts from {session_start:.1f} s "
            f"to {session_stop:.1f} s.",
            start=first,
            stop=last,
            session=(session_start, session_stop),
        )
    return first, last


def _session_range(tables: list[pd.DataFrame], presentations: pd.DataFrame) -> tuple[float, float]:
    columns = [*(table["timestamps"] for table in tables), presentations["start"], presentations["stop"]]
    times = np.concatenate([column.to_numpy(dtype=np.float64) for column in columns])
    times = times[np.isfinite(times)]
    if not len(times):
        raise BadValue("The session is empty: it has no running, licks, rewards or images to plot.")
    return float(times.min()), float(times.max())


def _within(table: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    return table[(table["timestamps"] >= first) & (table["timestamps"] <= last)]


def _draw_running(ax: Any, running: pd.DataFrame, linewidth: float) -> list[Any]:
    if not len(running):
        return []
    lines: list[Any] = ax.plot(
        running["timestamps"], running["speed"], color=RUNNING, linewidth=linewidth, label="running speed"
    )
    return lines


def _draw_events(ax: Any, events: pd.DataFrame, height: float, **style: Any) -> list[Any]:
    if not len(events):
        return []
    y = np.full(len(events), height)
    lines: list[Any] = ax.plot(events["timestamps"], y, linestyle="none", transform=ax.get_xaxis_transform(), **style)
    return lines


def _draw_images(ax: Any, presentations: pd.DataFrame) -> list[Any]:
    """Draw a span for each image and return the legend's patches."""
    images = presentations[presentations["name"] != OMITTED]
    colors = {name: image_color(name) for name in sorted(images["name"].unique())}
    facecolors = images["name"].map(colors).tolist()
    spans = _add_spans(ax, images, "images", facecolors=facecolors, alpha=_IMAGE_ALPHA, linewidths=0, zorder=0)
    # In a plot of an hour a flash is thinner than a pixel. Without snapping it tints the pixel in proportion.
    spans.set_snap(False)
    patches = import_extra("matplotlib.patches")
    return [patches.Patch(facecolor=color, alpha=_IMAGE_ALPHA, label=name) for name, color in colors.items()]


def _draw_omissions(ax: Any, presentations: pd.DataFrame) -> list[Any]:
    """Draw a dashed span for each omission and return the legend's patch, if there are omissions."""
    omissions = presentations[presentations["name"] == OMITTED]
    if not len(omissions):
        return []
    style = {"facecolor": "none", "edgecolor": OMISSION, "linestyle": (0, (3, 2)), "linewidth": 1.2}
    _add_spans(ax, omissions, OMITTED, zorder=0.5, **style)
    return [import_extra("matplotlib.patches").Patch(**style, label=OMITTED)]


def _add_spans(ax: Any, presentations: pd.DataFrame, label: str, **style: Any) -> Any:
    """Add one collection of full-height rectangles; one artist per flash would be slow for a session."""
    corners = np.empty((len(presentations), 4, 2))
    corners[:, :2, 0] = presentations[["start"]].to_numpy()
    corners[:, 2:, 0] = presentations[["stop"]].to_numpy()
    corners[:, :, 1] = (0, 1, 1, 0)
    collections = import_extra("matplotlib.collections")
    spans = collections.PolyCollection(corners, transform=ax.get_xaxis_transform(), label=label, **style)
    ax.add_collection(spans, autolim=False)
    return spans


def _set_ylim(ax: Any, speed: NDArray[np.float64]) -> None:
    """Fit the y axis to the running speed, and leave a strip below it for licks and rewards."""
    speed = speed[np.isfinite(speed)]
    low, high = (min(0.0, float(speed.min())), float(speed.max())) if len(speed) else (0.0, 1.0)
    height = max(high - low, 1.0) * 1.05
    ax.set_ylim(low - height * _STRIP_HEIGHT / (1 - _STRIP_HEIGHT), low + height)
