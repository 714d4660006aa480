"""Trials from the rig's log.

Source of the rules: AllenSDK 2.16, ``data_objects/trials/trial.py`` and ``trials.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.analysis.ragged import Ragged
from visbehavior.errors import BadValue
from visbehavior.raw.clock import Clock
from visbehavior.raw.file import RawSession
from visbehavior.schema.columns import MISSING_INTEGER

_KINDS = ("hit", "miss", "false_alarm", "correct_reject", "auto_rewarded", "aborted")
_CHANGES = ("stimulus_changed", "sham_change")


def read_lick_frames(raw: RawSession, clock: Clock) -> NDArray[np.int64]:
    """The frames with licks; one that was noted a frame after the last is dropped."""
    keys = ("lick_sensors", 0, "lick_events")
    frames = raw.array(*keys, dtype=np.int64)
    if len(frames) and frames[-1] == len(clock.frames):
        frames = frames[:-1]
    if len(frames) and not (frames.min() >= 0 and frames.max() < len(clock.frames)):
        raise raw.wrong(keys, f"holds a lick in frame {frames.max()}; the session has {len(clock.frames)} frames")
    return frames


def read_trials(raw: RawSession, clock: Clock) -> dict[str, Any]:
    """The columns of `visbehavior.schema.session.TRIALS`, in the order of a file, and their index as ``id``."""
    log = raw.get("trial_log")
    if not isinstance(log, list) or not log:
        raise raw.wrong(("trial_log",), "holds no trials")
    licks = clock.stored[read_lick_frames(raw, clock)], read_lick_frames(raw, clock)
    bounds = _bounds(raw, log)
    pictures = _Pictures(raw)
    rows = [_trial(raw, number, trial, bounds[number], clock, pictures) for number, trial in enumerate(log)]
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name in ("initial_image_name", "change_image_name"):
        columns[name] = columns[name].astype(object)
    columns["lick_times"] = _licks_of_trials(*licks, bounds)
    _add_responses(columns)
    columns["trial_length"] = columns["stop_time"] - columns["start_time"]
    return columns


class _Pictures:
    """Which picture was up at a frame, by the logs of all stimuli."""

    def __init__(self, raw: RawSession) -> None:
        entries = []
        for name, stimulus in raw.get("stimuli").items():
            log = stimulus.get("set_log") if isinstance(stimulus, Mapping) else None
            if log is None:
                raise raw.wrong(("stimuli", name, "set_log"), "is missing")
            entries += [(int(frame), picture_name(kind, what)) for kind, what, _, frame in log]
        entries.sort(key=lambda entry: entry[0])
        self._frames = np.array([frame for frame, _ in entries], dtype=np.int64)
        self._names = [name for _, name in entries]

    def at(self, frame: int) -> str:
        """The last one that was set at or before a frame."""
        position = int(np.searchsorted(self._frames, frame, side="right")) - 1
        return self._names[position] if position >= 0 else ""


def picture_name(kind: Any, what: Any) -> str:
    """The name of a picture, or of a grating as its orientation was pickled."""
    return f"gratings_{what}" if str(kind).lower() == "ori" else text(what)


def text(value: Any) -> str:
    """Text, also of what Python 2 had as bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _bounds(raw: RawSession, log: list[Any]) -> list[tuple[int, float]]:
    """The first frame of each trial and the one at which it ends: where the next begins, or the movie."""
    first = [_event(raw, number, trial, "trial_start")[3] for number, trial in enumerate(log)]
    end = raw.get("items", "fingerprint", "starting_frame", default=np.inf)
    stops = [*first[1:], end]
    for number, (start, stop) in enumerate(zip(first, stops, strict=True)):
        if stop < start:
            raise raw.wrong(
                ("trial_log", number),
                f"begins in frame {start}, after the next trial or the movie, in frame {stop}: out of order",
            )
    return list(zip(first, stops, strict=True))


def _event(raw: RawSession, number: int, trial: Any, name: str) -> Any:
    for event in _events(raw, number, trial):
        if event[0] == name:
            return event
    raise raw.wrong(("trial_log", number, "events"), f"has no event {name!r}")


def _events(raw: RawSession, number: int, trial: Any) -> list[Any]:
    events = trial.get("events") if isinstance(trial, Mapping) else None
    if not events or not all(len(event) >= 4 for event in events):
        raise raw.wrong(("trial_log", number, "events"), "is no list of events: name, detail, time, frame")
    return list(events)


def _trial(
    raw: RawSession, number: int, trial: Any, bounds: tuple[int, float], clock: Clock, pictures: _Pictures
) -> dict[str, Any]:
    events = _events(raw, number, trial)
    names = {event[0] for event in events}
    start, stop = (
        _time(raw, number, clock.stored, _event(raw, number, trial, name)[3]) for name in ("trial_start", "trial_end")
    )
    kinds = _kinds_of(raw, number, trial, names)
    initial = pictures.at(events[0][3])
    changes = trial.get("stimulus_changes") or []
    change_frame, change_time = _change(raw, number, events, kinds, clock)
    volume, time = _reward(raw, number, trial, clock, (start, stop))
    return {
        "id": int(trial.get("index", number)),
        "start_time": start,
        "stop_time": stop,
        "initial_image_name": initial,
        "change_image_name": _changed_to(changes) if changes else initial,
        "is_change": "stimulus_changed" in names,
        "change_time": change_time,
        "go": kinds["go"],
        "catch": kinds["catch"],
        "lick_times": 0,
        "response_time": np.nan,
        "response_latency": np.nan,
        "reward_time": time,
        "reward_volume": volume,
        **{name: kinds[name] for name in ("hit", "false_alarm", "miss", "correct_reject", "aborted", "auto_rewarded")},
        "change_frame": change_frame,
    }


def _changed_to(changes: Any) -> str:
    _, what = changes[0][1]
    is_grating = not isinstance(what, (str, bytes))
    return f"gratings_{what}" if is_grating else text(what)


def _kinds_of(raw: RawSession, number: int, trial: Any, names: set[str]) -> dict[str, bool]:
    params = trial.get("trial_params", {})
    aborted = "abort" in names
    auto = bool(params.get("auto_reward")) and not aborted
    catch = bool(params.get("catch")) and not aborted
    kinds = {
        "aborted": aborted,
        "auto_rewarded": auto,
        "catch": catch,
        "go": not (aborted or auto or catch),
        "hit": "hit" in names and not auto,
        "miss": "miss" in names and not auto,
        "false_alarm": "false_alarm" in names and not auto,
        "correct_reject": catch and "false_alarm" not in names and not auto,
    }
    held = [name for name in _KINDS if kinds[name]]
    if len(held) != 1:
        raise raw.wrong(
            ("trial_log", number), f"is {' and '.join(held) or 'none'} of {', '.join(_KINDS)}; expected exactly one"
        )
    return kinds


def _change(raw: RawSession, number: int, events: list[Any], kinds: dict[str, bool], clock: Clock) -> tuple[int, float]:
    wanted = None if kinds["aborted"] else _CHANGES[1] if kinds["catch"] else _CHANGES[0]
    frame = next((event[3] for event in events if event[0] == wanted), None)
    return (MISSING_INTEGER, np.nan) if frame is None else (int(frame), _time(raw, number, clock.shown, frame))


def _reward(
    raw: RawSession, number: int, trial: Any, clock: Clock, during: tuple[float, float]
) -> tuple[float | int, float]:
    """What was given in all, and the time of the reward within the trial."""
    rewards = trial.get("rewards") or []
    times = [_time(raw, number, clock.frames, reward[2]) for reward in rewards[:1]]
    inside = [time for time in times if during[0] <= time <= during[1]]
    return sum(reward[0] for reward in rewards), inside[0] if inside else np.nan


def _time(raw: RawSession, number: int, clock: NDArray[np.float64], frame: Any) -> float:
    if not 0 <= frame < len(clock):
        raise raw.wrong(
            ("trial_log", number, "events"), f"has an event in frame {frame}; the session has {len(clock)} frames"
        )
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


def check_order(frames: NDArray[np.int64], what: str) -> None:
    """Frames must not fall."""
    if (np.diff(frames) < 0).any():
        raise BadValue(f"{what} are out of order.", name=what)
