"""Number of states by held-out sessions."""

from __future__ import annotations

import pytest

from tests.models.test_states import SESSIONS, simulate
from visbehavior import BadValue, compare_state_counts


def test_planted_number_of_states_predicts_best() -> None:
    sessions = [*SESSIONS, simulate(9, 600)[:2]]
    table = compare_state_counts(sessions, [1, 2], folds=2)
    assert table.index.tolist() == [1, 2]
    assert table["bits_per_flash"][1] == 0
    assert table["bits_per_flash"][2] > 0.01


def test_one_session_raises() -> None:
    with pytest.raises(BadValue, match="sessions has one session; expected two or more"):
        compare_state_counts(SESSIONS[:1])


def test_no_numbers_raise() -> None:
    with pytest.raises(BadValue, match="n_states is empty"):
        compare_state_counts(SESSIONS, [])
