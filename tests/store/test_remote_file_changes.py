"""Remote files that other processes finish, discard or restart, that are replaced or damaged, and failed requests."""

from __future__ import annotations

import itertools
import os
import pathlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email.message import Message
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faultserver import FOREVER, Fault, FaultServer, Request
from tests.store.objects import (
    fetch_blocks,
    files_beside,
    partial_and_journal,
    put,
    remote_object,
    requested_blocks,
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
from visbehavior.errors import ChangedFile, TransferFailed
from visbehavior.store import steps
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.download import download_files
from visbehavior.store.not_here import NotHere
from visbehavior.store.os_files import open_binary
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectInfo

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


def test_an_open_file_continues_with_the_complete_file(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_object(server, cache).open()) as file:
        download_files([remote_object(server, cache, LONG)], progress=False)
        count = len(server.requests)
        assert cached_blocks(file, LONG) == {0}
        assert read_all(file) == LONG
        file.require([(0, len(LONG))])
        assert len(server.requests) == count
    with closing(remote_object(server, cache).open()) as file:
        assert read_all(file) == LONG
    assert files_beside(cache / "session.nwb") == []


def test_no_partial_file_is_left_beside_a_complete_file(
    server: FaultServer, cache: pathlib.Path, monkeypatch: Any
) -> None:
    """Another process finishes the file before the response to the first request."""
    late = remote_object(server, cache)
    source_read = late.source.read

    def finish_and_read(*arguments: Any, **options: Any) -> Any:
        download_files([remote_object(server, cache, LONG)], progress=False)
        return source_read(*arguments, **options)

    monkeypatch.setattr(late.source, "read", finish_and_read)
    with closing(late.open()) as file:
        assert read_all(file) == LONG
    assert files_beside(late.final) == []


@pytest.mark.parametrize("method", ["create", "load", "write"])
@pytest.mark.parametrize("change", ["finish", "discard", "restart"])
def test_another_process_changes_the_file_at_any_moment(
    server: FaultServer, cache: pathlib.Path, monkeypatch: Any, method: str, change: str
) -> None:
    """The change follows each of the first calls of a method."""
    for skipped in range(6):
        folder = cache / str(skipped)
        mine = remote_object(server, folder)
        other = remote_object(server, folder, LONG)
        original = getattr(PartialFile, method)
        remaining = itertools.count(skipped, -1)

        def call_and_change(
            self: PartialFile,
            *arguments: Any,
            mine: RemoteObject = mine,
            other: RemoteObject = other,
            original: Any = original,
            remaining: Iterator[int] = remaining,
        ) -> Any:
            result = original(self, *arguments)
            if self is mine.partial and next(remaining) == 0:
                change_file(other, change)
            return result

        monkeypatch.setattr(PartialFile, method, call_and_change)
        with closing(mine.open()) as file:
            assert read_all(file) == LONG
        monkeypatch.setattr(PartialFile, method, original)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the open files are those of Linux")
def test_no_file_stays_open_if_the_object_is_replaced_during_opening(
    server: FaultServer, cache: pathlib.Path, monkeypatch: Any
) -> None:
    remote, opening = remote_object(server, cache), PartialFile.open
    remote.start()

    def open_and_replace(self: PartialFile) -> Any:
        files = opening(self)
        self.discard()
        self.create(ObjectInfo(5, "another", None))
        return files

    monkeypatch.setattr(PartialFile, "open", open_and_replace)
    with pytest.raises(ChangedFile, match="contains blocks of another version"):
        remote.open()
    assert open_paths_in(cache) == []


def open_paths_in(folder: pathlib.Path) -> list[str]:
    """Return the paths of the open files of this process that are in a folder."""
    paths = []
    for descriptor in pathlib.Path("/proc/self/fd").iterdir():
        # The descriptor of the listing itself is closed.
        with suppress(FileNotFoundError):
            paths.append(os.readlink(descriptor))
    return [path for path in paths if path.startswith(str(folder))]


def change_file(other: RemoteObject, change: str) -> None:
    if change == "finish":
        download_files([other], progress=False)
        return
    other.partial.discard()
    if change == "restart":
        other.start()


class ServerWithoutConditions(FaultServer):
    """A server that ignores If-Match, as some mirrors do."""

    def _object(self, request: Request, found: Any, if_match: str) -> Any:
        return super()._object(request, found, "")


@pytest.mark.parametrize("kind", [FaultServer, ServerWithoutConditions])
def test_an_object_replaced_between_two_requests_raises(tmp_path: pathlib.Path, kind: type[FaultServer]) -> None:
    (tmp_path / "bucket").mkdir()
    replaced = bytes(byte ^ 0x55 for byte in LONG)
    with kind(tmp_path / "bucket") as server:
        put(server, LONG)
        with closing(remote_object(server, tmp_path).open()) as file:
            assert read(file, 0, BLOCK) == LONG[:BLOCK]
            kept = (tmp_path / "session.nwb.blocks").read_bytes()
            server.faults.append(Fault("replaced"))
            watched = open_binary(tmp_path / "session.nwb.blocks", os.O_RDONLY)
            file.seek(9 * BLOCK)
            with pytest.raises(ChangedFile, match=r"was replaced .*while it was read.* Open the session again"):
                read_and_fetch(file, bytearray(20 * BLOCK))
            with open(watched, "rb") as old:
                assert old.read() == kept
        with closing(remote_object(server, tmp_path).open()) as file:
            assert read_all(file) == replaced


def test_an_open_file_raises_after_another_process_replaced_the_object(
    server: FaultServer, cache: pathlib.Path
) -> None:
    with closing(remote_object(server, cache).open()) as file:
        server.faults.append(Fault("replaced"))
        with closing(remote_object(server, cache).open()) as other, pytest.raises(ChangedFile):
            read_all(other)
        with closing(remote_object(server, cache).open()) as other:
            read_all(other)
        assert read(file, 0, BLOCK) == LONG[:BLOCK]
        with pytest.raises(ChangedFile, match="contains blocks of another version"):
            read_all(file)


@given(offset=st.integers(0, len(LONG) - 1), mask=st.integers(1, 255))
@settings(max_examples=20)
def test_a_damaged_block_is_requested_again(shared: FaultServer, offset: int, mask: int) -> None:
    shared.reset()
    key = f"{SIZES[-1]}.bin"
    with new_folder() as folder:
        with closing(remote_object(shared, folder, key=key).open()) as file:
            read_all(file)
        with partial_and_journal(folder / key)[0].open("rb+") as part:
            part.seek(offset)
            part.write(bytes([LONG[offset] ^ mask]))
        shared.reset()
        with closing(remote_object(shared, folder, key=key).open()) as file:
            assert read_all(file) == LONG
        assert requested_blocks(shared, key) == [offset // BLOCK]


def test_a_truncated_partial_file_is_completed(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_object(server, cache).open()) as file:
        read_all(file)
    os.truncate(partial_and_journal(cache / "session.nwb")[0], 7 * BLOCK + 5)
    server.reset()
    with closing(remote_object(server, cache).open()) as file:
        assert read_all(file) == LONG
    assert sorted(requested_blocks(server)) == list(range(7, BLOCK_COUNT))


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Limit the number of connections to one; calling the fixture waits for running requests."""
    pools: dict[int, ThreadPoolExecutor] = {}
    monkeypatch.setattr(steps, "CONNECTIONS", 1)
    monkeypatch.setattr(steps, "_pools", pools)

    def wait_for_requests() -> None:
        while pools:
            pools.popitem()[1].shutdown()

    yield wait_for_requests
    wait_for_requests()


def test_successful_requests_of_a_failed_batch_are_kept(
    server: FaultServer, cache: pathlib.Path, one_connection: Callable[[], None]
) -> None:
    with closing(remote_object(server, cache).open()) as file:
        server.faults.append(Fault("403", times=FOREVER, after=1))
        file.seek(0)
        with pytest.raises(TransferFailed, match="access denied"):
            read_and_fetch(file, bytearray(len(LONG)))
        one_connection()
        received = sent_in_ranges(server)
        server.reset()
        assert read_all(file) == LONG
    assert received > BLOCK
    assert sent_in_ranges(server) == len(LONG) - received


def test_finished_requests_of_an_interrupted_batch_are_kept(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache)
    remote.start()
    fetching = remote.fetching([6, 12])
    next(fetching).wait()
    fetching.close()
    remote.partial.load()
    assert remote.partial.missing([5, 6, 12]) == [5]


def sent_in_ranges(server: FaultServer) -> int:
    return sum(request.sent for request in server.requests if request.status == 206)


class SlowServer(FaultServer):
    """Denies the third request, and answers later ones only after the client has raised the error."""

    raised = threading.Event()

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, Any]:
        if len(self.requests) == 2:
            self.faults.append(Fault("403"))
        if len(self.requests) > 2:
            self.raised.wait(TIMEOUT)
        return super().answer(method, target, headers)


def test_the_requests_after_an_error_are_cancelled(tmp_path: pathlib.Path, one_connection: Callable[[], None]) -> None:
    (tmp_path / "bucket").mkdir()
    with SlowServer(tmp_path / "bucket") as server:
        put(server, LONG)
        remote = remote_object(server, tmp_path)
        remote.start()
        with pytest.raises(TransferFailed, match="access denied"):
            fetch_blocks(remote, range(6, BLOCK_COUNT, 6))
        server.raised.set()
        one_connection()
        assert [request.status for request in server.requests] == [206, 206, 403, 206]


def test_blocks_fetched_by_others_are_not_requested(server: FaultServer, cache: pathlib.Path) -> None:
    with closing(remote_object(server, cache).open()) as file, closing(remote_object(server, cache).open()) as other:
        for reader in (file, other):
            with pytest.raises(NotHere):
                read(reader, 9 * BLOCK, 12 * BLOCK)
            reader.fetch()
            assert read(reader, 9 * BLOCK, 12 * BLOCK) == LONG[9 * BLOCK : 12 * BLOCK]
        with pytest.raises(NotHere):
            read(file, 20 * BLOCK, 22 * BLOCK)
        with pytest.raises(NotHere):
            read(other, 20 * BLOCK, 22 * BLOCK)
        file.fetch()
        other.fetch()
        assert read(other, 20 * BLOCK, 22 * BLOCK) == LONG[20 * BLOCK : 22 * BLOCK]
    assert requested_blocks(server) == [0, 9, 10, 11, 20, 21]
