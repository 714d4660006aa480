"""Child processes that read hostile files, with limits of time and memory.

A case is a hostile file made from a seed. A child process runs a range of seeds with `run_cases`; `run_seeds` starts the child
processes and continues after one that ended early.
"""

from __future__ import annotations

import faulthandler
import os
import pathlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from visbehavior import VisBehaviorError

CASES = int(os.environ.get("VISBEHAVIOR_FUZZ_CASES", "60"))
"""Number of cases of each fuzz test of pickles and manifests."""

ROOT = pathlib.Path(__file__).parents[1]
TIMEOUT = 600
"""Seconds after which a child process hangs. On a slow machine it takes a tenth of this."""

MAX_ERROR = 500
"""Characters of the longest error message."""


def run_child(*arguments: object, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments; it can import the tests."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def run_seeds(
    arguments: Sequence[object], count: int, batch: int = 50
) -> Iterator[tuple[int, subprocess.CompletedProcess[str]]]:
    """Run child processes for all seeds, and yield the seed and the process for each that ended early.

    Parameters
    ----------
    arguments : sequence
        Arguments of Python. The first seed and the one after the last are added.
    count : int
        Number of seeds.
    batch : int
        Number of seeds for each child process.
    """
    seed = 0
    while seed < count:
        last = min(seed + batch, count)
        process = run_child(*arguments, seed, last)
        if process.stdout.endswith("done\n"):
            seed = last
            continue
        seeds = [line for line in process.stdout.splitlines() if line.startswith("seed")]
        assert seeds, process.stderr[-3000:]
        seed = int(seeds[-1].split()[1])
        yield seed, process
        seed += 1


def run_cases(
    first: int, last: int, run_case: Callable[[random.Random], None], seconds: float, memory: int, growth: int
) -> None:
    """Run a range of seeds in this process; it ends early after a crash, a hang, or growth of memory.

    Parameters
    ----------
    first, last : int
        First seed, and the seed after the last.
    run_case : function
        Runs a case with the random numbers of its seed.
    seconds : float
        Longest time of a case.
    memory, growth : int
        Largest memory of the process, and by how much all cases may increase its peak (bytes).
    """
    limit_memory(memory)
    before = peak_memory()
    for seed in range(first, last):
        report(f"seed {seed}")
        faulthandler.dump_traceback_later(seconds, exit=True)
        run_case(random.Random(seed))
    faulthandler.cancel_dump_traceback_later()
    assert peak_memory() - before < growth, f"the memory grew by {peak_memory() - before:,} bytes"
    report("done")


def report(line: str) -> None:
    """Write a line that the parent process reads, even if this process crashes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def limit_memory(size: int) -> None:
    """Limit the address space of this process, where the system can."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def peak_memory() -> int:
    """Return the peak memory of this process (bytes); 0 on Windows."""
    if sys.platform == "linux":
        # The peak that getrusage returns includes that of the parent process.
        status = pathlib.Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def reset_peak_memory() -> None:
    """Make the peak memory the current one, where the system can."""
    if sys.platform == "linux":
        pathlib.Path("/proc/self/clear_refs").write_text("5")


def check_error(error: VisBehaviorError) -> None:
    """Check that an error is one line of text."""
    assert 0 < len(str(error)) <= MAX_ERROR, str(error)
    assert len(str(error).splitlines()) == 1, str(error)
