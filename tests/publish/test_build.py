"""Tests of building releases, and of opening them as the public one is opened."""

from __future__ import annotations

import json
import pathlib
import pickle
import shutil
import subprocess
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.oracle import PYTHON, needs_allensdk
from tests.project.synthetic_release import read_files
from tests.publish.simulated_release import SESSION_TYPES, open_release
from tests.servers import NGINX, RCLONE, moto_server, nginx, put_object, rclone
from visbehavior import (
    BadValue,
    BehaviorSession,
    Mouse,
    NotFound,
    build_release,
    check_release,
    simulate,
    write_nwb,
)
from visbehavior import VisualBehaviorOphysProjectCache as Cache
from visbehavior.project.manifest import PROJECT
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE

CHILD = pathlib.Path(__file__).with_name("build_child.py")


def test_release_is_opened_as_the_public_one_is(release: pathlib.Path, pickles: list[dict[str, Any]]) -> None:
    cache = open_release(release)
    table = cache.get_behavior_session_table()
    assert list(table.columns) == BEHAVIOR_SESSION_TABLE.names()
    assert table["session_type"].tolist() == [*SESSION_TYPES, *SESSION_TYPES]
    assert table["experience_level"].tolist() == ["Training", "Training", "Familiar", "Novel 1"] * 2
    assert table["prior_exposures_to_image_set"].fillna(-1).tolist() == [-1, 0, 1, 0] * 2
    assert cache.get_mouse(2)["day"].tolist() == [0, 1, 2, 3]
    assert [
        len(cache.get_ophys_session_table()),
        len(cache.get_ophys_experiment_table()),
        len(cache.get_ophys_cells_table()),
    ] == [0, 0, 0]
    for raw, (number, row) in zip(pickles, table.iterrows(), strict=True):
        expected = BehaviorSession.from_json({"behavior_stimulus_file": raw})
        session = cache.get_behavior_session(number)
        pd.testing.assert_frame_equal(expected.trials, session.trials)
        pd.testing.assert_frame_equal(expected.stimulus_presentations, session.stimulus_presentations, check_like=True)
        metrics = session.get_performance_metrics()
        assert all(row[name] == metrics[name] for name in metrics if name in row)
        assert row["indicator"] == "GCaMP6f"
        assert row["date_of_acquisition"] == session.metadata["date_of_acquisition"]


def test_second_build_adds_a_version_and_changes_no_file(
    release: pathlib.Path, pickles: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    folder = shutil.copytree(release, tmp_path / "bucket")
    before = read_files(folder)
    another = simulate("OPHYS_6_images_B", mouse=Mouse(mouse_id="2", seen=SESSION_TYPES), minutes=2, seed=9)
    assert build_release([*pickles, another], folder).name.endswith("v1.1.0.json")
    after = read_files(folder)
    assert {path: after[path] for path in before} == before
    assert check_release(folder) == []
    old, new = open_release(folder, version="1.0.0"), open_release(folder, version="1.1.0")
    assert (len(old.get_behavior_session_table()), len(new.get_behavior_session_table())) == (8, 9)
    kept = new.get_behavior_session_table().loc[old.get_behavior_session_table().index]
    assert kept["file_id"].tolist() == old.get_behavior_session_table()["file_id"].tolist()
    assert "1 file added" in new.compare_manifests(*reversed(new.list_manifest_file_names()))


def test_version_must_be_higher(release: pathlib.Path, pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(release, tmp_path / "bucket")
    assert build_release(pickles, folder, version="2.0.0").name.endswith("v2.0.0.json")
    with pytest.raises(BadValue, match=r"Version 1\.5\.0 is not higher than the newest release in the folder, 2\.0\.0"):
        build_release(pickles, folder, version="1.5.0")
    with pytest.raises(BadValue, match="expected three numbers"):
        build_release(pickles, folder, version="new")


def test_several_processes_build_the_same_release(
    release: pathlib.Path, pickles: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    build_release(pickles, tmp_path / "bucket", jobs=2)
    table = "project_metadata/behavior_session_table.csv"
    assert (tmp_path / "bucket" / PROJECT / table).read_bytes() == (release / PROJECT / table).read_bytes()


def test_changed_published_file_is_an_error(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bucket"
    build_release(pickles[:2], folder)
    path = next((folder / PROJECT / "behavior_sessions").glob("*.nwb"))
    with open(path, "r+b") as file:
        file.seek(-200, 2)
        file.write(b"damaged")
    with pytest.raises(BadValue, match="is not the file that an earlier release published"):
        build_release(pickles[:2], folder)


def test_published_table_path_is_not_used_again(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bucket"
    table = folder / PROJECT / "project_metadata" / "behavior_session_table.csv"
    build_release(pickles[:2], folder)
    table.unlink()
    build_release(pickles[:3], folder)
    assert len(open_release(folder).get_behavior_session_table()) == 3
    assert not table.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bucket": "a?b"}, "bucket is 'a\\?b'; expected an S3 bucket name"),
        ({"version": "007.0.0"}, "expected three numbers"),
        ({"version": 2}, "expected three numbers"),
    ],
)
def test_invalid_bucket_names_and_versions_are_an_error(
    options: dict[str, Any], message: str, pickles: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    with pytest.raises(BadValue, match=message):
        build_release(pickles[:1], tmp_path / "bucket", **options)


def test_failed_sessions_are_listed_and_nothing_is_published(
    pickles: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    truncated = tmp_path / "cut.pkl"
    truncated.write_bytes(pickle.dumps(pickles[0], protocol=2)[:-400])
    folder = tmp_path / "bucket"
    with pytest.raises(BadValue, match=r"2 of 3 sessions could not be released. Nothing was published") as caught:
        build_release([truncated, pickles[1], tmp_path / "absent.nwb"], folder)
    assert "cut.pkl is truncated" in str(caught.value)
    assert "absent.nwb" in str(caught.value)
    with pytest.raises(NotFound):
        check_release(folder)
    kept = next((folder / PROJECT / "behavior_sessions").glob("*.nwb"))
    written = kept.stat().st_mtime_ns
    build_release(pickles[1:3], folder)
    assert kept.stat().st_mtime_ns == written


def test_folder_with_other_files_and_empty_release_are_errors(
    tmp_path: pathlib.Path, pickles: list[dict[str, Any]]
) -> None:
    (tmp_path / "photographs.txt").write_text("mine")
    with pytest.raises(BadValue, match="is not empty and contains no release"):
        build_release(pickles, tmp_path)
    with pytest.raises(BadValue, match="is a file; a release needs its own folder"):
        build_release(pickles, tmp_path / "photographs.txt")
    with pytest.raises(BadValue, match="A release needs at least one session; there are none"):
        build_release([], tmp_path / "empty")
    assert (tmp_path / "photographs.txt").read_text() == "mine"


def test_interrupted_build_is_continued(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bucket"
    sessions = folder / PROJECT / "behavior_sessions"
    sessions.mkdir(parents=True)
    session = BehaviorSession.from_json({"behavior_stimulus_file": pickles[0]})
    complete = write_nwb(session, sessions / f"behavior_session_{session.behavior_session_id}.nwb")
    (sessions / ".part-1234-x.nwb").write_bytes(b"half")
    written = complete.stat().st_mtime_ns
    build_release(pickles[:2], folder)
    assert complete.stat().st_mtime_ns == written
    assert check_release(folder) == []


def test_buckets_have_their_own_default_caches(
    two_releases: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "cache"))
    build_release([simulate("TRAINING_1_gratings", minutes=1, seed=8)], tmp_path / "second")
    assert len(Cache.from_s3_cache(bucket_name_override=two_releases).get_behavior_session_table()) == 9
    assert len(Cache.from_s3_cache(bucket_name_override=tmp_path / "second").get_behavior_session_table()) == 1


def check_both_versions(open_cache: Any) -> None:
    """Open both releases of a folder and download a session of each, verified by its hash."""
    for version, count in (("1.0.0", 8), ("1.1.0", 9)):
        cache = open_cache(version)
        assert cache.current_manifest().endswith(f"v{version}.json")
        table = cache.get_behavior_session_table()
        assert len(table) == count
        session = cache.get_behavior_session(table.index[-1], download=True)
        assert len(session.trials) == table["trial_count"].iloc[-1]


@NGINX
def test_release_is_served_by_a_web_server(two_releases: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with nginx(two_releases) as server:
        check_both_versions(lambda version: Cache.from_s3_cache(tmp_path, server.endpoint, version=version))


@RCLONE
def test_release_is_served_by_an_s3_server_without_ranges(two_releases: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with rclone(two_releases) as server:
        check_both_versions(
            lambda version: Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint, version=version)
        )


def test_release_is_served_by_a_bucket_without_versions(two_releases: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with moto_server(versioned=False) as server:
        for path, content in read_files(two_releases).items():
            put_object(server, path, content)
        check_both_versions(
            lambda version: Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint, version=version)
        )


def test_release_is_opened_from_a_folder(two_releases: pathlib.Path, tmp_path: pathlib.Path) -> None:
    check_both_versions(lambda version: Cache.from_s3_cache(tmp_path, two_releases, version=version))


def test_column_of_missing_lists_is_float64(release: pathlib.Path) -> None:
    """As in AllenSDK; see the next test."""
    table = open_release(release).get_behavior_session_table()
    for name in ("ophys_experiment_id", "ophys_container_id"):
        assert table[name].isna().all()
        assert table[name].dtype == np.float64


@needs_allensdk
def test_allensdk_reads_the_same_values(release: pathlib.Path, tmp_path: pathlib.Path) -> None:
    cache = open_release(release)
    table = cache.get_behavior_session_table()
    done = subprocess.run([PYTHON, CHILD, release, tmp_path / "out.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    allensdk = json.loads((tmp_path / "out.json").read_text())
    assert [int(number) for number in allensdk["table"]] == table.index.tolist()
    types = {name: kind for name, kind in allensdk["types"].items() if kind != "object" and "datetime" not in kind}
    assert types["ophys_experiment_id"] == "float64"
    assert {name: str(table[name].dtype) for name in types} == types
    for number, row in allensdk["table"].items():
        for name, value in row.items():
            ours = table.loc[int(number), name]
            assert str(ours) == value or (value in ("nan", "None", "<NA>") and pd.isna(ours)), (number, name)
    for number, values in allensdk["sessions"].items():
        session = cache.get_behavior_session(int(number))
        np.testing.assert_array_equal(session.trials["start_time"], values["start_time"])
        np.testing.assert_array_equal(session.licks["timestamps"], values["licks"])
        np.testing.assert_allclose(session.running_speed["speed"], values["speed"], rtol=0, atol=0)
        metrics = session.get_performance_metrics()
        for name, value in values["metrics"].items():
            assert metrics[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name
