"""The download of one file by several processes: killed, interrupted, with locks and without."""

from __future__ import annotations

import functools
import os
import pathlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from filelock import FileLock

from tests.faultserver import FaultServer
from tests.store.downloads import CONTENT, MAX_BLOCKS, CallingServer, assert_complete, fetch, small_objects
from tests.store.objects import (
    KEY,
    fetch_blocks,
    file_names,
    files_beside,
    hash_of,
    partial_and_journal,
    put,
    remote_object,
    sent_bytes,
)
from visbehavior.store import download, file_download
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.paths import lock_path
from visbehavior.store.remote_object import RemoteObject

pytestmark = pytest.mark.usefixtures("small_requests")

CHILD = pathlib.Path(__file__).with_name("download_child.py")
TIMEOUT = 120


@pytest.fixture
def server(download_server: FaultServer) -> FaultServer:
    return download_server


@pytest.fixture
def cache(deep_cache: pathlib.Path) -> pathlib.Path:
    return deep_cache


@pytest.fixture
def calling(tmp_path: pathlib.Path) -> Iterator[CallingServer]:
    (tmp_path / "bucket").mkdir()
    with CallingServer(tmp_path / "bucket") as server:
        put(server, CONTENT)
        yield server


class Child:
    """A process that downloads the object."""

    def __init__(self, server: FaultServer, folder: pathlib.Path, mode: str = "") -> None:
        file_hash = hash_of(CONTENT)
        self.process = subprocess.Popen(
            [sys.executable, CHILD, server.endpoint, server.bucket, KEY, folder, file_hash, str(MAX_BLOCKS), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def start(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def wait(self) -> tuple[int, str]:
        """Exit status and stderr."""
        _, errors = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, errors


@contextmanager
def children(count: int, server: FaultServer, folder: pathlib.Path, mode: str = "") -> Iterator[list[Child]]:
    """Processes that are ready to start."""
    processes = [Child(server, folder, mode) for _ in range(count)]
    try:
        for child in processes:
            child.wait_until_ready()
        yield processes
    finally:
        for child in processes:
            child.process.kill()
            child.process.communicate()


def test_a_download_that_is_killed_repeatedly_is_resumed(calling: CallingServer, tmp_path: pathlib.Path) -> None:
    remote = remote_object(calling, tmp_path / "cache", CONTENT)
    rng = random.Random(5)
    cached = 0
    for _ in range(4):
        with children(1, calling, remote.final.parent) as (child,):
            calling.call, calling.remaining = child.process.kill, rng.randrange(2, 4)
            child.start()
            child.wait()
        assert not remote.final.exists()
        partial = PartialFile(remote.final)
        partial.load()
        assert partial.cached_bytes() >= cached
        cached = partial.cached_bytes()
    assert cached
    # Another server, because threads of the first one may still be sending to the killed child, and counting.
    with FaultServer(calling.folder) as fresh:
        fetch(remote_object(fresh, remote.final.parent, CONTENT))
        assert sent_bytes(fresh) == len(CONTENT) - cached
    assert_complete(remote)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_ctrl_c_keeps_the_bytes_of_running_requests(calling: CallingServer, tmp_path: pathlib.Path) -> None:
    remote = remote_object(calling, tmp_path / "cache", CONTENT)
    with children(1, calling, remote.final.parent) as (child,):
        calling.call, calling.remaining = functools.partial(child.process.send_signal, signal.SIGINT), 3
        child.start()
        status, errors = child.wait()
    assert status
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert files_beside(remote.final) == [path.name for path in partial_and_journal(remote.final)]
    partial = PartialFile(remote.final)
    partial.load()
    cached = partial.cached_bytes()
    assert cached >= BLOCK
    with FaultServer(calling.folder) as fresh:
        fetch(remote_object(fresh, remote.final.parent, CONTENT))
        assert sent_bytes(fresh) == len(CONTENT) - cached
    assert_complete(remote)


def test_processes_with_locks_download_a_file_about_once(calling: CallingServer, tmp_path: pathlib.Path) -> None:
    remote = remote_object(calling, tmp_path / "cache", CONTENT)
    with children(8, calling, remote.final.parent) as processes:
        for child in processes:
            child.start()
        assert [child.wait() for child in processes] == [(0, "")] * 8
    assert_complete(remote)
    assert sent_bytes(calling) < 1.5 * len(CONTENT)


def test_processes_without_locks_download_a_file_correctly(calling: CallingServer, tmp_path: pathlib.Path) -> None:
    remote = remote_object(calling, tmp_path / "cache", CONTENT)
    with children(8, calling, remote.final.parent, "without locks") as processes:
        for child in processes:
            child.start()
        assert [child.wait() for child in processes] == [(0, "")] * 8
    assert remote.final.read_bytes() == CONTENT


def test_another_process_without_lock_finishes_the_file(calling: CallingServer, tmp_path: pathlib.Path) -> None:
    remote = remote_object(calling, tmp_path / "cache", CONTENT)
    other = remote_object(calling, tmp_path / "cache", CONTENT)

    def finish() -> None:
        calling.remaining = -1
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(file_download, "try_acquire", lambda _: True)
            fetch(other)

    for remaining in (2, 3, 5):
        calling.call, calling.remaining = finish, remaining
        fetch(remote, jobs=2)
        assert_complete(remote)
        remote.final.unlink()


@contextmanager
def stalled_lock(remote: RemoteObject) -> Iterator[None]:
    """The lock of a process that downloads nothing."""
    remote.partial.make_folder()
    with FileLock(str(lock_path(remote.final))):
        yield


def test_the_lock_of_a_stalled_process_is_ignored(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(file_download, "LOCK_TIMEOUT", 0.05)
    remote = remote_object(server, cache, CONTENT)
    remote.start()
    remote.partial.record_downloader("process 7 on elsewhere")
    with stalled_lock(remote):
        fetch(remote_object(server, cache, CONTENT))
    assert remote.final.read_bytes() == CONTENT
    out, error = capsys.readouterr()
    lock = f"{remote.final}.blocks.lock"
    assert out == ""
    assert error == (
        f"session.nwb: process 7 on elsewhere holds {lock} and makes no progress. Continuing without the lock.\n"
    )
    assert files_beside(remote.final) == ["session.nwb.blocks.lock"]


def test_the_lock_of_an_unknown_process_is_ignored(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(file_download, "LOCK_TIMEOUT", 0.05)
    remote = remote_object(server, cache, CONTENT)
    with stalled_lock(remote):
        fetch(remote)
    assert remote.final.read_bytes() == CONTENT
    assert "another process holds" in capsys.readouterr().err


def test_the_lock_timeout_begins_with_the_first_attempt(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not when the download of all files begins."""
    now = [0.0]
    monkeypatch.setattr(file_download.time, "monotonic", lambda: now[0])
    remote = remote_object(server, cache, CONTENT)
    lock = FileLock(str(lock_path(remote.final)))
    remote.partial.make_folder()
    polls = iter(range(3))

    def sleep(_: float) -> None:
        if next(polls, None) is None:
            lock.release()

    monkeypatch.setattr(download.time, "sleep", sleep)
    check_space = download._check_space

    def check_space_slowly(files: Any) -> None:
        check_space(files)
        now[0] += 10 * file_download.LOCK_TIMEOUT

    monkeypatch.setattr(download, "_check_space", check_space_slowly)
    lock.acquire()
    fetch(remote)
    assert_complete(remote)
    assert capsys.readouterr().err == ""


def test_a_process_waits_while_another_one_makes_progress(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long it takes. The blocks of the other process are not requested again."""
    remote, other = remote_object(server, cache, CONTENT), remote_object(server, cache, CONTENT)
    other.start()
    lock = FileLock(str(lock_path(remote.final)))
    now = [0.0]
    monkeypatch.setattr(file_download.time, "monotonic", lambda: now[0])
    blocks = iter(range(1, 60))

    def sleep(_: float) -> None:
        now[0] += file_download.LOCK_TIMEOUT * 0.9
        block = next(blocks, None)
        if block is None:
            lock.release()
        else:
            fetch_blocks(other, [block])

    monkeypatch.setattr(download.time, "sleep", sleep)
    lock.acquire()
    fetch(remote)
    assert_complete(remote)
    assert sent_bytes(server) == len(CONTENT)
    assert capsys.readouterr().err == ""


def test_a_locked_file_does_not_delay_the_others(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remotes = small_objects(server, cache)
    lock = FileLock(str(lock_path(remotes[0].final)))
    remotes[0].partial.make_folder()
    complete_counts: list[int] = []

    def sleep(_: float) -> None:
        complete_counts.append(len([remote for remote in remotes if remote.is_complete]))
        lock.release()

    monkeypatch.setattr(download.time, "sleep", sleep)
    lock.acquire()
    fetch(*remotes)
    assert complete_counts == [5]
    assert file_names(cache) == [remote.final.name for remote in remotes]
