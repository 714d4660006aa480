"""Functions that notebooks import from AllenSDK's modules, with its names, arguments and results.

Definitions: AllenSDK 2.16 and, where it has no such function, 2.10; ``brain_observatory/behavior``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.analysis.blinks import dilate, z_score
from visbehavior.analysis.events import half_gaussian
from visbehavior.analysis.performance import RESPONSE_WINDOW
from visbehavior.analysis.rates import (
    REWARD_RATE_FIRST_TRIAL,
    REWARD_RATE_WINDOW,
    ROLLING_WINDOW,
    Floats,
    compute_dprime,
    compute_rolling_rate,
    rolling_reward_rate,
)

_CONTINGENT = ("go", "catch")
_AT_BLINKS = (
    *("eye_area", "pupil_area", "cr_area", "eye_width", "eye_height", "eye_phi"),
    *("pupil_width", "pupil_height", "pupil_phi"),
)

# dprime


def get_hit_rate(
    hit: Any = None, miss: Any = None, aborted: Any = None, sliding_window: int = ROLLING_WINDOW
) -> Floats:
    """Return the rolling hit rate of the trials that are not aborted."""
    return _rolling(hit, miss, aborted, sliding_window)[0]


def get_trial_count_corrected_hit_rate(
    hit: Any = None, miss: Any = None, aborted: Any = None, sliding_window: int = ROLLING_WINDOW
) -> Floats:
    """Return the rolling hit rate, corrected for the number of trials."""
    return _rolling(hit, miss, aborted, sliding_window)[1]


def get_false_alarm_rate(
    correct_reject: Any = None, false_alarm: Any = None, aborted: Any = None, sliding_window: int = ROLLING_WINDOW
) -> Floats:
    """Return the rolling false alarm rate of the trials that are not aborted."""
    return _rolling(false_alarm, correct_reject, aborted, sliding_window)[0]


def get_trial_count_corrected_false_alarm_rate(
    correct_reject: Any = None, false_alarm: Any = None, aborted: Any = None, sliding_window: int = ROLLING_WINDOW
) -> Floats:
    """Return the rolling false alarm rate, corrected for the number of trials."""
    return _rolling(false_alarm, correct_reject, aborted, sliding_window)[1]


def get_rolling_dprime(rolling_hit_rate: Any, rolling_fa_rate: Any, sliding_window: int = ROLLING_WINDOW) -> Floats:
    """Return d' of each pair of rates, which are clipped to 0.01 and 0.99 whatever the window is."""
    return compute_dprime(np.asarray(rolling_hit_rate, dtype=float), np.asarray(rolling_fa_rate, dtype=float))


def get_dprime(hit_rate: float, fa_rate: float, sliding_window: int = ROLLING_WINDOW) -> float:
    """Return d' of two rates, which are clipped to 0.01 and 0.99 whatever the window is."""
    return float(compute_dprime(np.array([hit_rate], dtype=float), np.array([fa_rate], dtype=float))[0])


def _rolling(response: Any, no_response: Any, aborted: Any, window: int) -> tuple[Floats, Floats]:
    kept = ~np.asarray(aborted, dtype=bool)
    return compute_rolling_rate(
        np.asarray(response, dtype=bool)[kept], np.asarray(no_response, dtype=bool)[kept], window
    )


# trials_processing


def calculate_reward_rate(
    response_latency: Any = None,
    starttimes: Any = None,
    window: float = RESPONSE_WINDOW[1],
    trial_window: int = REWARD_RATE_WINDOW,
    initial_trials: int = REWARD_RATE_FIRST_TRIAL,
) -> Floats:
    """Return rewards per minute around each trial; a trial counts as rewarded if its latency is below the window (s)."""
    latency, start = np.asarray(response_latency, dtype=float), np.asarray(starttimes, dtype=float)
    return rolling_reward_rate(latency < window, start, trial_window, initial_trials)


# session_metrics and trial_masks


def trial_types(trials: pd.DataFrame, trial_types: Sequence[str] | None) -> pd.Series:
    """Return True for the trials of these types, all of them without types."""
    if trial_types is None or not len(trial_types):
        return pd.Series(True, index=trials.index, name="trial_type")
    return trials["trial_type"].isin(trial_types)


def contingent_trials(trials: pd.DataFrame) -> pd.Series:
    """Return True for go and catch trials."""
    return trial_types(trials, _CONTINGENT)


def reward_rate(trials: pd.DataFrame, thresh: float = 2.0) -> pd.Series:
    """Return True for trials whose reward rate is above a threshold (rewards per minute)."""
    mask: pd.Series = trials["reward_rate"] > thresh
    return mask


def response_bias(trials: pd.DataFrame, detect_col: str, trial_types: Iterable[str] = _CONTINGENT) -> float:
    """Return the mean response in the trials of these types."""
    chosen = trials[trials["trial_type"].isin(list(trial_types))]
    return float(chosen[detect_col].mean())


def num_contingent_trials(session_trials: pd.DataFrame) -> int:
    """Return the number of go and catch trials."""
    return int(contingent_trials(session_trials).sum())


# eye_tracking_processing


def compute_circular_area(df_row: pd.Series) -> float:
    """Return the area of a circle whose radius is the larger of two values."""
    return float(np.pi * max(df_row.iloc[0], df_row.iloc[1]) ** 2)


def compute_elliptical_area(df_row: pd.Series) -> float:
    """Return the area of an ellipse with two half-axes."""
    return float(np.pi * df_row.iloc[0] * df_row.iloc[1])


def determine_outliers(data_df: pd.DataFrame, z_threshold: float) -> pd.Series:
    """Return True for rows in which a column is more than so many standard deviations from its mean."""
    scores = np.abs(np.column_stack([z_score(data_df[name].to_numpy(dtype=float)) for name in data_df]))
    return pd.Series((scores > z_threshold).any(axis=1), index=data_df.index)


def determine_likely_blinks(
    eye_areas: pd.Series, pupil_areas: pd.Series, outliers: pd.Series, dilation_frames: int = 2
) -> pd.Series:
    """Return True for frames with an outlier or a missing area, and for their neighbors."""
    blink = (pd.isnull(eye_areas) | pd.isnull(pupil_areas) | outliers).to_numpy(dtype=bool)
    return pd.Series(dilate(blink, dilation_frames), index=eye_areas.index)


def filter_on_blinks(eye_tracking_data: pd.DataFrame) -> None:
    """Set areas, widths, heights and angles at likely blinks to NaN, in the table itself."""
    eye_tracking_data.loc[eye_tracking_data["likely_blink"], list(_AT_BLINKS)] = np.nan


# event_detection


def filter_events_array(arr: NDArray[Any], scale: float = 2, n_time_steps: int = 20) -> Floats:
    """Return events (cells x frames) convolved with the falling half of a Gaussian; `scale` is in frames."""
    if np.ndim(arr) != 2:
        raise ValueError(f"The array has {np.ndim(arr)} dimensions; expected 2, cells x frames.")
    if n_time_steps < 1:
        raise ValueError(f"n_time_steps is {n_time_steps}; expected 1 or more.")
    weights = half_gaussian(scale, n_time_steps)
    filtered: Floats = np.array([np.convolve(trace, weights)[: len(trace)] for trace in arr], dtype=float)
    return filtered.reshape(arr.shape)
