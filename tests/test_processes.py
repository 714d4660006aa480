"""Work shared by processes."""

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
def test_results_come_with_their_places(jobs: int) -> None:
    assert dict(map_in_processes(double, ((n,) for n in range(20)), jobs)) == {n: 2 * n for n in range(20)}


def test_work_is_asked_for_as_it_is_needed() -> None:
    asked = []

    def items():
        for number in range(1000):
            asked.append(number)
            yield (number,)

    results = map_in_processes(double, items(), 2)
    next(results)
    assert len(asked) < 10
    results.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A zombie waits for somebody to ask after it, which in a container may be nobody.
        return sys.platform != "linux" or pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process's children by other means")
def test_workers_end_with_a_parent_that_was_killed(tmp_path: pathlib.Path) -> None:
    script, seen = tmp_path / "parent.py", tmp_path / "seen"
    script.write_text(PARENT)
    seen.mkdir()
    with subprocess.Popen([sys.executable, script, seen]) as parent:
        while len(list(seen.iterdir())) < 2:
            assert parent.poll() is None
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    workers = [int(path.name) for path in seen.iterdir()]
    for _ in range(500):
        if not any(map(is_alive, workers)):
            return
        time.sleep(0.02)
    pytest.fail(f"{workers} go on without their parent")
