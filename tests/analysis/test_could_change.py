"""Flashes at which the image could have changed: comparison with a slow reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import flash_reference
from visbehavior import BadValue, MissingData, compute_could_change

STEP = 0.25
INTERVAL = 3 * STEP
ROWS = st.lists(
    st.tuples(st.sampled_from(["image", "image", "change", "omitted"]), st.booleans()), min_size=1, max_size=30
)
LICKS = st.lists(st.integers(-5, 110), max_size=12).map(lambda ticks: [tick * STEP for tick in sorted(ticks)])


def make_tables(rows, licks, first_trial):
    """Make tables of flashes, of which those that are True begin a trial."""
    kinds = [kind for kind, _ in rows]
    start = np.arange(len(rows)) * INTERVAL
    begins = np.array([begins_trial for _, begins_trial in rows])
    trial = np.cumsum(begins) + first_trial
    flashes = pd.DataFrame(
        {
            "start_time": start,
            "is_change": [kind == "change" for kind in kinds],
            "omitted": [kind == "omitted" for kind in kinds],
            "trials_id": trial,
        }
    )
    trials = pd.DataFrame(
        {"start_time": start[begins], "auto_rewarded": False}, index=first_trial + 1 + np.arange(begins.sum())
    )
    return flashes, pd.DataFrame({"timestamps": np.array(licks, dtype=float)}), trials


@settings(deadline=None, max_examples=100)
@given(rows=ROWS, licks=LICKS, method=st.sampled_from(["bou", "vba"]))
def test_could_change_equals_the_reference(rows, licks, method) -> None:
    flashes, lick_table, trials = make_tables(rows, licks, first_trial=10)
    found = compute_could_change(flashes, lick_table, trials, method)
    start, trial = flashes["start_time"].tolist(), flashes["trials_id"].tolist()
    ends = [*(time - 1e-9 for time in start[1:]), np.inf]
    windows = [
        (now, now + 0.75, False) if method == "bou" else (now, end, True) for now, end in zip(start, ends, strict=True)
    ]
    # VBA counts the flashes before the first trial from 1.
    counted_from_1 = 10 if method == "vba" else None
    flags = flashes["is_change"].tolist(), flashes["omitted"].tolist()
    rows = flash_reference.could_change(start, *flags, trial, licks, method == "vba", windows, counted_from_1)
    if method == "vba":
        assert found["trials_id"].tolist() == [-1 if number == 10 else number for number in trial]
    expected = pd.DataFrame(rows)
    for name in expected:
        assert found[name].tolist() == expected[name].tolist(), name


def test_trial_at_both_ends_of_a_session_is_one() -> None:
    flashes, licks, _ = make_tables([("image", False)] * 12, [0.1], first_trial=-99)
    flashes.loc[2:4, "trials_id"] = 0
    found = compute_could_change(flashes, licks)
    assert found["previous_response"].tolist() == [False, True, False, False, False, *[True] * 7]
    assert not found["could_change"].any()


def test_unknown_method_and_missing_trials_raise() -> None:
    flashes, licks, _ = make_tables([("image", True)], [], first_trial=0)
    with pytest.raises(BadValue, match="expected one of bou, vba"):
        compute_could_change(flashes, licks, method="sdk")
    with pytest.raises(MissingData, match=r"trials=session\.trials"):
        compute_could_change(flashes, licks, method="vba")
