from __future__ import annotations

import pathlib
import shutil

import pytest

from visbehavior import CorruptFile, VisualBehaviorOphysProjectCache, check_cohort
from visbehavior.cohort import build, check
from visbehavior.cohort.session_rows import read_session_rows

Cache = VisualBehaviorOphysProjectCache


@pytest.fixture
def copied(store: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return shutil.copytree(store, tmp_path / "copied")


def test_a_store_equals_its_files(cache: Cache, store: pathlib.Path, ids: list[int]) -> None:
    result = check_cohort(cache, store)
    assert result.index.tolist() == ids
    assert set(result["result"]) == {"equal"}


def test_the_sample_is_random_and_repeatable(cache: Cache, store: pathlib.Path) -> None:
    samples = [check_cohort(cache, store, sessions=2, seed=seed).index.tolist() for seed in (0, 0, 1)]
    assert samples[0] == samples[1] != samples[2]


def test_one_changed_value_is_found(cache: Cache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = cache.get_behavior_session_table()
    number = sessions.index[sessions["session_type"] == "OPHYS_1_images_A"][0]

    def change(*arguments: object) -> object:
        rows, values = read_session_rows(*arguments)  # type: ignore[arg-type]
        if rows["licks"]["behavior_session_id"].eq(number).any():
            rows["licks"].loc[0, "timestamps"] += 1e-9
            values["dprime"] = 5.0
        return rows, values

    monkeypatch.setattr(build, "read_session_rows", change)
    build.build_cohort(cache, tmp_path / "store", tables=["licks", "trials"])
    result = check_cohort(cache, tmp_path / "store")["result"]
    assert result.pop(number) == "different: licks, sessions"
    assert set(result) == {"equal"}


def test_unreadable_files_are_reported(cache: Cache, store: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> object:
        raise CorruptFile("the file is truncated")

    monkeypatch.setattr(check, "read_session_rows", fail)
    assert set(check_cohort(cache, store)["result"]) == {"the file is truncated"}


def test_damaged_stores_are_reported(cache: Cache, copied: pathlib.Path) -> None:
    records = copied / "records.txt"
    content = records.read_bytes()
    records.write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptFile, match=r"records\.txt is damaged"):
        check_cohort(cache, copied)
    records.write_bytes(content)
    part = next((copied / "licks").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptFile, match=r"has 1 damaged or missing part, such as licks"):
        check_cohort(cache, copied)
