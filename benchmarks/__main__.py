"""``make bench``: what each question takes here, in AllenSDK and in bare h5py, and the ratios against the targets."""

from __future__ import annotations

import json
import lzma
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import baseline, cohort, imaging, network, raw, responses, sessions, simulation, strategy, writing
from benchmarks.environments import GOLDEN, ORACLE, with_bytecode

REAL = GOLDEN / "v1.1" / "behavior_session_891635659.nwb.xz"
# How many times faster than AllenSDK.
TARGETS = {"import": 30, "open_trials_metrics": 400, "open_every_attribute": 40, "metrics_in_memory": 200}
# How many times as long as a reader by hand at most (`floor.py`).
FLOOR_TARGETS = {"first_call": 1.15, "open_trials_metrics": 1.25, "metrics": 1.4, "open_every_attribute": 1.25}
MANY = 1000
ROUNDS = 7


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # First: of the children waited for, the one with the most memory is to be one of its own.
        simulation.measure(pathlib.Path(folder))
        path = full_length_session(pathlib.Path(folder))
        rounds = measure_rounds(path)
        allensdk = (
            figures(ORACLE, "allensdk", path) if ORACLE.exists() and path.suffix == ".nwb" and REAL.exists() else {}
        )
        report(medians(rounds, "visbehavior"), medians(rounds, "h5py"), allensdk)
        report_floors(rounds)
        old = baseline.extract(pathlib.Path(folder))
        baseline.compare_imports(old)
        commands(path)
        many_sessions(path)
        writing.measure(pathlib.Path(folder), path)
        responses.measure(pathlib.Path(folder), path, GOLDEN)
        raw.measure(pathlib.Path(folder), GOLDEN, ORACLE)
        strategy.measure(pathlib.Path(folder))
        imaging.measure(pathlib.Path(folder), ORACLE)
        network.measure(pathlib.Path(folder), GOLDEN)
        sessions.measure(pathlib.Path(folder), GOLDEN, old)
        cohort.measure(pathlib.Path(folder), GOLDEN)


def full_length_session(folder: pathlib.Path) -> pathlib.Path:
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1])
    path = folder / "session.nwb"
    if REAL.exists():
        with lzma.open(REAL) as packed, open(path, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        return path
    print(
        "There is no real session, so a synthetic one of 60 minutes is timed, which AllenSDK cannot open. To time another file: python -m benchmarks FILE"
    )
    from tests.nwbfiles import write_session
    from tests.synthetic_session import make_session

    return write_session(path, make_session(trials=650, blocks=4))


def measure_rounds(path: pathlib.Path) -> list[dict[str, dict[str, float]]]:
    """Return the figures of each reader in several rounds, so that a slow moment of the machine slows all readers of a round."""
    readers = ("visbehavior", "h5py", "floor")
    return [{who: figures(pathlib.Path(sys.executable), who, path) for who in readers} for _ in range(ROUNDS)]


def figures(python: pathlib.Path, who: str, path: pathlib.Path) -> dict[str, float]:
    """The figures of one process."""
    script = pathlib.Path(__file__).with_name("floor.py" if who == "floor" else "child.py")
    command = [python, script, path] if who == "floor" else [python, script, who, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=with_bytecode())
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def medians(rounds: list[dict[str, dict[str, float]]], who: str) -> dict[str, float]:
    return {name: statistics.median(found[who][name] for found in rounds) for name in rounds[0][who]}


def report_floors(rounds: list[dict[str, dict[str, float]]]) -> None:
    ours, floor = medians(rounds, "visbehavior"), medians(rounds, "floor")
    print(f"\n{'':24}{'here, ms':>10}{'by hand, ms':>14}{'ratio':>8}{'target':>8}")
    for name, target in FLOOR_TARGETS.items():
        ratio = statistics.median(found["visbehavior"][name] / found["floor"][name] for found in rounds)
        print(f"{name:24}{ours[name] * 1e3:10.2f}{floor[name] * 1e3:14.2f}{ratio:8.2f}{target:8}")


def commands(path: pathlib.Path) -> None:
    """Time ``visbehavior show``, and Python with pandas and h5py, which is most of it."""
    shown = [sys.executable, "-m", "visbehavior", "show", str(path)]
    bare = [sys.executable, "-c", "import pandas, h5py"]
    spent = [min(time_command(command) for _ in range(4)) for command in (shown, bare)]
    print(f"visbehavior show FILE: {spent[0]:.2f} s, target 0.25; importing pandas and h5py alone: {spent[1]:.2f} s")


def time_command(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True, env=with_bytecode())
    return time.perf_counter() - started


def report(ours: dict[str, float], bare: dict[str, float], allensdk: dict[str, float]) -> None:
    if not allensdk:
        print("AllenSDK was not timed: `make oracle` installs it.")
    print(f"{'':24}{'here, ms':>10}{'AllenSDK, ms':>14}{'ratio':>8}{'target':>8}")
    for name, target in TARGETS.items():
        theirs = allensdk.get(name, float("nan"))
        print(f"{name:24}{ours[name] * 1e3:10.2f}{theirs * 1e3:14.1f}{theirs / ours[name]:8.0f}{target:8}")
    name = "open_every_attribute"
    for what, target in (("every_dataset", ", target 1 or less"), ("needed_datasets", "")):
        said = what.replace("_", " ") + (" but the images" if target else "")
        print(f"{name}: {ours[name] / bare[what]:.2f} of bare h5py reading {said} ({bare[what] * 1e3:.1f} ms){target}")
    print(f"memory added by opening and trials: {ours['memory_open_trials_mb']:.1f} MB, target under 10")
    most = 2 * ours["tables_mb"] + 20
    print(
        f"memory added by every attribute: {ours['memory_every_attribute_mb']:.1f} MB, tables {ours['tables_mb']:.1f} MB, target {most:.1f} or less"
    )


def many_sessions(path: pathlib.Path) -> None:
    from visbehavior import compute_performance_table

    jobs = os.cpu_count() or 1
    started = time.perf_counter()
    compute_performance_table([path] * MANY, jobs=jobs)
    print(f"{MANY} sessions, opened and measured by {jobs} processes: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
