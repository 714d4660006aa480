"""A session, and a mouse's days."""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from visbehavior.errors import BadValue
from visbehavior.schema.stimulus_pickle import BEHAVIOR, IMAGE_SET, KNOWN
from visbehavior.simulation import rig
from visbehavior.simulation.images import make_images
from visbehavior.simulation.licking import Licker
from visbehavior.simulation.mouse import Drivers, Mouse, check_number, draw_drivers, draw_mouse
from visbehavior.simulation.running import compute_speed, read_encoder
from visbehavior.simulation.stages import CURRICULUM, FIRST_DAY, Stage, parse_stage
from visbehavior.simulation.task import Played, frames_of, play

FIRST_DATE = datetime.datetime(2024, 1, 8, 9, 30)
"""When a mouse has its first day, unless it is said."""
SHORTEST, LONGEST = 1.0, 60.0
"""Minutes."""
WITH_GRAY = 30.0
"""Minutes from which on a session has gray and movie around it, as the rig's have; shorter ones are for trying things out."""
PROJECT = "Simulated"
IDS = (100_000_000, 1_000_000_000)
"""Of sessions: nine digits, as the data set's have."""
TRUTH = "simulation"


def simulate(
    session_type: str,
    *,
    mouse: Mouse | None = None,
    minutes: float = 60,
    seed: int | None = None,
    date: datetime.datetime | None = None,
    images: bool = False,
) -> dict[str, Any]:
    """A session of a simulated mouse, as the rig's pickle would hold it.

    `BehaviorSession.from_json({"behavior_stimulus_file": simulate(...)})` gives its tables. The truth is in ``["simulation"]``: what
    drove the mouse (log-odds), and whether it took part at each flash.

    Parameters
    ----------
    session_type : str
        A stage of the data set, such as "TRAINING_5_images_A_handoff_ready" or "OPHYS_3_images_A".
    mouse : Mouse or None
        None: one of the population, drawn, without a past: images are novel to it.
    minutes : float
        How long the task lasts; TRAINING_0 lasts 15 minutes at most. From 30 minutes on, stages that have them have five minutes of gray
        before, and gray and a movie after.
    seed : int or None
        The same seed gives the same session; None: chance.
    date : datetime.datetime or None
        When it began, by the rig's clock.
    images : bool
        Whether the pickle carries the image set: eight textures, in place of the photographs. Gratings have none.

    Returns
    -------
    dict
        As a camstim pickle of the change detection task: `visbehavior.schema.stimulus_pickle` lists its entries.

    Raises
    ------
    BadValue
        If there is no such stage, or a parameter is out of range.

    Notes
    -----
    How the mouse decides, the rules of the task, and how both compare with the published sessions: docs/simulation.md.
    """
    stage = _checked(session_type, minutes)
    rng = np.random.default_rng(_checked_seed(seed))
    mouse = draw_mouse(rng) if mouse is None else mouse
    if date is not None and not isinstance(date, datetime.datetime):
        raise BadValue(f"date is {date!r}; expected a datetime.", name="date", value=date)
    if not isinstance(mouse, Mouse):
        raise BadValue(f"mouse is {mouse!r}; expected a visbehavior.Mouse, or None.", name="mouse", value=mouse)
    drivers = draw_drivers(mouse, session_type, rng)
    licker = Licker(drivers, rng, present=not stage.passive)
    minutes = min(minutes, stage.longest)
    played = play(stage, licker, frames_of(minutes), rng)
    # A bout that goes on after the last trial is not recorded.
    played.licks = [frame for frame in licker.licks if frame < played.end]
    played.drinks = [frame for frame in licker.drinks if frame < played.end]
    behavior = _recorded(stage, played, drivers, minutes, rng)
    began = FIRST_DATE + datetime.timedelta(days=len(mouse.seen)) if date is None else date
    identity = _identity(mouse, stage, began, minutes, images, rng)
    return _pickle(stage, mouse, behavior, began, identity, images) | {TRUTH: _truth(mouse, drivers, played)}


def simulate_mouse(
    mouse: Mouse | None = None,
    *,
    sessions: Iterable[str] | None = None,
    minutes: float = 60,
    seed: int | None = None,
    first_date: datetime.datetime = FIRST_DATE,
    images: bool = False,
) -> Iterator[dict[str, Any]]:
    """The days of a mouse, one after the other: it learns, and meets images that it does not know.

    Parameters
    ----------
    mouse : Mouse or None
        None: one of the population, drawn.
    sessions : iterable of str or None
        The session types of its days, in order; the first is TRAINING_0 unless the mouse has a past (`Mouse.seen`). None: a whole life, from
        gratings to novel images under the microscope, 31 days.
    minutes, seed, images
        As for `simulate`; each day has chance of its own.
    first_date : datetime.datetime
        When the first day began.

    Yields
    ------
    dict
        As `simulate` gives.

    Raises
    ------
    BadValue
        If there is no such stage, or the mouse has no first day.
    """
    days = plan_mouse(mouse, sessions=sessions, minutes=minutes, seed=seed, first_date=first_date, images=images)
    return (day() for day in days)


def plan_mouse(
    mouse: Mouse | None = None,
    *,
    sessions: Iterable[str] | None = None,
    minutes: float = 60,
    seed: int | None = None,
    first_date: datetime.datetime = FIRST_DATE,
    images: bool = False,
) -> list[Callable[[], dict[str, Any]]]:
    """The days of `simulate_mouse` before they are simulated: a function for each, which other processes can call."""
    types = [name for name, count in CURRICULUM for _ in range(count)] if sessions is None else list(sessions)
    for session_type in types:
        _checked(session_type, minutes)
    rng = np.random.default_rng(_checked_seed(seed))
    drawn = draw_mouse(rng) if mouse is None else mouse
    if not isinstance(drawn, Mouse):
        raise BadValue(f"mouse is {mouse!r}; expected a visbehavior.Mouse, or None.", name="mouse", value=mouse)
    if not drawn.seen and types and parse_stage(types[0]).group != parse_stage(FIRST_DAY).group:
        raise BadValue(
            f"Mouse {drawn.mouse_id} has no first day: its first session is {types[0]}, and training begins with {FIRST_DAY}. Begin with that, "
            "or give a mouse with a past: Mouse(seen=(...)).",
            value=types[0],
        )
    days: list[Callable[[], dict[str, Any]]] = []
    born = drawn.age_in_days
    for day, session_type in enumerate(types):
        # Five days of the week.
        later = datetime.timedelta(days=day + 2 * (day // 5))
        today = replace(drawn, age_in_days=born + later.days)
        chance = int(rng.integers(2**63))
        days.append(
            partial(
                simulate,
                session_type,
                mouse=today,
                minutes=minutes,
                seed=chance,
                date=first_date + later,
                images=images,
            )
        )
        drawn = drawn.after(session_type)
    return days


def _checked(session_type: str, minutes: float) -> Stage:
    stage = parse_stage(session_type)
    check_number("minutes", minutes, SHORTEST, LONGEST)
    return stage


def _checked_seed(seed: int | None) -> int | None:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
        raise BadValue(f"seed is {seed!r}; expected a whole number, 0 or more, or None.", name="seed", value=seed)
    return None if seed is None else int(seed)


def _recorded(
    stage: Stage, played: Played, drivers: Drivers, minutes: float, rng: np.random.Generator
) -> dict[str, Any]:
    """What the rig recorded of it."""
    surrounded = stage.surrounded and minutes >= WITH_GRAY
    stage = replace(stage, surrounded=surrounded)
    offset = rig.GRAY if surrounded else 0
    count = offset + played.end + (rig.movie_frames() if surrounded else 0) + 1
    intervals = rig.frame_intervals(count, rng)
    times = np.concatenate([[0.0], np.cumsum(intervals)]) / 1000
    drinks = times[np.array(played.drinks, dtype=np.int64) + offset]
    speed = compute_speed(times, drinks, drivers.running_speed, rng)
    return rig.write_behavior(stage, played, intervals, offset, read_encoder(times, speed, rng), minutes)


def _pickle(
    stage: Stage,
    mouse: Mouse,
    behavior: dict[str, Any],
    began: datetime.datetime,
    identity: uuid.UUID,
    images: bool,
) -> dict[str, Any]:
    lasted = datetime.timedelta(milliseconds=float(behavior["intervalsms"].sum()))
    for part in (behavior["params"], behavior["cl_params"], behavior["config"]["behavior"]):
        part["mouse_id"] = mouse.mouse_id
    *above, last = BEHAVIOR
    found: dict[str, Any] = {last: behavior}
    for key in reversed(above):
        found = {key: found}
    image_set = {IMAGE_SET: {name: {name: made} for name, made in make_images(stage.images).items()}} if images else {}
    return {
        **found,
        **image_set,
        "start_time": began,
        "stop_time": began + lasted,
        "session_uuid": str(identity),
        "comp_id": "SIM.1",
        "rig_id": "SIM",
        "platform_info": {"camstim": "simulated"},
        KNOWN: {"behavior_session_id": IDS[0] + identity.int % (IDS[1] - IDS[0]), **_known(mouse, stage)},
    }


def _identity(
    mouse: Mouse, stage: Stage, began: datetime.datetime, minutes: float, images: bool, rng: np.random.Generator
) -> uuid.UUID:
    """Another one for whatever makes another session."""
    said = repr((mouse.mouse_id, stage.name, began, float(minutes), images)).encode()
    return uuid.UUID(bytes=hashlib.blake2b(said + rng.bytes(16), digest_size=16).digest(), version=4)


def _known(mouse: Mouse, stage: Stage) -> dict[str, Any]:
    """What a lab would know beside it."""
    lines = [part.split("/")[0] for part in mouse.full_genotype.split(";")]
    seen = [parse_stage(session_type) for session_type in mouse.seen]
    return {
        "sex": mouse.sex,
        "age": f"P{mouse.age_in_days}",
        "full_genotype": mouse.full_genotype,
        "driver_line": lines[:-1],
        "reporter_line": lines[-1:],
        "project_code": PROJECT,
        "prior_images_shown": sorted({name for one in seen for name in one.images}),
    }


def _truth(mouse: Mouse, drivers: Drivers, played: Played) -> dict[str, Any]:
    return {
        "mouse": asdict(mouse) | {"seen": list(mouse.seen)},
        "drivers": drivers.as_dict() | {"visibility": drivers.visibility},
        "flash_frames": np.array([frame for frame, _ in played.flashes]),
        "engaged": np.array(played.engaged),
    }
