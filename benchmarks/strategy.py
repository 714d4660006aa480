"""Fits of a full-length session, in CPU time on one core, beside psytrack in the same run."""

from __future__ import annotations

import json
import multiprocessing
import pathlib
import random
import subprocess
import time
from collections.abc import Callable

import numpy as np

from benchmarks.environments import PEERS

SESSIONS, STATES = 256, 3
DAYS, RELEASE = 200, 4782
"""Sessions that are analyzed, and sessions of the data set."""
MIN_SECONDS = 1e-3
TARGET_FIT, TARGET_RATIO, TARGET_FIXED, TARGET_SEARCHED, TARGET_ITERATION = 0.5, 60, 2, 4, 1


def measure(folder: pathlib.Path) -> None:
    """Print the seconds of a fit, of a full analysis, and of an iteration of states over many sessions."""
    from visbehavior import (
        BehaviorSession,
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
    fixed = seconds(lambda: analyze_fit(X, y, fitted))
    searched = seconds(lambda: cross_validate_strategy(X, y, fit=fitted))
    print(f"strategy of {len(y):,} flashes: fit and bands {fit:.2f} s CPU, target {TARGET_FIT} or less")
    print(f"fit, dropouts, ten fixed folds of {X.shape[1]} models: {fit + fixed:.2f} s, target {TARGET_FIXED}")
    print(
        f"the same, and ten searched folds of the whole model: {fit + fixed + searched:.2f} s, target {TARGET_SEARCHED}"
    )
    compare(folder, X.to_numpy(), y.to_numpy(), list(X), fit)
    measure_states([(X, y)] * SESSIONS)
    measure_days()


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


def measure_days() -> None:
    """Fit sessions of simulated mice, of every stage as in the data set, on all cores."""
    plan = [session for seed in range(8) for session in simulation_plan(seed)]
    random.Random(0).shuffle(plan)
    with multiprocessing.Pool() as pool:
        spent = np.array(pool.map(analyze, plan[:DAYS], chunksize=1))
    fit, whole = spent.sum(axis=0) * RELEASE / DAYS / 2 / 60
    fitted = int((spent[:, 0] > MIN_SECONDS).sum())
    print(
        f"{DAYS} sessions of all stages, {fitted} of which can be fitted: as many minutes for {RELEASE:,} sessions on 2 cores: "
        f"fits {fit:.1f}, target 15; full analyses with fixed folds {whole:.1f}, target 60"
    )


def simulation_plan(seed: int) -> list[Callable[[], dict[str, object]]]:
    from visbehavior.simulation.simulate import plan_sessions

    return plan_sessions(seed=seed)


def analyze(simulate_session: Callable[[], dict[str, object]]) -> tuple[float, float]:
    """Return the CPU time of a fit, and of a full analysis, of a session; nearly 0 for one that cannot be fitted."""
    from visbehavior import BadValue, BehaviorSession, compute_strategy_regressors, fit_strategy

    flashes = BehaviorSession.from_json({"behavior_stimulus_file": simulate_session()}).get_flash_table()
    started = time.process_time()
    try:
        regressors = compute_strategy_regressors(flashes)
        fit = fit_strategy(regressors.X, regressors.y)
    except BadValue:
        return 0.0, time.process_time() - started
    fitted = time.process_time()
    analyze_fit(regressors.X, regressors.y, fit)
    return fitted - started, time.process_time() - started


def analyze_fit(X: object, y: object, fit: object) -> None:
    """Compute the dropouts, and ten folds of the model and of those without one regressor, at the sigmas of the fit."""
    from visbehavior import compute_dropout_scores, cross_validate_strategy

    compute_dropout_scores(X, y, fit=fit)
    for x in [X, *(X.drop(columns=name) for name in X if name != "bias")]:
        cross_validate_strategy(x, y, sigma=fit.sigma[list(x)])


def measure_states(sessions: list[tuple[object, object]]) -> None:
    from visbehavior.models.state_em import pack_sessions, run_em, spread_states
    from visbehavior.models.state_inputs import check_sessions

    packed = pack_sessions(check_sessions(sessions))
    start = spread_states(np.zeros(packed.x.shape[1]), STATES, np.random.default_rng(0))
    iteration = seconds(lambda: run_em(packed, start, 1))
    print(
        f"{STATES} states, {len(sessions)} sessions: {iteration:.2f} s CPU an iteration, target {TARGET_ITERATION} or less"
    )
