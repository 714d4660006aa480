"""Tests of verifying and repairing the files of a cache."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from tests.project.synthetic_release import Bucket, cached_path, open_offline
from visbehavior import VisualBehaviorOphysProjectCache as Cache


def test_damaged_and_partial_files_are_found_and_repaired(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session_table()
    cache.download([11, 12])
    cache.get_behavior_session(13).get_performance_metrics()
    path = cached_path(tmp_path, "1941")
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    states = cache.verify()["state"]
    assert {name.rpartition("/")[2]: state for name, state in states.items()} == {
        "behavior_session_table.csv": "complete",
        "ophys_experiment_table.csv": "complete",
        "behavior_session_11.nwb": "damaged",
        "behavior_session_13.nwb": "partial",
        "behavior_ophys_experiment_21.nwb": "complete",
    }
    repaired = cache.verify(repair=True)["state"]
    assert sorted(repaired) == ["complete", "complete", "complete", "repaired", "repaired"]
    assert (cache.verify()["state"] == "complete").all()
    assert path.read_bytes() == bucket.content("1941")
    assert cached_path(tmp_path, "1942").read_bytes() == bucket.content("1942")


def test_partial_file_cannot_be_repaired_offline(cache: Cache, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session(13).get_performance_metrics()
    table = open_offline(tmp_path, version="1.1.0").verify(repair=True)
    assert table["state"].str.contains("not repaired: .*cannot be reached").sum() == 1
    assert len(Cache.from_local_cache(tmp_path).verify()) == len(table)


def test_empty_cache_has_no_files(cache: Cache) -> None:
    table = cache.verify()
    assert len(table) == 0
    assert not table["state"].str.startswith("not").any()


def test_partial_file_cannot_be_repaired_on_a_full_disk(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.get_behavior_session(13).get_performance_metrics()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    states = cache.verify(repair=True)["state"]
    assert states.str.match(r"not repaired: 1 file needs .* MB more in .*, and its disk has 0\.0 MB free").sum() == 1
    assert (states == "complete").sum() == len(states) - 1
