"""Objects on a FaultServer, for the tests of the store."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tests.faultserver import FaultServer
from visbehavior.store import obstore_client, verified
from visbehavior.store.address import Bucket
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.os_files import open_binary
from visbehavior.store.paths import journal_path, partial_path
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectSource
from visbehavior.store.steps import complete

KEY = "a/b/session.nwb"


def random_bytes(size: int, seed: int = 0) -> bytes:
    """Bytes in which all blocks differ and none is zero."""
    return np.random.default_rng(seed).bytes(size)


def hash_of(content: bytes) -> str:
    return hashlib.blake2b(content).hexdigest()


def put(server: FaultServer, content: bytes, key: str = KEY) -> None:
    path = server.folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def object_source(server: FaultServer) -> ObjectSource:
    return ObjectSource(Bucket(server.bucket, server.endpoint))


def remote_object(
    server: FaultServer, folder: pathlib.Path, content: bytes | None = None, key: str = KEY, version: str | None = None
) -> RemoteObject:
    """An object with its cache in a folder; its hash is that of `content`, or else of the server's object."""
    if content is None and (server.folder / key).is_file():
        content = (server.folder / key).read_bytes()
    file_hash = None if content is None else hash_of(content)
    return RemoteObject(object_source(server), key, version, file_hash, folder / pathlib.PurePosixPath(key).name)


def fetch_blocks(remote: RemoteObject, blocks: Iterable[int]) -> None:
    """Download blocks."""
    complete(remote.fetching(blocks))


def requested_blocks(server: FaultServer, key: str = KEY) -> list[int]:
    """The blocks of all range requests, in their order."""
    return [
        block
        for request in server.requests
        if request.key == key and request.method == "GET" and request.range
        for block in range(request.range[0] // BLOCK, -(-request.range[1] // BLOCK))
    ]


def sent_bytes(server: FaultServer, key: str = KEY) -> int:
    return sum(request.sent for request in server.requests if request.key == key)


def file_names(folder: pathlib.Path) -> list[str]:
    """Names of the files in a folder, except the record of verified files."""
    return sorted(path.name for path in folder.iterdir() if path.name != verified.FILE_NAME)


def files_beside(final: pathlib.Path) -> list[str]:
    """Names of the other files in the folder of a file."""
    return [name for name in file_names(final.parent) if name != final.name] if final.parent.exists() else []


def partial_and_journal(final: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    return partial_path(final), journal_path(final)


@contextmanager
def opened(path: pathlib.Path) -> Iterator[int]:
    """Descriptor of a file."""
    file = open_binary(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


def clear_network_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete environment variables about AWS and proxies, which obstore would use."""
    for name in os.environ:
        if name.upper().startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def retry_without_delay(monkeypatch: pytest.MonkeyPatch, **client: str) -> None:
    """Keep the number of retries, but not the pauses between them."""
    backoff: Any = {name: value / 100 for name, value in obstore_client._BACKOFF.items() if name != "base"} | {
        "base": 2
    }
    for patience, retries in obstore_client._RETRIES.items():
        monkeypatch.setitem(obstore_client._RETRIES, patience, retries | {"backoff": backoff})
    monkeypatch.setattr(obstore_client, "_CLIENT", obstore_client._CLIENT | client)
