"""Tests of opening caches: from servers of several kinds, offline, read-only, pickled, and in a default folder."""

from __future__ import annotations

import json
import pathlib
import pickle
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from tests.faultserver import FaultServer
from tests.project.synthetic_release import (
    MANIFESTS,
    PROJECT,
    Bucket,
    cached_path,
    digest,
    make_bucket_tree,
    make_release,
    open_cache,
    open_offline,
    read_files,
)
from tests.servers import NGINX, RCLONE, moto_server, nginx, put_object, rclone
from visbehavior import BadValue, CorruptFile, MissingExtra, NotCached, VisBehaviorWarning
from visbehavior import VisualBehaviorOphysProjectCache as Cache
from visbehavior.project import cache as cache_module
from visbehavior.project import files as files_module
from visbehavior.project.manifest import MOVIE


def test_newest_release_is_opened(cache: Cache) -> None:
    assert cache.current_manifest() == cache.latest_manifest_file() == MANIFESTS[1]


def test_cache_names_its_release_folder_and_bucket(cache: Cache, local_cache: Cache, tmp_path: pathlib.Path) -> None:
    assert f"release 1.1.0 in {tmp_path}, from http://127.0.0.1" in repr(cache)
    assert repr(local_cache).endswith("from local files only>")


def test_class_explains_how_it_is_opened() -> None:
    with pytest.raises(BadValue, match=r"Open the data set with VisualBehaviorOphysProjectCache\.from_s3_cache"):
        Cache()


def test_manifest_is_loaded_by_its_version(cache: Cache) -> None:
    cache.load_manifest("1.0.1")
    assert cache.current_manifest() == MANIFESTS[0]


def test_paths_of_complete_files(local_cache: Cache, release_folder: pathlib.Path) -> None:
    assert local_cache.cache_dir == release_folder
    for number, name in ((11, "behavior_session_11"), ("22", "behavior_ophys_experiment_22"), (12.0, "experiment_22")):
        path = local_cache.file_path(number)  # type: ignore[arg-type]
        assert path.is_file()
        assert name in path.name
    with pytest.raises(NotCached, match=r"of 21, .*is not in .*download\(ophys_experiment_ids=21\) downloads it"):
        local_cache.file_path(21)


def test_reopening_requests_only_the_listing(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session_table()
    server.reset()
    assert len(open_cache(tmp_path, server).get_behavior_session_table()) == 4
    assert [request.key for request in server.requests] == [""]
    server.reset()
    assert len(open_cache(tmp_path, server, version="1.1.0").get_behavior_session_table()) == 4
    assert server.requests == []


def test_traffic_counts_requests_and_bytes(cache: Cache, local_cache: Cache, server: FaultServer) -> None:
    assert cache.traffic.requests == len(server.requests) > 0
    before = cache.traffic.bytes
    cache.get_behavior_session_table()
    assert cache.traffic.bytes > before
    assert tuple(local_cache.traffic) == (0, 0)


def test_sessions_have_the_convention_of_the_cache(release_folder: pathlib.Path) -> None:
    older = Cache.from_local_cache(release_folder, allensdk_version="2.10")
    assert "stimulus_change" in older.get_behavior_session(11).trials


def test_cached_data_can_be_used_offline(cache: Cache, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session(11).get_performance_metrics()
    cache.get_behavior_session(13, download=True)
    cache.get_ophys_experiment_table()
    with pytest.warns(VisBehaviorWarning, match="Newer releases could not be looked up"):
        offline = open_offline(tmp_path)
    assert offline.get_behavior_session(11).get_performance_metrics()["trial_count"] == 40
    assert len(offline.get_behavior_session(13).running_speed)
    not_cached = r"behavior_ophys_experiment_21\.nwb, or a part of it that is needed, is not in the cache.*Connect"
    with pytest.raises(NotCached, match=not_cached):
        _ = offline.get_behavior_session(12).licks
    with pytest.raises(NotCached, match=not_cached):
        offline.download(12)


def test_local_cache_writes_nothing(tmp_path: pathlib.Path) -> None:
    make_release(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    cache = Cache.from_local_cache(tmp_path)
    _ = cache.get_behavior_session_table(), cache.get_behavior_session(11).trials
    assert sorted(tmp_path.rglob("*")) == before
    for path in before:
        path.chmod(0o755)


def test_bucket_tree_is_never_written_to(tmp_path: pathlib.Path) -> None:
    """Results and the record of verified files are kept in the user's cache folder."""
    tree = make_bucket_tree(tmp_path)

    def describe() -> dict[pathlib.Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in tree.rglob("*")}

    before = describe()
    cache = Cache.from_local_cache(tree, use_static_cache=True)
    assert len(cache.get_performance_table([11])) == 1
    assert len(cache.get_trials([11])) == 40
    assert (cache.verify()["state"] == "complete").any()
    assert describe() == before


def test_pickled_cache_can_be_used(cache: Cache, server: FaultServer) -> None:
    cache.get_behavior_session_table()
    copy = pickle.loads(pickle.dumps(cache))
    server.reset()
    assert copy.get_behavior_session_table().equals(cache.get_behavior_session_table())
    assert server.requests == []
    session = pickle.loads(pickle.dumps(copy.get_behavior_session(11)))
    assert len(session.trials) == 40


READ_ONLY = """
import os, sys
import visbehavior

def use(folder):
    cache = visbehavior.VisualBehaviorOphysProjectCache.from_s3_cache(folder, endpoint=sys.argv[1], version="1.1.0")
    print(len(cache.get_behavior_session_table()), len(cache.get_behavior_session(11).trials), len(cache.get_performance_table(11)))
    try:
        cache.get_behavior_session(13).licks
    except visbehavior.CannotWrite as error:
        print(error)

use(sys.argv[2])
if os.getuid() == 0:
    # Root can write everywhere. All modules were imported above, because this user may not be able to read them.
    os.setuid(65534)
use(sys.argv[3])
"""


@pytest.fixture
def public_folder() -> Iterator[pathlib.Path]:
    """Folder that all users can read. Pytest makes the parent of tmp_path private whenever another run starts."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        yield path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no read-only folders")
def test_read_only_cache_can_be_used(server: FaultServer, public_folder: pathlib.Path) -> None:
    folder = public_folder / "cache"
    filled = open_cache(folder, server)
    filled.get_behavior_session_table()
    filled.get_behavior_session(11, download=True)
    shutil.copytree(folder, public_folder / "copy")
    before = read_files(folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    arguments = [sys.executable, "-c", READ_ONLY, server.endpoint, public_folder / "copy", folder]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["4 40 1", "4 40 1"]
    assert "choose a cache_dir" in done.stdout
    assert read_files(folder) == before
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)


def test_default_folder_is_named_by_the_environment(
    server: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    Cache.from_s3_cache()
    assert (tmp_path / "named" / MANIFESTS[1]).exists()
    assert Cache.from_local_cache().current_manifest() == MANIFESTS[1]


def test_natural_movie_is_downloaded_once(
    cache: Cache, server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = np.random.default_rng(0).integers(0, 256, (2, 304, 608), dtype=np.uint8)
    np.save(tmp_path / "movie.npy", movie)
    synthetic = type(MOVIE)(MOVIE.url, MOVIE.path, MOVIE.version_id, digest((tmp_path / "movie.npy").read_bytes()))
    for module in (files_module, cache_module):
        monkeypatch.setattr(module, "MOVIE", synthetic)
    server.versions = {**bucket.versions, f"{PROJECT}/{MOVIE.path}": {MOVIE.version_id: tmp_path / "movie.npy"}}
    np.testing.assert_array_equal(cache.get_raw_natural_movie(), movie)
    assert (tmp_path / "resources" / "Movie_TOE1.npy").exists()
    server.reset()
    template = cache.get_natural_movie_template(n_workers=1)
    assert list(template.index) == [0, 1]
    assert server.requests == []


@pytest.mark.parametrize("library", ["PIL", "scipy"])
def test_libraries_of_the_natural_movie_are_required_before_it_is_downloaded(
    cache: Cache, server: FaultServer, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    for name in (library, f"{library}.Image", f"{library}.ndimage"):
        monkeypatch.setitem(sys.modules, name, None)
    server.reset()
    with pytest.raises(MissingExtra, match="raw"):
        cache.get_natural_movie_template()
    assert server.requests == []


def test_nothing_is_printed_or_warned(cache: Cache, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.get_behavior_session(11, download=True).get_performance_metrics()
        cache.get_performance_table(13)
    assert capfd.readouterr() == ("", "")


@NGINX
def test_http_mirror(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    with nginx(bucket.folder) as server:
        cache = Cache.from_s3_cache(tmp_path, server.endpoint)
        assert cache.list_manifest_file_names() == MANIFESTS
        assert cache.get_behavior_session(11).get_performance_metrics()["trial_count"] == 40
        assert cache.get_behavior_session(13, download=True).source.file_hash == digest(bucket.content("1942"))
        older = Cache.from_s3_cache(tmp_path, server.endpoint, version="1.0.1")
        # A mirror has only the newest objects; the hash shows that this is not the one of the release.
        with pytest.raises(CorruptFile, match="may hold another version"):
            older.get_behavior_session(13, download=True)


@RCLONE
def test_s3_server_without_versions(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    with rclone(bucket.folder) as server:
        cache = Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint)
        assert len(cache.get_behavior_session(13, download=True).trials) == 40
        # This server does not support ranges either.
        with pytest.warns(VisBehaviorWarning, match="cannot be streamed"):
            assert len(cache.get_behavior_session(11).trials) == 40
        assert cached_path(tmp_path, "1941").read_bytes() == bucket.content("1941")


def test_s3_server_with_versions(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    with moto_server() as server:
        ids: dict[str, str] = {}
        for key, versions in bucket.versions.items():
            for version, path in reversed(versions.items()):
                ids[f"{key}@{version}"] = put_object(server, key, path.read_bytes())
        for name in MANIFESTS:
            manifest = json.loads((bucket.folder / PROJECT / "manifests" / name).read_text())
            for entry in [*manifest["metadata_files"].values(), *manifest["data_files"].values()]:
                key = entry["url"].partition("amazonaws.com/")[2]
                entry["version_id"] = ids[f"{key}@{entry['version_id']}"]
            put_object(server, f"{PROJECT}/manifests/{name}", json.dumps(manifest).encode())
        for version in ("1.0.1", "1.1.0"):
            cache = Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint, version=version)
            assert len(cache.get_behavior_session(11).licks)
            cache.download(13)
            assert cached_path(tmp_path, "1942", version).read_bytes() == bucket.content("1942", version)


def test_folder_as_a_bucket(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    cache = Cache.from_s3_cache(tmp_path, bucket.folder)
    assert cache.get_behavior_session(11).get_performance_metrics()["trial_count"] == 40
    assert cache.download(13)[0].read_bytes() == bucket.content("1942")
    static = Cache.from_local_cache(bucket.folder, use_static_cache=True)
    assert len(static.get_behavior_session(13).trials) == 40
