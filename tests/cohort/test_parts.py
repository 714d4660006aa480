from __future__ import annotations

import pathlib
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visbehavior import CannotWrite
from visbehavior.cohort import parts
from visbehavior.cohort.parts import plan_parts, write_rows
from visbehavior.cohort.store import Description, Part
from visbehavior.schema.cohort import stored_columns

TABLES = ("licks",)
IDS = st.sets(st.integers(0, 1000), max_size=150)


def record(number: int, content: str = "a") -> dict[str, Any]:
    return {"id": number, "hashes": {"licks": content}, "values": {}}


def describe(planned: list[parts.PlannedPart]) -> Description:
    return Description(TABLES, tuple(Part(part.key, part.ids, {}) for part in planned))


@given(IDS, IDS)
def test_each_session_is_in_one_part_in_order(first: set[int], added: set[int]) -> None:
    planned = plan_parts({number: record(number) for number in first}, first, None, TABLES)
    both = first | added
    planned = plan_parts({number: record(number) for number in both}, added, describe(planned), TABLES)
    assert [number for part in planned for number in part.ids] == sorted(both)
    assert all(2 * len(part.ids) <= 3 * parts.SESSIONS_PER_PART for part in planned)
    assert {number for part in planned for number in part.earlier} == first - added


@given(IDS, IDS)
def test_parts_without_new_sessions_keep_their_key(first: set[int], added: set[int]) -> None:
    before = plan_parts({number: record(number) for number in first}, first, None, TABLES)
    both = {number: record(number) for number in first | added}
    after = {part.ids: part.key for part in plan_parts(both, added, describe(before), TABLES)}
    assert all(after[part.ids] == part.key for part in before if part.ids in after)


def test_changed_rows_change_the_key() -> None:
    keys = {plan_parts({1: record(1, content)}, [1], None, TABLES)[0].key for content in "ab"}
    assert len(keys) == 2


def test_failed_writes_leave_nothing(tmp_path: pathlib.Path) -> None:
    columns = stored_columns("licks", TABLES)
    frame = pd.DataFrame({column.name: ["x"] for column in columns})
    with pytest.raises(CannotWrite, match="Could not convert"):
        write_rows(tmp_path / "x.parquet", columns, [frame])
    assert not list(tmp_path.iterdir())


def test_files_have_the_same_bytes_for_the_same_rows(tmp_path: pathlib.Path) -> None:
    columns = stored_columns("licks", TABLES)
    frame = pd.DataFrame({column.name: [1.0, 2.0] for column in columns})
    for name in ("a", "b"):
        write_rows(tmp_path / name, columns, [frame.iloc[:1], frame.iloc[1:]])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
