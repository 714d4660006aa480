"""Times of the stimulus frames, from the rig or from a sync file, and the monitor delay.

Source: AllenSDK 2.16, ``data_objects/timestamps/stimulus_timestamps``, ``data_objects/timestamps/util.py``, ``sync_dataset.py``
and ``internal/brain_observatory/time_sync.py``.
"""

from __future__ import annotations

import ast
import os
from functools import cached_property
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, CorruptFile, MissingData, NotFound, brief_repr
from visbehavior.raw.file import RawSession
from visbehavior.schema import stimulus_pickle as pickle
from visbehavior.schema.session_data import MONITOR_DELAY, RIG_NAME, SYNC_FILE

Floats = NDArray[np.float64]

DEFAULT_MONITOR_DELAY = 0.02115
"""Monitor delay (s) for sessions without a sync file: the median over rigs."""

RIG_MONITOR_DELAYS = {
    "CAM2P.1": 0.020842,
    "CAM2P.2": 0.037566,
    "CAM2P.3": 0.021390,
    "CAM2P.4": 0.021102,
    "CAM2P.5": 0.021192,
    "MESO.1": 0.03613,
    "MESO.2": 0.03613,
}
"""Fallback monitor delay (s) for rigs without a usable photodiode signal."""

_VSYNC_LINES = ("stim_vsync", "vsync_stim")
_PHOTODIODE_LINES = ("stim_photodiode", "photodiode")
_COUNTER_RANGE = 2**32
_FRAMES_PER_PHOTODIODE_CHANGE = 60
# Seconds between photodiode edges.
_EDGE_INTERVAL, _EDGE_TOLERANCE, _MIN_EDGE_INTERVAL = 1.0, 0.05, 0.5
_MAX_MONITOR_DELAY = 0.07


class Clock(NamedTuple):
    """Times of the stimulus frames.

    Parameters
    ----------
    frames : numpy.ndarray
        Time at which each frame was sent (s): licks, rewards, running.
    shown : numpy.ndarray
        `frames` plus the monitor delay: presentations, changes.
    stored : numpy.ndarray
        `shown` minus the monitor delay: stimulus_timestamps, and the start, stop and licks of trials. Rounding makes a few values
        differ from `frames` in the last bit, as in AllenSDK.
    """

    frames: Floats
    shown: Floats
    stored: Floats


def read_clock(raw: RawSession) -> Clock:
    """Return the times of the stimulus frames, from the sync file if there is one, else from the pickle."""
    path = raw.session_data(SYNC_FILE, None)
    sync = SyncFile(path) if path else None
    frames = sync.falling_edges(_VSYNC_LINES) if sync else read_frame_times(raw)
    delay = _supplied_delay(raw)
    if delay is None:
        delay = measure_monitor_delay(sync, frames, raw.session_data(RIG_NAME)) if sync else DEFAULT_MONITOR_DELAY
    shown = frames + delay
    return Clock(frames, shown, shown - delay)


def _supplied_delay(raw: RawSession) -> float | None:
    value = raw.session_data(MONITOR_DELAY, None)
    if value is None:
        return None
    try:
        delay = float(value)
    except (TypeError, ValueError):
        delay = np.nan
    if not np.isfinite(delay):
        raise BadValue(f"session_data[{MONITOR_DELAY.key!r}] is {brief_repr(value)}; expected seconds.", value=value)
    return delay


def read_frame_times(raw: RawSession) -> Floats:
    """Return the rig's own frame times: the cumulative sum of the frame intervals, from 0 (s)."""
    intervals = raw.array(pickle.INTERVALS)
    if not len(intervals):
        raise raw.error(pickle.INTERVALS, "is empty; expected the intervals between stimulus frames")
    if not (intervals >= 0).all():
        raise raw.error(pickle.INTERVALS, f"contains {intervals.min():g}; intervals must be 0 or more")
    frames: Floats = np.cumsum(np.concatenate([[0.0], intervals])) / 1000
    return frames


def measure_monitor_delay(sync: SyncFile, frames: Floats, rig: str) -> float:
    """Return the mean delay of the photodiode edges, or the known delay of the rig if it is out of range (s)."""
    edges = np.sort(np.concatenate([sync.rising_edges(_PHOTODIODE_LINES), sync.falling_edges(_PHOTODIODE_LINES)]))
    changes = frames[::_FRAMES_PER_PHOTODIODE_CHANGE]
    edges = _regular_edges(edges)
    if len(edges) and len(edges) <= len(changes):
        delay = float(np.mean(edges - changes[: len(edges)]))
        if 0 < delay < _MAX_MONITOR_DELAY:
            return delay
    if rig not in RIG_MONITOR_DELAYS:
        raise BadValue(
            f"The monitor delay cannot be measured from the photodiode signal in {sync.path}, and there is no known delay for the rig "
            f"{brief_repr(rig)}. Set {MONITOR_DELAY.key!r} in session_data (seconds).",
            path=sync.path,
            name=rig,
        )
    return RIG_MONITOR_DELAYS[rig]


def _regular_edges(edges: Floats) -> Floats:
    """Return the edges from the first to the last regular pair of intervals, without those followed too early."""
    intervals = np.diff(edges)
    regular = np.abs(intervals - _EDGE_INTERVAL) < _EDGE_TOLERANCE
    pairs = np.flatnonzero(regular[:-1] & regular[1:])
    if not len(pairs):
        return edges[:0]
    kept = edges[pairs[0] : pairs[-1] + 3]
    spaced: Floats = kept[np.append(np.diff(kept) >= _MIN_EDGE_INTERVAL, True)]
    return spaced


class SyncFile:
    """Digital lines recorded with one clock.

    Parameters
    ----------
    path : str or os.PathLike
        HDF5 file with ``data`` (counter and states of all lines at each change) and ``meta``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise NotFound(
                f"There is no sync file {self.path}. Correct {SYNC_FILE.key!r}, or remove it to use the rig's own clock.",
                path=self.path,
            )

    @cached_property
    def _meta(self) -> dict[str, Any]:
        return self._read()[0]

    @cached_property
    def _changes(self) -> tuple[Floats, NDArray[np.uint32]]:
        """Times (s) and line states of the changes; the 32-bit counter is unwrapped."""
        _, data = self._read()
        counts = data[:, 0].astype(np.int64)
        counts += np.concatenate([[0], np.cumsum(np.diff(counts) < 0)]) * _COUNTER_RANGE
        times: Floats = counts / float(self._meta["ni_daq"]["sample_freq"])
        return times, data[:, 1]

    def rising_edges(self, names: tuple[str, ...]) -> Floats:
        """Return the times at which a line goes up (s); the first of these names that is recorded is used."""
        return self._edges(names, 1)

    def falling_edges(self, names: tuple[str, ...]) -> Floats:
        """Return the times at which a line goes down (s); the first of these names that is recorded is used."""
        return self._edges(names, -1)

    def _edges(self, names: tuple[str, ...], direction: int) -> Floats:
        labels = list(self._meta["line_labels"])
        name = next((name for name in names if name in labels), None)
        if name is None:
            raise MissingData(
                f"{self.path} has no line {' or '.join(names)}; it has {', '.join(filter(None, labels))}.",
                path=self.path,
                name=names[0],
            )
        times, states = self._changes
        line = (states >> labels.index(name) & 1).astype(np.int8)
        edges: Floats = times[np.diff(line, prepend=0) == direction]
        return edges

    def _read(self) -> tuple[dict[str, Any], NDArray[Any]]:
        try:
            with h5py.File(self.path, "r") as file:
                meta, data = ast.literal_eval(file["meta"].asstr()[()]), file["data"][()]
            if data.ndim != 2 or data.shape[1] != 2 or "line_labels" not in meta:
                raise ValueError("expected two columns and line labels")
            float(meta["ni_daq"]["sample_freq"])
        except (OSError, KeyError, ValueError, SyntaxError, TypeError, AttributeError) as error:
            raise CorruptFile(f"{self.path} is not a sync file, or is damaged ({error}).", path=self.path) from error
        return meta, data
