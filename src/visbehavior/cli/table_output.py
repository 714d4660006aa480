"""Tables on stdout: fitted to the terminal, or complete as CSV, JSON or Parquet."""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visbehavior.cli.common import is_missing, print_message
from visbehavior.errors import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("table", "csv", "json", "parquet")
ALL_COLUMNS = "all"
_SEPARATOR = 2
"""Spaces between columns."""

format_option = click.option(
    "--format",
    "table_format",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Output format. Parquet needs the extra cohort, and a file: > sessions.parquet",
)
columns_option = click.option(
    "--columns",
    metavar="NAME,...",
    help=f"Columns to print, or {ALL_COLUMNS!r}.  [default: in a terminal those that fit, else all]",
)


def write_table(table: pd.DataFrame, table_format: str, columns: str | None = None, shown: Sequence[str] = ()) -> None:
    """Write a table to stdout.

    Parameters
    ----------
    table : pandas.DataFrame
    table_format : str
        One of `FORMATS`. As "table" numbers are rounded; other formats have all digits.
    columns : str or None
        Names of columns, separated by commas, or "all".
    shown : sequence of str
        Columns to show in a terminal if `columns` is None, the most important first; () for all.
    """
    if columns is not None and columns != ALL_COLUMNS:
        table = table[_parse_columns(columns, table)]
    elif table_format == "table" and columns is None and shown and sys.stdout.isatty():
        table = table[[name for name in shown if name in table]]
    _WRITERS[table_format](table, columns is not None)


def _parse_columns(columns: str, table: pd.DataFrame) -> list[str]:
    names = [name.strip() for name in columns.split(",") if name.strip()]
    known = list(map(str, table))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        name = unknown[0] if unknown else columns
        raise click.UsageError(
            f"There is no column {name!r}.{did_you_mean(name, known)} The columns are {', '.join(known)}."
        )
    return names


def _write_text(table: pd.DataFrame, is_chosen: bool) -> None:
    # A terminal shows the columns that fit. In a pipe each row is one line, however long.
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        fitting = table if is_chosen else _fit(table, width)
        click.echo(_to_text(fitting, width))
        left_out = len(table.columns) - len(fitting.columns)
        if left_out:
            print_message(f"{left_out} more columns do not fit: choose with --columns NAME,... or --columns all.")
    else:
        click.echo(_to_text(table, None))


def _to_text(table: pd.DataFrame, width: int | None) -> str:
    text: str = table.to_string(line_width=width, float_format="{:.3f}".format, show_dimensions=False)
    return text


def _fit(table: pd.DataFrame, width: int) -> pd.DataFrame:
    """Return the first columns that fit into a width, at least one."""
    used = max(map(len, _to_text(table.iloc[:, :0].assign(**{" ": ""}), None).splitlines()), default=0)
    count = 0
    for name in table:
        column = table[[name]].to_string(index=False, float_format="{:.3f}".format)
        used += max(map(len, column.splitlines())) + _SEPARATOR
        if count and used > width:
            break
        count += 1
    return table.iloc[:, :count]


def _write_csv(table: pd.DataFrame, _: bool) -> None:
    text = io.StringIO()
    table.to_csv(text, lineterminator="\n")
    click.echo(text.getvalue(), nl=False)


def _write_json(table: pd.DataFrame, _: bool) -> None:
    records = table.reset_index().to_dict("records")
    rows = [{name: None if is_missing(value) else value for name, value in record.items()} for record in records]
    click.echo(json.dumps(rows, indent=1, default=str))


def _write_parquet(table: pd.DataFrame, _: bool) -> None:
    from visbehavior.cohort.export import write_parquet

    if sys.stdout.isatty():
        raise click.UsageError(
            "Parquet is not text. Write it to a file: visbehavior ... --format parquet > table.parquet"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        write_parquet(table.reset_index(), path)
        sys.stdout.buffer.write(path.read_bytes())


_WRITERS: dict[str, Any] = {"table": _write_text, "csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
