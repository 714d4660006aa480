"""Tests of the performance metrics of many files."""

from __future__ import annotations

import pathlib

import pytest

from tests.nwbfiles import write_session
from tests.synthetic_session import make_session
from visbehavior import BehaviorSession, CorruptFile, NotFound, compute_performance_table


def test_rows_are_in_the_order_of_the_files(tmp_path: pathlib.Path) -> None:
    paths = [write_session(tmp_path / f"{i}.nwb", make_session(i).replace(behavior_session_id=i)) for i in (5, 3)]
    table = compute_performance_table(paths)
    assert list(table.index) == [5, 3]
    assert table.index.name == "behavior_session_id"
    metrics = BehaviorSession.from_nwb_path(paths[1]).get_performance_metrics()
    assert table.loc[3, list(metrics)].to_dict() == pytest.approx(metrics, abs=0, rel=0, nan_ok=True)
    assert list(table)[:3] == ["mouse_id", "session_type", "date_of_acquisition"]
    assert compute_performance_table(paths, allensdk_version="2.10")["mouse_id"].tolist() == [457841, 457841]


def test_failures_are_raised_or_collected(tmp_path: pathlib.Path) -> None:
    good = write_session(tmp_path / "good.nwb", make_session())
    (tmp_path / "empty.nwb").touch()
    paths = [tmp_path / "none.nwb", good, tmp_path / "empty.nwb"]
    with pytest.raises(NotFound):
        compute_performance_table(paths)
    failures: dict[str, Exception] = {}
    assert len(compute_performance_table(paths, failures=failures)) == 1
    assert {pathlib.Path(path).name: type(error) for path, error in failures.items()} == {
        "none.nwb": NotFound,
        "empty.nwb": CorruptFile,
    }


def test_no_files_give_an_empty_table() -> None:
    table = compute_performance_table([])
    assert table.empty
    assert table.index.name == "behavior_session_id"
