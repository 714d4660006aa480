"""Figures that compare simulated sessions with the published ones: each is computed by one function from both.

The figures of `table_figures` come from a table with one row per session, those of `session_figures` from one raw session, and those of
`engagement_figures` from the performance metrics of some sessions. Values are lists of numbers.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior import BehaviorSession, compute_engagement, compute_reward_rate
from visbehavior.schema.stimulus_pickle import FRAME_RATE
from visbehavior.simulation import curriculum, licking, mouse, task
from visbehavior.simulation.stages import FIRST_SESSION_TYPE, Stage, parse_stage

Figures = dict[str, list[float]]
OUTCOMES = ("go", "catch", "hit", "miss", "false_alarm", "correct_reject")
COUNTS = ["trial_count", *(f"{name}_trial_count" for name in OUTCOMES), "engaged_trial_count"]
QUARTILES = (0.25, 0.5, 0.75)
ENGAGED_REWARD_RATE = 2.0
"""Rewards per minute above which AllenSDK counts a trial as engaged."""

NOVELTY = "OPHYS_4 - OPHYS_3 of the same mouse (d', hit rate, false alarm rate)"
BOUNDS: dict[str, float | list[float]] = {
    "catch trials - N / 8, TRAINING_5 (mean, SD)": 0.25,
    "catch trials - N / 8, TRAINING_1 (SD)": 0.8,
    "trials neither go nor catch per go trial, 10 % quantile of TRAINING_1 without hits": 0.04,
    "correlation from day to day in TRAINING_5 (hit rate, aborted)": 0.2,
    "correlation of mouse means, TRAINING_1 and TRAINING_5 (hit rate, aborted)": 0.55,
    "correlation of mouse means, TRAINING_5 and OPHYS (hit rate, aborted)": 0.45,
    "fraction of the variance between mice in TRAINING_5 (hit rate, aborted)": 0.22,
    "d' in TRAINING_1 (first, last session)": 0.35,
    "d' in TRAINING_5 (mean)": 0.2,
    "sessions of a mouse (quartiles)": 16,
    "sessions in TRAINING_1 (quartiles)": 4,
    "sessions in TRAINING_2 (quartiles)": 1.1,
    "sessions in TRAINING_5 (quartiles)": 8,
    "mice that step back during imaging (fraction)": 0.25,
    "hits in active OPHYS sessions (Slc17a7, Vip, Sst)": 30,
    "active OPHYS sessions with less than 10 hits (fraction)": 0.06,
    "passive sessions with hits or false alarms (fraction)": 0.06,
    NOVELTY: [0.2, 0.08, 0.06],
    "engaged trials in TRAINING_5 (fraction, quartiles)": 0.15,
    "engaged trials in active OPHYS sessions (fraction, quartiles)": 0.15,
    "bout probability 1 to 6 flashes after a bout": 0.1,
    "latency of bouts after a change, 5 % and 95 % (s)": 0.12,
    "latency of bouts after other flashes, 5 %, 50 % and 95 % (s)": 0.1,
    "first lick 0 to 9 frames after the change (fraction)": 0.07,
    "aborts in the first 0.75 s of the trial (fraction)": 0.05,
    "one, two, three licks in a bout without reward (fraction)": 0.12,
    "bouts on the gray screen before and after the task": 14,
    "frame interval (ms: mean, SD; autocorrelation)": 0.08,
    "encoder: distinct voltages, in thousands": 1.2,
    "encoder: readings equal to the last one (fraction)": 0.2,
    "different image pairs in the first 64 completed trials": 2,
}
"""Largest difference between the published and the simulated value of each figure, or of each of its values."""

PRINTED_DIFFERENCES = (
    0.8257788159919642 - 0.5083809219533421,
    0.822212 - 0.808946,
    0.809956 - 0.231115,
    0.877314 - 0.523621,
    0.919466 - 0.778670,
)
"""mean_hit_rate_engaged - mean_hit_rate of five sessions of mouse 445002, as printed in the tutorial notebook of AllenSDK."""


def session_group(session_type: Any) -> str | None:
    """Return the group of a published session type."""
    if not isinstance(session_type, str):
        return None
    if session_type.startswith("OPHYS"):
        return "OPHYS_passive" if session_type.endswith("passive") else "OPHYS_active"
    return session_type[: len("TRAINING_0")]


def count_outcomes(stage: Stage, log: task.SessionLog) -> dict[str, float]:
    """Return the counts of a simulated session that the published table has, too."""
    outcomes = [task.classify_trial(trial) for trial in log.trials]
    counts = [sum(outcome[name] for outcome in outcomes) for name in OUTCOMES]
    licks = np.array(log.licks)
    trials = {
        "start_time": np.array([trial.start for trial in log.trials]) / FRAME_RATE,
        "change_time": np.array([np.nan if trial.change is None else trial.change for trial in log.trials])
        / FRAME_RATE,
        "lick_times": [licks[slice(*np.searchsorted(licks, [t.start, t.stop + 1]))] / FRAME_RATE for t in log.trials],
    }
    engaged = int((compute_reward_rate(trials) > ENGAGED_REWARD_RATE).sum())
    return dict(zip(COUNTS, [len(outcomes), *counts, engaged], strict=True))


def simulate_counts(day: curriculum.Day) -> dict[str, Any]:
    """Return the row of a simulated session in the table of sessions."""
    rng = np.random.default_rng(day.seed)
    stage = parse_stage(day.session_type)
    parameters = mouse.sample_session_parameters(day.mouse, day.session_type, rng)
    log = task.run_task(stage, licking.LickingModel(parameters, rng), stage.max_minutes, rng)
    names = {
        "mouse_id": day.mouse.mouse_id,
        "session_type": day.session_type,
        "cre_line": day.mouse.full_genotype.split("/")[0],
    }
    return names | count_outcomes(stage, log)


def simulate_mouse_counts(number: int) -> list[dict[str, Any]]:
    """Return the rows of all sessions of a simulated mouse."""
    rng = np.random.default_rng([28, number])
    animal = mouse.sample_mouse(rng, str(number))
    return [simulate_counts(day) for day in curriculum.plan_curriculum(animal, rng)]


def simulate_novelty_counts(number: int) -> list[dict[str, Any]]:
    """Return the rows of OPHYS_3 and OPHYS_4 of a trained mouse."""
    rng = np.random.default_rng([3, number])
    seen = (FIRST_SESSION_TYPE, "TRAINING_1_gratings", *["TRAINING_5_images_A_handoff_ready"] * 10)
    animal = replace(mouse.sample_mouse(rng, str(number)), seen=seen)
    return [
        simulate_counts(day) for day in curriculum.plan_given(animal, ["OPHYS_3_images_A", "OPHYS_4_images_B"], rng)
    ]


def table_figures(table: pd.DataFrame) -> Figures:
    """Return the figures of a table of sessions, in which the sessions of each mouse are in order."""
    table = _add_rates(table)
    groups = dict(iter(table.groupby("group")))
    first, last, imaging = groups["TRAINING_1"], groups["TRAINING_5"], groups["OPHYS_active"]
    by_mouse = first.groupby("mouse_id")["dprime"]
    no_hit = first[(first["hit_trial_count"] <= 2) & (first["go_trial_count"] > 150)]
    lines = ["Slc17a7-IRES2-Cre", "Vip-IRES-Cre", "Sst-IRES-Cre"]
    tested = imaging[~imaging["session_type"].str.startswith("OPHYS_0")]
    passive = groups["OPHYS_passive"]
    responses = passive["hit_trial_count"] + passive["false_alarm_trial_count"]
    rates = ["hit_rate", "aborted"]
    values = [
        [last["excess"].mean(), last["excess"].std()],
        [first["excess"].std()],
        [(no_hit["others"] / no_hit["go_trial_count"]).quantile(0.1)],
        [_day_to_day(last, name) for name in rates],
        [_mean_correlation(first, last, name) for name in rates],
        [_mean_correlation(last, imaging, name) for name in rates],
        [_variance_between_mice(last, name) for name in rates],
        [by_mouse.first().mean(), by_mouse.last().mean()],
        [last["dprime"].mean()],
        *(_session_counts(rows, table) for rows in (table, first, groups["TRAINING_2"], last)),
        [np.mean([_steps_back(rows) for _, rows in table.groupby("mouse_id")])],
        [tested.loc[tested["cre_line"] == line, "hit_trial_count"].mean() for line in lines],
        [(imaging["hit_trial_count"] < 10).mean()],
        [(responses > 0).mean()],
        compute_novelty(imaging),
        *((rows["engaged"].quantile(list(QUARTILES)).tolist()) for rows in (last, imaging)),
    ]
    return {name: [float(x) for x in value] for name, value in zip(BOUNDS, values, strict=False)}


def _add_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with rates; the corrected rates of d' are those of half a trial."""
    go, catch, hit, alarm = (table[f"{name}_trial_count"] for name in ("go", "catch", "hit", "false_alarm"))
    z = np.vectorize(NormalDist().inv_cdf)
    others = table["trial_count"] - go - catch
    return table.assign(
        group=table["session_type"].map(session_group),
        hit_rate=hit / go.where(go > 0),
        false_alarm_rate=alarm / catch.where(catch > 0),
        dprime=z((hit + 0.5) / (go + 1)) - z((alarm + 0.5) / (catch + 1)),
        excess=catch - (go + catch) / 8,
        others=others,
        aborted=others / table["trial_count"],
        engaged=table["engaged_trial_count"] / table["trial_count"],
    )


def _day_to_day(rows: pd.DataFrame, name: str) -> float:
    """Return the correlation of successive sessions, as deviations from the mean of the mouse."""
    deviation = rows[name] - rows.groupby("mouse_id")[name].transform("mean")
    return float(deviation.corr(deviation.groupby(rows["mouse_id"]).shift()))


def _mean_correlation(first: pd.DataFrame, second: pd.DataFrame, name: str) -> float:
    return float(first.groupby("mouse_id")[name].mean().corr(second.groupby("mouse_id")[name].mean()))


def _variance_between_mice(rows: pd.DataFrame, name: str) -> float:
    """Return the fraction of the variance that is between mice, by analysis of variance."""
    groups = rows.dropna(subset=[name]).groupby("mouse_id")[name]
    size, mean = groups.size(), groups.mean()
    within = (groups.var() * (size - 1)).sum() / (size - 1).sum()
    grand = (size * mean).sum() / size.sum()
    between = (size * (mean - grand) ** 2).sum() / (len(size) - 1)
    effective = (size.sum() - (size**2).sum() / size.sum()) / (len(size) - 1)
    variance = (between - within) / effective
    return float(variance / (variance + within))


def _session_counts(rows: pd.DataFrame, table: pd.DataFrame) -> list[float]:
    """Return the quartiles over mice of the number of sessions."""
    counts = rows.groupby("mouse_id").size().reindex(table["mouse_id"].unique(), fill_value=0)
    return [float(x) for x in counts.quantile(list(QUARTILES))]


def _steps_back(rows: pd.DataFrame) -> bool:
    imaging = rows.loc[rows["session_type"].str.startswith("OPHYS", na=False), "session_type"]
    return bool((np.diff(imaging.str[6].astype(int)) < 0).any())


def compute_novelty(rows: pd.DataFrame) -> list[float]:
    """Return the mean over mice of the first session of OPHYS_4 minus the first one of OPHYS_3."""
    names = ["dprime", "hit_rate", "false_alarm_rate"]
    rows = _add_rates(rows)
    stage = rows["session_type"].str[:7]
    familiar, novel = (rows[stage == name].groupby("mouse_id")[names].first() for name in ("OPHYS_3", "OPHYS_4"))
    return [float(x) for x in (novel - familiar).mean()]


def session_figures(session: BehaviorSession, raw: dict[str, Any]) -> Figures:
    """Return the figures of a raw session."""
    behavior = raw["items"]["behavior"]
    licks = session.licks["frame"].to_numpy()
    table = session.stimulus_presentations
    shown = table[table["image_name"].notna()]
    flashes, is_change = shown["start_frame"].to_numpy(), shown["is_change"].to_numpy(dtype=bool)
    first, last = bouts(licks)
    flash = np.searchsorted(flashes, first, side="right") - 1
    in_task = (flash >= 0) & (first < flashes[-1] + 45)
    latency = (first - flashes[flash])[in_task] / FRAME_RATE
    at_change = is_change[flash[in_task]]
    figures = {
        "bout probability 1 to 6 flashes after a bout": bout_hazard(flashes, is_change, first, last),
        "latency of bouts after a change, 5 % and 95 % (s)": np.quantile(latency[at_change], [0.05, 0.95]),
        "latency of bouts after other flashes, 5 %, 50 % and 95 % (s)": np.quantile(
            latency[~at_change], [0.05, 0.5, 0.95]
        ),
        **_trial_figures(session.trials, licks, session.stimulus_timestamps),
        "one, two, three licks in a bout without reward (fraction)": _bout_sizes(session, first, last, licks),
        "bouts on the gray screen before and after the task": [
            (first < flashes[0]).sum(),
            (first > flashes[-1] + 45).sum(),
        ],
        **_clock_figures(np.array(behavior["intervalsms"]), np.array(behavior["encoders"][0]["vsig"])),
        "different image pairs in the first 64 completed trials": [_count_pairs(session.trials)],
    }
    return {name: [float(x) for x in np.asarray(values)] for name, values in figures.items()}


def bouts(licks: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the first and the last frames of the lick bouts, which are 0.7 s apart."""
    starts = np.diff(licks, prepend=-1000) > 0.7 * FRAME_RATE
    return licks[starts], licks[np.append(starts[1:], True)]


def bout_hazard(
    flashes: NDArray[Any], is_change: NDArray[np.bool_], first: NDArray[Any], last: NDArray[Any]
) -> list[float]:
    """Return the probability of a bout 1 to 6 flashes after the last flash with licks, at flashes without a change."""
    starts = np.zeros(len(flashes), dtype=bool)
    of_bout = np.searchsorted(flashes, first, side="right") - 1
    starts[of_bout[of_bout >= 0]] = True
    index = np.searchsorted(first, flashes, side="left") - 1
    licking_at = (index >= 0) & (flashes <= last[np.maximum(index, 0)])
    busy = starts | licking_at
    latest = np.maximum.accumulate(np.where(busy, np.arange(len(flashes)), -1000))
    since = np.arange(len(flashes)) - np.concatenate([[-1000], latest[:-1]])
    counted = ~licking_at & ~is_change
    return [float(starts[counted & (since == n)].mean()) for n in range(1, 7)]


def _trial_figures(trials: pd.DataFrame, licks: NDArray[Any], times: NDArray[Any]) -> dict[str, list[float]]:
    changes = trials.loc[trials["change_frame"] > 0, "change_frame"].to_numpy(dtype=int)
    following = licks[np.minimum(np.searchsorted(licks, changes), len(licks) - 1)] - changes
    aborted = trials[trials["aborted"]]
    start = np.searchsorted(times, aborted["start_time"].to_numpy() - 1e-4)
    abort = licks[np.minimum(np.searchsorted(licks, start), len(licks) - 1)] - start
    return {
        "first lick 0 to 9 frames after the change (fraction)": [((following >= 0) & (following <= 9)).mean()],
        "aborts in the first 0.75 s of the trial (fraction)": [(abort < 45).mean()],
    }


def _bout_sizes(session: BehaviorSession, first: NDArray[Any], last: NDArray[Any], licks: NDArray[Any]) -> Any:
    times = session.stimulus_timestamps
    rewards = np.searchsorted(times, session.rewards["timestamps"].to_numpy() - 1e-4)
    rewarded = np.searchsorted(rewards, last + 6) > np.searchsorted(rewards, first - 5)
    sizes = (np.searchsorted(licks, last, side="right") - np.searchsorted(licks, first))[~rewarded]
    return [(sizes == n).mean() for n in (1, 2, 3)]


def _clock_figures(intervals: NDArray[Any], voltage: NDArray[Any]) -> dict[str, list[float]]:
    regular = intervals[np.abs(intervals - np.median(intervals)) < 0.2]
    correlation = np.corrcoef(regular[:-1], regular[1:])[0, 1]
    return {
        "frame interval (ms: mean, SD; autocorrelation)": [regular.mean(), regular.std(), correlation],
        "encoder: distinct voltages, in thousands": [len(np.unique(voltage)) / 1000],
        "encoder: readings equal to the last one (fraction)": [(np.diff(voltage) == 0).mean()],
    }


def _count_pairs(trials: pd.DataFrame) -> int:
    completed = trials[~trials["aborted"]].head(64)
    return len(set(zip(completed["initial_image_name"], completed["change_image_name"], strict=True)))


def hit_rate_difference(session: BehaviorSession) -> float:
    """Return the mean rolling hit rate of engaged trials minus that of all trials."""
    metrics = session.get_performance_metrics()
    return float(metrics["mean_hit_rate_engaged"] - metrics["mean_hit_rate"])


def engagement_agreement(session: BehaviorSession, raw: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return, for each definition of engagement, the fraction of engaged flashes and of disengaged flashes that it finds."""
    flashes = session.get_flash_table()
    truth = raw["simulation"]["engaged"]
    found = {}
    for name in ("sdk", "bou", "vba", "glm", "lb", "lb_v2"):
        engaged = compute_engagement(flashes, name, session.trials).to_numpy()
        found[name] = (float(engaged[truth].mean()), float((~engaged[~truth]).mean()))
    return found


def disengaged_hit_rate(session: BehaviorSession, raw: dict[str, Any]) -> float:
    """Return the fraction of hits among the go trials in planted disengaged periods."""
    trials = session.trials
    go = trials[trials["go"]]
    frames = (
        raw["simulation"]["flash_frames"]
        + (session.stimulus_presentations["start_frame"][session.stimulus_presentations["image_name"].notna()].iloc[0])
    )
    flash = np.searchsorted(frames, go["change_frame"].to_numpy(dtype=int), side="right") - 1
    disengaged = ~raw["simulation"]["engaged"][flash]
    return float(go["hit"].to_numpy(dtype=bool)[disengaged].mean()) if disengaged.any() else float("nan")
