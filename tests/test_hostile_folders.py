"""Cache folders and releases with damaged files: each function returns or raises an error of one short line."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from tests.hostile import find_problem
from tests.project.synthetic_release import FILES, MANIFESTS, PROJECT, TABLES, make_bucket_tree
from visbehavior import VisualBehaviorOphysProjectCache as Cache
from visbehavior import build_release, check_release, simulate
from visbehavior.project import verify

TABLE = f"{PROJECT}-1.1.0/project_metadata/{{}}.csv"
SESSION = f"{PROJECT}-1.1.0/{FILES['1941'][0]}"
RELEASE_TABLE = f"{PROJECT}/project_metadata/behavior_session_table.csv"

TABLE_ACTIONS: dict[str, Callable[[Cache], Any]] = {
    "behavior sessions": Cache.get_behavior_session_table,
    "imaging sessions": Cache.get_ophys_session_table,
    "imaging planes": Cache.get_ophys_experiment_table,
    "cells": Cache.get_ophys_cells_table,
    "mouse": lambda cache: cache.get_mouse(457841),
    "session": lambda cache: cache.get_behavior_session(11),
    "imaging session": lambda cache: cache.get_behavior_session(12),
    "imaging plane": lambda cache: cache.get_behavior_ophys_experiment(22),
    "unknown session": lambda cache: cache.get_behavior_session(501),
    "performance": lambda cache: cache.get_performance_table([11], progress=False),
}
FILE_ACTIONS: dict[str, Callable[[Cache], Any]] = {
    "description": lambda cache: cache.get_behavior_session(11).describe(),
    "download": lambda cache: cache.download([11, 12], progress=False),
    "verify": lambda cache: cache.verify(progress=False),
    "repair": lambda cache: cache.verify(repair=True, progress=False),
    "hash": Cache.construct_local_manifest,
    "compare": lambda cache: cache.compare_manifests(*cache.list_manifest_file_names() * 2),
}


def replace_by_folder(path: pathlib.Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def replace_by_pipe(path: pathlib.Path) -> None:
    path.unlink(missing_ok=True)
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)


DAMAGES: dict[str, Callable[[pathlib.Path], object]] = {
    "deleted": lambda path: path.unlink(missing_ok=True),
    "a folder": replace_by_folder,
    "a pipe": replace_by_pipe,
    "empty": lambda path: path.write_bytes(b""),
    "not text": lambda path: path.write_bytes(b"\xff\xfe\x00\x80"),
    "text": lambda path: path.write_text("x\ny,z\n"),
    "JSON": lambda path: path.write_text("[" * 100_000),
    "null": lambda path: path.write_text("null"),
}

DAMAGED_FILES = [
    TABLE.format("behavior_session_table"),
    SESSION,
    MANIFESTS[1],
    *("_manifest_last_used.txt", "_downloaded_data.json", "_visbehavior_verified.txt", "_visbehavior_performance.txt"),
]


def damage_columns(content: str) -> Iterator[tuple[str, str]]:
    """Yield a table in CSV with each column missing or of other values, and with repeated rows."""
    table = pd.read_csv(io.StringIO(content))
    for name in table:
        yield f"without {name}", table.drop(columns=name).to_csv(index=False)
        for value in ("['x", "9" * 5_000):
            yield f"{name} of {value[:9]}", table.assign(**{str(name): value}).to_csv(index=False)
    yield "rows twice", pd.concat([table, table]).to_csv(index=False)
    yield "no rows", table.iloc[:0].to_csv(index=False)
    yield "columns twice", pd.concat([table, table], axis=1).to_csv(index=False)


@pytest.fixture(autouse=True)
def _isolated(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "own"))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of the bucket; the folder "cache" beside it is a cache of its files."""
    return make_bucket_tree(tmp_path_factory.mktemp("bucket"))


@pytest.fixture(scope="module")
def cache_folder(bucket: pathlib.Path) -> pathlib.Path:
    return bucket.parent / "cache"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("release") / "bucket"
    build_release([simulate("TRAINING_0_gratings_autorewards_15min", minutes=1, seed=1)], folder)
    return folder


def problems_of(open_cache: Callable[[], Cache], actions: dict[str, Callable[[Cache], Any]]) -> Iterator[str]:
    """Open a cache, and describe what goes wrong in the actions; none is possible if the cache cannot be opened."""
    opened: list[Cache] = []
    if problem := find_problem(lambda: opened.append(open_cache())):
        yield f"open: {problem}"
    for cache in opened:
        for label, action in actions.items():
            if problem := find_problem(functools.partial(action, cache)):
                yield f"{label}: {problem}"


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize("name", DAMAGED_FILES)
def test_damaged_files_are_reported_in_one_line(
    name: str, is_local: bool, bucket: pathlib.Path, cache_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    open_cache = (
        Cache.from_local_cache if is_local else functools.partial(Cache.from_s3_cache, bucket_name_override=bucket)
    )
    problems = []
    for label, damage in DAMAGES.items():
        folder = tmp_path / label
        shutil.copytree(cache_folder, folder)
        damage(folder / name)
        actions = TABLE_ACTIONS | FILE_ACTIONS
        found = problems_of(functools.partial(open_cache, folder), actions)
        problems += [f"{label}: {problem}" for problem in found]
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


@pytest.mark.parametrize(
    ("name", "allensdk_version"), [*((name, "2.16") for name in TABLES), (next(iter(TABLES)), "2.10")]
)
def test_damaged_tables_are_reported_in_one_line(
    name: str, allensdk_version: str, cache_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(cache_folder, folder)
    path, problems = folder / TABLE.format(name), []
    for label, content in damage_columns(TABLES[name]):
        path.write_text(content)
        open_cache = functools.partial(Cache.from_local_cache, folder, allensdk_version=allensdk_version)
        problems += [f"{label}: {problem}" for problem in problems_of(open_cache, TABLE_ACTIONS)]
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


def test_damaged_releases_are_reported_in_one_line(release: pathlib.Path, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "release"
    shutil.copytree(release, folder)
    manifest_path = next((folder / PROJECT / "manifests").iterdir())
    original, problems = manifest_path.read_text(), []
    for label, content in damage_columns((release / RELEASE_TABLE).read_text()):
        (folder / RELEASE_TABLE).write_text(content)
        manifest = json.loads(original)
        entry = manifest["metadata_files"]["behavior_session_table"]
        entry["file_hash"] = hashlib.blake2b(content.encode()).hexdigest()
        manifest_path.write_text(json.dumps(manifest))
        problems.append(f"{label}: {find_problem(lambda: check_release(folder))}")
    del manifest["metadata_files"]["behavior_session_table"]
    manifest_path.write_text(json.dumps(manifest))
    problems.append(f"no table: {find_problem(lambda: check_release(folder))}")
    for name in (RELEASE_TABLE, f"{PROJECT}/manifests/{manifest_path.name}", f"{PROJECT}/behavior_sessions"):
        for label, damage in DAMAGES.items():
            shutil.rmtree(folder)
            shutil.copytree(release, folder)
            path = folder / name
            damage(next(path.iterdir()) if path.is_dir() else path)
            problems.append(f"{name} {label}: {find_problem(lambda: check_release(folder))}")
            build = functools.partial(build_release, [folder / "none.nwb"], folder)
            problems.append(f"{name} {label}, build: {find_problem(build)}")
    problems = [problem for problem in problems if not problem.endswith(": ")]
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


def test_files_deleted_during_verify_are_reported(
    cache_folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    shutil.copytree(cache_folder, folder)
    hash_file = verify.hash_file

    def delete_after_hashing(path: pathlib.Path, *arguments: Any) -> str:
        file_hash = hash_file(path, *arguments)
        path.unlink()
        return file_hash

    monkeypatch.setattr(verify, "hash_file", delete_after_hashing)
    states = Cache.from_local_cache(folder).verify(progress=False)
    assert len(states) > 4
    assert (states["size"] == 0).all()
