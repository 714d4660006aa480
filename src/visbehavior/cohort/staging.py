"""Rows of sessions that are in no part of a store yet: a file for each session, with its record.

A file is a line with the record (JSON), and the packed tables in the order of the record. The record has a hash of every
table, so a file that is not complete or was changed counts as missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from visbehavior.atomic import atomic_write
from visbehavior.cohort.packing import pack, unpack
from visbehavior.cohort.store import STAGING, hash_bytes
from visbehavior.errors import CorruptFile
from visbehavior.schema.cohort import stored_columns
from visbehavior.store.records import Record

SUFFIX = ".session"
DONE, FAILED = "done", "failed"


def pack_tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Return the tables of a session as bytes."""
    return {name: pack(stored_columns(name, rows), frame) for name, frame in rows.items()}


def hash_session(record: Record) -> str:
    """Return a hash of everything that was computed from a session: its tables and its metrics."""
    content = {"id": record["id"], "hashes": record["hashes"], "values": record["values"]}
    return hash_bytes(json.dumps(content, sort_keys=True).encode())


def compute_digest(records: Mapping[int, Record]) -> str:
    """Return the digest of a store, from the records of its sessions."""
    return hash_bytes("\n".join(f"{number} {hash_session(records[number])}" for number in sorted(records)).encode())


def write_staged(folder: Path, record: Record, packed: Mapping[str, bytes]) -> None:
    """Write the file of a session.

    Raises
    ------
    CannotWrite, DiskFull
    """
    header = json.dumps({**record, "sizes": {name: len(content) for name, content in packed.items()}}).encode()
    with atomic_write(staged_path(folder, record["id"]), needed=sum(map(len, packed.values()))) as part:
        part.write_bytes(b"".join([header, b"\n", *packed.values()]))


def staged_path(folder: Path, number: int) -> Path:
    """Return the path of the file of a session."""
    return folder / STAGING / f"{number}{SUFFIX}"


def read_staged_records(folder: Path) -> dict[int, Record]:
    """Return the records of all staged sessions."""
    try:
        names = [name for name in os.listdir(folder / STAGING) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        return {}
    records = (_read_record(folder / STAGING / name) for name in names)
    return {record["id"]: record for record in records if record is not None}


def _read_record(path: Path) -> Record | None:
    try:
        with open(path, "rb") as file:
            line = file.readline()
            record: Record = json.loads(line)
            complete = os.fstat(file.fileno()).st_size == len(line) + sum(record["sizes"].values())
            return record if complete and path.name == f"{record['id']}{SUFFIX}" else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def read_staged_table(folder: Path, number: int, name: str) -> pd.DataFrame:
    """Return a table of a staged session.

    Raises
    ------
    CorruptFile
        If its file is missing or damaged.
    """
    path = staged_path(folder, number)
    try:
        with open(path, "rb") as file:
            record: dict[str, Any] = json.loads(file.readline())
            sizes = record["sizes"]
            file.seek(sum(islice(sizes.values(), list(sizes).index(name))), os.SEEK_CUR)
            packed = file.read(sizes[name])
        if hash_bytes(packed) != record["hashes"][name]:
            raise ValueError("its checksum does not agree")
        return unpack(stored_columns(name, sizes), packed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        with suppress(OSError):
            path.unlink()
        raise CorruptFile(
            f"{path} is damaged or missing ({error}). Build again: the session is read again.", path=str(path)
        ) from error


def remove_staged(folder: Path, records: Mapping[int, Record]) -> None:
    """Remove the files of sessions that are in a part now, unless they were written again meanwhile."""
    for number, record in records.items():
        path = staged_path(folder, number)
        with suppress(OSError):
            if _read_record(path) == record:
                path.unlink()
