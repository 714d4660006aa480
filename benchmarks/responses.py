"""Times the flash table and the alignment of traces, as ratios of CPU time."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from visbehavior import BehaviorSession, compute_event_triggered, compute_flash_table

CELLS, EVENTS, FRAMES, RATE = 200, 4000, 140_000, 31.0
WINDOW = (-0.5, 0.75)
REPEATS = 5


def measure(path: pathlib.Path) -> None:
    flash_table(path)
    alignment()


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


def alignment() -> None:
    generator = np.random.default_rng(0)
    times = np.arange(FRAMES) / RATE
    traces = generator.normal(size=(FRAMES, CELLS))
    events = np.sort(generator.uniform(10, times[-1] - 10, EVENTS))
    rows = np.searchsorted(times, events)[:, np.newaxis] + np.arange(-15, 24)
    gather = seconds(lambda: traces[rows])
    for method in ("interpolate", "nearest"):
        ours = seconds(lambda method=method: compute_event_triggered(times, traces, events, WINDOW, method=method))
        print(
            f"{CELLS} cells x {EVENTS} events, {method}: {ours * 1e3:.0f} ms, a bare gather {gather * 1e3:.0f} ms, "
            f"ratio {ours / gather:.1f}, target 2"
        )
