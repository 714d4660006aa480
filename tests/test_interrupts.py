"""Waits that Ctrl-C ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from visbehavior.interrupts import interruptible, iterate_completed


def test_interruptible_call_returns_and_raises_as_the_function() -> None:
    assert interruptible(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0)


def test_futures_are_yielded_as_they_complete() -> None:
    first: Future[int] = Future()
    second: Future[int] = Future()
    second.set_result(2)
    completed = iterate_completed([first, second])
    assert next(completed) is second
    first.set_result(1)
    assert list(completed) == [first]
    assert list(iterate_completed([])) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pthread_kill")
def test_signal_that_does_not_wake_the_main_thread_ends_the_wait() -> None:
    """Python's handler runs in the main thread only, which blocks in native code; the system may wake another thread."""
    ends = threading.Event()

    def send() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        ends.wait(20)

    start = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        with pytest.raises(KeyboardInterrupt):
            list(iterate_completed([sent]))
        ends.set()
    assert time.monotonic() - start < 10
