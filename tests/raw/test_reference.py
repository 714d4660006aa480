"""Tests of `tests.raw.reference`: values computed by hand, and the coverage of the synthetic pickles."""

from __future__ import annotations

import math

import pytest

from tests.raw import reference
from tests.raw.reference_presentations import presentations, runs_of_ones
from tests.rawfiles import IMAGES, make_raw


def test_synthetic_session_has_every_outcome() -> None:
    trials = reference.trials(make_raw())
    for name in ("hit", "miss", "false_alarm", "correct_reject", "aborted", "auto_rewarded"):
        assert any(trials[name]), name
    assert any(latency < 0 for latency in trials["response_latency"])
    assert any(presentations(make_raw(), names=IMAGES)["is_sham_change"])


def test_synthetic_session_has_invalid_speeds() -> None:
    speeds = reference.raw_running_speed(make_raw())["speed"]
    assert sum(math.isnan(speed) for speed in speeds) > 3


def test_voltage_steps_are_unwrapped() -> None:
    assert reference.step(4.5, 0.2, top=5.0) == pytest.approx(0.7)
    assert reference.step(0.2, 4.5, top=5.0) == pytest.approx(-0.7)
    assert reference.step(2.0, 2.5, top=5.0) == 0.5
    assert math.isnan(reference.step(2.0, 3.1, top=5.0))


def test_runs_of_ones_end_before_the_next_zero() -> None:
    assert runs_of_ones([0, 1, 1, 0, 1], 0, 5) == [(1, 3), (4, 5)]
    assert runs_of_ones([1, 1, 1, 1], 1, 3) == [(1, 3)]
