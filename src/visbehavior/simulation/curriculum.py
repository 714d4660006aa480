"""The sessions of a mouse: training until a criterion, then imaging with retakes.

A mouse advances from a training stage with the probability in `ADVANCEMENT` after each session whose expected d' is above the
criterion. The expected d' is f s / `LOG_ODDS_PER_DPRIME`, with the engaged fraction f and the sensitivity s of the session. During
imaging each session type fails with `RETAKE_PROBABILITY` and is repeated on the next day; with `STEP_BACK_PROBABILITY` it is
repeated after the last one instead, so that the mouse steps back. The slow state of the mouse changes from day to day
(`visbehavior.simulation.mouse.next_day`).

The probabilities were chosen to match the number of sessions of the published mice (docs/simulation.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from visbehavior.simulation.mouse import Mouse, SessionParameters, next_day, sample_session_parameters
from visbehavior.simulation.stages import FIRST_SESSION_TYPE, parse_stage

IMAGE_SETS = {("A", "B"): 0.57, ("B", "A"): 0.27, ("G", "H"): 0.16}
"""Familiar and novel image set of a mouse, with the fraction of the mice."""
TRAINING = (
    FIRST_SESSION_TYPE,
    "TRAINING_1_gratings",
    "TRAINING_2_gratings_flashed",
    "TRAINING_3_images_{familiar}_10uL_reward",
    "TRAINING_4_images_{familiar}_training",
    "TRAINING_5_images_{familiar}_handoff_ready",
)
"""Session types of training, in order."""
IMAGING = (
    "OPHYS_0_images_{familiar}_habituation",
    "OPHYS_0_images_{familiar}_habituation",
    "OPHYS_0_images_{familiar}_habituation",
    "OPHYS_1_images_{familiar}",
    "OPHYS_2_images_{familiar}_passive",
    "OPHYS_3_images_{familiar}",
    "OPHYS_4_images_{novel}",
    "OPHYS_5_images_{novel}_passive",
    "OPHYS_6_images_{novel}",
)
"""Session types of imaging, in order."""


class Criterion(NamedTuple):
    """Condition for the next stage of training.

    Parameters
    ----------
    dprime : float
        Lowest expected d' of a session.
    probability : float
        Probability to advance after such a session.
    sessions : int
        Lowest number of sessions.
    """

    dprime: float
    probability: float
    sessions: int = 1


ADVANCEMENT = {
    "TRAINING_0": Criterion(-np.inf, 1.0),
    "TRAINING_1": Criterion(1.15, 0.6, 2),
    "TRAINING_2": Criterion(0.5, 0.75),
    "TRAINING_3": Criterion(-np.inf, 1.0, 3),
    "TRAINING_4": Criterion(0.6, 0.6),
    "TRAINING_5": Criterion(0.85, 0.09, 2),
}
"""Condition to advance from each stage of training."""
MAX_STAGE_SESSIONS = 45
"""Number of sessions after which a mouse advances in any case."""
LOG_ODDS_PER_DPRIME = 1.65
"""Sensitivity of an engaged mouse with a d' of 1; close to the ratio of the standard deviations of the logistic and the normal distribution."""
RETAKE_PROBABILITY, STEP_BACK_PROBABILITY = 0.22, 0.14
"""Probability that an imaging session is repeated on the next day, and after the last session."""


class Day(NamedTuple):
    """A session of a mouse.

    Parameters
    ----------
    mouse : Mouse
        The mouse on this day.
    session_type : str
        Session type.
    seed : int
        Seed of the session.
    """

    mouse: Mouse
    session_type: str
    seed: int


def plan_given(mouse: Mouse, session_types: Iterable[str], rng: np.random.Generator) -> Iterator[Day]:
    """Yield a day for each of the given session types."""
    for session_type in session_types:
        day = Day(mouse, session_type, int(rng.integers(2**63)))
        yield day
        mouse = next_day(mouse, session_type, rng)


def plan_curriculum(mouse: Mouse, rng: np.random.Generator) -> Iterator[Day]:
    """Yield the days of a mouse from its first training session to the last day of imaging."""
    familiar, novel = list(IMAGE_SETS)[rng.choice(len(IMAGE_SETS), p=list(IMAGE_SETS.values()))]
    for name in TRAINING:
        session_type = name.format(familiar=familiar)
        for count in range(1, MAX_STAGE_SESSIONS + 1):
            day = Day(mouse, session_type, int(rng.integers(2**63)))
            yield day
            mouse = next_day(mouse, session_type, rng)
            if _advances(day, count, rng):
                break
    imaging = [name.format(familiar=familiar, novel=novel) for name in IMAGING]
    yield from plan_given(mouse, _add_retakes(imaging, rng), rng)


def compute_expected_dprime(parameters: SessionParameters) -> float:
    """Return the d' that is expected from the parameters of a session."""
    return parameters.engaged * parameters.sensitivity / LOG_ODDS_PER_DPRIME


def _advances(day: Day, count: int, rng: np.random.Generator) -> bool:
    """Return whether a mouse advances after `count` sessions of a stage."""
    criterion = ADVANCEMENT[parse_stage(day.session_type).group]
    # The session itself starts with the same random numbers.
    parameters = sample_session_parameters(day.mouse, day.session_type, np.random.default_rng(day.seed))
    passed = compute_expected_dprime(parameters) >= criterion.dprime and count >= criterion.sessions
    return passed and bool(rng.random() < criterion.probability)


def _add_retakes(session_types: list[str], rng: np.random.Generator) -> Iterator[str]:
    """Yield the session types with those that are repeated."""
    later = list(session_types)
    while later:
        session_type = later.pop(0)
        yield session_type
        draw = rng.random()
        if draw < RETAKE_PROBABILITY:
            later.insert(0, session_type)
        elif draw < RETAKE_PROBABILITY + STEP_BACK_PROBABILITY:
            later.append(session_type)
