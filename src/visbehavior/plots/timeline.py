"""A stretch of a session: running, licks, rewards and what the screen showed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData
from visbehavior.extras import import_extra
from visbehavior.plots.colors import LICK, OMISSION, REWARD, RUNNING, image_color
from visbehavior.schema.session import OMITTED

# Heights, as parts of the axes: a strip below the running speed is left for them.
_LICKS_AT = 0.035
_REWARDS_AT = 0.095
_STRIP = 0.14
# Seconds from which lines are drawn thin.
_LONG = 300


def plot_timeline(
    running_speed: pd.DataFrame,
    licks: pd.DataFrame,
    rewards: pd.DataFrame,
    stimulus_presentations: pd.DataFrame,
    ax: Any,
    start: float | None = None,
    stop: float | None = None,
) -> Any:
    """Draw a stretch of a session.

    Running speed as a line, licks as ticks and rewards as diamonds below it, a coloured span for each image, a dashed
    one for each omission. An image has the same colour in every session.

    Parameters
    ----------
    running_speed, licks, rewards, stimulus_presentations : pandas.DataFrame
        Tables of a `BehaviorSession`, in either naming convention. Empty ones are left out.
    ax : matplotlib.axes.Axes
        Where to draw. The legend stands to its right: use a figure with ``layout="constrained"``.
    start, stop : float or None
        The stretch (s); None: from the first and to the last sample of the session.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If the stretch is empty or lies outside the session.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.

    Notes
    -----
    Licks, rewards and running are on the rig's clock; the times of images hold the delay of the monitor too, some
    20 to 40 ms.

    Examples
    --------
    >>> plot_timeline(session.running_speed, session.licks, session.rewards,
    ...              session.stimulus_presentations, ax, 290, 330)
    """
    import_extra("matplotlib")
    _check_columns(running_speed=(running_speed, "speed"), licks=(licks, "timestamps"), rewards=(rewards, "volume"))
    shown = _shown(stimulus_presentations)
    first, last = _checked_stretch([running_speed, licks, rewards], shown, start, stop)
    handles = _draw_images(ax, shown[(shown["stop"] >= first) & (shown["start"] <= last)])
    running = _within(running_speed, first, last)
    lines = []
    if len(running):
        lines += ax.plot(
            running["timestamps"],
            running["speed"],
            color=RUNNING,
            linewidth=1.2 if last - first < _LONG else 0.4,
            label="running speed",
        )
    lines += _draw_events(ax, _within(licks, first, last), _LICKS_AT, "licks", marker="|", color=LICK, markersize=9)
    lines += _draw_events(
        ax, _within(rewards, first, last), _REWARDS_AT, "rewards", marker="d", color=REWARD, markersize=8
    )
    ax.set_xlim(first, last)
    _leave_strip(ax, running["speed"].to_numpy(dtype=np.float64) if len(running) else np.empty(0))
    ax.set_xlabel("time in session (s)")
    ax.set_ylabel("running speed (cm/s)")
    if lines or handles:
        ax.legend(
            handles=[*lines, *handles], loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0, frameon=False
        )
    return ax


plot_stretch = plot_timeline
"""The name of `plot_timeline` in version 0.1."""


def _check_columns(**tables: tuple[pd.DataFrame, str]) -> None:
    """Whether each table is what its place in the call says; an empty one may be anything."""
    for name, (table, column) in tables.items():
        missing = [needed for needed in ("timestamps", column) if len(table) and needed not in table]
        if missing:
            raise MissingData(
                f"{name} has no column {missing[0]}; it has {', '.join(map(str, table.columns))}. Give the tables in the order running_speed, "
                "licks, rewards, stimulus_presentations.",
                name=missing[0],
            )


def _shown(presentations: pd.DataFrame) -> pd.DataFrame:
    """Images and omissions: start, stop and name; gray and movie left out."""
    stop = "end_time" if "end_time" in presentations else "stop_time"
    missing = [name for name in ("start_time", stop, "image_name") if name not in presentations]
    if missing:
        raise MissingData(
            f"stimulus_presentations has no column {', '.join(missing)}; it has {', '.join(map(str, presentations.columns))}.",
            name=missing[0],
        )
    named = presentations[presentations["image_name"].notna()]
    return pd.DataFrame({"start": named["start_time"], "stop": named[stop], "name": named["image_name"].astype(str)})


def _checked_stretch(
    tables: list[pd.DataFrame], shown: pd.DataFrame, start: float | None, stop: float | None
) -> tuple[float, float]:
    times = [table["timestamps"] for table in tables if len(table) and "timestamps" in table]
    times += [shown["start"], shown["stop"]] if len(shown) else []
    if not times:
        raise BadValue("The session is empty: no running, no licks, no rewards, no images. There is nothing to draw.")
    begin, end = min(float(t.min()) for t in times), max(float(t.max()) for t in times)
    first, last = begin if start is None else float(start), end if stop is None else float(stop)
    if not first < last:
        raise BadValue(
            f"The stretch from {first:g} s to {last:g} s is empty; expected a start before its stop.",
            start=first,
            stop=last,
        )
    if first > end or last < begin:
        raise BadValue(
            f"The stretch from {first:g} s to {last:g} s lies outside the session, which goes from {begin:.1f} s to {end:.1f} s.",
            start=first,
            stop=last,
            session=(begin, end),
        )
    return first, last


def _within(table: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    if not len(table):
        return table
    return table[(table["timestamps"] >= first) & (table["timestamps"] <= last)]


def _draw_images(ax: Any, shown: pd.DataFrame) -> list[Any]:
    """One collection for all images and one for all omissions; a span a flash would take minutes for an hour."""
    collections, patches = import_extra("matplotlib.collections"), import_extra("matplotlib.patches")
    omitted = shown["name"] == OMITTED
    images = shown[~omitted]
    colors = {name: image_color(name) for name in dict.fromkeys(sorted(images["name"]))}
    across = ax.get_xaxis_transform()
    spans = collections.PolyCollection(
        _boxes(images),
        facecolors=images["name"].map(colors).tolist(),
        alpha=0.45,
        linewidths=0,
        transform=across,
        zorder=0,
    )
    # In an hour a flash is thinner than a pixel: let it tint the pixel instead of taking or losing it.
    spans.set_snap(False)
    spans.set_label("images")
    ax.add_collection(spans, autolim=False)
    handles = [patches.Patch(facecolor=color, alpha=0.45, label=name) for name, color in colors.items()]
    if omitted.any():
        style = {"facecolor": "none", "edgecolor": OMISSION, "linestyle": (0, (3, 2)), "linewidth": 1.2}
        gaps = collections.PolyCollection(
            _boxes(shown[omitted]),
            facecolors=style["facecolor"],
            edgecolors=style["edgecolor"],
            linestyles=[style["linestyle"]],
            linewidths=style["linewidth"],
            transform=across,
            zorder=0.5,
        )
        gaps.set_label(OMITTED)
        ax.add_collection(gaps, autolim=False)
        handles.append(patches.Patch(**style, label=OMITTED))
    return handles


def _boxes(shown: pd.DataFrame) -> NDArray[np.float64]:
    """The corners of each span, as high as the axes."""
    boxes = np.empty((len(shown), 4, 2))
    boxes[:, :2, 0] = shown[["start"]].to_numpy()
    boxes[:, 2:, 0] = shown[["stop"]].to_numpy()
    boxes[:, :, 1] = (0, 1, 1, 0)
    return boxes


def _draw_events(ax: Any, events: pd.DataFrame, height: float, label: str, **style: Any) -> list[Any]:
    if not len(events):
        return []
    at = np.full(len(events), height)
    drawn: list[Any] = ax.plot(
        events["timestamps"], at, linestyle="none", label=label, transform=ax.get_xaxis_transform(), **style
    )
    return drawn


def _leave_strip(ax: Any, speed: NDArray[np.float64]) -> None:
    speed = speed[np.isfinite(speed)]
    low, high = (min(0.0, float(speed.min())), float(speed.max())) if len(speed) else (0.0, 1.0)
    height = max(high - low, 1.0) * 1.05
    ax.set_ylim(low - height * _STRIP / (1 - _STRIP), low + height)
