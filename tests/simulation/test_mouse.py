"""Tests of `visbehavior.simulation.mouse`: learning, novelty and invalid parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from visbehavior import BadValue, Mouse
from visbehavior.simulation.mouse import (
    LEARNING_GAIN,
    compute_learning,
    compute_novelty_cost,
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
    assert max(effects) - min(effects) <= LEARNING_GAIN


def test_learning_continues_from_training_to_imaging() -> None:
    types = [name for name, count in CURRICULUM for _ in range(count)]
    imaging = compute_learning(Mouse(seen=tuple(types[:25])), "OPHYS_1_images_A")
    assert imaging > compute_learning(Mouse(seen=tuple(types[:22])), types[22])


def test_novel_images_decrease_the_sensitivity() -> None:
    mouse = Mouse(seen=("TRAINING_3_images_A_10uL_reward",))
    assert compute_novelty_cost(mouse, "OPHYS_4_images_B") > 0
    assert compute_novelty_cost(mouse, "OPHYS_3_images_A") == 0
    familiar, novel = (
        sample_session_parameters(mouse, session_type, np.random.default_rng(0)).sensitivity
        for session_type in ("OPHYS_4_images_A", "OPHYS_4_images_B")
    )
    assert familiar > novel


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"latency": 2}, "Mouse.latency is 2; expected a number from 0.15 to 0.7"),
        ({"engagement": float("nan")}, "Mouse.engagement is nan; expected a number"),
        ({"running_speed": -3}, "Mouse.running_speed is -3; expected a number"),
        ({"seen": ("OPHYS_9",)}, "no session type 'OPHYS_9'"),
        ({"mouse_id": 445002}, "Mouse.mouse_id is 445002; expected text"),
    ],
)
def test_invalid_parameters_are_reported(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        Mouse(**parameters)
