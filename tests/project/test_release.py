"""Tests of streaming and downloading the files of sessions."""

from __future__ import annotations

import pathlib
import shutil
import threading
from email.message import Message
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.faultserver import FOREVER, Fault, FaultServer
from tests.project.synthetic_release import (
    FILES,
    PROJECT,
    Bucket,
    cached_path,
    digest,
    make_bucket,
    open_cache,
    open_original,
)
from visbehavior import (
    BadValue,
    CorruptFile,
    DiskFull,
    MissingData,
    NotFound,
    TransferFailed,
    VisBehaviorWarning,
)
from visbehavior import VisualBehaviorOphysProjectCache as Cache
from visbehavior.project.release import Release
from visbehavior.schema.columns import Table


def test_cached_file_is_opened(local_cache: Cache, release_folder: pathlib.Path) -> None:
    session = local_cache.get_behavior_session(11)
    assert session.behavior_session_id == 11
    assert session.source.release == "1.1.0"
    assert session.source.location == str(cached_path(release_folder, "1941"))
    assert session.source.file_hash is not None
    assert len(session.source.file_hash) == 128


def test_cached_plane_of_an_imaging_session_is_opened(local_cache: Cache) -> None:
    session = local_cache.get_behavior_session(12)
    assert session.behavior_session_id == 12
    assert session.source.location.endswith("behavior_ophys_experiment_22.nwb")


def test_session_without_a_file_is_an_error(local_cache: Cache) -> None:
    with pytest.raises(NotFound, match=r"Release 1\.1\.0 has no file for behavior session 14"):
        local_cache.get_behavior_session(14)


def test_table_is_read_once(cache: Cache, server: FaultServer) -> None:
    assert cache.get_behavior_session_table().index.tolist() == [11, 12, 13, 14]
    assert len(cache.get_ophys_cells_table()) == 2
    server.reset()
    assert cache.get_behavior_session_table() is cache.get_behavior_session_table()
    assert server.requests == []


def test_a_table_takes_one_request_for_the_whole_object(cache: Cache, server: FaultServer) -> None:
    server.reset()
    cache.get_ophys_cells_table()
    assert [(request.method, request.range) for request in server.requests] == [("GET", None)]


def test_an_empty_cache_downloads_the_tables_of_a_session_together(cache: Cache, server: FaultServer) -> None:
    server.reset()
    cache.get_behavior_session(12)
    assert sorted(
        (request.method, pathlib.PurePath(request.key).stem, request.range) for request in server.requests
    ) == [
        ("GET", "behavior_session_table", None),
        ("GET", "ophys_experiment_table", None),
    ]


def test_a_table_is_read_while_the_other_one_is_downloaded(
    cache: Cache, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server returns the table of sessions after the other table was read."""
    was_read, try_to_read, answer = threading.Event(), Release._try_to_read, server.answer
    waited = []

    def note(self: Release, table: Table) -> None:
        try_to_read(self, table)
        was_read.set()

    def answer_later(method: str, target: str, headers: Message) -> Any:
        if "behavior_session_table" in target:
            waited.append(was_read.wait(10))
        return answer(method, target, headers)

    monkeypatch.setattr(Release, "_try_to_read", note)
    monkeypatch.setattr(server, "answer", answer_later)
    assert cache.get_behavior_session(11).behavior_session_id == 11
    assert waited == [True]


@pytest.mark.usefixtures("server")
def test_an_unreadable_table_is_an_error_when_it_is_needed(tmp_path: pathlib.Path) -> None:
    bucket = make_bucket(tmp_path / "made")
    content = b"other,columns\n1,2\n"
    [path] = bucket.versions[f"{PROJECT}/project_metadata/ophys_experiment_table.csv"].values()
    manifest = bucket.folder / PROJECT / "manifests" / f"{PROJECT}_project_manifest_v1.1.0.json"
    manifest.write_text(manifest.read_text().replace(digest(path.read_bytes()), digest(content)))
    path.write_bytes(content)
    with FaultServer(bucket.folder) as server:
        server.versions = bucket.versions
        cache = open_cache(tmp_path / "cache", server, version="1.1.0")
        assert cache.get_behavior_session(11).behavior_session_id == 11
        for _ in range(2):
            with pytest.raises(MissingData, match="ophys_experiment_table"):
                cache.get_ophys_experiment_table()


def test_a_table_that_arrives_damaged_is_downloaded_again(cache: Cache, server: FaultServer, bucket: Bucket) -> None:
    server.faults = [Fault("corrupt", key="*ophys_cells_table.csv", times=1)]
    assert len(cache.get_ophys_cells_table()) == 2
    assert len([request for request in server.requests if request.key.endswith("ophys_cells_table.csv")]) > 1


@pytest.mark.parametrize(("number", "file_id"), [(11, "1941"), (13, "1942"), (12, "0")])
def test_session_is_streamed(cache: Cache, server: FaultServer, bucket: Bucket, number: int, file_id: str) -> None:
    session = cache.get_behavior_session(number)
    assert session.get_performance_metrics() == pytest.approx(
        open_original(bucket, file_id).get_performance_metrics(), nan_ok=True
    )
    key = f"{PROJECT}/{FILES[file_id][0]}"
    assert {request.key for request in server.requests if request.key.endswith(".nwb")} == {key}
    assert session.source.release == "1.1.0"
    assert session.source.file_hash == digest(bucket.content(file_id))
    assert session.source.location == f"{server.endpoint}/{server.bucket}/{key}"


def test_streamed_attributes_equal_those_of_the_file(cache: Cache, bucket: Bucket) -> None:
    session, original = cache.get_behavior_session(13), open_original(bucket, "1942")
    for name in ("licks", "rewards", "running_speed", "raw_running_speed", "trials", "stimulus_presentations"):
        pd.testing.assert_frame_equal(getattr(session, name), getattr(original, name))
    np.testing.assert_array_equal(session.stimulus_timestamps, original.stimulus_timestamps)
    assert session.metadata == original.metadata
    assert session.task_parameters == original.task_parameters
    templates = zip(session.stimulus_templates["warped"], original.stimulus_templates["warped"], strict=True)
    for streamed, expected in templates:
        np.testing.assert_array_equal(streamed, expected)


def test_streamed_parts_are_not_requested_again(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session(11).get_performance_metrics()
    again = open_cache(tmp_path, server, version="1.1.0")
    server.reset()
    again.get_behavior_session(11).get_performance_metrics()
    assert server.requests == []


def test_downloaded_file_is_complete_and_not_downloaded_again(
    cache: Cache, server: FaultServer, bucket: Bucket, tmp_path: pathlib.Path
) -> None:
    session = cache.get_behavior_session(11, download=True)
    assert cached_path(tmp_path, "1941").read_bytes() == bucket.content("1941")
    assert session.source.location == str(cached_path(tmp_path, "1941"))
    server.reset()
    cache.get_behavior_session(11, download=True)
    assert server.requests == []


def test_download_returns_paths_in_the_order_of_the_ids(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    paths = cache.download([13, "11"], ophys_experiment_ids=22)
    file_ids = ["1942", "1941", "1"]
    assert paths == [cached_path(tmp_path, file_id) for file_id in file_ids]
    assert [path.read_bytes() for path in paths] == [bucket.content(file_id) for file_id in file_ids]
    assert cache.download(12) == [cached_path(tmp_path, "0")]


def test_one_failure_does_not_stop_other_downloads(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    server.faults = [
        Fault("403", key="*behavior_session_13.nwb", times=FOREVER),
        Fault("403", "*behavior_session_13.nwb", FOREVER, method="HEAD"),
    ]
    failures: dict[str, Exception] = {}
    assert cache.download([99, 13, 11], failures=failures) == [cached_path(tmp_path, "1941")]  # type: ignore[arg-type]
    assert set(failures) == {"99", f"{PROJECT}/{FILES['1942'][0]}"}
    with pytest.raises(NotFound, match="no behavior session 99"):
        cache.download([11, 99])
    with pytest.raises(TransferFailed, match="access denied"):
        cache.download([13])


def test_full_disk_is_an_error_before_the_download(
    cache: Cache, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.get_behavior_session_table()
    server.reset()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    with pytest.raises(DiskFull, match=r"1 file needs .* MB more in .*, and its disk has 0\.0 MB free"):
        cache.download(11)
    assert [request.method for request in server.requests] == ["HEAD"]


def test_truncated_file_is_streamed_and_replaced_by_a_download(
    cache: Cache, bucket: Bucket, tmp_path: pathlib.Path
) -> None:
    path = cached_path(tmp_path, "1941")
    path.parent.mkdir(parents=True)
    path.write_bytes(bucket.content("1941")[:300_000])
    with pytest.warns(
        VisBehaviorWarning,
        match="cannot be opened: it is truncated or damaged. The session is streamed instead. verify",
    ):
        session = cache.get_behavior_session(11)
    assert session.get_performance_metrics()["trial_count"] == 40
    # The damaged file stays until a complete one replaces it.
    assert path.stat().st_size == 300_000
    with pytest.warns(VisBehaviorWarning, match=r"is not the file of release .* It is downloaded again"):
        cache.get_behavior_session(11, download=True)
    assert path.read_bytes() == bucket.content("1941")


def test_truncated_table_is_downloaded_again_or_used_with_a_warning(cache: Cache, tmp_path: pathlib.Path) -> None:
    path = tmp_path / f"{PROJECT}-1.1.0" / "project_metadata" / "behavior_session_table.csv"
    path.parent.mkdir(parents=True)
    path.write_text("behavior_session_id,mouse_id,file_id\n11,457841,1941\n")
    with pytest.warns(VisBehaviorWarning, match=r"behavior_session_table\.csv is not the file of release 1\.1\.0"):
        assert len(cache.get_behavior_session_table()) == 4
    path.write_text("behavior_session_id,mouse_id,file_id\n11,457841,1941\n")
    with pytest.warns(VisBehaviorWarning, match="It is used as it is"):
        assert len(Cache.from_local_cache(tmp_path).get_behavior_session_table()) == 1


def test_file_with_another_hash_is_not_kept(cache: Cache, server: FaultServer, tmp_path: pathlib.Path) -> None:
    cache.get_behavior_session_table()
    server.faults = [Fault("corrupt", key="*behavior_session_11.nwb", times=FOREVER)]
    with pytest.raises(CorruptFile, match="failed its checksum twice"):
        cache.get_behavior_session(11, download=True)
    assert not cached_path(tmp_path, "1941").exists()


def test_warnings_point_at_the_users_line(cache: Cache, bucket: Bucket, tmp_path: pathlib.Path) -> None:
    path = cached_path(tmp_path, "1941")
    path.parent.mkdir(parents=True)
    path.write_bytes(bucket.content("1941")[:300_000])
    with pytest.warns(VisBehaviorWarning) as opening:
        cache.get_behavior_session(11)
    with pytest.warns(VisBehaviorWarning) as downloading:
        cache.download([11])
    assert {warning.filename for warning in [*opening, *downloading]} == {__file__}


def test_download_needs_ids_and_a_connection(cache: Cache) -> None:
    with pytest.raises(BadValue, match=r"was given no ids.*1\.5 TB"):
        cache.download()
    with pytest.raises(BadValue, match="jobs is 0; expected a whole number from 1 to 1000"):
        cache.download(11, jobs=0)
