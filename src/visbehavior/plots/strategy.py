"""Plot the weights of the strategy model over a session, its dropout scores, and states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from visbehavior.errors import BadValue, brief_repr
from visbehavior.models.dropouts import DropoutScores
from visbehavior.models.states import StateEvaluation
from visbehavior.models.strategy import StrategyFit
from visbehavior.plots.colors import CONDITIONS, NEUTRAL
from visbehavior.plots.figure import add_legend, check_axes, new_figure, set_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND_WIDTH = 2
"""Half-width of the bands (standard deviations), as in the published figures."""
_BAND_ALPHA = 0.25
_COLORS = {
    "bias": NEUTRAL,
    "omissions": CONDITIONS[3],
    "omissions1": CONDITIONS[5],
    "task0": CONDITIONS[0],
    "timing1D": CONDITIONS[1],
}
"""Color of each regressor, the same in every figure."""
_LABELS = {
    "bias": "bias",
    "omissions": "omission",
    "omissions1": "after omission",
    "task0": "change",
    "timing1D": "time since bout",
}
_OTHER = CONDITIONS[4]


def plot_strategy(fit: StrategyFit, ax: Axes | None = None) -> Axes:
    """Plot the weights of a session with bands of two standard deviations.

    Parameters
    ----------
    fit : StrategyFit
        Fit of a session, from `fit_strategy`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on. Default: those of a new figure.

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
    check_axes(ax)
    ax = ax or new_figure(10, 4)[1]
    flashes, lines = _positions(fit.weights), []
    for name in fit.weights:
        weight, band = fit.weights[name].to_numpy(), BAND_WIDTH * fit.bands[name].to_numpy()
        color = _COLORS.get(name, _OTHER)
        ax.fill_between(flashes, weight - band, weight + band, color=color, alpha=_BAND_ALPHA, linewidth=0)
        lines += ax.plot(flashes, weight, color=color, linewidth=1.5, label=_LABELS.get(name, str(name)))
    ax.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=0)
    ax.set_xlim(flashes[0], flashes[-1])
    set_labels(ax, "flash", "weight (log-odds)", f"Weights over the session, ± {BAND_WIDTH} standard deviations")
    add_legend(ax, lines)
    return ax


def plot_dropouts(dropouts: DropoutScores, ax: Axes | None = None) -> Axes:
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
    check_axes(ax)
    ax = ax or new_figure(5, 4)[1]
    scores = -dropouts.scores["dropout"]
    labels = [_LABELS.get(name, str(name)) for name in scores.index]
    ax.bar(labels, scores.to_numpy(), color=[_COLORS.get(name, _OTHER) for name in scores.index])
    ax.axhline(0, color=NEUTRAL, linewidth=0.8)
    title = f"Strategy index {dropouts.strategy_index:.1f}, {dropouts.strategy}"
    set_labels(ax, "regressor", "loss of evidence without it (%)", title)
    return ax


def plot_states(evaluation: StateEvaluation, ax: Axes | None = None) -> Axes:
    """Plot the probability of each state over a session, stacked.

    Parameters
    ----------
    evaluation : StateEvaluation
        From `evaluate_states`, or an element of ``fit.sessions`` of `fit_states`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on. Default: those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    BadValue
        If `evaluation` or `ax` is something else.
    MissingExtra
        If matplotlib is not installed.
    """
    if not isinstance(evaluation, StateEvaluation):
        raise BadValue(
            f"evaluation is {brief_repr(evaluation)}; expected what evaluate_states returns.", name="evaluation"
        )
    check_axes(ax)
    ax = ax or new_figure(10, 3)[1]
    smoothed = evaluation.smoothed
    flashes = _positions(smoothed)
    colors = [CONDITIONS[number % len(CONDITIONS)] for number in range(len(smoothed.columns))]
    occupancy = [f"state {state}: {share:.0%}" for state, share in smoothed.mean().items()]
    layers = ax.stackplot(flashes, smoothed.to_numpy().T, colors=colors, labels=occupancy, linewidth=0)
    ax.set_xlim(flashes[0], flashes[-1])
    ax.set_ylim(0, 1)
    set_labels(ax, "flash", "probability of the state", "States over the session, and their occupancy")
    add_legend(ax, list(layers))
    return ax


def _positions(table: pd.DataFrame) -> Any:
    """Return the labels of the flashes if they are numbers, else 0, 1, 2, ..."""
    labels = table.index.to_numpy()
    return labels if labels.dtype.kind in "iuf" else np.arange(len(labels))
