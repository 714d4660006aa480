"""Objects read through a cache: the bytes are right, and each block is requested once."""

from __future__ import annotations

import io
import os
import pathlib
import pickle
import random
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faultserver import FaultServer, Request
from tests.store.objects import (
    KEY,
    put,
    random_bytes,
    remote_object,
    requested_blocks,
    sent_bytes,
)
from tests.store.remote_files import (
    BLOCK_COUNT,
    CONTENTS,
    LONG,
    SIZES,
    cached_blocks,
    closing,
    read,
    read_all,
    read_and_fetch,
)
from visbehavior.errors import NotFound
from visbehavior.store import partial_file, remote_file
from visbehavior.store.coalesce import BLOCK, STREAM_MAX_BLOCKS, STREAM_MAX_GAP, coalesce_blocks
from visbehavior.store.not_here import NotHere

TIMEOUT = 120


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
    """A server for many examples of a test."""
    with FaultServer(tmp_path_factory.mktemp("bucket")) as server:
        for key, content in CONTENTS.items():
            put(server, content, key)
        yield server


@contextmanager
def new_folder() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


SEEK = st.tuples(st.just("seek"), st.integers(0, SIZES[-1] + 9), st.sampled_from([os.SEEK_SET, os.SEEK_END]))
STEP = st.tuples(st.just("step"), st.integers(0, 5 * BLOCK))
READ = st.tuples(st.just("readinto"), st.one_of(st.integers(0, 600), st.integers(0, 4 * BLOCK)))


@given(key=st.sampled_from(sorted(CONTENTS)), steps=st.lists(st.one_of(SEEK, STEP, READ), max_size=12))
def test_reads_equal_those_of_a_file_in_memory(shared: FaultServer, key: str, steps: list[tuple[Any, ...]]) -> None:
    shared.reset()
    twin = io.BytesIO(CONTENTS[key])
    with new_folder() as folder, closing(remote_object(shared, folder, key=key).open()) as file:
        for name, *arguments in steps:
            if name == "readinto":
                mine, other = bytearray(arguments[0]), bytearray(arguments[0])
                assert read_and_fetch(file, mine) == twin.readinto(other)
                assert mine == other
            elif name == "seek":
                offset, whence = arguments
                offset = -min(offset, file.size) if whence == os.SEEK_END else offset
                assert file.seek(offset, whence) == twin.seek(offset, whence)
            else:
                assert file.seek(arguments[0], os.SEEK_CUR) == twin.seek(arguments[0], os.SEEK_CUR)
            assert file.tell() == twin.tell()
        assert cached_blocks(file, CONTENTS[key]) == set(requested_blocks(shared, key)) & set(
            range(-(-file.size // BLOCK))
        )


class SimultaneousServer(FaultServer):
    """Answers the range requests of a batch only when it has received all of them."""

    batch = threading.Barrier(1)

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, Any]:
        if not headers.get("Range", "").startswith("bytes=0-"):
            self.batch.wait(TIMEOUT)
        return super().answer(method, target, headers)


def test_pending_blocks_are_requested_simultaneously(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bucket").mkdir()
    with SimultaneousServer(tmp_path / "bucket") as server:
        put(server, LONG)
        blocks = [3, 4, 12, 20, 21, 22, 30, 40]
        runs = coalesce_blocks(blocks, STREAM_MAX_GAP, STREAM_MAX_BLOCKS)
        server.batch = threading.Barrier(len(runs))
        with closing(remote_object(server, tmp_path).open()) as file:
            for block in blocks:
                with pytest.raises(NotHere):
                    read(file, block * BLOCK, block * BLOCK + 1)
            assert file.pending == set(blocks)
            assert file.pending_bytes() == len(blocks) * BLOCK
            file.fetch()
            assert cached_blocks(file, LONG) == {0, *blocks}
        assert len(server.requests) == 1 + len(runs) == 6


def test_small_reads_of_a_block_read_the_disk_once(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each system call another thread may run instead."""
    put(server, bytes(70 * BLOCK), "long.bin")
    with closing(remote_object(server, cache, key="long.bin").open()) as file:
        read_all(file)
        reads = []
        monkeypatch.setattr(remote_file, "_MAX_KEPT", 8)
        monkeypatch.setattr(partial_file, "read_at", lambda *arguments: reads.append(arguments[1]))
        for block in range(8):
            for start in (0, 100, BLOCK - 8):
                read(file, block * BLOCK + start, block * BLOCK + start + 8)
        assert reads == [block * BLOCK for block in range(8)]
        for block in range(70):
            read(file, block * BLOCK, block * BLOCK + 8)
            assert len(file._blocks) <= 8


def test_a_small_read_also_fetches_the_next_blocks(server: FaultServer, cache: pathlib.Path) -> None:
    """More blocks for the first read, and also earlier ones for an object header, which may follow its values."""
    middle = BLOCK // 2
    with closing(remote_object(server, cache).open()) as file:
        for start, size in ((9 * BLOCK, 8), (20 * BLOCK + middle, 512), (30 * BLOCK, 8), (36 * BLOCK, 512)):
            file.seek(start)
            read_and_fetch(file, bytearray(size))
    assert requested_blocks(server) == [0, *range(9, 14), 20, 21, 22, 30, 35, 36, 37, 38]


def test_require_adds_all_missing_blocks_to_the_pending_ones(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_object(server, cache).open()) as file:
        file.require([(5, 9), (7, 7), (BLOCK, BLOCK)])
        with pytest.raises(NotHere):
            file.require([(2 * BLOCK - 1, 2 * BLOCK + 1), (40 * BLOCK, 99 * BLOCK)])
        assert file.pending == {1, 2, 40}
        file.fetch()
        file.require([(2 * BLOCK - 1, 2 * BLOCK + 1), (40 * BLOCK, 99 * BLOCK)])


def test_bytes_ahead_are_fetched_with_missing_ones_only(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_object(server, cache).open()) as file:
        file.require([(5, 9)], 3 * BLOCK)
        with pytest.raises(NotHere):
            file.require([(5, 9), (4 * BLOCK, 4 * BLOCK + 8), (len(LONG) - 8, len(LONG))], BLOCK)
        assert file.pending == {1, 4, 5, BLOCK_COUNT - 1}
        file.fetch()
        file.require([(4 * BLOCK, 5 * BLOCK)], 9 * BLOCK)


def test_reads_after_the_end_raise(server: FaultServer, cache: pathlib.Path) -> None:
    """Damaged files contain such offsets."""
    with closing(remote_object(server, cache).open()) as file:
        for start in (len(LONG) - 1, len(LONG), len(LONG) + 5 * BLOCK):
            with pytest.raises(EOFError):
                read(file, start, start + 2)
        assert not file.pending


def test_cached_blocks_are_not_requested_again(server: FaultServer, cache: pathlib.Path) -> None:
    order = random.Random(3).sample(range(BLOCK_COUNT), BLOCK_COUNT)
    with closing(remote_object(server, cache).open()) as file:
        for block in sorted(order[:20]):
            file.seek(block * BLOCK)
            read_and_fetch(file, bytearray(BLOCK))
        before = len(server.requests)
        for block in order[:20]:
            read(file, block * BLOCK, block * BLOCK + 1)
    again = pickle.loads(pickle.dumps(remote_object(server, cache)))
    with closing(again.open()) as file:
        for block in order[:20]:
            assert read(file, block * BLOCK, block * BLOCK + 9) == LONG[block * BLOCK : block * BLOCK + 9]
        assert len(server.requests) == before
        assert (again.source.requests, again.info().size) == (0, len(LONG))
        assert read_all(file) == LONG


def test_a_file_read_sequentially_is_requested_once(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_object(server, cache).open()) as file:
        for at in range(0, len(LONG), 100_000):
            file.seek(at)
            read_and_fetch(file, bytearray(100_000))
    assert sent_bytes(server) == len(LONG)


def test_a_pickled_copy_uses_the_same_cache(server: FaultServer, cache: pathlib.Path) -> None:
    original = remote_object(server, cache, LONG)
    with closing(original.open()) as file:
        assert cached_blocks(file, LONG) == {0}
    copy = pickle.loads(pickle.dumps(original))
    assert (copy.key, copy.version, copy.file_hash, copy.final) == (KEY, None, original.file_hash, original.final)
    assert copy.location == original.location == f"{server.endpoint}/{server.bucket}/{KEY}"
    with closing(copy.open()) as file:
        assert read_all(file) == LONG
    assert sent_bytes(server) == len(LONG)


def test_all_requests_name_the_version(server: FaultServer, cache: pathlib.Path, tmp_path: pathlib.Path) -> None:
    old = random_bytes(5 * BLOCK, 9)
    (tmp_path / "old").write_bytes(old)
    server.versions[KEY] = {"new": server.folder / KEY, "old": tmp_path / "old"}
    for version, content in (("old", old), ("new", LONG), (None, LONG)):
        with closing(remote_object(server, cache / str(version), version=version).open()) as file:
            assert read_all(file) == content
    # After the first response, requests without a version name that of the response.
    assert {request.version for request in server.requests if request.range != (0, BLOCK)} == {"old", "new"}


def test_threads_share_an_object(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache)
    barrier = threading.Barrier(16)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        barrier.wait()
        with closing(remote.open()) as file:
            for _ in range(12):
                start = rng.randrange(len(LONG))
                content = bytearray(rng.randrange(3 * BLOCK))
                file.seek(start)
                count = read_and_fetch(file, content)
                assert content[:count] == LONG[start : start + len(content)]

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(work, seed) for seed in range(16)]:
            future.result()
    with closing(remote_object(server, cache).open()) as file:
        assert read_all(file) == LONG


def test_an_absent_object_is_not_found(server: FaultServer, cache: pathlib.Path) -> None:
    with pytest.raises(NotFound, match=r"has no none\.nwb"):
        remote_object(server, cache, key="none.nwb").open()
    assert not cache.exists()
