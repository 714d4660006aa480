"""Builds of releases that run in one folder at the same time."""

from __future__ import annotations

import pathlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from filelock import FileLock

from tests.project.synthetic_release import read_files
from tests.publish.simulated_release import open_release
from visbehavior import BadValue, build_release, check_release
from visbehavior.project.manifest import PROJECT
from visbehavior.store.locks import BUILD_LOCK


def test_a_build_says_that_another_is_running(release: pathlib.Path, pickles: list[dict[str, Any]]) -> None:
    before = read_files(release)
    with FileLock(str(release / PROJECT / BUILD_LOCK)), pytest.raises(BadValue, match="Another build is running in"):
        build_release(pickles[:1], release)
    assert read_files(release) == before


def test_one_of_several_builds_wins_whole(pickles: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    """Each has other sessions, and would write other tables of the same names."""
    barrier = threading.Barrier(3)

    def build(number: int) -> pathlib.Path | BadValue:
        barrier.wait()
        try:
            return build_release(pickles[number : number + 2], tmp_path / "bucket")
        except BadValue as error:
            return error

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(build, range(3)))
    published = [result for result in results if isinstance(result, pathlib.Path)]
    assert published
    assert all("Another build is running" in str(result) for result in results if isinstance(result, BadValue))
    assert check_release(tmp_path / "bucket") == []
    assert (open_release(tmp_path / "bucket").verify(progress=False)["state"] == "complete").all()
    assert len(list((tmp_path / "bucket" / PROJECT / "manifests").iterdir())) == len(published)
