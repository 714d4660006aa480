"""Responses to events: means, baselines, p values, selectivity, modulation, and confidence bands.

Definitions: brain_observatory_utilities (BOU, c0a47b4), ``datasets/optical_physiology/data_formatting.py``; indices of
visual_behavior_analysis (VBA, 8d04c3b), ``ophys/response_analysis/cell_metrics.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.alignment import mean_over_time
from visbehavior.analysis.checks import get_texts
from visbehavior.analysis.event_times import Floats
from visbehavior.analysis.spontaneous import find_spontaneous
from visbehavior.arguments import check_number, check_whole_number
from visbehavior.errors import BadValue, brief_repr

RESPONSE_SECONDS = 0.5
"""Published length of the response window of flashes and changes, and of the baseline before (s)."""
OMISSION_SECONDS = 0.75
"""Published length of these windows for omissions (s)."""
P_VALUE_DRAWS = 10_000
RUNNING_ABOVE = 2.0
"""The mouse counts as running at a higher mean speed (cm/s)."""
_MAX_DRAWS = 1_000_000
_LONGEST_WINDOW = 1e6
"""Longest response window (s). A longer one is a mistake."""


def compute_mean_response(response: Any, duration: float = RESPONSE_SECONDS) -> pd.DataFrame:
    """Return the mean response and the baseline of each event and cell.

    Parameters
    ----------
    response : xarray.DataArray
        As `compute_event_triggered` returns it.
    duration : float
        Length of both windows (s): the response is from 0 to `duration`, the baseline from -`duration` to 0. Published:
        0.5 s for flashes and changes, 0.75 s for omissions.

    Returns
    -------
    pandas.DataFrame
        One row per event and cell, event by event: ``event``, ``cell`` (if there are cells), ``mean_response`` and
        ``baseline_response``. Samples at both ends count, so that a sample at 0 is in both windows. NaN is left out; a
        mean without values is NaN.

    Raises
    ------
    BadValue
        If `response` is not of this kind, or the duration is not above 0.

    Notes
    -----
    Definition: brain_observatory_utilities, ``get_stimulus_response_df``.
    """
    check_number("duration", duration, above=0, unit="s")
    values, time = check_response(response)
    means = {
        "mean_response": mean_over_time(values, time, 0, duration),
        "baseline_response": mean_over_time(values, time, -duration, 0),
    }
    events = response["event"].to_numpy()
    if values.ndim == 2:
        return pd.DataFrame({"event": events, **means})
    cells = response["cell"].to_numpy()
    labels = {"event": np.repeat(events, len(cells)), "cell": np.tile(cells, len(events))}
    return pd.DataFrame({**labels, **{name: mean.ravel() for name, mean in means.items()}})


def compute_response_p_values(
    times: Any,
    values: Any,
    mean_response: Any,
    first_flash: float,
    *,
    duration: float = RESPONSE_SECONDS,
    draws: int = P_VALUE_DRAWS,
    seed: int = 0,
) -> Floats:
    """Return how often spontaneous activity before the task is at least as large as each response.

    Parameters
    ----------
    times : array_like
        Times of the imaging frames (s).
    values : array_like
        Traces, frames x cells.
    mean_response : array_like
        Mean responses, events x cells.
    first_flash : float
        Start of the first flash of the task (s). The 240 s before it are gray.
    duration : float
        Length of the response window (s).
    draws : int
        Number of windows that are drawn from the gray period, with replacement.
    seed : int
        Seed of the generator. The windows are the same for all cells.

    Returns
    -------
    numpy.ndarray
        float64, events x cells: the fraction of windows whose mean is not smaller. NaN without a gray period, or
        where the response is NaN.

    Raises
    ------
    BadValue
        If shapes do not match, or a number is out of range.

    Notes
    -----
    Definition: brain_observatory_utilities, ``get_p_value_from_shuffled_spontaneous``, with the window in seconds. Their
    caller multiplies the window by the frame rate twice.
    """
    check_number("duration", duration, most=_LONGEST_WINDOW, above=0, unit="s")
    check_number("first_flash", first_flash, unit="s")
    check_whole_number("draws", draws, 1, _MAX_DRAWS)
    check_whole_number("seed", seed, 0, 2**32 - 1)
    frame_times, traces = _as_array("times", times, 1), _as_array("values", values, 2)
    responses = _as_array("mean_response", mean_response, 2)
    if len(frame_times) != len(traces) or traces.shape[1] != responses.shape[1]:
        raise BadValue(
            f"times, values and mean_response have the shapes {frame_times.shape}, {traces.shape} and {responses.shape}; "
            "expected frames, frames x cells, and events x cells.",
            name="values",
        )
    gray = find_spontaneous(frame_times, first_flash)
    window = round(duration / np.mean(np.diff(frame_times))) if len(frame_times) > 1 else 0
    if gray.stop <= gray.start or not 0 < window <= len(frame_times):
        return np.full(responses.shape, np.nan)
    chosen = np.random.RandomState(seed).choice(np.arange(gray.start, gray.stop), draws)
    chosen = np.minimum(chosen, len(frame_times) - window)
    p_values = np.empty(responses.shape)
    for cell in range(responses.shape[1]):
        null = np.sort(_window_means(traces[:, cell], gray, window)[chosen - gray.start])
        p_values[:, cell] = 1 - np.searchsorted(null, responses[:, cell], "left") / draws
    p_values[np.isnan(responses)] = np.nan
    return p_values


def compute_image_selectivity(mean_response: Any, image_names: Any) -> pd.DataFrame:
    """Return how selective each cell is for one image.

    Parameters
    ----------
    mean_response : array_like
        Mean responses, events x cells.
    image_names : array_like
        Name of the image of each event.

    Returns
    -------
    pandas.DataFrame
        One row per cell:

        preferred_image : text
            Image with the largest mean response; None if the cell has no response.
        selectivity : float64
            (preferred - others) / (preferred + others), from the mean over events of the preferred image and that over
            all other events.
        lifetime_sparseness : float64
            (1 - (sum r)^2 / (N sum r^2)) / (1 - 1/N), r: the mean response to each of N images. 0: all responses are
            equal, 1: to one image only.

        NaN with fewer than two images.

    Raises
    ------
    BadValue
        If shapes do not match.

    Notes
    -----
    Definition: visual_behavior_analysis, ``cell_metrics.py``. Both are meaningful for responses that are not negative.
    """
    responses = _as_array("mean_response", mean_response, 2)
    texts = get_texts({"image_names": image_names}, "image_names", "images")
    names, image = np.unique(texts.astype(str), return_inverse=True)
    if image.shape != responses.shape[:1]:
        raise BadValue(
            f"image_names has the shape {image.shape}, and mean_response has {len(responses)} events; expected one name per event.",
            name="image_names",
        )
    cells = responses.shape[1]
    by_image = np.array([_mean(responses[image == number]) for number in range(len(names))]).reshape(len(names), cells)
    known = ~np.isnan(by_image).all(axis=0) if len(names) else np.zeros(cells, dtype=np.bool_)
    best = np.argmax(np.where(np.isnan(by_image), -np.inf, by_image), axis=0) if len(names) else np.zeros(cells, int)
    preferred = np.array([_mean(responses[image == best[cell], cell]) for cell in range(cells)], dtype=float)
    others = np.array([_mean(responses[image != best[cell], cell]) for cell in range(cells)], dtype=float)
    preferred_image = [names[number] if is_known else None for number, is_known in zip(best, known, strict=True)]
    return pd.DataFrame(
        {
            "preferred_image": np.array(preferred_image, dtype=object),
            "selectivity": modulation_index(preferred, others),
            "lifetime_sparseness": _lifetime_sparseness(by_image),
        }
    )


def compute_modulation(
    first: Any, second: Any, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Return the modulation index of each cell between two sets of events, with a confidence interval.

    The index is (first - second) / (first + second) of the mean responses. Examples: running and still events (mean
    speed above 2 cm/s or not), hits and misses, omissions and images.

    Parameters
    ----------
    first, second : array_like
        Mean responses, events x cells.
    draws : int
        Number of bootstrap samples of the events of each set.
    seed : int
        Seed of the generator.
    level : float
        Probability of the interval.

    Returns
    -------
    pandas.DataFrame
        One row per cell: ``modulation``, ``lower`` and ``upper`` (float64).

    Raises
    ------
    BadValue
        If shapes do not match, or a number is out of range.

    Notes
    -----
    Definition of the index: visual_behavior_analysis, ``cell_metrics.py``. The interval is the percentile bootstrap.
    """
    sets = [_as_array(name, values, 2) for name, values in (("first", first), ("second", second))]
    if sets[0].shape[1] != sets[1].shape[1]:
        raise BadValue(
            f"first has {sets[0].shape[1]} cells, and second {sets[1].shape[1]}; expected the same cells.",
            name="second",
        )
    _check_bootstrap(draws, seed, level)
    generator = np.random.default_rng(seed)
    index = modulation_index(*map(_mean, sets))
    means = [np.array([_mean(events) for events in _resampled(values, draws, generator)]) for values in sets]
    lower, upper = _interval(modulation_index(*means), level)
    return pd.DataFrame({"modulation": index, "lower": lower, "upper": upper})


def compute_confidence_band(response: Any, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> Any:
    """Return the mean over events at each time, with a confidence band by bootstrap over events.

    Parameters
    ----------
    response : xarray.DataArray
        As `compute_event_triggered` returns it.
    draws : int
        Number of bootstrap samples of the events.
    seed : int
        Seed of the generator.
    level : float
        Probability of the band.

    Returns
    -------
    xarray.DataArray
        Dimensions ``statistic`` ("mean", "lower", "upper"), ``time``, and ``cell`` if there are cells. NaN is left out.

    Raises
    ------
    BadValue
        If `response` is not of this kind, or a number is out of range.
    """
    values, _ = check_response(response)
    _check_bootstrap(draws, seed, level)
    generator = np.random.default_rng(seed)
    means = np.array([_mean(events) for events in _resampled(values, draws, generator)])
    lower, upper = _interval(means, level)
    kept = [name for name in response.dims if name != "event"]
    coords = {name: response.coords[name] for name in kept if name in response.coords}
    stacked = np.stack([_mean(values), lower, upper])
    return type(response)(
        stacked, dims=("statistic", *kept), coords={"statistic": ["mean", "lower", "upper"], **coords}
    )


def modulation_index(first: Floats, second: Floats) -> Floats:
    """Return (first - second) / (first + second); NaN where the sum is 0."""
    total = np.asarray(first + second)
    index: Floats = np.divide(first - second, total, out=np.full(total.shape, np.nan), where=total != 0)
    return index


def _lifetime_sparseness(by_image: Floats) -> Floats:
    count = len(by_image)
    if count < 2:
        return np.full(by_image.shape[1], np.nan)
    squares = count * np.sum(by_image**2, axis=0)
    shared = np.divide(by_image.sum(axis=0) ** 2, squares, out=np.full(squares.shape, np.nan), where=squares > 0)
    return np.asarray((1 - shared) / (1 - 1 / count))


def _window_means(trace: Floats, frames: slice, window: int) -> Floats:
    """Return the mean of the window that begins at each of the frames, as far as it is in the recording."""
    last = min(frames.stop, len(trace) - window + 1)
    stretch = trace[frames.start : last + window - 1]
    if len(stretch) < window:
        return np.full(max(frames.stop - frames.start, 1), np.nan)
    means: Floats = np.lib.stride_tricks.sliding_window_view(stretch, window).mean(axis=1)
    return means


def _mean(values: NDArray[Any]) -> Any:
    """Return the mean over the first axis without NaN; NaN if there is no value."""
    valid = ~np.isnan(values)
    count = valid.sum(axis=0)
    total = np.where(valid, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def _resampled(values: NDArray[Any], draws: int, generator: np.random.Generator) -> Any:
    """Yield events drawn with replacement."""
    for _ in range(draws):
        yield values[generator.integers(0, max(len(values), 1), len(values))]


def _interval(samples: NDArray[Any], level: float) -> tuple[Floats, Floats]:
    tail = (1 - level) / 2
    missing = np.isnan(samples).all(axis=0)
    filled = np.where(missing, 0.0, samples)
    lower, upper = np.nanquantile(filled, [tail, 1 - tail], axis=0)
    return np.where(missing, np.nan, lower), np.where(missing, np.nan, upper)


def _check_bootstrap(draws: Any, seed: Any, level: Any) -> None:
    check_whole_number("draws", draws, 1, _MAX_DRAWS)
    check_whole_number("seed", seed, 0, 2**32 - 1)
    check_number("level", level, 0, 1)


def check_response(response: Any) -> tuple[NDArray[Any], Floats]:
    """Return the values and times of an aligned array; BadValue if it is something else."""
    dims = getattr(response, "dims", None)
    if dims not in (("event", "time"), ("event", "time", "cell")) or "time" not in getattr(response, "coords", ()):
        raise BadValue(
            f"response is {brief_repr(type(response).__name__)}; expected the DataArray of compute_event_triggered, with the dimensions event, "
            "time, and cell if there are cells.",
            name="response",
        )
    return response.to_numpy(), response["time"].to_numpy()


def _as_array(name: str, values: Any, dimensions: int) -> Floats:
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cmM":
            raise TypeError(f"its dtype is {array.dtype}")
        array = array.astype(np.float64)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise BadValue(f"{name} cannot be used: {error}. Expected numbers.", name=name) from error
    if array.ndim != dimensions:
        raise BadValue(f"{name} has {array.ndim} dimensions; expected {dimensions}.", name=name)
    return array
