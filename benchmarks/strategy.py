"""Fits of a full-length session, in CPU time on one core, beside psytrack in the same run."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time
from collections.abc import Callable

import numpy as np

from benchmarks.environments import PEERS

SESSIONS, STATES = 256, 3
TARGET_FIT, TARGET_RATIO, TARGET_FIXED, TARGET_SEARCHED, TARGET_ITERATION = 0.5, 60, 2, 4, 1


def measure(folder: pathlib.Path) -> None:
    """Print the seconds of a fit, of a full analysis, and of an iteration of states over many sessions."""
    from visbehavior import (
        BehaviorSession,
        compute_dropout_scores,
        compute_strategy_regressors,
        cross_validate_strategy,
        fit_strategy,
        simulate,
    )

    raw = simulate("OPHYS_3_images_A", minutes=60, seed=1)
    session = BehaviorSession.from_json({"behavior_stimulus_file": raw})
    regressors = compute_strategy_regressors(session.get_flash_table())
    X, y = regressors.X, regressors.y
    fitted = fit_strategy(X, y)
    fit = seconds(lambda: fit_strategy(X, y))
    dropouts = seconds(lambda: compute_dropout_scores(X, y, fit=fitted))
    models = [X, *(X.drop(columns=name) for name in X if name != "bias")]
    fixed = seconds(lambda: [cross_validate_strategy(x, y, sigma=fitted.sigma[list(x)]) for x in models])
    searched = seconds(lambda: cross_validate_strategy(X, y, fit=fitted))
    print(f"strategy of {len(y):,} flashes: fit and bands {fit:.2f} s CPU, target {TARGET_FIT} or less")
    print(
        f"fit, dropouts, ten fixed folds of {len(models)} models: {fit + dropouts + fixed:.2f} s, target {TARGET_FIXED}"
    )
    print(f"the same with ten searched folds: {fit + dropouts + fixed + searched:.2f} s, target {TARGET_SEARCHED}")
    compare(folder, X.to_numpy(), y.to_numpy(), list(X), fit)
    measure_states([(X, y)] * SESSIONS)


def seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of the fastest of three calls."""
    times = []
    for _ in range(3):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def compare(folder: pathlib.Path, x: np.ndarray, y: np.ndarray, names: list[str], fit: float) -> None:
    if not PEERS.exists():
        print("psytrack was not timed: `make peers` makes its environment.")
        return
    np.savez(folder / "strategy.npz", x=x, y=y, names=names)
    child = pathlib.Path(__file__).with_name("strategy_child.py")
    done = subprocess.run([PEERS, child, folder / "strategy.npz"], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])["seconds"]
    print(f"psytrack 2.0.2, fit and bands: {theirs:.1f} s CPU, {theirs / fit:.0f} times as long, target {TARGET_RATIO}")


def measure_states(sessions: list[tuple[object, object]]) -> None:
    from visbehavior.models.state_em import pack_sessions, run_em, spread_states
    from visbehavior.models.state_inputs import check_sessions

    packed = pack_sessions(check_sessions(sessions))
    start = spread_states(np.zeros(packed.x.shape[1]), STATES, np.random.default_rng(0))
    iteration = seconds(lambda: run_em(packed, start, 1))
    print(
        f"{STATES} states, {len(sessions)} sessions: {iteration:.2f} s CPU an iteration, target {TARGET_ITERATION} or less"
    )
