"""Results of our functions under the names of the recordings of the field's own utilities.

`results` has the tables of behavior, `responses` the event-triggered responses (see `response_results`). Definitions that
users should not choose, such as errors of a utility, are written out here and are not part of the package.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.golden.response_results import responses
from visbehavior import BehaviorSession
from visbehavior.analysis.could_change import compute_could_change
from visbehavior.analysis.engagement import (
    centered_mean,
    compute_bou_trial_rate,
    compute_bout_rate,
    compute_engagement,
    compute_flash_reward_rate,
    trailing_mean,
)
from visbehavior.analysis.event_times import count_between, time_from_last
from visbehavior.analysis.flashes import task_licks
from visbehavior.analysis.licking import compute_lick_bouts, find_bouts
from visbehavior.analysis.rates import compute_dprime, correct_for_trial_count, fraction
from visbehavior.analysis.response_matrix import compute_response_matrix
from visbehavior.settings import ENGAGED_REWARD_RATE

__all__ = ["responses", "results"]

FLASH = 0.75
CONTINUOUS = 1.0
"""Stimuli whose starts are further apart (s) have no flashes."""
EPOCH = 600.0
GRACE = 4.5
OUTCOMES = ("hit", "miss", "false_alarm", "correct_reject")
TRIAL_COLUMNS = ("go", "catch", "auto_rewarded", *OUTCOMES, "response_time", "reward_time", "reward_volume")

Results = dict[str, Any]


class Recorded:
    """A session and the tables that several results need."""

    def __init__(self, path: str) -> None:
        self.session = BehaviorSession.from_nwb_path(path)
        self.flashes = self.session.get_flash_table()
        self.trials = self.session.trials
        self.start = self.flashes["start_time"].to_numpy()
        self.stop = np.append(self.start[1:], self.start[-1:] + FLASH)
        self.licks = _times(self.session.licks)
        self.rewards = _times(self.session.rewards)
        self.is_continuous = bool(np.median(np.diff(self.start)) > CONTINUOUS)

    def frame(self, columns: Results) -> pd.DataFrame:
        return pd.DataFrame({name: np.asarray(value) for name, value in columns.items()}, index=self.flashes.index)


def results(path: str) -> Results:
    """Return the recorded names of ``x.analysis.npz``."""
    data = Recorded(path)
    given: Results = {
        "facts": facts(data),
        "flashes/start": data.flashes[["start_time", "image_name", "is_change", "omitted"]],
    }
    given |= trials(data)
    given["flashes/vba"] = vba_flashes(data)
    given["trials/vba"] = vba_trials(data, given["flashes/vba"])
    if len(data.licks):
        given |= {"licks/vba": vba_licks(data), "bouts/vba": vba_bouts(data)}
    if data.is_continuous:
        return given
    given |= flashes(data)
    given |= vba_performance(given["trials/vba"], data.trials)
    if len(data.licks):
        given |= matrices(data, given["flashes/vba"], given["flashes/bou_engagement"]) | lb(data)
    return given


def _times(table: pd.DataFrame) -> np.ndarray:
    return table["timestamps"].to_numpy(dtype=np.float64)


def facts(data: Recorded) -> Results:
    labels = data.session.stimulus_presentations.index
    return {
        "task_first_row": labels.get_loc(data.flashes.index[0]),
        "task_rows": len(data.flashes),
        "continuous_stimulus": data.is_continuous,
        "lick_bout_threshold_s": 0.7,
        "session_type": data.session.metadata["session_type"],
    }


def trials(data: Recorded) -> Results:
    index = data.trials.index
    rate = data.session.get_reward_rate()
    bou, msu = (compute_bou_trial_rate(data.trials, below) for below in (0.75, 0.5))
    return {
        "trials/sdk": pd.DataFrame({"reward_rate": rate, "engaged": rate > ENGAGED_REWARD_RATE}, index=index),
        "performance/sdk": data.session.get_performance_metrics(),
        "trials/bou": pd.DataFrame({"reward_rate": bou}, index=index),
        "trials/msu": pd.DataFrame({"reward_rate": msu}, index=index),
    }


def flashes(data: Recorded) -> Results:
    vba = compute_could_change(data.flashes, data.session.licks, data.trials, "vba")
    bou = compute_could_change(data.flashes, data.session.licks, data.trials, "bou")
    rate, engaged = rate_and_engaged(data, "bou")
    annotated = {
        "trial_stimulus_index": vba["flash_in_trial"],
        "auto_rewarded": auto_rewarded(data, vba["trials_id"]),
        "response_lick": vba["responded"],
        "response_lick_latency": vba["response_latency"],
    }
    return {
        "flashes/vba_annotate_stimuli": data.frame(
            {
                "trials_id": vba["trials_id"],
                **annotated,
                "previous_response_on_trial": vba["previous_response"],
                "could_change": vba["could_change"],
            }
        ),
        "flashes/bou": bou_flashes(data, bou),
        "flashes/bou_running": data.flashes[["mean_running_speed"]],
        "flashes/bou_n": bou_counts(data),
        "flashes/bou_engagement": data.frame({"reward_rate": rate, "engaged": engaged}),
        "flashes/bou_annotate_stimuli": data.frame({**annotated, "could_change": bou["could_change"]}),
        "flashes/msu_engagement": msu_engagement(data, vba["trials_id"].to_numpy()),
    }


def rate_and_engaged(data: Recorded, method: str) -> tuple[pd.Series, pd.Series]:
    return (
        compute_flash_reward_rate(data.flashes, method, data.trials),
        compute_engagement(data.flashes, method, data.trials),
    )


def auto_rewarded(data: Recorded, trial: pd.Series) -> np.ndarray:
    """Return the flag of each flash's trial: floats with NaN where a flash has none."""
    return data.trials["auto_rewarded"].astype(float).reindex(trial).to_numpy()


# Licks and bouts


def vba_licks(data: Recorded) -> pd.DataFrame:
    bouts = vba_bouts(data)
    first, last = find_bouts(data.licks)
    number = np.repeat(bouts.index, bouts["n_licks"])
    rewarded = bouts["rewarded"].to_numpy()[number]
    is_first = np.isin(np.arange(len(data.licks)), first)
    return data.session.licks.assign(
        pre_ili=np.diff(data.licks, prepend=0.0),
        post_ili=np.diff(data.licks, append=np.inf),
        bout_start=is_first,
        bout_end=np.isin(np.arange(len(data.licks)), last),
        licks_in_bout=bouts["n_licks"].to_numpy()[number],
        lick_bout_number=number,
        bout_rewarded=rewarded,
        hit=rewarded & is_first,
    )


def vba_bouts(data: Recorded) -> pd.DataFrame:
    return compute_lick_bouts(data.session.licks, rewards=data.session.rewards)


def lb_licks(data: Recorded) -> pd.DataFrame:
    """Return the licks of the task with the rewards that LB assigns to them."""
    licks = data.session.licks[task_licks(data.licks, data.start, data.flashes["omitted"].to_numpy())]
    licks = licks.reset_index(drop=True)
    times = _times(licks)
    first, last = find_bouts(times)
    row = np.arange(len(times))
    number = np.cumsum(np.isin(row, first))
    count = np.zeros(len(times), dtype=int)
    for time, is_free in zip(data.rewards, data.session.rewards["auto_rewarded"], strict=True):
        earlier = np.flatnonzero(times <= time)
        # LB raises if no lick precedes an earned reward.
        if is_free and len(times):
            count[np.argmin(np.abs(times - time))] += 1
        elif len(earlier):
            count[earlier[-1]] += 1
    in_bout = np.bincount(number, count).astype(int)[number]
    return licks.assign(
        pre_ili=np.diff(times, prepend=np.nan),
        post_ili=np.diff(times, append=np.nan),
        bout_start=np.isin(row, first),
        bout_end=np.isin(row, last),
        bout_number=number,
        rewarded=count > 0,
        num_rewards=count,
        bout_rewarded=in_bout > 0,
        bout_num_rewards=in_bout,
    )


# VBA


def vba_flashes(data: Recorded) -> pd.DataFrame:
    flashes, presentations = data.flashes, data.session.stimulus_presentations.loc[data.flashes.index]
    omitted = flashes["omitted"].to_numpy()
    latency = flashes["lick_latency"].to_numpy()
    rate, engaged = rate_and_engaged(data, "vba")
    image = presentations["image_index"].to_numpy()
    before = np.concatenate([[True], omitted[:-1]])
    columns: Results = {
        "change": (image != np.roll(image, 1)) & ~omitted & ~before,
        "epoch": epochs(data.start),
        **{name: flashes[name] for name in ("n_licks", "licked")},
        "response_latency": latency,
        "response_binary": ~np.isnan(latency),
        "early_lick": latency < 0.15,
        **{name: flashes[name] for name in ("n_rewards", "rewarded")},
        "lick_rate": trailing_mean(flashes["licked"].to_numpy()) / FLASH,
        "reward_rate_per_second": trailing_mean(flashes["rewarded"].to_numpy()) / FLASH,
        "reward_rate": rate,
        "engaged": engaged,
        "time_from_last_lick": flashes["time_from_last_lick"]
        if len(data.licks) >= 5
        else np.full(len(omitted), np.nan),
        "time_from_last_reward": flashes["time_from_last_reward"],
    }
    if flashes["is_change"].any():
        columns["time_from_last_change"] = flashes["time_from_last_change"]
    if omitted.any():
        columns["time_from_last_omission"] = time_from_last(data.start[omitted], data.start, "left")
    return data.frame(columns)


def epochs(start: np.ndarray) -> np.ndarray:
    since = start - start[0]
    return np.minimum(np.floor(since / EPOCH), max(np.ceil(since[-1] / EPOCH) - 1, 0))


def vba_trials(data: Recorded, flashes: pd.DataFrame) -> pd.DataFrame:
    trials = data.trials
    row = np.searchsorted(data.start, trials["start_time"].to_numpy(), "right")
    position = pd.Series(np.where(row < len(flashes), row, np.nan)).ffill().to_numpy().astype(int)
    kinds = ("aborted", "auto_rewarded", *OUTCOMES)
    kind = np.select([trials[name].to_numpy() for name in kinds], kinds, default="")
    return pd.DataFrame(
        {
            "first_stim_presentation_index": flashes.index.to_numpy()[position].astype(float),
            "reward_rate": flashes["reward_rate"].to_numpy()[position],
            "engaged": flashes["engaged"].to_numpy()[position],
            "trial_type": kind,
            "epoch": epochs(trials["start_time"].to_numpy()),
        },
        index=trials.index,
    )


def vba_performance(annotated: pd.DataFrame, trials: pd.DataFrame) -> Results:
    go, catch, engaged = trials["go"], trials["catch"], annotated["engaged"]
    counts = {
        name: np.array([np.count_nonzero(engaged & trials[column])])
        for name, column in (("go", "go"), ("hit", "hit"), ("catch", "catch"), ("fa", "false_alarm"))
    }
    hit_rate, fa_rate = fraction(counts["hit"], counts["go"]), fraction(counts["fa"], counts["catch"])
    latency = trials["response_latency"][trials["hit"] & engaged].describe()
    entries = {
        "behavior_session_id": 0,
        **{f"response_latency_{name}": value for name, value in latency.items()},
        "hit_rate": hit_rate.item(),
        "fa_rate": fa_rate.item(),
        "number_of_engaged_go_trials": counts["go"].item(),
        "number_of_engaged_hits": counts["hit"].item(),
        "number_of_engaged_catch_trials": counts["catch"].item(),
        "number_of_engaged_false_alarms": counts["fa"].item(),
        "dprime_trial_corrected": compute_dprime(
            correct_for_trial_count(hit_rate, counts["go"]), correct_for_trial_count(fa_rate, counts["catch"])
        ).item(),
        "dprime_non_trial_corrected": compute_dprime(hit_rate, fa_rate).item(),
    }
    shown = engaged[go | catch]
    return {
        "performance/vba_trial_based": entries | {"fraction_engaged": 1.0 if shown.any() else np.nan},
        "performance/vba_trial_based_all": entries | {"fraction_engaged": shown.mean()},
    }


def msu_engagement(data: Recorded, trial: np.ndarray) -> pd.DataFrame:
    """MSU counts every flash of a trial with a reward as rewarded, which is an error."""
    rewarded = data.trials["reward_time"].notna().reindex(trial).fillna(False).to_numpy(dtype=bool)
    per_second = trailing_mean(rewarded) / FLASH
    return data.frame(
        {
            "trials_id": trial,
            "rewarded": rewarded,
            "reward_rate_per_second": per_second,
            "reward_rate": per_second * 60,
            "engaged": per_second * 60 > 2 / 3,
        }
    )


def matrices(data: Recorded, vba: pd.DataFrame, bou: pd.DataFrame) -> Results:
    given: Results = {}
    for method, engaged in (("vba", vba["engaged"]), ("bou", bou["engaged"])):
        for name, selected in ((method, None), (f"{method}_engaged", engaged)):
            matrix = compute_response_matrix(data.flashes, data.session.licks, data.trials, method, selected)
            if len(matrix.mean):
                given |= {f"matrix_mean/{name}": matrix.mean, f"matrix_count/{name}": matrix.count}
                given |= {f"matrix_dprime/{name}": matrix.dprime} if method == "vba" else {}
    return given


# BOU


def bou_flashes(data: Recorded, could_change: pd.DataFrame) -> pd.DataFrame:
    flashes, change, omitted = data.flashes, data.flashes["is_change"].to_numpy(), data.flashes["omitted"].to_numpy()
    n_licks, first_lick = count_between(data.licks, data.start, data.start + FLASH)
    n_rewards, _ = count_between(data.rewards, data.start, data.start + FLASH)
    licked, rewarded = n_licks > 0, n_rewards > 0
    columns: Results = {
        "trials_id": flashes["trials_id"],
        "change_trials_id": flashes["change_trials_id"].astype("Float64").to_numpy(dtype=float, na_value=np.nan),
        **{name: of_change_trial(data, name) for name in TRIAL_COLUMNS},
        "n_licks": n_licks,
        "licked": licked,
        "first_lick_time": first_lick,
        "lick_latency": first_lick - data.start,
        "n_rewards": n_rewards,
        "rewarded": rewarded,
        "previous_image_name": flashes["previous_image_name"].astype(object),
        "previous_response_on_trial": could_change["previous_response"],
        "previous_change_on_trial": could_change["previous_change"],
        "stimulus_count_within_trial": could_change["flash_in_trial"],
        "could_change": could_change["could_change"],
        "pre_change": shifted(change, -1),
        "post_change": shifted(change, 1),
        "pre_omitted": shifted(omitted, -1),
        "post_omitted": shifted(omitted, 1),
        "lick_on_next_flash": shifted(licked, -1),
        "epoch": epochs(data.start),
        "stimulus_count_from_last_is_change": counted_from_first_row(change),
        "stimulus_count_from_last_omitted": counted_from_first_row(omitted),
        "stimulus_count_from_last_licked": counted_from_first_row(licked),
        "stimulus_count_from_last_rewarded": counted_from_first_row(rewarded),
    }
    events = {"change": change, "omitted": omitted, "reward": data.rewards, "lick": data.licks}
    for name, event in events.items():
        # BOU fails where there is no such event.
        if event.any():
            columns[f"time_from_last_{name}"] = flashes[f"time_from_last_{name}"]
    return data.frame(columns)


def of_change_trial(data: Recorded, name: str) -> np.ndarray:
    if name in data.flashes:
        return data.flashes[name].to_numpy(dtype=float, na_value=np.nan)
    trial = data.flashes["change_trials_id"].to_numpy(dtype=float, na_value=np.nan)
    return data.trials[name].astype(float).reindex(trial).to_numpy()


def shifted(flags: np.ndarray, by: int) -> np.ndarray:
    return pd.Series(flags.astype(float)).shift(by).to_numpy()


def counted_from_first_row(flags: np.ndarray) -> list[int]:
    count, counts = 0, []
    for flag in flags.tolist():
        count = 0 if flag else count + 1
        counts.append(count)
    return counts


def bou_counts(data: Recorded) -> pd.DataFrame:
    change = data.flashes["is_change"].to_numpy()
    after = data.flashes["flashes_from_last_change"].to_numpy()
    omission = data.flashes["flashes_from_last_omitted"].to_numpy()
    to_next = rows_to_next(change)
    first = np.argmax(change) if change.any() else len(change)
    to_next[: first + 1] = -1
    has_changed_since = (after >= 0) & (after < omission)
    columns = {
        "n_after_change": after,
        "n_before_change": to_next,
        "n_after_omission": np.where(has_changed_since, -1, omission),
    }
    return pd.DataFrame(columns, index=np.arange(len(change)))


def rows_to_next(flags: np.ndarray) -> np.ndarray:
    counts = np.full(len(flags), -1)
    at = np.flatnonzero(flags)
    for row in range(len(flags)):
        following = at[at >= row]
        counts[row] = following[0] - row if len(following) else -1
    return counts


# LB


def lb(data: Recorded) -> Results:
    licks = lb_licks(data)
    bouts = licks.groupby("bout_number").agg(
        start=("timestamps", "first"),
        end=("timestamps", "last"),
        n_licks=("timestamps", "size"),
        rewarded=("rewarded", "any"),
    )
    shown = np.cumsum(~data.flashes["omitted"].to_numpy()) > 0
    tables = {
        "flashes/lb_bouts": lb_bouts(data),
        "flashes/lb_rolling": lb_rolling(data, shown),
        "flashes/lb_format_session": lb_format_session(data, shown),
        "flashes/lb_grace": data.frame({"in_grace_period": in_grace_period(data)}),
    }
    return {"licks/lb": licks, "bouts/lb": bouts, **{name: table[shown] for name, table in tables.items()}}


def lb_bouts(data: Recorded) -> pd.DataFrame:
    names = ("bout_start", "num_bout_start", "bout_number", "bout_end", "num_bout_end", "in_lick_bout", "licked")
    return data.flashes[list(names)]


def lb_rolling(data: Recorded, shown: np.ndarray) -> pd.DataFrame:
    flashes = data.flashes
    change, bout_start = flashes["is_change"].to_numpy(), flashes["bout_start"].to_numpy()
    rewarded, licked = flashes["rewarded"].to_numpy(), flashes["licked"].to_numpy()

    def mean(values: Any) -> np.ndarray:
        averaged = np.full(len(shown), np.nan)
        averaged[shown] = centered_mean(np.asarray(values, dtype=float)[shown])
        return averaged

    raw = {
        "hit_bout": (rewarded, bout_start, "lick_hit_fraction"),
        "change_with_lick": (rewarded, change, "hit_rate"),
        "change_without_lick": (~rewarded, change, "miss_rate"),
        "non_change_with_lick": (bout_start, ~change, "false_alarm_rate"),
        "non_change_without_lick": (~bout_start, ~change & ~(licked & ~bout_start), "correct_reject_rate"),
    }
    columns: Results = {
        "num_licks": flashes["n_licks"],
        "lick_rate": mean(flashes["n_licks"]) / FLASH,
        "rewarded": rewarded,
        "reward_rate": compute_flash_reward_rate(flashes, "lb") / 60,
        "bout_rate": compute_bout_rate(flashes),
    }
    for name, (flags, defined, rate) in raw.items():
        columns[name] = np.where(defined, flags, np.nan)
        columns[rate] = np.nan_to_num(mean(columns[name]))
    hits, alarms = columns["hit_rate"], columns["false_alarm_rate"]
    columns["d_prime"] = compute_dprime(hits, alarms)
    columns["criterion"] = compute_dprime(hits, 1 - np.clip(alarms, 0.01, 0.99)) / 2
    columns["RT"] = np.where(bout_start, flashes["lick_latency"], np.nan)
    columns["engaged"] = compute_engagement(flashes, "lb")
    columns["engaged_v2"] = compute_engagement(flashes, "lb_v2")
    return data.frame(columns)


def in_grace_period(data: Recorded) -> np.ndarray:
    since = (data.flashes[f"time_from_last_{name}"].to_numpy() for name in ("change", "reward"))
    return np.logical_and.reduce([times <= GRACE for times in since])


def lb_format_session(data: Recorded, shown: np.ndarray) -> pd.DataFrame:
    flashes = data.flashes
    licked, change, omitted = (flashes[name].to_numpy() for name in ("licked", "is_change", "omitted"))
    since = np.full(len(flashes), -1)
    since[shown] = since_bout_end(flashes["bout_end"].to_numpy()[shown])
    timing = np.concatenate([[0], since[:-1]]) + 1
    timing[np.argmax(shown)] = 1
    return data.frame(
        {
            "hits": licked & change,
            "misses": ~licked & change,
            **{name: has_change_of(data, name) for name in ("false_alarm", "correct_reject")},
            "aborts": licked & ~change & ~in_grace_period(data),
            "auto_rewards": has_change_of(data, "auto_rewarded"),
            "y": np.where(flashes["bout_start"], 2, 1),
            "images_since_last_lick": since,
            "timing_input": timing,
            "included": ~flashes["in_lick_bout"].to_numpy(),
            "task0": change.astype(int),
            "omissions": omitted.astype(int),
            "omissions1": np.concatenate([[0], (omitted & shown)[:-1]]).astype(int),
            "timing1D": timing_regressor(timing),
        }
    )


def since_bout_end(ended: np.ndarray) -> np.ndarray:
    """Count rows since a bout ended; before the first bout end from the first row."""
    ended = ended.copy()
    ended[:1] = True
    row = np.arange(len(ended))
    return row - np.maximum.accumulate(np.where(ended, row, 0))


def timing_regressor(timing: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        sigmoid = -1 + 1 / (1 + (timing / 4.0) ** -5.0)
    sigmoid[np.abs(sigmoid + 1) < 1e-3] = -1
    sigmoid[np.abs(sigmoid) < 1e-3] = 0
    return sigmoid


def has_change_of(data: Recorded, kind: str) -> np.ndarray:
    """Return the flashes during which a trial of a kind has its change."""
    presentations = data.session.stimulus_presentations.loc[data.flashes.index]
    times = data.trials["change_time"][data.trials[kind].to_numpy()].to_numpy()
    stop = presentations["end_time"].to_numpy()
    return np.searchsorted(times, stop, "right") > np.searchsorted(times, data.start, "left")
