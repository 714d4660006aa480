"""Streamed sessions equal local ones, whatever is cached and whatever other processes do."""

from __future__ import annotations

import os
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faultserver import FaultServer
from tests.store.objects import (
    KEY,
    fetch_blocks,
    files_beside,
    put,
    random_bytes,
    remote_object,
)
from visbehavior import BehaviorSession
from visbehavior.errors import ChangedFile, CorruptFile, VisBehaviorError
from visbehavior.nwb.reader import NwbReader
from visbehavior.store import coalesce, journal, partial_file, remote_file
from visbehavior.store import remote_object as remote_object_module
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.download import download_files

ROOT = pathlib.Path(__file__).parents[2]
TIMEOUT = 120


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[FaultServer]:
    (tmp_path / "bucket").mkdir()
    with FaultServer(tmp_path / "bucket") as server:
        yield server


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "cache"


def run_child(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.store.streamed_session_child", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=TIMEOUT,
    )


@contextmanager
def blocks_of_size(size: int) -> Iterator[None]:
    """Use small blocks, so that a small file has many."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (coalesce, journal, partial_file, remote_file, remote_object_module):
            patched.setattr(module, "BLOCK", size)
        yield


def values_of(session: BehaviorSession, names: list[str]) -> dict[str, Any]:
    values = {name: getattr(session, name) for name in names}
    return {name: value() if callable(value) else value for name, value in values.items()}


def names_in(session: BehaviorSession) -> list[str]:
    return [*session.list_data_attributes_and_methods(), "encoder"]


def assert_same(mine: Any, other: Any) -> None:
    assert type(mine) is type(other)
    if isinstance(mine, pd.DataFrame):
        pd.testing.assert_frame_equal(mine, other)
    elif isinstance(mine, dict):
        assert list(mine) == list(other)
        for name in mine:
            assert_same(mine[name], other[name])
    else:
        np.testing.assert_equal(mine, other)


@pytest.fixture(scope="module")
def session_server(session_file: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        put(server, session_file.read_bytes())
        yield server


@pytest.fixture(scope="module")
def local(session_file: pathlib.Path) -> dict[str, Any]:
    session = BehaviorSession.from_nwb_path(session_file)
    return values_of(session, names_in(session))


@pytest.fixture(scope="module")
def newer(newer_file: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server with a file of the newest layout, for tests that do not depend on the layout."""
    with FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        put(server, newer_file.read_bytes())
        yield server


@pytest.fixture(scope="module")
def local_newer(newer_file: pathlib.Path) -> dict[str, Any]:
    session = BehaviorSession.from_nwb_path(newer_file)
    return values_of(session, names_in(session))


def session_of(server: FaultServer, folder: pathlib.Path, **options: Any) -> BehaviorSession:
    return BehaviorSession(NwbReader(remote_object(server, folder)), **options)


@pytest.mark.parametrize("size", [BLOCK, 2048])
def test_a_streamed_session_equals_the_local_one(
    session_server: FaultServer, local: dict[str, Any], cache: pathlib.Path, size: int
) -> None:
    with blocks_of_size(size):
        session = session_of(session_server, cache)
        for name, expected in local.items():
            assert_same(values_of(session, [name])[name], expected)
        copy = pickle.loads(pickle.dumps(session))
        assert_same(copy.trials, local["trials"])


@pytest.mark.parametrize("size", [BLOCK, 2048])
def test_each_attribute_alone(
    session_server: FaultServer, local: dict[str, Any], cache: pathlib.Path, size: int
) -> None:
    """First from the server, then by another process from the cache alone."""
    with blocks_of_size(size):
        for name, expected in local.items():
            session_server.reset()
            assert_same(values_of(session_of(session_server, cache / name), [name])[name], expected)
            assert session_server.requests
            session_server.reset()
            assert_same(values_of(session_of(session_server, cache / name), [name])[name], expected)
            assert not session_server.requests


def rounds_of_two_tables(server: FaultServer, folder: pathlib.Path, **replaced: Any) -> tuple[int, int]:
    """Return the number of batches that the open file downloads for the trials, and after them for the rewards."""
    reader = NwbReader(remote_object(server, folder))
    vars(reader._file).update(replaced)
    session, count = BehaviorSession(reader), count_rounds(reader)
    _ = session.trials
    of_trials = count[0]
    _ = session.rewards
    return of_trials, count[0] - of_trials


def test_the_first_table_finds_the_groups_of_the_next_ones_with_its_own_requests(
    newer: FaultServer, cache: pathlib.Path
) -> None:
    with blocks_of_size(2048):
        alone = rounds_of_two_tables(newer, cache / "alone", _groups=(), _read_ahead={})
        both = rounds_of_two_tables(newer, cache / "both", _groups=())
    assert both[0] == alone[0]
    assert both[1] < alone[1]


def test_the_groups_are_found_while_the_file_is_opened(newer: FaultServer, cache: pathlib.Path) -> None:
    with blocks_of_size(2048):
        later = rounds_of_two_tables(newer, cache / "later", _groups=(), _read_ahead={})
        found = rounds_of_two_tables(newer, cache / "found", _read_ahead={})
    assert sum(found) < sum(later)


def count_rounds(reader: NwbReader) -> list[int]:
    """Return a list with the number of batches that the file has downloaded so far."""
    file, rounds = reader._file, [0]
    download = file._download

    def counted(remote: remote_file.RemoteFile) -> None:
        rounds[0] += 1
        download(remote)

    file._download = counted  # type: ignore[method-assign]
    return rounds


def test_two_reads_do_not_look_ahead_and_later_ones_do(newer: FaultServer, cache: pathlib.Path) -> None:
    with blocks_of_size(2048):
        session = session_of(newer, cache)
        calls = 0
        look = session._reader._locate_tables

        def count() -> None:
            nonlocal calls
            calls += 1
            look()

        session._reader._file._read_ahead = {3: count}
        _ = session.trials, session.rewards
        assert not calls
        _ = session.licks
        assert calls
        _ = session.running_speed, session.stimulus_presentations, session.metadata
        before = calls
        _ = session.raw_running_speed
        assert calls == before, "once everything is found, nothing is looked for"


def test_threads_that_share_a_remote_session_do_not_block_each_other(newer: FaultServer, cache: pathlib.Path) -> None:
    session = session_of(newer, cache)
    is_inside, done = threading.Event(), []

    def read_later() -> None:
        is_inside.set()
        # The other thread has the lock of the session by now.
        time.sleep(0.2)
        done.append(session.licks)

    def prefetch() -> None:
        session._reader.prefetch(read_later)

    def read() -> None:
        is_inside.wait(TIMEOUT)
        done.append(session.trials)

    threads = [threading.Thread(target=target, daemon=True) for target in (prefetch, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert done


@given(data=st.data())
@settings(max_examples=5)
@pytest.mark.parametrize("size", [BLOCK, 2048])
def test_attributes_do_not_depend_on_the_cached_blocks(
    session_server: FaultServer, local: dict[str, Any], size: int, data: st.DataObject
) -> None:
    """Holes are never read as zeros."""
    with blocks_of_size(size), tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        remote = remote_object(session_server, folder)
        count = -(-remote.start().size // size)
        fetch_blocks(remote, data.draw(st.sets(st.integers(0, count - 1), max_size=count), "cached"))
        session = BehaviorSession(NwbReader(remote))
        for name in data.draw(st.permutations(list(local)), "order"):
            assert_same(values_of(session, [name])[name], local[name])


def test_a_session_continues_when_another_process_finishes_its_file(
    newer: FaultServer, local_newer: dict[str, Any], cache: pathlib.Path
) -> None:
    session = session_of(newer, cache)
    content = (newer.folder / KEY).read_bytes()
    with session._reader.opened():
        assert_same(session.licks, local_newer["licks"])
        download_files([remote_object(newer, cache, content)], progress=False)
        newer.reset()
        assert_same(session.trials, local_newer["trials"])
    for name, expected in local_newer.items():
        assert_same(values_of(session, [name])[name], expected)
    assert not newer.requests
    assert files_beside(cache / "session.nwb") == []


def test_a_session_raises_when_its_object_is_replaced(
    newer: FaultServer, local_newer: dict[str, Any], cache: pathlib.Path
) -> None:
    newer.reset()
    session = session_of(newer, cache)
    assert_same(session.metadata, local_newer["metadata"])
    put(newer, (newer.folder / KEY).read_bytes())
    with pytest.raises(ChangedFile, match="was replaced"):
        values_of(session, list(local_newer))
    assert_same(values_of(session_of(newer, cache), list(local_newer)), local_newer)


def test_several_sessions_in_threads(newer: FaultServer, local_newer: dict[str, Any], cache: pathlib.Path) -> None:
    """HDF5 must not confuse their files, and no thread may wait for another one's requests."""
    newer.reset()
    content = (newer.folder / KEY).read_bytes()
    put(newer, content[:-1] + b"\0", "other.nwb")
    sessions = [session_of(newer, cache / str(number)) for number in range(4)]
    sessions += [BehaviorSession(NwbReader(remote_object(newer, cache, key="other.nwb"))) for _ in range(4)]

    def work(number: int) -> dict[str, Any]:
        return values_of(sessions[number], random.Random(number).sample(list(local_newer), len(local_newer)))

    with ThreadPoolExecutor(8) as pool:
        for values in pool.map(work, range(8)):
            for name in local_newer:
                assert_same(values[name], local_newer[name])


@pytest.fixture
def nwb(newer_file: pathlib.Path) -> bytes:
    return newer_file.read_bytes()


@given(fraction=st.floats(0, 1))
@settings(max_examples=25)
def test_a_truncated_object_is_corrupt(newer: FaultServer, newer_file: pathlib.Path, fraction: float) -> None:
    content = newer_file.read_bytes()
    put(newer, content[: int(fraction * (len(content) - 1))], "cut.nwb")
    with tempfile.TemporaryDirectory() as folder:
        session = BehaviorSession(NwbReader(remote_object(newer, pathlib.Path(folder), key="cut.nwb")))
        with pytest.raises(CorruptFile, match=r"is truncated|is empty|cannot be read"):
            _ = session.trials


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"<html>Sign in</html>", "cannot be read"), (random_bytes(3 * BLOCK), "cannot be read")],
    ids=["empty", "page", "noise"],
)
def test_an_object_that_is_not_hdf5_is_corrupt(
    server: FaultServer, cache: pathlib.Path, content: bytes, message: str
) -> None:
    put(server, content)
    session = session_of(server, cache)
    for read in (lambda: session.trials, session.get_performance_metrics):
        with pytest.raises(CorruptFile, match=message) as caught:
            read()
        assert str(caught.value).startswith(f"{server.endpoint}/{server.bucket}/{KEY}")


def with_offset(content: bytes, path: pathlib.Path, name: str, offset: int) -> bytes:
    """The file with another offset of a dataset's values."""
    with h5py.File(path) as file:
        data = file[name].id
        layout = struct.pack("<QQ", data.get_offset(), data.get_storage_size())
    assert content.count(layout) == 1
    return content.replace(layout, struct.pack("<Q", offset) + layout[8:])


@pytest.mark.parametrize("name", ["trials/initial_image_name", "trials/go", "trials/id", "trials/start_time"])
@pytest.mark.parametrize("position", ["end", "far"])
def test_values_after_the_end_of_the_file_are_corrupt(
    server: FaultServer, cache: pathlib.Path, nwb: bytes, newer_file: pathlib.Path, name: str, position: str
) -> None:
    damaged = with_offset(nwb, newer_file, f"intervals/{name}", len(nwb) - 3 if position == "end" else 1 << 40)
    put(server, damaged)
    (cache.parent / "local.nwb").write_bytes(damaged)
    errors = []
    for session in (BehaviorSession.from_nwb_path(cache.parent / "local.nwb"), session_of(server, cache)):
        with pytest.raises(VisBehaviorError) as caught:
            _ = session.trials
        errors.append(type(caught.value))
    assert errors == [CorruptFile, CorruptFile]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_reads_cached_data_only(newer: FaultServer, cache: pathlib.Path) -> None:
    newer.reset()
    done = run_child("fork", newer.endpoint, cache)
    assert done.stdout.splitlines() == ["licks", "TransferFailed", "0"], done.stderr
    assert "it was forked from a process that had read from it" in done.stderr
    assert len(newer.requests) == int(done.stderr.splitlines()[0])


@pytest.mark.parametrize("moment", ["between", "within"])
def test_a_process_with_an_open_session_exits_cleanly(newer: FaultServer, cache: pathlib.Path, moment: str) -> None:
    """HDF5 with a Python file object once caused a segmentation fault at exit."""
    done = run_child(f"exit {moment}", newer.endpoint, cache)
    assert (done.returncode, done.stdout, done.stderr) == (0, "60\n", "")
