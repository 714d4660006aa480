"""What all commands share: how errors are said, how tables are written."""

from __future__ import annotations

import errno
import functools
import io
import json
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from visbehavior.errors import UnknownVersion, VisBehaviorError
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    import pandas as pd

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "csv", "json")


def errors_in_one_line(function: F) -> F:
    """Say errors in one line and end with status 1; with ``--debug`` show where they came from."""

    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(function)
    def command(*args: Any, debug: bool, **kwargs: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _said_warning
                return function(*args, **kwargs)
        except VisBehaviorError as error:
            if debug:
                traceback.print_exc()
            else:
                say(f"Error: {error}")
            sys.exit(1)
        except OSError as error:
            # Of writing to stdout: a pipe that was closed is nobody's error, a full disk is.
            if debug or error.errno == errno.EPIPE:
                raise
            say(f"Error: the output cannot be written: {error.strerror or error}.")
            sys.exit(1)

    return command  # type: ignore[return-value]


def _said_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"Warning: {message}")


def _checked_version(_: click.Context, __: click.Parameter, value: str) -> str:
    from visbehavior.schema.convention import parse_convention

    try:
        return parse_convention(value)
    except UnknownVersion as error:
        raise click.BadParameter(str(error)) from None


def convention_option(function: F) -> F:
    """The option ``--allensdk-version``."""
    return click.option(
        "--allensdk-version",
        default=DEFAULT_ALLENSDK_VERSION,
        callback=_checked_version,
        show_default=True,
        help="Whose names to use: 2.16 (today's) or 2.10 (2021).",
    )(function)


def format_option(function: F) -> F:
    """The option ``--format``."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to write the table.",
    )(function)


jobs_option = click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")


def say(text: str) -> None:
    """A word to the user, on stderr."""
    click.echo(text, err=True)


def is_missing(value: Any) -> bool:
    """Whether a value of a table is none."""
    import pandas as pd

    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def write_table(table: pd.DataFrame, form: str) -> None:
    """A table on stdout: for eyes, or all digits as CSV or JSON (a list of objects, null for what is missing)."""
    if form == "json":
        records = table.reset_index().to_dict("records")
        whole = [{name: None if is_missing(value) else value for name, value in record.items()} for record in records]
        click.echo(json.dumps(whole, indent=1, default=str))
    elif form == "csv":
        text = io.StringIO()
        table.to_csv(text, lineterminator="\n")
        click.echo(text.getvalue(), nl=False)
    else:
        # On a terminal columns that do not fit go below; in a pipe each row is one line.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo(table.to_string(line_width=width, float_format="{:.3f}".format, show_dimensions=False))
