"""Fits of a full-length session, in CPU time on one core, beside psytrack in the same run."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import pathlib
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.pool import Pool
from operator import attrgetter
from unittest import mock

import numpy as np

from benchmarks.child_memory import peak_mb
from benchmarks.environments import PEERS

SESSIONS, STATES = 256, 3
DAYS, RELEASE = 200, 4782
"""Sessions that are analyzed, and sessions of the data set."""
MICE = 8
TARGET_MEMORY_MB, TARGET_STATES_MINUTES = 500, 30
TARGET_FIT, TARGET_RATIO, TARGET_FIXED, TARGET_SEARCHED, TARGET_ITERATION = 0.5, 60, 2, 4, 1
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def measure(folder: pathlib.Path) -> None:
    """Print the seconds of a fit, of a full analysis, and of states, in processes of one thread each."""
    # The processes read the environment when they begin.
    with mock.patch.dict(os.environ, ONE_THREAD), multiprocessing.get_context("spawn").Pool() as pool:
        pool.apply(measure_session, [folder])
        measure_states(pool, measure_days(pool))


def measure_session(folder: pathlib.Path) -> None:
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
    measure_iteration([(X, y)] * SESSIONS)


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
    # psytrack 2.0.2 stops at a singular matrix with one thread. It uses all cores here, and the elapsed time is measured.
    threads = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    command = [PEERS, child, folder / "strategy.npz"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=threads)
    if done.returncode:
        print(f"psytrack failed: {done.stderr.splitlines()[-1]}")
        return
    theirs = json.loads(done.stdout.splitlines()[-1])["seconds"]
    print(f"psytrack 2.0.2, fit and bands: {theirs:.1f} s, {theirs / fit:.0f} times as long, target {TARGET_RATIO}")


@dataclass(frozen=True)
class Analysis:
    """CPU seconds of the fit and of the full analysis of a session, and its regressors; None if it cannot be fitted."""

    mouse: int
    fit: float
    whole: float
    memory_mb: float
    regressors: tuple[object, object] | None


def measure_days(pool: Pool) -> list[Analysis]:
    """Fit sessions of simulated mice, of every stage as in the data set, on all cores."""
    plan = [(mouse, session) for mouse in range(MICE) for session in simulation_plan(mouse)]
    random.Random(0).shuffle(plan)
    done = pool.starmap(analyze, plan[:DAYS], chunksize=1)
    fit, whole = np.array([(one.fit, one.whole) for one in done]).sum(axis=0) * RELEASE / DAYS / 2 / 60
    fitted = [one for one in done if one.regressors is not None]
    print(
        f"{DAYS} sessions of all stages, {len(fitted)} of which can be fitted: as many minutes for {RELEASE:,} sessions on 2 cores: "
        f"fits {fit:.1f}, target 15; full analyses with fixed folds {whole:.1f}, target 60; "
        f"memory of a worker {max(one.memory_mb for one in done):.0f} MB, target {TARGET_MEMORY_MB}"
    )
    return fitted


def simulation_plan(seed: int) -> list[Callable[[], dict[str, object]]]:
    from visbehavior.simulation.simulate import plan_sessions

    return plan_sessions(seed=seed)


def analyze(mouse: int, simulate_session: Callable[[], dict[str, object]]) -> Analysis:
    from visbehavior import BadValue, BehaviorSession, compute_strategy_regressors, fit_strategy

    flashes = BehaviorSession.from_json({"behavior_stimulus_file": simulate_session()}).get_flash_table()
    started = time.process_time()
    try:
        regressors = compute_strategy_regressors(flashes)
        fit = fit_strategy(regressors.X, regressors.y)
    except BadValue:
        return Analysis(mouse, 0.0, time.process_time() - started, peak_mb(), None)
    fitted = time.process_time()
    analyze_fit(regressors.X, regressors.y, fit)
    whole = time.process_time() - started
    return Analysis(mouse, fitted - started, whole, peak_mb(), (regressors.X, regressors.y))


def analyze_fit(X: object, y: object, fit: object) -> None:
    """Compute the dropouts, and ten folds of the model and of those without one regressor, at the sigmas of the fit."""
    from visbehavior import compute_dropout_scores, cross_validate_strategy

    compute_dropout_scores(X, y, fit=fit)
    for x in [X, *(X.drop(columns=name) for name in X if name != "bias")]:
        cross_validate_strategy(x, y, sigma=fit.sigma[list(x)])


def measure_states(pool: Pool, fitted: list[Analysis]) -> None:
    """Fit states to the sessions of all mice together, and from there to those of each mouse, a mouse at a time."""
    with_omissions = [one for one in fitted if "omissions" in one.regressors[0]]
    pooled, pooled_seconds, pooled_mb = pool.apply(fit_and_time, [[one.regressors for one in with_omissions], None])
    by_mouse = itertools.groupby(sorted(with_omissions, key=attrgetter("mouse")), attrgetter("mouse"))
    mice = [[one.regressors for one in sessions] for _, sessions in by_mouse]
    done = pool.starmap(fit_and_time, [(mouse, pooled) for mouse in mice], chunksize=1)
    spent, memory = sum(seconds for _, seconds, _ in done), max(pooled_mb, *(mb for _, _, mb in done))
    # This assumes that all sessions of the data set have omissions.
    minutes = (pooled_seconds + spent * RELEASE / len(with_omissions) / 2) / 60
    print(
        f"{STATES} states: fitted to {len(with_omissions)} sessions in {pooled_seconds:.0f} s CPU, and from there to each of {len(mice)} mice in "
        f"{spent:.0f} s; for {RELEASE:,} sessions on 2 cores {minutes:.1f} minutes, target {TARGET_STATES_MINUTES}; "
        f"memory {memory:.0f} MB, target {TARGET_MEMORY_MB}"
    )


def fit_and_time(sessions: list[tuple[object, object]], start: object) -> tuple[object, float, float]:
    from visbehavior import fit_states

    started = time.process_time()
    fit = fit_states(sessions, STATES, start=start)
    return fit, time.process_time() - started, peak_mb()


def measure_iteration(sessions: list[tuple[object, object]]) -> None:
    from visbehavior.models.state_em import pack_sessions, run_em, spread_states
    from visbehavior.models.state_inputs import check_sessions

    packed = pack_sessions(check_sessions(sessions))
    start = spread_states(np.zeros(packed.x.shape[1]), STATES, np.random.default_rng(0))
    iteration = seconds(lambda: run_em(packed, start, 1))
    print(
        f"{STATES} states, {len(sessions)} sessions: {iteration:.2f} s CPU an iteration, target {TARGET_ITERATION} or less"
    )
