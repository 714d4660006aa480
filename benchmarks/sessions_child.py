"""Measures the metrics of many sessions in one process and prints the figures as JSON. Run by ``sessions.py``.

Usage: ``python sessions_child.py QUESTION BUCKET CACHE [REQUESTS SIZE]``, the bucket at AWS_ENDPOINT_URL. Imports are not
measured. An older version of the package can be measured, too.
"""

import json
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy
import obstore
import pandas  # noqa: F401

from visbehavior.project.cache import VisualBehaviorOphysProjectCache

question, bucket, folder = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
FILES = sorted(bucket.glob("*/behavior_sessions/*.nwb"))
IDS = [int(path.stem.rpartition("_")[2]) for path in FILES]


def cpu_ms(function):
    started = time.process_time()
    function()
    return (time.process_time() - started) / (len(IDS) - 1) * 1e3


def streamed():
    cache = VisualBehaviorOphysProjectCache.from_s3_cache(folder)
    cache.get_performance_table(IDS[:1])
    traffic, started = cache.traffic, time.perf_counter()
    spent = cpu_ms(lambda: cache.get_performance_table(IDS[1:]))
    seconds, count = time.perf_counter() - started, len(IDS) - 1
    requests, size = (cache.traffic.requests - traffic.requests) / count, (cache.traffic.bytes - traffic.bytes) / count
    return {"sessions": count, "seconds": seconds, "cpu_ms": spent, "requests": requests, "bytes": size}


def bare():
    """So many requests of each file, in as many threads as there are sessions at once."""
    from visbehavior.project.metrics_cache import CONCURRENT_SESSIONS
    from visbehavior.store.obstore_client import Patience

    count, size = map(int, sys.argv[4:])
    cache = VisualBehaviorOphysProjectCache.from_s3_cache(folder)
    store = cache._files.source._store(Patience.PATIENT)

    def request(path):
        for i in range(count):
            start = i * path.stat().st_size // count // 2
            key = path.relative_to(bucket).as_posix()
            obstore.get(store, key, options={"range": (start, start + size)}).bytes()

    def request_all():
        with ThreadPoolExecutor(CONCURRENT_SESSIONS) as pool:
            list(pool.map(request, FILES[1:]))

    request(FILES[0])
    return {"cpu_ms": cpu_ms(request_all)}


def local():
    cache = VisualBehaviorOphysProjectCache.from_local_cache(bucket, use_static_cache=True)
    cache.get_performance_table(IDS[:1])
    return {"cpu_ms": cpu_ms(lambda: cache.get_performance_table(IDS[1:]))}


h5py, numpy  # noqa: B018
print(json.dumps({"streamed": streamed, "bare": bare, "local": local}[question]()))
