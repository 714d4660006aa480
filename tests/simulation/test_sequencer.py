"""Tests of `visbehavior.simulation.sequencer`: decks of image pairs, catch trials, repeats and change times."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulation.simulated import simulated_log
from visbehavior.simulation.sequencer import MAX_REPEATS, Plan, TrialPlanner, shuffle_pairs
from visbehavior.simulation.stages import parse_stage

IMAGES, GRATINGS, PASSIVE = "OPHYS_1_images_A", "TRAINING_2_gratings_flashed", "OPHYS_5_images_B_passive"


def planned(session_type: str, count: int, seed: int = 0) -> list[Plan]:
    """Return the plans of completed trials."""
    planner = TrialPlanner(parse_stage(session_type), np.random.default_rng(seed))
    plans = []
    for _ in range(count):
        plans.append(planner.plan())
        planner.record_completion()
    return plans


@given(count=st.integers(1, 8), seed=st.integers(0, 1000), data=st.data())
def test_a_deck_has_every_pair_once_and_each_pair_starts_where_the_last_one_ended(count: int, seed: int, data) -> None:
    first = data.draw(st.integers(0, count - 1))
    pairs = shuffle_pairs(count, first, np.random.default_rng(seed))
    assert sorted(pairs) == list(itertools.product(range(count), repeat=2))
    assert pairs[0][0] == pairs[-1][1] == first
    assert all(a[1] == b[0] for a, b in itertools.pairwise(pairs))


def test_decks_differ_and_are_not_biased() -> None:
    rng = np.random.default_rng(0)
    second = [shuffle_pairs(4, 0, rng)[0][1] for _ in range(400)]
    np.testing.assert_allclose(np.bincount(second, minlength=4) / 400, [0.2, 0.27, 0.27, 0.27], atol=0.07)


def test_a_deck_is_used_up_before_the_next_one() -> None:
    plans = planned(PASSIVE, 192)
    for start in (0, 64, 128):
        assert len({plan.images for plan in plans[start : start + 64]}) == 64
        assert sum(plan.catch for plan in plans[start : start + 64]) == 8


def test_the_number_of_catch_trials_varies_as_in_the_published_sessions() -> None:
    """Mean and SD of catch - N / 8 in TRAINING_5: 0.04 and 1.19; with gratings the SD is binomial."""
    lengths = np.random.default_rng(1).integers(100, 320, size=250)
    excess = {}
    for session_type in (IMAGES, GRATINGS):
        plans = [planned(session_type, length + 5, seed)[5:] for seed, length in enumerate(lengths)]
        excess[session_type] = [sum(plan.catch for plan in session) - len(session) / 8 for session in plans]
    assert abs(np.mean(excess[IMAGES])) < 0.35
    assert np.std(excess[IMAGES]) == pytest.approx(1.2, abs=0.15)
    assert np.std(excess[GRATINGS]) == pytest.approx(np.sqrt(lengths.mean() * 7) / 8, rel=0.15)


@pytest.mark.parametrize("session_type", [IMAGES, GRATINGS])
def test_the_first_trials_have_a_free_reward_and_are_no_catch_trials(session_type: str) -> None:
    plans = [plan for seed in range(20) for plan in planned(session_type, 7, seed)]
    assert [plan.auto for plan in plans] == [i % 7 < 5 for i in range(len(plans))]
    assert not any(plan.catch for plan in plans if plan.auto)


def test_gratings_change_to_the_other_orientation() -> None:
    changes = {plan.images for plan in planned(GRATINGS, 200) if not plan.catch}
    assert changes == {(a, b) for a, b in itertools.product(range(4), repeat=2) if (a < 2) != (b < 2)}


def test_aborted_trials_keep_their_images_and_draw_another_change_time_after_some_repeats() -> None:
    planner = TrialPlanner(parse_stage(IMAGES), np.random.default_rng(3))
    times, images = [], set()
    for _ in range(20 * (MAX_REPEATS + 1)):
        plan = planner.plan()
        times.append(plan.change_time)
        images.add((plan.images, plan.catch))
        planner.record_abort()
    assert len(images) == 1
    blocks = np.reshape(times, (20, MAX_REPEATS + 1))
    assert (blocks == blocks[:, :1]).all()
    assert len(set(blocks[:, 0])) > 3


def test_a_completed_trial_ends_the_repeats() -> None:
    trials = simulated_log("TRAINING_5_images_A_handoff_ready", minutes=60, impulsivity=2).trials
    attempts = 0
    for trial, following in itertools.pairwise(trials):
        attempts = attempts + 1 if trial.aborted else 0
        if trial.aborted:
            assert following.images == trial.images
            assert attempts % (MAX_REPEATS + 1) == 0 or following.change_time == trial.change_time


def test_change_times_have_a_truncated_geometric_distribution() -> None:
    change_times = [plan.change_time for plan in planned(PASSIVE, 2500)]
    fraction = np.bincount(change_times, minlength=12)[4:12] / len(change_times)
    expected = 0.7 ** np.arange(8)
    np.testing.assert_allclose(fraction, expected / expected.sum(), atol=0.03)
