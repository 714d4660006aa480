"""Parallel computation in processes."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from visbehavior.processes import map_in_processes

PARENT = """
import os, sys, time
from visbehavior.processes import map_in_processes

def work(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(0.2)

if __name__ == "__main__":
    for _ in map_in_processes(work, [(sys.argv[1],)] * 10_000, 2):
        pass
"""


def double(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_have_the_position_of_their_arguments(jobs: int) -> None:
    assert dict(map_in_processes(double, ((n,) for n in range(20)), jobs)) == {n: 2 * n for n in range(20)}


def test_arguments_are_consumed_as_needed() -> None:
    consumed = []

    def arguments():
        for number in range(1000):
            consumed.append(number)
            yield (number,)

    results = map_in_processes(double, arguments(), 2)
    next(results)
    assert len(consumed) < 10
    results.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A zombie has ended, but in a container its parent may never collect it.
        return sys.platform != "linux" or pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_workers_exit_when_their_parent_is_killed(tmp_path: pathlib.Path) -> None:
    script, pid_folder = tmp_path / "parent.py", tmp_path / "pids"
    script.write_text(PARENT)
    pid_folder.mkdir()
    with subprocess.Popen([sys.executable, script, pid_folder]) as parent:
        while len(list(pid_folder.iterdir())) < 2:
            assert parent.poll() is None
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    workers = [int(path.name) for path in pid_folder.iterdir()]
    for _ in range(500):
        if not any(map(is_alive, workers)):
            return
        time.sleep(0.02)
    pytest.fail(f"workers {workers} still run without their parent")
