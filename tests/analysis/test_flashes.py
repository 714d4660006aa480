"""The flash table: comparison with a slow reference, and unusual sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import flash_reference
from tests.synthetic_session import as_session, make_eye_tracking, make_session
from visbehavior import BadValue, MissingData, compute_flash_table
from visbehavior.schema.flashes import FLASHES

SESSION = as_session(make_session(seed=2, trials=40).replace(eye=make_eye_tracking()))
TABLES = (SESSION.stimulus_presentations, SESSION.licks, SESSION.rewards)
# Licks and rewards are at multiples of a fifth of a flash, so that many fall on a start.
TICKS = st.lists(st.integers(-5, 130), max_size=40).map(lambda ticks: [tick * 0.15 for tick in sorted(ticks)])
KINDS = st.lists(st.sampled_from(["image", "change", "omitted"]), min_size=1, max_size=24)


def events(times):
    return pd.DataFrame({"timestamps": np.array(times, dtype=float)})


def presentations(kinds):
    start = np.array([number * 5 * 0.15 for number in range(len(kinds))])
    flags = {"is_change": [kind == "change" for kind in kinds], "omitted": [kind == "omitted" for kind in kinds]}
    return pd.DataFrame({"start_time": start, **flags})


@settings(deadline=None, max_examples=100)
@given(kinds=KINDS, licks=TICKS, rewards=TICKS)
def test_table_equals_the_reference(kinds, licks, rewards) -> None:
    given_table = presentations(kinds)
    table = compute_flash_table(given_table, events(licks), events(rewards))
    columns = (given_table[name].tolist() for name in ("start_time", "is_change", "omitted"))
    expected = pd.DataFrame(flash_reference.flash_table(*columns, licks, rewards))
    for name in expected:
        values = table[name].to_numpy(dtype=float, na_value=np.nan)
        np.testing.assert_array_equal(values, expected[name].to_numpy(dtype=float), err_msg=name)


@settings(deadline=None, max_examples=30)
@given(kinds=KINDS, licks=TICKS)
def test_each_lick_of_the_task_is_counted_once(kinds, licks) -> None:
    table = compute_flash_table(presentations(kinds), events(licks), events([]))
    stop = table["start_time"].iloc[-1] + 0.75
    assert table["n_licks"].sum() == sum(0 < lick <= stop for lick in licks)
    assert table["num_bout_start"].sum() == table["num_bout_end"].sum()


def test_columns_are_declared_and_in_order() -> None:
    table = compute_flash_table(*TABLES, SESSION.trials, SESSION.running_speed, SESSION.eye_tracking)
    assert list(table) == FLASHES.names()
    assert table.index.name == FLASHES.index
    for column in FLASHES:
        kind = str(table[column.name].dtype)
        expected = {"text": ("str", "object")}.get(column.dtype, (column.dtype,))
        assert kind in expected, column.name


def test_index_is_that_of_the_presentations_of_the_task() -> None:
    table = compute_flash_table(*TABLES)
    shown = SESSION.stimulus_presentations["image_name"].notna()
    assert table.index.tolist() == SESSION.stimulus_presentations.index[shown].tolist()


def test_columns_of_trials_are_those_of_the_trial_with_the_change() -> None:
    table = compute_flash_table(*TABLES, SESSION.trials)
    for label, row in table.dropna(subset=["change_trials_id"]).iterrows():
        trial = SESSION.trials.loc[row["change_trials_id"]]
        assert abs(trial["change_time"] - row["start_time"]) < 0.5, label
        assert all(row[name] == trial[name] for name in ("go", "catch", "hit", "miss", "auto_rewarded"))
    changes = SESSION.trials["change_time"].to_numpy()
    expected = [np.flatnonzero(np.abs(changes - start) < 0.5) for start in table["start_time"]]
    assert table["change_trials_id"].notna().tolist() == [len(found) == 1 for found in expected]


def test_trials_are_computed_if_the_presentations_lack_them() -> None:
    without = SESSION.stimulus_presentations.drop(columns="trials_id", errors="ignore")
    table = compute_flash_table(without, *TABLES[1:], SESSION.trials)
    start, stop = SESSION.trials["start_time"], SESSION.trials["stop_time"]
    for now, trial in table[["start_time", "trials_id"]].to_numpy():
        earlier = SESSION.trials.index[start < now]
        assert trial == (earlier[-1] if len(earlier) and now < stop.max() else -99)


def test_running_and_pupil_are_means_over_three_quarters_of_a_second() -> None:
    eye = SESSION.eye_tracking.assign(timestamps=20 + SESSION.eye_tracking["timestamps"].to_numpy())
    table = compute_flash_table(*TABLES, None, SESSION.running_speed, eye)
    running = SESSION.running_speed
    for start, mean in table[["start_time", "mean_running_speed"]].to_numpy()[:50]:
        inside = running["timestamps"].between(start, start + 0.75, inclusive="left")
        assert mean == pytest.approx(running["speed"][inside].mean())
    found = table.dropna(subset="mean_pupil_width")
    assert len(found)
    width = pd.Series(np.where(eye["likely_blink"], np.nan, eye["pupil_width"])).interpolate().to_numpy()
    for start, mean in found[["start_time", "mean_pupil_width"]].to_numpy():
        assert mean == pytest.approx(width[eye["timestamps"].between(start, start + 0.75, inclusive="left")].mean())


def test_passive_session_without_licks_and_rewards() -> None:
    table = compute_flash_table(presentations(["image", "change", "image"]), events([]), events([]))
    assert not table["licked"].any()
    assert table["time_from_last_lick"].isna().all()
    assert table["flashes_from_last_lick"].tolist() == [-1, -1, -1]
    assert table["time_from_last_change"].tolist()[1:] == [0.0, 0.75]


def test_session_without_omissions() -> None:
    table = compute_flash_table(presentations(["image", "change"]), events([0.1]), events([]))
    assert table["time_from_last_omitted"].isna().all()


def test_gray_movie_and_other_blocks_have_no_row() -> None:
    table = presentations(["image", "image", "image", "image"])
    table["omitted"] = pd.array([None, False, False, False], dtype="boolean")
    table["stimulus_block"], table["active"] = [0, 1, 1, 2], [False, True, True, False]
    assert compute_flash_table(table, events([]), events([])).index.tolist() == [1, 2]
    # Without blocks `active` is False in the last rows of the task, which count.
    del table["stimulus_block"]
    assert compute_flash_table(table, events([]), events([])).index.tolist() == [1, 2, 3]


def test_session_without_presentations_has_no_rows() -> None:
    empty = presentations(["image"]).iloc[:0]
    table = compute_flash_table(empty, events([1.0]), events([]), SESSION.trials)
    assert len(table) == 0
    assert list(table)[:3] == ["start_time", "is_change", "omitted"]


def test_wrong_tables_raise() -> None:
    table = presentations(["image", "change"])
    with pytest.raises(MissingData, match="omitted"):
        compute_flash_table(table.drop(columns="omitted"), *TABLES[1:])
    with pytest.raises(BadValue, match="start_time falls"):
        compute_flash_table(table.iloc[::-1], *TABLES[1:])
    with pytest.raises(BadValue, match="start_time"):
        compute_flash_table(table.assign(start_time=[0.0, np.nan]), *TABLES[1:])
