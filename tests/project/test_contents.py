"""The files in a cache folder, and their removal."""

from __future__ import annotations

import pathlib

import pytest

from tests.faultserver import FaultServer
from tests.project.synthetic_release import PROJECT, open_cache
from visbehavior import BadValue
from visbehavior import VisualBehaviorOphysProjectCache as Cache


def test_listed_files_are_those_on_disk(cache: Cache) -> None:
    cache.get_behavior_session(13, download=True)
    _ = cache.get_behavior_session(11).trials
    contents = cache.list_cached_files()
    for relative, row in contents.iterrows():
        path = cache.cache_dir / str(relative)
        assert path.exists() == (row["state"] == "complete")
        if path.exists():
            assert row["size"] == path.stat().st_size
    states = contents["state"]
    assert states.filter(like="session_13").tolist() == ["complete"]
    assert states.filter(like="session_11").tolist() == ["partial"]


def test_other_releases_are_removed_and_the_current_one_kept(
    cache: Cache, server: FaultServer, tmp_path: pathlib.Path
) -> None:
    cache.get_behavior_session(13, download=True)
    older = open_cache(tmp_path, server, version="1.0.1")
    older.get_ophys_session_table()
    removed = cache.prune(other_releases=True, dry_run=True)
    assert len(removed) > 0
    assert (removed["release"] == "1.0.1").all()
    assert all((cache.cache_dir / str(path)).exists() for path in removed.index)
    cache.prune(other_releases=True)
    left = cache.list_cached_files()
    assert (left["release"] == "1.1.0").all()
    assert left.index.str.contains("behavior_session_13").any()
    assert older.get_ophys_session_table().index.tolist() == [31]


def test_nothing_of_a_copy_of_a_bucket_is_removed(tmp_path: pathlib.Path) -> None:
    from tests.project.synthetic_release import make_bucket_tree

    bucket = make_bucket_tree(tmp_path)
    static = Cache.from_local_cache(bucket, use_static_cache=True)
    before = sorted(bucket.rglob("*"))
    with pytest.raises(BadValue, match="is a copy of a bucket, of which nothing is removed"):
        static.prune(partial=True)
    assert sorted(bucket.rglob("*")) == before
    assert PROJECT in str(static.list_cached_files().index[0])
