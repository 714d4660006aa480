from __future__ import annotations

import pandas as pd
import pytest

from tests.faultserver import FOREVER, Fault, FaultServer
from visbehavior import BadValue, NotFound, TransferFailed, VisualBehaviorOphysProjectCache

Cache = VisualBehaviorOphysProjectCache

READERS = {
    "get_trials": lambda session: session.trials,
    "get_flashes": lambda session: session.get_flash_table(),
    "get_licks": lambda session: session.licks,
    "get_rewards": lambda session: session.rewards,
}


@pytest.fixture
def ids(cache: Cache) -> list[int]:
    """Two sessions, not sorted."""
    return cache.get_mouse(cache.get_behavior_session_table()["mouse_id"].iloc[0]).index.tolist()[1::-1]


@pytest.mark.parametrize("method", READERS)
def test_rows_are_those_of_the_sessions(cache: Cache, ids: list[int], method: str) -> None:
    rows = getattr(cache, method)(ids)
    assert rows.index.names[0] == "behavior_session_id"
    assert rows.index.get_level_values(0).unique().tolist() == ids
    for number in ids:
        expected = READERS[method](cache.get_behavior_session(number))
        pd.testing.assert_frame_equal(rows.loc[number], expected, check_dtype=False, check_like=True)


def test_one_id_and_no_ids_are_accepted(cache: Cache, ids: list[int]) -> None:
    assert len(cache.get_licks(str(ids[0]))) == len(cache.get_behavior_session(ids[0]).licks)
    assert cache.get_licks([]).empty


def test_unknown_and_unreadable_sessions_are_reported(cache: Cache, ids: list[int], server: FaultServer) -> None:
    with pytest.raises(NotFound):
        cache.get_trials([ids[0], 5])
    with pytest.raises(BadValue):
        cache.get_trials("x")
    server.faults.append(Fault("403", key="*.nwb", times=FOREVER))
    with pytest.raises(TransferFailed):
        cache.get_trials(ids)
