"""Times the flash table, the alignment of traces and tensors, as ratios to numpy, pynapple, the field's utilities and AllenSDK."""

from __future__ import annotations

import json
import lzma
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.environments import ORACLE, PEERS
from visbehavior import BehaviorSession, compute_event_triggered, compute_flash_table

CELLS, EVENTS, FRAMES, RATE = 200, 4000, 140_000, 31.0
WINDOW = (-0.5, 0.75)
REPEATS = 5
PLANE = "behavior_ophys_experiment_990000001.nwb.xz"
TENSORS = ((pathlib.Path(sys.executable), "visbehavior"), (ORACLE, "allensdk"))


def measure(folder: pathlib.Path, path: pathlib.Path, golden: pathlib.Path) -> None:
    flash_table(path)
    alignment(folder)
    if (golden / "v1.1" / PLANE).exists():
        plane = folder / PLANE.removesuffix(".xz")
        plane.write_bytes(lzma.decompress((golden / "v1.1" / PLANE).read_bytes()))
        tensors(plane)


def run_child(python: pathlib.Path, who: str, file: pathlib.Path) -> dict[str, float]:
    """Return the figures that a process of its own prints; none if its environment was not made."""
    if not python.exists():
        print(f"{who} was not timed: `make oracle peers` makes its environment.")
        return {}
    child = pathlib.Path(__file__).with_name("responses_child.py")
    done = subprocess.run([python, "-W", "ignore", child, who, file], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def seconds(function: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The least CPU time of a call, after a first one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return min(times[1:])


def flash_table(path: pathlib.Path) -> None:
    session = BehaviorSession.from_nwb_path(path)
    tables = (session.stimulus_presentations, session.licks, session.rewards)
    whole = seconds(session.get_flash_table)
    ours, theirs = seconds(lambda: compute_flash_table(*tables)), seconds(lambda: published_loop(*tables), 1)
    print(
        f"flash table with running and trials, read from the file: {whole * 1e3:.0f} ms; without: {ours * 1e3:.1f} ms, "
        f"licks and rewards in the published loop {theirs * 1e3:.0f} ms, ratio {theirs / ours:.0f}, target 50"
    )


def published_loop(presentations: Any, licks: Any, rewards: Any) -> Any:
    """Licks and rewards of each flash as the field's utilities find them: a comparison with all times for each row."""
    flashes = presentations[presentations["omitted"].notna()]
    stop = flashes["start_time"].shift(-1)
    for name, table in (("licks", licks), ("rewards", rewards)):
        times = table["timestamps"]
        flashes = flashes.assign(
            **{
                name: flashes.apply(
                    lambda row, times=times: times[
                        (times > row["start_time"]) & (times <= stop.loc[row.name])
                    ].to_numpy(),
                    axis=1,
                )
            }
        )
    return flashes


def alignment(folder: pathlib.Path) -> None:
    generator = np.random.default_rng(0)
    times = np.arange(FRAMES) / RATE
    traces = generator.normal(size=(FRAMES, CELLS))
    events = np.sort(generator.uniform(10, times[-1] - 10, EVENTS))
    rows = np.searchsorted(times, events)[:, np.newaxis] + np.arange(-15, 24)
    gather = seconds(lambda: traces[rows])
    ours = {
        method: seconds(lambda method=method: compute_event_triggered(times, traces, events, WINDOW, method=method))
        for method in ("interpolate", "nearest")
    }
    for method, spent in ours.items():
        print(
            f"{CELLS} cells x {EVENTS} events, {method}: {spent * 1e3:.0f} ms, a bare gather {gather * 1e3:.0f} ms, "
            f"ratio {spent / gather:.1f}, target 2"
        )
    file = folder / "traces.npz"
    np.savez(file, times=times, traces=traces, events=events, window=WINDOW)
    if found := run_child(PEERS, "pynapple", file):
        ratio = found["seconds"] / ours["nearest"]
        print(
            f"pynapple, which takes the nearest samples: {found['seconds'] * 1e3:.0f} ms, ratio {ratio:.1f}, target 5"
        )
    if found := run_child(ORACLE, "tidy", file):
        ratio = found["seconds"] * CELLS / ours["interpolate"]
        print(
            f"the field's tidy utility, one cell: {found['seconds'] * 1e3:.0f} ms, times {CELLS} cells, ratio {ratio:.0f}, "
            "target 1000"
        )
    file.unlink()


def tensors(plane: pathlib.Path) -> None:
    """Tensors of events, running and pupil around all flashes of 24 planes, one after the other."""
    ours, theirs = (run_child(python, who, plane) for python, who in TENSORS)
    said = f"tensors of 24 planes: {ours['seconds'] * 1e3:.0f} ms a plane, {ours['peak_mb']:.0f} MB, target 500 or less"
    if theirs:
        ratio = theirs["seconds"] / ours["seconds"]
        said += f"; AllenSDK and a loop, 3 planes: {theirs['seconds']:.1f} s a plane, ratio {ratio:.0f}, target 20"
    print(said)
