"""Connections of DuckDB, and its errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from visbehavior.errors import BadValue, CorruptFile, VisBehaviorError, brief_repr
from visbehavior.extras import import_extra

# DuckDB would download extensions, and read Python variables of the caller as tables.
_SETTINGS = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    # The values of a session's rows and their order must not depend on the number of threads.
    "preserve_insertion_order": True,
}
_OF_THE_QUERY = (
    "Syntax",
    "NotImplemented",
    "Parser",
    "Binder",
    "Catalog",
    "Conversion",
    "Permission",
    "OutOfRange",
    "TypeMismatch",
    "InvalidInput",
)
_OF_A_FILE = ("IOException", "SerializationException", "InvalidInputException")


def connect(threads: int | None = None, memory: str = "") -> Any:
    """Return a new database in memory.

    Parameters
    ----------
    threads : int or None
        Number of threads; None: one per core.
    memory : str
        Limit of its memory, such as "150MB"; "": four fifths of the machine's.

    Raises
    ------
    MissingExtra
        If DuckDB is not installed.
    """
    duckdb = import_extra("duckdb")
    connection = duckdb.connect(":memory:")
    for name, value in _SETTINGS.items():
        connection.execute(f"SET {name} = {str(value).lower()}")
    # Dates are shown as UTC, as in the project tables.
    connection.execute("SET TimeZone = 'UTC'")
    if threads is not None:
        connection.execute(f"SET threads = {threads}")
    if memory:
        connection.execute(f"SET memory_limit = '{memory}'")
    return connection


def lock(connection: Any, folder: str) -> None:
    """Allow a connection to read the files in a folder, and nothing else, from now on."""
    connection.execute(f"SET allowed_directories = [{quote_text(folder)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def quote_text(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def check_query(connection: Any, query: Any) -> None:
    """Raise BadValue unless a text is one SELECT statement."""
    if not isinstance(query, str):
        raise BadValue(f"The query is {brief_repr(query)}; expected a SELECT statement, as text.", name="query")
    # DuckDB cannot read other texts.
    if not query.isprintable() and ("\0" in query or query.encode("utf-8", "replace").decode() != query):
        raise BadValue(f"The query is {brief_repr(query)}; expected text without NUL and surrogates.", name="query")
    kinds = [statement.type.name for statement in connection.extract_statements(query)]
    if kinds != ["SELECT"]:
        found = ", ".join(kinds) or "none"
        raise BadValue(
            f"The query has the statements: {found}; expected one SELECT. A store is changed by build_cohort only.",
            name="query",
        )


@contextmanager
def sql_errors(location: str, failures: Iterable[VisBehaviorError] = ()) -> Iterator[None]:
    """Raise errors of DuckDB as errors of this package.

    Parameters
    ----------
    location : str
        The store, for the message.
    failures : iterable of VisBehaviorError
        Errors of reads in a remote store. DuckDB has only their text.
    """
    duckdb = import_extra("duckdb")
    try:
        yield
    except duckdb.Error as error:
        raise _find(failures, str(error)) or _convert(error, location) from error


def _find(failures: Iterable[VisBehaviorError], text: str) -> VisBehaviorError | None:
    return next((failure for failure in failures if failure.message in text), None)


def _convert(error: Exception, location: str) -> VisBehaviorError:
    name = type(error).__name__
    text = " ".join(str(error).split("\nLINE ")[0].split())
    # An error without a class of its own is one of the Parquet reader.
    if (name.startswith(_OF_A_FILE) and ".parquet" in text) or name == "Error":
        return CorruptFile(
            f"A part of the cohort in {location} is damaged or missing: {text}. If the cohort was built again meanwhile, open it again. Otherwise build it again, which writes the part again; find_damaged() names it.",
            path=location,
        )
    if name.startswith(_OF_THE_QUERY):
        hint = " A query can only read the tables of the store." if name.startswith("Permission") else ""
        return BadValue(f"The query is not valid: {text}.{hint}", name="query")
    return VisBehaviorError(f"The query of the cohort in {location} failed: {text}.", path=location)
