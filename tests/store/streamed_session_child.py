"""Stream a session: ``fork``, in a forked child; ``exit between`` and ``exit within``, exit between or within reads."""

import os
import pathlib
import sys
import threading

from tests.faultserver import BUCKET
from tests.store.objects import KEY
from visbehavior import BehaviorSession
from visbehavior.errors import TransferFailed
from visbehavior.nwb.reader import NwbReader
from visbehavior.store.address import Bucket
from visbehavior.store.remote_object import RemoteObject
from visbehavior.store.source import ObjectSource


def report(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fork(remote: RemoteObject) -> None:
    """Fork while another thread holds the locks that the child needs."""
    session = BehaviorSession(NwbReader(remote))
    licks = session.licks
    sys.stderr.write(f"{remote.source.requests}\n")
    sys.stderr.flush()
    again = BehaviorSession(NwbReader(remote))
    with remote.partial._lock, remote.source._lock:
        thread = threading.Thread(target=read_in_child, args=(again, licks))
        thread.start()
        thread.join()


def read_in_child(session: BehaviorSession, licks: object) -> None:
    child = os.fork()
    if child:
        report(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return
    try:
        if session.licks.equals(licks):
            report("licks")
        _ = session.eye_tracking
    except TransferFailed as error:
        report(type(error).__name__)
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        os._exit(0)
    finally:
        os._exit(1)


def exit_with_session(remote: RemoteObject, within_read: bool) -> None:
    session = BehaviorSession(NwbReader(remote))
    kept.append(session)
    if within_read:
        opened = session._reader.opened()
        kept.append(opened)
        opened.__enter__()
    report(len(session.trials))


kept: list[object] = []

if __name__ == "__main__":
    mode, endpoint, folder = sys.argv[1:]
    remote = RemoteObject(ObjectSource(Bucket(BUCKET, endpoint)), KEY, None, None, pathlib.Path(folder) / "session.nwb")
    if mode == "fork":
        fork(remote)
    else:
        exit_with_session(remote, mode == "exit within")
