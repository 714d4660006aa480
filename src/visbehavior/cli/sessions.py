"""``visbehavior sessions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from visbehavior.cli.cache_options import CacheOptions, cache_options
from visbehavior.cli.common import print_message, report_errors, version_option
from visbehavior.cli.selection import Selection, selection_options
from visbehavior.cli.table_output import columns_option, format_option, write_table
from visbehavior.wording import count_text

if TYPE_CHECKING:
    import pandas as pd

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
"""Columns of the table, the most important first; those that do not fit on the screen are left out."""


@click.command()
@selection_options(with_all=False)
@format_option
@columns_option
@version_option
@cache_options
@report_errors
def sessions(
    selection: Selection, table_format: str, columns: str | None, allensdk_version: str, cache: CacheOptions
) -> None:
    """List the behavior sessions of a release.

    \b
    Examples:
      visbehavior sessions --mouse 445002
      visbehavior sessions --session-type OPHYS_1 --cre Vip
      visbehavior sessions --columns mouse_id,session_type,ophys_experiment_id
      visbehavior sessions --format csv > sessions.csv
      visbehavior sessions --project neuropixels --session-type EPHYS
    """
    table = selection.select(cache, allensdk_version)
    if len(table):
        shown = _with_short_dates(table) if table_format == "table" and columns is None else table
        write_table(shown, table_format, columns, DISPLAYED_COLUMNS)
    print_message(f"{count_text(len(table), 'session')}.")


def _with_short_dates(table: pd.DataFrame) -> pd.DataFrame:
    from visbehavior.project.tables import parse_acquisition_dates

    if "date_of_acquisition" not in table:
        return table
    dates = parse_acquisition_dates(table)
    return table.assign(date_of_acquisition=dates.dt.strftime("%Y-%m-%d %H:%M"))
