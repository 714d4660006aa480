"""Trials from the rig's log.

Source of the rules: AllenSDK 2.16, ``data_objects/trials/trial.py`` and ``trials.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.raw.clock import Clock
from visbehavior.raw.file import RawSession, plain_number, text, whole_number
from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.stimulus_pickle import (
    ABORT,
    CHANGED,
    FALSE_ALARM,
    HIT,
    MISS,
    ORIENTATION,
    SHAM_CHANGE,
    TRIAL_END,
    TRIAL_START,
)

_KINDS = ("hit", "miss", "false_alarm", "correct_reject", "auto_rewarded", "aborted")


def read_lick_frames(raw: RawSession, clock: Clock) -> NDArray[np.int64]:
    """The frames with licks; one that was noted a frame after the last is dropped."""
    keys = ("lick_sensors", 0, "lick_events")
    frames = raw.array(*keys, dtype=np.int64)
    if len(frames) and frames[-1] == len(clock.frames):
        frames = frames[:-1]
    if (np.diff(frames) < 0).any():
        raise raw.wrong(keys, "is out of order")
    for frame in frames[[0, -1]] if len(frames) else ():
        time_at(raw, clock.frames, frame, *keys)
    return frames


def read_trials(raw: RawSession, clock: Clock) -> dict[str, Any]:
    """The columns of `visbehavior.schema.session.TRIALS`, in the order of a file, and their index as ``id``."""
    log = _log(raw)
    lick_frames = read_lick_frames(raw, clock)
    bounds = _bounds(raw, log)
    images = _Images(raw)
    rows = []
    for number, trial in enumerate(log):
        with raw.reading("trial_log", number):
            rows.append(_trial(raw, number, trial, clock, images))
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name in ("initial_image_name", "change_image_name"):
        columns[name] = columns[name].astype(object)
    columns["lick_times"] = _licks_of_trials(clock.stored[lick_frames], lick_frames, bounds)
    _add_responses(columns)
    columns["reward_time"] = _reward_times(raw, clock, columns["start_time"], columns["stop_time"])
    columns["trial_length"] = columns["stop_time"] - columns["start_time"]
    return columns


def _log(raw: RawSession) -> list[Any]:
    log = raw.get("trial_log")
    if not isinstance(log, list) or not log:
        raise raw.wrong(("trial_log",), "holds no trials")
    return log


class _Images:
    """Which image was up at a frame, by the logs of all stimuli."""

    def __init__(self, raw: RawSession) -> None:
        entries = []
        for name, log in set_logs(raw).items():
            with raw.reading("stimuli", name, "set_log"):
                entries += [(whole_number(frame), image_name(kind, what)) for kind, what, _, frame in log]
        entries.sort(key=lambda entry: entry[0])
        self._frames = np.array([frame for frame, _ in entries], dtype=np.int64)
        self._names = [name for _, name in entries]

    def at(self, frame: int) -> str:
        """The last one that was set at or before a frame."""
        position = int(np.searchsorted(self._frames, frame, side="right")) - 1
        return self._names[position] if position >= 0 else ""


def set_logs(raw: RawSession) -> dict[str, list[Any]]:
    """What was chosen to be shown, and when, of each stimulus."""
    with raw.reading("stimuli"):
        names = list(raw.get("stimuli").keys())
    if not names:
        raise raw.wrong(("stimuli",), "holds no stimulus")
    return {name: raw.get("stimuli", name, "set_log") for name in names}


def is_grating(kind: Any) -> bool:
    """Whether what was chosen is an orientation, not an image."""
    return text(kind).lower() == ORIENTATION.lower()


def image_name(kind: Any, what: Any) -> str:
    """The name of an image, or of a grating as its orientation was pickled."""
    return f"gratings_{what}" if is_grating(kind) else text(what)


def _bounds(raw: RawSession, log: list[Any]) -> list[tuple[int, float]]:
    """The first frame of each trial and the one at which it ends: where the next begins, or the movie."""
    first = []
    for number, trial in enumerate(log):
        with raw.reading("trial_log", number):
            first.append(whole_number(_event(raw, number, trial, TRIAL_START)[3]))
    keys = ("items", "fingerprint", "starting_frame")
    with raw.reading(*keys):
        end = plain_number(raw.get(*keys, default=np.inf))
    stops = [*first[1:], end]
    for number, (start, stop) in enumerate(zip(first, stops, strict=True)):
        if stop < start:
            raise raw.wrong(
                ("trial_log", number),
                f"begins in frame {start}, after the next trial or the movie, in frame {stop}: out of order",
            )
    return list(zip(first, stops, strict=True))


def _event(raw: RawSession, number: int, trial: Any, name: str) -> Any:
    for event in trial["events"]:
        if event[0] == name:
            return event
    raise raw.wrong(("trial_log", number, "events"), f"has no event {name!r}")


def _trial(raw: RawSession, number: int, trial: Any, clock: Clock, images: _Images) -> dict[str, Any]:
    events = trial["events"]
    start, stop = (
        time_at(raw, clock.stored, _event(raw, number, trial, name)[3], "trial_log", number, "events")
        for name in (TRIAL_START, TRIAL_END)
    )
    names = {event[0] for event in events}
    kinds = _kinds_of(raw, number, trial["trial_params"], names)
    initial = images.at(events[0][3])
    changes = trial.get("stimulus_changes") or []
    change_frame, change_time = _change(raw, number, events, kinds, clock)
    given = [reward[0] for reward in trial.get("rewards") or []]
    volume = sum(raw.numbers(given, "trial_log", number, "rewards").tolist())
    return {
        "id": whole_number(trial.get("index", number)),
        "start_time": start,
        "stop_time": stop,
        "initial_image_name": initial,
        "change_image_name": _changed_to(changes) if changes else initial,
        "is_change": CHANGED in names,
        "change_time": change_time,
        "go": kinds["go"],
        "catch": kinds["catch"],
        "lick_times": 0,
        "response_time": np.nan,
        "response_latency": np.nan,
        "reward_time": np.nan,
        "reward_volume": volume,
        **{name: kinds[name] for name in ("hit", "false_alarm", "miss", "correct_reject", "aborted", "auto_rewarded")},
        "change_frame": change_frame,
    }


def _changed_to(changes: Any) -> str:
    _, what = changes[0][1]
    is_grating = not isinstance(what, (str, bytes))
    return f"gratings_{what}" if is_grating else text(what)


def _kinds_of(raw: RawSession, number: int, params: Mapping[str, Any], names: set[str]) -> dict[str, bool]:
    aborted = ABORT in names
    auto = bool(params["auto_reward"]) and not aborted
    catch = bool(params["catch"]) and not aborted
    kinds = {
        "aborted": aborted,
        "auto_rewarded": auto,
        "catch": catch,
        "go": not (aborted or auto or catch),
        "hit": HIT in names and not auto,
        "miss": MISS in names and not auto,
        "false_alarm": FALSE_ALARM in names and not auto,
        "correct_reject": catch and FALSE_ALARM not in names and not auto,
    }
    held = [name for name in _KINDS if kinds[name]]
    if len(held) != 1:
        raise raw.wrong(
            ("trial_log", number), f"is {' and '.join(held) or 'none'} of {', '.join(_KINDS)}; expected exactly one"
        )
    return kinds


def _change(raw: RawSession, number: int, events: list[Any], kinds: dict[str, bool], clock: Clock) -> tuple[int, float]:
    wanted = None if kinds["aborted"] else SHAM_CHANGE if kinds["catch"] else CHANGED
    frame = next((event[3] for event in events if event[0] == wanted), None)
    if frame is None:
        return MISSING_INTEGER, np.nan
    return whole_number(frame), time_at(raw, clock.shown, frame, "trial_log", number, "events")


def read_first_rewards(raw: RawSession, clock: Clock) -> list[tuple[float, float, bool]]:
    """Volume (mL), time (s) and whether it was free, of the first reward of each trial that has any."""
    rows = []
    for number, trial in enumerate(_log(raw)):
        with raw.reading("trial_log", number):
            for volume, _, frame in (trial.get("rewards") or [])[:1]:
                time = time_at(raw, clock.frames, frame, "trial_log", number, "rewards")
                rows.append((volume, time, bool(trial["trial_params"]["auto_reward"])))
    return rows


def _reward_times(
    raw: RawSession, clock: Clock, start: NDArray[np.float64], stop: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The time of the reward within each trial, its ends included; NaN without."""
    times = np.sort([time for _, time, _ in read_first_rewards(raw, clock)])
    first, after = np.searchsorted(times, start, side="left"), np.searchsorted(times, stop, side="right")
    several = np.flatnonzero(after - first > 1)
    if len(several):
        raise raw.wrong(("trial_log", int(several[0])), "has more than one reward within its time")
    found = np.full(len(start), np.nan)
    found[after > first] = times[first[after > first]]
    return found


def time_at(raw: RawSession, clock: NDArray[np.float64], frame: Any, *keys: str | int) -> float:
    """The time of a frame that is named at these keys."""
    with raw.reading(*keys):
        frame = whole_number(frame)
    if not 0 <= frame < len(clock):
        raise raw.wrong(keys, f"names frame {frame}; the session has {len(clock)} frames")
    return float(clock[frame])


def _licks_of_trials(times: NDArray[np.float64], frames: NDArray[np.int64], bounds: list[tuple[int, float]]) -> Ragged:
    """A lick on the boundary belongs to the trial that ends."""
    first = np.array([start for start, _ in bounds], dtype=np.float64)
    stop = np.array([end for _, end in bounds], dtype=np.float64)
    begin, end = (np.searchsorted(frames, edges, side="right") for edges in (first, stop))
    end = np.maximum(begin, end)
    flat = np.concatenate([times[i:j] for i, j in zip(begin.tolist(), end.tolist(), strict=True)])
    counts = (end - begin).astype(np.int64)
    # As AllenSDK gives what it stored of a session without licks.
    return Ragged(flat if len(flat) else np.empty(0, dtype=object), counts)


def _add_responses(columns: dict[str, Any]) -> None:
    """The first lick of each trial, also one before the change."""
    licks: Ragged = columns["lick_times"]
    has = (licks.counts > 0) & ~columns["aborted"]
    first = np.full(len(has), np.nan)
    starts = np.cumsum(licks.counts) - licks.counts
    first[has] = licks.flat[starts[has]].astype(np.float64)
    columns["response_time"] = first
    latency = np.where(has, first - columns["change_time"], np.inf)
    columns["response_latency"] = np.where(columns["aborted"], np.nan, latency)
