"""Append-only records with a checksum each.

A record is a line: eight hexadecimal digits of CRC-32, a space, JSON. What is torn, damaged or unreadable is skipped
wherever it stands, so that a process that dies while it writes, or a file system whose appends are not atomic, costs a
record and never invents one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def append_records(path: Path, records: Iterable[Record], *, create: bool = True) -> None:
    """Add records in one write; FileNotFoundError where there is no such file and none is to be made."""
    # The newline before each record keeps it apart from a torn one.
    lines = b"".join(b"\n" + _line(record) + b"\n" for record in records)
    flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT if create else 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        # A disk that is nearly full takes a part, and says so only when it is given the rest.
        while lines:
            lines = lines[os.write(descriptor, lines) :]
    finally:
        os.close(descriptor)


def read_records(path: Path, offset: int = 0) -> tuple[list[Record], int]:
    """The whole records behind an offset, and where the next ones will begin; none where there is no such file."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read()
    except FileNotFoundError:
        return [], 0
    whole = content.rfind(b"\n") + 1
    found = (_record(line) for line in content[:whole].split(b"\n"))
    return [record for record in found if record is not None], offset + whole


def _line(record: Record) -> bytes:
    payload = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s" % (zlib.crc32(payload), payload)


def _record(line: bytes) -> Record | None:
    checksum, _, payload = line.partition(b" ")
    if len(checksum) != 8 or checksum != b"%08x" % zlib.crc32(payload):
        return None
    try:
        found = json.loads(payload)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
