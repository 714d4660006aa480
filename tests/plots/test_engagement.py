"""Artists that plot_engagement adds to the axes, compared with the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.synthetic_session import as_session, make_session
from visbehavior import (
    BadValue,
    compute_engaged_periods,
    compute_engagement,
    compute_flash_table,
    plot_engagement,
)
from visbehavior.analysis.engagement import DEFINITIONS
from visbehavior.plots.figure import new_figure

SESSION = as_session(make_session(seed=4, trials=120))
FLASHES = compute_flash_table(SESSION.stimulus_presentations, SESSION.licks, SESSION.rewards, SESSION.trials)


def test_each_definition_has_a_row_with_its_periods() -> None:
    _, ax = new_figure(8, 4)
    assert plot_engagement(FLASHES, SESSION.trials, ax) is ax
    for row, method in enumerate(DEFINITIONS):
        engaged = compute_engagement(FLASHES, method, SESSION.trials)
        periods = compute_engaged_periods(FLASHES, engaged)
        bars = next(collection for collection in ax.collections if collection.get_label() == method)
        drawn = np.array([path.vertices for path in bars.get_paths()]).reshape(len(periods), 5, 2)
        np.testing.assert_allclose(drawn[:, :, 0].min(axis=1), periods["start"])
        np.testing.assert_allclose(drawn[:, :, 0].max(axis=1), periods["end"])
        assert (drawn[:, :, 1].round() == row).all()
        assert ax.get_yticklabels()[row].get_text() == f"{method} ({engaged.mean():.0%})"
    assert "(s)" in ax.get_xlabel()


def test_flash_table_without_rows_raises() -> None:
    _, ax = new_figure(8, 4)
    with pytest.raises(BadValue, match="no rows"):
        plot_engagement(FLASHES.iloc[:0], SESSION.trials, ax)
