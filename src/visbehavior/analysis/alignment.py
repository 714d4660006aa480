"""Samples around events: one trace, or the traces of many cells, aligned to event times.

Definition: brain_observatory_utilities (BOU, c0a47b4), ``event_triggered_response``. It returns the last value silently
outside the recording, or values from its other end; here they are NaN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.event_times import Floats
from visbehavior.arguments import as_float, check_choice, check_number
from visbehavior.errors import BadValue, brief_repr
from visbehavior.extras import import_extra

METHODS = ("interpolate", "nearest")
_MAX_VALUES = 2**32
"""Largest number of values in a result. A larger one is a mistake in the window or the rate."""

COMPLETE, PARTIAL, OUTSIDE, NO_SAMPLE, NO_TIME = (
    "",
    "partly outside the recording",
    "outside the recording",
    "no sample in the window",
    "no event time",
)
"""Problems of an event; "" if there is none."""


class Positions(NamedTuple):
    """Positions in the recording of the samples of each event (events x time).

    Parameters
    ----------
    left : numpy.ndarray
        Position of the sample at or before.
    weight : numpy.ndarray or None
        Weight of the next sample. None: the sample itself.
    missing : numpy.ndarray
        bool: outside the recording.
    """

    left: NDArray[np.intp]
    weight: Floats | None
    missing: NDArray[np.bool_]


def compute_event_triggered(
    times: Any,
    values: Any,
    event_times: Any,
    window: tuple[float, float],
    *,
    sampling_rate: float | None = None,
    method: str = "interpolate",
    baseline: tuple[float, float] | None = None,
) -> Any:
    """Return the samples around each event.

    Parameters
    ----------
    times : array_like
        Times of the samples (s), increasing. They may be irregular.
    values : array_like or pandas.DataFrame
        One value per sample, or samples x cells. The columns of a DataFrame label the cells.
    event_times : array_like or pandas.Series
        Times of the events (s), in any order. The index of a Series labels the events.
    window : tuple of float
        Start and end, relative to the event (s).
    sampling_rate : float or None
        Samples per second of the result. None: 1 / mean interval of `times`. Must be None for "nearest".
    method : str
        "interpolate": linear interpolation between the samples in the window; before the first and after the last of
        them its value. "nearest": the sample nearest to the event (the later of two) and its neighbors, without
        interpolation.
    baseline : tuple of float or None
        Start and end, relative to the event (s): the mean of each event in it is subtracted.

    Returns
    -------
    xarray.DataArray
        Dimensions ``event`` and ``time``, and ``cell`` if `values` has cells; float64, or float32 if `values` is.
        Coordinates: ``event`` (label), ``time`` (s), ``event_time`` (s), ``problem`` (text). Every event has a row.
        Values outside the recording are NaN, and ``problem`` says why; it is empty for a complete event. The attribute
        ``problems`` counts events by problem.

    Raises
    ------
    BadValue
        If times are not increasing numbers, shapes do not match, the window is empty, or there is no such method.
    MissingExtra
        If xarray is not installed, or scipy, which interpolates.

    Notes
    -----
    Definition: brain_observatory_utilities, ``event_triggered_response``. Interpolated times are start, start + 1/rate, ...
    up to the end. Nearest samples are those from int(start * rate) to int(int(start * rate) + (end - start) * rate).
    A NaN makes interpolated values on both of its sides NaN.

    Examples
    --------
    >>> changes = flashes["start_time"][flashes["is_change"]]
    >>> running = session.running_speed
    >>> response = compute_event_triggered(running["timestamps"], running["speed"], changes, (-1, 2))
    >>> response.mean("event")
    """
    xarray = import_extra("xarray")
    sample_times, samples = _checked_samples(times, values)
    start, end = checked_window("window", window)
    events, labels = _checked_events(event_times)
    check_choice("method", method, METHODS)
    rate = _checked_rate(sample_times, sampling_rate, method)
    _check_size(events, (end - start) * rate, samples)
    if method == "interpolate":
        relative = interpolated_times(start, end, rate)
        positions, problem = _interpolated(sample_times, events, relative, end)
    else:
        offsets = nearest_offsets(start, end, rate)
        relative = offsets / rate
        positions, problem = _nearest(sample_times, events, offsets)
    aligned = _gather(samples, positions)
    if baseline is not None:
        aligned -= _baseline(aligned, relative, baseline)
    found, count = np.unique(problem[problem != COMPLETE], return_counts=True)
    coords = {
        "event": labels,
        "time": relative,
        "event_time": ("event", events),
        "problem": ("event", problem.astype(object)),
    }
    if isinstance(values, pd.DataFrame) and not isinstance(values.columns, pd.MultiIndex):
        coords["cell"] = np.asarray(values.columns)
    return xarray.DataArray(
        aligned,
        dims=("event", "time", "cell")[: aligned.ndim],
        coords=coords,
        attrs={"problems": dict(zip(found.tolist(), count.tolist(), strict=True))},
    )


def interpolated_times(start: float, end: float, rate: float) -> Floats:
    """Return the times of interpolated samples relative to the event (s): start, start + 1/rate, ... up to the end."""
    step = 1 / rate
    steps = (end - start) / step
    count = int(steps)
    return np.linspace(start, end if steps == count else start + count * step, count + 1)


def nearest_offsets(start: float, end: float, rate: float) -> NDArray[np.int64]:
    """Return the positions of samples relative to the one nearest to the event. Fractions are cut towards 0."""
    first = int(start * rate)
    return np.arange(first, int(first + (end - start) * rate) + 1)


def checked_window(name: str, window: Any) -> tuple[float, float]:
    """Return the start and the end of a window; BadValue unless they are two increasing numbers."""
    try:
        start, end = map(as_float, window)
    except (TypeError, ValueError):
        start = end = np.nan
    if not (np.isfinite([start, end]).all() and start < end):
        raise BadValue(
            f"{name} is {brief_repr(window)}; expected its start and end relative to the event, two increasing numbers (s).",
            name=name,
            value=window,
        )
    return start, end


def _as_numbers(name: str, values: Any, dimensions: tuple[int, ...], expected: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cmM":
            raise TypeError(f"its dtype is {array.dtype}")
        array = array if array.dtype == np.float32 else array.astype(np.float64, copy=False)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise BadValue(f"{name} cannot be used: {error}. Expected {expected}.", name=name) from error
    if array.ndim not in dimensions:
        raise BadValue(f"{name} has {array.ndim} dimensions. Expected {expected}.", name=name)
    return array


def _checked_samples(times: Any, values: Any) -> tuple[Floats, NDArray[Any]]:
    sample_times = _as_numbers("times", times, (1,), "one time (s) per sample").astype(np.float64)
    samples = _as_numbers("values", values, (1, 2), "one value per sample, or samples x cells")
    if len(sample_times) != len(samples):
        raise BadValue(
            f"times has {len(sample_times)} samples, and values {len(samples)}; expected one time per value, or per row of values.",
            name="values",
        )
    if not len(sample_times):
        raise BadValue("times and values have no samples; expected a recording.", name="times")
    wrong = np.flatnonzero(~(np.diff(sample_times) > 0))
    if len(wrong) or not np.isfinite(sample_times).all():
        row = int(wrong[0]) + 1 if len(wrong) else 0
        raise BadValue(
            f"times do not increase at sample {row}; expected finite, increasing times. Sort the samples and drop duplicates.",
            name="times",
        )
    return sample_times, np.ascontiguousarray(samples)


def _checked_events(event_times: Any) -> tuple[Floats, Any]:
    labels = event_times.index if isinstance(event_times, pd.Series) else None
    events = _as_numbers("event_times", event_times, (1,), "one time (s) per event").astype(np.float64)
    if isinstance(labels, pd.MultiIndex):
        labels = None
    return events, np.arange(len(events)) if labels is None else np.asarray(labels)


def _checked_rate(times: Floats, sampling_rate: float | None, method: str) -> float:
    if sampling_rate is None:
        if len(times) < 2:
            raise BadValue(
                f"times has {len(times)} samples, which have no rate; pass sampling_rate (samples per second).",
                name="times",
            )
        return float(1 / np.mean(np.diff(times)))
    check_number("sampling_rate", sampling_rate, above=0, unit="samples per second")
    if method == "nearest":
        raise BadValue(
            "sampling_rate cannot be used with method='nearest', which returns the samples themselves; expected None.",
            name="sampling_rate",
            value=sampling_rate,
        )
    return float(sampling_rate)


def _check_size(events: Floats, steps: float, samples: NDArray[Any]) -> None:
    cells = samples.shape[1] if samples.ndim == 2 else 1
    size = max(len(events), 1) * (steps + 1) * max(cells, 1)
    if not size < _MAX_VALUES:
        raise BadValue(
            f"The result would have {size:.3g} values; expected fewer than {_MAX_VALUES}. Pass a shorter window or a lower "
            "sampling_rate (samples per second).",
            name="window",
        )


def _interpolated(times: Floats, events: Floats, relative: Floats, end: float) -> tuple[Positions, NDArray[Any]]:
    """Find the samples on both sides of each time.

    Times before the first sample of the window get its value, and so do those after the last one.
    """
    wanted = events[:, None] + relative
    first = np.searchsorted(times, events + relative[0], "left")
    last = np.searchsorted(times, events + end, "right") - 1
    empty = last < first
    outside = ~((wanted >= times[0]) & (wanted <= times[-1]))
    missing = outside | empty[:, None]
    top = len(times) - 1
    held = np.clip(wanted, times[np.clip(first, 0, top)][:, None], times[np.clip(last, 0, top)][:, None])
    left = np.clip(np.searchsorted(times, held, "right") - 1, 0, top)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = (held - times[left]) / (times[np.minimum(left + 1, top)] - times[left])
    weight[~np.isfinite(weight) | missing] = 0.0
    return Positions(left, weight, missing), _problems(events, missing, empty & ~outside.all(axis=1))


def _nearest(times: Floats, events: Floats, offsets: NDArray[np.int64]) -> tuple[Positions, NDArray[Any]]:
    after = np.clip(np.searchsorted(times, events, "left"), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    with np.errstate(invalid="ignore"):
        center = np.where(events - times[before] < times[after] - events, before, after)
        step = np.mean(np.diff(times))
        outside = ~((events >= times[0] - step / 2) & (events <= times[-1] + step / 2))
    position = center[:, None] + offsets
    missing = (position < 0) | (position >= len(times)) | outside[:, None]
    return Positions(np.clip(position, 0, len(times) - 1), None, missing), _problems(
        events, missing, np.zeros(len(events), dtype=np.bool_)
    )


def _problems(events: Floats, missing: NDArray[np.bool_], in_gap: NDArray[np.bool_]) -> NDArray[Any]:
    """Return what is wrong with each event. `in_gap`: the window is in the recording but has no sample."""
    conditions = [np.isnan(events), in_gap, missing.all(axis=1), missing.any(axis=1)]
    return np.select(conditions, [NO_TIME, NO_SAMPLE, OUTSIDE, PARTIAL], default=COMPLETE)


def _gather(samples: NDArray[Any], positions: Positions) -> NDArray[Any]:
    """Return the samples at the positions, interpolated where the positions have weights."""
    left, weight, missing = positions
    aligned = _windows(samples, left) if weight is None else _weighted(samples, left, weight)
    if missing.any():
        aligned[missing] = np.nan
    return aligned


def _windows(samples: NDArray[Any], left: NDArray[np.intp]) -> NDArray[Any]:
    """Return the samples at consecutive positions. A window is copied faster than its samples one by one."""
    count = left.shape[1]
    if len(samples) < count:
        return samples[left]
    windows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(samples, count, axis=0), -1, 1)
    aligned: NDArray[Any] = windows[np.minimum(left[:, 0], len(samples) - count)]
    # At the ends of the recording positions are cut.
    is_cut = left[:, -1] - left[:, 0] < count - 1
    aligned[is_cut] = samples[left[is_cut]]
    return aligned


def _weighted(samples: NDArray[Any], left: NDArray[np.intp], weight: Floats) -> NDArray[Any]:
    """Return left * (1 - weight) + next * weight as one sparse product, which reads each sample once."""
    sparse = import_extra("scipy.sparse")
    position = left.ravel()
    weights = np.column_stack([1 - weight.ravel(), weight.ravel()]).astype(samples.dtype, copy=False)
    # Without a weight the next sample is not used: it may be NaN.
    used = weights > 0
    rows = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
    columns = np.column_stack([position, position + 1])[used]
    mixed = sparse.csr_array((weights[used], columns, rows), shape=(len(position), len(samples))) @ samples
    aligned: NDArray[Any] = mixed.reshape(left.shape + samples.shape[1:])
    return aligned


def _baseline(aligned: NDArray[Any], relative: Floats, baseline: Any) -> NDArray[Any]:
    start, end = checked_window("baseline", baseline)
    return mean_over_time(aligned, relative, start, end)[:, None]


def mean_over_time(aligned: NDArray[Any], relative: Floats, start: float, end: float) -> NDArray[Any]:
    """Return the mean from start to end, both included, without NaN; NaN if there is no value."""
    selected = aligned[:, (relative >= start) & (relative <= end)]
    valid = ~np.isnan(selected)
    count = valid.sum(axis=1)
    total = np.where(valid, selected, 0).sum(axis=1)
    mean: NDArray[Any] = np.divide(total, count, out=np.full(total.shape, np.nan, dtype=aligned.dtype), where=count > 0)
    return mean
