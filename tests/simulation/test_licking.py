"""Tests of `visbehavior.simulation.licking`: effects of the model parameters, engagement and lick bouts."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulation.simulated import outcome_rate, simulated_log, simulated_session


def test_sensitivity_increases_the_hit_rate() -> None:
    low, high = (outcome_rate("hit", "go", sensitivity=value, engagement=3) for value in (-1.5, 2.5))
    assert high > low + 0.2


def test_impulsivity_increases_the_false_alarm_rate() -> None:
    low, high = (outcome_rate("false_alarm", "catch", impulsivity=value, engagement=3) for value in (-2, 1.5))
    assert high > low


def test_engagement_increases_the_hit_rate() -> None:
    assert outcome_rate("hit", "go", engagement=4) > outcome_rate("hit", "go", engagement=-2) + 0.2


def test_passive_sessions_have_no_licks() -> None:
    assert not simulated_log("OPHYS_2_images_A_passive", impulsivity=9).licks


def test_engagement_decreases_with_the_volume_drunk() -> None:
    early, late = [], []
    for seed in range(25):
        engaged = simulated_log("TRAINING_3_images_A_10uL_reward", seed, 60, sensitivity=2).engaged
        third = len(engaged) // 3
        early.append(np.mean(engaged[:third]))
        late.append(np.mean(engaged[-third:]))
    assert np.mean(late) < np.mean(early) - 0.05


@pytest.mark.parametrize("seed", [25, 35, 108, 140])
def test_a_free_reward_is_drunk_after_the_current_bout(seed: int) -> None:
    """Trials of TRAINING_0 are not aborted, so a mouse may be licking when a reward is delivered."""
    session = simulated_session("TRAINING_0_gratings_autorewards_15min", seed=seed)
    assert session.licks["frame"].is_monotonic_increasing
