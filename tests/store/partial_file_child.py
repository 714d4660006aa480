"""Writes blocks where it must fail: ``full`` to a file that may not grow, ``forbidden`` to a folder that may not be written.

What it was told, and which runs were kept, it says.
"""

import os
import pathlib
import sys

from tests.store.objects import made_bytes
from visbehavior.errors import CannotWrite
from visbehavior.store.coalesce import BLOCK
from visbehavior.store.partial_file import PartialFile
from visbehavior.store.source import ObjectInfo

SIZE = 8 * BLOCK + 5
NOBODY = 65534


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def write_until_full(blocks: PartialFile, info: ObjectInfo) -> None:
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    content = memoryview(made_bytes(SIZE))
    blocks.begin(info)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * BLOCK + 100, 4 * BLOCK + 100))
    for first, stop in ((0, 2), (2, 6), (3, 4), (4, 5), (8, 9)):
        try:
            blocks.write((first, stop), content[first * BLOCK : stop * BLOCK], info)
            say("kept", first, stop)
        except CannotWrite as error:
            say(type(error).__name__, error)


def write_where_forbidden(blocks: PartialFile, info: ObjectInfo) -> None:
    content = memoryview(made_bytes(SIZE))
    blocks.begin(info)
    blocks.write((0, 1), content[:BLOCK], info)
    folder = blocks.path.parent
    folder.chmod(0o555)
    for path in folder.iterdir():
        path.chmod(0o444)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    again = PartialFile(blocks.final)
    assert again.load() == info
    got = bytearray(BLOCK)
    file = os.open(again.path, os.O_RDONLY)
    assert not again.read_into(file, 0, memoryview(got))
    assert got == content[:BLOCK]
    os.close(file)
    for attempt in (
        lambda: again.write((1, 2), content[BLOCK : 2 * BLOCK], info),
        lambda: again.sign("me"),
        lambda: PartialFile(blocks.final.with_name("other.nwb")).begin(info),
    ):
        try:
            attempt()
        except CannotWrite as error:
            say(type(error).__name__, error)


if __name__ == "__main__":
    what, folder = sys.argv[1:]
    attempts = {"full": write_until_full, "forbidden": write_where_forbidden}
    attempts[what](PartialFile(pathlib.Path(folder) / "session.nwb"), ObjectInfo(SIZE, '"one"', None))
