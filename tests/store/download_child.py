"""Download one object, as one of several processes. Prints "ready" and waits for a line before it starts.

With ``without locks`` every lock is granted.
"""

import pathlib
import sys
from typing import Any

from filelock import FileLock

from visbehavior.store import file_download
from visbehavior.store.address import Bucket
from visbehavior.store.download import download_files
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectSource


def grant(*_: Any, **__: Any) -> None:
    """Grant a lock without locking, as flock does on some cluster file systems."""


if __name__ == "__main__":
    endpoint, bucket, key, folder, file_hash, max_blocks, mode = sys.argv[1:]
    if mode == "without locks":
        FileLock.acquire = grant  # type: ignore[method-assign,assignment]
    file_download.DOWNLOAD_MAX_BLOCKS = int(max_blocks)
    source = ObjectSource(Bucket(bucket, endpoint))
    remote = RemoteObject(source, key, None, file_hash, pathlib.Path(folder) / key.rpartition("/")[2])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    download_files([remote], jobs=4)
