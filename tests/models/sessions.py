"""Small simulated sessions and slow, obvious references of the strategy and state models."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.models.random_walk import FIRST_WEIGHT_SD

Floats = NDArray[np.float64]
NAMES = ["bias", "omissions", "task0", "timing1D"]


def make_session(seed: int, flashes: int = 200, names: list[str] = NAMES) -> tuple[pd.DataFrame, pd.Series]:
    """Return regressors and responses of a mouse that sees changes and drifts slowly."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(flashes), rng.random((flashes, len(names) - 1)) < 0.3]).astype(float)
    x[:, 1:] -= x[:, 1:].mean(axis=0)
    walk = rng.normal(0, 0.05, (flashes, len(names))).cumsum(axis=0)
    walk += [-1.0, *[0.0, 2.0, 1.0][-len(names) + 1 :]]
    y = rng.random(flashes) < 1 / (1 + np.exp(-(x * walk).sum(axis=1)))
    index = pd.RangeIndex(3, 3 + flashes, name="stimulus_presentations_id")
    return pd.DataFrame(x, columns=names, index=index), pd.Series(y, index=index)


def dense_precision(sigma: Floats, spans: Floats, flashes: int) -> Floats:
    """Return the prior precision of all weights, flash by flash, as a full matrix."""
    count = len(sigma)
    precision = np.zeros((flashes * count, flashes * count))
    for regressor in range(count):
        precision[regressor, regressor] += 1 / FIRST_WEIGHT_SD**2
        for flash in range(flashes - 1):
            here, there = flash * count + regressor, (flash + 1) * count + regressor
            link = 1 / (spans[flash] * sigma[regressor] ** 2)
            precision[here, here] += link
            precision[there, there] += link
            precision[here, there] -= link
            precision[there, here] -= link
    return precision


def dense_fit(x: Floats, y: Floats, spans: Floats, sigma: Floats, held: int = 1) -> dict[str, Any]:
    """Return weights, bands and evidence by plain Newton steps with full matrices. `held` flashes in a row share weights."""
    (flashes, count), steps = x.shape, len(spans) + 1
    prior = dense_precision(sigma, spans, steps)
    design = np.zeros((flashes, steps * count))
    for flash in range(flashes):
        step = flash // held
        design[flash, step * count : (step + 1) * count] = x[flash]
    w = np.zeros(steps * count)
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ w))
        hessian = prior + design.T @ np.diag(p * (1 - p)) @ design
        w = w + np.linalg.solve(hessian, design.T @ (y - p) - prior @ w)
    p = 1 / (1 + np.exp(-design @ w))
    hessian = prior + design.T @ np.diag(p * (1 - p)) @ design
    log_likelihood = np.log(np.where(y == 1, p, 1 - p)).sum()
    log_determinants = np.linalg.slogdet(prior)[1] - np.linalg.slogdet(hessian)[1]
    covariance = np.linalg.inv(hessian)
    return {
        "weights": w.reshape(steps, count),
        "bands": np.sqrt(np.diag(covariance)).reshape(steps, count),
        "covariance": covariance,
        "log_likelihood": log_likelihood,
        "evidence": log_likelihood - 0.5 * w @ prior @ w + 0.5 * log_determinants,
    }


def all_state_sequences(x: Floats, y: Floats, initial: Floats, transition: Floats, weights: Floats) -> dict[str, Any]:
    """Return what a hidden Markov chain says, by adding up all sequences of states."""
    flashes, states = len(y), len(initial)
    p = 1 / (1 + np.exp(-x @ weights.T))
    likelihood = np.where(y[:, None] == 1, p, 1 - p)
    total, smoothed, transitions = 0.0, np.zeros((flashes, states)), np.zeros((states, states))
    best: tuple[float, tuple[int, ...]] = (-1.0, ())
    for sequence in itertools.product(range(states), repeat=flashes):
        probability = initial[sequence[0]] * likelihood[0, sequence[0]]
        for flash in range(1, flashes):
            probability *= transition[sequence[flash - 1], sequence[flash]] * likelihood[flash, sequence[flash]]
        total += probability
        best = max(best, (probability, sequence))
        smoothed[np.arange(flashes), sequence] += probability
        np.add.at(transitions, (sequence[:-1], sequence[1:]), probability)
    return {
        "log_likelihood": np.log(total),
        "smoothed": smoothed / total,
        "transitions": transitions / total,
        "most_likely": list(best[1]),
    }
