"""Work on many files in one thread: while some wait for the network, others are advanced.

The work on a file is a generator. It yields a batch of requests, and continues when the batch has ended. Threads only make
the requests. With a thread for each file, the CPU time is up to one and a half times as long, because threads of Python
wait for each other at every system call.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

from visbehavior.interrupts import WAKE, iterate_completed

CONNECTIONS = 32
"""Simultaneous requests of this process while streaming."""

K = TypeVar("K")
T = TypeVar("T")


class Batch(Generic[T]):
    """Calls that wait for the network, made at the same time.

    Parameters
    ----------
    calls : sequence of functions
        They can be called from threads. A single one can be called from the main thread, where Ctrl-C must end it.
    """

    def __init__(self, calls: Sequence[Callable[[], T]]) -> None:
        self._calls = calls
        self._futures: list[Future[T]] = []
        self._running = 0

    def wait(self, on_result: Callable[[T], object] = lambda _: None) -> None:
        """Make the calls and wait for them; a function is called with each result. The first error ends the wait."""
        if len(self._calls) == 1:
            self._futures = [_call(self._calls[0])]
        else:
            self._futures = [_submit(call) for call in self._calls]
        try:
            for future in iterate_completed(self._futures):
                if future.exception() is not None:
                    return
                on_result(future.result())
        finally:
            self.cancel()

    def start(self, ended: SimpleQueue[Batch[Any]]) -> None:
        """Make the calls in threads. The batch is put into a queue whenever a call has ended."""
        self._futures = [_submit(call) for call in self._calls]
        self._running = len(self._futures)
        for future in self._futures:
            future.add_done_callback(lambda _: ended.put(self))
        if not self._futures:
            ended.put(self)

    def note_end(self) -> bool:
        """Note that the queue returned the batch; return True if all calls have ended."""
        self._running -= 1
        return self._running <= 0

    def finished(self) -> list[T]:
        """Return the results of the calls that have succeeded so far."""
        return [future.result() for future in self._ended() if future.exception() is None]

    def results(self) -> list[T]:
        """Return the results of all calls, in their order; raise the first error."""
        return [future.result() for future in self._ended()]

    def _ended(self) -> list[Future[T]]:
        return [future for future in self._futures if future.done() and not future.cancelled()]

    def cancel(self) -> None:
        """Cancel the calls that have not started."""
        for future in self._futures:
            future.cancel()


Steps: TypeAlias = Generator[Batch[Any], None, T]
"""Work that yields the batches that it waits for, and returns its result."""


def complete(steps: Steps[T], on_result: Callable[[Any], object] = lambda _: None) -> T:
    """Do one piece of work and return its result; a function is called with the result of each call of its batches."""
    with closing(steps):
        while True:
            try:
                batch = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            batch.wait(on_result)


def run_together(work: Iterable[tuple[K, Steps[T]]], most: int) -> Iterator[tuple[K, T]]:
    """Do many pieces of work; yield the key and the result of each when it is done.

    Parameters
    ----------
    work : iterable of (key, generator)
        It is consumed as needed. An error ends all work.
    most : int
        Pieces of work that wait at the same time.
    """
    ended: SimpleQueue[Batch[Any]] = SimpleQueue()
    waiting: dict[Batch[Any], tuple[K, Steps[T]]] = {}
    remaining = iter(work)
    try:
        while True:
            item = next(remaining, None) if len(waiting) < most else None
            if item is None:
                if not waiting:
                    return
                item = waiting.pop(_next_complete(ended))
            key, steps = item
            try:
                batch = next(steps)
            except StopIteration as end:
                yield key, end.value
                continue
            waiting[batch] = item
            batch.start(ended)
    finally:
        # All are closed, even if closing one fails because the disk is full.
        with ExitStack() as stack:
            for batch, (_, steps) in waiting.items():
                batch.cancel()
                stack.callback(steps.close)


def _next_complete(ended: SimpleQueue[Batch[Any]]) -> Batch[Any]:
    """Wait until a batch has ended."""
    while True:
        try:
            batch = ended.get(timeout=WAKE)
        except Empty:
            continue
        if batch.note_end():
            return batch


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _submit(call: Callable[[], T]) -> Future[T]:
    """Submit a call to the pool of this process. All files share it, which limits the number of connections."""
    with _pools_lock:
        if os.getpid() not in _pools:
            _pools[os.getpid()] = ThreadPoolExecutor(CONNECTIONS, "visbehavior")
        pool = _pools[os.getpid()]
    return pool.submit(call)


def _call(call: Callable[[], T]) -> Future[T]:
    """Call a function in this thread."""
    future: Future[T] = Future()
    try:
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)
    return future


def _after_fork() -> None:
    global _pools_lock
    _pools_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
