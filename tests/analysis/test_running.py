"""Sign of the running speed."""

from __future__ import annotations

import numpy as np
import pytest

from visbehavior.analysis.running import correct_polarity

NAN = float("nan")


@pytest.mark.parametrize(
    ("speed", "is_negated"),
    [
        ([-1.5, -2.0], True),
        ([-1.0, -1.0], False),
        ([-1.5, -0.4], False),
        ([-9.0, 6.0], True),
        ([NAN, -1.5, -1.5], True),
        ([NAN, NAN], False),
        ([5.0, 3.0], False),
        ([], False),
    ],
)
def test_speed_is_negated_if_its_mean_is_below_minus_1(speed: list[float], is_negated: bool) -> None:
    values = np.array(speed, dtype=np.float64)
    columns = {"timestamps": np.arange(len(values)), "speed": values}
    corrected = correct_polarity(columns)
    np.testing.assert_array_equal(corrected["speed"], -values if is_negated else values)
    assert corrected["timestamps"] is columns["timestamps"]
    np.testing.assert_array_equal(columns["speed"], np.array(speed))


def test_missing_speeds_keep_their_bits() -> None:
    """AllenSDK multiplies by -1. A negation would change the sign bit of NaN, and so the hash of the values."""
    speed = np.array([np.nan, -3.0, 0.0])
    corrected = correct_polarity({"speed": speed})["speed"]
    assert corrected[:1].tobytes() == speed[:1].tobytes()
    assert corrected[1:].tolist() == [3.0, 0.0]
