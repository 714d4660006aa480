"""Objects read where they are: what comes is right, is asked for once, and is missing only where it is missing."""

from __future__ import annotations

import io
import itertools
import os
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faultserver import FOREVER, Fault, FaultServer, Request
from tests.store.objects import (
    KEY,
    asked_for,
    be_direct,
    beside,
    made_bytes,
    parts_of,
    put,
    remote_of,
    retry_at_once,
    sent,
)
from visbehavior import BehaviorSession
from visbehavior.errors import ChangedFile, CorruptFile, NotFound, TransferFailed, VisBehaviorError
from visbehavior.nwb.reader import NwbReader
from visbehavior.store import coalesce as plan
from visbehavior.store import partial_file as blocks
from visbehavior.store import remote_file as remote
from visbehavior.store.coalesce import BLOCK, STREAM_GAP, STREAM_LARGEST, plan_requests
from visbehavior.store.download import download_files
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.remote_file import NotHere, RemoteFile, RemoteObject

ROOT = pathlib.Path(__file__).parents[2]
PATIENCE = 120
SIZES = (1, BLOCK, BLOCK + 1, 40 * BLOCK + 321)
CONTENTS = {f"{size}.bin": made_bytes(size, size) for size in SIZES}
LONG = CONTENTS[f"{SIZES[-1]}.bin"]
COUNT = 41


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    be_direct(monkeypatch)
    retry_at_once(monkeypatch)


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[FaultServer]:
    (tmp_path / "bucket").mkdir()
    with FaultServer(tmp_path / "bucket") as server:
        put(server, LONG)
        yield server


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server for many examples."""
    with FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        for key, content in CONTENTS.items():
            put(server, content, key)
        yield server


@contextmanager
def new_folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


@contextmanager
def closing(file: RemoteFile) -> Iterator[RemoteFile]:
    try:
        yield file
    finally:
        file.close()


def brought(file: RemoteFile, buffer: bytearray) -> int:
    """As readinto, however often it takes; nothing moves before all is here."""
    while True:
        at = file.tell()
        try:
            return file.readinto(buffer)
        except NotHere:
            assert file.tell() == at
            assert file.wanted
            file.fetch()


def read(file: RemoteFile, start: int, stop: int) -> bytes:
    """Bytes that are here."""
    content = bytearray(stop - start)
    file.read_at(start, memoryview(content))
    return bytes(content)


def read_whole(file: RemoteFile) -> bytes:
    content = bytearray(file.size)
    file.seek(0)
    assert brought(file, content) == file.size
    return bytes(content)


def blocks_here(file: RemoteFile, content: bytes) -> set[int]:
    found = set()
    for block in range(-(-len(content) // BLOCK)):
        span = block * BLOCK, min((block + 1) * BLOCK, len(content))
        try:
            assert read(file, *span) == content[slice(*span)]
        except NotHere:
            continue
        found.add(block)
    return found


SEEK = st.tuples(st.just("seek"), st.integers(0, SIZES[-1] + 9), st.sampled_from([os.SEEK_SET, os.SEEK_END]))
STEP = st.tuples(st.just("step"), st.integers(0, 5 * BLOCK))
READ = st.tuples(st.just("readinto"), st.one_of(st.integers(0, 600), st.integers(0, 4 * BLOCK)))


@given(key=st.sampled_from(sorted(CONTENTS)), steps=st.lists(st.one_of(SEEK, STEP, READ), max_size=12))
def test_agrees_with_a_file_in_memory(shared: FaultServer, key: str, steps: list[tuple[Any, ...]]) -> None:
    shared.reset()
    twin = io.BytesIO(CONTENTS[key])
    with new_folder() as folder, closing(remote_of(shared, folder, key=key).open()) as file:
        for name, *arguments in steps:
            if name == "readinto":
                mine, other = bytearray(arguments[0]), bytearray(arguments[0])
                assert brought(file, mine) == twin.readinto(other)
                assert mine == other
            elif name == "seek":
                offset, whence = arguments
                offset = -min(offset, file.size) if whence == os.SEEK_END else offset
                assert file.seek(offset, whence) == twin.seek(offset, whence)
            else:
                assert file.seek(arguments[0], os.SEEK_CUR) == twin.seek(arguments[0], os.SEEK_CUR)
            assert file.tell() == twin.tell()
        assert blocks_here(file, CONTENTS[key]) == set(asked_for(shared, key)) & set(range(-(-file.size // BLOCK)))


class AllAtOnce(FaultServer):
    """Answers no range of a round before the last one was asked for."""

    round = threading.Barrier(1)

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, Any]:
        if not headers.get("Range", "").startswith("bytes=0-"):
            self.round.wait(PATIENCE)
        return super().answer(method, target, headers)


def test_what_was_noted_comes_in_one_round(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bucket").mkdir()
    with AllAtOnce(tmp_path / "bucket") as server:
        put(server, LONG)
        wanted = [3, 4, 12, 20, 21, 22, 30, 40]
        runs = plan_requests(wanted, STREAM_GAP, STREAM_LARGEST)
        server.round = threading.Barrier(len(runs))
        with closing(remote_of(server, tmp_path).open()) as file:
            for block in wanted:
                with pytest.raises(NotHere):
                    read(file, block * BLOCK, block * BLOCK + 1)
            assert file.wanted == set(wanted)
            assert file.missing() == len(wanted) * BLOCK
            file.fetch()
            assert blocks_here(file, LONG) == {0, *wanted}
        assert len(server.requests) == 1 + len(runs) == 6


def test_a_small_want_brings_what_lies_behind_it(server: FaultServer, cache: pathlib.Path) -> None:
    """More of it for the first want behind the head, and for the header of an object, which may also lie behind its values."""
    middle = BLOCK // 2
    with closing(remote_of(server, cache).open()) as file:
        for start, size in ((9 * BLOCK, 8), (20 * BLOCK + middle, 512), (30 * BLOCK, 8), (36 * BLOCK, 512)):
            file.seek(start)
            brought(file, bytearray(size))
    assert asked_for(server) == [0, *range(9, 14), 20, 21, 30, 35, 36, 37]


def test_needs_are_noted_at_once(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_of(server, cache).open()) as file:
        file.need([(5, 9), (7, 7), (BLOCK, BLOCK)])
        with pytest.raises(NotHere):
            file.need([(2 * BLOCK - 1, 2 * BLOCK + 1), (40 * BLOCK, 99 * BLOCK)])
        assert file.wanted == {1, 2, 40}
        file.fetch()
        file.need([(2 * BLOCK - 1, 2 * BLOCK + 1), (40 * BLOCK, 99 * BLOCK)])


def test_nothing_lies_behind_the_end(server: FaultServer, cache: pathlib.Path) -> None:
    """Damaged files name such places."""
    with closing(remote_of(server, cache).open()) as file:
        for start in (len(LONG) - 1, len(LONG), len(LONG) + 5 * BLOCK):
            with pytest.raises(EOFError):
                read(file, start, start + 2)
        assert not file.wanted


def test_what_is_here_is_not_asked_for_again(server: FaultServer, cache: pathlib.Path) -> None:
    order = random.Random(3).sample(range(COUNT), COUNT)
    with closing(remote_of(server, cache).open()) as file:
        for block in sorted(order[:20]):
            file.seek(block * BLOCK)
            brought(file, bytearray(BLOCK))
        before = len(server.requests)
        for block in order[:20]:
            read(file, block * BLOCK, block * BLOCK + 1)
    again = pickle.loads(pickle.dumps(remote_of(server, cache)))
    with closing(again.open()) as file:
        for block in order[:20]:
            assert read(file, block * BLOCK, block * BLOCK + 9) == LONG[block * BLOCK : block * BLOCK + 9]
        assert len(server.requests) == before
        assert (again.source.requests, again.info().size) == (0, len(LONG))
        assert read_whole(file) == LONG


def test_a_file_read_from_its_beginning_comes_once(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_of(server, cache).open()) as file:
        for at in range(0, len(LONG), 100_000):
            file.seek(at)
            brought(file, bytearray(100_000))
    assert sent(server) == len(LONG)


def test_pickled(server: FaultServer, cache: pathlib.Path) -> None:
    original = remote_of(server, cache, LONG)
    with closing(original.open()) as file:
        assert blocks_here(file, LONG) == {0}
    copy = pickle.loads(pickle.dumps(original))
    assert (copy.key, copy.version, copy.file_hash, copy.final) == (KEY, None, original.file_hash, original.final)
    assert copy.location == original.location == f"{server.endpoint}/{server.bucket}/{KEY}"
    with closing(copy.open()) as file:
        assert read_whole(file) == LONG
    assert sent(server) == len(LONG)


def test_versions_are_pinned(server: FaultServer, cache: pathlib.Path, tmp_path: pathlib.Path) -> None:
    old = made_bytes(5 * BLOCK, 9)
    (tmp_path / "old").write_bytes(old)
    server.versions[KEY] = {"new": server.folder / KEY, "old": tmp_path / "old"}
    for version, content in (("old", old), ("new", LONG), (None, LONG)):
        with closing(remote_of(server, cache / str(version), version=version).open()) as file:
            assert read_whole(file) == content
    # What was found without a version has one from then on.
    assert {request.version for request in server.requests if request.range != (0, BLOCK)} == {"old", "new"}


def test_another_process_finishes_it(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_of(server, cache).open()) as file:
        download_files([remote_of(server, cache, LONG)], progress=False)
        asked = len(server.requests)
        assert blocks_here(file, LONG) == {0}
        assert read_whole(file) == LONG
        file.need([(0, len(LONG))])
        assert len(server.requests) == asked
    with closing(remote_of(server, cache).open()) as file:
        assert read_whole(file) == LONG
    assert beside(cache / "session.nwb") == []


def test_a_whole_file_is_not_begun_again(server: FaultServer, cache: pathlib.Path, monkeypatch: Any) -> None:
    """Another process finishes it between a look and a request."""
    late = remote_of(server, cache)
    read_one = late.source.read

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        download_files([remote_of(server, cache, LONG)], progress=False)
        return read_one(*arguments, **options)

    monkeypatch.setattr(late.source, "read", meanwhile)
    with closing(late.open()) as file:
        assert read_whole(file) == LONG
    assert beside(late.final) == []


@pytest.mark.parametrize("moment", ["begin", "load", "write"])
@pytest.mark.parametrize("happening", ["finish", "discard", "begin anew"])
def test_others_at_any_moment(
    server: FaultServer, cache: pathlib.Path, monkeypatch: Any, moment: str, happening: str
) -> None:
    """Another process finishes the file, throws it away, or does and begins again, just then."""
    for skipped in range(6):
        folder = cache / str(skipped)
        mine = remote_of(server, folder)
        other = remote_of(server, folder, LONG)
        real = getattr(PartialFile, moment)
        left = itertools.count(skipped, -1)

        def meanwhile(
            self: PartialFile,
            *arguments: Any,
            mine: RemoteObject = mine,
            other: RemoteObject = other,
            real: Any = real,
            left: Iterator[int] = left,
        ) -> Any:
            found = real(self, *arguments)
            if self is mine.blocks and next(left) == 0:
                happen(other, happening)
            return found

        monkeypatch.setattr(PartialFile, moment, meanwhile)
        with closing(mine.open()) as file:
            assert read_whole(file) == LONG
        monkeypatch.setattr(PartialFile, moment, real)


def happen(other: RemoteObject, happening: str) -> None:
    if happening == "finish":
        download_files([other], progress=False)
        return
    other.blocks.discard()
    if happening == "begin anew":
        other.begin()


class WithoutConditions(FaultServer):
    """As a mirror that heeds no If-Match."""

    def _object(self, request: Request, found: Any, if_match: str) -> Any:
        return super()._object(request, found, "")


@pytest.mark.parametrize("kind", [FaultServer, WithoutConditions])
def test_replaced_between_two_ranges(tmp_path: pathlib.Path, kind: type[FaultServer]) -> None:
    (tmp_path / "bucket").mkdir()
    replaced = bytes(byte ^ 0x55 for byte in LONG)
    with kind(tmp_path / "bucket") as server:
        put(server, LONG)
        with closing(remote_of(server, tmp_path).open()) as file:
            assert read(file, 0, BLOCK) == LONG[:BLOCK]
            kept = (tmp_path / "session.nwb.blocks").read_bytes()
            server.faults.append(Fault("replaced"))
            watched = os.open(tmp_path / "session.nwb.blocks", os.O_RDONLY)
            file.seek(9 * BLOCK)
            with pytest.raises(ChangedFile, match=r"was replaced .*while it was read.* Open the session again"):
                brought(file, bytearray(20 * BLOCK))
            with open(watched, "rb") as old:
                assert old.read() == kept
        with closing(remote_of(server, tmp_path).open()) as file:
            assert read_whole(file) == replaced


def test_a_file_open_on_what_was_replaced_says_so(server: FaultServer, cache: pathlib.Path) -> None:
    """However little it lacks, and whoever noticed."""
    with closing(remote_of(server, cache).open()) as file:
        server.faults.append(Fault("replaced"))
        with closing(remote_of(server, cache).open()) as other, pytest.raises(ChangedFile):
            read_whole(other)
        with closing(remote_of(server, cache).open()) as other:
            read_whole(other)
        assert read(file, 0, BLOCK) == LONG[:BLOCK]
        with pytest.raises(ChangedFile, match="holds parts of another version"):
            read_whole(file)


@given(at=st.integers(0, len(LONG) - 1), mask=st.integers(1, 255))
@settings(max_examples=20)
def test_a_damaged_block_comes_again(shared: FaultServer, at: int, mask: int) -> None:
    shared.reset()
    key = f"{SIZES[-1]}.bin"
    with new_folder() as folder:
        with closing(remote_of(shared, folder, key=key).open()) as file:
            read_whole(file)
        with parts_of(folder / key)[0].open("rb+") as part:
            part.seek(at)
            part.write(bytes([LONG[at] ^ mask]))
        shared.reset()
        with closing(remote_of(shared, folder, key=key).open()) as file:
            assert read_whole(file) == LONG
        assert asked_for(shared, key) == [at // BLOCK]


def test_a_cut_block_file_is_filled_again(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_of(server, cache).open()) as file:
        read_whole(file)
    os.truncate(parts_of(cache / "session.nwb")[0], 7 * BLOCK + 5)
    server.reset()
    with closing(remote_of(server, cache).open()) as file:
        assert read_whole(file) == LONG
    assert sorted(asked_for(server)) == list(range(7, COUNT))


def test_sixteen_threads(server: FaultServer, cache: pathlib.Path) -> None:
    one = remote_of(server, cache)
    gate = threading.Barrier(16)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        gate.wait()
        with closing(one.open()) as file:
            for _ in range(12):
                start = rng.randrange(len(LONG))
                content = bytearray(rng.randrange(3 * BLOCK))
                file.seek(start)
                got = brought(file, content)
                assert content[:got] == LONG[start : start + len(content)]

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(work, seed) for seed in range(16)]:
            future.result()
    with closing(remote_of(server, cache).open()) as file:
        assert read_whole(file) == LONG


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Requests come one after the other; waits for those under way."""
    pools: dict[int, ThreadPoolExecutor] = {}
    monkeypatch.setattr(remote, "CONNECTIONS", 1)
    monkeypatch.setattr(remote, "_pools", pools)

    def end() -> None:
        while pools:
            pools.popitem()[1].shutdown()

    yield end
    end()


def test_what_came_of_a_round_that_failed_is_kept(
    server: FaultServer, cache: pathlib.Path, one_connection: Callable[[], None]
) -> None:
    with closing(remote_of(server, cache).open()) as file:
        server.faults.append(Fault("403", times=FOREVER, after=1))
        file.seek(0)
        with pytest.raises(TransferFailed, match="access denied"):
            brought(file, bytearray(len(LONG)))
        one_connection()
        came = sent_whole(server)
        server.reset()
        assert read_whole(file) == LONG
    assert came > BLOCK
    assert sent_whole(server) == len(LONG) - came


def sent_whole(server: FaultServer) -> int:
    return sum(request.sent for request in server.requests if request.status == 206)


class Slow(FaultServer):
    """Refuses the third range, and answers none behind it before that was noticed."""

    noticed = threading.Event()

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, Any]:
        if len(self.requests) == 2:
            self.faults.append(Fault("403"))
        if len(self.requests) > 2:
            self.noticed.wait(PATIENCE)
        return super().answer(method, target, headers)


def test_a_round_that_failed_goes_on_no_longer(tmp_path: pathlib.Path, one_connection: Callable[[], None]) -> None:
    (tmp_path / "bucket").mkdir()
    with Slow(tmp_path / "bucket") as server:
        put(server, LONG)
        one = remote_of(server, tmp_path)
        one.begin()
        with pytest.raises(TransferFailed, match="access denied"):
            one.fetch(range(6, COUNT, 6))
        server.noticed.set()
        one_connection()
        assert [request.status for request in server.requests] == [206, 206, 403, 206]


def test_what_came_through_others_is_not_asked_for(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_of(server, cache).open()) as file, closing(remote_of(server, cache).open()) as other:
        for one in (file, other):
            with pytest.raises(NotHere):
                read(one, 9 * BLOCK, 12 * BLOCK)
            one.fetch()
            assert read(one, 9 * BLOCK, 12 * BLOCK) == LONG[9 * BLOCK : 12 * BLOCK]
        with pytest.raises(NotHere):
            read(file, 20 * BLOCK, 22 * BLOCK)
        with pytest.raises(NotHere):
            read(other, 20 * BLOCK, 22 * BLOCK)
        file.fetch()
        other.fetch()
        assert read(other, 20 * BLOCK, 22 * BLOCK) == LONG[20 * BLOCK : 22 * BLOCK]
    assert asked_for(server) == [0, 9, 10, 11, 20, 21]


def test_an_object_that_is_not_there(server: FaultServer, cache: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"has no none\.nwb"):
        remote_of(server, cache, key="none.nwb").open()
    assert not cache.exists()


def child(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.store.remote_file_child", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=PATIENCE,
    )


# What a session of the FaultServer looks like.


@contextmanager
def blocks_of_size(size: int) -> Iterator[None]:
    """Small blocks make many holes in a small file."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (blocks, plan, remote):
            patched.setattr(module, "BLOCK", size)
        yield


def everything(session: BehaviorSession, names: list[str]) -> dict[str, Any]:
    found = {name: getattr(session, name) for name in names}
    return {name: value() if callable(value) else value for name, value in found.items()}


def names_of(session: BehaviorSession) -> list[str]:
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
def of_session(session_file: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        put(server, session_file.read_bytes())
        yield server


@pytest.fixture(scope="module")
def local(session_file: pathlib.Path) -> dict[str, Any]:
    session = BehaviorSession.from_nwb_path(session_file)
    return everything(session, names_of(session))


@pytest.fixture(scope="module")
def newer(newer_file: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A file of the newest layout, for what does not hang on it."""
    with FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        put(server, newer_file.read_bytes())
        yield server


@pytest.fixture(scope="module")
def local_newer(newer_file: pathlib.Path) -> dict[str, Any]:
    session = BehaviorSession.from_nwb_path(newer_file)
    return everything(session, names_of(session))


def session_of(server: FaultServer, folder: pathlib.Path, **options: Any) -> BehaviorSession:
    return BehaviorSession(NwbReader(remote_of(server, folder)), **options)


@pytest.mark.parametrize("size", [BLOCK, 2048])
def test_a_session_is_the_local_one(
    of_session: FaultServer, local: dict[str, Any], cache: pathlib.Path, size: int
) -> None:
    with blocks_of_size(size):
        session = session_of(of_session, cache)
        for name, expected in local.items():
            assert_same(everything(session, [name])[name], expected)
        copy = pickle.loads(pickle.dumps(session))
        assert_same(copy.trials, local["trials"])


@pytest.mark.parametrize("size", [BLOCK, 2048])
def test_each_attribute_alone(of_session: FaultServer, local: dict[str, Any], cache: pathlib.Path, size: int) -> None:
    """Cold, and then by a process that comes later and asks for nothing."""
    with blocks_of_size(size):
        for name, expected in local.items():
            of_session.reset()
            assert_same(everything(session_of(of_session, cache / name), [name])[name], expected)
            assert of_session.requests
            of_session.reset()
            assert_same(everything(session_of(of_session, cache / name), [name])[name], expected)
            assert not of_session.requests


@given(data=st.data())
@settings(max_examples=5)
@pytest.mark.parametrize("size", [BLOCK, 2048])
def test_whatever_is_here_already(
    of_session: FaultServer, local: dict[str, Any], size: int, data: st.DataObject
) -> None:
    """Holes are never read as zeros."""
    with blocks_of_size(size), new_folder() as folder:
        one = remote_of(of_session, folder)
        count = -(-one.begin().size // size)
        one.fetch(data.draw(st.sets(st.integers(0, count - 1), max_size=count), "here"))
        session = BehaviorSession(NwbReader(one))
        for name in data.draw(st.permutations(list(local)), "order"):
            assert_same(everything(session, [name])[name], local[name])


def test_a_session_whose_file_another_process_finishes(
    newer: FaultServer, local_newer: dict[str, Any], cache: pathlib.Path
) -> None:
    session = session_of(newer, cache)
    content = (newer.folder / KEY).read_bytes()
    with session._reader.opened():
        assert_same(session.licks, local_newer["licks"])
        download_files([remote_of(newer, cache, content)], progress=False)
        newer.reset()
        assert_same(session.trials, local_newer["trials"])
    for name, expected in local_newer.items():
        assert_same(everything(session, [name])[name], expected)
    assert not newer.requests
    assert beside(cache / "session.nwb") == []


def test_a_session_whose_file_is_replaced(newer: FaultServer, local_newer: dict[str, Any], cache: pathlib.Path) -> None:
    newer.reset()
    session = session_of(newer, cache)
    assert_same(session.metadata, local_newer["metadata"])
    put(newer, (newer.folder / KEY).read_bytes())
    with pytest.raises(ChangedFile, match="was replaced"):
        everything(session, list(local_newer))
    assert_same(everything(session_of(newer, cache), list(local_newer)), local_newer)


def test_two_sessions_at_once(newer: FaultServer, local_newer: dict[str, Any], cache: pathlib.Path) -> None:
    """HDF5 must not take one for the other, nor wait for a wire that another thread waits for."""
    newer.reset()
    content = (newer.folder / KEY).read_bytes()
    put(newer, content[:-1] + b"\0", "other.nwb")
    sessions = [session_of(newer, cache / str(at)) for at in range(4)]
    sessions += [BehaviorSession(NwbReader(remote_of(newer, cache, key="other.nwb"))) for _ in range(4)]

    def work(at: int) -> dict[str, Any]:
        return everything(sessions[at], random.Random(at).sample(list(local_newer), len(local_newer)))

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(work, range(8)):
            for name in local_newer:
                assert_same(found[name], local_newer[name])


@pytest.fixture
def nwb(newer_file: pathlib.Path) -> bytes:
    return newer_file.read_bytes()


@given(part=st.floats(0, 1))
@settings(max_examples=25)
def test_a_cut_object(shared: FaultServer, newer_file: pathlib.Path, part: float) -> None:
    content = newer_file.read_bytes()
    put(shared, content[: int(part * (len(content) - 1))], "cut.nwb")
    with new_folder() as folder:
        session = BehaviorSession(NwbReader(remote_of(shared, folder, key="cut.nwb")))
        with pytest.raises(CorruptFile, match=r"cut short|is empty|cannot be read"):
            _ = session.trials


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"<html>Sign in</html>", "cannot be read"), (made_bytes(3 * BLOCK), "cannot be read")],
    ids=["empty", "page", "noise"],
)
def test_an_object_that_is_no_hdf5(server: FaultServer, cache: pathlib.Path, content: bytes, says: str) -> None:
    put(server, content)
    session = session_of(server, cache)
    for read_one in (lambda: session.trials, session.get_performance_metrics):
        with pytest.raises(CorruptFile, match=says) as caught:
            read_one()
        assert str(caught.value).startswith(f"{server.endpoint}/{server.bucket}/{KEY}")


def moved(content: bytes, path: pathlib.Path, name: str, offset: int) -> bytes:
    """The file with a dataset whose values lie elsewhere, as it says."""
    with h5py.File(path) as file:
        data = file[name].id
        layout = struct.pack("<QQ", data.get_offset(), data.get_storage_size())
    assert content.count(layout) == 1
    return content.replace(layout, struct.pack("<Q", offset) + layout[8:])


@pytest.mark.parametrize("name", ["trials/initial_image_name", "trials/go", "trials/id", "trials/start_time"])
@pytest.mark.parametrize("where", ["end", "far"])
def test_values_behind_the_end_of_the_file(
    server: FaultServer, cache: pathlib.Path, nwb: bytes, newer_file: pathlib.Path, name: str, where: str
) -> None:
    damaged = moved(nwb, newer_file, f"intervals/{name}", len(nwb) - 3 if where == "end" else 1 << 40)
    put(server, damaged)
    (cache.parent / "local.nwb").write_bytes(damaged)
    errors = []
    for session in (BehaviorSession.from_nwb_path(cache.parent / "local.nwb"), session_of(server, cache)):
        with pytest.raises(VisBehaviorError) as caught:
            _ = session.trials
        errors.append(type(caught.value))
    assert errors == [CorruptFile, CorruptFile]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_a_forked_child_reads_what_is_here(newer: FaultServer, cache: pathlib.Path) -> None:
    newer.reset()
    done = child("fork", newer.endpoint, cache)
    assert done.stdout.splitlines() == ["licks", "TransferFailed", "0"], done.stderr
    asked = len(newer.requests)
    assert "this process was forked from one that had used it" in done.stderr
    assert asked == int(done.stderr.splitlines()[0])


@pytest.mark.parametrize("how", ["between", "within"])
def test_the_end_of_a_process_with_an_open_session(newer: FaultServer, cache: pathlib.Path, how: str) -> None:
    """HDF5 over a Python object once ended in a segmentation fault."""
    done = child(f"leave {how}", newer.endpoint, cache)
    assert (done.returncode, done.stdout, done.stderr) == (0, "60\n", "")
