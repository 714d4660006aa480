"""Slow reference implementations of `visbehavior.analysis`, one definition per function."""

import math
import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

# Keys: start_time, change_time, lick_times, reward_volume, go, catch, hit, miss, false_alarm, correct_reject,
# aborted, auto_rewarded.
Trial = Mapping[str, Any]

NAN = math.nan
RESPONSE_WINDOW_END = 0.75
REWARD_RATE_WINDOW = 25
REWARD_RATE_FIRST_TRIAL = 10
ROLLING_WINDOW = 100
NO_TRIAL = -99


# Arithmetic that leaves out NaN


def divide(numerator: float, denominator: float) -> float:
    """Return the quotient; NaN if the denominator is 0."""
    if denominator == 0:
        return NAN
    return numerator / denominator


def count(trials: Sequence[Trial], key: str) -> int:
    """Return the number of trials whose key is true."""
    return sum(1 for trial in trials if trial[key])


def not_nan(values: Sequence[float]) -> list[float]:
    """Return the values that are not NaN, in order."""
    return [float(value) for value in values if not math.isnan(value)]


def mean_of(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none."""
    kept = not_nan(values)
    return divide(math.fsum(kept), len(kept))


def max_of(values: Sequence[float]) -> float:
    """Return the maximum of the values that are not NaN; NaN if there are none."""
    return max(not_nan(values), default=NAN)


def correct_for_trial_count(rate: float, n: int) -> float:
    """Limit a rate to [1/(2n), 1 - 1/(2n)]; NaN if n is 0."""
    if n == 0:
        return NAN
    half_trial = 1 / (2 * n)
    return min(max(rate, half_trial), 1 - half_trial)


def z_score(rate: float) -> float:
    """Return the inverse of the standard normal CDF at the rate, which is clipped to [0.01, 0.99]."""
    return statistics.NormalDist().inv_cdf(min(max(rate, 0.01), 0.99))


def dprime(hit_rate: float, false_alarm_rate: float) -> float:
    """Return z(hit rate) - z(false-alarm rate); NaN if either rate is NaN."""
    # Clipping by min and max would turn a NaN into a number.
    if math.isnan(hit_rate) or math.isnan(false_alarm_rate):
        return NAN
    return z_score(hit_rate) - z_score(false_alarm_rate)


# Rolling rates, one value per trial


def response_latency(trial: Trial, response_window_start: float) -> float:
    """Return the latency of the first lick after the start of the response window; infinity if there is none."""
    for lick in trial["lick_times"]:
        # Subtract, then compare, because change_time + response_window_start may round to the other side of the lick.
        latency = float(lick) - float(trial["change_time"])
        if latency > response_window_start:
            return latency
    return math.inf


def is_rewarded(trial: Trial, response_window_start: float) -> bool:
    """Return True if the response latency is below 0.75 s."""
    return response_latency(trial, response_window_start) < RESPONSE_WINDOW_END


def reward_rate_at(trials: Sequence[Trial], i: int, response_window_start: float) -> float:
    """Return rewarded trials per minute in trials i - 25 to i + 24; NaN for the first 10 trials or if infinite."""
    if i < REWARD_RATE_FIRST_TRIAL:
        return NAN
    window = trials[max(0, i - REWARD_RATE_WINDOW) : min(i + REWARD_RATE_WINDOW, len(trials))]
    rewarded = sum(1 for trial in window if is_rewarded(trial, response_window_start))
    duration = float(window[-1]["start_time"]) - float(window[0]["start_time"])
    rate = divide(rewarded, duration) * 60
    return NAN if math.isinf(rate) else rate


def reward_rate(trials: Sequence[Trial], response_window_start: float = 0.15) -> list[float]:
    """Return the reward rate around each trial (rewards/min)."""
    return [reward_rate_at(trials, i, response_window_start) for i in range(len(trials))]


def rolling_window(trials: Sequence[Trial], i: int) -> list[Trial]:
    """Return the last 100 non-aborted trials, up to and including trial i."""
    return [trial for trial in trials[: i + 1] if not trial["aborted"]][-ROLLING_WINDOW:]


def raw_and_corrected_rate(trials: Sequence[Trial], response: str, no_response: str) -> tuple[float, float]:
    """Return the fraction of trials with a response, raw and corrected for the number of trials."""
    # Auto-rewarded trials do not count, even if marked otherwise.
    counted = [trial for trial in trials if not trial["auto_rewarded"]]
    n_response = count(counted, response)
    n = n_response + count(counted, no_response)
    raw = divide(n_response, n)
    return raw, correct_for_trial_count(raw, n)


def is_passive(trials: Sequence[Trial]) -> bool:
    """Return True if there is no reward and no lick in any trial."""
    return all(trial["reward_volume"] == 0 and len(trial["lick_times"]) == 0 for trial in trials)


def rolling_performance_at(trials: Sequence[Trial], i: int) -> dict[str, float]:
    """Return the rates and d' over the last 100 non-aborted trials up to trial i; NaN if trial i is aborted."""
    if trials[i]["aborted"]:
        hit_raw = hit = false_alarm_raw = false_alarm = d = NAN
    else:
        window = rolling_window(trials, i)
        hit_raw, hit = raw_and_corrected_rate(window, "hit", "miss")
        false_alarm_raw, false_alarm = raw_and_corrected_rate(window, "false_alarm", "correct_reject")
        # In passive sessions d' is 0, even if a rate is NaN.
        d = 0.0 if is_passive(trials) else dprime(hit, false_alarm)
    return {
        "hit_rate_raw": hit_raw,
        "hit_rate": hit,
        "false_alarm_rate_raw": false_alarm_raw,
        "false_alarm_rate": false_alarm,
        "rolling_dprime": d,
    }


def rolling_performance(trials: Sequence[Trial], response_window_start: float = 0.15) -> list[dict[str, float]]:
    """Return the reward rate, rolling rates and d' of each trial; all but the reward rate are NaN if it is aborted."""
    rates = reward_rate(trials, response_window_start)
    return [{"reward_rate": rates[i], **rolling_performance_at(trials, i)} for i in range(len(trials))]


# Metrics and rates of a session


def performance_metrics(
    trials: Sequence[Trial],
    reward_volumes: Sequence[float],
    threshold: float = 2.0,
    response_window_start: float = 0.15,
) -> dict[str, float]:
    """Return the counts, and means and maxima of the rolling rates over all and over engaged trials."""
    rows = rolling_performance(trials, response_window_start)
    # A NaN reward rate is not above the threshold. Aborted trials count, because they have a reward rate.
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
    """Return the fractions of go, catch or all trials, and d'; NaN if there are no such trials."""
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
        "dprime": dprime(correct_for_trial_count(hit_rate, n_go), correct_for_trial_count(false_alarm_rate, n_catch)),
    }


# Stimulus presentations, one value per row


def is_change(image_names: Sequence[Hashable], shown: Sequence[bool]) -> list[bool]:
    """Return True for shown rows whose image differs from the last shown one; False for the first one."""
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
    """Return the number of flashes since the last change or the first row, without omitted rows."""
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
    """Return the id of the last trial (id, start, stop) that starts before each row.

    The id is -99 if there is no such trial, if the row has no name, or if it does not start before the last stop.
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
    """Return True for rows with a name that start after the first trial start and before the last trial stop."""
    if not trials:
        return [False for _ in start_times]
    first_start = min(trial_start for _, trial_start, _ in trials)
    last_stop = max(trial_stop for _, _, trial_stop in trials)
    return [
        bool(row_named and first_start < start < last_stop) for start, row_named in zip(start_times, named, strict=True)
    ]


# Eye tracking, one value per frame


def copied_to_replays(
    values: Sequence[int], names: Sequence[str | None], blocks: Sequence[int], active: Sequence[bool]
) -> list[int]:
    """Return values of presentations, those of an active block also in passive blocks with the same images. None is gray."""
    copied = list(values)
    for block in sorted(set(blocks)):
        rows = [row for row, number in enumerate(blocks) if number == block]
        if not any(active[row] for row in rows):
            continue
        for other in sorted(set(blocks)):
            others = [row for row, number in enumerate(blocks) if number == other]
            is_passive = not any(active[row] for row in others)
            shown, shown_again = [names[row] for row in rows], [names[row] for row in others]
            if is_passive and None not in shown and shown == shown_again:
                for row, again in zip(rows, others, strict=True):
                    copied[again] = copied[row]
    return copied


def is_outlier(areas: Sequence[float], z_threshold: float) -> list[bool]:
    """Return True for areas that are NaN or more than z_threshold standard deviations (ddof 0) from the mean."""
    present = not_nan(areas)
    if not present:
        return [True for _ in areas]
    mean = statistics.fmean(present)
    std = statistics.pstdev(present)
    return [bool(math.isnan(area) or (std > 0 and abs(float(area) - mean) / std > z_threshold)) for area in areas]


def likely_blinks(
    eye_area: Sequence[float], pupil_area: Sequence[float], z_threshold: float, dilation_frames: int
) -> list[bool]:
    """Return True for frames within dilation_frames of a frame whose eye or pupil area is an outlier."""
    eye = is_outlier(eye_area, z_threshold)
    pupil = is_outlier(pupil_area, z_threshold)
    outlier = [in_eye or in_pupil for in_eye, in_pupil in zip(eye, pupil, strict=True)]
    n = len(outlier)
    blinks = []
    for frame in range(n):
        neighbors = range(max(0, frame - dilation_frames), min(n, frame + dilation_frames + 1))
        blinks.append(any(outlier[neighbor] for neighbor in neighbors))
    return blinks
