"""``visbehavior fetch``."""

from __future__ import annotations

import sys

import click

from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import print_message, report_errors
from visbehavior.cli.selection import Selection, list_sessions, selection_options
from visbehavior.errors import VisBehaviorError
from visbehavior.settings import DOWNLOAD_JOBS


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@selection_options(with_all=False)
@click.option(
    "--plane",
    "planes",
    metavar="ID",
    multiple=True,
    help="Download an imaging plane (ophys_experiment_id). Can be repeated.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 64),
    default=DOWNLOAD_JOBS,
    show_default=True,
    help="Number of parallel connections.",
)
@cache_options
@report_errors
def fetch(ids: tuple[str, ...], selection: Selection, planes: tuple[str, ...], jobs: int, cache: CacheOptions) -> None:
    """Download session files to the cache.

    Downloads complete files, verifies their checksums and prints their paths. Cached files are not downloaded again,
    and interrupted downloads continue. Files that cannot be downloaded are reported and skipped, and the exit status
    is 1.

    \b
    Examples:
      visbehavior fetch 891635659
      visbehavior fetch --mouse 445002 --jobs 16
    """
    sessions = list_sessions(ids, selection, cache) if ids or not selection.is_empty or not planes else []
    failures: dict[str, VisBehaviorError] = {}
    if planes:
        paths = cache.open_ophys().download(sessions, planes, jobs=jobs, failures=failures)
    else:
        paths = cache.open().download(sessions, jobs=jobs, failures=failures)
    for path in paths:
        click.echo(path)
    for error in failures.values():
        print_message(f"Error: {error}")
    if failures:
        print_message(f"{len(failures)} of {len(sessions) + len(planes)} files could not be downloaded.")
        sys.exit(1)
