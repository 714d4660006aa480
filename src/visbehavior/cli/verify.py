"""``visbehavior verify``."""

from __future__ import annotations

import sys

import click

from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import print_message, report_errors
from visbehavior.cli.table_output import format_option, write_table


@click.command()
@click.option("--repair", is_flag=True, help="Download damaged files again and complete partial files.")
@format_option
@cache_options
@report_errors
def verify(repair: bool, table_format: str, cache: CacheOptions) -> None:
    """Verify the checksum of each file in the cache.

    The expected checksums come from the manifests of the releases. The exit status is 1 if a file is damaged and was
    not repaired.

    \b
    Example:
      visbehavior verify --repair
    """
    from visbehavior.project.verify import COMPLETE, PARTIAL, REPAIRED

    table = cache.open().verify(repair)
    if len(table):
        write_table(table, table_format)
    counts = table["state"].str.split(":").str[0].value_counts()
    print_message(", ".join(f"{count} {state}" for state, count in counts.items()) or "Nothing is cached yet.")
    if not counts.index.isin([COMPLETE, PARTIAL, REPAIRED]).all():
        sys.exit(1)
