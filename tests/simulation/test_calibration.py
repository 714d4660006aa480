"""Comparison of simulated sessions with the published ones.

The published values are recorded in `scripts/published_*.json`. The bounds are those of the page docs/simulation.md.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from scripts import simulation_figures, simulation_page


def check_figures(published: dict[str, list[float]], simulated: dict[str, list[float]]) -> None:
    """Check that no value differs by more than its bound."""
    assert published.keys() == simulated.keys()
    too_far = {
        name: (values, simulated[name])
        for name, values in published.items()
        if not np.all(np.abs(np.subtract(values, simulated[name])) <= simulation_figures.BOUNDS[name])
    }
    assert not too_far


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return json.loads(simulation_page.FIGURES.read_text())


@pytest.mark.calibration
@pytest.mark.parametrize("group", simulation_page.SESSION_TYPES)
def test_trial_outcomes_are_similar_to_the_published_sessions(group: str) -> None:
    """Medians are within the published quartiles, and interquartile ranges within a factor of 1.5."""
    counts = json.loads(simulation_page.OUTCOMES.read_text())[group]
    simulated = simulation_page.simulated_outcomes(group, sessions=100 if group == "OPHYS_passive" else 60)
    factor = simulation_page.RANGE_FACTOR
    for name, (low, _, high) in counts.items():
        first, median, last = simulated[name]
        assert low <= median <= high, name
        assert (high - low) / factor <= last - first <= (high - low) * factor, name


@pytest.mark.calibration
def test_sessions_of_a_similar_mouse_are_similar_to_a_published_session(published: dict[str, Any]) -> None:
    quartiles, figures = simulation_page.simulated_session(sessions=4)
    for name, (low, _, high) in json.loads(simulation_page.SESSION.read_text()).items():
        assert low <= quartiles[name][1] <= high, name
    check_figures(published["session"], figures)


@pytest.mark.calibration
def test_days_and_mice_are_similar_to_the_published_ones(published: dict[str, Any]) -> None:
    simulated = simulation_page.simulated_table_figures(
        simulation_page.TEST_MICE, simulation_page.TEST_NOVELTY_MICE, jobs=1
    )
    check_figures(published["table"], simulated)


@pytest.mark.calibration
def test_published_definitions_find_the_planted_engagement() -> None:
    agreement, difference, floor = simulation_page.engagement_results(sessions=24)
    assert difference == pytest.approx(np.mean(simulation_figures.PRINTED_DIFFERENCES), abs=0.15)
    assert floor < 0.05
    for engaged, disengaged in agreement.values():
        assert engaged + disengaged > 1.3
