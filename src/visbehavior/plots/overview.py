"""Draw an overview of a session: rates in bins of time, rolling rates and trials, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.checks import get_numbers
from visbehavior.analysis.performance import compute_rolling_performance
from visbehavior.extras import import_extra
from visbehavior.plots.colors import ENGAGED, ENGAGED_ALPHA, OUTCOMES, REWARD, REWARD_RATE
from visbehavior.plots.figure import POINTS_PER_INCH, axes_size, font_size, foreground
from visbehavior.plots.tables import TaskTables
from visbehavior.settings import ENGAGED_REWARD_RATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


ROWS = ("speed\n(cm/s)", "licks\n(per min)", "rewards\n(per min)", "response\nrate", "")
"""Names of the rows; the last two are drawn if there are trials."""
_HEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.6)
"""Relative heights of the rows."""
FREE_REWARD = "free reward"

# Widths of bins (s), and the largest number of bins.
_BIN_WIDTHS = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_MOST_BINS = 90
_SECONDS_PER_MINUTE = 60.0
# Distances (font sizes) of the names of the rows from the axes, and between two rows.
_NAME_DISTANCE = 2.8
_ROW_DISTANCE = 0.8


def draw_overview(ax: Axes, tables: TaskTables, first: float, last: float) -> list[Any]:
    """Draw the rows of an overview as child axes, and return artists for the legend.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its x limits must be set.
    tables : TaskTables
        Complete tables of the session, because the rolling rates depend on earlier trials.
    first, last : float
        Time range (s).
    """
    selected, edges = tables.within(first, last), bin_edges(first, last)
    has_trials = tables.trials is not None and len(tables.trials) > 0
    rows = _add_rows(ax, ROWS if has_trials else ROWS[:3])
    _draw_speed(rows[0], selected.running, edges)
    _draw_rate(rows[1], selected.licks, edges, color=foreground(ax), label="licks")
    _draw_rate(rows[2], selected.rewards, edges, color=REWARD, label="rewards")
    handles: list[Any] = []
    if has_trials:
        rolling = compute_rolling_performance(tables.trials)
        time = get_numbers(tables.trials, "start_time")
        handles += _draw_engagement(ax, rows[2], time, rolling["reward_rate"].to_numpy())
        handles += _draw_rolling_rates(rows[3], time, rolling)
        _draw_trials(rows[4], selected)
    return handles


def bin_edges(first: float, last: float) -> NDArray[np.float64]:
    """Return the edges of bins of a round width (s) that cover a time range. The last bin may be shorter."""
    duration = last - first
    width = next((width for width in _BIN_WIDTHS if duration / width <= _MOST_BINS), duration / _MOST_BINS)
    edges = first + width * np.arange(np.ceil(duration / width) + 1)
    edges[-1] = last
    return edges


def count_per_minute(times: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the number of events in each bin, divided by its width (1/min)."""
    counts, _ = np.histogram(times[np.isfinite(times)], edges)
    rates: NDArray[np.float64] = counts / np.diff(edges) * _SECONDS_PER_MINUTE
    return rates


def bin_means(
    times: NDArray[np.float64], values: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of the finite values in each bin; NaN without values."""
    finite = np.isfinite(times) & np.isfinite(values)
    counts, _ = np.histogram(times[finite], edges)
    sums, _ = np.histogram(times[finite], edges, weights=values[finite])
    means: NDArray[np.float64] = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return means


def _add_rows(ax: Axes, names: tuple[str, ...]) -> list[Axes]:
    """Divide the axes into rows with a common time axis, and hide what the rows replace."""
    ax.set_yticks([])
    ax.spines[["left", "right", "top"]].set_visible(False)
    width, height = axes_size(ax)
    size = font_size(ax)
    gap = _ROW_DISTANCE * size / POINTS_PER_INCH / height
    heights = np.array(_HEIGHTS[: len(names)]) / sum(_HEIGHTS[: len(names)])
    rows: list[Axes] = []
    for name, row_height, bottom in zip(names, heights, 1 - np.cumsum(heights), strict=True):
        row = ax.inset_axes((0, bottom + gap, 1, row_height - gap), sharex=ax)
        row.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
        row.tick_params(axis="y", labelsize=0.85 * size)
        row.spines[["right", "top"]].set_visible(False)
        # The engaged times are drawn behind all rows.
        row.set_facecolor("none")
        row.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=size)
        row.yaxis.set_label_coords(-_NAME_DISTANCE * size / POINTS_PER_INCH / width, 0.5)
        row.yaxis.set_major_locator(import_extra("matplotlib.ticker").MaxNLocator(2))
        rows.append(row)
    return rows


def _draw_speed(row: Axes, running: pd.DataFrame, edges: NDArray[np.float64]) -> None:
    means = bin_means(running["timestamps"].to_numpy(), running["speed"].to_numpy(), edges)
    _draw_steps(row, means, edges, color=foreground(row), label="running speed")


def _draw_rate(row: Axes, events: pd.DataFrame, edges: NDArray[np.float64], **style: Any) -> None:
    _draw_steps(row, count_per_minute(events["timestamps"].to_numpy(), edges), edges, **style)


def _draw_steps(row: Axes, values: NDArray[np.float64], edges: NDArray[np.float64], **style: Any) -> None:
    row.stairs(values, edges, linewidth=1.0, **style)
    row.stairs(np.nan_to_num(values), edges, fill=True, alpha=0.25, linewidth=0, color=style["color"])
    finite = values[np.isfinite(values)]
    low, high = np.min(finite, initial=0.0), np.max(finite, initial=1.0)
    row.set_ylim(low * 1.1, high * 1.1)


def _draw_engagement(ax: Axes, row: Axes, time: NDArray[np.float64], rate: NDArray[np.float64]) -> list[Any]:
    """Draw the rolling reward rate, and the times at which it is above the threshold behind all rows."""
    lines = row.plot(time, rate, color=REWARD_RATE, linewidth=1.2, label="reward rate")
    row.axhline(ENGAGED_REWARD_RATE, color=foreground(ax), alpha=0.6, linewidth=0.8, linestyle=":")
    row.set_ylim(top=max(row.get_ylim()[1], np.max(rate[np.isfinite(rate)], initial=ENGAGED_REWARD_RATE) * 1.1))
    # A trial lasts until the next one starts.
    ends = np.append(time[1:], time[-1])
    x, engaged = np.column_stack([time, ends]).ravel(), np.repeat(rate > ENGAGED_REWARD_RATE, 2)
    style: dict[str, Any] = {"facecolor": ENGAGED, "alpha": ENGAGED_ALPHA, "linewidth": 0, "label": "engaged"}
    ax.fill_between(x, 0, 1, engaged, transform=ax.get_xaxis_transform(), **style)
    return [*lines, import_extra("matplotlib.patches").Patch(**style)] if engaged.any() else lines


def _draw_rolling_rates(row: Axes, time: NDArray[np.float64], rolling: pd.DataFrame) -> list[Any]:
    """Draw the hit rate and the false-alarm rate. Aborted trials have none."""
    lines: list[Any] = []
    for column, outcome in (("hit_rate", "hit"), ("false_alarm_rate", "false alarm")):
        known = rolling[column].notna().to_numpy()
        style: dict[str, Any] = {"color": OUTCOMES[outcome], "linestyle": "-" if outcome == "hit" else "--"}
        label = f"{outcome.replace(' ', '-')} rate"
        lines += row.plot(time[known], rolling[column].to_numpy()[known], linewidth=1.4, label=label, **style)
    row.set_ylim(0, 1.05)
    row.set_yticks([0, 0.5, 1])
    return lines


def _draw_trials(row: Axes, tables: TaskTables) -> None:
    """Draw a tick at each change, in a line for each outcome. Free rewards have their own line."""
    times = {name: tables.outcomes.loc[tables.outcomes["outcome"] == name, "time"] for name in OUTCOMES}
    times[FREE_REWARD] = tables.rewards.loc[tables.rewards["is_free"].astype(bool), "timestamps"]
    colors = OUTCOMES | {FREE_REWARD: REWARD}
    for y, (name, at) in enumerate(times.items()):
        style: dict[str, Any] = {"marker": "|", "linestyle": "none", "color": colors[name], "label": name}
        row.plot(at, np.full(len(at), -y), **style)
    row.set_yticks(-np.arange(len(times)), list(times))
    row.set_ylim(0.6 - len(times), 0.6)
