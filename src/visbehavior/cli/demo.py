"""``visbehavior demo``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visbehavior.cli.cache_options import BUCKETS, NEUROPIXELS, OPHYS, cache_class
from visbehavior.cli.common import PATH, report_errors
from visbehavior.cli.plot import save_plane, save_timeline
from visbehavior.cli.plot_performance import save_max_dprime
from visbehavior.cli.simulate import plan_mice
from visbehavior.cli.table_output import write_table
from visbehavior.extras import import_extra

if TYPE_CHECKING:
    import pandas as pd

    from visbehavior.project.cache import VisualBehaviorOphysProjectCache
    from visbehavior.project.project_cache import ProjectCache

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
NEUROPIXELS_SESSION_TYPES = (
    "TRAINING_0_gratings_autorewards_15min_0uL_reward",
    "TRAINING_1_gratings_10uL_reward",
    "TRAINING_1_gratings_10uL_reward",
    "TRAINING_2_gratings_flashed_10uL_reward",
    "TRAINING_3_images_G_10uL_reward",
    "TRAINING_4_images_G_training_7uL_reward",
    "TRAINING_5_images_G_handoff_ready_5uL_reward",
    "HABITUATION_5_images_G_handoff_ready_5uL_reward",
    "EPHYS_1_images_G_5uL_reward",
    "EPHYS_1_images_H_5uL_reward",
)
METRIC_COLUMNS = [
    "session_type",
    "trial_count",
    "hit_trial_count",
    "mean_hit_rate",
    "mean_false_alarm_rate",
    "max_dprime",
]
IMAGED = "OPHYS_1_images_A"
"""Session type whose first session has an imaging plane."""
CELLS = 12
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
Look at {folder}/timeline.png, {folder}/mouse.png and {folder}/plane.png.

To continue with the simulated mice:

    {command} sessions --bucket {folder}/bucket
    {command} performance --mouse {mouse} --bucket {folder}/bucket
    {command} cohort query {folder}/cohort "SELECT count(*) FROM trials WHERE hit"
    {command} show {folder}/bucket/visual-behavior-ophys/behavior_sessions/behavior_session_{session}.nwb

In Python ({python}):

    import visbehavior
    cache = visbehavior.VisualBehaviorOphysProjectCache.from_local_cache("{folder}/bucket", use_static_cache=True)
    session = cache.get_behavior_session({session})
    session.trials.head()

With the public data (this downloads about 32 MB of 9 GB):

    {command} sessions --mouse 445002
    {command} performance --mouse 445002
    {command} plot-performance --mouse 445002
    {command} plot 845572044 --start 775 --stop 800
"""

NEUROPIXELS_NEXT_STEPS = """
Look at {folder}/timeline.png and {folder}/mouse.png.

To continue with the simulated mice:

    {command} sessions --project neuropixels --bucket {folder}/bucket
    {command} performance --mouse {mouse} --project neuropixels --bucket {folder}/bucket
    {command} show {session} --project neuropixels --bucket {folder}/bucket

In Python ({python}):

    import visbehavior
    cache = visbehavior.VisualBehaviorNeuropixelsProjectCache.from_local_cache("{folder}/bucket", use_static_cache=True)
    session = cache.get_behavior_session({session})
    session.stimulus_presentations.groupby("stimulus_block")["stimulus_name"].first()
"""


@dataclass(frozen=True)
class _Demo:
    """The demo of a data set: the sessions of each mouse, the columns of the table that are shown, and the text at the end."""

    session_types: tuple[str, ...]
    columns: list[str]
    next_steps: str


_DEMOS = {
    OPHYS: _Demo(
        SESSION_TYPES,
        ["mouse_id", "session_type", "experience_level", "trial_count", "hit_trial_count", "date_of_acquisition"],
        NEXT_STEPS,
    ),
    NEUROPIXELS: _Demo(
        NEUROPIXELS_SESSION_TYPES,
        ["mouse_id", "session_type", "image_set", "ecephys_session_id", "date_of_acquisition"],
        NEUROPIXELS_NEXT_STEPS,
    ),
}


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
@click.option(
    "--project",
    type=click.Choice(list(BUCKETS)),
    default=OPHYS,
    show_default=True,
    help="Data set whose sessions are simulated.",
)
@report_errors
def demo(output_dir: Path, project: str) -> None:
    """Try visbehavior on simulated mice, without a network.

    Simulates three mice, builds a release from their sessions, opens it like the public bucket, computes performance
    metrics and plots them. Takes about a minute, and less when repeated.

    \b
    Example:
      visbehavior demo -o demo
    """
    for library in ("pynwb", "matplotlib", "scipy", "PIL", "duckdb"):
        import_extra(library)
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache
    from visbehavior.publish.serve import serve_bucket

    plan = _DEMOS[project]
    _print_step(f"Simulate {MICE} mice with {len(plan.session_types)} sessions each, and build a release")
    bucket = _make_bucket(output_dir, project)
    with serve_bucket(bucket, bucket=BUCKETS[project]) as endpoint:
        _print_step("Open the release and list its sessions")
        cache = cache_class(project).from_s3_cache(output_dir / "cache", BUCKETS[project], endpoint=endpoint)
        mouse = _list_sessions(cache, plan)
        mouse_id, session_id = mouse["mouse_id"].iloc[0], mouse.index[-1]
        _print_step(f"Compute the performance of mouse {mouse_id}")
        table = _compute_performance(cache, mouse, bucket)
        _print_step("Plot the timeline of the last session, and the maximum d' of each session")
        _save_figures(cache, table, output_dir)
        if isinstance(cache, VisualBehaviorOphysProjectCache):
            _print_step("Plot the imaging plane of a session")
            _save_plane(cache, output_dir)
        _print_step("Build a cohort store of all sessions, and ask three questions")
        _ask_cohort(cache, output_dir / "cohort")
    names = {"command": _command(), "python": sys.executable, "folder": output_dir}
    click.echo(plan.next_steps.format(**names, mouse=mouse_id, session=session_id), nl=False)


def _command() -> str:
    """Return the command as it works in this shell: its name, or its path if another environment or none is active."""
    command = Path(sys.executable).with_name("visbehavior.exe" if os.name == "nt" else "visbehavior")
    found = shutil.which("visbehavior")
    is_active = found is not None and command.exists() and Path(found).samefile(command)
    return "visbehavior" if is_active or not command.exists() else str(command)


def _print_step(text: str) -> None:
    click.echo(f"\n== {text}")


def _make_bucket(folder: Path, project: str) -> Path:
    """Simulate and build the release, unless an earlier run did."""
    from visbehavior.project.manifest import published_manifests
    from visbehavior.publish.build import build_release
    from visbehavior.publish.layouts import find_layout

    bucket, published = folder / "bucket", find_layout(project).project
    if published_manifests(bucket / published.name, published):
        click.echo(f"The release exists already: {bucket}")
        return bucket
    mice = plan_mice(_DEMOS[project].session_types, MICE, MINUTES, SEED)
    sessions = [session for mouse in mice for session in mouse]
    if project == OPHYS and IMAGED in SESSION_TYPES:
        imaged = SESSION_TYPES.index(IMAGED)
        sessions[imaged] = partial(_simulate_plane, sessions[imaged])
    click.echo(build_release(sessions, bucket, jobs=min(os.cpu_count() or 1, 4), progress=True, project=project))
    return bucket


def _simulate_plane(simulate_session: Callable[[], dict[str, Any]]) -> Any:
    """Return an imaging plane of a session."""
    from visbehavior.session import BehaviorSession
    from visbehavior.simulated_experiment import simulate_imaging
    from visbehavior.simulation.imaging import ImagingParameters

    session = BehaviorSession.from_json({"behavior_stimulus_file": simulate_session()})
    return simulate_imaging(session, CELLS, SEED, ImagingParameters(height=256, width=256))


def _list_sessions(cache: ProjectCache, plan: _Demo) -> pd.DataFrame:
    """Print the first sessions of the release, and return those of the first mouse."""
    sessions = cache.get_behavior_session_table()
    write_table(sessions[plan.columns].head(len(plan.session_types) + 2), "table")
    click.echo(f"... {len(sessions)} sessions of {sessions['mouse_id'].nunique()} mice")
    return cache.get_mouse(sessions["mouse_id"].iloc[0])


def _compute_performance(cache: ProjectCache, mouse: pd.DataFrame, bucket: Path) -> pd.DataFrame:
    """Compute and print the performance of a mouse, and how much of the bucket was downloaded."""
    table = cache.get_performance_table(mouse.index)
    write_table(table[METRIC_COLUMNS], "table")
    traffic = cache.traffic
    click.echo(f"Downloaded {traffic.bytes / 1e6:.1f} of {_megabytes(bucket):.0f} MB in {traffic.requests} requests.")
    return table


def _save_figures(cache: ProjectCache, table: pd.DataFrame, folder: Path) -> None:
    from visbehavior.analysis.performance import get_change_time

    session = cache.get_behavior_session(table.index[-1])
    trials = session.trials
    hits = get_change_time(trials)[trials["hit"]]
    start = max(float(hits[len(hits) // 2]) - TIME_BEFORE_HIT, 0.0) if len(hits) else 0.0
    save_timeline(session, start, start + TIMELINE_DURATION, folder / "timeline.png")
    save_max_dprime(table, folder / "mouse.png")


def _save_plane(cache: VisualBehaviorOphysProjectCache, folder: Path) -> None:
    for number in cache.get_ophys_experiment_table().index[:1]:
        save_plane(cache.get_behavior_ophys_experiment(number), "plane", None, None, folder / "plane.png")


def _ask_cohort(cache: ProjectCache, folder: Path) -> None:
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
