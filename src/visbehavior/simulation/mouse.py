"""Parameters of the behavioral model: those of a mouse, of a stage and of a session.

At each flash on which the mouse is not already licking, it starts a lick bout with probability p, where

    logit p = b + t (1 - exp(-(n - 1) / tau)) + s v[i, j] + d

- b, bias: log-odds of licking at any flash.
- t, timing: increase of the log-odds after a long time without licks; n is the number of flashes since the last bout,
  tau = `TIMING_FLASHES`.
- s, sensitivity: increase of the log-odds at a change; v[i, j], visibility of the change from image i to image j (mean 1). The
  term is 0 at flashes without a change.
- d: `DISENGAGEMENT` while the mouse is disengaged, else 0. Engagement follows a two-state Markov chain
  (`visbehavior.simulation.licking`).

The model is based on that of Piet et al. (2024), Neuron 112, fitted to this data set; it leaves out their regressors for
omissions. The parameters of a session are (`sample_session_parameters`)

    b       = mean_b + sd_b (mouse.impulsivity + e1)
    s       = mean_s + sd_s (mouse.sensitivity + e2) + learning - novelty
    logit f = mean_f + sd_f (mouse.engagement + e3)

with the fraction f of the time that the mouse is engaged, means and standard deviations of the stage (`STAGE_PARAMETERS`), and
independent e1, e2, e3 ~ N(0, 1 - `BETWEEN_MOUSE_VARIANCE`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from visbehavior.arguments import check_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.simulation.stages import parse_stage


@dataclass(frozen=True)
class Mouse:
    """Parameters of a simulated mouse.

    Sensitivity, impulsivity and engagement are deviations from the mean of the stage, in units of the standard deviation over
    sessions. The default 0 is an average mouse.

    Parameters
    ----------
    mouse_id : str
        Id of the mouse.
    sex, full_genotype : str
        Sex and genotype, in the format of the data set.
    age_in_days : int
        Age at the first session.
    sensitivity : float
        Deviation of the sensitivity to changes (SD).
    impulsivity : float
        Deviation of the bias to lick at any flash (SD).
    timing : float
        Increase of the log-odds of licking after a long time without licks.
    engagement : float
        Deviation of the log-odds of being engaged (SD).
    latency : float
        Median time from a change to the first lick (s).
    running_speed : float
        Mean speed while running (cm/s).
    seen : tuple of str
        Session types of earlier sessions, in order.
    """

    mouse_id: str = "1"
    sex: str = "F"
    full_genotype: str = "Vip-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt"
    age_in_days: int = 90
    sensitivity: float = 0.0
    impulsivity: float = 0.0
    timing: float = 2.0
    engagement: float = 0.0
    latency: float = 0.39
    running_speed: float = 25.0
    seen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            check_number(f"Mouse.{name}", getattr(self, name), least, most)
        if int(self.age_in_days) != self.age_in_days:
            raise BadValue(
                f"Mouse.age_in_days is {brief_repr(self.age_in_days)}; expected a whole number of days.",
                value=self.age_in_days,
            )
        for name in ("mouse_id", "sex", "full_genotype"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise BadValue(f"Mouse.{name} is {brief_repr(value)}; expected text.", name=name, value=value)
        if not isinstance(self.seen, tuple):
            raise BadValue(
                f"Mouse.seen is {brief_repr(self.seen)}; expected a tuple of session types.",
                name="seen",
                value=self.seen,
            )
        for session_type in self.seen:
            parse_stage(session_type)

    def after(self, session_type: str) -> Mouse:
        """Return the mouse after one more session."""
        return replace(self, seen=(*self.seen, session_type))


_RANGES = {
    "age_in_days": (1, 2000),
    "sensitivity": (-20, 20),
    "impulsivity": (-20, 20),
    "timing": (0, 20),
    "engagement": (-20, 20),
    "latency": (0.15, 0.70),
    "running_speed": (0, 200),
}

GENOTYPES = (
    "Vip-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
    "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
    "Slc17a7-IRES2-Cre/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/wt",
)
"""Genotypes of the simulated mice."""


@dataclass(frozen=True)
class StageParameters:
    """Distribution of the model parameters over the sessions of a stage: mean and standard deviation (log-odds).

    Parameters
    ----------
    bias : tuple of float
        Bias to lick at any flash.
    sensitivity : tuple of float
        Sensitivity to changes.
    engagement : tuple of float
        Log-odds of the fraction of the time that the mouse is engaged.
    """

    bias: tuple[float, float]
    sensitivity: tuple[float, float]
    engagement: tuple[float, float]


STAGE_PARAMETERS: Mapping[str, StageParameters] = MappingProxyType(
    {
        "TRAINING_0": StageParameters((-3.5, 0.8), (1.5, 0.8), (2.0, 1.0)),
        "TRAINING_1": StageParameters((-2.4, 1.15), (1.0, 0.9), (1.3, 1.8)),
        "TRAINING_2": StageParameters((-2.2, 0.8), (1.6, 0.7), (1.4, 1.7)),
        "TRAINING_3": StageParameters((-2.65, 0.85), (2.0, 0.9), (1.3, 1.3)),
        "TRAINING_4": StageParameters((-2.25, 0.75), (2.1, 0.9), (2.2, 1.7)),
        "TRAINING_5": StageParameters((-2.9, 0.8), (2.4, 0.9), (1.3, 1.3)),
        "OPHYS_active": StageParameters((-2.9, 0.75), (2.2, 1.0), (0.7, 1.5)),
        "OPHYS_passive": StageParameters((-9.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    }
)
"""Parameters of each stage, fitted to the trial outcomes of the published sessions (docs/simulation.md)."""

BETWEEN_MOUSE_VARIANCE = 0.6
"""Fraction of the variance over sessions that is between mice; the rest is between the sessions of a mouse."""

DISENGAGEMENT = -4.0
"""Change of the log-odds of licking while the mouse is disengaged."""
TIMING_FLASHES = 2.5
"""Time constant of the timing term (flashes)."""
ENGAGEMENT_CYCLE = 12.0
"""Mean duration of an engaged and a disengaged period together (min)."""
SATIATION = 1.2
"""Decrease of the log-odds of being engaged after drinking `TYPICAL_VOLUME`."""
TYPICAL_VOLUME = 0.7
"""Mean reward volume of a session (mL)."""
LEARNING_SESSIONS = 4.0
"""Time constant of learning (sessions with the same kind of stimulus)."""
LEARNING_GAIN = 0.8
"""Total increase of the sensitivity by learning (log-odds)."""
NOVELTY_COST = 0.5
"""Decrease of the sensitivity for a novel image set (log-odds)."""
VISIBILITY_SD = 0.35
"""Standard deviation of the visibility over pairs of images."""


@dataclass(frozen=True)
class SessionParameters:
    """Model parameters of a mouse in one session.

    Parameters
    ----------
    bias, sensitivity, timing : float
        Log-odds.
    engaged : float
        Fraction of the time that the mouse is engaged, without satiation.
    latency : float
        Median time from a change to the first lick (s).
    running_speed : float
        Mean speed while running (cm/s).
    visibility : numpy.ndarray
        Visibility of the change from an image (row) to another (column): a factor of the sensitivity.
    """

    bias: float
    sensitivity: float
    timing: float
    engaged: float
    latency: float
    running_speed: float
    visibility: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def sample_mouse(
    rng: np.random.Generator, mouse_id: str = "1", between_mouse_variance: float = BETWEEN_MOUSE_VARIANCE
) -> Mouse:
    """Return a random mouse of the population.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random number generator.
    mouse_id : str
        Id of the mouse.
    between_mouse_variance : float
        Fraction of the variance over sessions that is between mice.
    """
    deviations = rng.normal(size=3) * np.sqrt(between_mouse_variance)
    return Mouse(
        mouse_id=mouse_id,
        sex=str(rng.choice(["F", "M"])),
        full_genotype=str(rng.choice(GENOTYPES)),
        age_in_days=int(rng.integers(75, 110)),
        sensitivity=float(deviations[0]),
        impulsivity=float(deviations[1]),
        timing=float(np.clip(rng.normal(2.0, 0.7), 0, 5)),
        engagement=float(deviations[2]),
        latency=float(np.clip(rng.normal(0.39, 0.03), 0.3, 0.5)),
        running_speed=float(np.clip(rng.normal(25, 12), 0, 60)),
    )


def sample_session_parameters(mouse: Mouse, session_type: str, rng: np.random.Generator) -> SessionParameters:
    """Return random model parameters for a session of a mouse: see the module's equations."""
    stage = parse_stage(session_type)
    parameters = STAGE_PARAMETERS[stage.group]
    deviations = rng.normal(size=3) * np.sqrt(1 - BETWEEN_MOUSE_VARIANCE)
    count = max(len(stage.images), 4)
    bias = parameters.bias[0] + parameters.bias[1] * (mouse.impulsivity + deviations[0])
    sensitivity = parameters.sensitivity[0] + parameters.sensitivity[1] * (mouse.sensitivity + deviations[1])
    engagement = parameters.engagement[0] + parameters.engagement[1] * (mouse.engagement + deviations[2])
    return SessionParameters(
        bias=float(bias),
        sensitivity=float(
            sensitivity + compute_learning(mouse, session_type) - compute_novelty_cost(mouse, session_type)
        ),
        timing=float(mouse.timing),
        engaged=float(1 / (1 + np.exp(-engagement))),
        latency=float(mouse.latency),
        running_speed=float(mouse.running_speed),
        visibility=np.clip(rng.normal(1.0, VISIBILITY_SD, size=(count, count)), 0.2, 2.0),
    )


def compute_learning(mouse: Mouse, session_type: str) -> float:
    """Return the effect of learning on the sensitivity (log-odds).

    The effect is G (0.5 - exp(-k / K)) after k sessions with the same kind of stimulus, gratings or images, with G =
    `LEARNING_GAIN` and K = `LEARNING_SESSIONS`. It is 0 for a mouse without earlier sessions.
    """
    if not mouse.seen:
        return 0.0
    has_images = bool(parse_stage(session_type).image_set)
    count = sum(bool(parse_stage(seen).image_set) == has_images for seen in mouse.seen)
    return float(LEARNING_GAIN * (0.5 - np.exp(-count / LEARNING_SESSIONS)))


def compute_novelty_cost(mouse: Mouse, session_type: str) -> float:
    """Return the decrease of the sensitivity for a novel image set (log-odds); 0 for the first image set of a mouse."""
    image_set = parse_stage(session_type).image_set
    familiar = {parse_stage(seen).image_set for seen in mouse.seen} - {""}
    return NOVELTY_COST if image_set and familiar and image_set not in familiar else 0.0
