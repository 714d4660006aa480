"""Objects behind a FaultServer for the tests of the store."""

from __future__ import annotations

import hashlib
import os
import pathlib
from typing import Any

import numpy as np
import pytest

from tests.faultserver import FaultServer
from visbehavior.store import source as module
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.partial_file import BLOCKS_ENDING, JOURNAL_ENDING
from visbehavior.store.remote_file import RemoteObject
from visbehavior.store.source import Address, ObjectSource

KEY = "a/b/session.nwb"


def made_bytes(size: int, seed: int = 0) -> bytes:
    """Bytes of which no two blocks are alike, nor any all zeros."""
    return np.random.default_rng(seed).bytes(size)


def digest(content: bytes) -> str:
    return hashlib.blake2b(content).hexdigest()


def put(server: FaultServer, content: bytes, key: str = KEY) -> None:
    path = server.folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def source_of(server: FaultServer) -> ObjectSource:
    return ObjectSource(Address(server.bucket, server.endpoint))


def remote_of(
    server: FaultServer, folder: pathlib.Path, content: bytes | None = None, key: str = KEY, version: str | None = None
) -> RemoteObject:
    """The object as kept in a folder; its hash is that of `content`."""
    file_hash = None if content is None else digest(content)
    return RemoteObject(source_of(server), key, version, file_hash, folder / pathlib.PurePosixPath(key).name)


def asked_for(server: FaultServer, key: str = KEY) -> list[int]:
    """The blocks that were asked for, as often as they were."""
    return [
        block
        for request in server.requests
        if request.key == key and request.method == "GET" and request.range
        for block in range(request.range[0] // BLOCK, -(-request.range[1] // BLOCK))
    ]


def sent(server: FaultServer, key: str = KEY) -> int:
    return sum(request.sent for request in server.requests if request.key == key)


def beside(final: pathlib.Path) -> list[str]:
    """What lies in the folder of a file, other than the file."""
    return sorted(path.name for path in final.parent.iterdir() if path != final) if final.parent.exists() else []


def parts_of(final: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The block file and its journal."""
    return final.with_name(final.name + BLOCKS_ENDING), final.with_name(final.name + JOURNAL_ENDING)


def be_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """obstore heeds what the machine says about AWS and proxies."""
    for name in os.environ:
        if name.upper().startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def retry_at_once(monkeypatch: pytest.MonkeyPatch, **client: str) -> None:
    """As patient as ever, without the pauses in between."""
    backoff: Any = {name: value / 100 for name, value in module._BACKOFF.items() if name != "base"} | {"base": 2}
    for name in ("_PATIENT", "_QUICK"):
        monkeypatch.setattr(module, name, getattr(module, name) | {"backoff": backoff})
    monkeypatch.setattr(module, "_CLIENT", module._CLIENT | client)
