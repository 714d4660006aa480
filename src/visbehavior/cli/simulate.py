"""``visbehavior simulate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from visbehavior.cli.common import NUMBER, jobs_option, output_dir_option, report_errors

FIRST_MOUSE = 900_001
"""mouse_id of the first mouse of seed 0. The ids of the data set are lower."""


@click.command()
@click.argument("session_types", metavar="[SESSION_TYPE]...", nargs=-1)
@output_dir_option("Folder for the pickles.")
@click.option("--mice", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Number of mice.")
@click.option(
    "--minutes",
    type=NUMBER,
    metavar="MINUTES",
    default=60,
    show_default=True,
    help="Duration of the task in each session.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Random seed. The same seed gives the same sessions.",
)
@click.option("--images", is_flag=True, help="Include the image sets (textures, 8 MB per session).")
@jobs_option
@report_errors
def simulate(
    session_types: tuple[str, ...], output_dir: Path, mice: int, minutes: float, seed: int, images: bool, jobs: int
) -> None:
    """Simulate mice and write their stimulus pickles.

    Writes behavior_session_<id>.pkl.gz for each session, in the format of the rig's pickles. Existing files are kept.
    The entry "simulation" of the pickle has the parameters and the internal state of the mouse.

    By default each mouse has about 40 sessions, from gratings to novel images on the imaging rig. SESSION_TYPE selects other
    sessions, in the given order.

    \b
    Examples:
      visbehavior simulate -o rig --mice 3 --jobs 4
      visbehavior simulate TRAINING_0_gratings_autorewards_15min -o rig
      visbehavior convert rig/*.pkl.gz -o nwb
      visbehavior release build rig/*.pkl.gz -o bucket
    """
    from visbehavior.atomic import make_folder
    from visbehavior.processes import map_in_processes
    from visbehavior.progress import progress_bar
    from visbehavior.simulation.files import write_pickle

    sessions = [session for mouse in plan_mice(session_types, mice, minutes, seed, images) for session in mouse]
    make_folder(output_dir)
    results = map_in_processes(write_pickle, [(session, output_dir) for session in sessions], min(jobs, len(sessions)))
    paths = dict(progress_bar(True, results, total=len(sessions), unit="session", leave=False))
    for position in sorted(paths):
        click.echo(paths[position])


def plan_mice(
    session_types: tuple[str, ...], mice: int, minutes: float, seed: int, images: bool = False
) -> Iterator[list[Callable[[], dict[str, Any]]]]:
    """Yield the sessions of each mouse, as functions that simulate them."""
    import numpy as np

    from visbehavior.simulation.mouse import sample_mouse
    from visbehavior.simulation.simulate import plan_sessions

    for number in range(mice):
        rng = np.random.default_rng([seed, number])
        yield plan_sessions(
            sample_mouse(rng, str(FIRST_MOUSE + 1000 * seed + number)),
            sessions=session_types or None,
            minutes=minutes,
            seed=int(rng.integers(2**63)),
            images=images,
        )
