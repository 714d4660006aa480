"""Writing a session as an NWB file, beside a copy of its file by h5py that is flushed to the disk as ours is."""

from __future__ import annotations

import os
import pathlib
import statistics
import time
from collections.abc import Callable
from functools import partial

TARGET = 2
REPEATS = 9


def measure(folder: pathlib.Path, path: pathlib.Path) -> None:
    calls = partial(write, path, folder / "written.nwb"), partial(copy, path, folder / "copied.nwb")
    # In turn, because the speed of the machine changes from second to second; the first round is not counted.
    rounds = [[elapsed(call) for call in calls] for _ in range(REPEATS + 1)][1:]
    written = statistics.median(seconds for seconds, _ in rounds)
    ratio = statistics.median(seconds / copied for seconds, copied in rounds)
    print(
        f"a session of {path.stat().st_size / 1e6:.0f} MB written in {written:.2f} s, {ratio:.1f} times as long as "
        f"a copy of all groups by h5py, target {TARGET} or less"
    )


def elapsed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def write(path: pathlib.Path, target: pathlib.Path) -> None:
    from visbehavior import BehaviorSession, write_nwb

    write_nwb(BehaviorSession.from_nwb_path(path), target, overwrite=True)


def copy(path: pathlib.Path, target: pathlib.Path) -> None:
    import h5py

    target.unlink(missing_ok=True)
    with h5py.File(path) as source, h5py.File(target, "w") as copied:
        for name in source:
            source.copy(name, copied)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
