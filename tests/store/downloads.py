"""Objects and checks for the tests of downloads."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from email.message import Message
from typing import Any

from tests.faultserver import FaultServer, Request
from tests.store.objects import files_beside, put, random_bytes, remote_object
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.download import download_files
from visbehavior.store.remote_object import RemoteObject

# Blocks per request in these tests.
MAX_BLOCKS = 8
# An object of nine requests, the last of which is short, another one of its size, and objects of one request.
CONTENT = random_bytes(8 * MAX_BLOCKS * BLOCK + BLOCK + 4321)
OTHER = bytes(byte ^ 0x55 for byte in CONTENT)
SMALL = {f"a/{number}.nwb": random_bytes(3 * BLOCK + number, number) for number in range(6)}
BLOCK_COUNT = -(-len(CONTENT) // BLOCK)


def put_objects(server: FaultServer) -> None:
    put(server, CONTENT)
    for key, content in SMALL.items():
        put(server, content, key)


def small_objects(server: FaultServer, folder: pathlib.Path) -> list[RemoteObject]:
    return [remote_object(server, folder, content, key) for key, content in SMALL.items()]


def fetch(*objects: RemoteObject, **options: Any) -> None:
    download_files(objects, **{"progress": False} | options)


def assert_complete(remote: RemoteObject, content: bytes = CONTENT) -> None:
    assert remote.is_complete
    assert remote.final.read_bytes() == content
    assert files_beside(remote.final) == []


class CallingServer(FaultServer):
    """Calls a function before it answers the n-th range request from now on."""

    call: Callable[[], object] = staticmethod(lambda: None)
    remaining = -1

    def answer(self, method: str, target: str, headers: Message) -> tuple[Request, Any]:
        if headers.get("Range"):
            with self._lock:
                self.remaining -= 1
                call_now = self.remaining == 0
            if call_now:
                self.call()
        return super().answer(method, target, headers)
