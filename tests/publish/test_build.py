"""A release of one's own: built, checked, opened as the public one is."""

from __future__ import annotations

import json
import pathlib
import pickle
import shutil
import subprocess
from functools import partial
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.nwbfiles import make_session, write_session
from tests.oracle import PYTHON, needs_allensdk
from tests.servers import NGINX, RCLONE, moto_server, nginx, put_object, rclone
from visbehavior import (
    BadValue,
    BehaviorSession,
    Mouse,
    NotFound,
    UnsupportedFile,
    build_release,
    check_release,
    simulate,
    simulate_mouse,
    write_nwb,
)
from visbehavior import (
    VisualBehaviorOphysProjectCache as Cache,
)
from visbehavior.project.manifest import PROJECT
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE

DAYS = (
    "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_3_images_A_10uL_reward",
    "OPHYS_1_images_A",
    "OPHYS_4_images_B",
)
CHILD = pathlib.Path(__file__).with_name("build_child.py")


@pytest.fixture(scope="module")
def days() -> list[dict[str, Any]]:
    return [day for n in (1, 2) for day in simulate_mouse(Mouse(mouse_id=str(n)), sessions=DAYS, minutes=2, seed=n)]


@pytest.fixture(scope="module")
def built(days: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("release") / "bucket"
    build_release(days, folder)
    return folder


def opened(folder: pathlib.Path, **given: Any) -> Cache:
    return Cache.from_local_cache(folder, use_static_cache=True, **given)


def files_of(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_release_is_opened_as_the_public_one_is(built: pathlib.Path, days: list[dict[str, Any]]) -> None:
    cache = opened(built)
    table = cache.get_behavior_session_table()
    assert list(table.columns) == BEHAVIOR_SESSION_TABLE.names()
    assert table["session_type"].tolist() == [*DAYS, *DAYS]
    assert table["experience_level"].tolist() == ["Training", "Training", "Familiar", "Novel 1"] * 2
    assert table["prior_exposures_to_image_set"].fillna(-1).tolist() == [-1, 0, 1, 0] * 2
    assert cache.get_mouse(2)["day"].tolist() == [0, 1, 2, 3]
    assert [
        len(cache.get_ophys_session_table()),
        len(cache.get_ophys_experiment_table()),
        len(cache.get_ophys_cells_table()),
    ] == [0, 0, 0]
    for raw, (number, row) in zip(days, table.iterrows(), strict=True):
        mine, theirs = BehaviorSession.from_json({"behavior_stimulus_file": raw}), cache.get_behavior_session(number)
        pd.testing.assert_frame_equal(mine.trials, theirs.trials)
        pd.testing.assert_frame_equal(mine.stimulus_presentations, theirs.stimulus_presentations, check_like=True)
        metrics = theirs.get_performance_metrics()
        assert all(row[name] == metrics[name] for name in metrics if name in row)
        assert row["indicator"] == "GCaMP6f"
        assert row["date_of_acquisition"] == theirs.metadata["date_of_acquisition"]


def test_nothing_is_wrong_with_it(built: pathlib.Path) -> None:
    assert check_release(built) == []


def test_it_says_what_is_wrong(built: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(built, tmp_path / "bucket")
    sessions = sorted((folder / PROJECT / "behavior_sessions").glob("*.nwb"))
    with open(sessions[0], "r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    sessions[1].unlink()
    wrong = check_release(folder)
    assert sorted(wrong) == sorted(
        [
            f"behavior_sessions/{sessions[0].name} has another hash than the manifest says",
            f"behavior_sessions/{sessions[1].name} is not there",
        ]
    )
    with pytest.raises(NotFound, match="no release in"):
        check_release(tmp_path / "nothing")


def test_a_table_that_does_not_agree_with_its_files_is_noticed(built: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(built, tmp_path / "bucket")
    (manifest_path,) = (folder / PROJECT / "manifests").iterdir()
    table_path = folder / PROJECT / "project_metadata" / "behavior_session_table.csv"
    table = pd.read_csv(table_path)
    table.loc[2, "hit_trial_count"] += 1
    table.loc[3, "experience_level"] = "Familiar"
    table.loc[7, "file_id"] = 99
    table.to_csv(table_path, index=False)
    manifest = json.loads(manifest_path.read_text())
    entry = manifest["metadata_files"]["behavior_session_table"]
    import hashlib

    entry["file_hash"] = hashlib.blake2b(table_path.read_bytes()).hexdigest()
    manifest_path.write_text(json.dumps(manifest))
    wrong = "\n".join(check_release(folder))
    assert f"session {table.loc[2, 'behavior_session_id']}: hit_trial_count is" in wrong
    assert "experience_level is Familiar in behavior_session_table, and Novel 1 by its file and the other rows" in wrong
    assert "file 99 is in behavior_session_table and not in the manifest" in wrong
    assert "file 8 is in the manifest and not in behavior_session_table" in wrong


def test_a_second_build_adds_a_version_and_changes_nothing(
    built: pathlib.Path, days: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    folder = shutil.copytree(built, tmp_path / "bucket")
    before = files_of(folder)
    more = simulate("OPHYS_6_images_B", mouse=Mouse(mouse_id="2", seen=DAYS), minutes=2, seed=9)
    manifest = build_release([*days, more], folder)
    assert manifest.name.endswith("v1.1.0.json")
    after = files_of(folder)
    assert {path: after[path] for path in before} == before
    assert check_release(folder) == []
    old, new = opened(folder, version="1.0.0"), opened(folder, version="1.1.0")
    assert (len(old.get_behavior_session_table()), len(new.get_behavior_session_table())) == (8, 9)
    kept = new.get_behavior_session_table().loc[old.get_behavior_session_table().index]
    assert kept["file_id"].tolist() == old.get_behavior_session_table()["file_id"].tolist()
    assert "1 files added" in new.compare_manifests(*reversed(new.list_manifest_file_names()))
    third = build_release(days, folder, version="2.0.0")
    assert third.name.endswith("v2.0.0.json")
    with pytest.raises(BadValue, match=r"Version 1\.5\.0 does not come after the newest release there, 2\.0\.0"):
        build_release(days, folder, version="1.5.0")
    with pytest.raises(BadValue, match="expected three numbers"):
        build_release(days, folder, version="new")


def test_sessions_come_in_many_shapes(days: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    pickled = tmp_path / "behavior_session_800000001.pkl"
    pickled.write_bytes(pickle.dumps(days[0], protocol=2))
    known = tmp_path / "known.json"
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(days[1], protocol=2))
    known.write_text(json.dumps({"behavior_stimulus_file": "b.pkl", "behavior_session_id": 800000002}))
    nwb = write_session(tmp_path / "s.nwb", make_session(trials=20).but(behavior_session_id=800000003), "1.0")
    in_memory = BehaviorSession.from_json({"behavior_stimulus_file": days[2], "behavior_session_id": 800000004})
    called = partial(simulate, "TRAINING_1_gratings", minutes=1, seed=3)
    sessions = [
        pickled,
        str(known),
        nwb,
        in_memory,
        BehaviorSession.from_nwb_path(nwb),
        called,
        {"behavior_stimulus_file": days[3]},
    ]
    with pytest.raises(BadValue, match="Two sessions have the id of 800000003"):
        build_release(sessions, tmp_path / "bucket")
    del sessions[4]
    build_release(iter(sessions), tmp_path / "bucket")
    table = opened(tmp_path / "bucket").get_behavior_session_table()
    assert len(table) == 6
    assert {800000001, 800000002, 800000003, 800000004} <= set(table.index)
    copied = tmp_path / "bucket" / PROJECT / "behavior_sessions" / "behavior_session_800000003.nwb"
    assert copied.read_bytes() == nwb.read_bytes()
    assert check_release(tmp_path / "bucket") == []


def test_processes_give_the_same(built: pathlib.Path, days: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    build_release(days, tmp_path / "bucket", jobs=2)
    table = "project_metadata/behavior_session_table.csv"
    assert (tmp_path / "bucket" / PROJECT / table).read_bytes() == (built / PROJECT / table).read_bytes()


def test_a_changed_file_gets_a_name_of_its_own(tmp_path: pathlib.Path) -> None:
    nwb = write_session(tmp_path / "s.nwb", make_session(trials=20).but(behavior_session_id=800000003))
    build_release([nwb], tmp_path / "bucket")
    with h5py.File(nwb, "r+") as file:
        file["general/subject/age"][()] = "P77D"
    build_release([nwb], tmp_path / "bucket")
    ages = [
        opened(tmp_path / "bucket", version=v).get_behavior_session(800000003).metadata["age_in_days"]
        for v in ("1.0.0", "1.1.0")
    ]
    assert ages[1] == 77 != ages[0]
    assert check_release(tmp_path / "bucket") == []


def test_what_was_corrected_is_published_beside_what_was(days: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bucket"
    build_release([days[0], days[1]], folder)
    build_release(
        [{"behavior_stimulus_file": days[0], "sex": "M" if days[0]["session_data"]["sex"] == "F" else "F"}, days[1]],
        folder,
    )
    (number, *_) = opened(folder, version="1.0.0").get_behavior_session_table().index
    sexes = [opened(folder, version=v).get_behavior_session_table().loc[number, "sex"] for v in ("1.0.0", "1.1.0")]
    assert sorted(sexes) == ["F", "M"]
    assert check_release(folder) == []


def test_a_correction_is_written_once_and_in_memory_too(days: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bucket"
    other = "M" if days[0]["session_data"]["sex"] == "F" else "F"
    build_release([days[0]], folder)
    corrected = BehaviorSession.from_json({"behavior_stimulus_file": days[0], "sex": other})
    build_release([corrected], folder)
    before = files_of(folder)
    build_release([{"behavior_stimulus_file": days[0], "sex": other}], folder)
    new = set(files_of(folder)) - set(before)
    assert [pathlib.PurePath(path).name for path in new] == ["visual-behavior-ophys_project_manifest_v1.2.0.json"]
    assert opened(folder).get_behavior_session_table()["sex"].tolist() == [other]
    stranger = simulate("TRAINING_1_gratings", minutes=1, seed=4)
    number = days[0]["session_data"]["behavior_session_id"]
    with pytest.raises(BadValue, match=rf"Two sessions have the id of behavior_session_{number}\.nwb"):
        build_release(
            [BehaviorSession.from_json({"behavior_stimulus_file": stranger, "behavior_session_id": number})], folder
        )


def test_what_was_published_is_not_replaced_or_published_damaged(
    days: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "bucket"
    build_release(days[:2], folder)
    path = next((folder / PROJECT / "behavior_sessions").glob("*.nwb"))
    with open(path, "r+b") as file:
        file.seek(-200, 2)
        file.write(b"damaged")
    with pytest.raises(BadValue, match="is not what an earlier release published"):
        build_release(days[:2], folder)
    other = tmp_path / "other"
    build_release(days[:2], other)
    (other / PROJECT / "project_metadata" / "behavior_session_table.csv").unlink()
    build_release(days[:3], other)
    assert len(opened(other).get_behavior_session_table()) == 3
    assert not (other / PROJECT / "project_metadata" / "behavior_session_table.csv").exists()


def test_a_file_that_lacks_a_table_is_not_released(days: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    nwb = write_nwb(BehaviorSession.from_json({"behavior_stimulus_file": days[1]}), tmp_path / "s.nwb")
    with h5py.File(nwb, "r+") as file:
        del file["processing/running"]
    with pytest.raises(BadValue, match="1 of 1 sessions could not be released"):
        build_release([nwb], tmp_path / "bucket")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bucket": "a?b"}, "bucket is 'a\\?b'; expected a name as S3 has them"),
        ({"version": "007.0.0"}, "expected three numbers"),
        ({"version": 2}, "expected three numbers"),
    ],
)
def test_names_that_nobody_could_open(
    given: dict[str, Any], says: str, days: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    with pytest.raises(BadValue, match=says):
        build_release(days[:1], tmp_path / "bucket", **given)


@pytest.mark.parametrize("item", [None, 5])
def test_what_is_no_session(item: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(BadValue, match=f"{item} is no session"):
        build_release([item], tmp_path / "bucket")


def test_other_buckets_have_caches_of_their_own(
    twice: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "cache"))
    build_release([simulate("TRAINING_1_gratings", minutes=1, seed=8)], tmp_path / "second")
    assert len(Cache.from_s3_cache(bucket_name_override=twice).get_behavior_session_table()) == 9
    assert len(Cache.from_s3_cache(bucket_name_override=tmp_path / "second").get_behavior_session_table()) == 1


def test_what_cannot_be_released_is_listed_and_nothing_is_published(
    days: list[dict[str, Any]], tmp_path: pathlib.Path
) -> None:
    cut = tmp_path / "cut.pkl"
    cut.write_bytes(pickle.dumps(days[0], protocol=2)[:-400])
    folder = tmp_path / "bucket"
    with pytest.raises(BadValue, match=r"2 of 3 sessions could not be released. Nothing was published") as found:
        build_release([cut, days[1], tmp_path / "absent.nwb"], folder)
    assert "cut.pkl is cut short" in str(found.value)
    assert "absent.nwb" in str(found.value)
    with pytest.raises(NotFound):
        check_release(folder)
    kept = next((folder / PROJECT / "behavior_sessions").glob("*.nwb"))
    stamp = kept.stat().st_mtime_ns
    build_release([days[1], days[2]], folder)
    assert kept.stat().st_mtime_ns == stamp


def test_two_sessions_of_one_id(days: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    twice = [{"behavior_stimulus_file": day, "behavior_session_id": 800000009} for day in days[:2]]
    with pytest.raises(BadValue, match=r"Two sessions have the id of behavior_session_800000009\.nwb"):
        build_release(twice, tmp_path / "bucket")
    with pytest.raises(BadValue, match="Two sessions have the id of"):
        build_release([days[0], days[0]], tmp_path / "other")


def test_folders_that_are_none_of_ours(tmp_path: pathlib.Path, days: list[dict[str, Any]]) -> None:
    (tmp_path / "photographs.txt").write_text("mine")
    with pytest.raises(BadValue, match="holds something else, and no release"):
        build_release(days, tmp_path)
    with pytest.raises(BadValue, match="is a file; a release needs a folder of its own"):
        build_release(days, tmp_path / "photographs.txt")
    with pytest.raises(BadValue, match="A release needs sessions; there are none"):
        build_release([], tmp_path / "empty")
    assert (tmp_path / "photographs.txt").read_text() == "mine"


def test_a_file_of_an_imaging_plane_is_refused(tmp_path: pathlib.Path) -> None:
    nwb = write_session(tmp_path / "s.nwb", make_session(trials=20))
    with h5py.File(nwb, "r+") as file:
        file["general/metadata"].attrs["ophys_experiment_id"] = 5
    with pytest.raises(BadValue, match="is a file of an imaging plane; releases are made of behavior sessions"):
        build_release([nwb], tmp_path / "bucket")
    assert issubclass(UnsupportedFile, ValueError)


def test_images_go_along(tmp_path: pathlib.Path) -> None:
    raw = simulate("OPHYS_1_images_A", minutes=1, seed=1, images=True)
    build_release([raw], tmp_path / "bucket")
    (number,) = opened(tmp_path / "bucket").get_behavior_session_table().index
    templates = opened(tmp_path / "bucket").get_behavior_session(number).stimulus_templates
    mine = BehaviorSession.from_json({"behavior_stimulus_file": raw}).stimulus_templates
    for name in ("warped", "unwarped"):
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(templates[name], mine[name], strict=True))
    (file,) = (tmp_path / "bucket" / PROJECT / "behavior_sessions").iterdir()
    assert file.stat().st_size < 60e6


def check_both_versions(folder: pathlib.Path, open_cache: Any) -> None:
    """Both releases of a folder, whole files and tables, verified by their hashes."""
    for version, count in (("1.0.0", 8), ("1.1.0", 9)):
        cache = open_cache(version)
        assert cache.current_manifest().endswith(f"v{version}.json")
        table = cache.get_behavior_session_table()
        assert len(table) == count
        session = cache.get_behavior_session(table.index[-1], download=True)
        assert len(session.trials) == table["trial_count"].iloc[-1]


@pytest.fixture(scope="module")
def twice(built: pathlib.Path, days: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with two releases."""
    folder = shutil.copytree(built, tmp_path_factory.mktemp("twice") / "bucket")
    build_release(
        [*days, simulate("OPHYS_6_images_B", mouse=Mouse(mouse_id="2", seen=DAYS), minutes=2, seed=9)], folder
    )
    return folder


@NGINX
def test_a_web_server_will_do(twice: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with nginx(twice) as server:
        check_both_versions(twice, lambda version: Cache.from_s3_cache(tmp_path, server.endpoint, version=version))


@RCLONE
def test_an_s3_server_that_knows_no_versions_will_do(twice: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with rclone(twice) as server:
        check_both_versions(
            twice,
            lambda version: Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint, version=version),
        )


def test_a_bucket_without_versions_will_do(twice: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with moto_server(versioned=False) as server:
        for path, content in files_of(twice).items():
            put_object(server, path, content)
        check_both_versions(
            twice,
            lambda version: Cache.from_s3_cache(tmp_path, server.bucket, endpoint=server.endpoint, version=version),
        )


def test_a_folder_will_do(twice: pathlib.Path, tmp_path: pathlib.Path) -> None:
    check_both_versions(twice, lambda version: Cache.from_s3_cache(tmp_path, twice, version=version))


def test_a_column_of_lists_without_any_is_float64(built: pathlib.Path) -> None:
    """As AllenSDK leaves it (below)."""
    table = opened(built).get_behavior_session_table()
    for name in ("ophys_experiment_id", "ophys_container_id"):
        assert table[name].isna().all()
        assert table[name].dtype == np.float64


@needs_allensdk
def test_allensdk_opens_it_and_finds_the_same(built: pathlib.Path, tmp_path: pathlib.Path) -> None:
    cache = opened(built)
    table = cache.get_behavior_session_table()
    done = subprocess.run([PYTHON, CHILD, built, tmp_path / "out.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert [int(number) for number in found["table"]] == table.index.tolist()
    types = {name: kind for name, kind in found["types"].items() if kind != "object" and "datetime" not in kind}
    assert types["ophys_experiment_id"] == "float64"
    assert {name: str(table[name].dtype) for name in types} == types
    for number, row in found["table"].items():
        for name, value in row.items():
            mine = table.loc[int(number), name]
            assert str(mine) == value or (value in ("nan", "None", "<NA>") and pd.isna(mine)), (number, name)
    for number, session in found["sessions"].items():
        mine = cache.get_behavior_session(int(number))
        np.testing.assert_array_equal(mine.trials["start_time"], session["start_time"])
        np.testing.assert_array_equal(mine.licks["timestamps"], session["licks"])
        np.testing.assert_allclose(mine.running_speed["speed"], session["speed"], rtol=0, atol=0)
        metrics = mine.get_performance_metrics()
        for name, value in session["metrics"].items():
            assert metrics[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name


def test_writing_goes_on_where_it_was_broken_off(days: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    """A release whose builder was killed before its manifest."""
    folder = tmp_path / "bucket"
    sessions = folder / PROJECT / "behavior_sessions"
    sessions.mkdir(parents=True)
    session = BehaviorSession.from_json({"behavior_stimulus_file": days[0]})
    done = write_nwb(session, sessions / f"behavior_session_{session.behavior_session_id}.nwb")
    (sessions / ".part-1234-x.nwb").write_bytes(b"half")
    stamp = done.stat().st_mtime_ns
    build_release(days[:2], folder)
    assert done.stat().st_mtime_ns == stamp
    assert check_release(folder) == []
