"""Whole files: right or not there, whatever the wire, the server or another process does."""

from __future__ import annotations

import errno
import functools
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faultserver import FOREVER, KINDS, Fault, FaultServer, Request
from tests.servers import NGINX, RCLONE, nginx, rclone
from tests.store.objects import (
    KEY,
    asked_for,
    be_direct,
    beside,
    digest,
    made_bytes,
    parts_of,
    put,
    remote_of,
    retry_at_once,
    sent,
)
from visbehavior.errors import (
    CannotWrite,
    ChangedFile,
    CorruptFile,
    DiskFull,
    NotFound,
    TransferFailed,
    VisBehaviorError,
)
from visbehavior.store import download as transfer
from visbehavior.store import partial_file as blocks
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.download import download_files, hash_file
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.remote_file import NotHere, RemoteObject
from visbehavior.store.source import Address, ObjectSource

CHILD = pathlib.Path(__file__).with_name("download_child.py")
PATIENCE = 120
# Nine requests, the last of them short; and files of one request each.
PIECE = 8
CONTENT = made_bytes(8 * PIECE * BLOCK + BLOCK + 4321)
OTHER = bytes(byte ^ 0x55 for byte in CONTENT)
SMALL = {f"a/{at}.nwb": made_bytes(3 * BLOCK + at, at) for at in range(6)}
COUNT = -(-len(CONTENT) // BLOCK)


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    be_direct(monkeypatch)
    retry_at_once(monkeypatch)
    monkeypatch.setattr(transfer, "_POLL", 0.01)
    for module in (blocks, transfer):
        monkeypatch.setattr(module, "DOWNLOAD_LARGEST", PIECE)


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[FaultServer]:
    (tmp_path / "bucket").mkdir()
    with FaultServer(tmp_path / "bucket") as server:
        put(server, CONTENT)
        for key, content in SMALL.items():
            put(server, content, key)
        yield server


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("bucket"), hold=0.01) as server:
        put(server, CONTENT)
        for key, content in SMALL.items():
            put(server, content, key)
        yield server


def small_ones(server: FaultServer, folder: pathlib.Path) -> list[RemoteObject]:
    return [remote_of(server, folder, content, key) for key, content in SMALL.items()]


def fetch(*objects: RemoteObject, **options: Any) -> None:
    download_files(objects, **{"progress": False} | options)


def assert_whole(remote: RemoteObject, content: bytes = CONTENT) -> None:
    assert remote.is_complete
    assert remote.final.read_bytes() == content
    assert beside(remote.final) == []


def assert_nothing(remote: RemoteObject) -> None:
    assert not remote.final.exists()
    assert beside(remote.final) == []


def test_a_file_comes_whole(server: FaultServer, cache: pathlib.Path) -> None:
    whole: list[RemoteObject] = []
    remote = remote_of(server, cache, CONTENT)
    fetch(remote, on_complete=whole.append)
    assert_whole(remote)
    assert whole == [remote]
    assert sorted(asked_for(server)) == list(range(COUNT))
    assert sent(server) == len(CONTENT)
    assert hash_file(remote.final) == remote.file_hash


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, PIECE * BLOCK, PIECE * BLOCK + 1])
def test_odd_sizes(server: FaultServer, cache: pathlib.Path, size: int) -> None:
    put(server, CONTENT[:size])
    remote = remote_of(server, cache, CONTENT[:size])
    fetch(remote)
    assert_whole(remote, CONTENT[:size])
    assert sent(server) == size


def test_an_empty_object(server: FaultServer, cache: pathlib.Path) -> None:
    put(server, b"")
    remote = remote_of(server, cache, b"")
    with pytest.raises(CorruptFile, match="is empty"):
        fetch(remote)
    assert_nothing(remote)


def test_what_is_whole_is_passed_over(server: FaultServer, cache: pathlib.Path) -> None:
    several = small_ones(server, cache)
    fetch(*several[:3])
    server.reset()
    whole: list[RemoteObject] = []
    fetch(*several[:3], on_complete=whole.append)
    assert (server.requests, whole) == ([], [])
    fetch(*several, on_complete=whole.append)
    assert {request.key for request in server.requests} == {remote.key for remote in several[3:]}
    assert sorted(remote.key for remote in whole) == [remote.key for remote in several[3:]]


def test_one_object_twice(server: FaultServer, cache: pathlib.Path) -> None:
    several = [remote_of(server, cache, CONTENT) for _ in range(3)]
    fetch(*several)
    assert_whole(several[0])
    assert sent(server) == len(CONTENT)


def test_what_is_distrusted_is_replaced(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_of(server, cache, CONTENT)
    cache.mkdir(parents=True)
    remote.final.write_bytes(OTHER)
    fetch(remote)
    assert remote.final.read_bytes() == OTHER
    remote.distrust()
    server.faults.append(Fault("403", times=FOREVER))
    with pytest.raises(TransferFailed):
        fetch(remote)
    assert remote.final.read_bytes() == OTHER
    server.reset()
    fetch(remote)
    assert_whole(remote)


def test_what_streamed_is_kept(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_of(server, cache, CONTENT)
    remote.begin()
    remote.fetch([5, 6, 30, 55, COUNT - 1])
    here = asked_for(server)
    server.reset()
    fetch(remote_of(server, cache, CONTENT))
    assert_whole(remote)
    assert sorted(asked_for(server) + here) == list(range(COUNT))


@pytest.mark.parametrize("after", [1, 2, 4])
def test_goes_on_where_it_was_broken_off(server: FaultServer, cache: pathlib.Path, after: int) -> None:
    """What came, even of requests that were under way, is not asked for again."""
    remote = remote_of(server, cache, CONTENT)
    server.faults.append(Fault("403", times=FOREVER, after=after))
    with pytest.raises(TransferFailed, match="access denied"):
        fetch(remote, jobs=2)
    assert not remote.final.exists()
    assert beside(remote.final) == [path.name for path in parts_of(remote.final)]
    came = sum(request.sent for request in server.requests if request.status == 206)
    server.reset()
    fetch(remote_of(server, cache, CONTENT))
    assert_whole(remote)
    assert sent(server) == len(CONTENT) - came


def test_failures_are_collected(server: FaultServer, cache: pathlib.Path) -> None:
    several = small_ones(server, cache)
    (server.folder / several[1].key).unlink()
    server.faults.append(Fault("corrupt", key=several[4].key, times=FOREVER))
    failures: dict[str, VisBehaviorError] = {}
    whole: list[RemoteObject] = []
    fetch(*several, failures=failures, on_complete=whole.append)
    assert {key: type(error) for key, error in failures.items()} == {
        several[1].key: NotFound,
        several[4].key: CorruptFile,
    }
    rest = [remote for remote in several if remote.key not in failures]
    assert sorted(remote.key for remote in whole) == [remote.key for remote in rest]
    assert sorted(path.name for path in cache.iterdir()) == [remote.final.name for remote in rest]
    for remote in rest:
        assert_whole_among(remote, SMALL[remote.key])


def assert_whole_among(remote: RemoteObject, content: bytes) -> None:
    assert remote.final.read_bytes() == content


def test_the_first_failure_is_raised_after_the_others_came(server: FaultServer, cache: pathlib.Path) -> None:
    several = small_ones(server, cache)
    (server.folder / several[0].key).unlink()
    with pytest.raises(NotFound, match=r"has no a/0\.nwb"):
        fetch(*several)
    assert sorted(path.name for path in cache.iterdir()) == [remote.final.name for remote in several[1:]]


def test_nothing_at_all(server: FaultServer, cache: pathlib.Path) -> None:
    fetch()
    with pytest.raises(NotFound):
        fetch(remote_of(server, cache, b"", "none.nwb"))
    assert not cache.exists()


def test_corrupt_once_is_healed(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_of(server, cache, CONTENT)
    server.faults.append(Fault("corrupt", after=2))
    fetch(remote)
    assert_whole(remote)
    assert sent(server) == 2 * len(CONTENT)


def test_corrupt_for_ever_leaves_nothing(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_of(server, cache, CONTENT)
    server.faults.append(Fault("corrupt", times=FOREVER))
    with pytest.raises(CorruptFile, match=r"came twice with other bytes than the release's.*try another mirror"):
        fetch(remote)
    assert_nothing(remote)


def test_damage_on_the_disk_is_healed(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_of(server, cache, CONTENT)
    remote.begin()
    remote.fetch(range(40))
    with parts_of(remote.final)[0].open("rb+") as part:
        part.seek(30 * BLOCK)
        part.write(b"damage")
    fetch(remote_of(server, cache, CONTENT))
    assert_whole(remote)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_part_is_made_anew(server: FaultServer, cache: pathlib.Path, lost: int) -> None:
    remote = remote_of(server, cache, CONTENT)
    remote.begin()
    remote.fetch(range(40))
    parts_of(remote.final)[lost].unlink()
    fetch(remote_of(server, cache, CONTENT))
    assert_whole(remote)


FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from(sorted(KINDS - {"list-empty"})),
        key=st.just("?*"),
        times=st.sampled_from([1, 1, 2, 5, FOREVER]),
        after=st.integers(0, 9),
        method=st.sampled_from(["GET", "GET", "*"]),
    ),
    max_size=4,
)


@given(faults=FAULTS, here=st.sets(st.integers(1, COUNT - 1), max_size=3), jobs=st.integers(1, 8))
@settings(max_examples=40)
def test_right_or_absent(shared: FaultServer, faults: list[Fault], here: set[int], jobs: int) -> None:
    """Whatever goes wrong; and when nothing does any more, it comes."""
    shared.reset()
    with tempfile.TemporaryDirectory() as folder:
        remote = remote_of(shared, pathlib.Path(folder), CONTENT)
        remote.begin()
        remote.fetch(here)
        shared.faults += faults
        failures: dict[str, VisBehaviorError] = {}
        fetch(remote_of(shared, remote.final.parent, CONTENT), jobs=jobs, failures=failures)
        if failures:
            assert not remote.final.exists()
            assert set(beside(remote.final)) <= {path.name for path in parts_of(remote.final)}
            shared.reset()
            fetch(remote_of(shared, remote.final.parent, CONTENT))
        assert_whole(remote)


@given(faults=FAULTS)
@settings(max_examples=20)
def test_several_files_right_or_absent(shared: FaultServer, faults: list[Fault]) -> None:
    shared.reset()
    shared.faults += faults
    with tempfile.TemporaryDirectory() as folder:
        several = small_ones(shared, pathlib.Path(folder))
        failures: dict[str, VisBehaviorError] = {}
        fetch(*several, failures=failures)
        for remote in several:
            if remote.key in failures:
                assert not remote.final.exists()
            else:
                assert_whole_among(remote, SMALL[remote.key])
        shared.reset()
        fetch(*several)
        assert sorted(os.listdir(folder)) == [remote.final.name for remote in several]


@pytest.mark.parametrize("kind", ["ignore-range", "range-as-200"])
def test_a_server_without_ranges(server: FaultServer, cache: pathlib.Path, kind: str) -> None:
    server.faults.append(Fault(kind, times=FOREVER))
    remote = remote_of(server, cache, CONTENT)
    fetch(remote)
    assert_whole(remote)
    assert not remote.source.has_ranges
    whole = [request for request in server.requests if request.method == "GET" and request.range is None]
    assert [request.sent for request in whole][-1:] == [len(CONTENT)]


def test_ranges_end_in_the_middle(server: FaultServer, cache: pathlib.Path) -> None:
    """What is hashed by then is not written again: it might come otherwise, and be taken for what was hashed."""
    server.faults += [Fault("ignore-range", times=FOREVER, after=6), Fault("corrupt", times=FOREVER, after=6)]
    remote = remote_of(server, cache, CONTENT)
    fetch(remote, jobs=1)
    assert_whole(remote)
    assert {request.fault for request in server.requests} == {"", "ignore-range", "corrupt"}


def test_whole_answers_heal_only_what_lacks(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_of(server, cache, CONTENT)
    remote.begin()
    middle = len(CONTENT) // 2 // BLOCK
    remote.fetch([middle])
    remote.source.has_ranges = False
    server.faults.append(Fault("corrupt", times=FOREVER))
    fetch(remote)
    assert_whole(remote)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_replaced_in_the_middle(server: FaultServer, cache: pathlib.Path, after: int) -> None:
    """The newer object is not the release's; it comes, is seen to be wrong, and goes."""
    server.faults.append(Fault("replaced", after=after))
    remote = remote_of(server, cache, CONTENT)
    with pytest.raises(CorruptFile if after == 0 else (CorruptFile, ChangedFile)):
        fetch(remote)
    assert not remote.final.exists()
    server.reset()
    fetch(remote_of(server, cache, CONTENT))
    assert_whole(remote)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_replaced_by_the_right_one(server: FaultServer, cache: pathlib.Path, after: int) -> None:
    server.faults.append(Fault("replaced", after=after))
    remote = remote_of(server, cache, OTHER)
    fetch(remote)
    assert_whole(remote, OTHER)


def test_many_answers_at_once_that_it_was_replaced(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them ends the file's requests, and the others with it."""
    remote = remote_of(server, cache, OTHER)
    wait = transfer.wait
    monkeypatch.setattr(transfer, "wait", lambda futures, return_when: wait(futures))
    server.faults.append(Fault("replaced", after=2))
    fetch(remote)
    assert_whole(remote, OTHER)


def test_parts_of_another_object_are_no_hindrance(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_of(server, cache, CONTENT)
    remote.begin()
    remote.fetch(range(40))
    put(server, OTHER[:-5])
    remote = remote_of(server, cache, OTHER[:-5])
    fetch(remote)
    assert_whole(remote, OTHER[:-5])


def test_too_little_room_is_said_before(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [remote_of(server, cache, CONTENT), *small_ones(server, cache)]
    needed = len(CONTENT) + sum(map(len, SMALL.values()))
    usage = shutil.disk_usage(server.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed - 1))
    with pytest.raises(DiskFull, match=r"7 files need 5\.4 MB more in .* 5\.4 MB free\. Nothing was fetched") as caught:
        fetch(*several)
    assert (caught.value.needed, caught.value.free) == (needed, needed - 1)
    assert sum(request.sent for request in server.requests) == 0
    assert not cache.exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed))
    fetch(*several)


def test_what_is_here_needs_no_room(server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = remote_of(server, cache, CONTENT)
    remote.begin()
    remote.fetch(range(40))
    usage = shutil.disk_usage(cache)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=len(CONTENT) - 40 * BLOCK))
    fetch(remote)
    assert_whole(remote)


def test_a_disk_that_fills_up(server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may use it meanwhile. What came is kept."""
    write_at = blocks._write_at
    room = iter(range(4))

    def full(*arguments: Any) -> None:
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_at(*arguments)

    monkeypatch.setattr(blocks, "_write_at", full)
    with pytest.raises(DiskFull, match=r"its disk is full\. What came is kept"):
        fetch(remote_of(server, cache, CONTENT))
    monkeypatch.setattr(blocks, "_write_at", write_at)
    server.reset()
    remote = remote_of(server, cache, CONTENT)
    here = remote.info() and remote.blocks.here()
    assert here >= 2 * PIECE * BLOCK
    fetch(remote)
    assert_whole(remote)
    assert sent(server) == len(CONTENT) - here


def test_read_while_it_comes(server: FaultServer, cache: pathlib.Path) -> None:
    """Through the same object, from threads, up to its last name."""
    remote = remote_of(server, cache, CONTENT)

    def read(seed: int) -> None:
        rng = random.Random(seed)
        while not remote.is_complete:
            start = rng.randrange(len(CONTENT))
            assert bytes_of(remote, start, start + 9) == CONTENT[start : start + 9]

    with ThreadPoolExecutor(4) as pool:
        reads = [pool.submit(read, seed) for seed in range(4)]
        fetch(remote)
        for future in reads:
            future.result()
    assert_whole(remote)
    assert bytes_of(remote, 5, 99) == CONTENT[5:99]


def bytes_of(remote: RemoteObject, start: int, stop: int) -> bytes:
    content = bytearray(min(stop, len(CONTENT)) - start)
    file = remote.open()
    try:
        while True:
            try:
                file.read_at(start, memoryview(content))
                return bytes(content)
            except NotHere:
                file.fetch()
    finally:
        file.close()


def test_a_line_that_hangs(server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    retry_at_once(monkeypatch, read_timeout="300ms")
    server.faults.append(Fault("hang", key=KEY, times=2, after=2))
    remote = remote_of(server, cache, CONTENT)
    fetch(remote)
    assert_whole(remote)
    assert [request.fault for request in server.requests].count("hang") == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows says that nothing is there")
def test_a_folder_that_is_a_file(server: FaultServer, cache: pathlib.Path) -> None:
    cache.parent.mkdir()
    cache.write_bytes(b"")
    with pytest.raises(CannotWrite, match="choose a cache_dir that you may write to"):
        fetch(remote_of(server, cache, CONTENT))
    assert cache.read_bytes() == b""


class Calling(FaultServer):
    """Calls something before it answers its n-th request for bytes."""

    call: Callable[[], object] = staticmethod(lambda: None)
    left = -1

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, Any]:
        if headers.get("Range"):
            with self._lock:
                self.left -= 1
                now = self.left == 0
            if now:
                self.call()
        return super().answer(method, target, headers)


@pytest.fixture
def calling(tmp_path: pathlib.Path) -> Iterator[Calling]:
    (tmp_path / "bucket").mkdir()
    with Calling(tmp_path / "bucket") as server:
        put(server, CONTENT)
        yield server


class Stop(BaseException):
    """As KeyboardInterrupt, at a place of our choosing."""


def test_an_abort_keeps_what_came(server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = [remote_of(server, cache, CONTENT), *small_ones(server, cache)]
    wait = transfer.wait

    def interrupted(*arguments: Any, **options: Any) -> Any:
        wait(*arguments, **options)
        raise Stop

    monkeypatch.setattr(transfer, "wait", interrupted)
    with pytest.raises(Stop):
        fetch(*several, jobs=2)
    monkeypatch.setattr(transfer, "wait", wait)
    assert not [name for name in beside(several[0].final) if name.endswith(".lock")]
    came = sent(server)
    assert came
    server.reset()
    fetch(*several, jobs=2)
    assert several[0].final.read_bytes() == CONTENT
    assert sent(server) == len(CONTENT) - came


class Child:
    """A process that brings the object."""

    def __init__(self, server: FaultServer, folder: pathlib.Path, how: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, CHILD, server.endpoint, server.bucket, KEY, folder, digest(CONTENT), str(PIECE), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_it(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@contextmanager
def children(count: int, server: FaultServer, folder: pathlib.Path, how: str = "") -> Iterator[list[Child]]:
    """Processes that begin when each is ready."""
    several = [Child(server, folder, how) for _ in range(count)]
    try:
        for child in several:
            child.wait_for_it()
        yield several
    finally:
        for child in several:
            child.process.kill()
            child.process.communicate()


def test_killed_again_and_again(calling: Calling, tmp_path: pathlib.Path) -> None:
    remote = remote_of(calling, tmp_path / "cache", CONTENT)
    rng = random.Random(5)
    here = 0
    for _ in range(4):
        with children(1, calling, remote.final.parent) as (child,):
            calling.call, calling.left = child.process.kill, rng.randrange(2, 4)
            child.go()
            child.end()
        assert not remote.final.exists()
        left_over = PartialFile(remote.final)
        left_over.load()
        assert left_over.here() >= here
        here = left_over.here()
    assert here
    # Its threads may not have heard yet of what the killed child had asked for: what they count is not of this fetch.
    with FaultServer(calling.folder) as fresh:
        fetch(remote_of(fresh, remote.final.parent, CONTENT))
        assert sent(fresh) == len(CONTENT) - here
    assert_whole(remote)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal to one process")
def test_stopped_by_its_user(calling: Calling, tmp_path: pathlib.Path) -> None:
    """What was under way is kept, too."""
    remote = remote_of(calling, tmp_path / "cache", CONTENT)
    with children(1, calling, remote.final.parent) as (child,):
        calling.call, calling.left = functools.partial(child.process.send_signal, signal.SIGINT), 3
        child.go()
        code, said = child.end()
    assert code
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert beside(remote.final) == [path.name for path in parts_of(remote.final)]
    came = sent(calling)
    calling.reset()
    fetch(remote_of(calling, remote.final.parent, CONTENT))
    assert_whole(remote)
    assert sent(calling) == len(CONTENT) - came


def test_eight_processes_bring_it_once(calling: Calling, tmp_path: pathlib.Path) -> None:
    remote = remote_of(calling, tmp_path / "cache", CONTENT)
    with children(8, calling, remote.final.parent) as several:
        for child in several:
            child.go()
        assert [child.end() for child in several] == [(0, "")] * 8
    assert_whole(remote)
    assert sent(calling) < 1.5 * len(CONTENT)


def test_eight_processes_without_locks(calling: Calling, tmp_path: pathlib.Path) -> None:
    remote = remote_of(calling, tmp_path / "cache", CONTENT)
    with children(8, calling, remote.final.parent, "without locks") as several:
        for child in several:
            child.go()
        assert [child.end() for child in several] == [(0, "")] * 8
    assert remote.final.read_bytes() == CONTENT


def test_another_finishes_it_meanwhile(calling: Calling, tmp_path: pathlib.Path) -> None:
    """Where a lock does nothing."""
    remote = remote_of(calling, tmp_path / "cache", CONTENT)
    other = remote_of(calling, tmp_path / "cache", CONTENT)
    lock = transfer.FileLock

    def finish() -> None:
        calling.left = -1
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(transfer, "FileLock", functools.partial(lock, timeout=0))
            patched.setattr(lock, "acquire", lambda *_, **__: None)
            fetch(other)

    for left in (2, 3, 5):
        calling.call, calling.left = finish, left
        fetch(remote, jobs=2)
        assert_whole(remote)
        remote.final.unlink()


@contextmanager
def held(remote: RemoteObject) -> Iterator[None]:
    """A lock whose holder brings nothing."""
    remote.blocks.make_folder()
    with FileLock(str(remote.final) + ".blocks.lock"):
        yield


def test_a_holder_that_brings_nothing_is_passed_over(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 0.05)
    remote = remote_of(server, cache, CONTENT)
    remote.begin()
    remote.blocks.sign("process 7 on elsewhere")
    with held(remote):
        fetch(remote_of(server, cache, CONTENT))
    assert remote.final.read_bytes() == CONTENT
    out, error = capsys.readouterr()
    lock = f"{remote.final}.blocks.lock"
    assert out == ""
    assert error == (f"session.nwb: process 7 on elsewhere holds {lock} and brings nothing. Going on without it.\n")
    assert beside(remote.final) == ["session.nwb.blocks.lock"]


def test_a_holder_that_says_nothing(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 0.05)
    remote = remote_of(server, cache, CONTENT)
    with held(remote):
        fetch(remote)
    assert remote.final.read_bytes() == CONTENT
    assert "another process holds" in capsys.readouterr().err


def test_patience_begins_with_the_waiting(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose turn comes late is not stuck because of that."""
    now = [0.0]
    monkeypatch.setattr(transfer.time, "monotonic", lambda: now[0])
    remote = remote_of(server, cache, CONTENT)
    lock = FileLock(str(remote.final) + ".blocks.lock")
    remote.blocks.make_folder()
    looks = iter(range(3))

    def sleep(_: float) -> None:
        if next(looks, None) is None:
            lock.release()

    monkeypatch.setattr(transfer.time, "sleep", sleep)
    check_room = transfer._check_room

    def much_later(files: Any) -> None:
        check_room(files)
        now[0] += 10 * transfer.PATIENCE

    monkeypatch.setattr(transfer, "_check_room", much_later)
    lock.acquire()
    fetch(remote)
    assert_whole(remote)
    assert capsys.readouterr().err == ""


def test_a_holder_that_gets_on_is_waited_for(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long it takes; and what it brought is not asked for again."""
    remote, other = remote_of(server, cache, CONTENT), remote_of(server, cache, CONTENT)
    other.begin()
    lock = FileLock(str(remote.final) + ".blocks.lock")
    now = [0.0]
    monkeypatch.setattr(transfer.time, "monotonic", lambda: now[0])
    wanted = iter(range(1, 60))

    def sleep(_: float) -> None:
        now[0] += transfer.PATIENCE * 0.9
        block = next(wanted, None)
        if block is None:
            lock.release()
        else:
            other.fetch([block])

    monkeypatch.setattr(transfer.time, "sleep", sleep)
    lock.acquire()
    fetch(remote)
    assert_whole(remote)
    assert sent(server) == len(CONTENT)
    assert capsys.readouterr().err == ""


def test_one_waits_while_the_others_come(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another process brings holds up none of the others."""
    several = small_ones(server, cache)
    lock = FileLock(str(several[0].final) + ".blocks.lock")
    several[0].blocks.make_folder()
    came: list[int] = []

    def sleep(_: float) -> None:
        came.append(len([remote for remote in several if remote.is_complete]))
        lock.release()

    monkeypatch.setattr(transfer.time, "sleep", sleep)
    lock.acquire()
    fetch(*several)
    assert came == [5]
    assert sorted(path.name for path in cache.iterdir()) == [remote.final.name for remote in several]


PROGRAM = """
import json, pathlib, sys
from visbehavior.store.remote_file import RemoteObject
from visbehavior.store.source import Address, ObjectSource
from visbehavior.store.download import download_files
endpoint, bucket, folder, hashes = sys.argv[1:]
source = ObjectSource(Address(bucket, endpoint))
def one(key, file_hash):
    return RemoteObject(source, key, None, file_hash, pathlib.Path(folder) / key.rpartition("/")[2])
large, *several = [one(*pair) for pair in json.loads(hashes).items()]
"""


def on_terminal(server: FaultServer, folder: pathlib.Path, code: str) -> str:
    """What a user sees while a program runs."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    hashes = json.dumps({key: digest(content) for key, content in {KEY: CONTENT, **SMALL}.items()})
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + code, server.endpoint, server.bucket, folder, hashes],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:
        seen = b"".join(iter(functools.partial(piece_of, terminal), b"")).decode()
    assert process.wait(PATIENCE) == 0, seen
    return seen


def piece_of(terminal: io.FileIO) -> bytes:
    """Linux has an error for the end."""
    try:
        return terminal.read(1 << 16) or b""
    except OSError:
        return b""


TERMINAL = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


def last_line(seen: str) -> str:
    return seen.rstrip().replace("\n", "\r").rpartition("\r")[2]


@TERMINAL
def test_the_bar_of_one_file(server: FaultServer, tmp_path: pathlib.Path) -> None:
    seen = on_terminal(server, tmp_path / "cache", "download_files([large])")
    bar = r"session\.nwb: 100%\|\S+\| 4\.26M/4\.26M \[\d\d:\d\d<\d\d:\d\d, +[\d.]+[kM]?B/s\]"
    assert re.fullmatch(bar, last_line(seen)), seen


@TERMINAL
def test_the_bar_of_many_files(server: FaultServer, tmp_path: pathlib.Path) -> None:
    seen = on_terminal(server, tmp_path / "cache", "download_files(several)")
    assert re.fullmatch(r"6/6 files: 100%\|\S+\| 1\.18M/1\.18M \[.*B/s\]", last_line(seen)), seen


@TERMINAL
def test_the_bar_goes_on_where_it_was(server: FaultServer, tmp_path: pathlib.Path) -> None:
    code = "large.begin(); large.fetch(range(32)); download_files([large])"
    seen = on_terminal(server, tmp_path / "cache", code)
    assert re.search(r"session\.nwb: +49%\|.* 2\.10M/4\.26M", seen), seen
    assert re.fullmatch(r"session\.nwb: 100%\|.* 4\.26M/4\.26M .*", last_line(seen)), seen


@TERMINAL
def test_the_bar_of_what_comes_twice_ends_at_all_of_it(server: FaultServer, tmp_path: pathlib.Path) -> None:
    server.faults.append(Fault("corrupt", after=2))
    seen = on_terminal(server, tmp_path / "cache", "download_files([large])")
    assert re.fullmatch(r"session\.nwb: 100%\|.* 4\.26M/4\.26M .*", last_line(seen)), seen


@TERMINAL
@pytest.mark.parametrize(
    "code",
    [
        "download_files([])",
        "download_files([large], progress=False); download_files([large])",
        "none = [one('none.nwb', b'')]; download_files(none, failures={})",
    ],
    ids=["nothing", "whole", "not there"],
)
def test_no_bar_of_nothing(server: FaultServer, tmp_path: pathlib.Path, code: str) -> None:
    assert on_terminal(server, tmp_path / "cache", code) == ""


def test_no_bar_where_nobody_looks(
    server: FaultServer, cache: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download_files([remote_of(server, cache, CONTENT)])
    assert capsys.readouterr() == ("", "")


@NGINX
def test_from_a_mirror(server: FaultServer, cache: pathlib.Path) -> None:
    with nginx(server.folder) as mirror:
        several = [remote_at(Address(mirror.endpoint), KEY, CONTENT, cache)]
        several += [remote_at(Address(mirror.endpoint), key, content, cache) for key, content in SMALL.items()]
        fetch(*several)
    assert several[0].final.read_bytes() == CONTENT
    assert sorted(path.name for path in cache.iterdir()) == sorted(remote.final.name for remote in several)


@RCLONE
def test_from_rclone(server: FaultServer, cache: pathlib.Path) -> None:
    with rclone(server.folder) as bucket:
        remote = remote_at(Address(bucket.bucket, bucket.endpoint), KEY, CONTENT, cache, version="some")
        fetch(remote)
    assert_whole(remote)


def test_from_a_folder(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_at(Address(str(server.folder)), KEY, CONTENT, cache)
    fetch(remote)
    assert_whole(remote)


def remote_at(
    address: Address, key: str, content: bytes, folder: pathlib.Path, version: str | None = None
) -> RemoteObject:
    name = key.rpartition("/")[2]
    return RemoteObject(ObjectSource(address), key, version, digest(content), folder / name)
