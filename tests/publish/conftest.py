"""Fixtures with releases of simulated mice."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

import pytest

from tests.publish.simulated_release import NEUROPIXELS_SESSION_TYPES, SESSION_TYPES
from visbehavior import Mouse, build_release, simulate, simulate_mouse


@pytest.fixture(scope="session")
def pickles() -> list[dict[str, Any]]:
    """Pickles of the sessions of two simulated mice."""
    return [
        pickle
        for n in (1, 2)
        for pickle in simulate_mouse(Mouse(mouse_id=str(n)), sessions=SESSION_TYPES, minutes=2, seed=n)
    ]


@pytest.fixture(scope="session")
def release(pickles: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Folder with a release of these sessions. Tests must not write to it."""
    folder = tmp_path_factory.mktemp("release") / "bucket"
    build_release(pickles, folder)
    return folder


@pytest.fixture(scope="session")
def two_releases(
    release: pathlib.Path, pickles: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """Folder with two releases, the second with one more session. Tests must not write to it."""
    folder = shutil.copytree(release, tmp_path_factory.mktemp("two_releases") / "bucket")
    another = simulate("OPHYS_6_images_B", mouse=Mouse(mouse_id="2", seen=SESSION_TYPES), minutes=2, seed=9)
    build_release([*pickles, another], folder)
    return folder


@pytest.fixture(scope="session")
def neuropixels_pickles() -> list[dict[str, Any]]:
    """Pickles of a simulated mouse that was recorded twice."""
    return list(simulate_mouse(Mouse(mouse_id="900001"), sessions=NEUROPIXELS_SESSION_TYPES, minutes=2, seed=1))


@pytest.fixture(scope="session")
def neuropixels_release(
    neuropixels_pickles: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """Folder with a release of these sessions. Tests must not write to it."""
    folder = tmp_path_factory.mktemp("neuropixels") / "bucket"
    build_release(neuropixels_pickles, folder, project="neuropixels")
    return folder
