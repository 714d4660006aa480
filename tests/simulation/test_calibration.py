"""Comparison of simulated sessions with the published ones."""

from __future__ import annotations

import json

import pytest

from scripts import simulation_page


@pytest.mark.calibration
@pytest.mark.parametrize("group", simulation_page.SESSION_TYPES)
def test_trial_outcomes_are_similar_to_the_published_sessions(group: str) -> None:
    """Medians are within the published quartiles, and interquartile ranges within a factor of 1.5."""
    published = json.loads(simulation_page.OUTCOMES.read_text())[group]
    simulated = simulation_page.simulated_outcomes(group, sessions=60)
    for name, (low, _, high) in published.items():
        first, median, last = simulated[name]
        assert low <= median <= high, name
        assert (high - low) / 1.5 <= last - first <= (high - low) * 1.5, name


@pytest.mark.calibration
def test_medians_within_a_session_are_similar_to_a_published_session() -> None:
    published = json.loads(simulation_page.SESSION.read_text())
    simulated = simulation_page.simulated_session(sessions=4)
    for name, (low, _, high) in published.items():
        assert low <= simulated[name][1] <= high, name
