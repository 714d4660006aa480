"""Write docs/simulation.md: the behavioral model, and simulated sessions compared with the published ones.

Usage: ``python -m scripts.simulation_page > docs/simulation.md``. Two options first recompute the recorded values of the published
data: ``--published behavior_session_table.csv`` the trial outcomes (`scripts/published_outcomes.json`, quartiles over sessions),
and ``--session SESSION_DATA.json`` the values of one raw file (`scripts/published_session.json`).
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from visbehavior import BehaviorSession, Mouse, simulate
from visbehavior.simulation import licking, mouse, task
from visbehavior.simulation.stages import parse_stage

HERE = pathlib.Path(__file__).parent
OUTCOMES, SESSION = HERE / "published_outcomes.json", HERE / "published_session.json"
QUARTILES = (0.25, 0.5, 0.75)
SESSIONS_PER_GROUP = 300
SESSIONS_PER_MOUSE = 20
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
OUTCOME_NAMES = ("go", "catch", "hit", "miss", "false_alarm", "correct_reject")
COUNT_NAMES = ["trial_count", *(f"{name}_trial_count" for name in OUTCOME_NAMES)]
PUBLISHED_MOUSE = Mouse(impulsivity=0.3, timing=3.0, sensitivity=1.0, engagement=1.0, latency=0.39, running_speed=0.02)
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

## The behavioral model

At each flash on which the mouse is not already licking, it starts a lick bout with probability p. The log-odds of p are a sum of four terms:

    logit p = b + t (1 - exp(-(n - 1) / {timing_flashes:g})) + s v[i, j] + d

| symbol | meaning |
|---|---|
| b | bias: log-odds of licking at any flash |
| t | timing: increase of the log-odds after a long time without licks; n is the number of flashes since the last bout |
| s | sensitivity: increase of the log-odds at a change; at other flashes the term is 0 |
| v[i, j] | visibility of the change from image i to image j: mean 1, standard deviation {visibility_sd:g} |
| d | {disengagement:g} while the mouse is disengaged, else 0 |

The model is based on Piet et al. (2024), Neuron 112, who fitted such a model to this data set; their regressors for omissions are left out. Engagement follows a two-state Markov chain,
updated at each flash; an engaged and a disengaged period together last {cycle:g} minutes on average. The log-odds of being engaged decrease by {satiation:g} for each {volume:g} mL that the mouse drinks.

The latency from a change to the first lick is log-normal with a median around 0.39 s. A bout with a reward has {licks:g} licks on average. The mouse slows down while it drinks. Over sessions with the
same kind of stimulus, gratings or images, the sensitivity increases by up to {learning:g}; a novel image set decreases it by {novelty:g}.

`Mouse` has the parameters of the animal. Sensitivity (of s), impulsivity (of b) and engagement are deviations from the mean of the stage in standard deviations, so 0 is an average mouse. Without `mouse`,
`simulate` samples a random mouse. The parameters also vary between the sessions of a mouse ({within:.0%} of the variance). Mean ± standard deviation over the sessions of each stage (log-odds):

| stage | bias | sensitivity | engaged |
|---|---|---|---|
{parameters}
## The task

- The change is 4 to 11 flashes after the start of the trial, with a truncated geometric distribution (probability 0.7 that it is later than a flash).
- One trial in eight is a catch trial.
- A lick before the change aborts the trial. After a timeout of 0.3 s the trial is repeated, up to 5 times.
- A lick 0.15 to 0.75 s after the change is a response.
- The first five changes have a free reward.
- HABITUATION_5 of Visual Behavior Neuropixels behaves like TRAINING_5, and EPHYS_1 like an active OPHYS session. A session type that ends with `5uL_reward` sets the volume of an earned reward.
- In OPHYS_1 to OPHYS_6 and EPHYS_1, 5 % of the images are omitted, but never a change or the image before it.
- The session ends after 60 minutes or 5 mL.
- In TRAINING_0 and TRAINING_1 gratings stay on until they change. In TRAINING_0 every change has a free reward.
- TRAINING_5 and OPHYS have a gray screen of five minutes before the task, and a gray screen and ten repeats of a movie after it (not in sessions shorter than 30 minutes).

## Comparison with the published sessions

Number of trials in a session: 25 %, **50 %** and 75 % quantile over sessions, for the 4,782 published sessions and {sessions} simulated sessions of each stage, each with a different mouse. Each simulated
median is within the published quartiles, and each simulated interquartile range is within a factor of 1.5 of the published one; a test checks both.

| stage | | {names} |
|---|---|{lines}|
{rows}
Quantiles within one session: the published raw file 891635659 (TRAINING_5), and {repeats} simulated sessions of a similar mouse (median over sessions).

| | published | simulated |
|---|---|---|
{session}
Made by `python -m scripts.simulation_page`.
"""


def count_outcomes(group: str, seed: int) -> list[int]:
    """Return the number of trials, and of each outcome, in a simulated session."""
    rng = np.random.default_rng(seed)
    stage = parse_stage(SESSION_TYPES[group])
    parameters = mouse.sample_session_parameters(mouse.sample_mouse(rng), stage.name, rng)
    model = licking.LickingModel(parameters, rng, has_spout=not stage.passive)
    outcomes = [task.classify_trial(trial) for trial in task.run_task(stage, model, stage.max_minutes, rng).trials]
    return [len(outcomes), *(sum(outcome[name] for outcome in outcomes) for name in OUTCOME_NAMES)]


def simulated_outcomes(group: str, sessions: int) -> dict[str, list[float]]:
    """Return the quartiles of each count over simulated sessions."""
    counts = np.array([count_outcomes(group, seed) for seed in range(sessions)])
    return {name: np.quantile(counts[:, i], QUARTILES).tolist() for i, name in enumerate(COUNT_NAMES)}


def published_outcomes(path: pathlib.Path) -> dict[str, dict[str, list[float]]]:
    """Return the quartiles of each count over published sessions, by group."""
    table = pd.read_csv(path)
    groups = table.groupby(table["session_type"].map(session_group))
    return {
        group: {name: rows[name].quantile(list(QUARTILES)).tolist() for name in COUNT_NAMES}
        for group, rows in groups
        if group in SESSION_TYPES
    }


def session_group(session_type: Any) -> str | None:
    """Return the group of a published session type."""
    if not isinstance(session_type, str):
        return None
    if session_type.startswith("OPHYS"):
        return "OPHYS_passive" if session_type.endswith("passive") else "OPHYS_active"
    return session_type[: len("TRAINING_0")]


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


def simulated_session(sessions: int) -> dict[str, list[float]]:
    """Return the median of the quartiles over simulated sessions of one mouse."""
    raws = (
        simulate("TRAINING_5_images_A_handoff_lapsed", mouse=PUBLISHED_MOUSE, seed=seed) for seed in range(sessions)
    )
    quartiles = [session_quartiles(BehaviorSession.from_json({"behavior_stimulus_file": raw})) for raw in raws]
    return {name: np.median([session[name] for session in quartiles], axis=0).tolist() for name in quartiles[0]}


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


def session_rows() -> str:
    published, simulated = json.loads(SESSION.read_text()), simulated_session(SESSIONS_PER_MOUSE)
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
    return TEXT.format(
        timing_flashes=mouse.TIMING_FLASHES,
        visibility_sd=mouse.VISIBILITY_SD,
        disengagement=mouse.DISENGAGEMENT,
        cycle=mouse.ENGAGEMENT_CYCLE,
        satiation=mouse.SATIATION,
        volume=mouse.TYPICAL_VOLUME,
        licks=licking.REWARDED_LICKS,
        learning=mouse.LEARNING_GAIN,
        novelty=mouse.NOVELTY_COST,
        within=1 - mouse.BETWEEN_MOUSE_VARIANCE,
        parameters=parameter_rows(),
        sessions=SESSIONS_PER_GROUP,
        repeats=SESSIONS_PER_MOUSE,
        names=" | ".join(labels),
        lines="|".join("---" for _ in labels),
        rows=outcome_rows(),
        session=session_rows(),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=pathlib.Path)
    parser.add_argument("--session", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.published:
        OUTCOMES.write_text(json.dumps(published_outcomes(arguments.published), indent=1) + "\n")
    if arguments.session:
        data = json.loads(arguments.session.read_text())
        data["behavior_stimulus_file"] = str(arguments.session.parent / data["behavior_stimulus_file"])
        data.pop("image_set_file", None)
        quartiles = session_quartiles(BehaviorSession.from_json(data))
        SESSION.write_text(json.dumps(quartiles, indent=1) + "\n")
    print(page(), end="")


if __name__ == "__main__":
    main()
