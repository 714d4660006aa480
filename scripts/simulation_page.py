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
MICE, TEST_MICE = 107, 40
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
PUBLISHED_MOUSE = Mouse(impulsivity=1.3, timing=3.2, sensitivity=-0.5, engagement=5, latency=0.42, running_speed=0.02)
"""Parameters similar to the mouse of the published raw file, which is engaged throughout and does not run."""

TEMPLATE = HERE / "simulation_template.md"
"""The text of the page; names in braces are replaced."""


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
    return TEMPLATE.read_text().format(
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
        "speed": mouse.RUNNING_SPEED[0],
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
