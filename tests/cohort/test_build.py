from __future__ import annotations

import contextlib
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pandas as pd
import pytest
from filelock import FileLock

from tests.project.synthetic_release import read_files
from visbehavior import (
    BadValue,
    CorruptFile,
    DiskFull,
    NotFound,
    VisualBehaviorOphysProjectCache,
    build_cohort,
    open_cohort,
)
from visbehavior.cohort import build, parts
from visbehavior.cohort.staging import read_staged_records
from visbehavior.cohort.store import STAGING
from visbehavior.project.manifest import PROJECT
from visbehavior.publish.serve import serve_bucket
from visbehavior.store.locks import BUILD_LOCK

Cache = VisualBehaviorOphysProjectCache


@pytest.fixture
def own_release(release_folder: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the release, to which a test may write."""
    return shutil.copytree(release_folder, tmp_path / "bucket")


@pytest.fixture
def session_paths(own_release: pathlib.Path) -> list[pathlib.Path]:
    """Files of its sessions, sorted by id."""
    paths = (own_release / PROJECT / "behavior_sessions").glob("*.nwb")
    return sorted(paths, key=lambda path: int(path.stem.rpartition("_")[2]))


def open_release(folder: pathlib.Path) -> Cache:
    return Cache.from_local_cache(folder, use_static_cache=True)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the location of each session that is read is added."""
    read: list[str] = []
    original = build.read_session_rows

    def record(reader: object, *arguments: object) -> object:
        read.append(reader.location)  # type: ignore[attr-defined]
        return original(reader, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "read_session_rows", record)
    return read


def test_downloaded_and_streamed_sessions_are_built_together(
    release_folder: pathlib.Path,
    ids: list[int],
    store: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = count_reads(monkeypatch)
    with serve_bucket(release_folder) as endpoint:
        remote = Cache.from_s3_cache(tmp_path / "cache", endpoint=endpoint)
        downloaded = ids[1::2]
        for number in downloaded:
            remote.download(number)
        status = build_cohort(remote, tmp_path / "store")
    assert status["status"].tolist() == ["done"] * 6
    assert sum(location.startswith("http") for location in read) == len(ids) - len(downloaded)
    with open_cohort(tmp_path / "store") as found, open_cohort(store) as expected:
        assert found.table("trials").equals(expected.table("trials"))


def test_a_second_build_reads_nothing(cache: Cache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_cohort(cache, tmp_path / "store")
    before = read_files(tmp_path / "store")
    read = count_reads(monkeypatch)
    second = build_cohort(cache, tmp_path / "store")
    assert first["status"].tolist() == ["done"] * 6
    assert second["status"].tolist() == ["unchanged"] * 6
    assert not read
    parquet = {path: content for path, content in before.items() if path.endswith((".parquet", ".footers"))}
    assert parquet.items() <= read_files(tmp_path / "store").items()


def test_nothing_is_left_besides_the_store(cache: Cache, tmp_path: pathlib.Path) -> None:
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    names = {path.split("/")[0] for path in read_files(tmp_path / "store")}
    assert names <= {"cohort.json", "records.txt", "sessions", "licks", BUILD_LOCK}


def test_sessions_are_added_in_any_order_with_the_same_digest(
    cache: Cache, ids: list[int], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_cohort(cache, tmp_path / "all", tables=["licks"])
    monkeypatch.setattr(parts, "SESSIONS_PER_PART", 1)
    for number in [ids[3], ids[0], ids[5], ids[1], ids[4], ids[2]]:
        build_cohort(cache, tmp_path / "one by one", number, tables=["licks"])
    one, other = open_cohort(tmp_path / "all"), open_cohort(tmp_path / "one by one")
    assert one.digest == other.digest
    assert len(other._description.parts) > 2
    pd.testing.assert_frame_equal(one.table("licks"), other.table("licks"))
    pd.testing.assert_frame_equal(one.table("sessions"), other.table("sessions"))


def test_a_new_session_changes_one_part(
    cache: Cache, ids: list[int], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SESSIONS_PER_PART", 2)
    build_cohort(cache, tmp_path / "store", ids[:5], tables=["licks"])
    before = {part.key for part in open_cohort(tmp_path / "store")._description.parts}
    build_cohort(cache, tmp_path / "store", ids[5], tables=["licks"])
    after = {part.key for part in open_cohort(tmp_path / "store")._description.parts}
    assert len(before) == len(after) == 3
    assert len(before & after) == 2


def test_a_changed_file_is_read_again(
    own_release: pathlib.Path, session_paths: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    build_cohort(open_release(own_release), tmp_path / "store", tables=["licks"])
    stat = session_paths[1].stat()
    os.utime(session_paths[1], ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    status = build_cohort(open_release(own_release), tmp_path / "store", tables=["licks"])
    assert status["status"].tolist() == ["unchanged", "done", *["unchanged"] * 4]


def test_changed_code_reads_all_again(cache: Cache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    monkeypatch.setattr(build, "running_code_key", lambda: "other")
    assert set(build_cohort(cache, tmp_path / "store", tables=["licks"])["status"]) == {"done"}


def test_a_damaged_file_stops_no_other(
    own_release: pathlib.Path, session_paths: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    content = session_paths[2].read_bytes()
    session_paths[2].write_bytes(content[: len(content) // 2])
    session_paths[4].unlink()
    status = build_cohort(open_release(own_release), tmp_path / "store", tables=["licks"])
    assert status["status"].tolist() == ["done", "done", "failed", "done", "failed", "done"]
    assert "truncated" in status["error"].iloc[2]
    assert open_cohort(tmp_path / "store").count("sessions") == 4
    session_paths[2].write_bytes(content)
    status = build_cohort(open_release(own_release), tmp_path / "store", tables=["licks"])
    assert status["status"].tolist() == ["unchanged", "unchanged", "done", "unchanged", "failed", "unchanged"]
    assert open_cohort(tmp_path / "store").count("sessions") == 5


def test_a_damaged_file_keeps_no_old_rows(
    own_release: pathlib.Path, session_paths: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    build_cohort(open_release(own_release), tmp_path / "store", tables=["licks"])
    session_paths[0].write_bytes(session_paths[0].read_bytes()[:-1000])
    status = build_cohort(open_release(own_release), tmp_path / "store", tables=["licks"])
    assert status["status"].tolist() == ["failed", *["unchanged"] * 5]
    assert open_cohort(tmp_path / "store").count("sessions") == 5


def test_sessions_that_the_release_lacks_are_removed(
    cache: Cache, ids: list[int], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    select = build._select_files
    monkeypatch.setattr(build, "_select_files", lambda release, numbers: select(release, numbers or ids[1:]))
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    cohort = open_cohort(tmp_path / "store")
    assert cohort.table("sessions", "behavior_session_id")["behavior_session_id"].tolist() == ids[1:]
    assert set(cohort.table("licks")["behavior_session_id"]) <= set(ids[1:])


BUILD = """
import os, sys
from visbehavior import VisualBehaviorOphysProjectCache, build_cohort
from visbehavior.cohort import {module}

original, calls = {module}.{function}, []

def stop(*arguments, **options):
    calls.append(arguments)
    if len(calls) == {call}:
        os._exit(7)
    return original(*arguments, **options)

{module}.{function} = stop
cache = VisualBehaviorOphysProjectCache.from_local_cache(sys.argv[1], use_static_cache=True)
build_cohort(cache, sys.argv[2], tables=["licks", "trials"])
"""


@pytest.mark.parametrize(
    ("module", "function", "call", "unchanged"),
    [
        ("build", "write_staged", 4, 3),
        ("merge", "write_part", 1, 6),
        ("parts", "write_rows", 2, 6),
        ("merge", "write_session_records", 1, 6),
        ("merge", "write_description", 1, 6),
        ("merge", "remove_staged", 1, 6),
    ],
)
def test_a_killed_build_continues(
    release_folder: pathlib.Path,
    cache: Cache,
    tmp_path: pathlib.Path,
    module: str,
    function: str,
    call: int,
    unchanged: int,
) -> None:
    code = BUILD.format(module=module, function=function, call=call)
    done = subprocess.run([sys.executable, "-c", code, release_folder, tmp_path / "store"], check=False)
    assert done.returncode == 7
    status = build_cohort(cache, tmp_path / "store", tables=["licks", "trials"])
    assert (status["status"] == "unchanged").sum() == unchanged
    build_cohort(cache, tmp_path / "other", tables=["licks", "trials"])
    one, other = open_cohort(tmp_path / "store"), open_cohort(tmp_path / "other")
    assert one.digest == other.digest
    pd.testing.assert_frame_equal(one.table("trials"), other.table("trials"))
    assert not list((tmp_path / "store" / STAGING).iterdir())


def test_shards_are_completed_by_a_build(cache: Cache, tmp_path: pathlib.Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        shards = list(
            pool.map(lambda i: build_cohort(cache, tmp_path / "store", tables=["licks"], shard=(i, 2)), (1, 2))
        )
    assert [len(status) for status in shards] == [3, 3]
    with pytest.raises(NotFound, match="There is no cohort"):
        open_cohort(tmp_path / "store")
    status = build_cohort(cache, tmp_path / "store", tables=["licks"])
    assert status["status"].tolist() == ["unchanged"] * 6
    assert open_cohort(tmp_path / "store").count("sessions") == 6


def test_two_builds_exclude_each_other(cache: Cache, tmp_path: pathlib.Path) -> None:
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    before = read_files(tmp_path / "store")
    with FileLock(str(tmp_path / "store" / BUILD_LOCK)), pytest.raises(BadValue, match="Another build is running in"):
        build_cohort(cache, tmp_path / "store", tables=["licks"])
    assert read_files(tmp_path / "store") == before


def test_a_full_disk_loses_nothing(cache: Cache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = build.write_staged
    written: list[object] = []

    def write(folder: pathlib.Path, record: dict[str, object], packed: object) -> None:
        if len(written) == 3:
            raise DiskFull("the disk is full")
        written.append(record["id"])
        original(folder, record, packed)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "write_staged", write)
    with pytest.raises(DiskFull):
        build_cohort(cache, tmp_path / "store", tables=["licks"])
    assert set(read_staged_records(tmp_path / "store")) == set(written)
    monkeypatch.setattr(build, "write_staged", original)
    assert build_cohort(cache, tmp_path / "store", tables=["licks"])["status"].tolist().count("unchanged") == 3


@pytest.mark.parametrize("damage", [lambda content: content[:-10], lambda content: content[:-10] + b"x" * 10])
def test_damaged_staged_rows_are_read_again(
    cache: Cache, ids: list[int], tmp_path: pathlib.Path, damage: Callable[[bytes], bytes]
) -> None:
    build_cohort(cache, tmp_path / "store", tables=["licks"], shard=(1, 1))
    path = tmp_path / "store" / STAGING / f"{ids[1]}.session"
    path.write_bytes(damage(path.read_bytes()))
    with contextlib.suppress(CorruptFile):
        build_cohort(cache, tmp_path / "store", tables=["licks"])
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    build_cohort(cache, tmp_path / "other", tables=["licks"])
    assert open_cohort(tmp_path / "store").digest == open_cohort(tmp_path / "other").digest


def test_a_missing_part_is_written_again(cache: Cache, tmp_path: pathlib.Path) -> None:
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    next((tmp_path / "store" / "licks").glob("*.parquet")).unlink()
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    build_cohort(cache, tmp_path / "other", tables=["licks"])
    pd.testing.assert_frame_equal(
        open_cohort(tmp_path / "store").table("licks"), open_cohort(tmp_path / "other").table("licks")
    )


def test_other_folders_are_not_used(cache: Cache, tmp_path: pathlib.Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(BadValue, match="contains no cohort"):
        build_cohort(cache, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_other_tables_need_all_sessions(cache: Cache, ids: list[int], tmp_path: pathlib.Path) -> None:
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    with pytest.raises(BadValue, match="have other tables: licks"):
        build_cohort(cache, tmp_path / "store", ids[0], tables=["trials"])
    assert open_cohort(tmp_path / "store").tables == ("sessions", "licks")
    build_cohort(cache, tmp_path / "store", tables=["trials"])
    assert open_cohort(tmp_path / "store").tables == ("sessions", "trials")


def test_unknown_sessions_are_not_found(cache: Cache, tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="no behavior session 5"):
        build_cohort(cache, tmp_path / "store", 5)


def test_the_cache_builds_a_store(cache: Cache, ids: list[int], tmp_path: pathlib.Path) -> None:
    cache.build_cohort(tmp_path / "store", ids[:1], tables=["licks"])
    assert open_cohort(tmp_path / "store").count("sessions") == 1


def test_a_store_has_sessions_of_several_data_sets(
    cache: Cache, ids: list[int], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        project = replace(cache._data_set.project, name="another-data-set")
        patch.setattr(cache, "_data_set", replace(cache._data_set, project=project))
        build_cohort(cache, tmp_path / "store", ids[::2], tables=["licks"])
    select = build._select_files
    monkeypatch.setattr(build, "_select_files", lambda release, numbers: select(release, numbers or ids[1::2]))
    build_cohort(cache, tmp_path / "store", tables=["licks"])
    build_cohort(cache, tmp_path / "one", ids, tables=["licks"])
    several, one = open_cohort(tmp_path / "store").table("sessions"), open_cohort(tmp_path / "one").table("sessions")
    assert several["dataset"].tolist() == ["another-data-set", "visual-behavior-ophys"] * 3
    pd.testing.assert_frame_equal(several.drop(columns="dataset"), one.drop(columns="dataset"))


def test_calls_of_workers_are_small(cache: Cache, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = build.stage_sessions

    def record(*arguments: object) -> object:
        sizes.append(len(pickle.dumps(arguments)))
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "stage_sessions", record)
    with ThreadPoolExecutor(1) as executor:
        build_cohort(cache, tmp_path / "store", tables=["licks"], executor=executor)
    assert max(sizes) < 8_000


def test_a_cohort_that_was_built_again_is_opened_again(cache: Cache, ids: list[int], tmp_path: pathlib.Path) -> None:
    build_cohort(cache, tmp_path / "store", ids[:1], tables=["licks"])
    with open_cohort(tmp_path / "store") as cohort:
        cohort.table("licks")
        build_cohort(cache, tmp_path / "store", ids[1:2], tables=["licks"])
        with pytest.raises(CorruptFile, match="open it again"):
            cohort.table("licks", where="true")
    assert open_cohort(tmp_path / "store").count("sessions") == 2
