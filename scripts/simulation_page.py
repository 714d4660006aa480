"""Write docs/simulation.md: the behavioral model, and simulated sessions compared with the published ones.

Usage: ``python -m scripts.simulation_page > docs/simulation.md``. Two options first recompute the recorded values of the published
data: ``--published behavior_session_table.csv`` the trial outcomes (`scripts/published_outcomes.json`, quartiles over sessions),
and ``--session SESSION_DATA.json`` the values of one raw file (`scripts/published_session.json`). Both update
`scripts/published_figures.json`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import pathlib
import pickle
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from scripts import simulation_figures as figures
from visbehavior import BehaviorSession, Mouse, simulate
from visbehavior.simulation import curriculum, licking, mouse, sequencer

HERE = pathlib.Path(__file__).parent
OUTCOMES, SESSION = HERE / "published_outcomes.json", HERE / "published_session.json"
FIGURES = HERE / "published_figures.json"
QUARTILES = (0.25, 0.5, 0.75)
SESSIONS_PER_GROUP = 300
SESSIONS_PER_MOUSE = 20
ENGAGEMENT_SESSIONS = 40
MICE, TEST_MICE = 107, 20
NOVELTY_MICE, TEST_NOVELTY_MICE = 400, 100
"""Simulated mice of the page and of the test."""
RANGE_FACTOR = 1.5
"""Largest ratio of the interquartile ranges."""
SESSION_TYPES = {
    "TRAINING_0": "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_1": "TRAINING_1_gratings",
    "TRAINING_2": "TRAINING_2_gratings_flashed",
    "TRAINING_3": "TRAINING_3_images_A_10uL_reward",
    "TRAINING_4": "TRAINING_4_images_A_training",
    "TRAINING_5": "TRAINING_5_images_A_handoff_ready",
    "OPHYS_active": "OPHYS_3_images_A",
    "OPHYS_passive": "OPHYS_5_images_B_passive",
}
COUNT_NAMES = figures.COUNTS
PUBLISHED_MOUSE = Mouse(impulsivity=1.3, timing=3.2, sensitivity=-0.5, engagement=5, latency=0.39, running_speed=0.02)
"""Parameters similar to the mouse of the published raw file, which is engaged throughout and does not run."""

TEXT = """# The simulated mouse

`visbehavior.simulate(session_type)` simulates a mouse in the change detection task and returns the content of a stimulus pickle, which is read like one from a rig.
`simulate_mouse()` simulates all sessions of a mouse. Nothing is downloaded, and the ground truth is known (`["simulation"]`).

```python
from visbehavior import BehaviorSession, Mouse, simulate

raw = simulate("OPHYS_3_images_A", mouse=Mouse(sensitivity=1.0), minutes=60, seed=1)
session = BehaviorSession.from_json({{"behavior_stimulus_file": raw}})
session.get_performance_metrics()["max_dprime"]
raw["simulation"]["drivers"], raw["simulation"]["engaged"].mean()
```

## What it can be used for

| question | use |
|---|---|
| Does my code read, convert and analyze sessions of every type? | yes |
| Does my method find a planted bias, timing, sensitivity or engagement? | yes: see [Planted truth](#planted-truth). The model of the simulation is a logistic regression on flashes, so a method with the same model has an advantage |
| How many sessions or mice does my study need? | yes, for hit rates, false alarms, aborted trials and d', whose variance within and between mice is calibrated |
| Does my definition of engagement find lapses? | yes. The lapses are planted and simpler than real ones: there are two states |
| Does a novel image set change behavior in real mice? | no. The effect is planted |
| How do omissions, or licks outside the task, depend on the brain? | no. Omissions have assumed effects |
| Is my analysis of running correct? | for code, yes. The values are assumed: the one published raw file is of a mouse that rests |
| What do the images look like? | no. The images are textures |

## The behavioral model

At each flash on which the mouse is not already licking, it starts a lick bout with probability p. The log-odds of p are a sum:

    logit p = b + t sigma((n - {midpoint:g}) / {width:g}) + r + o + s v[i, j] + d

| symbol | meaning |
|---|---|
| b | bias: log-odds of licking at any flash |
| t | timing: increase of the log-odds after a long time without licks; n is the number of flashes since the last bout, sigma the logistic function |
| r | {refractory:g} at the first flash after a bout |
| o | {omission:g} at an omitted flash and {post:+g} at the flash after it (assumed) |
| s | sensitivity: increase of the log-odds at a change; at other flashes the term is 0 |
| v[i, j] | visibility of the change from image i to image j: mean 1; it has a part of image j (standard deviation {salience:g}) and one of the pair ({pair:g}), and stays with the mouse |
| d | {disengagement:g} while the mouse is disengaged, else 0 |

The model is based on Piet et al. (2024), Neuron 112, who fitted such a model to this data set.

- **Engagement** follows a two-state Markov chain, updated at each flash; an engaged and a disengaged period together last {cycle:g} minutes on average. The log-odds of being engaged decrease by {satiation:g} for each
  {volume:g} mL that the mouse drinks and by {fatigue:g} in an hour, so most long lapses are late in the session.
- **Latencies.** A reaction to a change has a log-normal latency with a median around 0.39 s, which is shorter if the drive is strong. A bout without such a reaction, also at a change, has a broad latency around {flash_latency:g} s.
- **Bouts.** A bout with a reward has {licks:g} licks on average, one without has one or two. On the gray screens and in the movie an engaged mouse licks at times.
- **Days.** Sensitivity, impulsivity (of b) and engagement of a mouse are the sum of a trait ({trait:.0%} of the variance over sessions), a slow state ({drift:.0%}) with a correlation of {correlation:g} from one session to the next, and a daily deviation ({daily:.0%}).
- **Learning.** The sensitivity increases by up to {gratings:g} over the sessions with gratings, and by {images:g} over those with images.
- **Advancement.** A mouse advances from a stage of training with some probability after each session whose expected d' is above a criterion (`visbehavior.simulation.curriculum`). Imaging sessions are repeated at random, at once or after the last one.
- **Novelty.** The day of a novel image set has a bias that is {caution:g} lower, and a sensitivity that is {boost:g} higher.
- **Cre line.** The sensitivity to images differs by line: {lines}.
- **Refusal.** In {refusal:.0%} of the active OPHYS sessions the mouse does not perform. In {passive:.1%} of the passive sessions the lick spout is in reach.
- **Running.** A mouse alternates between running and rest, is slower while disengaged and after licks, and nearly stops to drink.

`Mouse` has the parameters of the animal. Sensitivity, impulsivity and engagement are deviations from the mean of the stage in standard deviations, so 0 is an average mouse of its Cre line. Without `mouse`,
`simulate` samples a random mouse on a random day. Mean ± standard deviation over the sessions of each stage (log-odds):

| stage | bias | sensitivity | engaged |
|---|---|---|---|
{parameters}
## Planted truth

`raw["simulation"]` has

| entry | meaning |
|---|---|
| `mouse` | traits of the mouse, its slow state on this day (`drift`), and its earlier sessions |
| `drivers` | parameters of the session: bias, sensitivity, timing, fraction engaged, latency, running speed, visibility of each pair of images, `performs`, `has_spout` |
| `model` | parameters that all sessions share: those of timing, omissions, engagement and satiation |
| `flash_frames`, `engaged` | first frame of each flash from the start of the task, and whether the mouse was engaged |

## The task

- With images, the changes are dealt from a deck of all 64 ordered pairs, in which each pair starts with the image that the last one ended with. The pairs of an image with itself are the catch trials. The deck is used up before a new one is shuffled. With gratings, each trial is a catch trial with probability {catch:g}.
- The change is 4 to 11 flashes after the start of the trial, with a truncated geometric distribution (probability 0.7 that it is later than a flash).
- A lick before the change aborts the trial. After a timeout of 0.3 s the trial is repeated with the same images; after {repeats_of_trial} repeats its change time is drawn anew.
- A lick 0.15 to 0.75 s after the change is a hit. Earlier licks after a change have no effect. The first lick after a sham change is a false alarm, even before 0.15 s.
- The first {warm_up} changes have a free reward. In TRAINING_1 to TRAINING_4 so has the change after {misses} misses in a row. The rig logs these trials as misses.
- HABITUATION_5 of Visual Behavior Neuropixels behaves like TRAINING_5, and EPHYS_1 like an active OPHYS session. A session type that ends with `5uL_reward` sets the volume of an earned reward.
- In OPHYS_1 to OPHYS_6 and EPHYS_1, 5 % of the images are omitted, but never a change or the image before it.
- The session ends after 60 minutes or 5 mL.
- In TRAINING_0 and TRAINING_1 gratings stay on until they change. In TRAINING_0 every change has a free reward.
- TRAINING_5 and OPHYS have a gray screen of five minutes before the task, and a gray screen and ten repeats of a movie after it (not in sessions shorter than 30 minutes).

## Comparison with the published sessions

### Counts

Number of trials in a session: 25 %, **50 %** and 75 % quantile over sessions, for the 4,782 published sessions and {sessions} simulated sessions of each stage, each with a different mouse. Each simulated
median is within the published quartiles, and each simulated interquartile range is within a factor of {factor:g} of the published one; a test checks both.

| stage | | {names} |
|---|---|{line}|
{rows}
### Days, mice and novelty

The table of the 4,782 published sessions, and all sessions of {mice} simulated mice; for OPHYS_4 and OPHYS_3, {novelty_mice} others. Rates of a session are plain counts; d' has half a trial added to each count. Differences between OPHYS_3 and OPHYS_4 are paired: the first session of each in the same mouse.
"Bound" is the largest difference that a test accepts for {test_mice} mice ({test_novelty_mice} for novelty).

| | published | simulated | bound |
|---|---|---|---|
{table}
### Within a session

The published raw file 891635659 (TRAINING_5), and {repeats} simulated sessions of a similar mouse (median over sessions). A bout ends with 0.7 s without licks.

| | published | simulated | bound |
|---|---|---|---|
{within}
Quartiles within the same sessions:

| | published | simulated |
|---|---|---|
{session}
### Engagement

Agreement of the planted engagement with the published definitions (`compute_engagement`), in {engagement_sessions} simulated sessions of TRAINING_5 and OPHYS_3 with both states: fraction of the engaged flashes that count as engaged, and of the disengaged flashes that count as disengaged.

| method | engaged | disengaged |
|---|---|---|
{agreement}
The mean rolling hit rate of engaged trials minus that of all trials is {published_difference:.2f} in the five sessions printed in the tutorial of AllenSDK (one mouse), and {simulated_difference:.2f} in these simulated sessions. The hit rate in disengaged periods is {floor:.2f}.

## What is not like the published data

- Images have no content: the visibility of a change is a random number.
- There are two states of engagement. Real mice also change their strategy within a session.
- The catch trials of the first, auto-rewarded trials are left out. The published counts agree with this; the raw file cannot show it.
- Effects of omissions, running of mice that run, and the coupling of running and engagement are assumed.
- Advancement depends on the expected d', and not on the outcome of the session.
- Sessions are on weekdays without holidays, and each mouse has one session a day.

Made by `python -m scripts.simulation_page`.
"""


def simulated_outcomes(group: str, sessions: int) -> dict[str, list[float]]:
    """Return the quartiles of each count over simulated sessions of different mice."""
    counts = [figures.simulate_counts(_random_day(group, seed)) for seed in range(sessions)]
    return {name: np.quantile([count[name] for count in counts], QUARTILES).tolist() for name in COUNT_NAMES}


def _random_day(group: str, seed: int) -> curriculum.Day:
    rng = np.random.default_rng(seed)
    return curriculum.Day(mouse.sample_mouse(rng), SESSION_TYPES[group], int(rng.integers(2**63)))


def published_outcomes(table: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """Return the quartiles of each count over published sessions, by group."""
    groups = table.groupby(table["session_type"].map(figures.session_group))
    return {
        group: {name: rows[name].quantile(list(QUARTILES)).tolist() for name in COUNT_NAMES}
        for group, rows in groups
        if group in SESSION_TYPES
    }


def read_published(path: pathlib.Path) -> pd.DataFrame:
    """Return the published sessions with a type, in order within each mouse."""
    table = pd.read_csv(path).sort_values(["mouse_id", "date_of_acquisition"])
    return table[table["session_type"].notna()]


def simulated_table(mice: int, jobs: int | None = None) -> pd.DataFrame:
    """Return a table of all sessions of some simulated mice."""
    with ProcessPoolExecutor(jobs) as pool:
        rows = pool.map(figures.simulate_mouse_counts, range(mice))
        return pd.DataFrame([row for sessions in rows for row in sessions])


def session_quartiles(session: BehaviorSession) -> dict[str, list[float]]:
    """Return the quartiles of licks, trials and running within a session."""
    trials, licks = session.trials, session.licks["timestamps"].to_numpy()
    values = {
        "interval between licks (s)": np.diff(licks),
        "latency of hits (s)": trials.loc[trials["hit"], "response_latency"],
        "length of trials (s)": trials["trial_length"],
        "time of changes in a trial (s)": (trials["change_time"] - trials["start_time"]).dropna(),
        "running speed (cm/s)": session.running_speed["speed"],
    }
    return {name: np.quantile(value, QUARTILES).tolist() for name, value in values.items()}


def simulated_table_figures(mice: int, novelty_mice: int, jobs: int | None = None) -> figures.Figures:
    """Return the figures of a simulated table of sessions; the effect of novelty is that of other mice, because it is small."""
    with ProcessPoolExecutor(jobs) as pool:
        rows = [row for sessions in pool.map(figures.simulate_novelty_counts, range(novelty_mice)) for row in sessions]
    novelty = figures.compute_novelty(pd.DataFrame(rows))
    return figures.table_figures(simulated_table(mice, jobs)) | {figures.NOVELTY: novelty}


def simulated_session(sessions: int) -> tuple[dict[str, list[float]], figures.Figures]:
    """Return the medians over simulated sessions of one mouse: of the quartiles, and of the figures."""
    quartiles, values = [], []
    for seed in range(sessions):
        raw = simulate("TRAINING_5_images_A_handoff_lapsed", mouse=PUBLISHED_MOUSE, seed=seed)
        session = open_raw(raw)
        quartiles.append(session_quartiles(session))
        values.append(figures.session_figures(session, raw))
    return _median(quartiles), _median(values)


def _median(results: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    return {name: np.median([result[name] for result in results], axis=0).tolist() for name in results[0]}


def open_raw(raw: dict[str, Any]) -> BehaviorSession:
    return BehaviorSession.from_json({"behavior_stimulus_file": raw})


def engagement_results(sessions: int) -> tuple[dict[str, list[float]], float, float]:
    """Return agreement by definition, difference of the hit rates and disengaged hit rate, as means over sessions.

    Sessions in which less than a tenth of the flashes are engaged, or disengaged, are left out.
    """
    agreement, differences, floors = [], [], []
    for seed in range(sessions):
        raw = simulate(SESSION_TYPES["OPHYS_active" if seed % 2 else "TRAINING_5"], seed=seed)
        session = open_raw(raw)
        if not 0.1 < raw["simulation"]["engaged"].mean() < 0.9:
            continue
        agreement.append(figures.engagement_agreement(session, raw))
        differences.append(figures.hit_rate_difference(session))
        floors.append(figures.disengaged_hit_rate(session, raw))
    means = {name: np.mean([found[name] for found in agreement], axis=0).tolist() for name in agreement[0]}
    return means, float(np.nanmean(differences)), float(np.nanmean(floors))


def format_quartiles(quartiles: list[float], spec: str) -> str:
    low, median, high = (format(value, spec) for value in quartiles)
    return f"{low}, **{median}**, {high}"


def outcome_rows() -> str:
    published = json.loads(OUTCOMES.read_text())
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        quartiles = pool.map(simulated_outcomes, SESSION_TYPES, [SESSIONS_PER_GROUP] * len(SESSION_TYPES))
        simulated = dict(zip(SESSION_TYPES, quartiles, strict=True))
    return "".join(
        f"| {group} | {source} | {' | '.join(format_quartiles(counts[group][name], '.0f') for name in COUNT_NAMES)} |\n"
        for group in SESSION_TYPES
        for source, counts in (("published", published), ("simulated", simulated))
    )


def figure_rows(published: figures.Figures, simulated: figures.Figures) -> str:
    """Return the rows of a comparison."""
    return "".join(
        f"| {name} | {format_values(published[name])} | {format_values(simulated[name])} | {format_values(np.atleast_1d(figures.BOUNDS[name]))} |\n"
        for name in published
    )


def format_values(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}" for value in values)


def session_rows(published: dict[str, list[float]], simulated: dict[str, list[float]]) -> str:
    return "".join(
        f"| {name} | {format_quartiles(published[name], '.3f')} | {format_quartiles(simulated[name], '.3f')} |\n"
        for name in published
    )


def parameter_rows() -> str:
    return "".join(
        f"| {group} | "
        + " | ".join(f"{mean:g} ± {sd:g}" for mean, sd in (p.bias, p.sensitivity, p.engagement))
        + " |\n"
        for group, p in mouse.STAGE_PARAMETERS.items()
        if group != "OPHYS_passive"
    )


def page() -> str:
    """Return the text of the page."""
    labels = [name.removesuffix("_trial_count").removesuffix("_count").replace("_", " ") for name in COUNT_NAMES]
    published = json.loads(FIGURES.read_text())
    quartiles, within = simulated_session(SESSIONS_PER_MOUSE)
    agreement, difference, floor = engagement_results(ENGAGEMENT_SESSIONS)
    return TEXT.format(
        **constants(),
        parameters=parameter_rows(),
        sessions=SESSIONS_PER_GROUP,
        factor=RANGE_FACTOR,
        mice=MICE,
        test_mice=TEST_MICE,
        novelty_mice=NOVELTY_MICE,
        test_novelty_mice=TEST_NOVELTY_MICE,
        repeats=SESSIONS_PER_MOUSE,
        names=" | ".join(labels),
        line="|".join("---" for _ in labels),
        rows=outcome_rows(),
        table=figure_rows(published["table"], simulated_table_figures(MICE, NOVELTY_MICE)),
        within=figure_rows(published["session"], within),
        session=session_rows(json.loads(SESSION.read_text()), quartiles),
        engagement_sessions=ENGAGEMENT_SESSIONS,
        agreement="".join(f"| {name} | {yes:.2f} | {no:.2f} |\n" for name, (yes, no) in agreement.items()),
        published_difference=np.mean(figures.PRINTED_DIFFERENCES),
        simulated_difference=difference,
        floor=floor,
    )


def constants() -> dict[str, Any]:
    """Return the constants of the model that the text names."""
    return {
        "midpoint": mouse.TIMING_MIDPOINT,
        "width": mouse.TIMING_WIDTH,
        "refractory": mouse.REFRACTORY,
        "omission": mouse.OMISSION,
        "post": mouse.POST_OMISSION,
        "salience": mouse.SALIENCE_SD,
        "pair": mouse.PAIR_SD,
        "disengagement": mouse.DISENGAGEMENT,
        "cycle": mouse.ENGAGEMENT_CYCLE,
        "satiation": mouse.SATIATION,
        "fatigue": mouse.FATIGUE,
        "volume": mouse.TYPICAL_VOLUME,
        "flash_latency": licking.FLASH_LATENCY,
        "licks": licking.REWARDED_LICKS,
        "trait": mouse.TRAIT_VARIANCE,
        "drift": mouse.DRIFT_VARIANCE,
        "correlation": mouse.DRIFT_CORRELATION,
        "daily": mouse.DAILY_VARIANCE,
        "gratings": mouse.LEARNING_GAIN["gratings"],
        "images": mouse.LEARNING_GAIN["images"],
        "caution": mouse.NOVELTY_CAUTION,
        "boost": mouse.NOVELTY_SENSITIVITY,
        "lines": ", ".join(f"{line} {effect:+g} SD" for line, effect in mouse.LINE_SENSITIVITY.items()),
        "refusal": mouse.REFUSAL_PROBABILITY["OPHYS_active"],
        "passive": mouse.PASSIVE_LICKING_PROBABILITY,
        "catch": sequencer.CATCH_PROBABILITY,
        "repeats_of_trial": sequencer.MAX_REPEATS,
        "warm_up": sequencer.WARM_UP_TRIALS,
        "misses": sequencer.FREE_REWARD_MISSES,
    }


def record_published(table_path: pathlib.Path | None, session_path: pathlib.Path | None) -> None:
    """Compute the recorded values of the published data again."""
    recorded = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    if table_path:
        table = read_published(table_path)
        OUTCOMES.write_text(json.dumps(published_outcomes(table), indent=1) + "\n")
        recorded["table"] = figures.table_figures(table)
    if session_path:
        data = json.loads(session_path.read_text())
        path = session_path.parent / data["behavior_stimulus_file"]
        data["behavior_stimulus_file"] = str(path)
        data.pop("image_set_file", None)
        session = BehaviorSession.from_json(data)
        SESSION.write_text(json.dumps(session_quartiles(session), indent=1) + "\n")
        with gzip.open(path) as file:
            recorded["session"] = figures.session_figures(session, pickle.load(file, encoding="latin1"))
    FIGURES.write_text(json.dumps(recorded, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=pathlib.Path)
    parser.add_argument("--session", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.published or arguments.session:
        record_published(arguments.published, arguments.session)
    print(page(), end="")


if __name__ == "__main__":
    main()
