"""Error reporting, table output and options shared by commands."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from visbehavior.cli.option_words import in_option_words
from visbehavior.errors import BadValue, UnknownVersion, VisBehaviorError, one_line
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    pass

F = TypeVar("F", bound=Callable[..., Any])


class Group(click.Group):
    """A group of commands whose usage errors are one short line each."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the arguments of the group."""
        with _short_messages():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse the arguments of a command, and run it."""
        with _short_messages():
            return super().invoke(ctx)


@contextmanager
def _short_messages() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        message = f"Error: {error.format_message()}"
        if one_line(message) == message:
            raise
        raise click.UsageError(one_line(message).removeprefix("Error: "), error.ctx) from error


class _Path(click.Path):
    """Type of options and arguments that are paths."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from visbehavior.arguments import parse_path

        try:
            return parse_path("the path", value)
        except BadValue as error:
            self.fail(str(error), param, ctx)


class _Number(click.types.FloatParamType):
    """Type of options that are numbers. NaN, which float() accepts, is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


PATH, NUMBER = _Path(), _Number()


def report_errors(function: F) -> F:
    """Report an error in one line and exit with status 1; ``--debug`` shows the traceback instead."""

    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(function)
    def command(*args: Any, debug: bool, **kwargs: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _print_warning
                return function(*args, **kwargs)
        except VisBehaviorError as error:
            if debug:
                traceback.print_exc()
            else:
                print_message(f"Error: {error}")
            sys.exit(1)
        except KeyboardInterrupt:
            _exit_interrupted()
        except OSError as error:
            # The package raises its own errors, so this one is from writing to stdout. click handles closed pipes.
            if debug or error.errno == errno.EPIPE:
                raise
            print_message(f"Error: Cannot write the output: {error.strerror or error}.")
            sys.exit(1)

    return command  # type: ignore[return-value]


def _exit_interrupted() -> NoReturn:
    """End now, as shells expect after Ctrl-C, and not when the threads of running requests end."""
    print_message("Interrupted. Downloaded data are kept.")
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(128 + signal.SIGINT)


def print_message(text: str) -> None:
    """Print a message to stderr, in one line, in the words of the command line."""
    click.echo(one_line(in_option_words(text)), err=True)


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print_message(f"Warning: {message}")


def _parse_version(_: click.Context, __: click.Parameter, value: str) -> str:
    from visbehavior.schema.convention import parse_convention

    try:
        return parse_convention(value)
    except UnknownVersion as error:
        raise click.BadParameter(str(error)) from None


version_option = click.option(
    "--allensdk-version",
    metavar="VERSION",
    default=DEFAULT_ALLENSDK_VERSION,
    callback=_parse_version,
    show_default=True,
    help="Use the column names of AllenSDK 2.16 or of 2.10 (2021).",
)
jobs_option = click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="Number of processes."
)


def output_option(default_name: str) -> Callable[[F], F]:
    """Return the option ``--output`` for a figure that has this name by default."""
    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        type=PATH,
        help=f"Figure file, as .png, .pdf or .svg.  [default: {default_name}]",
    )


def output_dir_option(help_text: str) -> Callable[[F], F]:
    """Return the required option ``--output-dir``."""
    return click.option("-o", "--output-dir", metavar="FOLDER", required=True, type=PATH, help=help_text)


def is_missing(value: Any) -> bool:
    """Return whether a value in a table is missing."""
    import pandas as pd

    return pd.api.types.is_scalar(value) and bool(pd.isna(value))
