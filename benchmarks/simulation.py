"""A hundred full-length sessions, simulated and built into a release by two processes."""

from __future__ import annotations

import multiprocessing
import pathlib
import shutil
import time

JOBS = 2
MICE, DAYS = 4, 25
TARGET_MINUTES, TARGET_MEMORY = 10, 1000


def measure(folder: pathlib.Path) -> None:
    """Print how long it takes, and the most memory that a process had."""
    from visbehavior import build_release, check_release
    from visbehavior.cli.simulate import plan_mice
    from visbehavior.simulation.stages import CURRICULUM

    life = [name for name, count in CURRICULUM for _ in range(count)][:DAYS]
    days = [day for mouse in plan_mice(tuple(life), MICE, minutes=60, seed=1) for day in mouse]
    started = time.perf_counter()
    raw = days[-1]()
    print(f"one session of 60 minutes, simulated: {time.perf_counter() - started:.2f} s, target under 1 s")
    del raw
    out = folder / "hundred"
    started = time.perf_counter()
    build_release(days, out, jobs=JOBS)
    minutes = (time.perf_counter() - started) / 60
    print(
        f"{len(days)} sessions of 60 minutes, simulated and released by {JOBS} processes: {minutes:.1f} min, target {TARGET_MINUTES} or less; "
        f"at most {most_memory_of_children():.0f} MB a process, target under {TARGET_MEMORY}"
    )
    started = time.perf_counter()
    wrong = check_release(out)
    print(f"checked: {len(wrong)} things wrong, {time.perf_counter() - started:.0f} s")
    shutil.rmtree(out)


def most_memory_of_children() -> float:
    """The greatest memory that any process that this one waited for has had, in MB; NaN where the system does not tell."""
    multiprocessing.active_children()
    try:
        import resource
    except ImportError:
        return float("nan")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
