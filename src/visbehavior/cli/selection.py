"""Options that select sessions of a release, and the arguments that name them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from visbehavior.cli.cache_options import CacheOptions
from visbehavior.cli.common import F

if TYPE_CHECKING:
    import pandas as pd

_OPTIONS = (
    click.option("--mouse", metavar="MOUSE_ID", help="Select all sessions of a mouse."),
    click.option(
        "--session-type", metavar="TEXT", help="Select session types that contain this text, for example OPHYS_1."
    ),
    click.option(
        "--cre",
        metavar="TEXT",
        help="Select Cre lines (with Neuropixels: genotypes) that contain this text, for example Vip.",
    ),
)
_ALL = click.option("--all", "select_all", is_flag=True, help="Select all sessions of the release.")


class Selection(NamedTuple):
    """Sessions of a release that fulfill all of these.

    Parameters
    ----------
    mouse, session_type, cre : str or None
        A mouse; a part of the session type; a part of the Cre line or genotype.
    select_all : bool
        Whether all sessions are selected if nothing else is.
    """

    mouse: str | None = None
    session_type: str | None = None
    cre: str | None = None
    select_all: bool = False

    @property
    def is_empty(self) -> bool:
        """True if nothing is selected."""
        return self == Selection()

    def select(self, cache: CacheOptions, allensdk_version: str) -> pd.DataFrame:
        """Return the rows of the behavior session table; of a mouse in order of acquisition."""
        from visbehavior.project.tables import check_columns

        opened, declared = cache.open(allensdk_version), cache.data_set.session_table
        table = opened.get_behavior_session_table() if self.mouse is None else opened.get_mouse(self.mouse)
        table = cache.data_set.mark_kind(table)
        genotype = "cre_line" if "cre_line" in declared.by_name else "genotype"
        for column, text in (("session_type", self.session_type), (genotype, self.cre)):
            if text is not None:
                check_columns(table, [column], declared)
                table = _select_text(table, column, text)
        return table


def selection_options(*, with_all: bool = True) -> Callable[[F], F]:
    """Return a decorator that adds the options to a command, which receives them as the argument ``selection``."""
    options = (*_OPTIONS, _ALL) if with_all else _OPTIONS

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(
            *args: Any,
            mouse: str | None,
            session_type: str | None,
            cre: str | None,
            select_all: bool = False,
            **kwargs: Any,
        ) -> Any:
            return function(*args, selection=Selection(mouse, session_type, cre, select_all), **kwargs)

        for option in reversed(options):
            command = option(command)
        return command  # type: ignore[return-value]

    return decorate


def list_sessions(arguments: Sequence[str], selection: Selection, cache: CacheOptions) -> list[str]:
    """Return the files and ids, followed by the ids of the selected sessions; each once."""
    if not arguments and selection.is_empty:
        raise click.UsageError(
            "Give files, behavior session ids, or options that select sessions (--mouse 445002, --cre Vip, --all)."
        )
    if selection.is_empty:
        return list(dict.fromkeys(arguments))
    selected = selection.select(cache, "2.16").index.astype(str).tolist()
    if not selected:
        raise click.UsageError(
            "No session has all of the selected properties. visbehavior sessions lists the sessions."
        )
    return list(dict.fromkeys([*arguments, *selected]))


def _select_text(table: pd.DataFrame, column: str, text: str) -> pd.DataFrame:
    """Return the rows with a text in a column, in upper or lower case."""
    selected = table[column].map(lambda value: isinstance(value, str) and text.upper() in value.upper())
    return table[selected.astype(bool)]
