"""Tests of `visbehavior.simulation.licking`: effects of the model parameters, engagement and lick bouts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.simulation.simulated import outcome_rate, simulated_log, simulated_session
from visbehavior import Mouse
from visbehavior.simulation.licking import MIN_CHANGE_LATENCY, LickingModel
from visbehavior.simulation.mouse import REFRACTORY, TIMING_MIDPOINT, TIMING_WIDTH, sample_session_parameters


def test_sensitivity_increases_the_hit_rate() -> None:
    low, high = (outcome_rate("hit", "go", sensitivity=value, engagement=3) for value in (-1.5, 2.5))
    assert high > low + 0.2


def test_impulsivity_increases_the_false_alarm_rate() -> None:
    low, high = (outcome_rate("false_alarm", "catch", impulsivity=value, engagement=3) for value in (-2, 1.5))
    assert high > low


def test_engagement_increases_the_hit_rate() -> None:
    assert outcome_rate("hit", "go", engagement=4) > outcome_rate("hit", "go", engagement=-2) + 0.2


def test_a_mouse_without_a_spout_does_not_lick() -> None:
    assert not simulated_log("OPHYS_2_images_A_passive", impulsivity=9).licks


def make_model(seed: int = 0, engaged: float = 1 - 1e-9, **changes: Any) -> LickingModel:
    """Return the licking model of an engaged mouse, with changed parameters of the session."""
    rng = np.random.default_rng(seed)
    parameters = sample_session_parameters(Mouse(), "OPHYS_3_images_A", rng)
    return LickingModel(replace(parameters, engaged=engaged, performs=True, **changes), rng)


def bout_probability(flashes: int, **changes: Any) -> float:
    """Return the probability of a bout a number of flashes after the last bout."""
    options = {name: changes.pop(name) for name in ("omitted",) if name in changes}
    started = 0
    for seed in range(400):
        model = make_model(seed, **changes)
        model._flashes_since_bout = flashes - 1
        started += model.sample_bout_start(10_000, None, 0.0, **options) is not None
    return started / 400


def test_bouts_become_more_likely_with_the_flashes_since_the_last_bout() -> None:
    probabilities = [bout_probability(n, bias=-2.8, timing=3.2) for n in (1, 2, 4, 6)]
    for n, probability in zip((1, 2, 4, 6), probabilities, strict=True):
        expected = -2.8 + 3.2 / (1 + np.exp(-(n - TIMING_MIDPOINT) / TIMING_WIDTH)) + REFRACTORY * (n == 1)
        assert probability == pytest.approx(1 / (1 + np.exp(-expected)), abs=0.08)


def test_omissions_change_the_probability_of_a_bout() -> None:
    shown, omitted = (bout_probability(4, bias=-0.5, timing=0.0, omitted=value) for value in (False, True))
    assert omitted < shown
    after = []
    for seed in range(400):
        model = make_model(seed, bias=-0.5, timing=0.0)
        if model.sample_bout_start(100, None, 0.0, omitted=True) is None:
            after.append(model.sample_bout_start(145, None, 0.0) is not None)
    assert np.mean(after) > shown


def test_a_strong_drive_makes_reactions_faster_and_most_bouts_reactions() -> None:
    latencies = {}
    for sensitivity in (3.0, 9.0):
        starts = [
            make_model(seed, bias=-4.0, timing=0.0, sensitivity=sensitivity).sample_bout_start(0, (0, 1), 0.0)
            for seed in range(400)
        ]
        latencies[sensitivity] = [start for start in starts if start is not None]
    assert len(latencies[9.0]) > len(latencies[3.0])
    assert np.median(latencies[9.0]) < np.median(latencies[3.0]) - 2
    assert min(latencies[9.0]) >= MIN_CHANGE_LATENCY * 60 - 1


def test_planted_log_odds_are_those_of_the_bouts() -> None:
    model = make_model(bias=-2.0, timing=3.0, sensitivity=3.0)
    started = []
    for flash in range(4000):
        first = model.sample_bout_start(45 * flash, (0, 1) if flash % 7 == 0 else None, 0.0)
        started.append(first is not None)
        if first is not None:
            model.add_bout(first)
    log_odds = np.array(model.log_odds)
    possible = np.isfinite(log_odds)
    assert not np.array(started)[~possible].any()
    p, y = 1 / (1 + np.exp(-log_odds[possible])), np.array(started)[possible]
    for rows in (p > 0.5, (p > 0.2) & (p <= 0.5), p <= 0.2):
        error = np.sqrt((p * (1 - p))[rows].sum())
        assert rows.sum() > 200
        assert abs(y[rows].sum() - p[rows].sum()) < 4 * error


def test_weights_are_constant_or_drift_as_planted() -> None:
    constant = np.array(simulated_log("OPHYS_3_images_A", minutes=20).weights)
    assert (constant == constant[0]).all()
    steps = np.diff(simulated_log("OPHYS_3_images_A", minutes=60, weight_drift=2.0).weights, axis=0)
    np.testing.assert_allclose(steps.std(axis=0), 2.0 * np.sqrt(0.75 / 3600), rtol=0.1)
    assert np.abs(np.corrcoef(steps.T)[np.triu_indices(3, 1)]).max() < 0.1


def test_lapses_are_long_and_late() -> None:
    """There are a few switches an hour, and most disengaged flashes are in the second half of the session."""
    switches, late = [], []
    for seed in range(20):
        engaged = np.array(simulated_log("OPHYS_3_images_A", seed, 60).engaged)
        switches.append(np.abs(np.diff(engaged.astype(int))).sum())
        late.append([(~half).sum() for half in np.array_split(engaged, 2)])
    assert 1 <= np.mean(switches) <= 7
    first, second = np.sum(late, axis=0)
    assert second > 1.5 * first


def test_disengaged_mice_hardly_lick() -> None:
    for seed in range(5):
        log = simulated_log("TRAINING_5_images_A_handoff_ready", seed, 60)
        flashes, engaged = np.array([frame for frame, _ in log.flashes]), np.array(log.engaged)
        licks = np.searchsorted(flashes, log.licks, side="right") - 1
        disengaged_licks = (~engaged[licks]).sum() / max((~engaged).sum(), 1)
        assert disengaged_licks < 0.1 * engaged[licks].sum() / engaged.sum()


def test_engaged_mice_lick_on_the_gray_screens() -> None:
    model = make_model()
    before, after = model.lick_before_task(18_000), model.lick_after_task(200_000, 236_000)
    assert -18_000 <= before[0] <= before[-1] < 0
    assert 200_000 <= after[0] <= after[-1] <= 236_000
    assert before == sorted(before)
    assert after == sorted(after)
    assert len(before) > len(after)
    assert not model.licks
    model.engaged = False
    assert not model.lick_before_task(18_000)
    assert not model.lick_after_task(200_000, 236_000)


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
