"""Artists of the strategy plots, compared with the fit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.sessions import make_session
from visbehavior import (
    BadValue,
    compute_dropout_scores,
    evaluate_states,
    fit_strategy,
    plot_dropouts,
    plot_states,
    plot_strategy,
)
from visbehavior.plots.figure import new_figure

X, Y = make_session(1, 200)
FIT = fit_strategy(X, Y, sigma=0.05)


def test_lines_and_bands_are_those_of_the_fit() -> None:
    ax = plot_strategy(FIT)
    for name, line, band in zip(FIT.weights, ax.lines, ax.collections, strict=False):
        np.testing.assert_array_equal(line.get_xdata(), X.index)
        np.testing.assert_array_equal(line.get_ydata(), FIT.weights[name])
        vertices = band.get_paths()[0].vertices
        assert vertices[:, 1].max() == pytest.approx((FIT.weights[name] + 2 * FIT.bands[name]).max())
        assert vertices[:, 1].min() == pytest.approx((FIT.weights[name] - 2 * FIT.bands[name]).min())
    colors = [line.get_color() for line in ax.lines[:4]]
    assert len(set(colors)) == 4
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["bias", "omission", "change", "time since bout"]


def test_fit_plots_itself_on_given_axes() -> None:
    _, ax = new_figure(8, 4)
    assert FIT.plot(ax) is ax
    assert ax.get_ylabel() == "weight (log-odds)"


def test_bars_are_the_losses_without_each_regressor() -> None:
    dropouts = compute_dropout_scores(X, Y)
    ax = plot_dropouts(dropouts)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], -dropouts.scores["dropout"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["omission", "change", "time since bout"]
    assert dropouts.strategy in ax.get_title()


def test_layers_are_the_probabilities_of_the_states() -> None:
    states = evaluate_states(X, Y, [0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0, 0, 0, 0], [-2.0, 0, 1, 1]])
    ax = plot_states(states)
    first, second = (layer.get_paths()[0].vertices for layer in ax.collections)
    share = states.smoothed[0].to_numpy()
    assert first[:, 1].max() == pytest.approx(share.max())
    assert second[:, 1].min() == pytest.approx(share.min())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"state 0: {share.mean():.0%}", f"state 1: {1 - share.mean():.0%}"]


def test_flashes_with_text_labels_are_numbered() -> None:
    index = [f"f{number}" for number in range(200)]
    ax = plot_strategy(fit_strategy(X.set_axis(index).sort_index(), Y.set_axis(index).sort_index(), sigma=0.05))
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), range(200))


def test_other_objects_raise() -> None:
    with pytest.raises(BadValue, match="fit is 1; expected a StrategyFit"):
        plot_strategy(1)
    with pytest.raises(BadValue, match="dropouts is 1"):
        plot_dropouts(1)
    with pytest.raises(BadValue, match="evaluation is 1"):
        plot_states(1)
    with pytest.raises(BadValue, match="ax is 1"):
        FIT.plot(1)
