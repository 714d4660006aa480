"""CPU time of the metrics of many sessions: over a link, of the bare requests, and from local files."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks.baseline import environment
from benchmarks.environments import ROOT
from benchmarks.network import link, run

COPIES = 120
REPEATS = 4
# CPU milliseconds of a session at most, and the part of those of the baseline.
STREAMED_TARGET, LOCAL_TARGET, BASELINE_TARGET = 10, 3, 0.45
OURS = ROOT / "src"


def measure(folder: pathlib.Path, golden: pathlib.Path, baseline: pathlib.Path | None) -> None:
    tools = golden.parent / "tools"
    if not (tools / "s3wan.py").exists():
        return
    bucket = folder / "many"
    session = golden / "v1.1" / "behavior_session_990100004.nwb.xz"
    run(tools / "make_bucket.py", bucket, "--copies", COPIES, "--nwb", session)
    # The disk would still be writing the bucket.
    os.sync()
    with link(tools, bucket) as endpoint:
        versions = [OURS] if baseline is None else [OURS, baseline]
        rounds = [
            [ask("streamed", bucket, folder, endpoint, source=source) for source in versions] for _ in range(REPEATS)
        ]
        streamed = min((found[0] for found in rounds), key=cpu_ms)
        requests = (round(streamed["requests"]), round(streamed["bytes"] / streamed["requests"]))
        bare = min((ask("bare", bucket, folder, endpoint, *requests) for _ in range(REPEATS)), key=cpu_ms)
    local = min((ask("local", bucket, folder, "") for _ in range(REPEATS)), key=cpu_ms)
    print(
        f"metrics of {streamed['sessions']:.0f} sessions over the link: {streamed['seconds']:.1f} s; {streamed['cpu_ms']:.1f} ms of CPU and "
        f"{streamed['requests']:.1f} requests each, target {STREAMED_TARGET} ms; the bare requests take {bare['cpu_ms']:.1f} ms"
    )
    if baseline is not None:
        theirs = min(cpu_ms(found[1]) for found in rounds)
        print(
            f"  version of November 28, in turn: {theirs:.1f} ms, ratio {streamed['cpu_ms'] / theirs:.2f}, target {BASELINE_TARGET} or less"
        )
    print(f"the same from local files: {local['cpu_ms']:.1f} ms of CPU each, target {LOCAL_TARGET}")


def cpu_ms(found: dict[str, float]) -> float:
    return found["cpu_ms"]


def ask(
    question: str,
    bucket: pathlib.Path,
    folder: pathlib.Path,
    endpoint: str,
    *arguments: int,
    source: pathlib.Path = OURS,
) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        script = pathlib.Path(__file__).with_name("sessions_child.py")
        child = [sys.executable, script, question, bucket, cache, *map(str, arguments)]
        # Results of a folder that is only read are kept in the user's cache.
        places = {"AWS_ENDPOINT_URL": endpoint, "VISBEHAVIOR_CACHE_DIR": cache}
        done = subprocess.run(child, capture_output=True, text=True, check=False, env=environment(source) | places)
    if done.returncode:
        raise SystemExit(f"{question}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
