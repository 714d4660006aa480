"""``visbehavior demo``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbehavior.cli.common import PATH, report_errors, write_table
from visbehavior.cli.plot import save_timeline
from visbehavior.cli.plot_performance import save_max_dprime
from visbehavior.cli.simulate import plan_mice

if TYPE_CHECKING:
    import pandas as pd

    from visbehavior.project.cache import VisualBehaviorOphysProjectCache

MICE, MINUTES, SEED = 3, 6, 13
SESSION_TYPES = (
    "TRAINING_0_gratings_autorewards_15min",
    "TRAINING_1_gratings",
    "TRAINING_1_gratings",
    "TRAINING_2_gratings_flashed",
    "TRAINING_3_images_A_10uL_reward",
    "TRAINING_4_images_A_training",
    "TRAINING_5_images_A_handoff_ready",
    "OPHYS_0_images_A_habituation",
    "OPHYS_1_images_A",
    "OPHYS_3_images_A",
    "OPHYS_4_images_B",
    "OPHYS_6_images_B",
)
SESSION_COLUMNS = [
    "mouse_id",
    "session_type",
    "experience_level",
    "trial_count",
    "hit_trial_count",
    "date_of_acquisition",
]
METRIC_COLUMNS = [
    "session_type",
    "trial_count",
    "hit_trial_count",
    "mean_hit_rate",
    "mean_false_alarm_rate",
    "max_dprime",
]
# Seconds: the duration of the timeline, and how long it starts before a hit.
TIMELINE_DURATION = 30.0
TIME_BEFORE_HIT = 5.0

QUESTIONS = {
    "How well do mice detect changes in each stage?": (
        "SELECT stage, count(*) AS sessions, avg(hit_rate) AS hit_rate, avg(dprime) AS dprime FROM sessions GROUP BY stage ORDER BY stage"
    ),
    "How fast do they respond?": (
        "SELECT experience_level, count(*) AS hits, median(response_latency) AS latency "
        "FROM trials JOIN sessions USING (behavior_session_id) WHERE hit GROUP BY experience_level ORDER BY hits DESC"
    ),
    "How often do they lick at an omission, and at other images?": (
        "SELECT omitted, count(*) AS flashes, avg(bout_start::INT) AS lick_bouts FROM flashes WHERE NOT is_change GROUP BY omitted ORDER BY omitted"
    ),
}
"""Questions to the cohort store of the demo, and their queries."""

NEXT_STEPS = """
Look at {folder}/timeline.png and {folder}/mouse.png.

To continue with the simulated mice:

    visbehavior sessions --bucket {folder}/bucket
    visbehavior performance --mouse {mouse} --bucket {folder}/bucket
    visbehavior cohort query {folder}/cohort "SELECT count(*) FROM trials WHERE hit"
    visbehavior show {folder}/bucket/visual-behavior-ophys/behavior_sessions/behavior_session_{session}.nwb

In Python:

    import visbehavior
    cache = visbehavior.VisualBehaviorOphysProjectCache.from_local_cache("{folder}/bucket", use_static_cache=True)
    session = cache.get_behavior_session({session})
    session.trials.head()

With the public data (this downloads about 27 MB of 9 GB):

    visbehavior sessions --mouse 445002
    visbehavior performance --mouse 445002
    visbehavior plot-performance --mouse 445002
    visbehavior plot 845572044 --start 775 --stop 800
"""


@click.command()
@click.option(
    "-o",
    "--output-dir",
    metavar="FOLDER",
    type=PATH,
    default=Path("demo"),
    show_default=True,
    help="Folder for the data and the figures.",
)
@report_errors
def demo(output_dir: Path) -> None:
    """Try visbehavior on simulated mice, without a network.

    Simulates three mice, builds a release from their sessions, opens it like the public bucket, computes performance
    metrics and plots them. Takes about a minute, and less when repeated.

    \b
    Example:
      visbehavior demo -o demo
    """
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache
    from visbehavior.publish.serve import serve_bucket

    _print_step(f"Simulate {MICE} mice with {len(SESSION_TYPES)} sessions each, and build a release")
    bucket = _make_bucket(output_dir)
    with serve_bucket(bucket) as endpoint:
        _print_step("Open the release and list its sessions")
        cache = VisualBehaviorOphysProjectCache.from_s3_cache(output_dir / "cache", endpoint=endpoint)
        mouse = _list_sessions(cache)
        mouse_id, session_id = mouse["mouse_id"].iloc[0], mouse.index[-1]
        _print_step(f"Compute the performance of mouse {mouse_id}")
        table = _compute_performance(cache, mouse, bucket)
        _print_step("Plot the timeline of the last session, and the maximum d' of each session")
        _save_figures(cache, table, output_dir)
        _print_step("Build a cohort store of all sessions, and ask three questions")
        _ask_cohort(cache, output_dir / "cohort")
    click.echo(NEXT_STEPS.format(folder=output_dir, mouse=mouse_id, session=session_id), nl=False)


def _print_step(text: str) -> None:
    click.echo(f"\n== {text}")


def _make_bucket(folder: Path) -> Path:
    """Simulate and build the release, unless an earlier run did."""
    from visbehavior.project.manifest import PROJECT, published_manifests
    from visbehavior.publish.build import build_release

    bucket = folder / "bucket"
    if published_manifests(bucket / PROJECT):
        click.echo(f"The release exists already: {bucket}")
        return bucket
    sessions = [session for mouse in plan_mice(SESSION_TYPES, MICE, MINUTES, SEED) for session in mouse]
    click.echo(build_release(sessions, bucket, jobs=min(os.cpu_count() or 1, 4), progress=True))
    return bucket


def _list_sessions(cache: VisualBehaviorOphysProjectCache) -> pd.DataFrame:
    """Print the first sessions of the release, and return those of the first mouse."""
    sessions = cache.get_behavior_session_table()
    write_table(sessions[SESSION_COLUMNS].head(len(SESSION_TYPES) + 2), "table")
    click.echo(f"... {len(sessions)} sessions of {sessions['mouse_id'].nunique()} mice")
    return cache.get_mouse(sessions["mouse_id"].iloc[0])


def _compute_performance(cache: VisualBehaviorOphysProjectCache, mouse: pd.DataFrame, bucket: Path) -> pd.DataFrame:
    """Compute and print the performance of a mouse, and how much of the bucket was downloaded."""
    table = cache.get_performance_table(mouse.index)
    write_table(table[METRIC_COLUMNS], "table")
    traffic = cache.traffic
    click.echo(f"Downloaded {traffic.bytes / 1e6:.1f} of {_megabytes(bucket):.0f} MB in {traffic.requests} requests.")
    return table


def _save_figures(cache: VisualBehaviorOphysProjectCache, table: pd.DataFrame, folder: Path) -> None:
    session = cache.get_behavior_session(table.index[-1])
    hits = session.trials.loc[session.trials["hit"], "change_time"]
    start = max(float(hits.iloc[len(hits) // 2]) - TIME_BEFORE_HIT, 0.0) if len(hits) else 0.0
    save_timeline(session, start, start + TIMELINE_DURATION, folder / "timeline.png")
    save_max_dprime(table, folder / "mouse.png")


def _ask_cohort(cache: VisualBehaviorOphysProjectCache, folder: Path) -> None:
    from visbehavior.cohort.build import build_cohort
    from visbehavior.cohort.query import open_cohort

    build_cohort(cache, folder, progress=True)
    with open_cohort(folder) as cohort:
        for question, query in QUESTIONS.items():
            click.echo(f"\n{question}")
            result = cohort.sql(query)
            write_table(result.set_index(result.columns[0]), "table")


def _megabytes(folder: Path) -> float:
    """Return the size of all files in a folder in megabytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
