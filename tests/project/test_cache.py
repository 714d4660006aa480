"""A cache on this machine's disks."""

from __future__ import annotations

import datetime
import os
import pathlib

import numpy as np
import pandas as pd
import pytest

from tests.project.release import PROJECT, TABLES, make_bucket_tree, make_release
from visbehavior import BadValue, MissingData, NotCached, NotFound, VisualBehaviorOphysProjectCache
from visbehavior.project.tables import read_project_table
from visbehavior.schema.project import BEHAVIOR_SESSION_TABLE, PROJECT_TABLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def cache(folder: pathlib.Path) -> VisualBehaviorOphysProjectCache:
    return VisualBehaviorOphysProjectCache.from_local_cache(folder)


def older(folder: pathlib.Path) -> VisualBehaviorOphysProjectCache:
    return VisualBehaviorOphysProjectCache.from_local_cache(folder, allensdk_version="2.10")


def test_the_behavior_session_table(cache: VisualBehaviorOphysProjectCache) -> None:
    table = cache.get_behavior_session_table()
    assert table.index.tolist() == [11, 12, 13, 14]
    assert table.index.name == "behavior_session_id"
    assert table["mouse_id"].tolist() == ["457841", "457841", "457841", "445002"]
    for name in ("ophys_session_id", "age_in_days", "session_number"):
        assert table[name].dtype == "Int64"
    assert table.loc[12, "driver_line"] == ["Sst-IRES-Cre", "Ai148"]
    assert table.loc[12, "ophys_experiment_id"] == [21, 22]
    assert np.isnan(table.loc[11, "ophys_experiment_id"])
    assert table.loc[12, "date_of_acquisition"].to_pydatetime() == datetime.datetime(
        2019, 5, 20, 10, 0, 0, 500000, tzinfo=datetime.UTC
    )
    assert table["file_id"].tolist() == [1941, -999, 1942, 1943]
    # Ids come first, what nobody declared last.
    assert list(table)[:2] == ["ophys_session_id", "ophys_container_id"]
    assert list(table)[-1] == "novelty"
    assert cache.get_behavior_session_table(suppress=None) is table


def test_the_other_tables(cache: VisualBehaviorOphysProjectCache) -> None:
    assert cache.get_ophys_session_table().index.dtype == "Int64"
    assert cache.get_ophys_experiment_table()["passive"].dtype == bool
    cells = cache.get_ophys_cells_table()
    assert cells["cell_specimen_id"].dtype == "Int64"
    assert cells["cell_specimen_id"].isna().tolist() == [False, True]


def test_lists_of_two_rows_are_two_lists(cache: VisualBehaviorOphysProjectCache) -> None:
    table = cache.get_behavior_session_table()
    table.loc[11, "driver_line"].append("mine")
    assert table.loc[13, "driver_line"] == ["Sst-IRES-Cre"]


def test_the_names_and_types_of_2_10(folder: pathlib.Path) -> None:
    table = older(folder).get_behavior_session_table()
    assert list(table) == TABLES["behavior_session_table"].splitlines()[0].split(",")[1:]
    assert table["mouse_id"].dtype == np.int64
    assert table["ophys_session_id"].dtype == np.float64
    assert table.loc[11, "date_of_acquisition"] == "2019-05-18 10:00:00+00:00"
    assert table.loc[12, "ophys_container_id"] == [41, 42]


@pytest.mark.parametrize("mouse_id", [457841, "457841", np.int64(457841)])
@pytest.mark.parametrize("convention", ["2.16", "2.10"])
def test_a_mouse(folder: pathlib.Path, mouse_id: int | str, convention: str) -> None:
    mouse = VisualBehaviorOphysProjectCache.from_local_cache(folder, allensdk_version=convention).get_mouse(mouse_id)
    assert mouse.index.tolist() == [13, 11, 12]
    assert mouse["day"].tolist() == [0, 1, 3]
    assert mouse["has_imaging"].tolist() == [False, False, True]


def test_a_mouse_that_is_none(cache: VisualBehaviorOphysProjectCache) -> None:
    with pytest.raises(NotFound, match=r"Release 1\.1\.0 has no mouse 7"):
        cache.get_mouse(7)


@pytest.mark.parametrize("number", [11, "11", np.int64(11), 11.0])
def test_a_behavior_session(cache: VisualBehaviorOphysProjectCache, folder: pathlib.Path, number: object) -> None:
    session = cache.get_behavior_session(number)  # type: ignore[arg-type]
    assert session.behavior_session_id == 11
    assert session.source.release == "1.1.0"
    assert session.source.location == str(folder / f"{PROJECT}-1.1.0" / "behavior_sessions" / "behavior_session_11.nwb")
    assert session.source.file_hash is not None
    assert len(session.source.file_hash) == 128


def test_an_imaging_session_from_any_of_its_planes(cache: VisualBehaviorOphysProjectCache) -> None:
    session = cache.get_behavior_session(12)
    assert session.behavior_session_id == 12
    assert session.source.location.endswith("behavior_ophys_experiment_22.nwb")


def test_the_convention_goes_to_the_sessions(folder: pathlib.Path) -> None:
    assert "stimulus_change" in older(folder).get_behavior_session(11).trials


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (22, r"22 is an ophys_experiment_id, of behavior session 12\."),
        (31, r"31 is an ophys_session_id, of behavior session 12\."),
        (41, r"41 is an ophys_container_id, of behavior session 12\."),
        (501, r"501 is a cell_roi_id, of behavior session 12\."),
        (601, r"601 is a cell_specimen_id, of behavior session 12\."),
        (457841, r"457841 is a mouse: get_mouse\(457841\)"),
        (99, r"Release 1\.1\.0 has no behavior session 99\. get_behavior_session_table\(\) lists them"),
        (14, "names no file for behavior session 14"),
    ],
)
def test_ids_of_another_kind(cache: VisualBehaviorOphysProjectCache, number: int, message: str) -> None:
    with pytest.raises(NotFound, match=message):
        cache.get_behavior_session(number)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (12, r"no imaging plane 12\. 12 is a behavior_session_id, of imaging planes 21, 22\."),
        (31, r"31 is an ophys_session_id, of imaging planes 21, 22\."),
        (502, r"502 is a cell_roi_id, of imaging plane 22\."),
        (11, r"11 is a behavior session without imaging\."),
        (99, r"no imaging plane 99\. get_ophys_experiment_table\(\) lists them"),
    ],
)
def test_planes_of_another_kind(cache: VisualBehaviorOphysProjectCache, number: int, message: str) -> None:
    with pytest.raises(NotFound, match=message):
        cache.download(ophys_experiment_ids=number)


@pytest.mark.parametrize("number", ["x", None, 1.5, True, [11], float("inf")])
def test_what_is_no_id(cache: VisualBehaviorOphysProjectCache, number: object) -> None:
    with pytest.raises(BadValue, match="expected a whole number"):
        cache.get_behavior_session(number)  # type: ignore[arg-type]


def test_a_file_that_is_not_here(tmp_path: pathlib.Path) -> None:
    cache = VisualBehaviorOphysProjectCache.from_local_cache(make_release(tmp_path, missing=("0", "1", "1942")))
    with pytest.raises(NotCached, match=r"behavior_session_13\.nwb; it is at https://"):
        cache.get_behavior_session(13)
    with pytest.raises(NotCached, match=r"behavior_ophys_experiment_21\.nwb"):
        cache.get_behavior_session(12)


def test_a_table_that_is_not_here(tmp_path: pathlib.Path) -> None:
    cache = VisualBehaviorOphysProjectCache.from_local_cache(make_release(tmp_path))
    (tmp_path / f"{PROJECT}-1.1.0" / "project_metadata" / "ophys_cells_table.csv").unlink()
    with pytest.raises(NotCached, match=r"ophys_cells_table\.csv is not in "):
        cache.get_ophys_cells_table()


def test_several_releases(tmp_path: pathlib.Path) -> None:
    for version in ("1.0.1", "1.10.0", "1.9.0"):
        make_release(tmp_path, version, missing=("0", "1", "1942"))
    cache = VisualBehaviorOphysProjectCache.from_local_cache(tmp_path)
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
    pinned = VisualBehaviorOphysProjectCache.from_local_cache(tmp_path, version="1.9.0")
    assert pinned.current_manifest() == names[1]
    with pytest.raises(NotCached, match=r"v2\.0\.0\.json is not in .*; there are .*v1\.0\.1\.json"):
        VisualBehaviorOphysProjectCache.from_local_cache(tmp_path, version="2.0.0")
    (tmp_path / "_manifest_last_used.txt").write_text(names[0] + "\n")
    assert VisualBehaviorOphysProjectCache.from_local_cache(tmp_path).current_manifest() == names[0]


def test_the_buckets_own_tree(tmp_path: pathlib.Path) -> None:
    tree = make_bucket_tree(tmp_path)
    cache = VisualBehaviorOphysProjectCache.from_local_cache(tree, use_static_cache=True)
    assert len(cache.get_behavior_session(11).trials)
    with pytest.raises(NotFound, match="use_static_cache=True"):
        VisualBehaviorOphysProjectCache.from_local_cache(tree)


def test_nothing_is_written(tmp_path: pathlib.Path) -> None:
    make_release(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    cache = VisualBehaviorOphysProjectCache.from_local_cache(tmp_path)
    _ = cache.get_behavior_session_table(), cache.get_behavior_session(11).trials
    assert sorted(tmp_path.rglob("*")) == before
    for path in before:
        path.chmod(0o755)


def test_what_is_no_cache(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="There is no folder"):
        VisualBehaviorOphysProjectCache.from_local_cache(tmp_path / "none")
    with pytest.raises(NotFound, match="There is no manifest"):
        VisualBehaviorOphysProjectCache.from_local_cache(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", BadValue, "no table of comma-separated values"),
        (b'a,b\n"1', BadValue, "no table of comma-separated values"),
        (b"\xff\xfe\x00", BadValue, "no table of comma-separated values"),
        (b"a,b\n1,2\n", MissingData, "has no column behavior_session_id; it has a, b"),
        (b"behavior_session_id,age_in_days\n1,old\n", BadValue, "the column age_in_days holds what it should not"),
        (
            b"behavior_session_id,driver_line\n1,__import__('os')\n",
            BadValue,
            "the column driver_line holds what it should not",
        ),
        (b"behavior_session_id,driver_line\n1,7\n", BadValue, "driver_line"),
        (b"behavior_session_id,date_of_acquisition\n1,yesterday\n", BadValue, "date_of_acquisition"),
    ],
)
def test_bad_tables(content: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_project_table(content, BEHAVIOR_SESSION_TABLE, "2.16")


def test_a_table_without_rows() -> None:
    table = read_project_table(
        b"behavior_session_id,mouse_id,driver_line,date_of_acquisition\n", BEHAVIOR_SESSION_TABLE, "2.16"
    )
    assert isinstance(table, pd.DataFrame)
    assert table.empty


def test_each_declaration_is_sound() -> None:
    for table in PROJECT_TABLES:
        assert table.index not in table.by_name
        assert table.docstring()
