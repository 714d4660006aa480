"""Lick bouts: comparison with a slow reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import flash_reference
from visbehavior import BadValue, MissingData, compute_lick_bouts
from visbehavior.analysis.licking import compute_lick_rate

# Multiples of 0.1 s, so that pauses of exactly the threshold occur.
TIMES = st.lists(st.integers(0, 300), max_size=40, unique=True).map(lambda ticks: [tick / 10 for tick in sorted(ticks)])


def table(times):
    return pd.DataFrame({"timestamps": np.array(times, dtype=float)})


@settings(deadline=None, max_examples=60)
@given(licks=TIMES, rewards=TIMES, threshold=st.sampled_from([0.3, 0.7, 2.0]))
def test_bouts_equal_the_reference(licks, rewards, threshold) -> None:
    bouts = compute_lick_bouts(table(licks), threshold, table(rewards))
    expected = flash_reference.lick_bouts(licks, rewards, threshold)
    assert bouts.to_dict("records") == expected
    assert bouts.index.tolist() == list(range(len(expected)))
    assert bouts["n_licks"].sum() == len(licks)


def test_pause_of_exactly_the_threshold_does_not_separate() -> None:
    assert len(compute_lick_bouts(table([0.0, 0.5]), threshold=0.5)) == 1
    assert len(compute_lick_bouts(table([0.0, 0.5]), threshold=0.49)) == 2


def test_rewarded_is_absent_without_rewards() -> None:
    assert list(compute_lick_bouts(table([1.0]))) == ["start", "end", "n_licks"]


def test_session_without_licks_has_no_bouts() -> None:
    # AllenSDK 2.10 names the column of an empty table differently.
    for empty in (table([]), pd.DataFrame({"time": [], "frame": []})):
        assert len(compute_lick_bouts(empty, rewards=table([1.0]))) == 0


def test_unsorted_and_missing_times_raise() -> None:
    with pytest.raises(BadValue, match="timestamps falls from 2 to 1"):
        compute_lick_bouts(table([2.0, 1.0]))
    with pytest.raises(BadValue, match="is nan at row 1"):
        compute_lick_bouts(table([2.0, np.nan]))
    with pytest.raises(MissingData, match="timestamps"):
        compute_lick_bouts(pd.DataFrame({"time": [1.0]}))


def test_lick_rate_is_a_weighted_mean_over_six_frames() -> None:
    rate = compute_lick_rate(np.array([0, 10]), 20)
    np.testing.assert_allclose(rate[10:16], np.array([1, 3, 5, 5, 3, 1]) / 18)
    # At the beginning the weights of the existing frames are used.
    np.testing.assert_allclose(rate[:3], [1, 3 / 4, 5 / 9])
    assert rate[16:].sum() == 0
