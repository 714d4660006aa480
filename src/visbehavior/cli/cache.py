"""``visbehavior cache``: what the cache folder contains."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import Group, print_message, report_errors
from visbehavior.cli.table_output import columns_option, format_option, write_table
from visbehavior.wording import count_text

if TYPE_CHECKING:
    from visbehavior.project.project_cache import ProjectCache


@click.group(cls=Group)
def cache() -> None:
    """List, measure and remove cached files.

    \b
    Example:
      visbehavior cache size
    """


@cache.command()
@format_option
@columns_option
@cache_options
@report_errors
def ls(table_format: str, columns: str | None, cache: CacheOptions) -> None:
    """List the cached files: release, complete or partial, and bytes on disk.

    \b
    Example:
      visbehavior cache ls
    """
    contents = _open(cache).list_cached_files()
    if len(contents):
        write_table(contents, table_format, columns)
    print_message(f"{count_text(len(contents), 'file')}, {_megabytes(contents['size'].sum())}.")


@cache.command()
@cache_options
@report_errors
def size(cache: CacheOptions) -> None:
    """Print the size of the cache folder, by release and state.

    \b
    Example:
      visbehavior cache size
    """
    opened = _open(cache)
    contents = opened.list_cached_files()
    for (release, state), sizes in contents.groupby(["release", "state"])["size"]:
        click.echo(f"release {release}, {state}: {count_text(len(sizes), 'file')}, {_megabytes(sizes.sum())}")
    click.echo(f"{opened.cache_dir}: {count_text(len(contents), 'file')}, {_megabytes(contents['size'].sum())}")


@cache.command()
@click.option("--other-releases", is_flag=True, help="Also remove the files of all releases but the one in use.")
@click.option("--yes", is_flag=True, help="Remove them. Without it nothing is removed.")
@cache_options
@report_errors
def prune(other_releases: bool, yes: bool, cache: CacheOptions) -> None:
    """Remove partial files, which streaming filled. They are downloaded again when they are needed.

    \b
    Examples:
      visbehavior cache prune
      visbehavior cache prune --other-releases --yes
    """
    removed = _open(cache).prune(partial=True, other_releases=other_releases, dry_run=not yes)
    for path in removed.index:
        click.echo(path)
    done = "removed" if yes else "would be removed. Remove them with --yes"
    print_message(f"{count_text(len(removed), 'file')}, {_megabytes(removed['size'].sum())}, {done}.")


def _open(cache: CacheOptions) -> ProjectCache:
    """Open the cache folder without a network. If there is none, say so and end the command."""
    opened = cache.open_folder()
    if opened is None:
        print_message(f"0 files: there is no cache of this bucket in {cache.folder}.")
        sys.exit(0)
    return opened


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
