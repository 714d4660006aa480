"""Likely blinks: comparison with the slow reference."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from visbehavior.analysis.blinks import compute_likely_blinks

AREA = st.sampled_from([10.0, 11.0, 12.0, 100.0, math.nan])
AREAS = st.lists(st.tuples(AREA, AREA), max_size=40)


@given(AREAS, st.sampled_from([0.7, 1.9, 3.0]), st.integers(0, 45))
def test_likely_blinks_equal_the_reference(
    areas: list[tuple[float, float]], z_threshold: float, dilation_frames: int
) -> None:
    eye, pupil = [area for area, _ in areas], [area for _, area in areas]
    blinks = compute_likely_blinks(np.array(eye), np.array(pupil), z_threshold, dilation_frames)
    assert blinks.dtype == bool
    assert blinks.tolist() == reference.likely_blinks(eye, pupil, z_threshold, dilation_frames)
