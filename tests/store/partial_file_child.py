"""Write blocks where writing fails: ``full``, a file of limited size; ``forbidden``, a read-only folder.

Prints each error and each run of blocks that was written.
"""

import os
import pathlib
import sys

from tests.store.objects import random_bytes
from tests.store.partial_files import read, write
from visbehavior.errors import CannotWrite
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.source import ObjectInfo

SIZE = 8 * BLOCK + 5
NOBODY = 65534


def report(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def write_until_full(partial: PartialFile, info: ObjectInfo) -> None:
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    content = memoryview(random_bytes(SIZE))
    partial.create(info)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * BLOCK + 100, 4 * BLOCK + 100))
    for first, stop in ((0, 2), (2, 6), (3, 4), (4, 5), (8, 9)):
        try:
            write(partial, (first, stop), content[first * BLOCK : stop * BLOCK], info)
            report("written", first, stop)
        except CannotWrite as error:
            report(type(error).__name__, error)


def write_to_read_only_folder(partial: PartialFile, info: ObjectInfo) -> None:
    content = memoryview(random_bytes(SIZE))
    partial.create(info)
    write(partial, (0, 1), content[:BLOCK], info)
    folder = partial.path.parent
    folder.chmod(0o555)
    for path in folder.iterdir():
        path.chmod(0o444)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    again = PartialFile(partial.final)
    assert again.load() == info
    assert read(again, 0, BLOCK) == content[:BLOCK]
    for attempt in (
        lambda: write(again, (1, 2), content[BLOCK : 2 * BLOCK], info),
        lambda: again.record_downloader("me"),
        lambda: PartialFile(partial.final.with_name("other.nwb")).create(info),
    ):
        try:
            attempt()
        except CannotWrite as error:
            report(type(error).__name__, error)


if __name__ == "__main__":
    mode, folder = sys.argv[1:]
    attempts = {"full": write_until_full, "forbidden": write_to_read_only_folder}
    attempts[mode](PartialFile(pathlib.Path(folder) / "session.nwb"), ObjectInfo(SIZE, '"one"', None))
