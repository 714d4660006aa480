"""Visual Behavior Neuropixels: comparison with what AllenSDK itself returned for the same files."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from tests.golden.recordings import TOLERANCES, needs_recordings, recordings, unpacked
from tests.golden.test_golden import compare, make_cache_folder, names
from visbehavior import BehaviorSession, VisualBehaviorNeuropixelsProjectCache

pytestmark = needs_recordings


@pytest.mark.parametrize(
    "path", recordings("vbn/behavior_session_*.sdk-*.npz") + recordings("vbn/*.behavior.sdk-*.npz"), ids=names
)
def test_session_equals_recording(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    stem = path.name.split(".")[0]
    file = unpacked(path.with_name(f"{stem}.nwb.xz"), tmp_path)

    def session(**options: Any) -> BehaviorSession:
        return BehaviorSession.from_nwb_path(file, **options)

    assert list(compare(path, session, TOLERANCES)) == []


@pytest.mark.parametrize("path", recordings("vbn/project_metadata/tables.sdk-*.npz"), ids=names)
def test_project_tables_equal_recording(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    make_cache_folder(path.parent, tmp_path)
    release = next(tmp_path.glob("visual-behavior-neuropixels-*"))
    for number, folder in ((f"behavior_session_{n}", "behavior_only_sessions") for n in (990200001, 990200003)):
        place(path.parents[1], release / folder, number)
    for number in ("ecephys_session_990210001", "ecephys_session_990210002"):
        place(path.parents[1], release / "behavior_ecephys_sessions", number)

    def cache(**options: Any) -> VisualBehaviorNeuropixelsProjectCache:
        return VisualBehaviorNeuropixelsProjectCache.from_local_cache(tmp_path, **options)

    # The recording itself, with its spikes, is AllenSDK's.
    found = compare(path, cache, TOLERANCES, lambda expression: not re.match("get_ecephys_session\\(", expression))
    assert list(found) == []


def place(packed: pathlib.Path, folder: pathlib.Path, stem: str) -> None:
    """Unpack a file to where the cache keeps it."""
    target = folder / stem.rpartition("_")[2]
    target.mkdir(parents=True)
    unpacked(packed / f"{stem}.nwb.xz", target)
