"""Tests of listing, choosing, reading and fetching manifests."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from tests.faultserver import Fault, FaultServer
from tests.project.synthetic_release import (
    MANIFESTS,
    PROJECT,
    UNREACHABLE,
    Bucket,
    cached_path,
    digest,
    make_release,
    open_cache,
    open_offline,
)
from visbehavior import (
    BadValue,
    CannotWrite,
    NotCached,
    NotFound,
    VisBehaviorWarning,
)
from visbehavior import (
    VisualBehaviorOphysProjectCache as Cache,
)


def test_releases_in_a_folder(tmp_path: pathlib.Path) -> None:
    for version in ("1.0.1", "1.10.0", "1.9.0"):
        make_release(tmp_path, version, missing=("0", "1", "1942"))
    cache = Cache.from_local_cache(tmp_path)
    names = [f"{PROJECT}_project_manifest_v{version}.json" for version in ("1.0.1", "1.9.0", "1.10.0")]
    assert cache.list_all_downloaded_manifests() == cache.list_manifest_file_names() == names
    assert (
        cache.current_manifest() == cache.latest_manifest_file() == cache.latest_downloaded_manifest_file() == names[2]
    )
    cache.load_manifest(names[0])
    assert cache.get_behavior_session(11).source.release == "1.0.1"
    cache.load_latest_manifest()
    assert cache.current_manifest() == names[2]
    assert "3 files changed" in cache.compare_manifests(names[0], names[1])
    assert Cache.from_local_cache(tmp_path, version="1.9.0").current_manifest() == names[1]
    with pytest.raises(NotCached, match=r"v2\.0\.0\.json is not in .*; there are .*v1\.0\.1\.json"):
        Cache.from_local_cache(tmp_path, version="2.0.0")
    (tmp_path / "_manifest_last_used.txt").write_text(names[0] + "\n")
    assert Cache.from_local_cache(tmp_path).current_manifest() == names[0]


def test_releases_are_kept_side_by_side(server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    cache = open_cache(tmp_path, server, version="1.0.1")
    assert cache.list_manifest_file_names() == MANIFESTS
    assert cache.list_all_downloaded_manifests() == MANIFESTS[:1]
    with pytest.raises(NotFound, match=r"Release 1\.0\.1 has no ophys_cells_table"):
        cache.get_ophys_cells_table()
    older = cache.get_behavior_session(13, download=True)
    assert cached_path(tmp_path, "1942", "1.0.1").read_bytes() == bucket.content("1942", "1.0.1")
    cache.load_latest_manifest()
    assert cache.current_manifest() == MANIFESTS[1]
    newer = cache.get_behavior_session(13, download=True)
    assert (older.source.release, newer.source.release) == ("1.0.1", "1.1.0")
    assert newer.source.file_hash == digest(bucket.content("1942"))
    assert "1 file changed:\n  behavior_sessions/behavior_session_13.nwb" in cache.compare_manifests(*MANIFESTS)


def test_last_used_release_is_opened_with_a_warning(server: FaultServer, tmp_path: pathlib.Path) -> None:
    open_cache(tmp_path, server, version="1.0.1")
    with pytest.warns(
        VisBehaviorWarning, match=r"was last used with release 1\.0\.1, which is opened again; the newest is 1\.1\.0"
    ):
        assert open_cache(tmp_path, server).current_manifest() == MANIFESTS[0]


def manifest_requests(server: FaultServer) -> list[str]:
    return [request.key.rpartition("/")[2] for request in server.requests if "/manifests/" in request.key]


def test_newest_known_manifest_is_fetched_while_the_bucket_is_listed(
    server: FaultServer, tmp_path: pathlib.Path
) -> None:
    server.reset()
    open_cache(tmp_path / "first", server)
    assert manifest_requests(server) == MANIFESTS[1:]
    server.reset()
    open_cache(tmp_path / "first", server)
    open_cache(tmp_path / "other", server, version="1.0.1")
    assert manifest_requests(server) == MANIFESTS[:1]


def test_manifest_that_could_not_be_fetched_early_is_fetched_later(server: FaultServer, tmp_path: pathlib.Path) -> None:
    server.reset()
    server.faults = [Fault("403", f"*/{MANIFESTS[1]}")]
    assert open_cache(tmp_path, server).current_manifest() == MANIFESTS[1]
    assert manifest_requests(server) == 2 * MANIFESTS[1:]


def test_release_that_is_newer_than_the_known_ones_is_opened(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(bucket.folder, tmp_path / "bucket")
    newer = MANIFESTS[1].replace("1.1.0", "1.2.0")
    manifests = folder / PROJECT / "manifests"
    (manifests / newer).write_text((manifests / MANIFESTS[1]).read_text().replace('"1.1.0"', '"1.2.0"'))
    with FaultServer(folder) as server:
        assert open_cache(tmp_path / "cache", server).current_manifest() == newer
        assert sorted(manifest_requests(server)) == [MANIFESTS[1], newer]


def test_unknown_releases_are_an_error(server: FaultServer, tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"has no .*_v9\.9\.9\.json; there are .*v1\.0\.1\.json, .*v1\.1\.0\.json"):
        open_cache(tmp_path, server, version="9.9.9")
    with pytest.raises(BadValue, match=r"'newest' is not a manifest name"):
        open_cache(tmp_path, server).load_manifest("newest")
    with pytest.raises(BadValue, match=r"version is 'v1\.1\.0'; expected a release such as '1\.1\.0'"):
        open_cache(tmp_path, server, version="v1.1.0")


def test_given_release_needs_no_network(server: FaultServer, tmp_path: pathlib.Path) -> None:
    open_cache(tmp_path, server)
    assert open_offline(tmp_path, version="1.1.0").current_manifest() == MANIFESTS[1]


def test_empty_cache_offline_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotCached, match=r"There is no release in .*, and the bucket could not be listed"):
        open_offline(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_newer_releases_cannot_be_looked_up_offline(server: FaultServer, tmp_path: pathlib.Path) -> None:
    open_cache(tmp_path, server)
    with pytest.warns(VisBehaviorWarning, match="Newer releases could not be looked up") as warnings:
        cache = Cache.from_s3_cache(tmp_path, endpoint=UNREACHABLE)
    assert [warning.filename for warning in warnings] == [__file__]
    assert cache.current_manifest() == MANIFESTS[1]


def test_release_that_is_not_cached_is_an_error_offline(cache: Cache, tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        NotCached, match=r"v1\.0\.1\.json is missing or damaged in .*, and .* cannot be reached.*v1\.1\.0\.json"
    ):
        open_offline(tmp_path, version="1.0.1")
    offline = open_offline(tmp_path, version="1.1.0")
    with pytest.raises(NotCached, match="choose a cached release"):
        offline.load_manifest(MANIFESTS[0])


def test_damaged_manifest_of_another_release_is_ignored(cache: Cache, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session(11, download=True)
    (tmp_path / MANIFESTS[0]).write_text("{")
    assert len(open_offline(tmp_path, version="1.1.0").get_behavior_session(11).licks)


def test_damaged_manifest_in_the_bucket_is_an_error(
    server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path
) -> None:
    content = (bucket.folder / PROJECT / "manifests" / MANIFESTS[1]).read_text()
    for damaged in (content[:500], "[]", content.replace("/behavior_sessions/", "/../../../")):
        (tmp_path / "damaged.json").write_text(damaged)
        key = f"{PROJECT}/manifests/{MANIFESTS[1]}"
        server.versions = {**bucket.versions, key: {"x": tmp_path / "damaged.json"}}
        with pytest.raises(BadValue, match="is not a manifest"):
            open_cache(tmp_path / "cache", server)
        assert not (tmp_path / "cache").exists()


def test_truncated_manifest_in_the_cache_is_fetched_again(
    cache: Cache, server: FaultServer, tmp_path: pathlib.Path
) -> None:
    (tmp_path / MANIFESTS[1]).write_text("{")
    assert len(open_cache(tmp_path, server).get_behavior_session_table()) == 4
    (tmp_path / MANIFESTS[1]).write_text("{")
    with pytest.raises(BadValue, match="It is truncated or is another file"):
        Cache.from_local_cache(tmp_path)


def test_empty_bucket_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bucket").mkdir()
    with pytest.raises(NotFound, match="contains no release"), FaultServer(tmp_path / "bucket") as server:
        open_cache(tmp_path / "cache", server)


def test_missing_bucket_is_an_error(server: FaultServer, tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere does not exist\. Check the bucket name and the endpoint\.") as caught:
        Cache.from_s3_cache(tmp_path, "nowhere", endpoint=server.endpoint)
    assert not isinstance(caught.value, NotCached)


def test_folder_that_cannot_be_created_is_an_error(server: FaultServer, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotWrite, match=r"The folder .*file.* cannot be created: .*\. Choose another one\."):
            open_cache(folder, server)
