"""Downloads: a file is complete and verified, or does not exist, whatever the network or the server does."""

from __future__ import annotations

import errno
import os
import pathlib
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faultserver import FOREVER, Fault, FaultServer
from tests.servers import NGINX, RCLONE, nginx, rclone
from tests.store.downloads import (
    BLOCK_COUNT,
    CONTENT,
    MAX_BLOCKS,
    OTHER,
    SMALL,
    assert_complete,
    fetch,
    small_objects,
)
from tests.store.objects import (
    KEY,
    fetch_blocks,
    file_names,
    files_beside,
    hash_of,
    partial_and_journal,
    put,
    remote_object,
    requested_blocks,
    sent_bytes,
)
from visbehavior.errors import (
    CannotWrite,
    CorruptFile,
    DiskFull,
    NotFound,
    TransferFailed,
    VisBehaviorError,
)
from visbehavior.store import download as module
from visbehavior.store import partial_file
from visbehavior.store.address import Bucket, Folder, Location, Mirror
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.remote_file import NotHere
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectSource
from visbehavior.store.verified import hash_file

pytestmark = pytest.mark.usefixtures("small_requests")


@pytest.fixture
def server(download_server: FaultServer) -> FaultServer:
    return download_server


@pytest.fixture
def cache(deep_cache: pathlib.Path) -> pathlib.Path:
    return deep_cache


def test_a_file_is_downloaded_once_and_completely(server: FaultServer, cache: pathlib.Path) -> None:
    complete: list[RemoteObject] = []
    remote = remote_object(server, cache, CONTENT)
    fetch(remote, on_complete=complete.append)
    assert_complete(remote)
    assert complete == [remote]
    assert sorted(requested_blocks(server)) == list(range(BLOCK_COUNT))
    assert sent_bytes(server) == len(CONTENT)
    assert hash_file(remote.final) == remote.file_hash


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, MAX_BLOCKS * BLOCK, MAX_BLOCKS * BLOCK + 1])
def test_files_of_any_size(server: FaultServer, cache: pathlib.Path, size: int) -> None:
    put(server, CONTENT[:size])
    remote = remote_object(server, cache, CONTENT[:size])
    fetch(remote)
    assert_complete(remote, CONTENT[:size])
    assert sent_bytes(server) == size


def test_an_empty_object_is_corrupt(server: FaultServer, cache: pathlib.Path) -> None:
    put(server, b"")
    remote = remote_object(server, cache, b"")
    with pytest.raises(CorruptFile, match="is empty"):
        fetch(remote)
    assert not remote.final.exists()
    assert files_beside(remote.final) == []


def test_complete_files_are_not_requested(server: FaultServer, cache: pathlib.Path) -> None:
    remotes = small_objects(server, cache)
    fetch(*remotes[:3])
    server.reset()
    complete: list[RemoteObject] = []
    fetch(*remotes[:3], on_complete=complete.append)
    assert (server.requests, complete) == ([], [])
    fetch(*remotes, on_complete=complete.append)
    assert {request.key for request in server.requests} == {remote.key for remote in remotes[3:]}
    assert sorted(remote.key for remote in complete) == [remote.key for remote in remotes[3:]]


def test_an_object_that_is_listed_twice_is_downloaded_once(server: FaultServer, cache: pathlib.Path) -> None:
    remotes = [remote_object(server, cache, CONTENT) for _ in range(3)]
    fetch(*remotes)
    assert_complete(remotes[0])
    assert sent_bytes(server) == len(CONTENT)


def test_a_damaged_file_is_kept_until_it_is_replaced(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    cache.mkdir(parents=True)
    remote.final.write_bytes(OTHER)
    assert not remote.is_complete
    server.faults.append(Fault("403", times=FOREVER))
    with pytest.raises(TransferFailed):
        fetch(remote)
    assert remote.final.read_bytes() == OTHER
    server.reset()
    fetch(remote)
    assert_complete(remote)


def test_a_file_that_is_already_there_is_hashed_and_not_downloaded(server: FaultServer, cache: pathlib.Path) -> None:
    """Such as one that another program downloaded. It is hashed once."""
    remote = remote_object(server, cache, CONTENT)
    cache.mkdir(parents=True)
    remote.final.write_bytes(CONTENT)
    assert not remote.is_complete
    fetch(remote)
    assert_complete(remote)
    assert sent_bytes(server) == 0
    assert remote_object(server, cache, CONTENT).is_complete


def test_a_file_that_changes_after_its_hash_is_not_trusted(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    fetch(remote)
    remote.final.write_bytes(OTHER)
    assert not remote.is_complete
    fetch(remote)
    assert_complete(remote)


def test_streamed_blocks_are_not_requested_again(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)
    remote.start()
    fetch_blocks(remote, [5, 6, 30, 55, BLOCK_COUNT - 1])
    streamed = requested_blocks(server)
    server.reset()
    fetch(remote_object(server, cache, CONTENT))
    assert_complete(remote)
    assert sorted(requested_blocks(server) + streamed) == list(range(BLOCK_COUNT))


@pytest.mark.parametrize("after", [1, 2, 4])
def test_an_interrupted_download_is_resumed(server: FaultServer, cache: pathlib.Path, after: int) -> None:
    """Requests that were running when it was interrupted are not repeated either."""
    remote = remote_object(server, cache, CONTENT)
    server.faults.append(Fault("403", times=FOREVER, after=after))
    with pytest.raises(TransferFailed, match="access denied"):
        fetch(remote, jobs=2)
    assert not remote.final.exists()
    assert files_beside(remote.final) == [path.name for path in partial_and_journal(remote.final)]
    received = sum(request.sent for request in server.requests if request.status == 206)
    server.reset()
    fetch(remote_object(server, cache, CONTENT))
    assert_complete(remote)
    assert sent_bytes(server) == len(CONTENT) - received


def test_failures_are_collected(server: FaultServer, cache: pathlib.Path) -> None:
    remotes = small_objects(server, cache)
    (server.folder / remotes[1].key).unlink()
    server.faults.append(Fault("corrupt", key=remotes[4].key, times=FOREVER))
    failures: dict[str, VisBehaviorError] = {}
    complete: list[RemoteObject] = []
    fetch(*remotes, failures=failures, on_complete=complete.append)
    assert {key: type(error) for key, error in failures.items()} == {
        remotes[1].key: NotFound,
        remotes[4].key: CorruptFile,
    }
    others = [remote for remote in remotes if remote.key not in failures]
    assert sorted(remote.key for remote in complete) == [remote.key for remote in others]
    assert file_names(cache) == [remote.final.name for remote in others]
    for remote in others:
        assert remote.final.read_bytes() == SMALL[remote.key]


def test_the_first_failure_is_raised_after_the_other_downloads(server: FaultServer, cache: pathlib.Path) -> None:
    remotes = small_objects(server, cache)
    (server.folder / remotes[0].key).unlink()
    with pytest.raises(NotFound, match=r"has no a/0\.nwb"):
        fetch(*remotes)
    assert file_names(cache) == [remote.final.name for remote in remotes[1:]]


def test_no_folder_is_created_if_nothing_is_downloaded(server: FaultServer, cache: pathlib.Path) -> None:
    fetch()
    with pytest.raises(NotFound):
        fetch(remote_object(server, cache, b"", "none.nwb"))
    assert not cache.exists()


def test_disk_full_is_raised_before_the_first_byte(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remotes = [remote_object(server, cache, CONTENT), *small_objects(server, cache)]
    needed = len(CONTENT) + sum(map(len, SMALL.values()))
    usage = shutil.disk_usage(server.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed - 1))
    with pytest.raises(
        DiskFull, match=r"7 files need 5\.4 MB more in .* 5\.4 MB free\. Nothing was downloaded"
    ) as caught:
        fetch(*remotes)
    assert (caught.value.needed, caught.value.free) == (needed, needed - 1)
    assert sum(request.sent for request in server.requests) == 0
    assert not cache.exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed))
    fetch(*remotes)


def test_cached_blocks_need_no_space(server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = remote_object(server, cache, CONTENT)
    remote.start()
    fetch_blocks(remote, range(40))
    usage = shutil.disk_usage(cache)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=len(CONTENT) - 40 * BLOCK))
    fetch(remote)
    assert_complete(remote)


def test_a_disk_that_fills_up_keeps_the_downloaded_blocks(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_at = partial_file.write_at
    successful_writes = iter(range(4))

    def write_until_full(*arguments: Any) -> None:
        if next(successful_writes, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_at(*arguments)

    monkeypatch.setattr(partial_file, "write_at", write_until_full)
    with pytest.raises(DiskFull, match=r"its disk is full\. Downloaded bytes are kept"):
        fetch(remote_object(server, cache, CONTENT))
    monkeypatch.setattr(partial_file, "write_at", write_at)
    server.reset()
    remote = remote_object(server, cache, CONTENT)
    assert remote.info()
    cached = remote.partial.cached_bytes()
    assert cached >= 2 * MAX_BLOCKS * BLOCK
    fetch(remote)
    assert_complete(remote)
    assert sent_bytes(server) == len(CONTENT) - cached


def test_threads_read_an_object_during_its_download(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_object(server, cache, CONTENT)

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
    assert_complete(remote)
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


@pytest.mark.skipif(os.name == "nt", reason="Windows reports that the folder does not exist")
def test_a_cache_folder_that_is_a_file_cannot_be_written(server: FaultServer, cache: pathlib.Path) -> None:
    cache.parent.mkdir()
    cache.write_bytes(b"")
    with pytest.raises(CannotWrite, match="choose a cache_dir with write permission"):
        fetch(remote_object(server, cache, CONTENT))
    assert cache.read_bytes() == b""


class Stop(BaseException):
    """Stands for KeyboardInterrupt."""


def test_an_interrupt_keeps_the_downloaded_blocks(
    server: FaultServer, cache: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remotes = [remote_object(server, cache, CONTENT), *small_objects(server, cache)]
    wait = module.wait

    def interrupted(*arguments: Any, **options: Any) -> Any:
        wait(*arguments, **options)
        raise Stop

    monkeypatch.setattr(module, "wait", interrupted)
    with pytest.raises(Stop):
        fetch(*remotes, jobs=2)
    monkeypatch.setattr(module, "wait", wait)
    assert not [name for name in files_beside(remotes[0].final) if name.endswith(".lock")]
    remotes[0].partial.load()
    cached = remotes[0].partial.cached_bytes()
    assert cached
    server.reset()
    fetch(*remotes, jobs=2)
    assert remotes[0].final.read_bytes() == CONTENT
    assert sent_bytes(server) == len(CONTENT) - cached


@NGINX
def test_a_download_from_a_mirror(server: FaultServer, cache: pathlib.Path) -> None:
    with nginx(server.folder) as mirror:
        objects = {KEY: CONTENT, **SMALL}
        remotes = [remote_at(Mirror(mirror.endpoint), key, content, cache) for key, content in objects.items()]
        fetch(*remotes)
    assert remotes[0].final.read_bytes() == CONTENT
    assert file_names(cache) == sorted(remote.final.name for remote in remotes)


@RCLONE
def test_a_download_from_rclone(server: FaultServer, cache: pathlib.Path) -> None:
    with rclone(server.folder) as bucket:
        remote = remote_at(Bucket(bucket.bucket, bucket.endpoint), KEY, CONTENT, cache, version="some")
        fetch(remote)
    assert_complete(remote)


def test_a_download_from_a_folder(server: FaultServer, cache: pathlib.Path) -> None:
    remote = remote_at(Folder(str(server.folder)), KEY, CONTENT, cache)
    fetch(remote)
    assert_complete(remote)


def remote_at(
    location: Location, key: str, content: bytes, folder: pathlib.Path, version: str | None = None
) -> RemoteObject:
    name = key.rpartition("/")[2]
    return RemoteObject(ObjectSource(location), key, version, hash_of(content), folder / name)
