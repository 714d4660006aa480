"""One process of the imaging benchmark: ``imaging_child.py visbehavior|h5py|allensdk FILE`` prints seconds and MB as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def private_megabytes() -> float:
    """Return the memory of this process that is not mapped from files."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1e3 for line in status if line.startswith("RssAnon"))
    except (OSError, StopIteration):
        return float("nan")


def timed(function: Callable[[], Any], repeats: int = 5) -> float:
    """Return the shortest time of several calls (s)."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def ours(path: str) -> dict[str, float]:
    import xarray  # noqa: F401

    from visbehavior import BehaviorOphysExperiment

    def opened() -> BehaviorOphysExperiment:
        return BehaviorOphysExperiment.from_nwb_path(path)

    roi = int(opened().cell_specimen_table["cell_roi_id"].iloc[7])
    before = private_megabytes()
    cell = timed(lambda: opened().dff_trace(cell_roi_id=roi))
    memory = private_megabytes() - before
    experiment = opened()
    return {
        "one_cell": cell,
        "next_cell": timed(lambda: experiment.dff_trace(cell_roi_id=roi), 10),
        "memory": memory,
        "open_dff_traces": timed(lambda: opened().dff_traces),
        "max_projection": timed(lambda: opened().max_projection),
        "all_traces": timed(lambda: [opened().traces(kind).values for kind in ("dff", "events")], 2),
    }


def bare(path: str) -> dict[str, float]:
    import h5py
    import numpy as np

    with h5py.File(path) as file:
        data = file["processing/ophys/dff/traces/data"]
        offset, shape, dtype = data.id.get_offset(), data.shape, data.dtype

    def one_cell() -> Any:
        return np.array(np.memmap(path, dtype, "r", offset, shape)[:, 7])

    def matrices() -> Any:
        with h5py.File(path) as file:
            return [file[f"processing/ophys/{name}"][()] for name in ("dff/traces/data", "event_detection/data")]

    before = private_megabytes()
    cell = timed(one_cell)
    return {"next_cell": cell, "memory": private_megabytes() - before, "all_traces": timed(matrices, 2)}


def allensdk(path: str) -> dict[str, float]:
    from allensdk.brain_observatory.behavior.behavior_ophys_experiment import BehaviorOphysExperiment

    before = private_megabytes()
    start = time.perf_counter()
    experiment = BehaviorOphysExperiment.from_nwb_path(path)
    table = experiment.dff_traces
    opened = time.perf_counter() - start
    trace = table["dff"].iloc[7]
    seconds = time.perf_counter() - start
    assert len(trace)
    memory = private_megabytes() - before
    return {"open_dff_traces": opened, "one_cell": seconds, "max_projection": seconds, "memory": memory}


if __name__ == "__main__":
    who, file = sys.argv[1:]
    print(json.dumps({"visbehavior": ours, "h5py": bare, "allensdk": allensdk}[who](file)))
