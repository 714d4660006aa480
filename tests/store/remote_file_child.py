"""Reads a session behind a server: ``fork`` in a forked child, ``leave`` and ends while it is open."""

import os
import pathlib
import sys
import threading

from tests.faultserver import BUCKET
from tests.store.objects import KEY
from visbehavior import BehaviorSession
from visbehavior.errors import TransferFailed
from visbehavior.nwb.reader import NwbReader
from visbehavior.store.remote_file import RemoteObject
from visbehavior.store.source import Address, ObjectSource


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fork(remote: RemoteObject) -> None:
    """While another thread holds what a child would wait for."""
    session = BehaviorSession(NwbReader(remote))
    licks = session.licks
    sys.stderr.write(f"{remote.source.requests}\n")
    sys.stderr.flush()
    again = BehaviorSession(NwbReader(remote))
    with remote.blocks._lock, remote.source._lock:
        thread = threading.Thread(target=in_child, args=(again, licks))
        thread.start()
        thread.join()


def in_child(session: BehaviorSession, licks: object) -> None:
    child = os.fork()
    if child:
        say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return
    try:
        if session.licks.equals(licks):
            say("licks")
        _ = session.eye_tracking
    except TransferFailed as error:
        say(type(error).__name__)
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(0)
    finally:
        os._exit(1)


def leave(remote: RemoteObject, within: bool) -> None:
    session = BehaviorSession(NwbReader(remote))
    kept.append(session)
    if within:
        opened = session._reader.opened()
        kept.append(opened)
        opened.__enter__()
    say(len(session.trials))


kept: list[object] = []

if __name__ == "__main__":
    what, endpoint, folder = sys.argv[1:]
    remote = RemoteObject(
        ObjectSource(Address(BUCKET, endpoint)), KEY, None, None, pathlib.Path(folder) / "session.nwb"
    )
    if what == "fork":
        fork(remote)
    else:
        leave(remote, what == "leave within")
