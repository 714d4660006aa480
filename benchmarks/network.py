"""Cost of streaming and downloading over a link of 50 ms a request and 12.5 MB/s a connection, and the limits.

The link, a full-size imaging file and a mouse's bucket are made by tools beside the golden files; without them nothing is
measured, and that is said.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

LATENCY, BANDWIDTH = 0.05, 12.5e6
MOUSE = "445002"
# Question: greatest number of requests, MB, seconds.
LIMITS = {
    "first": (None, None, 0.65),
    "metrics": (8, 1.5, 0.5),
    "trials and rewards": (12, None, 0.45),
    "attributes": (None, 25, 2),
    "attributes again": (1, 0.1, None),
    "mouse": (None, 40, 3),
    "reopen": (1, 0.1, 0.3),
    "reopen all": (1, 0.1, 0.3),
}
JOBS = 8
WHOLE_LIMIT, MEMORY_LIMIT = 1.3, 150


def measure(folder: pathlib.Path, golden: pathlib.Path) -> None:
    tools = golden.parent / "tools"
    if not (tools / "s3wan.py").exists():
        print("The network was not measured, because s3wan.py is missing.")
        return
    big = folder / "big.nwb"
    run(tools / "make_big_experiment.py", golden / "v1.1" / "behavior_ophys_experiment_990000001.nwb.xz", big)
    bucket, full = folder / "mouse", folder / "full"
    run(tools / "make_bucket.py", bucket, "--mouse", MOUSE, "--nwb", big, *sorted((golden / "v1.0").glob("*.nwb.xz")))
    small = sorted((golden / "v1.1").glob("behavior_session_9901000*.nwb.xz"))
    run(tools / "make_bucket.py", full, "--version", "1.0.1", "--full-manifest", "--nwb", small[0])
    print(f"\nOver a link of {LATENCY * 1e3:.0f} ms a request and {BANDWIDTH / 1e6} MB/s a connection:")
    print(f"{'':20}{'requests':>10}{'MB':>9}{'s':>8}{'added MB':>10}   limits: requests, MB, s")
    with link(tools, bucket) as endpoint:
        for question in (
            "on demand",
            "first",
            "metrics",
            "trials and rewards",
            "attributes",
            "attributes again",
            "mouse",
            "reopen",
        ):
            report(question, ask(question, endpoint, folder))
        whole(ask("whole", endpoint, folder), big.stat().st_size)
    with link(tools, full) as endpoint:
        ask("reopen all", endpoint, folder)
        report("reopen all", ask("reopen all", endpoint, folder))


def run(tool: pathlib.Path, *arguments: object) -> None:
    subprocess.run([sys.executable, tool, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def link(tools: pathlib.Path, bucket: pathlib.Path) -> Iterator[str]:
    """The bucket behind the link, in a process of its own."""
    command = [sys.executable, tools / "s3wan.py", bucket, "--latency", str(LATENCY), "--bandwidth", str(BANDWIDTH)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def ask(question: str, endpoint: str, folder: pathlib.Path) -> dict[str, float]:
    child = [sys.executable, pathlib.Path(__file__).with_name("network_child.py"), question, folder / "cache"]
    done = subprocess.run(
        child, capture_output=True, text=True, check=False, env=os.environ | {"AWS_ENDPOINT_URL": endpoint}
    )
    if done.returncode:
        raise SystemExit(f"{question}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def report(question: str, found: dict[str, float]) -> None:
    limits = ", ".join("-" if limit is None else str(limit) for limit in LIMITS.get(question, ()))
    disk = f"   cache {found['disk_mb']:.1f} MB" if question == "mouse" else ""
    figures = f"{found['requests']:10.0f}{found['megabytes']:9.2f}{found['seconds']:8.2f}{found['memory_mb']:10.0f}"
    print(f"{question:20}{figures}   {limits}{disk}")


def whole(found: dict[str, float], size: int) -> None:
    report("whole file", found)
    ratio = found["seconds"] / (size / (JOBS * BANDWIDTH))
    print(
        f"  {ratio:.2f} of what {JOBS} connections take at least, target {WHOLE_LIMIT} or less; memory {MEMORY_LIMIT} MB or less"
    )
