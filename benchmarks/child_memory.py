"""The memory of a process of the benchmarks, which runs as a script in any of the environments."""

import sys


def peak_mb():
    """The greatest memory that the process has had, in MB; NaN where the system does not tell.

    On Linux getrusage counts the memory of the process that started this one too.
    """
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
