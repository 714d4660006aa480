"""Checks of the tables that plots use."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import reference
from tests.synthetic_session import as_session, make_session
from visbehavior import BadValue, MissingData
from visbehavior.plots.tables import (
    OUTCOME_COLUMNS,
    SESSION_TABLES,
    parse_time_range,
    read_attributes,
    read_session,
    session_range,
    session_title,
)

SESSION = as_session(make_session(seed=3, trials=60))


def replace(**attributes: Any) -> SimpleNamespace:
    return SimpleNamespace(**(vars(SESSION) | attributes))


def test_outcomes_are_at_the_changes_of_their_trials() -> None:
    outcomes = read_session(SESSION).outcomes
    expected = [
        (trial.change_time, outcome)
        for trial in SESSION.trials.itertuples()
        for outcome, column in OUTCOME_COLUMNS.items()
        if getattr(trial, column)
    ]
    assert list(outcomes.itertuples(index=False, name=None)) == expected
    assert set(outcomes["outcome"]) == set(OUTCOME_COLUMNS)


@pytest.mark.parametrize("trials", [None, SESSION.trials.iloc[:0]], ids=["none", "empty"])
def test_without_trials_there_are_no_outcomes(trials: object) -> None:
    assert len(read_session(replace(trials=trials)).outcomes) == 0


def test_session_without_the_attribute_trials_is_accepted() -> None:
    tables = {name: getattr(SESSION, name) for name in SESSION_TABLES}
    assert read_session(SimpleNamespace(**tables)).trials is None


@pytest.mark.parametrize("name", ["auto_rewarded", "autorewarded"])
def test_free_rewards_are_found_in_both_conventions(name: str) -> None:
    rewards = SESSION.rewards.rename(columns={"auto_rewarded": name})
    selected = read_session(replace(rewards=rewards)).rewards
    np.testing.assert_array_equal(selected["is_free"], SESSION.rewards["auto_rewarded"])
    assert selected["is_free"].any()


def test_rewards_without_the_column_are_earned() -> None:
    rewards = SESSION.rewards.drop(columns="auto_rewarded")
    assert not read_session(replace(rewards=rewards)).rewards["is_free"].any()


def test_changes_are_those_of_the_images() -> None:
    table = SESSION.stimulus_presentations
    shown = (table["image_name"] != "omitted").tolist()
    expected = reference.is_change(table["image_name"].tolist(), shown)
    np.testing.assert_array_equal(read_session(SESSION).images["is_change"], expected)
    assert any(expected)


def test_gray_and_movie_are_no_images() -> None:
    session = as_session(make_session(seed=3, trials=20, blocks=4))
    assert len(read_session(session).images) == session.stimulus_presentations["image_name"].notna().sum()


def test_rows_within_a_time_range() -> None:
    tables = read_session(SESSION).within(60, 120)
    for name in ("running", "licks", "rewards"):
        assert getattr(tables, name)["timestamps"].between(60, 120).all()
    assert tables.outcomes["time"].between(60, 120).all()
    images = SESSION.stimulus_presentations
    assert len(tables.images) == ((images["end_time"] >= 60) & (images["start_time"] <= 120)).sum()
    assert tables.trials is SESSION.trials


def test_range_of_a_session_covers_all_tables() -> None:
    first, last = session_range(read_session(SESSION))
    assert first == SESSION.running_speed["timestamps"].iloc[0]
    assert last == SESSION.running_speed["timestamps"].iloc[-1]


def test_missing_start_and_stop_are_those_of_the_session() -> None:
    assert parse_time_range(None, None, 1, 9) == (1, 9)
    assert parse_time_range(2, None, 1, 9) == (2, 9)
    assert parse_time_range(None, 5, 1, 9) == (1, 5)


def test_title_has_the_id_the_mouse_and_the_session_type() -> None:
    assert session_title(SESSION) == "Session 990200001, mouse 457841, OPHYS_3_images_A"


@pytest.mark.parametrize("metadata", [None, {}, "text", {"mouse_id": None}])
def test_missing_metadata_are_unknown(metadata: object) -> None:
    assert session_title(SimpleNamespace(metadata=metadata)) == "Session unknown, mouse unknown, unknown"


def test_object_without_an_attribute_is_named() -> None:
    with pytest.raises(BadValue, match=r"experiment is 3, which has no dff_traces; expected an imaging plane\."):
        read_attributes(3, "experiment", ("dff_traces",), "an imaging plane")


def test_older_change_times_are_used_if_there_are_no_others() -> None:
    trials = SESSION.trials.rename(columns={"change_time": "change_time_no_display_delay"})
    assert read_session(replace(trials=trials)).outcomes.equals(read_session(SESSION).outcomes)


def test_missing_column_of_trials_raises() -> None:
    with pytest.raises(MissingData, match="no column 'change_time'"):
        read_session(replace(trials=SESSION.trials.drop(columns="change_time")))


@pytest.mark.parametrize("name", [*SESSION_TABLES, "trials"])
def test_attribute_that_is_no_table_raises(name: str) -> None:
    with pytest.raises(BadValue, match=rf"{name} is 'x'; expected a DataFrame, such as session\.{name}"):
        read_session(replace(**{name: "x"}))


def test_image_name_that_is_no_text_raises() -> None:
    table = SESSION.stimulus_presentations.assign(image_name=pd.Series([3] * len(SESSION.stimulus_presentations)))
    with pytest.raises(BadValue, match=r"image_name of stimulus_presentations contains 3; expected the name"):
        read_session(replace(stimulus_presentations=table))
