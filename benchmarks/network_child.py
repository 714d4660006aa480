"""Times one question over the network in one process and prints the figures as JSON. Run by ``network.py``.

Usage: ``python network_child.py QUESTION CACHE``, the bucket at AWS_ENDPOINT_URL. Imports are not timed.
"""

import json
import os
import pathlib
import shutil
import sys
import time

import h5py
import numpy
import obstore
import pandas  # noqa: F401
from child_memory import peak_mb

import visbehavior
from visbehavior.project.cache import VisualBehaviorOphysProjectCache

question, folder = sys.argv[1:3]
MOUSE = 445002
NOT_READ = {
    "stimulus_templates",
    "eye_tracking",
    "get_performance_metrics",
    "get_rolling_performance_df",
    "get_reward_rate",
}
TABLES = ("behavior_session", "ophys_session", "ophys_experiment", "ophys_cells")


def opened(**options):
    return VisualBehaviorOphysProjectCache.from_s3_cache(folder, **options)


def ready(cold):
    """A cache with its manifest and tables, and no session where it is to be cold."""
    cache = opened()
    read_tables(cache)
    if cold:
        for name in ("behavior_sessions", "behavior_ophys_experiments"):
            shutil.rmtree(os.path.join(folder, "visual-behavior-ophys-1.1.0", name), ignore_errors=True)
        for kept in ("_visbehavior_performance.txt",):
            if os.path.exists(os.path.join(folder, kept)):
                os.unlink(os.path.join(folder, kept))
    return cache, cache.get_mouse(MOUSE)


def read_tables(cache):
    return [getattr(cache, f"get_{name}_table")() for name in TABLES]


def attributes(session):
    names = [name for name in session.list_data_attributes_and_methods() if name not in NOT_READ]
    return [getattr(session, name) for name in names]


class OnDemand:
    """The plain way: blocks of 64 KiB, fetched when HDF5 asks for them."""

    def __init__(self, source, key):
        self.source, self.key, self.blocks, self.at = source, key, {}, 0
        self.size = source.info(key).size

    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self):
        return self.at

    def read(self, count):
        buffer = bytearray(count)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer):
        for block in range(self.at >> 16, (self.at + len(buffer) - 1 >> 16) + 1):
            if block not in self.blocks:
                self.blocks[block] = bytes(self.source.read(self.key, block << 16, block + 1 << 16)[0])
        first = self.at >> 16
        joined = b"".join(self.blocks[block] for block in range(first, (self.at + len(buffer) - 1 >> 16) + 1))
        buffer[:] = joined[self.at - (first << 16) :][: len(buffer)]
        self.at += len(buffer)
        return len(buffer)


def on_demand(source, key):
    with h5py.File(OnDemand(source, key), "r") as file:
        trials = file["intervals/trials"]
        columns = [
            trials[name][()] for name in trials if name not in ("timeseries", "timeseries_index", "tags", "tags_index")
        ]
        return [
            *columns,
            file["processing/rewards/volume/data"][()],
            file["general/task_parameters"].attrs["response_window_sec"],
        ]


def first_imaging(mouse):
    return mouse.index[mouse["has_imaging"]][0]


def trials_and_rewards(session):
    return session.trials, session.rewards


def disk_mb():
    """What the cache takes on the disk: its files are sparse."""
    return sum(path.stat().st_blocks * 512 for path in pathlib.Path(folder).rglob("*")) / 1e6


def question_of(cache, mouse):
    imaging = first_imaging(mouse)
    if question == "on demand":
        return lambda: on_demand(
            cache._files.source, f"visual-behavior-ophys/{cache._release.session_file(imaging).path}"
        )
    return {
        "metrics": lambda: cache.get_behavior_session(imaging).get_performance_metrics(),
        "trials and rewards": lambda: trials_and_rewards(cache.get_behavior_session(imaging)),
        "attributes": lambda: attributes(cache.get_behavior_session(imaging)),
        "attributes again": lambda: attributes(cache.get_behavior_session(imaging)),
        "mouse": lambda: cache.get_performance_table(mouse.index),
        "whole": lambda: cache.get_behavior_session(mouse.index[mouse["has_imaging"]][1], download=True),
    }[question]


def main():
    visbehavior.BehaviorSession, numpy, obstore  # noqa: B018
    if question.startswith("reopen"):
        before, started = peak_mb(), time.perf_counter()
        cache = opened()
        read_tables(cache)
        source, requests, received = cache._files.source, 0, 0
    elif question == "first":
        imaging = first_imaging(ready(cold=False)[1])
        shutil.rmtree(folder)
        before, started = peak_mb(), time.perf_counter()
        cache = opened()
        cache.get_behavior_session(imaging).get_performance_metrics()
        source, requests, received = cache._files.source, 0, 0
    else:
        cache, mouse = ready(cold=question not in ("attributes again",))
        call, source = question_of(cache, mouse), cache._files.source
        requests, received = source.requests, source.bytes
        before, started = peak_mb(), time.perf_counter()
        call()
    seconds = time.perf_counter() - started
    figures = {"requests": source.requests - requests, "megabytes": (source.bytes - received) / 1e6}
    print(json.dumps({**figures, "seconds": seconds, "memory_mb": peak_mb() - before, "disk_mb": disk_mb()}))


main()
