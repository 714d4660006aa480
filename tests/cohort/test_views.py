from __future__ import annotations

import pytest

from visbehavior import BadValue, Cohort
from visbehavior.cohort.views import find_session, find_single_session


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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT * FROM trials WHERE behavior_session_id = 5", ("trials", 5)),
        (
            "\nselect avg(hit::INT)\nfrom Trials\nwhere behavior_session_id=5 AND go\ngroup by is_change;\n",
            ("trials", 5),
        ),
        ("SELECT hit FROM trials WHERE behavior_session_id = 5 ORDER BY trials_id LIMIT 3", ("trials", 5)),
        ("SELECT * FROM none WHERE behavior_session_id = 5", None),
        ("SELECT * FROM trials t WHERE behavior_session_id = 5", None),
        ("SELECT * FROM trials, licks WHERE behavior_session_id = 5", None),
        ("SELECT * FROM trials JOIN licks USING (behavior_session_id) WHERE behavior_session_id = 5", None),
        ("SELECT (SELECT count(*) FROM licks) FROM trials WHERE behavior_session_id = 5", None),
        ("SELECT * FROM trials WHERE behavior_session_id = 5 UNION ALL FROM trials", None),
        ("SELECT * FROM trials WHERE behavior_session_id = 5 OR hit", None),
        ("SELECT * FROM trials WHERE behavior_session_id = 5 ORDER BY (SELECT 1)", None),
        ("SELECT * FROM trials -- FROM licks WHERE behavior_session_id = 5", None),
        ("SELECT * FROM trials WHERE behavior_session_id = 5; SELECT 1", None),
        ("WITH trials AS (SELECT 1) SELECT * FROM trials WHERE behavior_session_id = 5", None),
    ],
)
def test_one_session_is_found_in_a_query_of_one_table(query: str, found: tuple[str, int] | None) -> None:
    assert find_single_session(query, ["trials", "licks"]) == found


def test_a_query_of_one_session_has_the_same_rows(cohort: Cohort, ids: list[int]) -> None:
    for name in cohort.tables:
        for number in [*ids, 5]:
            fast = cohort.sql(f"SELECT * FROM {name} WHERE behavior_session_id = {number} ORDER BY ALL")
            assert fast.equals(cohort.sql(f"SELECT * FROM {name} WHERE {number} = behavior_session_id ORDER BY ALL"))


def test_a_query_of_one_session_reports_errors_as_others(cohort: Cohort) -> None:
    with pytest.raises(BadValue, match='Referenced column "nothing" not found'):
        cohort.sql("SELECT nothing FROM trials WHERE behavior_session_id = 5")
    with pytest.raises(BadValue, match="expected one SELECT"):
        cohort.sql("SELECT hit FROM trials WHERE behavior_session_id = 5; DROP VIEW trials")
