"""Brings one object whole, as one of several processes; says "ready" and waits for a line before.

``without locks`` it takes every lock for its own.
"""

import pathlib
import sys
from typing import Any

from filelock import FileLock

from visbehavior.store import download as transfer
from visbehavior.store.remote_file import RemoteObject
from visbehavior.store.source import Address, ObjectSource


def grant(*_: Any, **__: Any) -> None:
    """As flock does on some cluster file systems."""


if __name__ == "__main__":
    endpoint, bucket, key, folder, file_hash, piece, how = sys.argv[1:]
    if how == "without locks":
        FileLock.acquire = grant  # type: ignore[method-assign,assignment]
    transfer.DOWNLOAD_LARGEST = int(piece)
    source = ObjectSource(Address(bucket, endpoint))
    remote = RemoteObject(source, key, None, file_hash, pathlib.Path(folder) / key.rpartition("/")[2])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    transfer.download_files([remote], jobs=4)
