"""The version of November 28, 2026. Some goals are a fraction of the time that it takes.

It is timed in turn with this one, because the same code takes up to twice as long from one hour to the next.
"""

from __future__ import annotations

import io
import pathlib
import subprocess
import sys
import tarfile

from benchmarks.environments import ROOT, with_bytecode

COMMIT = "f2e54fc"
REPEATS = 7
# Part of its time at most.
IMPORT_TARGET = 0.75
_IMPORT = """
import time, h5py, numpy, pandas
started = time.perf_counter()
import visbehavior
visbehavior.BehaviorSession
print(time.perf_counter() - started)
"""


def extract(folder: pathlib.Path) -> pathlib.Path | None:
    """Return the folder of its source; None if it is not in the history of this checkout."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", COMMIT, "src"], capture_output=True, check=False)
    if archive.returncode:
        print(f"The version of November 28 was not timed: the history has no commit {COMMIT}.")
        return None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder / "baseline", filter="data")
    return folder / "baseline" / "src"


def environment(source: pathlib.Path) -> dict[str, str]:
    """Return an environment that imports the package from a folder, and compiles it once."""
    return with_bytecode() | {"PYTHONPATH": str(source)}


def compare_imports(old: pathlib.Path | None) -> None:
    """Print what importing a session takes in both versions."""
    if old is None:
        return
    times: dict[pathlib.Path, list[float]] = {ROOT / "src": [], old: []}
    for _ in range(REPEATS):
        for source, seconds in times.items():
            command = [sys.executable, "-c", _IMPORT]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(source))
            seconds.append(float(done.stdout))
    ours, theirs = (min(seconds) * 1e3 for seconds in times.values())
    print(
        f"import of BehaviorSession, with numpy, pandas and h5py imported before: {ours:.1f} ms; version of November 28 "
        f"{theirs:.1f} ms, ratio {ours / theirs:.2f}, target {IMPORT_TARGET} or less"
    )
