"""Trials, licks and rewards from the logs of the pickle.

Source: AllenSDK 2.16, ``data_objects/trials/trial.py`` and ``trials.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import brief_repr, warn
from visbehavior.raw.clock import Clock
from visbehavior.raw.file import RawSession, plain_number, text, whole_number
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.columns import MISSING_INTEGER
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import TRIALS
from visbehavior.schema.stimulus_pickle import Entry

_OUTCOMES = ("hit", "miss", "false_alarm", "correct_reject", "auto_rewarded", "aborted")


def read_lick_frames(raw: RawSession, clock: Clock) -> NDArray[np.int64]:
    """Return the frames with licks, without a lick logged one frame after the last frame."""
    frames = raw.array(pickle.LICK_EVENTS, dtype=np.int64)
    if len(frames) and frames[-1] == len(clock.frames):
        frames = frames[:-1]
    if (np.diff(frames) < 0).any():
        raise raw.error(pickle.LICK_EVENTS, "is out of order; expected ascending frames")
    for frame in frames[[0, -1]] if len(frames) else ():
        time_at(raw, clock.frames, frame, pickle.LICK_EVENTS)
    return frames


def read_trials(raw: RawSession, clock: Clock) -> dict[str, Any]:
    """Return the columns of `visbehavior.schema.session.TRIALS`, in the order of an NWB file.

    The index is that of the log, which may have gaps.
    """
    log = finished_trials(raw)
    if len(log) < len(_trial_log(raw)):
        warn(f"The last trial of {raw.path} has no end: the rig stopped in it. It is left out.")
    lick_frames = read_lick_frames(raw, clock)
    bounds = _bounds(raw, len(log))
    images = _SelectedImages(raw)
    rows = []
    for number, trial in enumerate(log):
        with raw.reading(pickle.TRIAL, trial=number):
            rows.append(_trial_row(raw, number, trial, clock, images))
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name in ("initial_image_name", "change_image_name"):
        columns[name] = columns[name].astype(object)
    columns["lick_times"] = _licks_by_trial(clock.stored[lick_frames], lick_frames, bounds)
    _add_responses(columns)
    columns["reward_time"] = _reward_times(raw, clock, columns["start_time"], columns["stop_time"])
    columns["trial_length"] = columns["stop_time"] - columns["start_time"]
    return columns


def _trial_log(raw: RawSession) -> list[Any]:
    log = raw.get(pickle.TRIAL_LOG)
    if not isinstance(log, list) or not log:
        raise raw.error(pickle.TRIAL_LOG, "has no trials; expected a list of dictionaries")
    return log


def finished_trials(raw: RawSession) -> list[Any]:
    """Return the trial log without a last trial that has no end, because the rig stopped in it."""
    log = _trial_log(raw)
    with raw.reading(pickle.TRIAL, trial=len(log) - 1):
        names = {event[0] for event in log[-1][pickle.TRIAL_EVENTS.key]}
    return log if pickle.TRIAL_END in names or len(log) == 1 else log[:-1]


class _SelectedImages:
    """The selected image at each frame, from the set logs of all stimuli."""

    def __init__(self, raw: RawSession) -> None:
        entries = []
        for name, log in read_set_logs(raw).items():
            with raw.reading(pickle.SET_LOG, stimulus=name):
                entries += [(whole_number(frame), image_name(kind, image)) for kind, image, _, frame in log]
        entries.sort(key=lambda entry: entry[0])
        self._frames = np.array([frame for frame, _ in entries], dtype=np.int64)
        self._names = [name for _, name in entries]

    def at(self, frame: int) -> str:
        """Return the last image selected at or before a frame."""
        position = int(np.searchsorted(self._frames, frame, side="right")) - 1
        return self._names[position] if position >= 0 else ""


def read_set_logs(raw: RawSession) -> dict[str, list[Any]]:
    """Return the set log of each stimulus: the selected images with their frames."""
    with raw.reading(pickle.STIMULI):
        names = list(raw.get(pickle.STIMULI).keys())
    if not names:
        raise raw.error(pickle.STIMULI, "has no stimulus")
    return {name: raw.get(pickle.SET_LOG, stimulus=name) for name in names}


def is_grating(kind: Any) -> bool:
    """Return whether the kind in the set log is that of gratings."""
    return text(kind).lower() == pickle.ORIENTATION.lower()


def image_name(kind: Any, image: Any) -> str:
    """Return the name of an image, or of a grating with its orientation as it was pickled."""
    return f"gratings_{image}" if is_grating(kind) else text(image)


def _bounds(raw: RawSession, count: int) -> list[tuple[int, float]]:
    """Return the first frame of the first trials, and the frame at which the next trial or the movie starts."""
    starts = []
    for number, trial in enumerate(_trial_log(raw)):
        with raw.reading(pickle.TRIAL, trial=number):
            starts.append(whole_number(_events(raw, number, trial, pickle.TRIAL_START)[0][3]))
    with raw.reading(pickle.MOVIE_START):
        end = plain_number(raw.get(pickle.MOVIE_START, default=np.inf))
    stops = [*starts[1:], end]
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        if stop < start:
            raise raw.error(
                pickle.TRIAL,
                f"is out of order: it starts in frame {start}, and the next trial or the movie in frame {stop}",
                trial=number,
            )
    return list(zip(starts, stops, strict=True))[:count]


def _events(raw: RawSession, number: int, trial: Any, name: str) -> list[Any]:
    """Return the events of a name. A rig may log one twice; AllenSDK takes the last for times, the first for licks."""
    events = [event for event in trial[pickle.TRIAL_EVENTS.key] if event[0] == name]
    if not events:
        raise raw.error(pickle.TRIAL_EVENTS, f"has no event {brief_repr(name)}", trial=number)
    return events


def _trial_row(raw: RawSession, number: int, trial: Any, clock: Clock, images: _SelectedImages) -> dict[str, Any]:
    events = trial[pickle.TRIAL_EVENTS.key]
    start, stop = (
        time_at(raw, clock.stored, _events(raw, number, trial, name)[-1][3], pickle.TRIAL_EVENTS, trial=number)
        for name in (pickle.TRIAL_START, pickle.TRIAL_END)
    )
    names = {event[0] for event in events}
    outcome = _outcome(raw, number, trial[pickle.TRIAL_PARAMS.key], names)
    initial = images.at(events[0][3])
    changes = trial.get(pickle.TRIAL_CHANGES.key) or []
    change_frame, change_time = _change(raw, number, trial, outcome, clock)
    volumes = [reward[0] for reward in trial.get(pickle.TRIAL_REWARDS.key) or []]
    return {
        TRIALS.index: whole_number(trial.get(pickle.TRIAL_INDEX.key, number)),
        "start_time": start,
        "stop_time": stop,
        "initial_image_name": initial,
        "change_image_name": _changed_to(raw, number, changes, initial) if changes else initial,
        "is_change": pickle.STIMULUS_CHANGED in names,
        "change_time": change_time,
        "go": outcome["go"],
        "catch": outcome["catch"],
        "lick_times": 0,
        "response_time": np.nan,
        "response_latency": np.nan,
        "reward_time": np.nan,
        "reward_volume": sum(raw.numbers(volumes, pickle.TRIAL_REWARDS, trial=number).tolist()),
        **{
            name: outcome[name] for name in ("hit", "false_alarm", "miss", "correct_reject", "aborted", "auto_rewarded")
        },
        "change_frame": change_frame,
    }


def _changed_to(raw: RawSession, number: int, changes: Any, initial: str) -> str:
    """Return the image after the change. The log of changes must agree with the set log."""
    before, after = (_changed_name(image) for _, image in changes[0][:2])
    if before != initial:
        raise raw.error(
            pickle.TRIAL_CHANGES, f"changes from {before}, but the set log has {initial or 'nothing'}", trial=number
        )
    return after


def _changed_name(image: Any) -> str:
    return text(image) if isinstance(image, (str, bytes)) else f"gratings_{image}"


def _outcome(raw: RawSession, number: int, params: Mapping[str, Any], names: set[str]) -> dict[str, bool]:
    aborted = pickle.ABORT in names
    auto = bool(params[pickle.TRIAL_AUTO_REWARD.key]) and not aborted
    catch = bool(params[pickle.TRIAL_CATCH.key]) and not aborted
    outcome = {
        "aborted": aborted,
        "auto_rewarded": auto,
        "catch": catch,
        "go": not (aborted or auto or catch),
        "hit": pickle.HIT in names and not auto,
        "miss": pickle.MISS in names and not auto,
        "false_alarm": pickle.FALSE_ALARM in names and not auto,
        "correct_reject": catch and pickle.FALSE_ALARM not in names and not auto,
    }
    given = [name for name in _OUTCOMES if outcome[name]]
    if len(given) != 1:
        raise raw.error(
            pickle.TRIAL,
            f"is {' and '.join(given) or 'none'} of {', '.join(_OUTCOMES)}; expected exactly one",
            trial=number,
        )
    return outcome


def _change(raw: RawSession, number: int, trial: Any, outcome: dict[str, bool], clock: Clock) -> tuple[int, float]:
    """Return the frame and time of the change or sham change. An auto-rewarded trial has a change, also if it is catch."""
    if outcome["aborted"]:
        return MISSING_INTEGER, np.nan
    is_sham = outcome["catch"] and not outcome["auto_rewarded"]
    frame = _events(raw, number, trial, pickle.SHAM_CHANGE if is_sham else pickle.STIMULUS_CHANGED)[-1][3]
    return whole_number(frame), time_at(raw, clock.shown, frame, pickle.TRIAL_EVENTS, trial=number)


def read_first_rewards(raw: RawSession, clock: Clock) -> list[tuple[float, float, bool]]:
    """Return volume (mL), time (s) and whether it was free, for the first reward of each rewarded trial."""
    rows = []
    for number, trial in enumerate(finished_trials(raw)):
        with raw.reading(pickle.TRIAL, trial=number):
            for volume, _, frame in (trial.get(pickle.TRIAL_REWARDS.key) or [])[:1]:
                time = time_at(raw, clock.frames, frame, pickle.TRIAL_REWARDS, trial=number)
                params = trial[pickle.TRIAL_PARAMS.key]
                rows.append((volume, time, bool(params[pickle.TRIAL_AUTO_REWARD.key])))
    return rows


def _reward_times(
    raw: RawSession, clock: Clock, start: NDArray[np.float64], stop: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the time of the reward from start to stop of each trial; NaN if there is none."""
    times = np.sort([time for _, time, _ in read_first_rewards(raw, clock)])
    first, after = np.searchsorted(times, start, side="left"), np.searchsorted(times, stop, side="right")
    several = np.flatnonzero(after - first > 1)
    if len(several):
        raise raw.error(pickle.TRIAL, "has more than one reward between its start and stop", trial=int(several[0]))
    reward_times = np.full(len(start), np.nan)
    reward_times[after > first] = times[first[after > first]]
    return reward_times


def time_at(raw: RawSession, times: NDArray[np.float64], frame: Any, entry: Entry, **position: Any) -> float:
    """Return the time of a frame that an entry of the pickle refers to."""
    with raw.reading(entry, **position):
        frame = whole_number(frame)
    if not 0 <= frame < len(times):
        raise raw.error(entry, f"refers to frame {frame}; the session has {len(times)} frames", **position)
    return float(times[frame])


def _licks_by_trial(times: NDArray[np.float64], frames: NDArray[np.int64], bounds: list[tuple[int, float]]) -> Ragged:
    """Return the lick times of each trial; a lick in the first frame of a trial belongs to the previous trial."""
    starts = np.array([start for start, _ in bounds], dtype=np.float64)
    stops = np.array([stop for _, stop in bounds], dtype=np.float64)
    first, after = (np.searchsorted(frames, edges, side="right") for edges in (starts, stops))
    after = np.maximum(first, after)
    flat = np.concatenate([times[i:j] for i, j in zip(first.tolist(), after.tolist(), strict=True)])
    counts = (after - first).astype(np.int64)
    # AllenSDK returns an empty object array for sessions without licks.
    return Ragged(flat if len(flat) else np.empty(0, dtype=object), counts)


def _add_responses(columns: dict[str, Any]) -> None:
    """Add time and latency of the first lick of each trial, which may precede the change."""
    licks: Ragged = columns["lick_times"]
    has_lick = (licks.counts > 0) & ~columns["aborted"]
    first = np.full(len(has_lick), np.nan)
    starts = np.cumsum(licks.counts) - licks.counts
    first[has_lick] = licks.flat[starts[has_lick]].astype(np.float64)
    columns["response_time"] = first
    latency = np.where(has_lick, first - columns["change_time"], np.inf)
    columns["response_latency"] = np.where(columns["aborted"], np.nan, latency)
