"""The clock of the stimulus frames: the rig's own, or that of a sync file; and the delay of the monitor.

Source of the rules: AllenSDK 2.16, ``data_objects/timestamps/stimulus_timestamps`` and ``data_objects/timestamps/util.py``,
``sync_dataset.py`` and ``internal/brain_observatory/time_sync.py``.
"""

from __future__ import annotations

import ast
import os
from functools import cached_property
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, CorruptFile, MissingData, NotFound
from visbehavior.raw.file import RawSession

Floats = NDArray[np.float64]

MONITOR_DELAY = 0.02115
"""Seconds from a frame's signal to the middle of the screen: the median over rigs, where it is not measured."""

DELAYS = {
    "CAM2P.1": 0.020842,
    "CAM2P.2": 0.037566,
    "CAM2P.3": 0.021390,
    "CAM2P.4": 0.021102,
    "CAM2P.5": 0.021192,
    "MESO.1": 0.03613,
    "MESO.2": 0.03613,
}
"""Of rigs whose photodiode does not tell (s)."""

_VSYNC = ("stim_vsync", "vsync_stim")
_PHOTODIODE = ("stim_photodiode", "photodiode")
_COUNTER = 2**32
# The photodiode's patch changes with every 60th frame.
_FRAMES_A_CHANGE = 60
_EXPECTED_GAP, _TOLERANCE, _TOO_SOON = 1.0, 0.05, 0.5
_GREATEST_DELAY = 0.07


class Clock(NamedTuple):
    """Three clocks of one session, which differ in the last bit of a few values.

    Parameters
    ----------
    frames : numpy.ndarray
        When each frame was sent (s): licks, rewards, running.
    shown : numpy.ndarray
        When it was seen, the delay of the monitor later: presentations, changes.
    stored : numpy.ndarray
        `shown` less the delay: stimulus_timestamps, and the trials' start, stop and licks.
    """

    frames: Floats
    shown: Floats
    stored: Floats


def read_clock(raw: RawSession) -> Clock:
    """The clocks of a session, from its pickle or, where there is one, its sync file."""
    sync = SyncFile(raw.known("sync_file")) if raw.known("sync_file", None) else None
    frames = sync.falling(_VSYNC) if sync else rig_frames(raw)
    delay = _known_delay(raw)
    if delay is None:
        delay = measured_delay(sync, frames, raw.known("rig_name")) if sync else MONITOR_DELAY
    shown = frames + delay
    return Clock(frames, shown, shown - delay)


def _known_delay(raw: RawSession) -> float | None:
    given = raw.known("monitor_delay", None)
    try:
        return None if given is None else float(given)
    except (TypeError, ValueError):
        raise BadValue(f"session_data['monitor_delay'] is {given!r}; expected seconds.", value=given) from None


def rig_frames(raw: RawSession) -> Floats:
    """The rig's own clock: the first frame at 0, then the sum of the intervals."""
    intervals = raw.array("intervalsms")
    if not len(intervals):
        raise raw.wrong(("intervalsms",), "is empty: the session has no frames")
    if not (intervals >= 0).all():
        raise raw.wrong(("intervalsms",), f"holds {intervals.min():g}: the clock runs backwards")
    frames: Floats = np.cumsum(np.concatenate([[0.0], intervals])) / 1000
    return frames


def measured_delay(sync: SyncFile, frames: Floats, rig: str) -> float:
    """The delay of the monitor at the photodiode, or, where that does not tell, as it is known of the rig."""
    edges = np.sort(np.concatenate([sync.rising(_PHOTODIODE), sync.falling(_PHOTODIODE)]))
    changes = frames[::_FRAMES_A_CHANGE]
    edges = _regular(edges)
    if len(edges) and len(edges) <= len(changes):
        delay = float(np.mean(edges - changes[: len(edges)]))
        if 0 < delay < _GREATEST_DELAY:
            return delay
    if rig not in DELAYS:
        raise BadValue(
            f"The delay of the monitor cannot be measured at the photodiode of {sync.path}, and that of the rig {rig!r} is not known. Give it in "
            "session_data as 'monitor_delay', in seconds.",
            path=sync.path,
            name=rig,
        )
    return DELAYS[rig]


def _regular(edges: Floats) -> Floats:
    """From the first edge to the last that stand among others a second apart, less those that are followed too soon."""
    gaps = np.diff(edges)
    regular = np.abs(gaps - _EXPECTED_GAP) < _TOLERANCE
    pairs = np.flatnonzero(regular[:-1] & regular[1:])
    if not len(pairs):
        return edges[:0]
    kept = edges[pairs[0] : pairs[-1] + 3]
    spaced: Floats = kept[np.append(np.diff(kept) >= _TOO_SOON, True)]
    return spaced


class SyncFile:
    """The edges of lines that one clock recorded.

    Parameters
    ----------
    path : str or os.PathLike
        HDF5: ``data``, counts and states of all lines at each change, and ``meta``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        if not os.path.exists(self.path):
            raise NotFound(
                f"There is no sync file {self.path}. Leave 'sync_file' out to use the rig's own clock.", path=self.path
            )

    @cached_property
    def _meta(self) -> dict[str, Any]:
        return self._read()[0]

    @cached_property
    def _changes(self) -> tuple[Floats, NDArray[np.uint32]]:
        """Times (s) and states; the counter begins anew after 2**32."""
        _, data = self._read()
        counts = data[:, 0].astype(np.int64)
        counts += np.concatenate([[0], np.cumsum(np.diff(counts) < 0)]) * _COUNTER
        times: Floats = counts / float(self._meta["ni_daq"]["sample_freq"])
        return times, data[:, 1]

    def rising(self, names: tuple[str, ...]) -> Floats:
        """When a line went up (s); the first of these names that there is."""
        return self._edges(names, 1)

    def falling(self, names: tuple[str, ...]) -> Floats:
        """When it went down (s)."""
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
                raise ValueError("no counts and states of lines")
            float(meta["ni_daq"]["sample_freq"])
        except (OSError, KeyError, ValueError, SyntaxError, TypeError, AttributeError) as error:
            raise CorruptFile(f"{self.path} is no sync file, or a damaged one ({error}).", path=self.path) from error
        return meta, data
