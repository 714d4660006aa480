"""Events of each kind, compared with the tables."""

from __future__ import annotations

import numpy as np
import pytest

from tests.synthetic_session import as_session, make_session
from visbehavior import BadValue, MissingData, compute_flash_table, compute_lick_bouts, select_events
from visbehavior.analysis.event_kinds import EVENT_KINDS

SESSION = as_session(make_session(seed=6, trials=80))
FLASHES = compute_flash_table(SESSION.stimulus_presentations, SESSION.licks, SESSION.rewards, SESSION.trials)


def select(kind):
    return select_events(FLASHES, kind, SESSION.licks, SESSION.rewards)


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_times_increase_and_labels_are_unique(kind: str) -> None:
    events = select(kind)
    assert len(events)
    assert (np.diff(events) > 0).all()
    assert events.index.is_unique


def test_flashes_and_omissions_are_all_rows() -> None:
    assert len(select("flashes")) + len(select("omissions")) == len(FLASHES)
    assert select("changes").tolist() == FLASHES["start_time"][FLASHES["is_change"]].tolist()


def test_outcomes_are_those_of_the_trials() -> None:
    for kind, column in (("hits", "hit"), ("misses", "miss"), ("false_alarms", "false_alarm")):
        trials = FLASHES["change_trials_id"].loc[select(kind).index]
        assert SESSION.trials.loc[trials, column].all()


def test_licks_bouts_and_rewards_are_those_of_the_tables() -> None:
    assert select("licks").tolist() == SESSION.licks["timestamps"].tolist()
    assert select("bouts").tolist() == compute_lick_bouts(SESSION.licks)["start"].tolist()
    assert select("rewards").tolist() == SESSION.rewards["timestamps"].tolist()


def test_unknown_kind_and_missing_tables_raise() -> None:
    with pytest.raises(BadValue, match=r"kind is 'saccades'; expected one of flashes, changes"):
        select("saccades")
    with pytest.raises(MissingData, match=r"licks=session\.licks"):
        select_events(FLASHES, "bouts")
    with pytest.raises(MissingData, match="with trials"):
        select_events(FLASHES.drop(columns="hit"), "hits")
