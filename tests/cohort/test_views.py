from __future__ import annotations

import pytest

from visbehavior import Cohort
from visbehavior.cohort.views import find_session


@pytest.mark.parametrize(
    ("where", "session"),
    [
        ("behavior_session_id = 5", 5),
        (" Behavior_Session_ID=5 and hit", 5),
        ("behavior_session_id = 5 AND image_name = 'x'", 5),
        (None, None),
        ("true", None),
        ("behavior_session_id = 5 OR hit", None),
        ("behavior_session_id = 5 AND hit OR miss", None),
        ("behavior_session_id = 5 + 1", None),
        ("behavior_session_id = 5) OR (true", None),
        ("behavior_session_id = 5 AND hit -- x", None),
        ("behavior_session_id = 5.5", None),
        ("hit AND behavior_session_id = 5", None),
        ("NOT behavior_session_id = 5", None),
    ],
)
def test_one_session_is_found_in_a_condition(where: str | None, session: int | None) -> None:
    assert find_session(where) == session


def test_the_part_of_a_session_has_the_same_rows(cohort: Cohort, ids: list[int]) -> None:
    for name in cohort.tables:
        for number in [*ids, 5]:
            fast = cohort.table(name, where=f"behavior_session_id = {number}")
            assert fast.equals(cohort.table(name, where=f"{number} = behavior_session_id"))
