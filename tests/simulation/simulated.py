"""Simulated sessions for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from visbehavior import BehaviorSession, Mouse, simulate
from visbehavior.simulation.licking import LickingModel
from visbehavior.simulation.mouse import sample_session_parameters
from visbehavior.simulation.stages import CURRICULUM, NEUROPIXELS_CURRICULUM, parse_stage
from visbehavior.simulation.task import SessionLog, classify_trial, run_task

SESSION_TYPES = [name for name, _ in (*CURRICULUM, *NEUROPIXELS_CURRICULUM)]


def open_raw(raw: dict[str, Any]) -> BehaviorSession:
    """Return the session of a simulated pickle."""
    return BehaviorSession.from_json({"behavior_stimulus_file": raw})


def simulated_session(session_type: str, **options: Any) -> BehaviorSession:
    """Return a simulated session."""
    return open_raw(simulate(session_type, **options))


def simulated_log(session_type: str, seed: int = 0, minutes: float = 20, **mouse: float) -> SessionLog:
    """Return the events of a simulated session."""
    rng = np.random.default_rng(seed)
    stage = parse_stage(session_type)
    parameters = sample_session_parameters(Mouse(**mouse), session_type, rng)
    return run_task(stage, LickingModel(parameters, rng), minutes, rng)


def outcome_rate(outcome: str, kind: str, **mouse: float) -> float:
    """Return the fraction of trials of a kind (go, catch) with an outcome, for a mouse in OPHYS_3."""
    logs = [simulated_log("OPHYS_3_images_A", seed, 40, **mouse) for seed in range(4)]
    outcomes = [classify_trial(trial) for log in logs for trial in log.trials]
    return sum(trial[outcome] for trial in outcomes) / max(sum(trial[kind] for trial in outcomes), 1)
