"""Plot the weights of the strategy model over a session, and its dropout scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.dropouts import DropoutScores
from visbehavior.models.strategy import StrategyFit
from visbehavior.plots.colors import PALETTE
from visbehavior.plots.figure import check_axes, new_figure

BAND_WIDTH = 2
"""Half-width of the bands (standard deviations), as in the published figures."""
_COLORS = {
    "bias": "#555555",
    "omissions": PALETTE[2],
    "omissions1": PALETTE[5],
    "task0": "#0077BB",
    "timing1D": "#CC3311",
}
"""Color of each regressor, the same in every figure."""
_LABELS = {
    "bias": "bias",
    "omissions": "omission",
    "omissions1": "after omission",
    "task0": "change",
    "timing1D": "time since bout",
}
_OTHER = "#888888"


def plot_strategy(fit: StrategyFit, ax: Any = None) -> Any:
    """Plot the weights of a session with bands of two standard deviations.

    Parameters
    ----------
    fit : StrategyFit
        Fit of a session, from `fit_strategy`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on. Default: those of a new figure. The legend is placed to the right of the axes: use a figure
        with ``layout="constrained"``.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.figure.savefig(path)`` writes the figure.

    Raises
    ------
    BadValue
        If `fit` or `ax` is something else.
    MissingExtra
        If matplotlib is not installed.
    """
    if not isinstance(fit, StrategyFit):
        raise BadValue(f"fit is {brief_repr(fit)}; expected a StrategyFit, as fit_strategy returns it.", name="fit")
    ax = _axes(ax, 10, 4)
    flashes = _positions(fit)
    for name in fit.weights:
        weight, band = fit.weights[name].to_numpy(), BAND_WIDTH * fit.bands[name].to_numpy()
        color = _COLORS.get(name, _OTHER)
        ax.fill_between(flashes, weight - band, weight + band, color=color, alpha=0.25, linewidth=0)
        ax.plot(flashes, weight, color=color, linewidth=1.5, label=_LABELS.get(name, str(name)))
    ax.axhline(0, color="#888888", linewidth=0.8, zorder=0)
    ax.set_xlim(flashes[0], flashes[-1])
    ax.set_xlabel("flash")
    ax.set_ylabel("weight (log-odds)")
    ax.set_title(f"Weights over the session, ± {BAND_WIDTH} standard deviations")
    ax.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), borderaxespad=0, frameon=False)
    return ax


def plot_dropouts(dropouts: DropoutScores, ax: Any = None) -> Any:
    """Plot the dropout score of each regressor as a bar.

    Bars show how much the evidence falls without the regressor (percent), so that a regressor that helps has a positive
    bar, as in the published figures.

    Parameters
    ----------
    dropouts : DropoutScores
        From `compute_dropout_scores`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on. Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If `dropouts` or `ax` is something else.
    MissingExtra
        If matplotlib is not installed.
    """
    if not isinstance(dropouts, DropoutScores):
        raise BadValue(
            f"dropouts is {brief_repr(dropouts)}; expected what compute_dropout_scores returns.", name="dropouts"
        )
    ax = _axes(ax, 5, 4)
    scores = -dropouts.scores["dropout"]
    labels = [_LABELS.get(name, str(name)) for name in scores.index]
    ax.bar(labels, scores.to_numpy(), color=[_COLORS.get(name, _OTHER) for name in scores.index])
    ax.axhline(0, color="#888888", linewidth=0.8)
    ax.set_ylabel("loss of evidence without it (%)")
    ax.set_title(f"Strategy index {dropouts.strategy_index:.1f}: {dropouts.strategy}")
    return ax


def _axes(ax: Any, width: float, height: float) -> Any:
    if ax is None:
        return new_figure(width, height)[1]
    check_axes(ax)
    return ax


def _positions(fit: StrategyFit) -> Any:
    """Return the labels of the flashes if they are numbers, else 0, 1, 2, ..."""
    labels = fit.weights.index.to_numpy()
    return labels if labels.dtype.kind in "iuf" else np.arange(len(labels))
