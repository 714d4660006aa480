"""Tests of `visbehavior.simulation.mouse`: learning, novelty and invalid parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visbehavior import BadValue, Mouse
from visbehavior.simulation.mouse import (
    DAILY_VARIANCE,
    DRIFT_CORRELATION,
    DRIFT_VARIANCE,
    GENOTYPES,
    LEARNING_GAIN,
    PASSIVE_LICKING_PROBABILITY,
    REFUSAL_PROBABILITY,
    SALIENCE_SD,
    TRAIT_VARIANCE,
    compute_learning,
    compute_visibility,
    is_image_set_novel,
    next_day,
    sample_mouse,
    sample_session_parameters,
)
from visbehavior.simulation.stages import CURRICULUM, parse_stage


def test_sessions_with_the_same_kind_of_stimulus_increase_the_sensitivity() -> None:
    new = Mouse(seen=("TRAINING_0_gratings_autorewards_15min",))
    trained = replace(new, seen=new.seen + ("TRAINING_1_gratings",) * 6)
    assert compute_learning(new, "TRAINING_1_gratings") < 0 < compute_learning(trained, "TRAINING_1_gratings")
    assert compute_learning(Mouse(), "TRAINING_1_gratings") == 0
    types = [name for name, count in CURRICULUM for _ in range(count)]
    effects = [compute_learning(Mouse(seen=tuple(types[:day])), types[day]) for day in range(1, len(types))]
    has_images = [bool(parse_stage(name).image_set) for name in types[1:]]
    for kind in (False, True):
        assert (np.diff([effect for effect, has in zip(effects, has_images, strict=True) if has == kind]) > 0).all()
    assert max(effects) - min(effects) <= LEARNING_GAIN["gratings"]


def test_learning_continues_from_training_to_imaging() -> None:
    types = [name for name, count in CURRICULUM for _ in range(count)]
    imaging = compute_learning(Mouse(seen=tuple(types[:25])), "OPHYS_1_images_A")
    assert imaging > compute_learning(Mouse(seen=tuple(types[:22])), types[22])


def test_a_novel_image_set_lowers_the_bias_and_not_the_sensitivity() -> None:
    mouse = Mouse(seen=("TRAINING_3_images_A_10uL_reward",))
    assert is_image_set_novel(mouse, "OPHYS_4_images_B")
    assert not is_image_set_novel(mouse, "OPHYS_3_images_A")
    assert not is_image_set_novel(Mouse(), "OPHYS_3_images_A")
    familiar, novel = (
        sample_session_parameters(mouse, session_type, np.random.default_rng(0))
        for session_type in ("OPHYS_4_images_A", "OPHYS_4_images_B")
    )
    assert familiar.bias > novel.bias
    assert familiar.sensitivity <= novel.sensitivity


def test_the_visibility_of_images_stays_with_the_mouse() -> None:
    mouse = Mouse(salience_seed=3)
    first, later = (
        sample_session_parameters(mouse, "OPHYS_3_images_A", np.random.default_rng(seed)).visibility for seed in (0, 1)
    )
    np.testing.assert_array_equal(first, later)
    names = parse_stage("OPHYS_3_images_A").images
    np.testing.assert_array_equal(compute_visibility(3, names)[:2, :2], compute_visibility(3, names[:2]))
    assert (compute_visibility(4, names) != first).any()
    salience = np.mean([compute_visibility(seed, names) for seed in range(20)], axis=1)
    assert np.std(salience) == pytest.approx(SALIENCE_SD, abs=0.08)


def test_the_slow_state_is_stationary_and_correlated_over_days() -> None:
    rng = np.random.default_rng(0)
    mice = [sample_mouse(rng) for _ in range(100)]
    first = np.array([mouse.drift for mouse in mice])
    mice = [next_day(mouse, "TRAINING_1_gratings", rng) for mouse in mice]
    second = np.array([mouse.drift for mouse in mice])
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(DRIFT_CORRELATION, abs=0.04)
    assert first.var() == pytest.approx(DRIFT_VARIANCE, abs=0.12)
    assert second.var() == pytest.approx(DRIFT_VARIANCE, abs=0.12)
    assert mice[0].seen == ("TRAINING_1_gratings",)
    assert sum((TRAIT_VARIANCE, DRIFT_VARIANCE, DAILY_VARIANCE)) == pytest.approx(1)


def test_most_mice_run_and_some_rest() -> None:
    rng = np.random.default_rng(0)
    speeds = np.array([sample_mouse(rng).running_speed for _ in range(300)])
    assert np.mean(speeds < 1) == pytest.approx(0.15, abs=0.05)
    assert not ((speeds > 1) & (speeds < 12)).any()


def test_the_cre_line_changes_the_sensitivity_to_images_only() -> None:
    for session_type, differs in (("TRAINING_1_gratings", False), ("OPHYS_3_images_A", True)):
        values = [
            sample_session_parameters(Mouse(full_genotype=genotype), session_type, np.random.default_rng(0)).sensitivity
            for genotype in GENOTYPES
        ]
        assert (max(values) - min(values) > 0.4) == differs


def test_some_mice_do_not_perform_and_some_passive_sessions_have_a_spout() -> None:
    def fraction(name: str, session_type: str) -> float:
        rng = np.random.default_rng(0)
        samples = [sample_session_parameters(Mouse(), session_type, rng) for _ in range(300)]
        return float(np.mean([getattr(parameters, name) for parameters in samples]))

    assert fraction("performs", "OPHYS_3_images_A") == pytest.approx(1 - REFUSAL_PROBABILITY["OPHYS_active"], abs=0.03)
    assert fraction("performs", "TRAINING_5_images_A_handoff_ready") == 1
    assert fraction("has_spout", "OPHYS_2_images_A_passive") == pytest.approx(PASSIVE_LICKING_PROBABILITY, abs=0.03)
    assert fraction("has_spout", "OPHYS_3_images_A") == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"latency": 2}, "Mouse.latency is 2; expected a number from 0.15 to 0.7"),
        ({"engagement": float("nan")}, "Mouse.engagement is nan; expected a number"),
        ({"running_speed": -3}, "Mouse.running_speed is -3; expected a number"),
        ({"drift": (0.0, 1.0)}, "Mouse.drift is \\(0.0, 1.0\\); expected a tuple of three numbers"),
        ({"salience_seed": -1}, "Mouse.salience_seed is -1"),
        ({"seen": ("OPHYS_9",)}, "no session type 'OPHYS_9'"),
        ({"mouse_id": 445002}, "Mouse.mouse_id is 445002; expected text"),
    ],
)
def test_invalid_parameters_are_reported(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        Mouse(**parameters)
