"""A mouse: what it is, what it has seen, and how it behaves.

The model: at every flash that it is not busy licking, the mouse begins to lick or does not, by a logistic function of what drives it
(after Piet et al. 2024, Neuron 112, who fit such a model to the data set, with drives for omissions too, which this one has not). When
it is engaged, that is a bias; how long it has waited (timing); and, where the image changes, how well it sees that change
(sensitivity). When it is not, it hardly licks. Which of both it is, is a Markov chain; the more it has drunk, the sooner it stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from visbehavior.errors import BadValue
from visbehavior.simulation.stages import parse_stage


def check_number(name: str, value: Any, least: float, most: float) -> None:
    """A parameter must be a number from one to another; BadValue if it is not."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        raise BadValue(f"{name} is {value!r}; expected a number from {least:g} to {most:g}.", name=name, value=value)


@dataclass(frozen=True)
class Mouse:
    """A mouse that plays the task.

    What is drawn for each session is drawn around these: a mouse of zeros is the typical one.

    Parameters
    ----------
    mouse_id : str
        Its name.
    sex, full_genotype : str
        As the data set writes them.
    age_in_days : int
        On its first day.
    sensitivity : float
        How much better than others it sees changes (log-odds).
    impulsivity : float
        How much more readily it licks at any flash (log-odds).
    timing : float
        How much waiting drives it to lick (log-odds, at most, after a long wait).
    engagement : float
        How much more of the time it takes part (log-odds).
    latency : float
        Median time from a change to the first lick (s).
    running_speed : float
        When it runs (cm/s).
    seen : tuple of str
        Session types of its earlier days, in order.
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
            raise BadValue(f"Mouse.age_in_days is {self.age_in_days!r}; expected whole days.", value=self.age_in_days)
        for name in ("mouse_id", "sex", "full_genotype"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise BadValue(f"Mouse.{name} is {value!r}; expected text.", name=name, value=value)
        if not isinstance(self.seen, tuple):
            raise BadValue(
                f"Mouse.seen is {self.seen!r}; expected a tuple of session types.", name="seen", value=self.seen
            )
        for session_type in self.seen:
            parse_stage(session_type)

    def after(self, session_type: str) -> Mouse:
        """The same mouse when a session has gone by."""
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


@dataclass(frozen=True)
class Habits:
    """How mice of a stage behave: the middle and the spread over sessions of each driver (log-odds, but for shares).

    Parameters
    ----------
    bias : tuple of float
        To lick at a flash.
    sensitivity : tuple of float
        To a change, beside the bias.
    engaged : tuple of float
        Log-odds of the share of the hour in which the mouse takes part.
    """

    bias: tuple[float, float]
    sensitivity: tuple[float, float]
    engaged: tuple[float, float]


HABITS: Mapping[str, Habits] = MappingProxyType(
    {
        "TRAINING_0": Habits((-3.5, 0.8), (1.5, 0.8), (2.0, 1.0)),
        "TRAINING_1": Habits((-2.4, 1.15), (1.0, 0.9), (1.3, 1.8)),
        "TRAINING_2": Habits((-2.2, 0.8), (1.6, 0.7), (1.4, 1.7)),
        "TRAINING_3": Habits((-2.65, 0.85), (2.0, 0.9), (1.3, 1.3)),
        "TRAINING_4": Habits((-2.25, 0.75), (2.1, 0.9), (2.2, 1.7)),
        "TRAINING_5": Habits((-2.9, 0.8), (2.4, 0.9), (1.3, 1.3)),
        "OPHYS_active": Habits((-2.9, 0.75), (2.2, 1.0), (0.7, 1.5)),
        "OPHYS_passive": Habits((-9.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    }
)
"""Fitted to the outcomes of the published sessions: docs/simulation.md."""

# How the spread of a driver is shared out: between mice, and between the sessions of one mouse.
MOUSE_SHARE = 0.6

DISENGAGED = -4.0
"""What a mouse that takes no part lacks (log-odds)."""
WAITING = 2.5
"""Flashes in which waiting has done most of what it does."""
BOUT_OF_ENGAGEMENT = 12.0
"""Minutes that the chain takes from engaged to not and back."""
SATIATION = 1.2
"""Of how much the log-odds of engagement fall when as much has been drunk as a session gives on average."""
TYPICAL_VOLUME = 0.7
"""mL."""
LEARNING = 4.0
"""Sessions with gratings, or with images, in which most of what they teach is learned."""
LEARNED = 0.8
"""Log-odds of sensitivity from the first of them to the last."""
NOVELTY = 0.5
"""Log-odds of sensitivity that images cost that were never seen before."""
VISIBILITY = 0.35
"""Spread of the sensitivity over pairs of images, as a share of it."""


@dataclass(frozen=True)
class Drivers:
    """What drives a mouse in one session: the parameters of the model, and the truth about it.

    Parameters
    ----------
    bias, sensitivity, timing : float
        Log-odds.
    engaged : float
        Share of the time, before any satiation.
    latency : float
        Median from a change to the first lick (s).
    running_speed : float
        When it runs (cm/s).
    visibility : numpy.ndarray
        Of the change from one image (row) to another (column), as a factor of the sensitivity.
    """

    bias: float
    sensitivity: float
    timing: float
    engaged: float
    latency: float
    running_speed: float
    visibility: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    def as_dict(self) -> dict[str, float]:
        """The numbers among them."""
        return {field.name: float(getattr(self, field.name)) for field in fields(self) if field.name != "visibility"}


def draw_mouse(rng: np.random.Generator, mouse_id: str = "1", spread: float = MOUSE_SHARE) -> Mouse:
    """A mouse of the population.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where chance comes from.
    mouse_id : str
        Its name.
    spread : float
        Share of the variance over sessions that lies between mice.
    """
    mice = rng.normal(size=3) * np.sqrt(spread)
    return Mouse(
        mouse_id=mouse_id,
        sex=str(rng.choice(["F", "M"])),
        full_genotype=str(rng.choice(GENOTYPES)),
        age_in_days=int(rng.integers(75, 110)),
        sensitivity=float(mice[0]),
        impulsivity=float(mice[1]),
        timing=float(np.clip(rng.normal(2.0, 0.7), 0, 5)),
        engagement=float(mice[2]),
        latency=float(np.clip(rng.normal(0.39, 0.03), 0.3, 0.5)),
        running_speed=float(np.clip(rng.normal(25, 12), 0, 60)),
    )


def draw_drivers(mouse: Mouse, session_type: str, rng: np.random.Generator) -> Drivers:
    """How a mouse is on a day: the habits of the stage, its own, what it has learned, and chance."""
    stage = parse_stage(session_type)
    habits = HABITS[stage.group]
    day = rng.normal(size=3) * np.sqrt(1 - MOUSE_SHARE)
    count = max(len(stage.images), 4)
    return Drivers(
        bias=habits.bias[0] + habits.bias[1] * (mouse.impulsivity + day[0]),
        sensitivity=habits.sensitivity[0]
        + habits.sensitivity[1] * (mouse.sensitivity + day[1])
        + learned(mouse, session_type)
        - novelty(mouse, session_type),
        timing=mouse.timing,
        engaged=float(1 / (1 + np.exp(-(habits.engaged[0] + habits.engaged[1] * (mouse.engagement + day[2]))))),
        latency=mouse.latency,
        running_speed=mouse.running_speed,
        visibility=np.clip(rng.normal(1.0, VISIBILITY, size=(count, count)), 0.2, 2.0),
    )


def learned(mouse: Mouse, session_type: str) -> float:
    """What earlier days have taught (log-odds of sensitivity), around that of a mouse in the middle: of gratings, or of images."""
    if not mouse.seen:
        return 0.0
    shows_images = bool(parse_stage(session_type).image_set)
    days = sum(bool(parse_stage(seen).image_set) == shows_images for seen in mouse.seen)
    return float(LEARNED * (0.5 - np.exp(-days / LEARNING)))


def novelty(mouse: Mouse, session_type: str) -> float:
    """What images cost that a mouse with a past has never seen (log-odds of sensitivity)."""
    images = parse_stage(session_type).image_set
    known = {parse_stage(seen).image_set for seen in mouse.seen} - {""}
    return NOVELTY if images and known and images not in known else 0.0
