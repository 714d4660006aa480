from __future__ import annotations

import os
import pathlib
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cohort.engine_calls import die, die_once, fail, square, wait_for
from visbehavior import (
    BadValue,
    TransferFailed,
    VisBehaviorError,
    VisualBehaviorOphysProjectCache,
    build_cohort,
    open_cohort,
)
from visbehavior.cohort.engines import Engine, connect_scheduler

CALLS = [(number,) for number in range(6)]


def test_calls_run_in_this_process_in_order() -> None:
    assert list(Engine().run(square, CALLS)) == [(n, n * n) for n in range(6)]


def test_calls_run_in_processes() -> None:
    assert sorted(Engine(jobs=2).run(square, CALLS)) == [(n, n * n) for n in range(6)]


def test_calls_run_on_an_executor() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert sorted(Engine(pool).run(square, CALLS)) == [(n, n * n) for n in range(6)]
        assert pool.submit(square, 3).result() == 9


@pytest.mark.parametrize("jobs", [1, 2])
def test_errors_of_calls_are_raised(jobs: int) -> None:
    with pytest.raises(BadValue, match="two"):
        list(Engine(jobs=jobs).run(fail, CALLS))


def test_calls_of_a_dead_worker_are_repeated(tmp_path: pathlib.Path) -> None:
    calls = [(number, tmp_path) for number in range(6)]
    assert sorted(Engine(jobs=2).run(die_once, calls)) == [(n, n) for n in range(6)]


def test_a_call_that_ends_its_worker_stops_no_other() -> None:
    results = dict(Engine(jobs=2).run(die, CALLS))
    error = results.pop(2)
    assert isinstance(error, VisBehaviorError)
    assert "worker process died" in str(error)
    assert results == {n: n for n in range(6) if n != 2}


def test_wrong_executors_are_reported() -> None:
    with pytest.raises(BadValue, match="expected an Executor"):
        Engine("dask")


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from visbehavior.cohort import engines

    monkeypatch.setattr(engines, "_CONNECT_SECONDS", 0.5)
    with pytest.raises(TransferFailed, match="No Dask scheduler"), connect_scheduler("tcp://127.0.0.1:9"):
        pass


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_loses_no_session_when_a_worker_is_killed(
    cache: VisualBehaviorOphysProjectCache, tmp_path: pathlib.Path
) -> None:
    distributed = pytest.importorskip("distributed")
    go = tmp_path / "go"
    options = {"dashboard_address": None, "worker_dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **options) as cluster,
        connect_scheduler(cluster.scheduler_address) as executor,
    ):
        results: list[tuple[int, object]] = []
        calls = [(go, number) for number in range(4)]
        thread = threading.Thread(target=lambda: results.extend(Engine(executor).run(wait_for, calls)))
        thread.start()
        while len(began := list(tmp_path.glob("began-*"))) < 2:
            time.sleep(0.01)
        # Both workers are in the middle of a call.
        os.kill(int(began[0].name.partition("-")[2]), signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        go.touch()
        thread.join()
        assert sorted(result[0] for _, result in results) == [0, 1, 2, 3]  # type: ignore[index]
        status = build_cohort(cache, tmp_path / "store", tables=["licks", "trials"], executor=executor)
    assert status["status"].tolist() == ["done"] * 6
    build_cohort(cache, tmp_path / "other", tables=["licks", "trials"], jobs=2)
    one, other = open_cohort(tmp_path / "store"), open_cohort(tmp_path / "other")
    assert one.digest == other.digest
    assert one.table("trials").equals(other.table("trials"))
