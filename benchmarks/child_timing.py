"""The time of a call in a process of the benchmarks, which runs as a script in any of the environments."""

import statistics
import time


def seconds(function, repeats):
    """Median time of a call; the first one is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])
