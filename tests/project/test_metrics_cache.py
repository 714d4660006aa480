"""Tests of the table of performance metrics and of the metrics cache."""

from __future__ import annotations

import pathlib
import shutil
import threading
from typing import Any

import pandas as pd
import pytest

import visbehavior
from tests.faultserver import FaultServer
from tests.project.synthetic_release import Bucket, open_cache, open_original
from visbehavior import NotFound
from visbehavior import VisualBehaviorOphysProjectCache as Cache
from visbehavior.nwb.file import NwbFile
from visbehavior.project import metrics_cache
from visbehavior.project.metrics_cache import MetricsCache, compute_code_key


def test_performance_table_joins_metrics_and_is_stored(
    cache: Cache, server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path
) -> None:
    table = cache.get_performance_table([13, 11, 12])
    sessions = cache.get_behavior_session_table()
    assert table.index.tolist() == [13, 11, 12]
    assert table.index.name == "behavior_session_id"
    for number, file_id in ((13, "1942"), (11, "1941"), (12, "0")):
        original = open_original(bucket, file_id)
        metrics = original.get_performance_metrics() | original.get_session_rates()
        kept = [name for name in sessions if name not in metrics]
        assert list(table) == [*kept, "day", "stage", *metrics]
        assert table.loc[number, list(metrics)].to_dict() == pytest.approx(metrics, nan_ok=True)
        assert table.loc[number, "mouse_id"] == sessions.loc[number, "mouse_id"]
    server.reset()
    again = open_cache(tmp_path, server, version="1.1.0").get_performance_table([13, 11, 12])
    pd.testing.assert_frame_equal(table, again)
    assert server.requests == []


def test_streamed_sessions_are_read_in_the_calling_thread(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    read = NwbFile._run

    def recorded(*arguments: Any) -> bool:
        threads.add(threading.current_thread())
        return read(*arguments)

    monkeypatch.setattr(NwbFile, "_run", recorded)
    assert len(cache.get_performance_table([13, 11, 12])) == 3
    assert len(cache.get_trials([13, 11, 12]).index.unique(0)) == 3
    assert threads == {threading.current_thread()}


def test_performance_table_of_no_sessions_has_the_same_columns(cache: Cache) -> None:
    table, empty = cache.get_performance_table([11]), cache.get_performance_table(())
    assert (len(empty), list(empty)) == (0, list(table))
    assert (empty.dtypes == table.dtypes)["trial_count"]


def test_failed_sessions_are_collected_or_raised(cache: Cache) -> None:
    failures: dict[int, Exception] = {}
    table = cache.get_performance_table([14, 11, 99], failures=failures)  # type: ignore[arg-type]
    assert table.index.tolist() == [11]
    assert set(failures) == {14, 99}
    with pytest.raises(NotFound, match="has no file for behavior session 14"):
        cache.get_performance_table()


def test_other_code_or_threshold_computes_again(
    cache: Cache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "_visbehavior_performance.txt"
    cache.get_performance_table(11)
    size = record.stat().st_size
    cache.get_performance_table(11)
    assert record.stat().st_size == size
    cache.get_performance_table(11, 0.5)
    assert record.stat().st_size > size
    size = record.stat().st_size
    monkeypatch.setattr(metrics_cache, "running_code_key", lambda: "other")
    cache.get_performance_table(11)
    assert record.stat().st_size > size


def test_metrics_are_stored_by_code_and_threshold(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MetricsCache(tmp_path, 2.0).add("hash", {"trial_count": 3})
    assert MetricsCache(tmp_path, 2.0).get("hash") == {"trial_count": 3}
    assert MetricsCache(tmp_path, 1.0).get("hash") is None
    monkeypatch.setattr(metrics_cache, "running_code_key", lambda: "other")
    assert MetricsCache(tmp_path, 2.0).get("hash") is None


@pytest.fixture
def package_copy(tmp_path: pathlib.Path) -> pathlib.Path:
    assert visbehavior.__file__ is not None
    return shutil.copytree(pathlib.Path(visbehavior.__file__).parent, tmp_path / "visbehavior")


def test_code_key_does_not_depend_on_the_folder(package_copy: pathlib.Path) -> None:
    assert compute_code_key(package_copy) == metrics_cache.running_code_key()


@pytest.mark.parametrize("module", ["schema/session.py", "analysis/performance.py", "nwb/reader.py", "store/source.py"])
def test_changed_declaration_or_code_changes_the_code_key(package_copy: pathlib.Path, module: str) -> None:
    key = compute_code_key(package_copy)
    path = package_copy / module
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("float64", "float32") if module.startswith("schema") else f"{text}\n", encoding="utf-8"
    )
    assert path.read_text(encoding="utf-8") != text
    assert compute_code_key(package_copy) != key
    path.write_text(text, encoding="utf-8")
    assert compute_code_key(package_copy) == key


def test_new_and_renamed_modules_change_the_code_key(package_copy: pathlib.Path) -> None:
    keys = [compute_code_key(package_copy)]
    (package_copy / "schema" / "new.py").touch()
    keys.append(compute_code_key(package_copy))
    (package_copy / "schema" / "new.py").rename(package_copy / "schema" / "renamed.py")
    keys.append(compute_code_key(package_copy))
    assert len(set(keys)) == 3


@pytest.mark.parametrize("library", ["numpy", "pandas", "h5py"])
def test_another_version_of_a_library_changes_the_code_key(
    package_copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    key = compute_code_key(package_copy)
    monkeypatch.setattr(f"{library}.__version__", "0")
    assert compute_code_key(package_copy) != key
