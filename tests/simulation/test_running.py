"""Tests of `visbehavior.simulation.running`: running speed, read through the encoder."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulation.simulated import simulated_session
from visbehavior import Mouse


def test_running_speed_is_that_of_the_mouse() -> None:
    fast, slow = (
        simulated_session("TRAINING_4_images_A_training", mouse=Mouse(running_speed=speed), minutes=5, seed=2)
        for speed in (40, 0)
    )
    speed, times = fast.running_speed["speed"], fast.running_speed["timestamps"]
    assert speed.quantile(0.9) == pytest.approx(48, abs=12)
    assert speed.min() > -5
    assert slow.running_speed["speed"].abs().quantile(0.99) < 1
    after_reward = [speed[(times > t + 1) & (times < t + 2)].mean() for t in fast.rewards["timestamps"]]
    assert np.mean(after_reward) < 0.5 * speed.mean()


def test_the_mouse_slows_down_after_a_reward_and_not_before() -> None:
    before, after = [], []
    for seed in range(3):
        session = simulated_session(
            "TRAINING_0_gratings_autorewards_15min", mouse=Mouse(engagement=5), minutes=15, seed=seed
        )
        times, speed = session.running_speed["timestamps"].to_numpy(), session.running_speed["speed"].to_numpy()
        for reward in session.rewards["timestamps"]:
            before.append(np.interp(reward - 0.1, times, speed) - np.interp(reward - 0.6, times, speed))
            after.append(np.interp(reward + 1.5, times, speed) - np.interp(reward - 0.6, times, speed))
    assert np.mean(after) < -8
    assert abs(np.mean(before)) < 2
