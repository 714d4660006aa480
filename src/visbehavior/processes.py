"""Work shared by processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

from visbehavior.errors import VisBehaviorError

R = TypeVar("R")

_WAITING = 2
"""Pieces of work for each process that are asked for ahead: more would only fill the memory."""


def map_in_processes(work: Callable[..., R], items: Iterable[tuple[Any, ...]], jobs: int) -> Iterator[tuple[int, R]]:
    """The results of a function for many arguments, as they come, each with its position.

    Parameters
    ----------
    work : function
        Of a module, so that it can be sent to a process.
    items : iterable of tuple
        Its arguments, asked for as they are needed.
    jobs : int
        Processes; 1: this one does it all.
    """
    if jobs <= 1:
        yield from ((position, work(*item)) for position, item in enumerate(items))
        return
    coming = enumerate(items)
    # Never fork: a forked child inherits locks that no thread of its own will release.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_end_with_parent) as pool:
        pending: dict[Future[R], int] = {}
        try:
            while True:
                for position, item in islice(coming, _WAITING * jobs - len(pending)):
                    pending[pool.submit(work, *item)] = position
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BrokenProcessPool as error:
            raise VisBehaviorError(
                "A process that shared the work died. A script that starts more than one must guard its start with "
                "`if __name__ == '__main__':`; else try jobs=1."
            ) from error


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
