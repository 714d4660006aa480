"""The cache that fetches what is asked for, on real servers on loopback."""

from __future__ import annotations

import json
import pathlib
import pickle
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from tests.faultserver import FOREVER, Fault, FaultServer
from tests.project.release import FILES, PROJECT, Bucket, digest, make_bucket
from tests.servers import NGINX, RCLONE, moto_server, nginx, put_object, rclone
from visbehavior import (
    BadValue,
    BehaviorSession,
    CannotWrite,
    CorruptFile,
    DiskFull,
    NotCached,
    NotFound,
    TransferFailed,
    VisBehaviorWarning,
    VisualBehaviorOphysProjectCache,
)
from visbehavior.project import files as library
from visbehavior.project.manifest import MOVIE

Cache = VisualBehaviorOphysProjectCache
NAMES = [f"{PROJECT}_project_manifest_v{version}.json" for version in ("1.0.1", "1.1.0")]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Bucket:
    return make_bucket(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def running(bucket: Bucket) -> Iterator[FaultServer]:
    with FaultServer(bucket.folder) as server:
        server.versions = bucket.versions
        yield server


@pytest.fixture
def server(running: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    yield running
    running.reset()


@pytest.fixture
def cache(server: FaultServer, tmp_path: pathlib.Path) -> Cache:
    return opened(tmp_path, server)


def opened(folder: pathlib.Path, server: FaultServer, **options: str) -> Cache:
    return Cache.from_s3_cache(folder, endpoint=server.endpoint, **options)  # type: ignore[arg-type]


def offline(folder: pathlib.Path, **options: str) -> Cache:
    return Cache.from_s3_cache(folder, endpoint="http://127.0.0.1:9", **options)  # type: ignore[arg-type]


def everything(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def session_file(folder: pathlib.Path, file_id: str, version: str = "1.1.0") -> pathlib.Path:
    return folder / f"{PROJECT}-{version}" / FILES[file_id][0]


def reference(bucket: Bucket, file_id: str) -> BehaviorSession:
    return BehaviorSession.from_nwb_path(bucket.folder / PROJECT / FILES[file_id][0])


def test_the_newest_release_is_opened_and_its_tables_are_kept(cache: Cache, server: FaultServer) -> None:
    assert cache.current_manifest() == cache.latest_manifest_file() == NAMES[1]
    assert cache.get_behavior_session_table().index.tolist() == [11, 12, 13, 14]
    assert len(cache.get_ophys_cells_table()) == 2
    before = len(server.requests)
    assert cache.get_behavior_session_table() is cache.get_behavior_session_table()
    assert len(server.requests) == before


def test_a_second_opening_asks_for_nothing_but_the_list(
    cache: Cache, server: FaultServer, tmp_path: pathlib.Path
) -> None:
    cache.get_behavior_session_table()
    server.reset()
    assert len(opened(tmp_path, server).get_behavior_session_table()) == 4
    assert [request.key for request in server.requests] == [""]
    server.reset()
    assert len(opened(tmp_path, server, version="1.1.0").get_behavior_session_table()) == 4
    assert server.requests == []


def test_the_folder_is_laid_out_as_allensdk_lays_out_its_own(
    cache: Cache, tmp_path: pathlib.Path, bucket: Bucket
) -> None:
    cache.get_behavior_session_table()
    cache.get_behavior_session(11, download=True)
    found = {name: content for name, content in everything(tmp_path).items() if not name.startswith("_visbehavior")}
    manifest = bucket.folder / PROJECT / "manifests" / NAMES[1]
    assert found == {
        "_manifest_last_used.txt": NAMES[1].encode(),
        NAMES[1]: manifest.read_bytes(),
        f"{PROJECT}-1.1.0/project_metadata/behavior_session_table.csv": bucket.versions[
            f"{PROJECT}/project_metadata/behavior_session_table.csv"
        ]["v1.0.1"].read_bytes(),
        f"{PROJECT}-1.1.0/behavior_sessions/behavior_session_11.nwb": bucket.content("1941"),
    }


@pytest.mark.parametrize(("number", "file_id"), [(11, "1941"), (13, "1942"), (12, "0")])
def test_a_session_streams(cache: Cache, server: FaultServer, bucket: Bucket, number: int, file_id: str) -> None:
    session = cache.get_behavior_session(number)
    assert session.get_performance_metrics() == pytest.approx(
        reference(bucket, file_id).get_performance_metrics(), nan_ok=True
    )
    key = f"{PROJECT}/{FILES[file_id][0]}"
    assert {request.key for request in server.requests if request.key.endswith(".nwb")} == {key}
    assert session.source.release == "1.1.0"
    assert session.source.file_hash == digest(bucket.content(file_id))
    assert session.source.location == f"{server.endpoint}/{server.bucket}/{key}"


def test_every_attribute_streams_equal(cache: Cache, bucket: Bucket) -> None:
    session, local = cache.get_behavior_session(13), reference(bucket, "1942")
    for name in ("licks", "rewards", "running_speed", "raw_running_speed", "trials", "stimulus_presentations"):
        pd.testing.assert_frame_equal(getattr(session, name), getattr(local, name))
    np.testing.assert_array_equal(session.stimulus_timestamps, local.stimulus_timestamps)
    assert session.metadata == local.metadata
    assert session.task_parameters == local.task_parameters
    for mine, theirs in zip(session.stimulus_templates["warped"], local.stimulus_templates["warped"], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_what_streamed_is_not_asked_for_again(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session(11).get_performance_metrics()
    again = opened(tmp_path, server, version="1.1.0")
    server.reset()
    again.get_behavior_session(11).get_performance_metrics()
    assert server.requests == []


def test_a_download_ends_with_the_file(
    cache: Cache, server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path
) -> None:
    session = cache.get_behavior_session(11, download=True)
    assert session_file(tmp_path, "1941").read_bytes() == bucket.content("1941")
    assert session.source.location == str(session_file(tmp_path, "1941"))
    server.reset()
    cache.get_behavior_session(11, download=True)
    assert server.requests == []


def test_many_files(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    paths = cache.download([13, "11"], ophys_experiment_ids=22)
    ids = ["1942", "1941", "1"]
    assert paths == [session_file(tmp_path, file_id) for file_id in ids]
    assert [path.read_bytes() for path in paths] == [bucket.content(file_id) for file_id in ids]
    assert cache.download(12) == [session_file(tmp_path, "0")]


def test_failures_of_some_do_not_stop_the_others(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    server.faults = [
        Fault("403", key="*behavior_session_13.nwb", times=FOREVER),
        Fault("403", "*behavior_session_13.nwb", FOREVER, method="HEAD"),
    ]
    failures: dict[str, Exception] = {}
    assert cache.download([99, 13, 11], failures=failures) == [session_file(tmp_path, "1941")]  # type: ignore[arg-type]
    assert set(failures) == {"99", f"{PROJECT}/{FILES['1942'][0]}"}
    with pytest.raises(NotFound, match="no behavior session 99"):
        cache.download([11, 99])
    with pytest.raises(TransferFailed, match="access denied"):
        cache.download([13])
    with pytest.raises(BadValue, match=r"1\.5 TB"):
        cache.download()


def test_too_little_room_is_said_before(cache: Cache, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.get_behavior_session_table()
    server.reset()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    with pytest.raises(DiskFull, match=r"1 file needs .* MB more in .*, and its disk has 0\.0 MB free"):
        cache.download(11)
    assert [request.method for request in server.requests] == ["HEAD"]


def test_offline(cache: Cache, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session(11).get_performance_metrics()
    cache.get_behavior_session(13, download=True)
    cache.get_ophys_experiment_table()
    with pytest.warns(VisBehaviorWarning, match="Newer releases could not be looked up") as said:
        cut_off = offline(tmp_path)
    assert len(said) == 1
    assert said[0].filename == __file__
    assert cut_off.current_manifest() == NAMES[1]
    assert cut_off.get_behavior_session(11).get_performance_metrics()["trial_count"] == 40
    assert len(cut_off.get_behavior_session(13).running_speed)
    with pytest.raises(
        NotCached, match=r"behavior_ophys_experiment_21\.nwb, or what is wanted of it, is not in the cache.*Connect"
    ):
        _ = cut_off.get_behavior_session(12).licks
    with pytest.raises(
        NotCached, match=r"behavior_ophys_experiment_21\.nwb, or what is wanted of it, is not in the cache"
    ):
        cut_off.download(12)


def test_offline_with_nothing_cached(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotCached, match=r"No release is in .*, and none can be looked up"):
        offline(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_pinned_release_needs_no_network(cache: Cache, tmp_path: pathlib.Path) -> None:
    assert offline(tmp_path, version="1.1.0").current_manifest() == NAMES[1]


def test_releases_side_by_side(server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    older = opened(tmp_path, server, version="1.0.1")
    assert older.list_manifest_file_names() == NAMES
    assert older.list_all_downloaded_manifests() == NAMES[:1]
    with pytest.raises(NotFound, match=r"Release 1\.0\.1 has no ophys_cells_table"):
        older.get_ophys_cells_table()
    first = older.get_behavior_session(13, download=True)
    assert session_file(tmp_path, "1942", "1.0.1").read_bytes() == bucket.content("1942", "1.0.1")
    older.download(11)
    with pytest.warns(
        VisBehaviorWarning, match=r"was last used with release 1\.0\.1, and is again; the newest is 1\.1\.0"
    ):
        assert opened(tmp_path, server).current_manifest() == NAMES[0]
    older.load_latest_manifest()
    assert older.current_manifest() == NAMES[1]
    second = older.get_behavior_session(13, download=True)
    assert (first.source.release, second.source.release) == ("1.0.1", "1.1.0")
    assert second.source.file_hash == digest(bucket.content("1942"))
    server.reset()
    # The same bytes in both releases: taken from where they lie.
    assert older.download(11) == [session_file(tmp_path, "1941", "1.0.1")]
    assert server.requests == []
    assert "1 files changed:\n  behavior_sessions/behavior_session_13.nwb" in older.compare_manifests(*NAMES)


def test_what_streamed_for_a_release_serves_another(server: FaultServer, tmp_path: pathlib.Path) -> None:
    older = opened(tmp_path, server, version="1.0.1")
    older.get_behavior_session(11).get_performance_metrics()
    older.load_latest_manifest()
    older.get_behavior_session_table()
    server.reset()
    older.get_behavior_session(11).get_performance_metrics()
    assert server.requests == []


def test_unknown_releases(server: FaultServer, tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"has no .*_v9\.9\.9\.json; there are .*v1\.0\.1\.json, .*v1\.1\.0\.json"):
        opened(tmp_path, server, version="9.9.9")
    with pytest.raises(BadValue, match=r"'newest' is no manifest's name"):
        opened(tmp_path, server).load_manifest("newest")


def test_a_cache_that_allensdk_filled(server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    older = opened(tmp_path, server, version="1.0.1")
    older.download(11)
    moved = tmp_path / "moved"
    shutil.copytree(tmp_path, moved)
    (moved / NAMES[0]).unlink()
    for ours in moved.glob("_visbehavior*"):
        ours.unlink()
    noted = {
        f"C:\\Users\\me\\data\\{PROJECT}-1.0.1\\{FILES['1941'][0]}".replace("/", "\\"): digest(bucket.content("1941"))
    }
    (moved / "_downloaded_data.json").write_text(json.dumps(noted))
    newer = opened(moved, server, version="1.1.0")
    newer.get_behavior_session_table()
    server.reset()
    assert newer.get_behavior_session(11).source.location == str(session_file(moved, "1941", "1.0.1"))
    assert server.requests == []


def test_a_cut_file_is_replaced(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    path = session_file(tmp_path, "1941")
    path.parent.mkdir(parents=True)
    path.write_bytes(bucket.content("1941")[:300_000])
    with pytest.warns(
        VisBehaviorWarning, match="cannot be opened: it was cut or damaged. What is read of it streams; verify"
    ):
        session = cache.get_behavior_session(11)
    assert session.get_performance_metrics()["trial_count"] == 40
    # It stays until a whole one takes its place.
    assert path.stat().st_size == 300_000
    with pytest.warns(VisBehaviorWarning, match="is not the file of release"):
        cache.get_behavior_session(11, download=True)
    assert path.read_bytes() == bucket.content("1941")


def test_a_cut_table_is_replaced(cache: Cache, tmp_path: pathlib.Path) -> None:
    path = tmp_path / f"{PROJECT}-1.1.0" / "project_metadata" / "behavior_session_table.csv"
    path.parent.mkdir(parents=True)
    path.write_text("behavior_session_id,mouse_id,file_id\n11,457841,1941\n")
    with pytest.warns(VisBehaviorWarning, match=r"behavior_session_table\.csv is not the file of release 1\.1\.0"):
        assert len(cache.get_behavior_session_table()) == 4
    path.write_text("behavior_session_id,mouse_id,file_id\n11,457841,1941\n")
    with pytest.warns(VisBehaviorWarning, match="It is used as it is"):
        assert len(Cache.from_local_cache(tmp_path).get_behavior_session_table()) == 1


def test_verify(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session_table()
    cache.download([11, 12])
    cache.get_behavior_session(13).get_performance_metrics()
    path = session_file(tmp_path, "1941")
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    states = cache.verify()["state"]
    names = {name.rpartition("/")[2]: state for name, state in states.items()}
    assert names == {
        "behavior_session_table.csv": "whole",
        "ophys_experiment_table.csv": "whole",
        "behavior_session_11.nwb": "damaged",
        "behavior_session_13.nwb": "in part",
        "behavior_ophys_experiment_21.nwb": "whole",
    }
    repaired = cache.verify(repair=True)["state"]
    assert sorted(repaired) == ["repaired", "repaired", "whole", "whole", "whole"]
    assert (cache.verify()["state"] == "whole").all()
    assert path.read_bytes() == bucket.content("1941")
    assert session_file(tmp_path, "1942").read_bytes() == bucket.content("1942")


def test_verify_without_a_network(cache: Cache, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session(13).get_performance_metrics()
    table = offline(tmp_path, version="1.1.0").verify(repair=True)
    assert table["state"].str.contains("not repaired: .*cannot be reached").sum() == 1
    assert len(Cache.from_local_cache(tmp_path).verify()) == len(table)


def test_the_performance_table(cache: Cache, server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    table = cache.get_performance_table([13, 11, 12])
    project = cache.get_behavior_session_table()
    assert table.index.tolist() == [13, 11, 12]
    assert table.index.name == "behavior_session_id"
    for number, file_id in ((13, "1942"), (11, "1941"), (12, "0")):
        metrics = reference(bucket, file_id).get_performance_metrics()
        assert list(table) == [name for name in project if name not in metrics] + list(metrics)
        assert table.loc[number, list(metrics)].to_dict() == pytest.approx(metrics, nan_ok=True)
        assert table.loc[number, "mouse_id"] == project.loc[number, "mouse_id"]
    server.reset()
    again = opened(tmp_path, server, version="1.1.0").get_performance_table([13, 11, 12])
    pd.testing.assert_frame_equal(table, again)
    assert server.requests == []
    assert len(cache.get_performance_table([11], 0.5)) == 1
    none = cache.get_performance_table(())
    assert (len(none), list(none)) == (0, list(table))
    assert (none.dtypes == table.dtypes)["trial_count"]


def test_sessions_that_cannot_be_measured(cache: Cache) -> None:
    failures: dict[int, Exception] = {}
    table = cache.get_performance_table([14, 11, 99], failures=failures)  # type: ignore[arg-type]
    assert table.index.tolist() == [11]
    assert set(failures) == {14, 99}
    with pytest.raises(NotFound, match="names no file for behavior session 14"):
        cache.get_performance_table()


def test_another_code_computes_anew(cache: Cache, tmp_path: pathlib.Path) -> None:
    cache.get_performance_table(11)
    kept = tmp_path / "_visbehavior_performance.txt"
    kept.write_text(kept.read_text().replace('"code":"', '"code":"0'))
    size = kept.stat().st_size
    cache.get_performance_table(11)
    assert kept.stat().st_size > size


def test_a_pickled_cache(cache: Cache, server: FaultServer) -> None:
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
    # Root may write everywhere. What this user may not read was imported above.
    os.setuid(65534)
use(sys.argv[3])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be made read-only there")
def test_a_cache_that_may_not_be_written(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "cache"
    filled = opened(folder, server)
    filled.get_behavior_session_table()
    filled.get_behavior_session(11, download=True)
    shutil.copytree(folder, tmp_path / "copy")
    before = everything(folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in (tmp_path, *(path for path in tmp_path.parents if path.name.startswith(("pytest-", "popen-")))):
        parent.chmod(0o755)
    arguments = [sys.executable, "-c", READ_ONLY, server.endpoint, tmp_path / "copy", folder]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["4 40 1", "4 40 1"]
    assert "choose a cache_dir" in done.stdout
    assert everything(folder) == before
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)


def test_a_damaged_manifest_in_the_bucket(server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    whole = (bucket.folder / PROJECT / "manifests" / NAMES[1]).read_text()
    for content in (whole[:500], "[]", whole.replace("/behavior_sessions/", "/../../../")):
        damaged = tmp_path / "damaged.json"
        damaged.write_text(content)
        server.versions = {**bucket.versions, f"{PROJECT}/manifests/{NAMES[1]}": {"x": damaged}}
        with pytest.raises(BadValue, match="is no manifest"):
            opened(tmp_path / "cache", server)
        assert not (tmp_path / "cache").exists()
    server.versions = bucket.versions


def test_a_cut_manifest_in_the_cache_is_fetched_again(
    cache: Cache, server: FaultServer, tmp_path: pathlib.Path
) -> None:
    (tmp_path / NAMES[1]).write_text("{")
    assert len(opened(tmp_path, server).get_behavior_session_table()) == 4
    (tmp_path / NAMES[1]).write_text("{")
    with pytest.raises(BadValue, match="It was cut or is another file"):
        Cache.from_local_cache(tmp_path)


def test_bytes_that_are_not_the_releases(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session_table()
    server.faults = [Fault("corrupt", key="*behavior_session_11.nwb", times=FOREVER)]
    with pytest.raises(CorruptFile, match="came twice with other bytes"):
        cache.get_behavior_session(11, download=True)
    assert not session_file(tmp_path, "1941").exists()


def test_an_empty_bucket(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bucket").mkdir()
    with pytest.raises(NotFound, match="lists no release"), FaultServer(tmp_path / "bucket") as server:
        opened(tmp_path / "cache", server)


def test_the_default_folder(server: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    Cache.from_s3_cache()
    assert (tmp_path / "named" / NAMES[1]).exists()
    assert Cache.from_local_cache().current_manifest() == NAMES[1]


def test_the_natural_movie(
    cache: Cache, server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = np.random.default_rng(0).integers(0, 256, (2, 304, 608), dtype=np.uint8)
    np.save(tmp_path / "movie.npy", movie)
    made_up = type(MOVIE)(MOVIE.url, MOVIE.path, MOVIE.version_id, digest((tmp_path / "movie.npy").read_bytes()))
    for module in (library, sys.modules[Cache.__module__]):
        monkeypatch.setattr(module, "MOVIE", made_up)
    server.versions = {**bucket.versions, f"{PROJECT}/{MOVIE.path}": {MOVIE.version_id: tmp_path / "movie.npy"}}
    np.testing.assert_array_equal(cache.get_raw_natural_movie(), movie)
    assert (tmp_path / "resources" / "Movie_TOE1.npy").exists()
    server.reset()
    template = cache.get_natural_movie_template(n_workers=1)
    assert list(template.index) == [0, 1]
    assert server.requests == []
    server.versions = bucket.versions


@NGINX
def test_a_plain_mirror(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    with nginx(bucket.folder) as server:
        cache = Cache.from_s3_cache(tmp_path, server.endpoint)
        assert cache.list_manifest_file_names() == NAMES
        assert cache.get_behavior_session(11).get_performance_metrics()["trial_count"] == 40
        assert cache.get_behavior_session(13, download=True).source.file_hash == digest(bucket.content("1942"))
        older = Cache.from_s3_cache(tmp_path, server.endpoint, version="1.0.1")
        # A mirror has the newest objects alone: the hash tells.
        with pytest.raises(CorruptFile, match="may hold another version"):
            older.get_behavior_session(13, download=True)


@RCLONE
def test_an_s3_server_without_versions(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    with rclone(bucket.folder) as server:
        cache = Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint)
        assert len(cache.get_behavior_session(13, download=True).trials) == 40
        # This one knows no ranges either.
        with pytest.warns(VisBehaviorWarning, match="cannot stream"):
            assert len(cache.get_behavior_session(11).trials) == 40
        assert session_file(tmp_path, "1941").read_bytes() == bucket.content("1941")


def test_an_s3_server_with_versions(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    with moto_server() as server:
        ids: dict[str, str] = {}
        for key, versions in bucket.versions.items():
            for version, path in reversed(versions.items()):
                ids[f"{key}@{version}"] = put_object(server, key, path.read_bytes())
        for name in NAMES:
            manifest = json.loads((bucket.folder / PROJECT / "manifests" / name).read_text())
            for entry in [*manifest["metadata_files"].values(), *manifest["data_files"].values()]:
                key = entry["url"].partition("amazonaws.com/")[2]
                entry["version_id"] = ids[f"{key}@{entry['version_id']}"]
            put_object(server, f"{PROJECT}/manifests/{name}", json.dumps(manifest).encode())
        for version in ("1.0.1", "1.1.0"):
            cache = Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint, version=version)
            assert len(cache.get_behavior_session(11).licks)
            cache.download(13)
            assert session_file(tmp_path, "1942", version).read_bytes() == bucket.content("1942", version)


def test_a_folder_as_a_bucket(bucket: Bucket, tmp_path: pathlib.Path) -> None:
    cache = Cache.from_s3_cache(tmp_path, bucket.folder)
    assert cache.get_behavior_session(11).get_performance_metrics()["trial_count"] == 40
    assert cache.download(13)[0].read_bytes() == bucket.content("1942")
    static = Cache.from_local_cache(bucket.folder, use_static_cache=True)
    assert len(static.get_behavior_session(13).trials) == 40


def test_no_noise(cache: Cache, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.get_behavior_session(11, download=True).get_performance_metrics()
        cache.get_performance_table(13)
    assert capfd.readouterr() == ("", "")


def test_an_empty_cache_is_verified(cache: Cache) -> None:
    table = cache.verify()
    assert len(table) == 0
    assert not table["state"].str.startswith("not").any()


def test_a_release_that_cannot_be_fetched(cache: Cache, tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        NotCached, match=r"v1\.0\.1\.json is not in .*, or damaged, and .* cannot be reached.*v1\.1\.0\.json"
    ):
        offline(tmp_path, version="1.0.1")
    cut_off = offline(tmp_path, version="1.1.0")
    with pytest.raises(NotCached, match="choose a release that is there"):
        cut_off.load_manifest(NAMES[0])
    # What is here of another release is not needed for this one.
    cache.get_behavior_session(11, download=True)
    (tmp_path / NAMES[0]).write_text("{")
    assert len(offline(tmp_path, version="1.1.0").get_behavior_session(11).licks)


def test_a_folder_that_cannot_be_made(server: FaultServer, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotWrite, match=r"The folder .*file.* cannot be made: .*\. Name another one\."):
            opened(folder, server)


def test_a_bucket_that_is_not_there(server: FaultServer, tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"There is no .*nowhere\. Check the bucket's name and the endpoint\.") as found:
        Cache.from_s3_cache(tmp_path, "nowhere", endpoint=server.endpoint)
    assert not isinstance(found.value, NotCached)


def test_a_disk_too_full_to_repair(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.get_behavior_session(13).get_performance_metrics()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    states = cache.verify(repair=True)["state"]
    assert states.str.match(r"not repaired: 1 file needs .* MB more in .*, and its disk has 0\.0 MB free").sum() == 1
    assert (states == "whole").sum() == len(states) - 1


def test_warnings_point_at_the_users_line(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    path = session_file(tmp_path, "1941")
    path.parent.mkdir(parents=True)
    path.write_bytes(bucket.content("1941")[:300_000])
    with pytest.warns(VisBehaviorWarning) as said:
        cache.get_behavior_session(11)
    with pytest.warns(VisBehaviorWarning) as said_again:
        cache.download([11])
    assert {warning.filename for warning in [*said, *said_again]} == {__file__}


def test_arguments_that_make_no_sense(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match=r"version is 'v1\.1\.0'; expected a release such as '1\.1\.0'"):
        opened(tmp_path, server, version="v1.1.0")
    with pytest.raises(BadValue, match="jobs is 0; expected 1 or more"):
        cache.download(11, jobs=0)
    with pytest.raises(BadValue, match=r"The ids are a DataFrame.*table\.index"):
        cache.download(cache.get_mouse(457841))  # type: ignore[arg-type]
