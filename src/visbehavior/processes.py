"""Parallel computation in processes and threads."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import Any, TypeVar

from visbehavior.errors import VisBehaviorError
from visbehavior.interrupts import WAKE

R = TypeVar("R")

_PENDING_PER_PROCESS = 2
"""Calls submitted per process; more would only take memory."""


def map_in_processes(
    function: Callable[..., R], arguments: Iterable[tuple[Any, ...]], jobs: int
) -> Iterator[tuple[int, R]]:
    """Call a function with many arguments and yield (position, result) as results become available.

    Parameters
    ----------
    function : function
        A function of a module, so that it can be pickled.
    arguments : iterable of tuple
        Arguments of each call, consumed as needed.
    jobs : int
        Number of processes; with 1 all calls run in this process.
    """
    if jobs <= 1:
        yield from ((position, function(*item)) for position, item in enumerate(arguments))
        return
    remaining = enumerate(arguments)
    # Never fork: a forked child inherits locks that none of its threads will release.
    spawn = multiprocessing.get_context("spawn")
    with _pool(ProcessPoolExecutor(jobs, mp_context=spawn, initializer=exit_with_parent)) as pool:
        pending: dict[Future[R], int] = {}
        try:
            while True:
                for position, item in islice(remaining, _PENDING_PER_PROCESS * jobs - len(pending)):
                    pending[pool.submit(function, *item)] = position
                if not pending:
                    return
                for future in wait(pending, WAKE, FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BrokenProcessPool as error:
            raise VisBehaviorError(
                "A worker process died. A script that starts worker processes must guard its main code with "
                "`if __name__ == '__main__':`; otherwise try jobs=1."
            ) from error


def threads(count: int) -> AbstractContextManager[Executor]:
    """Return a pool of threads. Leaving its context after an error or Ctrl-C does not wait for running calls."""
    return _pool(ThreadPoolExecutor(count, "visbehavior"))


@contextmanager
def _pool(executor: Executor) -> Iterator[Executor]:
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def exit_with_parent() -> None:
    """End the worker when its parent is killed; it would wait for work forever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
