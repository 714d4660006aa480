"""Tests of `visbehavior.simulation.curriculum`: advancement, retakes and given sessions."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from visbehavior import Mouse
from visbehavior.simulation.curriculum import (
    ADVANCEMENT,
    Day,
    compute_expected_dprime,
    plan_curriculum,
    plan_given,
)
from visbehavior.simulation.mouse import sample_mouse, sample_session_parameters
from visbehavior.simulation.stages import parse_stage


def plan(seed: int, mouse: Mouse | None = None) -> list[Day]:
    rng = np.random.default_rng(seed)
    return list(plan_curriculum(sample_mouse(rng) if mouse is None else mouse, rng))


@pytest.fixture(scope="module")
def plans() -> list[list[Day]]:
    return [plan(seed) for seed in range(60)]


def test_numbers_of_sessions_are_similar_to_the_published_mice(plans: list[list[Day]]) -> None:
    """Published: 21 to 87 sessions, median 40; medians of 5, 1, 3, 1 and 10 in TRAINING_1 to TRAINING_5."""
    assert 30 <= np.median([len(days) for days in plans]) <= 50
    counts = [Counter(parse_stage(day.session_type).group for day in days) for days in plans]
    medians = [np.median([count[f"TRAINING_{number}"] for count in counts]) for number in range(6)]
    assert np.all(np.abs(np.array(medians) - [1, 5, 1, 3, 1, 10]) <= [0, 2, 1, 0, 1, 4])


def test_a_mouse_advances_only_after_a_session_above_the_criterion(plans: list[list[Day]]) -> None:
    for days in plans[:10]:
        training = [day for day in days if day.session_type.startswith("TRAINING")]
        for day, following in itertools.pairwise(training):
            if day.session_type != following.session_type:
                parameters = sample_session_parameters(day.mouse, day.session_type, np.random.default_rng(day.seed))
                criterion = ADVANCEMENT[parse_stage(day.session_type).group]
                assert compute_expected_dprime(parameters) >= criterion.dprime


def test_sensitive_mice_need_fewer_sessions() -> None:
    slow, fast = (
        np.mean([len(plan(seed, Mouse(sensitivity=value, engagement=value))) for seed in range(15)])
        for value in (-0.7, 0.7)
    )
    assert slow > fast + 5


def test_about_two_in_three_mice_step_back_during_imaging(plans: list[list[Day]]) -> None:
    """Published: 74 of 107 mice."""
    stages = [[int(day.session_type[6]) for day in days if day.session_type.startswith("OPHYS")] for days in plans]
    assert np.mean([bool((np.diff(numbers) < 0).any()) for numbers in stages]) == pytest.approx(0.69, abs=0.2)
    assert all(set(numbers) == set(range(7)) for numbers in stages)


def test_novel_images_come_after_the_familiar_ones(plans: list[list[Day]]) -> None:
    sets = {tuple(dict.fromkeys(parse_stage(day.session_type).image_set for day in days)) for days in plans}
    assert sets == {("", "A", "B"), ("", "B", "A"), ("", "G", "H")}


def test_given_sessions_keep_their_order_and_history() -> None:
    types = ["OPHYS_3_images_A", "OPHYS_1_images_A", "OPHYS_1_images_A"]
    days = list(plan_given(Mouse(), types, np.random.default_rng(1)))
    assert [day.session_type for day in days] == types
    assert [len(day.mouse.seen) for day in days] == [0, 1, 2]
    assert len({day.seed for day in days}) == 3
