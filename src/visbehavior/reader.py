"""Interface that supplies a session's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from visbehavior.schema.columns import Table

NOTHING: Mapping[str, Any] = MappingProxyType({})


def every_column(_: str) -> bool:
    """Accept every column: the default of `SessionReader.read`."""
    return True


class SessionReader(Protocol):
    """Supplies the tables of one session, under the names of AllenSDK 2.16 (`visbehavior.schema.session`).

    Attributes
    ----------
    location : str
        Path or URL of the session.
    layout : str
        Layout of the file: "1.1" (release 1.1.0), "1.0" (releases 1.0.x) or "0" (older).
    release, file_hash : str or None
        Release of the file and its BLAKE2b-512 in the release's manifest, if known.
    """

    release: str | None
    file_hash: str | None

    @property
    def location(self) -> str: ...
    @property
    def layout(self) -> str: ...

    def read(
        self, table: Table, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
    ) -> dict[str, Any]:
        """Read the columns of a table, or the entries of a dictionary.

        Parameters
        ----------
        table : Table
            A declaration of `visbehavior.schema`.
        wanted : function
            Returns True for the names of the columns to read. The reader may return more.
        known : mapping
            Columns that were read before; they are returned and not read again.

        Returns
        -------
        dict of str to value
            Arrays of equal length by column name, in the order of the file, or the entries of the dictionary. Lists of
            varying length are a `visbehavior.schema.ragged.Ragged`. The index, if it is stored, has the name of
            `table.index`. Empty if the session has no such table and the table is optional.
        """

    def count_rows(self, table: Table) -> int | None:
        """Return the number of rows of a table without reading it; None if the session has no such table."""

    def read_duration(self) -> float:
        """Return the time from the first to the last stimulus frame (s)."""

    def opened(self) -> AbstractContextManager[Any]:
        """Keep the file open during the context, so that the reads in it share one open file."""

    def prefetch(self, *reads: Callable[[], object]) -> None:
        """Call functions that read, and download what they need in common batches. No effect on local files."""


@dataclass(frozen=True)
class Source:
    """Origin of a session.

    Parameters
    ----------
    location : str
        Path or URL.
    layout : str
        Layout of the file: "1.1" (release 1.1.0), "1.0" (releases 1.0.x) or "0" (older).
    release : str or None
        Release of the data set, if the session was opened through a cache; a file does not contain it.
    file_hash : str or None
        BLAKE2b-512 of the file in the release's manifest, if known.
    package_version : str
        Version of visbehavior.
    """

    location: str
    layout: str
    release: str | None
    file_hash: str | None
    package_version: str
