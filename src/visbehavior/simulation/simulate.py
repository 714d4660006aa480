"""Simulation of a session, and of all sessions of a mouse."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.arguments import as_iterable, check_flags, check_number, check_whole_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.schema import session_data
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.simulation import rig
from visbehavior.simulation.curriculum import plan_curriculum, plan_given
from visbehavior.simulation.images import make_images
from visbehavior.simulation.licking import LickingModel
from visbehavior.simulation.mouse import (
    MODEL_CONSTANTS,
    Mouse,
    SessionParameters,
    sample_mouse,
    sample_session_parameters,
)
from visbehavior.simulation.running import simulate_encoder, simulate_running_speed
from visbehavior.simulation.stages import FIRST_SESSION_TYPE, Stage, parse_stage
from visbehavior.simulation.task import SessionLog, run_task

FIRST_DATE = datetime.datetime(2024, 1, 8, 9, 30)
"""Default date of the first session of a mouse."""
FIRST_YEAR, LAST_YEAR = 1900, 2999
"""Range of the dates of sessions."""
MIN_MINUTES, MAX_MINUTES = 1.0, 60.0
"""Range of the duration of the task (min)."""
MIN_MINUTES_WITH_MOVIE = 30.0
"""Shorter sessions have no gray screens and no movie, so that they are fast to simulate (min)."""
PROJECT_CODE = "Simulated"
SESSION_IDS = (100_000_000, 1_000_000_000)
"""Range of the session ids: nine digits, as in the data set."""
GROUND_TRUTH = "/simulation"
"""Path of the model parameters in the pickle."""


def simulate(
    session_type: str,
    *,
    mouse: Mouse | None = None,
    minutes: float = 60,
    seed: int | None = None,
    date: datetime.datetime | None = None,
    images: bool = False,
) -> dict[str, Any]:
    """Simulate a session and return the content of its stimulus pickle.

    `BehaviorSession.from_json({"behavior_stimulus_file": simulate(...)})` is the session.

    Parameters
    ----------
    session_type : str
        Session type of the data set, such as "TRAINING_5_images_A_handoff_ready" or "OPHYS_3_images_A".
    mouse : Mouse or None
        The mouse. Default: a random mouse without earlier sessions, to which all images are novel.
    minutes : float
        Duration of the task (min), at most 15 for TRAINING_0. From 30 minutes on, sessions of TRAINING_5 and OPHYS have a gray screen
        of five minutes before the task, and a gray screen and a movie after it.
    seed : int or None
        Seed of the random number generator; equal arguments and seeds give equal sessions.
    date : datetime.datetime or None
        Start of the session, in the rig's local time.
    images : bool
        Whether to include the image set: eight textures in place of the photographs. Not used for gratings.

    Returns
    -------
    dict
        Content of a camstim pickle of the change detection task (`visbehavior.schema.stimulus_pickle`). ``["simulation"]`` has the
        ground truth: the mouse, the parameters of the model in this session (``["drivers"]``, log-odds) and those that all
        sessions share (``["model"]``); and at each flash whether the mouse was engaged (``["engaged"]``), the log-odds of a lick
        bout (``["log_odds"]``, NaN during a bout), and bias, timing and sensitivity (``["weights"]``). ``["running_speed"]`` is
        the true speed at each stimulus frame (cm/s).

    Raises
    ------
    BadValue
        If there is no such session type, or a parameter is out of range.

    Notes
    -----
    The behavioral model, the rules of the task, and a comparison with the published sessions: docs/simulation.md.
    """
    stage = _check_session(session_type, minutes)
    rng = np.random.default_rng(_check_seed(seed))
    mouse = sample_mouse(rng) if mouse is None else mouse
    start = FIRST_DATE if date is None else date
    _check_date("date", start)
    check_flags(images=images)
    _check_mouse(mouse)
    if date is None:
        start += datetime.timedelta(days=len(mouse.seen))
    parameters = sample_session_parameters(mouse, session_type, rng)
    minutes = min(minutes, stage.max_minutes)
    stage = replace(stage, has_movie=stage.has_movie and minutes >= MIN_MINUTES_WITH_MOVIE)
    log = _run_session(stage, LickingModel(parameters, rng), minutes, rng)
    values, speed = _record(stage, log, parameters, minutes, rng)
    session_uuid = _make_uuid((mouse.mouse_id, stage.name, start, float(minutes), images), rng)
    values |= _session_values(stage, mouse, start, float(values[pickle.INTERVALS].sum()), session_uuid, images)
    values[GROUND_TRUTH] = _ground_truth(mouse, parameters, log) | {"running_speed": speed}
    return rig.nest(values, rig.stimulus_name(stage))


def simulate_mouse(
    mouse: Mouse | None = None,
    *,
    sessions: Iterable[str] | None = None,
    minutes: float = 60,
    seed: int | None = None,
    first_date: datetime.datetime = FIRST_DATE,
    images: bool = False,
) -> Iterator[dict[str, Any]]:
    """Simulate the sessions of a mouse in order, with learning, novelty and a state that changes slowly from day to day.

    Parameters
    ----------
    mouse : Mouse or None
        The mouse. Default: a random mouse.
    sessions : iterable of str or None
        Session types in order. The first must be of TRAINING_0 unless the mouse has earlier sessions (`Mouse.seen`). Default: about
        40 sessions, from gratings to novel images during imaging. Their number depends on how the mouse learns
        (`visbehavior.simulation.curriculum`).
    minutes, seed, images
        As for `simulate`. Each session has its own random numbers.
    first_date : datetime.datetime
        Start of the first session.

    Yields
    ------
    dict
        Content of a stimulus pickle, as returned by `simulate`.

    Raises
    ------
    BadValue
        If there is no such session type, or the first session is missing.
    """
    plan = plan_sessions(mouse, sessions=sessions, minutes=minutes, seed=seed, first_date=first_date, images=images)
    return (simulate_session() for simulate_session in plan)


def plan_sessions(
    mouse: Mouse | None = None,
    *,
    sessions: Iterable[str] | None = None,
    minutes: float = 60,
    seed: int | None = None,
    first_date: datetime.datetime = FIRST_DATE,
    images: bool = False,
) -> list[Callable[[], dict[str, Any]]]:
    """Return a function for each session of `simulate_mouse`, which simulates it; other processes can call them."""
    types = None if sessions is None else _list_types(sessions)
    for session_type in types or [FIRST_SESSION_TYPE]:
        _check_session(session_type, minutes)
    _check_date("first_date", first_date)
    check_flags(images=images)
    rng = np.random.default_rng(_check_seed(seed))
    mouse = sample_mouse(rng) if mouse is None else mouse
    _check_mouse(mouse)
    if types is not None:
        _check_first_session(mouse, types)
    days = plan_curriculum(mouse, rng) if types is None else plan_given(mouse, types, rng)
    # Sessions are on weekdays.
    dates = (datetime.timedelta(days=day + 2 * (day // 5)) for day in itertools.count())
    return [
        partial(
            simulate,
            day.session_type,
            mouse=replace(day.mouse, age_in_days=mouse.age_in_days + elapsed.days),
            minutes=minutes,
            seed=day.seed,
            date=first_date + elapsed,
            images=images,
        )
        for day, elapsed in zip(days, dates, strict=False)
    ]


def _check_session(session_type: str, minutes: float) -> Stage:
    stage = parse_stage(session_type)
    check_number("minutes", minutes, MIN_MINUTES, MAX_MINUTES)
    return stage


def _list_types(sessions: Iterable[str]) -> list[str]:
    return list(as_iterable("sessions", sessions, (str,), f"session types, such as ['{FIRST_SESSION_TYPE}'], or None"))


def _check_date(name: str, date: Any) -> None:
    if not isinstance(date, datetime.datetime) or not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise BadValue(
            f"{name} is {brief_repr(date)}; expected a datetime from {FIRST_YEAR} to {LAST_YEAR}.",
            name=name,
            value=date,
        )


def _check_seed(seed: int | None) -> int | None:
    if seed is None:
        return None
    check_whole_number("seed", seed, 0)
    return int(seed)


def _check_mouse(mouse: Any) -> None:
    if not isinstance(mouse, Mouse):
        raise BadValue(
            f"mouse is {brief_repr(mouse)}; expected a visbehavior.Mouse, or None.", name="mouse", value=mouse
        )


def _check_first_session(mouse: Mouse, types: list[str]) -> None:
    if not mouse.seen and types and parse_stage(types[0]).group != parse_stage(FIRST_SESSION_TYPE).group:
        raise BadValue(
            f"Mouse {mouse.mouse_id} has no earlier sessions, and its first session is {types[0]}; training starts with "
            f"{FIRST_SESSION_TYPE}. Start with that, or set earlier sessions: Mouse(seen=(...)).",
            value=types[0],
        )


def _run_session(stage: Stage, licking: LickingModel, minutes: float, rng: np.random.Generator) -> SessionLog:
    """Return the events of the task, with the licks before and after it if there are gray screens and a movie."""
    before = licking.lick_before_task(rig.GRAY_FRAMES) if stage.has_movie else []
    log = run_task(stage, licking, minutes, rng)
    if stage.has_movie:
        log.licks = [*before, *log.licks, *licking.lick_after_task(log.n_frames, log.n_frames + rig.MOVIE_FRAMES - 1)]
    return log


def _record(
    stage: Stage, log: SessionLog, parameters: SessionParameters, minutes: float, rng: np.random.Generator
) -> tuple[rig.Values, NDArray[np.float64]]:
    """Return the values of the pickle that the rig records during a session, and the true running speed at each frame."""
    task_start, movie = (rig.GRAY_FRAMES, rig.MOVIE_FRAMES) if stage.has_movie else (0, 0)
    intervals = rig.sample_frame_intervals(task_start + log.n_frames + movie + 1, rng)
    times = np.concatenate([[0.0], np.cumsum(intervals)]) / 1000
    licks, rewards = (times[np.array(frames, dtype=np.int64) + task_start] for frames in (log.licks, log.consumptions))
    speed = simulate_running_speed(
        times, licks, rewards, _engaged_frames(log, task_start, len(times)), parameters.running_speed, rng
    )
    encoder = simulate_encoder(times, speed, rng)
    return rig.behavior_values(stage, log, minutes, rig.SessionClock(times, task_start), intervals, encoder), speed


def _engaged_frames(log: SessionLog, task_start: int, count: int) -> NDArray[np.bool_]:
    """Return whether the mouse is engaged at each frame: as at the last flash, and before the first flash as at that."""
    flashes = np.array([frame for frame, _ in log.flashes]) + task_start
    last = np.searchsorted(flashes, np.arange(count), side="right") - 1
    return np.array(log.engaged, dtype=np.bool_)[np.maximum(last, 0)]


def _session_values(
    stage: Stage, mouse: Mouse, start: datetime.datetime, duration: float, session_uuid: uuid.UUID, images: bool
) -> rig.Values:
    """Return the values of the pickle that identify the session."""
    values: rig.Values = dict.fromkeys(
        (pickle.MOUSE_ID.path, "cl_params.mouse_id", "config.behavior.mouse_id"), mouse.mouse_id
    )
    if images:
        values[pickle.EMBEDDED_IMAGE_SET] = {name: {name: image} for name, image in make_images(stage.images).items()}
    first_id, end_id = SESSION_IDS
    return {
        **values,
        pickle.START_TIME: start,
        "/stop_time": start + datetime.timedelta(milliseconds=duration),
        pickle.SESSION_UUID: str(session_uuid),
        pickle.COMPUTER_ID: "SIM.1",
        "/rig_id": "SIM",
        "/platform_info": {"camstim": "simulated"},
        pickle.EMBEDDED_SESSION_DATA: {
            session_data.SESSION_ID.key: first_id + session_uuid.int % (end_id - first_id),
            **_mouse_session_data(mouse),
        },
    }


def _make_uuid(identity: tuple[Any, ...], rng: np.random.Generator) -> uuid.UUID:
    """Return a UUID that differs between sessions with other arguments or random numbers."""
    digest = hashlib.blake2b(repr(identity).encode() + rng.bytes(16), digest_size=16).digest()
    return uuid.UUID(bytes=digest, version=4)


def _mouse_session_data(mouse: Mouse) -> dict[str, Any]:
    """Return the entries of session_data about the mouse."""
    lines = [part.split("/")[0] for part in mouse.full_genotype.split(";")]
    seen = [parse_stage(session_type) for session_type in mouse.seen]
    return {
        session_data.SEX.key: mouse.sex,
        session_data.AGE.key: f"P{mouse.age_in_days}",
        session_data.FULL_GENOTYPE.key: mouse.full_genotype,
        session_data.DRIVER_LINE.key: lines[:-1],
        session_data.REPORTER_LINE.key: lines[-1:],
        session_data.PROJECT_CODE.key: PROJECT_CODE,
        session_data.PRIOR_IMAGES.key: sorted({image for stage in seen for image in stage.images}),
    }


def _ground_truth(mouse: Mouse, parameters: SessionParameters, log: SessionLog) -> dict[str, Any]:
    """Return the mouse, the parameters of the session, the constants of the model, and what happened at each flash."""
    return {
        "mouse": asdict(mouse) | {"seen": list(mouse.seen)},
        "drivers": asdict(parameters),
        "model": dict(MODEL_CONSTANTS),
        "flash_frames": np.array([frame for frame, _ in log.flashes]),
        "engaged": np.array(log.engaged),
        "log_odds": np.array(log.log_odds),
        "weights": dict(zip(("bias", "timing", "sensitivity"), np.array(log.weights).T, strict=True)),
    }
