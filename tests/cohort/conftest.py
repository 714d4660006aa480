"""Fixtures with a release of simulated mice, and a store of its sessions."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from visbehavior import (
    Cohort,
    Mouse,
    VisualBehaviorOphysProjectCache,
    build_cohort,
    build_release,
    open_cohort,
    simulate_mouse,
)

SESSION_TYPES = ("TRAINING_0_gratings_autorewards_15min", "OPHYS_1_images_A", "OPHYS_5_images_B_passive")


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Folder with a release of two simulated mice, three sessions each. Tests must not write to it."""
    folder = tmp_path_factory.mktemp("release") / "bucket"
    pickles = [
        pickle
        for n in (1, 2)
        for pickle in simulate_mouse(Mouse(mouse_id=str(n)), sessions=SESSION_TYPES, minutes=3, seed=n)
    ]
    build_release(pickles, folder)
    return folder


@pytest.fixture(scope="session")
def cache(release_folder: pathlib.Path) -> VisualBehaviorOphysProjectCache:
    """Cache of the release."""
    return VisualBehaviorOphysProjectCache.from_local_cache(release_folder, use_static_cache=True)


@pytest.fixture(scope="session")
def ids(cache: VisualBehaviorOphysProjectCache) -> list[int]:
    """Ids of its sessions, sorted."""
    return sorted(cache.get_behavior_session_table().index)


@pytest.fixture(scope="session")
def store(cache: VisualBehaviorOphysProjectCache, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Store of its sessions with all tables. Tests must not write to it."""
    from visbehavior.schema.cohort import ROW_TABLES

    folder = tmp_path_factory.mktemp("store") / "store"
    status = build_cohort(cache, folder, tables=[table.name for table in ROW_TABLES])
    assert (status["status"] == "done").all(), status
    return folder


@pytest.fixture
def cohort(store: pathlib.Path) -> Iterator[Cohort]:
    """The store, open."""
    with open_cohort(store) as opened:
        yield opened
