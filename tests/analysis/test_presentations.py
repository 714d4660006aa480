"""Columns computed for stimulus presentations: comparison with the slow reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from visbehavior.analysis.presentations import (
    add_computed_columns,
    compute_active,
    compute_flashes_since_change,
    compute_is_change,
    compute_trials_id,
)

ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", "omitted", None]), st.booleans()), max_size=40)
TIMES = st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0, 4.0]), max_size=12)
TRIALS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, 3.0]), st.sampled_from([1.0, 2.5, 4.0])), max_size=5)


@given(ROWS)
def test_is_change_equals_the_reference(rows: list[tuple[str | None, bool]]) -> None:
    names = [name for name, _ in rows]
    shown = [name not in (None, "omitted") for name in names]
    is_change = compute_is_change(np.array(names, dtype=object), np.array(shown, dtype=bool))
    assert is_change.tolist() == reference.is_change(names, shown)


@given(ROWS)
def test_flashes_since_change_equal_the_reference(rows: list[tuple[str | None, bool]]) -> None:
    omitted = [name == "omitted" for name, _ in rows]
    is_change = [change and not is_omitted for (_, change), is_omitted in zip(rows, omitted, strict=True)]
    flashes = compute_flashes_since_change(np.array(is_change, dtype=bool), np.array(omitted, dtype=bool))
    assert flashes.tolist() == reference.flashes_since_change(is_change, omitted)


@given(TIMES, TRIALS, st.data())
def test_trials_id_and_active_equal_the_reference(
    times: list[float], trials: list[tuple[float, float]], data: st.DataObject
) -> None:
    named = data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    numbered = [(10 + i, start, stop) for i, (start, stop) in enumerate(trials)]
    arrays = (
        np.array(times),
        np.array(named, dtype=bool),
        np.array([start for start, _ in trials]),
        np.array([stop for _, stop in trials]),
    )
    ids = np.array([i for i, _, _ in numbered], dtype=np.int64)
    assert compute_trials_id(*arrays, ids).tolist() == reference.trials_id(times, named, numbered)
    assert compute_active(*arrays).tolist() == reference.active(times, named, numbered)


@given(
    st.lists(st.tuples(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=3), st.booleans()), max_size=5)
)
def test_replays_take_over_the_trials_of_the_reference(blocks: list[tuple[list[str | None], bool]]) -> None:
    """A trial starts before each row, so that every row has another one before replays take them over."""
    names = [name for rows, _ in blocks for name in rows]
    numbers = [number for number, (rows, _) in enumerate(blocks) for _ in rows]
    active = [is_active for rows, is_active in blocks for _ in rows]
    count = len(names)
    columns = {
        "image_name": np.array([np.nan if name is None else name for name in names], dtype=object),
        "start_time": np.arange(count) + 0.5,
        "stimulus_block": np.array(numbers, dtype=np.int64),
        "active": np.array(active, dtype=bool),
    }
    trials = {"start_time": np.arange(count) * 1.0, "stop_time": np.arange(count) + 1.0, "trials_id": np.arange(count)}
    add_computed_columns(columns, "trials_id".__eq__, lambda: trials)
    own = [-99 if name is None else row for row, name in enumerate(names)]
    assert columns["trials_id"].tolist() == reference.copied_to_replays(own, names, numbers, active)


def test_omissions_are_no_changes_where_no_column_says_omitted() -> None:
    names = np.array(["a", "a", "omitted", "a", "b", np.nan, "b"], dtype=object)
    columns = {"image_name": names, "start_time": np.arange(7.0)}
    add_computed_columns(columns, lambda name: False, dict)
    assert np.flatnonzero(columns["is_change"]).tolist() == [4]
    assert columns["flashes_since_change"].tolist() == [0, 1, 1, 2, 0, 1, 2]
