"""``visbehavior sessions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from visbehavior.cli.arguments import mouse_option
from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import format_option, print_message, report_errors, version_option, write_table

if TYPE_CHECKING:
    import pandas as pd

# The columns that fit on a screen. CSV and JSON have all columns.
DISPLAYED_COLUMNS = (
    "mouse_id",
    "session_type",
    "day",
    "date_of_acquisition",
    "cre_line",
    "genotype",
    "has_imaging",
    "has_recording",
    "trial_count",
    "hit_trial_count",
)


@click.command()
@mouse_option
@click.option(
    "--session-type", metavar="TEXT", help="Select session types that contain this text, for example OPHYS_1."
)
@click.option(
    "--cre",
    metavar="TEXT",
    help="Select Cre lines (with Neuropixels: genotypes) that contain this text, for example Vip.",
)
@format_option
@version_option
@cache_options
@report_errors
def sessions(
    mouse: str | None,
    session_type: str | None,
    cre: str | None,
    table_format: str,
    allensdk_version: str,
    cache: CacheOptions,
) -> None:
    """List the behavior sessions of a release.

    \b
    Examples:
      visbehavior sessions --mouse 445002
      visbehavior sessions --session-type OPHYS_1 --cre Vip
      visbehavior sessions --format csv > sessions.csv
      visbehavior sessions --project neuropixels --session-type EPHYS
    """
    from visbehavior.project.tables import check_columns

    opened = cache.open(allensdk_version)
    table = opened.get_behavior_session_table() if mouse is None else opened.get_mouse(mouse)
    declared = cache.data_set.session_table
    table = cache.data_set.mark_kind(table)
    genotype = "cre_line" if "cre_line" in declared.by_name else "genotype"
    for column, text in (("session_type", session_type), (genotype, cre)):
        if text is not None:
            check_columns(table, [column], declared)
            table = _select_text(table, column, text)
    if table_format != "table":
        write_table(table, table_format)
    elif len(table):
        write_table(_displayed(table), table_format)
    print_message(f"{len(table):,} sessions.")


def _select_text(table: pd.DataFrame, column: str, text: str) -> pd.DataFrame:
    """Return the rows with a text in a column, in upper or lower case."""
    selected = table[column].map(lambda value: isinstance(value, str) and text.upper() in value.upper())
    return table[selected.astype(bool)]


def _displayed(table: pd.DataFrame) -> pd.DataFrame:
    from visbehavior.project.tables import parse_acquisition_dates

    displayed = table[[name for name in DISPLAYED_COLUMNS if name in table]]
    if "date_of_acquisition" not in displayed:
        return displayed
    dates = parse_acquisition_dates(displayed)
    return displayed.assign(date_of_acquisition=dates.dt.strftime("%Y-%m-%d %H:%M"))
