"""Cost of a cohort store of the size of the public data sets: building it, its bytes, and queries.

The sessions are simulated. The large store has few of them many times, under new ids and with shifted times: simulating
thousands would take hours. Compression between equal sessions is therefore not counted.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import network
from benchmarks.environments import ORACLE, PEERS

SESSIONS = 4782 + 3424
COMPARED = 24
MICE = 163
SESSION_TYPES = (
    "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_3_images_A_10uL_reward",
    "OPHYS_1_images_A",
    "OPHYS_4_images_B",
)
MINUTES = 60
# Megabytes, and seconds of each query.
SIZE_LIMIT = 500
QUERIES = {
    "one session of trials": ("SELECT * FROM trials WHERE behavior_session_id = {id}", 0.05),
    "one session of flashes": ("SELECT * FROM flashes WHERE behavior_session_id = {id}", 0.05),
    "mouse x stage of all trials": (
        "SELECT mouse_id, stage, avg(hit::INT) FROM trials JOIN sessions USING (behavior_session_id) WHERE go GROUP BY ALL",
        0.2,
    ),
    "image matrix of all flashes": (
        "SELECT previous_image_name, image_name, count(*), avg(licked::INT) FROM flashes GROUP BY ALL",
        0.5,
    ),
    "summary of sessions": ("SELECT stage, count(*), avg(dprime), avg(hit_rate) FROM sessions GROUP BY stage", 0.02),
}
MEMORY_LIMIT, RATE_LIMIT = 300, 40


def measure(folder: pathlib.Path, golden: pathlib.Path, sessions: int = SESSIONS) -> None:
    bucket, store = folder / "cohort_release", folder / "cohort"
    make_release(bucket)
    built = json.loads(child("build", bucket, store))
    print(f"\nA cohort of {built['sessions']} simulated sessions of {MINUTES} minutes, in one process:")
    print(
        f"  {built['rate']:.0f} sessions per second of CPU time, target {RATE_LIMIT}; memory {built['memory']:.0f} MB, limit {MEMORY_LIMIT} MB"
    )
    print(f"  {built['seconds'] / built['bare']:.2f} of the time of bare h5py and duckdb, target 2 or less")
    large = folder / "large"
    begin = time.process_time()
    repeat(store, large, sessions)
    print(f"  a store of {sessions:,} of them, repeated: {time.process_time() - begin:.0f} s of CPU time to write")
    report(large)
    compare(bucket, large)
    over_link(golden, bucket, large)


def make_release(bucket: pathlib.Path) -> None:
    from visbehavior import Mouse, build_release, simulate_mouse

    mice = [Mouse(mouse_id=str(n)) for n in (1, 2, 3)]
    pickles = [
        pickle
        for n, mouse in enumerate(mice)
        for pickle in simulate_mouse(mouse, sessions=SESSION_TYPES, minutes=MINUTES, seed=n)
    ]
    build_release(pickles, bucket)


def child(*arguments: object) -> str:
    command = [sys.executable, "-m", "benchmarks.cohort", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]


def build(bucket: str, store: str) -> dict[str, float]:
    """Build a store in this process, and time what is compared with it."""
    from visbehavior import VisualBehaviorOphysProjectCache, build_cohort

    cache = VisualBehaviorOphysProjectCache.from_local_cache(bucket, use_static_cache=True)
    ids = cache.get_behavior_session_table().index.tolist()
    build_cohort(cache, pathlib.Path(store).with_name("warm"), ids[:1])
    seconds = cpu_time(lambda: build_cohort(cache, store))
    memory = peak_memory()
    bare = cpu_time(lambda: build_bare(cache, pathlib.Path(store).with_name("bare")))
    return {
        "sessions": len(ids),
        "seconds": seconds,
        "rate": len(ids) / seconds,
        "memory": memory,
        "bare": bare,
    }


def peak_memory() -> float:
    """Return the greatest memory of this process in MB. getrusage would include that of its parent."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def build_bare(cache: Any, folder: pathlib.Path) -> None:
    """Copy the columns that a store has into Parquet files, with nothing computed and nothing checked."""
    import duckdb
    import h5py

    folder.mkdir()
    groups = ("intervals/trials", "processing/licking/licks", "processing/rewards")
    connection = duckdb.connect()
    for number in cache.get_behavior_session_table().index:
        with h5py.File(cache.file_path(number)) as file:
            names = [*groups, *(f"intervals/{name}" for name in file["intervals"] if name.endswith("_presentations"))]
            for position, name in enumerate(name for name in names if name in file):
                columns: dict[int, dict[str, Any]] = {}
                file[name].visititems(lambda key, item, columns=columns: _copy(key, item, columns))
                for length, data in columns.items():
                    frame = pd.DataFrame(data)
                    connection.register("frame", frame)
                    path = folder / f"{number}-{position}-{length}.parquet"
                    connection.execute(f"COPY frame TO '{path}' (FORMAT parquet, COMPRESSION zstd)").fetchall()


def _copy(key: str, item: Any, columns: dict[int, dict[str, Any]]) -> None:
    import h5py

    if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.dtype.names is None and len(item) > 1:
        values = item.asstr()[:] if h5py.check_string_dtype(item.dtype) else item[:]
        columns.setdefault(len(item), {})[key] = values


def cpu_time(function: Callable[[], object]) -> float:
    begin = time.process_time()
    function()
    return time.process_time() - begin


def repeat(store: pathlib.Path, large: pathlib.Path, count: int) -> None:
    """Write a store with the sessions of another one, repeated under new ids."""
    from visbehavior import open_cohort
    from visbehavior.cohort.parts import SESSIONS_PER_PART, inspect_file, write_footers, write_rows
    from visbehavior.cohort.store import Description, Part, write_description
    from visbehavior.schema.cohort import file_columns, stored_columns

    rng = np.random.default_rng(0)
    with open_cohort(store) as source:
        tables = source.tables[1:]
        sessions = source.table("sessions")
        numbers = sessions["behavior_session_id"].tolist()
        rows = {
            name: dict(
                list(source.table(name, [c.name for c in stored_columns(name, tables)]).groupby("behavior_session_id"))
            )
            for name in tables
        }
    parts, repeated = [], []
    for first in range(0, count, SESSIONS_PER_PART):
        ids = tuple(range(first, min(first + SESSIONS_PER_PART, count)))
        shifts, files = rng.uniform(0, 10, len(ids)), {}
        for name in tables:
            columns = file_columns(name, tables)
            times = [c.name for c in columns if c.unit == "s" and c.name not in ("trial_length", "response_latency")]
            frames = [
                shifted(rows[name][numbers[i % len(numbers)]], i, times, shift)
                for i, shift in zip(ids, shifts, strict=True)
                if numbers[i % len(numbers)] in rows[name]
            ]
            path = large / name / f"{first:05}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_rows(path, columns, frames)
            files[name] = inspect_file(large, path)
        parts.append(Part(f"{first:05}", ids, files))
        chosen = sessions.iloc[[i % len(numbers) for i in ids]]
        repeated.append(chosen.assign(behavior_session_id=ids, mouse_id=[str(i % MICE) for i in ids]))
    path = large / "sessions" / "all.parquet"
    path.parent.mkdir()
    write_rows(path, stored_columns("sessions", ()), [pd.concat(repeated)])
    footers = {name: write_footers(large, name, [part.files[name] for part in parts]) for name in tables}
    write_description(large, Description(tables, tuple(parts), inspect_file(large, path), footers, "repeated"))


def shifted(frame: pd.DataFrame, number: int, times: list[str], shift: float) -> pd.DataFrame:
    moved = {name: frame[name] + shift for name in times if name != "lick_times"}
    if "lick_times" in times:
        moved["lick_times"] = frame["lick_times"].map(lambda licks: licks + shift)
    return frame.assign(behavior_session_id=number, **moved)


def report(large: pathlib.Path) -> None:
    from visbehavior import open_cohort

    with open_cohort(large) as cohort:
        size = sum(cohort.size(name) for name in cohort.tables) / 1e6
        print(
            f"  {size:.0f} MB, limit {SIZE_LIMIT}: {', '.join(f'{n} {cohort.size(n) / 1e6:.0f}' for n in cohort.tables)}"
        )
        print(
            f"  {cohort.count('flashes'):,} flashes, {cohort.count('trials'):,} trials, {cohort.count('licks'):,} licks"
        )
        for name, (query, limit) in QUERIES.items():
            seconds = []
            for number in (5, 700, 1402, 4000, 8000):
                begin = time.perf_counter()
                cohort.sql(query.format(id=number % cohort.count("sessions")))
                seconds.append(time.perf_counter() - begin)
            print(
                f"  {name:30} first {seconds[0] * 1e3:7.0f} ms, then {np.median(seconds[1:]) * 1e3:6.0f} ms, limit {limit * 1e3:.0f} ms"
            )


def compare(bucket: pathlib.Path, large: pathlib.Path) -> None:
    """Read the trials of 24 sessions from a store, and as others read them: file by file."""
    from visbehavior import open_cohort

    paths = sorted(map(str, bucket.rglob("*.nwb")))
    with open_cohort(large) as cohort:
        trials = f"SELECT * FROM trials WHERE behavior_session_id < {COMPARED}"
        cohort.sql(trials)
        begin = time.perf_counter()
        rows = len(cohort.sql(trials))
        ours = time.perf_counter() - begin
    print(f"  trials of {COMPARED} sessions ({rows:,} rows) by SQL: {ours * 1e3:.0f} ms")
    script = pathlib.Path(__file__).with_name("cohort_child.py")
    for who, python, target in (("allensdk", ORACLE, 200), ("lazynwb", PEERS, None)):
        if not python.exists():
            print(f"  {who} was not timed: `make oracle peers` makes its environment.")
            continue
        command = [python, "-W", "ignore", script, who, *(paths * COMPARED)[:COMPARED]]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])["seconds"]
        said = f", target {target}" if target else ""
        print(f"  {who}, file by file: {theirs:.1f} s, ratio {theirs / ours:.0f}{said}")


def over_link(golden: pathlib.Path, bucket: pathlib.Path, large: pathlib.Path) -> None:
    """Build from a bucket and query a store over a slow link."""
    tools = golden.parent / "tools"
    if not (tools / "s3wan.py").exists():
        print("  The network was not measured, because s3wan.py is missing.")
        return
    with network.link(tools, bucket) as endpoint:
        found = json.loads(child("stream", endpoint, large.with_name("streamed")))
        print(
            f"  streamed: {found['megabytes']:.1f} MB and {found['requests']:.0f} requests a session, limit 4 MB; {found['seconds']:.2f} s a session"
        )
    with network.link(tools, large.parent) as endpoint:
        for name in QUERIES:
            found = json.loads(child("query", endpoint, large.name, name))
            print(
                f"  {name:30} {found['megabytes']:6.1f} MB, {found['requests']:4} requests, {found['seconds']:5.2f} s; limits 5 MB, 1 s"
            )


def stream(endpoint: str, store: str) -> dict[str, float]:
    from visbehavior import VisualBehaviorOphysProjectCache, build_cohort

    cache = VisualBehaviorOphysProjectCache.from_s3_cache(
        pathlib.Path(store).with_name("cohort_cache"), endpoint=endpoint
    )
    count, before = len(cache.get_behavior_session_table()), cache.traffic
    begin = time.perf_counter()
    build_cohort(cache, store)
    seconds = time.perf_counter() - begin
    requests, received = (now - then for now, then in zip(cache.traffic, before, strict=True))
    return {"megabytes": received / 1e6 / count, "requests": requests / count, "seconds": seconds / count}


def query(endpoint: str, store: str, name: str) -> dict[str, float]:
    from visbehavior import open_cohort
    from visbehavior.settings import BUCKET

    begin = time.perf_counter()
    with open_cohort(f"s3://{BUCKET}/{store}", endpoint=endpoint) as cohort:
        cohort.sql(QUERIES[name][0].format(id=700))
        seconds, source = time.perf_counter() - begin, cohort._parts.origin[0]
        return {"megabytes": source.bytes / 1e6, "requests": source.requests, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps({"build": build, "stream": stream, "query": query}[sys.argv[1]](*sys.argv[2:])))
