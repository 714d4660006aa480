"""Objects and partial files for the tests of partial files."""

from __future__ import annotations

import pathlib
from contextlib import closing

from tests.store.objects import random_bytes
from visbehavior.store.coalesce import BLOCK, Span
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.source import ObjectInfo

# An object, another one of the same key, and an older version of another size.
OBJECTS = {
    ObjectInfo(5 * BLOCK + 17, '"one"', None): random_bytes(5 * BLOCK + 17, 1),
    ObjectInfo(5 * BLOCK + 17, '"two"', None): random_bytes(5 * BLOCK + 17, 2),
    ObjectInfo(3 * BLOCK, '"one"', "v1"): random_bytes(3 * BLOCK, 3),
}
ONE, TWO, OLD = OBJECTS


def block_count(info: ObjectInfo) -> int:
    return -(-info.size // BLOCK)


def part_of(content: bytes, span: Span) -> memoryview:
    """The bytes of a run of blocks."""
    return memoryview(content)[span[0] * BLOCK : span[1] * BLOCK]


def write(partial: PartialFile, span: Span, content: memoryview, info: ObjectInfo) -> None:
    """Write a run of blocks."""
    partial.write([(span, content)], info)


def read(partial: PartialFile, start: int, stop: int) -> bytes | set[int]:
    """The bytes, or the missing blocks."""
    content = bytearray(stop - start)
    with closing(partial.open()) as files:
        partial.load(files)
        return partial.read_into(files, start, memoryview(content)) or bytes(content)


def cached_blocks(final: pathlib.Path, content: bytes) -> set[int]:
    """The blocks that a new process finds; each must have the right bytes."""
    partial = PartialFile(final)
    if partial.load() is None:
        return set()
    blocks = set()
    for block in range(partial.block_count):
        span = block * BLOCK, min((block + 1) * BLOCK, len(content))
        result = read(partial, *span)
        assert result in ({block}, content[slice(*span)])
        blocks |= {block} if isinstance(result, bytes) else set()
    return blocks


def created(final: pathlib.Path, info: ObjectInfo = ONE, *spans: Span) -> PartialFile:
    """A partial file with some runs of blocks."""
    partial = PartialFile(final)
    partial.create(info)
    for span in spans:
        write(partial, span, part_of(OBJECTS[info], span), info)
    return partial
