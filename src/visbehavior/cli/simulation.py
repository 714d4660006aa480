"""``visbehavior simulate`` and ``visbehavior release``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from visbehavior.cli.common import errors_in_one_line, jobs_option, say
from visbehavior.settings import BUCKET

FIRST_MOUSE = 900_001
"""Number of the first simulated mouse, of the seed 0; the data set's have lower ones."""


@click.command()
@click.argument("session_types", metavar="[SESSION_TYPE]...", nargs=-1)
@click.option("-o", "--output-dir", required=True, type=click.Path(path_type=Path), help="Folder of the pickles.")
@click.option("--mice", type=click.IntRange(min=1), default=1, show_default=True, help="How many mice.")
@click.option("--minutes", type=float, default=60, show_default=True, help="How long the task lasts.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed, the same sessions."
)
@click.option("--images", is_flag=True, help="Carry the image sets: textures, 8 MB a session.")
@jobs_option
@errors_in_one_line
def simulate(
    session_types: tuple[str, ...], output_dir: Path, mice: int, minutes: float, seed: int, images: bool, jobs: int
) -> None:
    """Simulate mice and write what the rig would: a pickle for each session, behavior_session_<id>.pkl.gz.

    Each mouse has a life of 31 days, from gratings to new images under the microscope, or the session types that are named, in their order.
    A file that is there already is not written again. The truth about the mouse is in the pickle, under "simulation".

    \b
    Examples:
      visbehavior simulate -o rig --mice 3 --jobs 4
      visbehavior simulate TRAINING_0_gratings_autorewards_15min TRAINING_1_gratings -o rig --minutes 20
      visbehavior convert rig/*.pkl.gz -o nwb
      visbehavior release build rig/*.pkl.gz -o bucket
    """
    from visbehavior.atomic import make_folder
    from visbehavior.processes import map_in_processes
    from visbehavior.progress import progress_bar
    from visbehavior.simulation.files import write_pickle

    days = [day for mouse in plan_mice(session_types, mice, minutes, seed, images) for day in mouse]
    make_folder(output_dir)
    done = map_in_processes(write_pickle, [(day, output_dir) for day in days], min(jobs, len(days)))
    found = dict(progress_bar(True, done, total=len(days), unit="session", leave=False))
    for position in sorted(found):
        click.echo(found[position])


def plan_mice(
    session_types: tuple[str, ...], mice: int, minutes: float, seed: int, images: bool = False
) -> Iterator[list[Callable[[], dict[str, Any]]]]:
    """The days of each mouse, before they are simulated."""
    import numpy as np

    from visbehavior.simulation.mouse import draw_mouse
    from visbehavior.simulation.simulate import plan_mouse

    for number in range(mice):
        rng = np.random.default_rng([seed, number])
        yield plan_mouse(
            draw_mouse(rng, str(FIRST_MOUSE + 1000 * seed + number)),
            sessions=session_types or None,
            minutes=minutes,
            seed=int(rng.integers(2**63)),
            images=images,
        )


@click.group()
def release() -> None:
    """A release of one's own, as the public bucket is: build it, check it, serve it.

    \b
    Examples:
      visbehavior release build rig/*.pkl.gz -o bucket
      visbehavior release check bucket
      visbehavior release serve bucket
    """


@release.command()
@click.argument("sessions", metavar="FILE...", nargs=-1, required=True)
@click.option("-o", "--output-dir", required=True, type=click.Path(path_type=Path), help="Folder of the bucket.")
@click.option("--data-version", help="Of the release, such as 1.2.0.  [default: the next one]")
@click.option("--bucket", default=BUCKET, show_default=True, help="Name of the bucket that it will lie in.")
@jobs_option
@errors_in_one_line
def build(sessions: tuple[str, ...], output_dir: Path, data_version: str | None, bucket: str, jobs: int) -> None:
    """Make a release of all these sessions: NWB files, the rig's pickles, or .json of what is known of one.

    Writes NWB files, the project tables and a manifest, and prints the manifest. Nothing that was published before is changed: a second build
    adds a version. If a session cannot be released nothing is published; what was written is kept.

    \b
    Examples:
      visbehavior release build rig/*.pkl.gz nwb/*.nwb -o bucket --jobs 4
      visbehavior sessions --bucket ./bucket
    """
    from visbehavior.publish.build import build_release

    named = list(dict.fromkeys(sessions))
    click.echo(build_release(named, output_dir, version=data_version, bucket=bucket, jobs=jobs, progress=True))


@release.command()
@click.argument("folder", type=click.Path(path_type=Path))
@errors_in_one_line
def check(folder: Path) -> None:
    """Hash and open every file of the newest release, and compare the project table with them.

    Prints what is wrong, a line each; the exit status is then 1.

    \b
    Example:
      visbehavior release check bucket
    """
    from visbehavior.publish.check import check_release

    wrong = check_release(folder, progress=True)
    for line in wrong:
        click.echo(line)
    say(f"{len(wrong)} things are wrong." if wrong else "Nothing is wrong.")
    if wrong:
        sys.exit(1)


@release.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--bucket", default=BUCKET, show_default=True, help="Its name.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="  [default: a free one]")
@errors_in_one_line
def serve(folder: Path, bucket: str, port: int) -> None:
    """Serve a folder as an S3 bucket on this machine, until Ctrl-C; prints the endpoint.

    \b
    Example:
      visbehavior release serve bucket --port 9000
      visbehavior sessions --endpoint http://127.0.0.1:9000
    """
    from visbehavior.publish.serve import serve_bucket

    with serve_bucket(folder, bucket=bucket, port=port) as endpoint:
        click.echo(endpoint)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            say("Stopped.")
