"""Work that waits for the network in steps: one piece alone, and many pieces in one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visbehavior.store import steps
from visbehavior.store.steps import Batch, Steps, complete, run_together

TIMEOUT = 20


class Wrong(Exception):
    pass


def fail(text: str) -> Any:
    raise Wrong(text)


def adding(batches: list[list[int]]) -> Steps[int]:
    """Return the sum of what the calls of all batches return."""
    total = 0
    for numbers in batches:
        batch = Batch([partial(int, number) for number in numbers])
        yield batch
        total += sum(batch.results())
    return total


def waiting_for(call: Callable[[], Any]) -> Steps[list[Any]]:
    batch = Batch([call])
    yield batch
    return batch.results()


batches = st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3)


@given(batches)
@settings(deadline=None)
def test_complete_returns_the_result_of_the_work(numbers: list[list[int]]) -> None:
    seen: list[int] = []
    assert complete(adding(numbers), seen.append) == sum(map(sum, numbers))
    assert sorted(seen) == sorted(number for batch in numbers for number in batch)


@given(st.lists(batches, max_size=6), st.integers(1, 4))
@settings(deadline=None)
def test_work_done_together_has_the_results_of_work_done_alone(work: list[list[list[int]]], most: int) -> None:
    results = dict(run_together(((i, adding(numbers)) for i, numbers in enumerate(work)), most))
    assert results == {i: complete(adding(numbers)) for i, numbers in enumerate(work)}


def test_others_are_advanced_while_one_waits() -> None:
    release = threading.Event()
    work = {"slow": waiting_for(lambda: release.wait(TIMEOUT)), "fast": waiting_for(lambda: 1), "ready": adding([])}
    order = []
    for key, _ in run_together(work.items(), 3):
        order.append(key)
        if len(order) == 2:
            release.set()
    assert order[-1] == "slow"


def test_only_some_pieces_of_work_wait_at_once() -> None:
    begun: list[int] = []
    release = threading.Event()

    def work() -> Iterator[tuple[int, Steps[Any]]]:
        for number in range(7):
            begun.append(number)
            yield number, waiting_for(lambda: release.wait(TIMEOUT))

    def begin() -> None:
        assert len(begun) == 3
        release.set()

    timer = threading.Timer(0.2, begin)
    timer.start()
    assert sorted(key for key, _ in run_together(work(), 3)) == list(range(7))
    timer.join()


def test_all_work_runs_in_the_calling_thread_and_all_calls_in_others() -> None:
    def working() -> Steps[tuple[int, set[int]]]:
        batch = Batch([threading.get_ident, threading.get_ident])
        yield batch
        return threading.get_ident(), set(batch.results())

    for own, others in (complete(working()), *dict(run_together([(0, working()), (1, working())], 2)).values()):
        assert own == threading.get_ident()
        assert own not in others


def together(work: Steps[Any]) -> Any:
    return dict(run_together([("", work)], 1))[""]


@pytest.mark.parametrize("do", [complete, together])
@pytest.mark.parametrize("count", [1, 3])
def test_the_error_of_a_call_is_raised_in_the_work(do: Callable[[Steps[Any]], Any], count: int) -> None:
    def working() -> Steps[str]:
        batch = Batch([partial(fail, "no")] * count)
        yield batch
        try:
            batch.results()
        except Wrong as error:
            return str(error)
        return ""

    assert do(working()) == "no"


@pytest.mark.parametrize("do", [complete, together])
def test_the_results_before_an_error_are_available(do: Callable[[Steps[Any]], Any]) -> None:
    first_ended = threading.Event()

    def fail_second() -> Any:
        first_ended.wait(TIMEOUT)
        return fail("no")

    def working() -> Steps[list[object]]:
        batch = Batch[object]([first_ended.set, fail_second])
        yield batch
        with pytest.raises(Wrong):
            batch.results()
        return batch.finished()

    assert do(working()) == [None]


def test_an_error_in_work_closes_the_other_work() -> None:
    closed = []
    release = threading.Event()

    def patient() -> Steps[None]:
        try:
            yield Batch([lambda: release.wait(TIMEOUT)])
        finally:
            closed.append("patient")

    def failing() -> Steps[None]:
        yield Batch([int])
        fail("no")

    with pytest.raises(Wrong):
        list(run_together([(0, patient()), (1, failing())], 2))
    release.set()
    assert closed == ["patient"]


def test_results_that_are_not_wanted_any_more_end_the_work() -> None:
    closed = []

    def patient() -> Steps[None]:
        try:
            yield Batch([int])
        finally:
            closed.append("patient")

    results = run_together([(0, patient()), (1, adding([]))], 2)
    assert next(results) == (1, 0)
    results.close()  # type: ignore[attr-defined]
    assert closed == ["patient"]


def test_calls_after_an_error_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CONNECTIONS", 1)
    monkeypatch.setattr(steps, "_pools", {})
    raised, called = threading.Event(), []

    def wait() -> None:
        raised.wait(TIMEOUT)

    with pytest.raises(Wrong):
        complete(waiting_for_all([partial(fail, "no"), wait, partial(called.append, 1), partial(called.append, 2)]))
    raised.set()
    for pool in steps._pools.values():
        pool.shutdown()
    assert not called


def waiting_for_all(calls: list[Callable[[], Any]]) -> Steps[list[Any]]:
    batch = Batch(calls)
    yield batch
    return batch.results()
