"""CPU time of the metrics of many sessions: over a link, of the bare requests, and from local files."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks.network import link, run

COPIES = 120
REPEATS = 3
# CPU milliseconds of a session at most.
STREAMED_TARGET, LOCAL_TARGET = 10, 3


def measure(folder: pathlib.Path, golden: pathlib.Path) -> None:
    tools = golden.parent / "tools"
    if not (tools / "s3wan.py").exists():
        return
    bucket = folder / "many"
    session = golden / "v1.1" / "behavior_session_990100004.nwb.xz"
    run(tools / "make_bucket.py", bucket, "--copies", COPIES, "--nwb", session)
    # The disk would still be writing the bucket.
    os.sync()
    with link(tools, bucket) as endpoint:
        streamed = min((ask("streamed", bucket, folder, endpoint) for _ in range(REPEATS)), key=cpu_ms)
    local = min((ask("local", bucket, folder, "") for _ in range(REPEATS)), key=cpu_ms)
    print(
        f"metrics of {streamed['sessions']:.0f} sessions over the link: {streamed['seconds']:.1f} s; {streamed['cpu_ms']:.1f} ms of CPU and "
        f"{streamed['requests']:.1f} requests each, target {STREAMED_TARGET} ms; the bare requests take {streamed['bare_ms']:.1f} ms"
    )
    print(f"the same from local files: {local['cpu_ms']:.1f} ms of CPU each, target {LOCAL_TARGET}")


def cpu_ms(found: dict[str, float]) -> float:
    return found["cpu_ms"]


def ask(question: str, bucket: pathlib.Path, folder: pathlib.Path, endpoint: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        child = [sys.executable, pathlib.Path(__file__).with_name("sessions_child.py"), question, bucket, cache]
        # Results of a folder that is only read are kept in the user's cache.
        places = {"AWS_ENDPOINT_URL": endpoint, "VISBEHAVIOR_CACHE_DIR": cache}
        done = subprocess.run(child, capture_output=True, text=True, check=False, env=os.environ | places)
    if done.returncode:
        raise SystemExit(f"{question}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
