"""Tests of `visbehavior.raw.running`: the encoder of damaged and unusual pickles.

Correct pickles are compared with a reference in test_reader.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.rawfiles import changed_session
from visbehavior import BadValue, MissingData
from visbehavior.raw.running import _clip_at_wraps, compute_raw_speed


def test_encoder_with_too_few_values_is_reported(raw: dict[str, Any]) -> None:
    session = changed_session(raw, lambda b: b["encoders"][0].update(vsig=[1.0]))
    with pytest.raises(BadValue, match=r"\['vsig'\] has 1 values; the session has \d+ frames"):
        _ = session.running_speed


def test_missing_encoder_is_reported(raw: dict[str, Any]) -> None:
    session = changed_session(raw, lambda b: b["encoders"].clear())
    with pytest.raises(MissingData, match=r"has no \['items'\]\['behavior'\]\['encoders'\]\[0\]"):
        _ = session.running_speed


def test_additional_encoder_value_is_ignored(raw: dict[str, Any]) -> None:
    def add_value(b: dict[str, Any]) -> None:
        encoder = b["encoders"][0]
        encoder.update({key: [*encoder[key], 1.0] for key in ("vsig", "vin", "dx")})

    count = len(raw["items"]["behavior"]["intervalsms"]) + 1
    assert len(changed_session(raw, add_value).running_speed) == count


def test_signals_of_unequal_length_are_reported(raw: dict[str, Any]) -> None:
    session = changed_session(raw, lambda b: b["encoders"][0].update(vin=[*b["encoders"][0]["vin"], 5.0]))
    with pytest.raises(BadValue, match=r"\['vin'\] has \d+ values; \['vsig'\] has|has \d+ values"):
        _ = session.running_speed


@pytest.mark.parametrize("seed", range(20))
def test_speed_at_a_wrap_is_limited_to_the_speeds_around_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(rng.choice([0.0, 0.01, 0.2]), 200))
    speed = rng.normal(0, 10, 200)
    speed[rng.random(200) < rng.choice([0, 0.2, 0.95])] = np.nan
    wraps = np.flatnonzero(rng.random(200) < 0.2)
    expected = speed.copy()
    for wrap in wraps:
        near = (times >= times[wrap] - 0.25) & (times <= times[wrap] + 0.25) & ~np.isnan(speed)
        near[wrap] = False
        if near.any():
            expected[wrap] = np.clip(speed[wrap], speed[near].min(), speed[near].max())
    np.testing.assert_array_equal(_clip_at_wraps(speed, times, wraps), expected)


def test_wraps_in_frames_of_one_time_take_a_short_time() -> None:
    """With a loop over the wraps, this would take an hour."""
    signal = np.tile([0.1, 4.8], 500_000)
    assert len(compute_raw_speed(np.zeros(len(signal)), signal, np.full(len(signal), 5.0))) == len(signal)
