"""Running many calls in this process, in worker processes, or on a cluster."""

from __future__ import annotations

import multiprocessing
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from visbehavior.arguments import check_jobs
from visbehavior.errors import BadValue, TransferFailed, VisBehaviorError, brief_repr
from visbehavior.extras import import_extra
from visbehavior.interrupts import WAKE
from visbehavior.processes import exit_with_parent

R = TypeVar("R")

_PENDING_PER_WORKER = 2
_CONNECT_SECONDS = 10
_ADDRESS = re.compile(r"(?:tcp|tls|ws|wss|ucx)://[\w.-]{1,253}:\d{1,5}", re.ASCII)


class Engine:
    """Runs calls in this process, in worker processes, or with an executor.

    Parameters
    ----------
    executor : concurrent.futures.Executor or None
        Such as ``dask.distributed.Client(...).get_executor()``. It is not shut down.
    jobs : int or None
        Number of processes without an executor; None or 1: this process. With an executor, the number of its workers,
        which only limits how many calls wait; None: 64.

    Raises
    ------
    BadValue
    """

    def __init__(self, executor: Any = None, jobs: int | None = None) -> None:
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise BadValue(
                f"executor is {brief_repr(executor)}; expected an Executor of concurrent.futures, or None.",
                name="executor",
            )
        if jobs is not None:
            check_jobs("jobs", jobs)
        self._executor = executor
        self._jobs = jobs
        self.is_remote = executor is not None

    @property
    def in_process(self) -> bool:
        """Whether all calls run in this process."""
        return not self.is_remote and self.workers == 1

    @property
    def workers(self) -> int:
        """Number of workers."""
        return self._jobs or (64 if self.is_remote else 1)

    def run(
        self, function: Callable[..., R], calls: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, R | VisBehaviorError]]:
        """Call a function with many arguments, and yield (position, result) as results become available.

        A call whose worker dies is repeated once. If it fails again, its result is an error; other calls go on.

        Parameters
        ----------
        function : function
            A function of a module, so that it can be pickled.
        calls : sequence of tuple
            Arguments of each call.
        """
        if not self.is_remote and min(self.workers, len(calls)) <= 1:
            yield from ((position, function(*arguments)) for position, arguments in enumerate(calls))
            return
        waiting = deque(range(len(calls)))
        while waiting:
            suspects = yield from self._run_until_broken(function, calls, waiting)
            for position in suspects:
                # A call that ends its worker process ends all others of the pool, too. Alone it ends only itself.
                if (yield from self._run_until_broken(function, calls, deque([position]))):
                    yield (
                        position,
                        VisBehaviorError("The worker process died twice. It may have had too little memory."),
                    )

    def _run_until_broken(
        self, function: Callable[..., R], calls: Sequence[tuple[Any, ...]], waiting: deque[int]
    ) -> Generator[tuple[int, R | VisBehaviorError], None, list[int]]:
        """Run calls until all ended or a worker died; return the calls without a result that were begun."""
        pending: dict[Future[R], int] = {}
        suspects: list[int] = []
        with self._open() as executor:
            try:
                while pending or (waiting and not suspects):
                    while waiting and not suspects and len(pending) < _PENDING_PER_WORKER * self.workers:
                        pending[executor.submit(function, *calls[waiting[0]])] = waiting[0]
                        waiting.popleft()
                    for future in wait(pending, WAKE, FIRST_COMPLETED).done:
                        position = pending.pop(future)
                        if _worker_died(future):
                            suspects.append(position)
                        else:
                            yield position, future.result()
            except BrokenExecutor:
                suspects += pending.values()
            finally:
                for future in pending:
                    future.cancel()
        return suspects

    def _open(self) -> AbstractContextManager[Any]:
        if self.is_remote:
            return nullcontext(self._executor)
        # Never fork: a forked child inherits locks that none of its threads will release.
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.workers, mp_context=spawn, initializer=exit_with_parent)


@contextmanager
def connect_scheduler(address: str) -> Iterator[Any]:
    """Yield an executor of the workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as "tcp://node:8786".

    Raises
    ------
    MissingExtra
        If Dask is not installed.
    BadValue
        If it is no address.
    TransferFailed
        If the scheduler does not answer.
    """
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise BadValue(
            f"The scheduler is {brief_repr(address)}; expected an address such as tcp://node:8786.", address=address
        )
    client_class = import_extra("distributed").Client
    try:
        client = client_class(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise TransferFailed(
            f"No Dask scheduler answers at {address}. Start one, or check the address.", address=address
        ) from error
    with client:
        yield client.get_executor()


def _worker_died(future: Future[Any]) -> bool:
    """Return whether a call has no result because its worker died or was removed, not because of the call."""
    if future.cancelled():
        return True
    error = future.exception()
    return isinstance(error, BrokenExecutor) or type(error).__module__.partition(".")[0] == "distributed"
