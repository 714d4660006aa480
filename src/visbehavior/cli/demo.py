"""``visbehavior demo``: the whole reader on data that it makes itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visbehavior.cli.common import errors_in_one_line, write_table
from visbehavior.cli.plot import draw_performance, draw_timeline

if TYPE_CHECKING:
    import pandas as pd

    from visbehavior.project.cache import VisualBehaviorOphysProjectCache

MICE, MINUTES, SEED = 3, 6, 13
DAYS = (
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
SHOWN = ["mouse_id", "session_type", "experience_level", "trial_count", "hit_trial_count", "date_of_acquisition"]
MEASURED = ["session_type", "trial_count", "hit_trial_count", "mean_hit_rate", "mean_false_alarm_rate", "max_dprime"]
TIMELINE = 30.0
BEFORE = 5.0

NEXT = """
Look at {folder}/timeline.png and {folder}/mouse.png. To go on with these mice:

    visbehavior sessions --bucket {folder}/bucket
    visbehavior performance --mouse {mouse} --bucket {folder}/bucket
    visbehavior show {folder}/bucket/visual-behavior-ophys/behavior_sessions/behavior_session_{session}.nwb

and in Python:

    import visbehavior
    cache = visbehavior.VisualBehaviorOphysProjectCache.from_local_cache("{folder}/bucket", use_static_cache=True)
    session = cache.get_behavior_session({session})
    session.trials.head()

The same with the real data, of which only what is needed comes over the network (27 MB of 9 GB):

    visbehavior sessions --mouse 445002
    visbehavior performance --mouse 445002
    visbehavior plot-performance --mouse 445002
    visbehavior plot 845572044 --start 775 --stop 800
"""


@click.command()
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder for all of it.",
)
@errors_in_one_line
def demo(output_dir: Path) -> None:
    """Simulate three mice, publish them as a release, open it as the real data set is opened, measure and draw.

    Takes a minute, less the second time; needs no network.

    \b
    Example:
      visbehavior demo -o demo
    """
    from visbehavior.project.cache import VisualBehaviorOphysProjectCache
    from visbehavior.publish.serve import serve_bucket

    step(f"Simulate {MICE} mice, {len(DAYS)} sessions each, and build a release of them")
    bucket = make_bucket(output_dir)
    with serve_bucket(bucket) as endpoint:
        step("Open it through the cache, as a bucket; the table of its sessions")
        cache = VisualBehaviorOphysProjectCache.from_s3_cache(output_dir / "cache", endpoint=endpoint)
        sessions = cache.get_behavior_session_table()
        write_table(sessions[SHOWN].head(len(DAYS) + 2), "table")
        click.echo(f"... {len(sessions)} sessions of {sessions['mouse_id'].nunique()} mice")
        mouse = cache.get_mouse(sessions["mouse_id"].iloc[0])
        step(f"All sessions of mouse {mouse['mouse_id'].iloc[0]}, measured")
        table = cache.get_performance_table(mouse.index)
        write_table(table[MEASURED], "table")
        moved = cache.traffic
        click.echo(
            f"For that, {moved.bytes / 1e6:.1f} MB came in {moved.requests} requests; the bucket has {size_of(bucket):.0f} MB."
        )
        step("Draw a stretch of its last session, and its greatest d' from day to day")
        draw(cache, table, output_dir)
    click.echo(NEXT.format(folder=output_dir, mouse=mouse["mouse_id"].iloc[0], session=mouse.index[-1]), nl=False)


def step(what: str) -> None:
    """Say what comes."""
    click.echo(f"\n== {what}")


def make_bucket(folder: Path) -> Path:
    """The release, made if it is not there yet."""
    from visbehavior.cli.simulation import plan_mice
    from visbehavior.project.manifest import PROJECT, published_manifests
    from visbehavior.publish.build import build_release

    bucket = folder / "bucket"
    if published_manifests(bucket / PROJECT):
        click.echo(f"It is there already: {bucket}")
        return bucket
    days = [day for mouse in plan_mice(DAYS, MICE, MINUTES, SEED) for day in mouse]
    click.echo(build_release(days, bucket, jobs=min(os.cpu_count() or 1, 4), progress=True))
    return bucket


def draw(cache: VisualBehaviorOphysProjectCache, table: pd.DataFrame, folder: Path) -> None:
    """The two figures."""
    session = cache.get_behavior_session(table.index[-1])
    hits = session.trials.loc[session.trials["hit"], "change_time"]
    start = max(float(hits.iloc[len(hits) // 2]) - BEFORE, 0.0) if len(hits) else 0.0
    draw_timeline(session, start, start + TIMELINE, folder / "timeline.png")
    draw_performance(table, folder / "mouse.png")


def size_of(folder: Path) -> float:
    """Megabytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
