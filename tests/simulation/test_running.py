"""Tests of `visbehavior.simulation.running`: running speed, read through the encoder."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulation.simulated import simulated_session
from visbehavior import Mouse
from visbehavior.simulation.running import (
    DISENGAGED_SPEED,
    MAX_VOLTAGE,
    MIN_VOLTAGE,
    VOLTAGE_STEP,
    simulate_encoder,
    simulate_running_speed,
)


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


def speed_of(engaged: np.ndarray, licks: list[float], seed: int = 0) -> np.ndarray:
    times = np.arange(len(engaged)) / 60
    return simulate_running_speed(times, np.array(licks), np.array([]), engaged, 30.0, np.random.default_rng(seed))


def test_disengaged_mice_and_mice_that_lick_are_slower() -> None:
    engaged = np.ones(60 * 600, dtype=bool)
    fast, slow = speed_of(engaged, []), speed_of(~engaged, [])
    assert slow.mean() == pytest.approx(DISENGAGED_SPEED * fast.mean(), rel=0.02)
    licks = np.arange(5.0, 600.0, 2.0)
    after = (licks * 60).astype(int) + 3
    assert speed_of(engaged, licks.tolist())[after].mean() < 0.93 * fast[after].mean()


def test_the_spectrum_of_the_speed_falls_without_a_step() -> None:
    """Above the cutoff the power decreases smoothly, unlike that of interpolated samples, which has zeros."""
    speed = speed_of(np.ones(2**16, dtype=bool), [])
    power = np.abs(np.fft.rfft(speed - speed.mean())) ** 2
    frequency = np.fft.rfftfreq(len(speed), 1 / 60)
    bands = [power[(frequency >= low) & (frequency < low * 1.3)].mean() for low in 0.5 * 1.3 ** np.arange(9)]
    ratios = np.array(bands[1:]) / bands[:-1]
    assert ((ratios > 0.25) & (ratios < 1)).all()


@pytest.mark.parametrize("mean_speed", [0.0, 30.0])
def test_the_encoder_quantizes_and_wraps_below_its_supply(mean_speed: float) -> None:
    times = np.arange(60 * 300) / 60
    voltage, supply, rotation = simulate_encoder(times, np.full(len(times), mean_speed), np.random.default_rng(0))
    steps = (voltage - MIN_VOLTAGE) / VOLTAGE_STEP
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert voltage.min() >= MIN_VOLTAGE
    assert voltage.max() <= MAX_VOLTAGE + VOLTAGE_STEP < supply.min()
    wraps = (np.abs(np.diff(voltage)) > 2.5).sum()
    assert wraps == pytest.approx(rotation.sum() / 360, abs=2 + 0.01 * wraps)
    assert 1 < len(np.unique(supply)) < 8
