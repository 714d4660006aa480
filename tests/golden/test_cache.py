"""One folder for both programs, with a synthetic bucket, if AllenSDK's recordings exist."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import TypeAlias

import pytest

from tests.golden.recordings import GOLDEN, needs_recordings
from tests.oracle import PYTHON, needs_allensdk
from visbehavior import VisualBehaviorOphysProjectCache

pytestmark = needs_recordings
TOOLS = GOLDEN.parent / "tools"
SESSION = 891635659
CHILD = pathlib.Path(__file__).with_name("allensdk_cache_child.py")


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> Iterator[str]:
    command = [sys.executable, TOOLS / "s3wan.py", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


Found: TypeAlias = tuple[list[str], list[float]]


def allensdk(folder: pathlib.Path, endpoint: str) -> Found:
    """Return the index types of the tables that AllenSDK finds in a cache folder, their rows, and the session's metrics."""
    environment = os.environ | {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-west-2"}
    done = subprocess.run(
        [PYTHON, CHILD, folder, str(SESSION)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    types, numbers = json.loads(done.stdout.splitlines()[-1])
    return types, numbers


def ours(folder: pathlib.Path, endpoint: str, download: bool) -> Found:
    cache = VisualBehaviorOphysProjectCache.from_s3_cache(folder, endpoint=endpoint)
    tables = [cache.get_behavior_session_table(), cache.get_ophys_session_table(), cache.get_ophys_experiment_table()]
    tables.append(cache.get_ophys_cells_table())
    metrics = cache.get_behavior_session(SESSION, download).get_performance_metrics()
    return [str(table.index.dtype) for table in tables], [*map(len, tables), *metrics.values()]


@needs_allensdk
def test_either_program_uses_what_the_other_downloaded(tmp_path: pathlib.Path) -> None:
    bucket = tmp_path / "bucket"
    real = GOLDEN / "v1.0" / f"behavior_session_{SESSION}.nwb.xz"
    subprocess.run([sys.executable, TOOLS / "make_bucket.py", bucket, "--nwb", real], check=True, capture_output=True)
    with serving(bucket) as endpoint:
        types, from_ours = ours(tmp_path / "ours", endpoint, download=True)
        their_types, from_theirs = allensdk(tmp_path / "theirs", endpoint)
    (bucket / "visual-behavior-ophys" / "behavior_sessions" / f"behavior_session_{SESSION}.nwb").unlink()
    with serving(bucket) as endpoint:
        assert allensdk(tmp_path / "ours", endpoint)[1] == pytest.approx(from_theirs)
        assert ours(tmp_path / "theirs", endpoint, download=False) == (types, from_ours)
    assert types == their_types == ["int64", "Int64", "int64", "int64"]
    assert from_ours == pytest.approx(from_theirs, rel=1e-12)
