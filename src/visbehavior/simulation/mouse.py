"""Parameters of the behavioral model: those of a mouse, of a stage and of a session.

At each flash on which the mouse is not already licking, it starts a lick bout with probability p, where

    logit p = b + t sigma((n - m) / w) + r + o + s v[i, j] + d

- b, bias: log-odds of licking at any flash.
- t, timing: increase of the log-odds after a long time without licks; n is the number of flashes since the last bout, m =
  `TIMING_MIDPOINT`, w = `TIMING_WIDTH` and sigma the logistic function.
- r: `REFRACTORY` at the first flash after a bout, else 0.
- o: `OMISSION` at an omitted flash, `POST_OMISSION` at the flash after it, else 0.
- s, sensitivity: increase of the log-odds at a change; v[i, j], visibility of the change from image i to image j (mean 1). The
  term is 0 at flashes without a change.
- d: `DISENGAGEMENT` while the mouse is disengaged, else 0. Engagement follows a two-state Markov chain
  (`visbehavior.simulation.licking`).

Within a session b, t and s are constant, or random walks if `Mouse.weight_drift` is above 0. The model is based on that of Piet et al.
(2024), Neuron 112, fitted to this data set. The parameters of a session are
(`sample_session_parameters`)

    b       = mean_b + sd_b (mouse.impulsivity + x1 + e1) - caution
    s       = mean_s + sd_s (mouse.sensitivity + x2 + e2) + learning + novelty + line
    logit f = mean_f + sd_f (mouse.engagement + x3 + e3)

with the fraction f of the time that the mouse is engaged, means and standard deviations of the stage (`STAGE_PARAMETERS`), the slow
state x = `Mouse.drift`, which changes from day to day as x' = a x + N(0, (1 - a^2) `DRIFT_VARIANCE`) with a = `DRIFT_CORRELATION`, and
independent e ~ N(0, `DAILY_VARIANCE`). In a mouse of the population the traits have the variance `TRAIT_VARIANCE`, and the three
variances add to 1. On some days a mouse does not perform (`REFUSAL_PROBABILITY`): it is never engaged.

The visibility of a change is a property of the mouse: v[i, j] = 1 + `SALIENCE_SD` z[j] + `PAIR_SD` z[i, j], with standard normal
numbers that depend on the names of the images and on `Mouse.salience_seed` only.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from visbehavior.arguments import check_number, check_whole_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.simulation.stages import GRATINGS, parse_stage


@dataclass(frozen=True)
class Mouse:
    """Parameters of a simulated mouse.

    Sensitivity, impulsivity and engagement are deviations from the mean of the stage, in units of the standard deviation over
    sessions. The default 0 is an average mouse of its Cre line.

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
    salience_seed : int
        Seed of the salience of each image.
    drift : tuple of float
        Slow state on the day of the session: deviations of sensitivity, impulsivity and engagement (SD) besides the traits above.
    weight_drift : float
        Drift of bias, timing and sensitivity within a session: standard deviation of their change in an hour (log-odds).
    """

    mouse_id: str = "1"
    sex: str = "F"
    full_genotype: str = "Vip-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt"
    age_in_days: int = 90
    sensitivity: float = 0.0
    impulsivity: float = 0.0
    timing: float = 3.2
    engagement: float = 0.0
    latency: float = 0.42
    running_speed: float = 25.0
    seen: tuple[str, ...] = ()
    salience_seed: int = 0
    drift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    weight_drift: float = 0.0

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            check_number(f"Mouse.{name}", getattr(self, name), least, most)
        if int(self.age_in_days) != self.age_in_days:
            raise BadValue(
                f"Mouse.age_in_days is {brief_repr(self.age_in_days)}; expected a whole number of days.",
                value=self.age_in_days,
            )
        check_whole_number("Mouse.salience_seed", self.salience_seed, 0)
        if not isinstance(self.drift, tuple) or len(self.drift) != len(DRIFTING_TRAITS):
            raise BadValue(
                f"Mouse.drift is {brief_repr(self.drift)}; expected a tuple of three numbers.",
                name="drift",
                value=self.drift,
            )
        for value in self.drift:
            check_number("Mouse.drift", value, -20, 20)
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
    "weight_drift": (0, 20),
}

DRIFTING_TRAITS = ("sensitivity", "impulsivity", "engagement")
"""Traits to which `Mouse.drift` adds, in order."""

GENOTYPES = {
    "Vip-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt": 0.27,
    "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt": 0.20,
    "Slc17a7-IRES2-Cre/wt;Camk2a-tTA/wt;Ai93(TITL-GCaMP6f)/wt": 0.53,
}
"""Genotypes of the simulated mice, with their fraction."""
RUNNING_SPEED = 25.0, 12.0
"""Mean and standard deviation of the running speed over mice (cm/s); assumed."""
MIN_RUNNING_SPEED, MAX_RUNNING_SPEED, RESTING_SPEED = 12.5, 60.0, 0.1
"""Range of the running speed, and speed of the mice that would be slower, one in seven, which rest (cm/s)."""
LINE_SENSITIVITY = {"Vip-IRES-Cre": -1.0, "Sst-IRES-Cre": -1.4, "Slc17a7-IRES2-Cre": 1.0}
"""Deviation of the sensitivity to images by Cre line (SD)."""


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
        "TRAINING_0": StageParameters((-4.2, 0.8), (1.5, 0.8), (-0.6, 2.0)),
        "TRAINING_1": StageParameters((-3.2, 1.1), (1.9, 1.25), (2.0, 3.0)),
        "TRAINING_2": StageParameters((-2.8, 0.55), (2.9, 1.3), (2.0, 3.0)),
        "TRAINING_3": StageParameters((-3.3, 0.75), (3.15, 1.1), (1.9, 1.9)),
        "TRAINING_4": StageParameters((-2.7, 0.75), (3.15, 1.0), (3.3, 4.5)),
        "TRAINING_5": StageParameters((-3.8, 0.8), (3.8, 1.1), (1.6, 2.1)),
        "OPHYS_active": StageParameters((-3.5, 0.55), (2.95, 1.5), (0.75, 2.6)),
        "OPHYS_passive": StageParameters((-3.5, 0.55), (2.95, 1.5), (0.75, 2.6)),
    }
)
"""Parameters of each stage, fitted to the trial outcomes of the published sessions (docs/simulation.md)."""

TRAIT_VARIANCE, DRIFT_VARIANCE, DAILY_VARIANCE = 0.10, 0.85, 0.05
"""Fractions of the variance over sessions: of the traits of the mice, of the slow state and of single days."""
DRIFT_CORRELATION = 0.80
"""Correlation of the slow state from one session to the next."""

DISENGAGEMENT = -10.0
"""Change of the log-odds of licking while the mouse is disengaged."""
TIMING_MIDPOINT, TIMING_WIDTH = 3.5, 1.2
"""Flashes since the last bout at half of the timing term, and the width of its sigmoid (flashes)."""
REFRACTORY = -1.7
"""Change of the log-odds at the first flash after a bout."""
OMISSION, POST_OMISSION = -0.5, 0.5
"""Change of the log-odds at an omitted flash, and at the flash after it; assumed."""
ENGAGEMENT_CYCLE = 25.0
"""Mean duration of an engaged and a disengaged period together (min)."""
SATIATION, FATIGUE = 2.5, 4.0
"""Decrease of the log-odds of being engaged after drinking `TYPICAL_VOLUME`, and in one hour."""
TYPICAL_VOLUME = 0.7
"""Mean reward volume of a session (mL)."""
LEARNING_SESSIONS = 3.0
"""Time constant of learning (sessions with the same kind of stimulus)."""
LEARNING_GAIN = {"gratings": 3.4, "images": 0.2}
"""Total increase of the sensitivity by learning (log-odds)."""
NOVELTY_CAUTION, NOVELTY_SENSITIVITY = 0.65, 0.80
"""Decrease of the bias, and increase of the sensitivity, for an image set that was novel on the same day (log-odds)."""
SALIENCE_SD, PAIR_SD = 0.25, 0.25
"""Standard deviation of the visibility over the images that appear, and over pairs with the same image."""
REFUSAL_PROBABILITY = {"OPHYS_active": 0.05}
"""Probability that a mouse does not perform in a session of a group."""
PASSIVE_LICKING_PROBABILITY = 0.045
"""Probability that the spout is in reach in a passive session."""

MODEL_CONSTANTS: Mapping[str, float] = MappingProxyType(
    {
        "timing_midpoint": TIMING_MIDPOINT,
        "timing_width": TIMING_WIDTH,
        "refractory": REFRACTORY,
        "omission": OMISSION,
        "post_omission": POST_OMISSION,
        "disengagement": DISENGAGEMENT,
        "engagement_cycle": ENGAGEMENT_CYCLE,
        "satiation": SATIATION,
        "fatigue": FATIGUE,
        "typical_volume": TYPICAL_VOLUME,
    }
)
"""Parameters of the model that are the same in all sessions."""


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
    performs : bool
        Whether the mouse performs on this day; otherwise it is never engaged.
    has_spout : bool
        Whether the lick spout is in reach; without it the mouse does not lick.
    weight_drift : float
        Standard deviation of the change of bias, timing and sensitivity in an hour. Above are those at the first flash.
    """

    bias: float
    sensitivity: float
    timing: float
    engaged: float
    latency: float
    running_speed: float
    visibility: NDArray[np.float64]
    performs: bool = True
    has_spout: bool = True
    weight_drift: float = 0.0


def sample_mouse(rng: np.random.Generator, mouse_id: str = "1") -> Mouse:
    """Return a random mouse of the population.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random number generator.
    mouse_id : str
        Id of the mouse.
    """
    traits = rng.normal(size=3) * np.sqrt(TRAIT_VARIANCE)
    drift = rng.normal(size=3) * np.sqrt(DRIFT_VARIANCE)
    return Mouse(
        mouse_id=mouse_id,
        sex=str(rng.choice(["F", "M"])),
        full_genotype=str(rng.choice(list(GENOTYPES), p=list(GENOTYPES.values()))),
        age_in_days=int(rng.integers(75, 100)),
        sensitivity=float(traits[0]),
        impulsivity=float(traits[1]),
        timing=float(np.clip(rng.normal(3.2, 0.6), 0, 6)),
        engagement=float(traits[2]),
        latency=float(np.clip(rng.normal(0.42, 0.03), 0.3, 0.5)),
        running_speed=_sample_running_speed(rng),
        salience_seed=int(rng.integers(2**32)),
        drift=(float(drift[0]), float(drift[1]), float(drift[2])),
    )


def _sample_running_speed(rng: np.random.Generator) -> float:
    speed = rng.normal(*RUNNING_SPEED)
    return float(min(speed, MAX_RUNNING_SPEED)) if speed > MIN_RUNNING_SPEED else RESTING_SPEED


def next_day(mouse: Mouse, session_type: str, rng: np.random.Generator) -> Mouse:
    """Return the mouse on the day after a session, with its next slow state."""
    noise = rng.normal(size=3) * np.sqrt((1 - DRIFT_CORRELATION**2) * DRIFT_VARIANCE)
    drift = DRIFT_CORRELATION * np.array(mouse.drift) + noise
    return replace(mouse.after(session_type), drift=(float(drift[0]), float(drift[1]), float(drift[2])))


def sample_session_parameters(mouse: Mouse, session_type: str, rng: np.random.Generator) -> SessionParameters:
    """Return random model parameters for a session of a mouse: see the module's equations."""
    stage = parse_stage(session_type)
    stage_parameters = STAGE_PARAMETERS[stage.group]
    daily = rng.normal(size=3) * np.sqrt(DAILY_VARIANCE)
    deviations = np.array([getattr(mouse, name) for name in DRIFTING_TRAITS]) + mouse.drift + daily
    means, sds = np.transpose([getattr(stage_parameters, name) for name in ("sensitivity", "bias", "engagement")])
    sensitivity, bias, engagement = means + sds * deviations
    novel = is_image_set_novel(mouse, session_type)
    refusal, spout = rng.random(2)
    return SessionParameters(
        bias=float(bias - NOVELTY_CAUTION * novel),
        sensitivity=float(
            sensitivity
            + compute_learning(mouse, session_type)
            + NOVELTY_SENSITIVITY * novel
            + compute_line_effect(mouse, session_type)
        ),
        timing=float(mouse.timing),
        engaged=float(1 / (1 + np.exp(-engagement))),
        latency=float(mouse.latency),
        running_speed=float(mouse.running_speed),
        visibility=compute_visibility(mouse.salience_seed, stage.images or GRATINGS),
        performs=bool(refusal >= REFUSAL_PROBABILITY.get(stage.group, 0.0)),
        has_spout=bool(not stage.passive or spout < PASSIVE_LICKING_PROBABILITY),
        weight_drift=float(mouse.weight_drift),
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
    return float(LEARNING_GAIN["images" if has_images else "gratings"] * (0.5 - np.exp(-count / LEARNING_SESSIONS)))


def is_image_set_novel(mouse: Mouse, session_type: str) -> bool:
    """Return whether the image set is new to the mouse; the first image set of a mouse does not count."""
    image_set = parse_stage(session_type).image_set
    familiar = {parse_stage(seen).image_set for seen in mouse.seen} - {""}
    return bool(image_set and familiar and image_set not in familiar)


def compute_line_effect(mouse: Mouse, session_type: str) -> float:
    """Return the deviation of the sensitivity of the Cre line (log-odds); 0 for gratings and for other lines."""
    stage = parse_stage(session_type)
    line = mouse.full_genotype.split("/")[0]
    return LINE_SENSITIVITY.get(line, 0.0) * STAGE_PARAMETERS[stage.group].sensitivity[1] if stage.image_set else 0.0


def compute_visibility(seed: int, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the visibility of the change from each image (row) to each other (column), which depends on their names."""
    salience = np.array([_normal(seed, name) for name in names])
    pairs = np.array([[_normal(seed, f"{before} {after}") for after in names] for before in names])
    visibility: NDArray[np.float64] = np.clip(1 + SALIENCE_SD * salience + PAIR_SD * pairs, 0.2, 2.0)
    return visibility


def _normal(seed: int, text: str) -> float:
    """Return a standard normal number that depends on a seed and a text."""
    return float(np.random.default_rng([seed, zlib.crc32(text.encode())]).normal())
