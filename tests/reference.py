"""Slow reference implementations, one definition a function, for comparison with the fast ones."""

import math
import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

# Keys: start_time, change_time, lick_times, reward_volume, go, catch, hit, miss, false_alarm, correct_reject,
# aborted, auto_rewarded.
Trial = Mapping[str, Any]

NAN = math.nan
REWARDED_LATENCY = 0.75
TRIALS_EITHER_SIDE = 25
FIRST_RATED_TRIAL = 10
ROLLING_TRIALS = 100
NO_TRIAL = -99


# Small helpers


def divide(numerator: float, denominator: float) -> float:
    """The quotient, NaN for a denominator of 0."""
    if denominator == 0:
        return NAN
    return numerator / denominator


def count(trials: Sequence[Trial], key: str) -> int:
    """The number of trials whose key is true."""
    return sum(1 for trial in trials if trial[key])


def not_nan(values: Sequence[float]) -> list[float]:
    """The values that are not NaN, in order."""
    return [float(value) for value in values if not math.isnan(value)]


def mean_of(values: Sequence[float]) -> float:
    """The mean of the values that are not NaN, NaN without any."""
    kept = not_nan(values)
    return divide(math.fsum(kept), len(kept))


def max_of(values: Sequence[float]) -> float:
    """The greatest of the values that are not NaN, NaN without any."""
    return max(not_nan(values), default=NAN)


def keep_off_the_ends(rate: float, n: int) -> float:
    """The rate kept within [1/(2n), 1 - 1/(2n)], NaN for an n of 0."""
    if n == 0:
        return NAN
    least = 1 / (2 * n)
    return min(max(rate, least), 1 - least)


def z_score(rate: float) -> float:
    """The inverse of the standard normal cdf at the rate clipped to [0.01, 0.99]."""
    return statistics.NormalDist().inv_cdf(min(max(rate, 0.01), 0.99))


def dprime(hit_rate: float, false_alarm_rate: float) -> float:
    """z(hit rate) - z(false-alarm rate), NaN if either is NaN."""
    # Clipping by min and max would turn a NaN into a number.
    if math.isnan(hit_rate) or math.isnan(false_alarm_rate):
        return NAN
    return z_score(hit_rate) - z_score(false_alarm_rate)


# Rolling measures, one value a trial


def response_latency(trial: Trial, response_window_start: float) -> float:
    """The time from the change to the first lick more than response_window_start after it, infinite without one."""
    for lick in trial["lick_times"]:
        # Subtract, then compare: change_time + response_window_start may round to the other side of the lick.
        latency = float(lick) - float(trial["change_time"])
        if latency > response_window_start:
            return latency
    return math.inf


def is_rewarded(trial: Trial, response_window_start: float) -> bool:
    """Whether the response latency is below 0.75 s."""
    return response_latency(trial, response_window_start) < REWARDED_LATENCY


def reward_rate_at(trials: Sequence[Trial], i: int, response_window_start: float) -> float:
    """Rewarded trials a minute among trials i - 25 to i + 24, NaN for the first 10 trials or if not finite."""
    if i < FIRST_RATED_TRIAL:
        return NAN
    window = trials[max(0, i - TRIALS_EITHER_SIDE) : min(i + TRIALS_EITHER_SIDE, len(trials))]
    rewarded = sum(1 for trial in window if is_rewarded(trial, response_window_start))
    duration = float(window[-1]["start_time"]) - float(window[0]["start_time"])
    rate = divide(rewarded, duration) * 60
    return NAN if math.isinf(rate) else rate


def reward_rate(trials: Sequence[Trial], response_window_start: float = 0.15) -> list[float]:
    """Each trial's reward rate, in rewards a minute, over the trials around it."""
    return [reward_rate_at(trials, i, response_window_start) for i in range(len(trials))]


def last_unaborted(trials: Sequence[Trial], i: int) -> list[Trial]:
    """The last 100 trials not aborted, up to and including trial i."""
    return [trial for trial in trials[: i + 1] if not trial["aborted"]][-ROLLING_TRIALS:]


def raw_and_kept_rate(trials: Sequence[Trial], yes: str, no: str) -> tuple[float, float]:
    """yes / (yes + no) among the trials, and that rate kept 1/(2N) off the ends with N = yes + no; NaN without any."""
    # An auto-rewarded trial tells nothing of the animal's choice, whatever it is marked as.
    judged = [trial for trial in trials if not trial["auto_rewarded"]]
    n_yes = count(judged, yes)
    n = n_yes + count(judged, no)
    raw = divide(n_yes, n)
    return raw, keep_off_the_ends(raw, n)


def is_passive(trials: Sequence[Trial]) -> bool:
    """Whether every reward volume is 0 and no trial has a lick."""
    return all(trial["reward_volume"] == 0 and len(trial["lick_times"]) == 0 for trial in trials)


def rolling_performance_at(trials: Sequence[Trial], i: int) -> dict[str, float]:
    """Hit rate, false-alarm rate and d' over the last 100 unaborted trials up to trial i, NaN if i is aborted."""
    if trials[i]["aborted"]:
        hit_raw = hit = false_alarm_raw = false_alarm = d = NAN
    else:
        window = last_unaborted(trials, i)
        hit_raw, hit = raw_and_kept_rate(window, "hit", "miss")
        false_alarm_raw, false_alarm = raw_and_kept_rate(window, "false_alarm", "correct_reject")
        # No responding is asked for in a passive session: d' is 0 there, even where a rate is NaN.
        d = 0.0 if is_passive(trials) else dprime(hit, false_alarm)
    return {
        "hit_rate_raw": hit_raw,
        "hit_rate": hit,
        "false_alarm_rate_raw": false_alarm_raw,
        "false_alarm_rate": false_alarm,
        "rolling_dprime": d,
    }


def rolling_performance(trials: Sequence[Trial], response_window_start: float = 0.15) -> list[dict[str, float]]:
    """Each trial's reward rate, also on aborted trials, and its rolling rates and d', NaN on aborted trials."""
    rates = reward_rate(trials, response_window_start)
    return [{"reward_rate": rates[i], **rolling_performance_at(trials, i)} for i in range(len(trials))]


# Measures of a whole session


def performance_metrics(
    trials: Sequence[Trial],
    reward_volumes: Sequence[float],
    threshold: float = 2.0,
    response_window_start: float = 0.15,
) -> dict[str, float]:
    """Trial and reward counts, and means and maxima of the rolling measures over all trials and over engaged ones,
    which are those with a reward rate above threshold.
    """
    rows = rolling_performance(trials, response_window_start)
    # A NaN reward rate is above no threshold. Aborted trials count: they have a reward rate.
    engaged_rows = [row for row in rows if row["reward_rate"] > threshold]

    def over_all(summary: Callable[[list[float]], float], key: str) -> float:
        return summary([row[key] for row in rows])

    def over_engaged(summary: Callable[[list[float]], float], key: str) -> float:
        return summary([row[key] for row in engaged_rows])

    return {
        "trial_count": len(trials),
        "go_trial_count": count(trials, "go"),
        "catch_trial_count": count(trials, "catch"),
        "hit_trial_count": count(trials, "hit"),
        "miss_trial_count": count(trials, "miss"),
        "false_alarm_trial_count": count(trials, "false_alarm"),
        "correct_reject_trial_count": count(trials, "correct_reject"),
        "auto_reward_count": count(trials, "auto_rewarded"),
        "earned_reward_count": count(trials, "hit"),
        "total_reward_count": len(reward_volumes),
        "total_reward_volume": math.fsum(reward_volumes),
        "maximum_reward_rate": over_all(max_of, "reward_rate"),
        "engaged_trial_count": len(engaged_rows),
        "mean_hit_rate": over_all(mean_of, "hit_rate"),
        "mean_hit_rate_uncorrected": over_all(mean_of, "hit_rate_raw"),
        "mean_hit_rate_engaged": over_engaged(mean_of, "hit_rate"),
        "mean_false_alarm_rate": over_all(mean_of, "false_alarm_rate"),
        "mean_false_alarm_rate_uncorrected": over_all(mean_of, "false_alarm_rate_raw"),
        "mean_false_alarm_rate_engaged": over_engaged(mean_of, "false_alarm_rate"),
        "mean_dprime": over_all(mean_of, "rolling_dprime"),
        "mean_dprime_engaged": over_engaged(mean_of, "rolling_dprime"),
        "max_dprime": over_all(max_of, "rolling_dprime"),
        "max_dprime_engaged": over_engaged(max_of, "rolling_dprime"),
    }


def session_rates(trials: Sequence[Trial]) -> dict[str, float]:
    """Outcomes over go, catch or all trials, and d' of the session's hit and false-alarm rates; NaN over none."""
    n = len(trials)
    n_go = count(trials, "go")
    n_catch = count(trials, "catch")
    hit_rate = divide(count(trials, "hit"), n_go)
    false_alarm_rate = divide(count(trials, "false_alarm"), n_catch)
    return {
        "hit_rate": hit_rate,
        "miss_rate": divide(count(trials, "miss"), n_go),
        "false_alarm_rate": false_alarm_rate,
        "correct_reject_rate": divide(count(trials, "correct_reject"), n_catch),
        "aborted_rate": divide(count(trials, "aborted"), n),
        "auto_rewarded_rate": divide(count(trials, "auto_rewarded"), n),
        "dprime": dprime(keep_off_the_ends(hit_rate, n_go), keep_off_the_ends(false_alarm_rate, n_catch)),
    }


# Stimulus presentations, one value a row


def is_change(image_names: Sequence[Hashable], shown: Sequence[bool]) -> list[bool]:
    """Whether a row is shown and named differently from the last shown row before it; the first shown row is not."""
    changes = []
    seen_any = False
    last_name: Hashable = None
    for name, row_shown in zip(image_names, shown, strict=True):
        if not row_shown:
            changes.append(False)
            continue
        changes.append(bool(seen_any and name != last_name))
        seen_any = True
        last_name = name
    return changes


def flashes_since_change(is_change: Sequence[bool], omitted: Sequence[bool]) -> list[int]:
    """The number of flashes since the last change or the first row, omitted rows not counted."""
    flashes: list[int] = []
    for row_changes, row_omitted in zip(is_change, omitted, strict=True):
        if not flashes:
            flashes.append(0)
        elif row_omitted:
            flashes.append(flashes[-1])
        elif row_changes:
            flashes.append(0)
        else:
            flashes.append(flashes[-1] + 1)
    return flashes


def trials_id(
    start_times: Sequence[float], named: Sequence[bool], trials: Sequence[tuple[int, float, float]]
) -> list[int]:
    """The id of the last trial, of (id, start, stop), that starts strictly before a named row, -99 without one or for
    a row not strictly before the greatest stop.
    """
    ids = []
    for start, row_named in zip(start_times, named, strict=True):
        row_id = NO_TRIAL
        if row_named and trials and start < max(trial_stop for _, _, trial_stop in trials):
            for trial_id, trial_start, _ in trials:
                if trial_start < start:
                    row_id = trial_id
        ids.append(row_id)
    return ids


def active(
    start_times: Sequence[float], named: Sequence[bool], trials: Sequence[tuple[int, float, float]]
) -> list[bool]:
    """Whether a row is named and starts strictly between the least trial start and the greatest trial stop; never
    without trials.
    """
    if not trials:
        return [False for _ in start_times]
    first_start = min(trial_start for _, trial_start, _ in trials)
    last_stop = max(trial_stop for _, _, trial_stop in trials)
    return [
        bool(row_named and first_start < start < last_stop) for start, row_named in zip(start_times, named, strict=True)
    ]


# Eye tracking, one value a frame


def is_missing_or_outlying(areas: Sequence[float], z_threshold: float) -> list[bool]:
    """Whether an area is NaN or more than z_threshold population deviations from the mean of those not NaN."""
    known = not_nan(areas)
    if not known:
        return [True for _ in areas]
    mean = statistics.fmean(known)
    std = statistics.pstdev(known)
    return [bool(math.isnan(area) or (std > 0 and abs(float(area) - mean) / std > z_threshold)) for area in areas]


def likely_blinks(
    eye_area: Sequence[float], pupil_area: Sequence[float], z_threshold: float, dilation_frames: int
) -> list[bool]:
    """Whether a frame is within dilation_frames of one whose eye or pupil area is missing or outlying."""
    eye = is_missing_or_outlying(eye_area, z_threshold)
    pupil = is_missing_or_outlying(pupil_area, z_threshold)
    marked = [in_eye or in_pupil for in_eye, in_pupil in zip(eye, pupil, strict=True)]
    n = len(marked)
    blinks = []
    for frame in range(n):
        # A negative first index would wrap round to the last frames.
        near = range(max(0, frame - dilation_frames), min(n, frame + dilation_frames + 1))
        blinks.append(any(marked[neighbour] for neighbour in near))
    return blinks
