"""Tests of the paths of files, and of files that releases share."""

from __future__ import annotations

import json
import os
import pathlib
import shutil

import pytest

from tests.faultserver import FaultServer
from tests.project.synthetic_release import (
    FILES,
    MANIFESTS,
    PROJECT,
    Bucket,
    cached_path,
    digest,
    make_bucket_tree,
    make_release,
    open_cache,
    read_files,
)
from visbehavior import NotCached, NotFound
from visbehavior import VisualBehaviorOphysProjectCache as Cache


def test_folder_has_allensdks_layout(cache: Cache, tmp_path: pathlib.Path, bucket: Bucket) -> None:
    cache.get_behavior_session_table()
    cache.get_behavior_session(11, download=True)
    files = {name: content for name, content in read_files(tmp_path).items() if not name.startswith("_visbehavior")}
    table = "project_metadata/behavior_session_table.csv"
    assert files == {
        "_manifest_last_used.txt": MANIFESTS[1].encode(),
        MANIFESTS[1]: (bucket.folder / PROJECT / "manifests" / MANIFESTS[1]).read_bytes(),
        f"{PROJECT}-1.1.0/{table}": bucket.versions[f"{PROJECT}/{table}"]["v1.0.1"].read_bytes(),
        f"{PROJECT}-1.1.0/behavior_sessions/behavior_session_11.nwb": bucket.content("1941"),
    }


def test_copy_of_the_bucket_is_opened(tmp_path: pathlib.Path) -> None:
    tree = make_bucket_tree(tmp_path)
    cache = Cache.from_local_cache(tree, use_static_cache=True)
    assert len(cache.get_behavior_session(11).trials)
    with pytest.raises(NotFound, match="use_static_cache=True"):
        Cache.from_local_cache(tree)


def test_folder_without_a_release_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="There is no folder"):
        Cache.from_local_cache(tmp_path / "none")
    with pytest.raises(NotFound, match="There is no manifest"):
        Cache.from_local_cache(tmp_path)
    assert os.listdir(tmp_path) == []


def test_missing_files_are_an_error_without_a_bucket(tmp_path: pathlib.Path) -> None:
    cache = Cache.from_local_cache(make_release(tmp_path, missing=("0", "1", "1942")))
    with pytest.raises(NotCached, match=r"behavior_session_13\.nwb is not in .*, or download https://"):
        cache.get_behavior_session(13)
    with pytest.raises(NotCached, match=r"behavior_ophys_experiment_21\.nwb"):
        cache.get_behavior_session(12)
    (tmp_path / f"{PROJECT}-1.1.0" / "project_metadata" / "ophys_cells_table.csv").unlink()
    with pytest.raises(NotCached, match=r"ophys_cells_table\.csv is not in "):
        cache.get_ophys_cells_table()


def test_file_of_another_release_with_the_same_hash_is_used(server: FaultServer, tmp_path: pathlib.Path) -> None:
    cache = open_cache(tmp_path, server, version="1.0.1")
    cache.download(11)
    cache.load_latest_manifest()
    cache.get_behavior_session_table()
    server.reset()
    assert cache.download(11) == [cached_path(tmp_path, "1941", "1.0.1")]
    assert server.requests == []


def test_partial_file_of_another_release_with_the_same_hash_is_used(
    server: FaultServer, tmp_path: pathlib.Path
) -> None:
    cache = open_cache(tmp_path, server, version="1.0.1")
    cache.get_behavior_session(11).get_performance_metrics()
    cache.load_latest_manifest()
    cache.get_behavior_session_table()
    server.reset()
    cache.get_behavior_session(11).get_performance_metrics()
    assert server.requests == []


def test_file_recorded_by_allensdk_is_used_after_the_folder_was_moved(
    server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path
) -> None:
    open_cache(tmp_path, server, version="1.0.1").download(11)
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path, moved)
    (moved / MANIFESTS[0]).unlink()
    for record in moved.glob("_visbehavior*"):
        record.unlink()
    windows_path = f"C:\\Users\\me\\data\\{PROJECT}-1.0.1\\{FILES['1941'][0]}".replace("/", "\\")
    (moved / "_downloaded_data.json").write_text(json.dumps({windows_path: digest(bucket.content("1941"))}))
    cache = open_cache(moved, server, version="1.1.0")
    cache.get_behavior_session_table()
    server.reset()
    assert cache.get_behavior_session(11).source.location == str(cached_path(moved, "1941", "1.0.1"))
    assert server.requests == []


def test_allensdks_record_is_written(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    cache.download(11)
    cache.construct_local_manifest()
    record = json.loads((tmp_path / "_downloaded_data.json").read_text())
    assert record[str(cached_path(tmp_path, "1941"))] == digest(bucket.content("1941"))
    assert all(pathlib.Path(path).is_file() for path in record)
