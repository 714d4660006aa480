"""Append-only files of records, each with a checksum.

A record is a line: the CRC-32 in eight hexadecimal digits, a space, JSON. Torn, damaged or unreadable lines are skipped
wherever they are. A process that dies while it writes, or a file system without atomic appends, can therefore lose a
record but never produce a wrong one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from visbehavior.store.os_files import open_binary, read_from, write_all

Record = dict[str, Any]


def append_records(path: Path, records: Iterable[Record], *, create: bool = True) -> None:
    """Append records in one write; FileNotFoundError if the file does not exist and `create` is False."""
    file = open_binary(path, os.O_WRONLY | os.O_APPEND | (os.O_CREAT if create else 0))
    try:
        append_to(file, records)
    finally:
        os.close(file)


def append_to(file: int, records: Iterable[Record]) -> None:
    """Append records in one write to a file that is open for appending."""
    # The newline before each record separates it from a torn one.
    write_all(file, b"".join(b"\n" + _format(record) + b"\n" for record in records))


def read_records(path: Path, offset: int = 0) -> tuple[list[Record], int]:
    """Return the complete records after an offset, and the offset of the next ones; no records if the file cannot be read."""
    try:
        file = open_binary(path, os.O_RDONLY)
        try:
            content = read_from(file, offset)
        finally:
            os.close(file)
    except FileNotFoundError:
        return [], 0
    except OSError:
        return [], offset
    records, length = parse_records(content)
    return records, offset + length


def parse_records(content: bytes) -> tuple[list[Record], int]:
    """Return the complete records, and the number of bytes that they take."""
    end = content.rfind(b"\n") + 1
    records = (_parse(line) for line in content[:end].split(b"\n") if line)
    return [record for record in records if record is not None], end


def _format(record: Record) -> bytes:
    payload = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s" % (zlib.crc32(payload), payload)


def _parse(line: bytes) -> Record | None:
    checksum, _, payload = line.partition(b" ")
    if len(checksum) != 8 or checksum != b"%08x" % zlib.crc32(payload):
        return None
    try:
        record = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
