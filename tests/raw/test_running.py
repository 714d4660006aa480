"""Tests of `visbehavior.raw.running`: the encoder of damaged and unusual pickles.

Correct pickles are compared with a reference in test_reader.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.rawfiles import changed_session
from visbehavior import BadValue, MissingData


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
