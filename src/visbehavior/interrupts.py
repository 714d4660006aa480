"""Waits that Ctrl-C ends."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

WAKE = 0.5
"""Seconds after which a wait lets Python handle Ctrl-C. Python misses a signal that arrives just before a wait begins."""

R = TypeVar("R")


def iterate_completed(futures: Iterable[Future[R]]) -> Iterator[Future[R]]:
    """Yield futures as they complete."""
    completed: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()
    count = 0
    for future in futures:
        count += 1
        future.add_done_callback(completed.put)
    while count:
        try:
            future = completed.get(timeout=WAKE)
        except queue.Empty:
            continue
        count -= 1
        yield future


def interruptible(function: Callable[[], R]) -> R:
    """Call a function that blocks in native code so that Ctrl-C interrupts the wait for it.

    Only the main thread receives Ctrl-C. There the function runs in a thread of its own, which ends by itself later.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    return next(iterate_completed([start_thread(function)])).result()


def start_thread(function: Callable[[], R]) -> Future[R]:
    """Call a function in a new daemon thread, and return its result to come."""
    outcome: Future[R] = Future()

    def run() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome
