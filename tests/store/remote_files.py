"""Objects and reads for the tests of remote files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.store.objects import random_bytes
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.remote_file import NotHere, RemoteFile

SIZES = (1, BLOCK, BLOCK + 1, 40 * BLOCK + 321)
CONTENTS = {f"{size}.bin": random_bytes(size, size) for size in SIZES}
LONG = CONTENTS[f"{SIZES[-1]}.bin"]
BLOCK_COUNT = 41


@contextmanager
def closing(file: RemoteFile) -> Iterator[RemoteFile]:
    try:
        yield file
    finally:
        file.close()


def read_and_fetch(file: RemoteFile, buffer: bytearray) -> int:
    """Repeat readinto and fetch until all bytes are cached. A failed readinto must not move the position."""
    while True:
        position = file.tell()
        try:
            return file.readinto(buffer)
        except NotHere:
            assert file.tell() == position
            assert file.pending
            file.fetch()


def read(file: RemoteFile, start: int, stop: int) -> bytes:
    """Cached bytes."""
    content = bytearray(stop - start)
    file.read_at(start, memoryview(content))
    return bytes(content)


def read_all(file: RemoteFile) -> bytes:
    content = bytearray(file.size)
    file.seek(0)
    assert read_and_fetch(file, content) == file.size
    return bytes(content)


def cached_blocks(file: RemoteFile, content: bytes) -> set[int]:
    blocks = set()
    for block in range(-(-len(content) // BLOCK)):
        span = block * BLOCK, min((block + 1) * BLOCK, len(content))
        try:
            assert read(file, *span) == content[slice(*span)]
        except NotHere:
            continue
        blocks.add(block)
    return blocks
