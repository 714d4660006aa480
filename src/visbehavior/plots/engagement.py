"""Plot engagement over a session by each definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from visbehavior.analysis.checks import Columns
from visbehavior.analysis.engagement import DEFINITIONS, compute_engaged_periods, compute_engagement
from visbehavior.errors import BadValue
from visbehavior.plots.colors import CONDITIONS
from visbehavior.plots.figure import TIME_LABEL, check_axes, new_figure, set_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (12.0, 4.0)
_BAR_HEIGHT = 0.7


def plot_engagement(flash_table: pd.DataFrame, trials: Columns, ax: Axes | None = None) -> Axes:
    """Plot the periods in which the mouse counts as engaged, one row per published definition.

    Parameters
    ----------
    flash_table : pandas.DataFrame
        As `compute_flash_table` returns it.
    trials : pandas.DataFrame
        All trials of the session.
    ax : matplotlib.axes.Axes or None
        Axes to draw on. None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If an argument is not a table, or the flash table is empty.
    MissingData
        If a column is missing.
    MissingExtra
        If matplotlib is not installed.

    See Also
    --------
    compute_engagement : the definitions.
    """
    check_axes(ax)
    if ax is None:
        _, ax = new_figure(*_SIZE)
    labels = []
    for row, method in enumerate(DEFINITIONS):
        engaged = compute_engagement(flash_table, method, trials)
        if not len(engaged):
            raise BadValue("flash_table has no rows; expected at least one flash.", name="flash_table")
        periods = compute_engaged_periods(flash_table, engaged)
        spans = np.column_stack([periods["start"], periods["end"] - periods["start"]])
        color = CONDITIONS[row % len(CONDITIONS)]
        ax.broken_barh(spans.tolist(), (row - _BAR_HEIGHT / 2, _BAR_HEIGHT), facecolors=color, label=method)
        labels.append(f"{method} ({engaged.mean():.0%})")
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    start = flash_table["start_time"]
    ax.set_xlim(start.iloc[0], start.iloc[-1])
    set_labels(ax, TIME_LABEL, "definition (engaged flashes)")
    return ax
