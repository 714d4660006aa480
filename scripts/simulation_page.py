"""Write docs/simulation.md: the simulated mice beside the published ones.

Usage: ``python -m scripts.simulation_page > docs/simulation.md``; with ``--published behavior_session_table.csv`` the figures of the
published table (`scripts/published_outcomes.json`: quartiles over sessions) are computed again first, and with ``--session
SESSION_DATA.json`` those of the published raw file (`scripts/published_session.json`).
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
from visbehavior.simulation.licking import Licker
from visbehavior.simulation.mouse import DISENGAGED, HABITS, draw_drivers, draw_mouse
from visbehavior.simulation.stages import parse_stage
from visbehavior.simulation.task import frames_of, outcome, play

HERE = pathlib.Path(__file__).parent
OUTCOMES, SESSION = HERE / "published_outcomes.json", HERE / "published_session.json"
QUARTILES = (0.25, 0.5, 0.75)
SESSIONS = 300
"""Simulated sessions of each group."""
TYPES = {
    "TRAINING_0": "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_1": "TRAINING_1_gratings",
    "TRAINING_2": "TRAINING_2_gratings_flashed",
    "TRAINING_3": "TRAINING_3_images_A_10uL_reward",
    "TRAINING_4": "TRAINING_4_images_A_training",
    "TRAINING_5": "TRAINING_5_images_A_handoff_ready",
    "OPHYS_active": "OPHYS_3_images_A",
    "OPHYS_passive": "OPHYS_5_images_B_passive",
}
COUNTS = ("go", "catch", "hit", "miss", "false_alarm", "correct_reject")
LIKE_THE_PUBLISHED = Mouse(
    impulsivity=0.3, timing=3.0, sensitivity=1.0, engagement=1.0, latency=0.39, running_speed=0.02
)
"""The mouse of the published raw file: it waits and licks, takes part to the end, and does not run."""

TEXT = """# The simulated mouse

`visbehavior.simulate(session_type)` plays the task's rules with a model of a mouse, and gives what the rig would have written: a pickle's dictionary that takes the same reader as a real
one. `simulate_mouse()` gives a mouse's days. Nothing is downloaded, and the truth is known (`["simulation"]`).

```python
from visbehavior import BehaviorSession, Mouse, simulate

raw = simulate("OPHYS_3_images_A", mouse=Mouse(sensitivity=1.0), minutes=60, seed=1)
session = BehaviorSession.from_json({{"behavior_stimulus_file": raw}})
session.get_performance_metrics()["max_dprime"]
raw["simulation"]["drivers"], raw["simulation"]["engaged"].mean()
```

## The mouse

At each flash that it is not busy licking, the mouse begins a bout of licks or does not, by a logistic function of what drives it: a bias; how long it has waited since its last bout
(timing); and, where the image changes, how well it sees that change (sensitivity, and a factor for each pair of images). The model is after that of Piet et al. 2024 (Neuron 112), who fit
the data set with such a one; theirs has drives for omissions too, which change nothing here. A mouse that is not engaged lacks {disengaged:g} log-odds. Whether it is, is a Markov chain, and what it has drunk tips it. It answers a change after a log-normal latency
around 0.39 s, drinks a reward with some 17 licks, slows down for it, learns from day to day, and sees new images worse.

`Mouse` has what is the animal's own: sensitivity, impulsivity, timing, engagement, latency, running speed, what it has seen. Zeros are the typical mouse. Without one,
`simulate` draws a mouse of the population. Each session adds chance of its own around the habits of its stage (log-odds; the middle and the spread over sessions):

| stage | bias | sensitivity | engaged |
|---|---|---|---|
{habits}
## The rules

A change comes 4 to 11 flashes after a trial's start, one more with probability 0.7 (a truncated geometric distribution); one trial in eight is a catch trial; a lick before the change aborts the
trial, which is tried again, up to 5 times, after a timeout of 0.3 s; a lick from 0.15 to 0.75 s after it is a response; the first five changes are rewarded for nothing; from OPHYS_1
on 5 % of the images are left out, never a change nor the one before it. The session ends after 60 minutes or 5 mL. Gratings of TRAINING_0 and TRAINING_1 stay until they change;
TRAINING_0 rewards every change. TRAINING_5 and OPHYS have five minutes of gray before, and gray and ten runs of a movie after (sessions shorter than 30 minutes have neither).

## Beside the published sessions

Trials a session, 25 %, **50 %** and 75 % over sessions: those of the 4,782 published sessions, and of {sessions} simulated ones a group, each with a mouse of its own. Each simulated median lies
within the published quartiles, and each distance between quartiles is within a factor of 1.5 of the published one; a test holds both.

| stage | | {names} |
|---|---|{lines}|
{rows}
Within one session: the published raw file 891635659 (TRAINING_5), and 20 simulated sessions of a mouse like that one (medians of the three figures).

| | published | simulated |
|---|---|---|
{session}
Made by `python -m scripts.simulation_page`.
"""


def counts(group: str, seed: int) -> list[int]:
    """Trials, and how many of each kind, of one session."""
    rng = np.random.default_rng(seed)
    stage = parse_stage(TYPES[group])
    licker = Licker(draw_drivers(draw_mouse(rng), stage.name, rng), rng, present=not stage.passive)
    outcomes = [outcome(trial) for trial in play(stage, licker, frames_of(stage.longest), rng).trials]
    return [len(outcomes), *(sum(one[name] for one in outcomes) for name in COUNTS)]


def simulated_outcomes(group: str, sessions: int) -> dict[str, list[float]]:
    """Quartiles of each count."""
    rows = np.array([counts(group, seed) for seed in range(sessions)])
    names = ["trial_count", *(f"{name}_trial_count" for name in COUNTS)]
    return {name: np.quantile(rows[:, at], QUARTILES).tolist() for at, name in enumerate(names)}


def group_of(session_type: Any) -> str | None:
    """The group of a published session."""
    if not isinstance(session_type, str):
        return None
    if session_type.startswith("OPHYS"):
        return "OPHYS_passive" if session_type.endswith("passive") else "OPHYS_active"
    return session_type[: len("TRAINING_0")]


def published_outcomes(path: pathlib.Path) -> dict[str, dict[str, list[float]]]:
    """Quartiles of each count, from the published table."""
    table = pd.read_csv(path)
    names = ["trial_count", *(f"{name}_trial_count" for name in COUNTS)]
    groups = table.groupby(table["session_type"].map(group_of))
    return {
        group: {name: rows[name].quantile(list(QUARTILES)).tolist() for name in names}
        for group, rows in groups
        if group in TYPES
    }


def within(session: BehaviorSession) -> dict[str, list[float]]:
    """Quartiles within a session."""
    trials, licks = session.trials, session.licks["timestamps"].to_numpy()
    values = {
        "interval between licks (s)": np.diff(licks),
        "latency of hits (s)": trials.loc[trials["hit"], "response_latency"],
        "length of trials (s)": trials["trial_length"],
        "time of changes in a trial (s)": (trials["change_time"] - trials["start_time"]).dropna(),
        "running speed (cm/s)": session.running_speed["speed"],
    }
    return {name: np.quantile(found, QUARTILES).tolist() for name, found in values.items()}


def simulated_session(sessions: int) -> dict[str, list[float]]:
    """Medians over sessions of the quartiles within each."""
    raws = (
        simulate("TRAINING_5_images_A_handoff_lapsed", mouse=LIKE_THE_PUBLISHED, seed=seed) for seed in range(sessions)
    )
    found = [within(BehaviorSession.from_json({"behavior_stimulus_file": raw})) for raw in raws]
    return {name: np.median([one[name] for one in found], axis=0).tolist() for name in found[0]}


def figures(quartiles: list[float], form: str) -> str:
    low, middle, high = (format(value, form) for value in quartiles)
    return f"{low}, **{middle}**, {high}"


def page() -> str:
    """The page's text."""
    published = json.loads(OUTCOMES.read_text())
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        simulated = dict(zip(TYPES, pool.map(simulated_outcomes, TYPES, [SESSIONS] * len(TYPES)), strict=True))
    names = list(next(iter(published.values())))
    rows = ""
    for group in TYPES:
        for who, found in (("published", published[group]), ("simulated", simulated[group])):
            rows += f"| {group} | {who} | " + " | ".join(figures(found[name], ".0f") for name in names) + " |\n"
    own, theirs = simulated_session(20), json.loads(SESSION.read_text())
    session = "".join(f"| {n} | {figures(theirs[n], '.3f')} | {figures(own[n], '.3f')} |\n" for n in theirs)
    habits = "".join(
        f"| {group} | {one.bias[0]:g} ± {one.bias[1]:g} | {one.sensitivity[0]:g} ± {one.sensitivity[1]:g} | {one.engaged[0]:g} ± {one.engaged[1]:g} |\n"
        for group, one in HABITS.items()
        if group != "OPHYS_passive"
    )
    return TEXT.format(
        disengaged=-DISENGAGED,
        habits=habits,
        sessions=SESSIONS,
        names=" | ".join(name.removesuffix("_trial_count").removesuffix("_count").replace("_", " ") for name in names),
        lines="|".join("---" for _ in names),
        rows=rows,
        session=session,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=pathlib.Path)
    parser.add_argument("--session", type=pathlib.Path)
    given = parser.parse_args()
    if given.published:
        OUTCOMES.write_text(json.dumps(published_outcomes(given.published), indent=1) + "\n")
    if given.session:
        data = json.loads(given.session.read_text())
        data["behavior_stimulus_file"] = str(given.session.parent / data["behavior_stimulus_file"])
        data.pop("image_set_file", None)
        SESSION.write_text(json.dumps(within(BehaviorSession.from_json(data)), indent=1) + "\n")
    print(page(), end="")


if __name__ == "__main__":
    main()
