"""Tensors for machine learning: events x time x features of a session, on one clock, with labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.alignment import checked_window, compute_event_triggered, interpolated_times
from visbehavior.analysis.event_kinds import EVENT_KINDS, select_events
from visbehavior.arguments import as_iterable, check_choice, check_number, check_whole_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.session_streams import CELL_STREAMS, STREAMS, is_plane, is_session, read_stream

DEFAULT_STREAMS = ("events", "running", "pupil")
MAX_BYTES = 500_000_000
"""Largest size of the values of a tensor by default."""
_MOST_BYTES = 2**40
_MOST_SAMPLES = 1_000_000
_MOST_RATE = 1e6
_ITEM = np.dtype(np.float32).itemsize


class SessionTensor(NamedTuple):
    """Values around events, and what they are.

    Parameters
    ----------
    values : numpy.ndarray
        float32, events x time x features, without NaN.
    time : numpy.ndarray
        Time of each sample relative to the event (s).
    features : pandas.DataFrame
        One row per feature: ``stream``, and of cells ``ophys_experiment_id`` and ``cell_roi_id`` (else <NA>).
    labels : pandas.DataFrame
        One row per event: ``event_time`` (s), and the columns of the flash table if the events are flashes.
    excluded : dict of str to int
        Number of events that were left out, by reason.
    """

    values: NDArray[np.float32]
    time: NDArray[np.float64]
    features: pd.DataFrame
    labels: pd.DataFrame
    excluded: dict[str, int]


class _Block(NamedTuple):
    """A stream of one plane or session: its name in reasons, its rows of the features, its times and values."""

    name: str
    features: pd.DataFrame
    times: Any
    values: NDArray[np.float32]


def compute_tensor(
    sessions: Any,
    align: str = "changes",
    *,
    window: tuple[float, float] = (-0.5, 0.75),
    rate: float | None = None,
    streams: Iterable[str] = DEFAULT_STREAMS,
    max_bytes: int = MAX_BYTES,
) -> SessionTensor:
    """Return the values of streams around each event of a session, on one clock.

    Parameters
    ----------
    sessions : BehaviorSession, BehaviorOphysExperiment or list of BehaviorOphysExperiment
        A session, an imaging plane, or several planes of one session.
    align : str
        Kind of events, as for `select_events`.
    window : tuple of float
        Start and end, relative to the event (s).
    rate : float or None
        Samples per second. All streams are interpolated at the same times relative to the event. None: the frame rate
        of a single plane. Several planes, whose clocks differ, and sessions without imaging need a rate.
    streams : iterable of str
        "dff", "events" and "filtered_events" of each plane; "running", "pupil" and "licks" of the session.
    max_bytes : int
        Largest size of the values. `iterate_tensor` returns parts of this size.

    Returns
    -------
    SessionTensor
        Events with a value that is missing, such as outside a recording, are left out and counted by reason.

    Raises
    ------
    BadValue
        If the planes are of several sessions, a rate is needed, an option has no such value, or the tensor is too large.
    MissingData
        If a session lacks a stream.
    MissingExtra
        If xarray is not installed.

    Examples
    --------
    >>> tensor = compute_tensor(experiment, "changes", rate=30, streams=("dff", "running"))
    >>> tensor.values.shape, tensor.labels["hit"]
    """
    plan = _Plan.make(sessions, align, window, rate, streams, max_bytes)
    if plan.bytes_per_event * len(plan.events) > max_bytes:
        raise BadValue(
            f"The tensor has {plan.bytes_per_event * len(plan.events):,} bytes, and max_bytes is {max_bytes:,}. Choose fewer streams or a lower "
            "rate, raise max_bytes, or use iterate_tensor, which returns parts.",
            name="max_bytes",
            value=max_bytes,
        )
    return plan.compute(slice(None))


def iterate_tensor(
    sessions: Any,
    align: str = "changes",
    *,
    window: tuple[float, float] = (-0.5, 0.75),
    rate: float | None = None,
    streams: Iterable[str] = DEFAULT_STREAMS,
    max_bytes: int = MAX_BYTES,
) -> Iterator[SessionTensor]:
    """Yield the tensor of `compute_tensor` in parts of consecutive events, each of at most `max_bytes`.

    Parameters
    ----------
    sessions, align, window, rate, streams
        As for `compute_tensor`.
    max_bytes : int
        Largest size of the values of a part. It must be enough for one event.

    Yields
    ------
    SessionTensor
        All parts have the same times and features.

    Raises
    ------
    BadValue, MissingData, MissingExtra
        As `compute_tensor`.
    """
    plan = _Plan.make(sessions, align, window, rate, streams, max_bytes)
    count = max_bytes // max(plan.bytes_per_event, 1)
    if not count:
        raise BadValue(
            f"max_bytes is {max_bytes:,}; expected {plan.bytes_per_event:,} or more, the size of one event.",
            name="max_bytes",
            value=max_bytes,
        )
    return (plan.compute(slice(first, first + count)) for first in range(0, len(plan.events), count))


class _Plan(NamedTuple):
    """The columns, events and samples of a tensor, before anything is computed."""

    blocks: list[_Block]
    events: pd.DataFrame
    window: tuple[float, float]
    rate: float

    @classmethod
    def make(
        cls,
        sessions: Any,
        align: str,
        window: tuple[float, float],
        rate: float | None,
        streams: Iterable[str],
        max_bytes: int,
    ) -> _Plan:
        """Check the arguments, and read the streams and the events."""
        check_whole_number("max_bytes", max_bytes, 1, _MOST_BYTES, unit="bytes")
        checked = checked_window("window", window)
        check_choice("align", align, EVENT_KINDS)
        planes = _checked_sessions(sessions)
        names = _checked_streams(streams)
        chosen_rate = _checked_rate(planes, rate)
        if not (checked[1] - checked[0]) * chosen_rate < _MOST_SAMPLES:
            raise BadValue(
                f"The window {brief_repr(window)} has too many samples at a rate of {chosen_rate:g} per second; expected fewer than "
                f"{_MOST_SAMPLES}.",
                name="window",
                value=window,
            )
        return cls(_read_blocks(planes, names), _read_events(planes[0], align), checked, chosen_rate)

    @property
    def bytes_per_event(self) -> int:
        features = sum(len(block.features) for block in self.blocks)
        return len(interpolated_times(*self.window, self.rate)) * features * _ITEM

    def compute(self, rows: slice) -> SessionTensor:
        """Align the streams to events, and leave out events with missing values."""
        events = self.events.iloc[rows]
        time = interpolated_times(*self.window, self.rate)
        features = pd.concat([block.features for block in self.blocks], ignore_index=True)
        values = np.empty((len(events), len(time), len(features)), dtype=np.float32)
        reasons = np.full(len(events), "", dtype=object)
        first = 0
        for block in self.blocks:
            aligned = compute_event_triggered(
                block.times, block.values, events["event_time"], self.window, sampling_rate=self.rate
            )
            last = first + len(block.features)
            values[:, :, first:last] = aligned.to_numpy()
            first = last
            _add_reasons(reasons, block.name, aligned)
        kept = reasons == ""
        excluded = Counter(reasons[~kept].tolist())
        return SessionTensor(values if kept.all() else values[kept], time, features, events[kept], dict(excluded))


def _add_reasons(reasons: NDArray[np.object_], name: str, aligned: Any) -> None:
    """Add why events cannot be used. The first reason of an event counts."""
    problem = aligned["problem"].to_numpy()
    has_gap = np.isnan(aligned.to_numpy()).any(axis=(1, 2)) & (problem == "")
    problem = np.where(has_gap, "missing values", problem)
    is_new = (reasons == "") & (problem != "")
    reasons[is_new] = [f"{name}: {text}" for text in problem[is_new]]


def _checked_sessions(sessions: Any) -> list[Any]:
    expected = "a session, an imaging plane, or a list of imaging planes of one session"
    planes = [sessions] if is_session(sessions) else list(as_iterable("sessions", sessions, (), expected))
    if not planes or not all(map(is_session, planes)):
        raise BadValue(f"sessions is {brief_repr(sessions)}; expected {expected}.", name="sessions")
    ids = sorted({plane.behavior_session_id for plane in planes})
    if len(ids) > 1:
        raise BadValue(
            f"sessions are of {len(ids)} sessions ({', '.join(map(str, ids[:3]))}); expected planes of one session. Compute a tensor for each.",
            name="sessions",
        )
    return planes


def _checked_streams(streams: Any) -> list[str]:
    names = list(as_iterable("streams", streams, (str,), f"some of {', '.join(STREAMS)}"))
    for name in names:
        check_choice("streams", name, STREAMS)
    if not names or len(set(names)) < len(names):
        raise BadValue(
            f"streams is {brief_repr(streams)}; expected one or more different streams of {', '.join(STREAMS)}.",
            name="streams",
        )
    return names


def _checked_rate(planes: Sequence[Any], rate: float | None) -> float:
    if rate is not None:
        check_number("rate", rate, most=_MOST_RATE, above=0, unit="samples per second")
        return float(rate)
    plane = planes[0]
    if len(planes) > 1 or not is_plane(plane):
        raise BadValue(
            "rate is None; expected the samples per second of the tensor, because the streams have several clocks. Only a single imaging "
            "plane has a default, its frame rate.",
            name="rate",
        )
    return float(1 / np.mean(np.diff(plane.ophys_timestamps)))


def _read_blocks(planes: Sequence[Any], names: Sequence[str]) -> list[_Block]:
    """Read the streams: of cells from each plane, others once."""
    blocks = []
    for name in names:
        for plane in planes if name in CELL_STREAMS else planes[:1]:
            times, values = read_stream(plane, name)
            cells = values.columns if isinstance(values, pd.DataFrame) else [pd.NA]
            plane_id = plane.ophys_experiment_id if is_plane(plane) else pd.NA
            features = pd.DataFrame(
                {
                    "stream": name,
                    "ophys_experiment_id": pd.array(
                        [plane_id if name in CELL_STREAMS else pd.NA] * len(cells), "Int64"
                    ),
                    "cell_roi_id": pd.array(list(cells), dtype="Int64"),
                }
            )
            samples = np.asarray(values, dtype=np.float32).reshape(len(times), len(cells))
            blocks.append(_Block(name, features, times, samples))
    return blocks


def _read_events(session: Any, align: str) -> pd.DataFrame:
    flash_table = session.get_flash_table()
    times = select_events(flash_table, align, session.licks, session.rewards)
    events = times.to_frame("event_time")
    return events.join(flash_table) if times.index.name == flash_table.index.name else events
