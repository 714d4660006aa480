"""The project cache of Visual Behavior Neuropixels, on a synthetic release."""

from __future__ import annotations

import json
import pathlib
import pickle
from collections.abc import Iterator

import pandas as pd
import pytest

from tests.faultserver import FaultServer
from tests.project.neuropixels_release import FILES, MANIFEST, PROJECT, VERSION, make_bucket_tree, make_release
from tests.project.synthetic_release import UNREACHABLE
from visbehavior import (
    BadValue,
    BehaviorSession,
    MissingData,
    NotFound,
    VisBehaviorWarning,
    VisualBehaviorOphysProjectCache,
)
from visbehavior import VisualBehaviorNeuropixelsProjectCache as Cache
from visbehavior.project.verify import COMPLETE


@pytest.fixture(scope="module")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_bucket_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def local(release_folder: pathlib.Path) -> Cache:
    return Cache.from_local_cache(release_folder)


@pytest.fixture
def server(tree: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer(tree, f"{PROJECT}-data") as server:
        yield server


def test_tables_are_returned_as_stored(local: Cache) -> None:
    sessions, recordings = local.get_behavior_session_table(), local.get_ecephys_session_table(False)
    assert sessions.index.tolist() == [11, 13, 12, 14, 15]
    assert list(sessions)[:4] == ["equipment_name", "genotype", "mouse_id", "sex"]
    assert {name: str(sessions[name].dtype) for name in ("mouse_id", "ecephys_session_id", "file_id")} == {
        "mouse_id": "int64",
        "ecephys_session_id": "Int64",
        "file_id": "int64",
    }
    assert str(sessions["prior_exposures_to_image_set"].dtype) == "Int64"
    assert isinstance(sessions["date_of_acquisition"].iloc[0], str)
    assert str(recordings.index.dtype) == "Int64"
    assert recordings["structure_acronyms"].iloc[0] == "['LGd', 'VISp']"
    for table, index in (
        (local.get_unit_table(), "unit_id"),
        (local.get_probe_table(), "ecephys_probe_id"),
        (local.get_channel_table(), "ecephys_channel_id"),
    ):
        assert (len(table), table.index.name) == (1, index)
    assert local.get_unit_table() is local.get_unit_table()


def test_abnormal_recordings_are_left_out_by_default(local: Cache) -> None:
    assert local.get_ecephys_session_table().index.tolist() == [31]
    assert local.get_ecephys_session_table(filter_abnormalities=False).index.tolist() == [31, 32]


@pytest.mark.parametrize(("number", "file_id"), [(11, "5001"), (13, "5003"), (12, "5006"), ("14", "5007")])
def test_session_is_read_from_its_own_file_or_the_recordings(local: Cache, number: int | str, file_id: str) -> None:
    """An abnormal recording is opened, too. A habituation session has the id of an unknown recording."""
    session = local.get_behavior_session(number)
    assert isinstance(session, BehaviorSession)
    assert session.source.location.endswith(FILES[file_id][0])
    assert session.source.release == VERSION
    assert session.behavior_session_id == int(number)


def test_session_of_an_unpublished_recording_is_an_error(local: Cache) -> None:
    with pytest.raises(
        NotFound, match=r"session 15 has no file of its own, and its recording 38 is not in this release"
    ):
        local.get_behavior_session(15)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (31, r"31 is a recording \(ecephys_session_id\), of behavior session 12\."),
        (530862, r"530862 is a mouse: get_mouse\(530862\) lists its sessions\."),
        (99, r".* Sessions of the data set with imaging are in VisualBehaviorOphysProjectCache, .* --project ophys\."),
    ],
)
def test_unknown_ids_are_explained(local: Cache, number: int, message: str) -> None:
    with pytest.raises(NotFound, match=rf"Release 0\.5\.0 has no behavior session {number}\. {message}"):
        local.get_behavior_session(number)


def test_recordings_themselves_cannot_be_opened(local: Cache) -> None:
    assert not hasattr(Cache, "get_ecephys_session")
    with pytest.raises(AttributeError, match=r"get_behavior_session\(id\) opens it by the behavior_session_id"):
        local.get_ecephys_session  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'get_ophys_session_table'"):
        local.get_ophys_session_table  # noqa: B018


@pytest.mark.parametrize("mouse_id", [530862, "530862"])
def test_sessions_of_a_mouse(local: Cache, mouse_id: int | str) -> None:
    mouse = local.get_mouse(mouse_id)
    assert mouse.index.tolist() == [11, 13, 12]
    assert mouse["day"].tolist() == [0, 47, 69]
    assert mouse["has_recording"].tolist() == [False, False, True]
    with pytest.raises(NotFound, match="has no mouse 7"):
        local.get_mouse(7)


def test_mice_are_summarized(local: Cache) -> None:
    mice = local.get_mice()
    assert mice.index.tolist() == [530862, 531237]
    assert mice["recording_session_count"].tolist() == [1, 2]
    assert mice["EPHYS_1"].tolist() == [1, 2]
    assert mice["genotype"].tolist() == ["wt/wt", "Sst-IRES-Cre/wt"]


def test_path_of_a_complete_file(local: Cache, release_folder: pathlib.Path) -> None:
    assert local.cache_dir == release_folder
    assert local.file_path("12") == release_folder / f"{PROJECT}-{VERSION}" / FILES["5006"][0]
    with pytest.raises(NotFound, match="31 is a recording"):
        local.file_path(31)


def test_performance_of_several_sessions(local: Cache) -> None:
    failures: dict[int, Exception] = {}
    table = local.get_performance_table([12, 11, 15], progress=False, failures=failures)  # type: ignore[arg-type]
    assert table.index.tolist() == [12, 11]
    assert list(failures) == [15]
    assert table["trial_count"].tolist() == [20, 20]
    assert "genotype" in table


def test_streamed_session_equals_the_file(server: FaultServer, tree: pathlib.Path, tmp_path: pathlib.Path) -> None:
    cache = Cache.from_s3_cache(tmp_path, endpoint=server.endpoint)
    session = cache.get_behavior_session(12)
    original = BehaviorSession.from_nwb_path(tree / PROJECT / FILES["5006"][0])
    for name in ("trials", "stimulus_presentations", "licks", "running_speed"):
        pd.testing.assert_frame_equal(getattr(session, name), getattr(original, name))
    assert not (tmp_path / f"{PROJECT}-{VERSION}" / "project_metadata" / "units.csv").exists()
    assert {request.key.split("/")[-1] for request in server.requests} == {
        "",
        MANIFEST,
        "behavior_sessions.csv",
        "ecephys_sessions.csv",
        "ecephys_session_31.nwb",
    }


def test_download_verify_and_use_offline(server: FaultServer, tree: pathlib.Path, tmp_path: pathlib.Path) -> None:
    cache = Cache.from_s3_cache(tmp_path, endpoint=server.endpoint)
    (path,) = cache.download([12], progress=False)
    assert path == tmp_path / f"{PROJECT}-{VERSION}" / FILES["5006"][0]
    assert path.read_bytes() == (tree / PROJECT / FILES["5006"][0]).read_bytes()
    assert set(cache.verify(progress=False)["state"]) == {COMPLETE}
    with pytest.warns(VisBehaviorWarning, match="Newer releases could not be looked up"):
        offline = Cache.from_s3_cache(tmp_path, endpoint=UNREACHABLE)
    assert len(offline.get_behavior_session(12).trials) == 20
    with pytest.raises(BadValue, match="was given no ids"):
        cache.download()


def test_truncated_table_is_reported(tmp_path: pathlib.Path) -> None:
    folder = make_release(tmp_path)
    path = folder / f"{PROJECT}-{VERSION}" / "project_metadata" / "units.csv"
    path.write_bytes(path.read_bytes()[:4])
    with (
        pytest.warns(VisBehaviorWarning, match=r"units\.csv is not the file of release 0\.5\.0: it is truncated"),
        pytest.raises(MissingData, match=r"units\.csv has no column unit_id"),
    ):
        Cache.from_local_cache(folder).get_unit_table()


def test_both_data_sets_may_share_a_folder(release_folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    other = "visual-behavior-ophys_project_manifest_v1.1.0.json"
    (tmp_path / MANIFEST).write_bytes((release_folder / MANIFEST).read_bytes())
    manifest = {"manifest_version": "1.1.0", "metadata_files": {}, "data_files": {}}
    (tmp_path / other).write_text(json.dumps(manifest))
    assert Cache.from_local_cache(tmp_path).list_manifest_file_names() == [MANIFEST]
    assert VisualBehaviorOphysProjectCache.from_local_cache(tmp_path).list_manifest_file_names() == [other]
    with pytest.raises(BadValue, match=f"is not a manifest name; expected one such as {MANIFEST}"):
        Cache.from_local_cache(tmp_path).load_manifest(other)


def test_default_folder_is_beside_that_of_the_other_data_set(
    server: FaultServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    assert Cache.from_s3_cache().current_manifest() == MANIFEST
    assert (tmp_path / PROJECT / MANIFEST).exists()
    assert Cache.from_local_cache().current_manifest() == MANIFEST


def test_cache_can_be_pickled(local: Cache) -> None:
    again = pickle.loads(pickle.dumps(local))
    assert again.get_behavior_session(12).behavior_session_id == 12
    assert repr(again) == repr(local)


def test_files_that_allensdk_recorded_are_found_in_a_moved_folder(tmp_path: pathlib.Path) -> None:
    """Paths below a release's folder have three parts here, not two."""
    folder = make_release(tmp_path)
    path, _ = FILES["5006"]
    release = folder / f"{PROJECT}-{VERSION}"
    moved = folder / f"{PROJECT}-0.4.0" / path
    moved.parent.mkdir(parents=True)
    (release / path).rename(moved)
    manifest = json.loads((folder / MANIFEST).read_text())
    recorded = {f"/old/{PROJECT}-0.4.0/{path}": manifest["data_files"]["5006"]["file_hash"]}
    (folder / "_downloaded_data.json").write_text(json.dumps(recorded))
    assert Cache.from_local_cache(folder).get_behavior_session(12).source.location == str(moved)
