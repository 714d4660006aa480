"""Queries of a cohort store."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from visbehavior.arguments import as_iterable, check_choice
from visbehavior.cohort.database import check_query, connect, lock, quote_name, quote_text, sql_errors
from visbehavior.cohort.remote import PROTOCOL, RemoteParts, make_file_system
from visbehavior.cohort.store import (
    DESCRIPTION,
    SESSIONS_TABLE,
    Description,
    decode_description,
    describe_columns,
    is_intact,
    parse_folder,
    read_description,
)
from visbehavior.cohort.views import find_session, find_single_session, select_files
from visbehavior.errors import BadValue, CorruptFile, MissingData, NotFound, brief_repr, did_you_mean
from visbehavior.extras import import_extra
from visbehavior.schema.cohort import BY_NAME, table_columns
from visbehavior.schema.columns import Column
from visbehavior.store.address import Bucket, Folder, parse_location
from visbehavior.store.source import ObjectSource
from visbehavior.wording import count_text

FORMATS = ("pandas", "arrow", "polars")
_REMOTE_THREADS = 64
"""Threads that wait for the network; each reads one part."""


def open_cohort(path_or_url: str | os.PathLike[str], *, endpoint: str | None = None) -> Cohort:
    """Open a store that `build_cohort` built.

    Parameters
    ----------
    path_or_url : str or os.PathLike
        A folder, ``https://server/folder`` or ``s3://bucket/folder``. Only the parts of a remote store that a query needs are read.
    endpoint : str or None
        URL of an S3 server other than Amazon's; None: the value of AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, if set.

    Returns
    -------
    Cohort

    Raises
    ------
    NotFound
        If there is no store.
    UnsupportedFile
        If a newer version of this package built it.
    CorruptFile
        If its description is damaged.
    TransferFailed
        If it cannot be reached.
    MissingExtra
        If DuckDB, or for a remote store fsspec, is not installed.

    Examples
    --------
    >>> cohort = open_cohort("cohort")
    >>> cohort.sql("SELECT stage, avg(dprime) FROM sessions GROUP BY stage")
    """
    if isinstance(path_or_url, str) and "://" in path_or_url and not path_or_url.startswith("file://"):
        return _open_remote(path_or_url, endpoint)
    folder = parse_folder("path_or_url", path_or_url)
    description = read_description(folder)
    if description is None:
        raise NotFound(
            f"There is no cohort in {folder}: it has no {DESCRIPTION}. build_cohort builds one.", path=str(folder)
        )
    return Cohort(str(folder), description)


def _open_remote(url: str, endpoint: str | None) -> Cohort:
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.strip("/").partition("/")
    location = parse_location(f"{scheme}://{bucket}" if scheme == "s3" else url, endpoint)
    if isinstance(location, Folder):
        raise BadValue(f"path_or_url is {brief_repr(url)}; expected a folder, or a URL of https or s3.", value=url)
    prefix = f"{prefix}/" if isinstance(location, Bucket) and prefix else ""
    source = ObjectSource(location)
    description = decode_description(source.read_small(prefix + DESCRIPTION), url)
    return Cohort(url, description, RemoteParts(source, prefix, description))


class Cohort:
    """A store with the tables of many sessions. Open it with `open_cohort`.

    The tables are attributes, such as ``cohort.trials``, and are the tables of SQL queries. Threads may share a cohort.

    Parameters
    ----------
    location : str
        Folder or URL.
    description : Description
    parts : RemoteParts or None
        Reads a remote store; None: `location` is a folder.

    Attributes
    ----------
    location : str
    tables : tuple of str
        Names of the tables.
    digest : str
        Hash of all rows. Two stores have the same digest if they have the same sessions with the same values, in whatever order they were built.
    """

    def __init__(self, location: str, description: Description | None = None, parts: RemoteParts | None = None) -> None:
        if not isinstance(description, Description):
            raise BadValue(f"Cohort({brief_repr(location)}): open a store with open_cohort(path).")
        self.location = location
        self._description = description
        self.tables = description.names
        self.digest = description.digest
        self._parts = parts
        self._lock = threading.Lock()
        self._database: Any = None
        self._viewed: set[str] = set()

    def sql(self, query: str, *, format: str = "pandas") -> Any:
        """Return the result of a query.

        Parameters
        ----------
        query : str
            One SELECT statement in the SQL of DuckDB. It can read the tables of the store and nothing else.
        format : str
            "pandas", or if it is installed "arrow" (a pyarrow.Table) or "polars".

        Returns
        -------
        pandas.DataFrame, pyarrow.Table or polars.DataFrame
            Rows are in no particular order without ORDER BY.

        Raises
        ------
        BadValue
            If the query is no SELECT statement, or is wrong.
        CorruptFile
            If a part of the store is damaged or missing.
        """
        text = query.lower() if isinstance(query, str) else ""
        single = find_single_session(text, self.tables)
        if single is not None:
            # The part of a single session is known. DuckDB would open all parts to find it.
            name, session = single
            return self._run(f"WITH {quote_name(name)} AS ({self._select(name, session)})\n{query}", format, [])
        return self._run(query, format, [name for name in self.tables if name in text] or self.tables)

    def _run(self, query: str, format: str, views: Iterable[str]) -> Any:
        check_choice("format", format, FORMATS)
        if format != "pandas":
            import_extra({"arrow": "pyarrow", "polars": "polars"}[format])
        failures = () if self._parts is None else self._parts.failures
        with self._connect() as connection, sql_errors(self.location, failures):
            check_query(connection, query)
            self._make_views(connection, views)
            result = connection.execute(query)
            if format == "arrow":
                return result.to_arrow_table()
            return result.pl() if format == "polars" else result.df()

    def table(
        self, name: str, columns: str | Iterable[str] | None = None, where: str | None = None, *, format: str = "pandas"
    ) -> Any:
        """Return rows of a table, in the order of the store: by session, then as in the session.

        Parameters
        ----------
        name : str
            One of `tables`.
        columns : str, iterable of str, or None
            Columns to return; None: all.
        where : str or None
            Condition in SQL, such as "behavior_session_id = 891635659 AND hit"; None: all rows.
        format : str
            As for `sql`.

        Raises
        ------
        MissingData
            If there is no such table or column.
        BadValue
            If the condition is wrong.
        """
        declared = self._columns(name)
        wanted = [column.name for column in declared]
        if columns is not None:
            known, wanted = wanted, list(as_iterable("columns", columns, (str,), "names of columns"))
            for column in wanted:
                if not isinstance(column, str) or column not in known:
                    raise MissingData(
                        f"The table {name} has no column {brief_repr(column)}.{did_you_mean(column, known)} describe({name!r}) lists them.",
                        name=column,
                    )
        if where is not None and not isinstance(where, str):
            raise BadValue(f"where is {brief_repr(where)}; expected a condition in SQL, as text.", name="where")
        listed = ", ".join(map(quote_name, wanted))
        condition = "" if where is None else f" WHERE ({where}\n)"
        order = ", ".join(quote_name(column.name) for column in declared[: 1 if name == SESSIONS_TABLE else 2])
        session = find_session(where)
        source, views = (quote_name(name), [name]) if session is None else (f"({self._select(name, session)})", [])
        return self._run(f"SELECT {listed or 'NULL'} FROM {source}{condition} ORDER BY {order}", format, views)

    def describe(self, name: str) -> pd.DataFrame:
        """Return the columns of a table: index column; type (of SQL), unit and meaning.

        Raises
        ------
        MissingData
            If there is no such table.
        """
        self._columns(name)
        described = pd.DataFrame.from_dict(describe_columns(name, self.tables), orient="index")
        return described.rename_axis("column")

    def count(self, name: str) -> int:
        """Return the number of rows of a table, without reading it."""
        self._columns(name)
        return sum(file.rows for file in self._description.files(name))

    def size(self, name: str) -> int:
        """Return the bytes of a table."""
        self._columns(name)
        return sum(file.size for file in self._description.files(name))

    def close(self) -> None:
        """Close the database. The next query opens it again."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _columns(self, name: Any) -> tuple[Column, ...]:
        if not isinstance(name, str) or name not in self.tables:
            raise MissingData(
                f"The cohort has no table {brief_repr(name)}; it has {', '.join(self.tables)}.", name=name
            )
        return table_columns(name, self.tables)

    def _connect(self) -> Any:
        """Return a connection of this call."""
        with self._lock:
            if self._database is None:
                self._database = self._open()
            return self._database.cursor()

    def _open(self) -> Any:
        if self._parts is None:
            connection, folder = connect(), self.location
            connection.execute("SET parquet_metadata_cache = true")
        else:
            connection, folder = connect(_REMOTE_THREADS), f"{PROTOCOL}://"
            connection.register_filesystem(make_file_system(self._parts))
        lock(connection, folder)
        self._viewed = set()
        return connection

    def _make_views(self, connection: Any, names: Iterable[str]) -> None:
        """Make the views of tables that have none yet.

        A query needs those that it names, or all if it names none. To make a view DuckDB reads the end of a part.
        """
        with self._lock:
            for name in names:
                if name not in self._viewed:
                    self._make_view(connection, name)
                    self._viewed.add(name)

    def _make_view(self, connection: Any, name: str) -> None:
        self._check_files(name)
        connection.execute(f"CREATE VIEW {quote_name(name)} AS {self._select(name)}").fetchall()
        for column in table_columns(name, self.tables):
            text = quote_text(f"{column.meaning}{f' Unit: {column.unit}.' if column.unit else ''}")
            connection.execute(f"COMMENT ON COLUMN {quote_name(name)}.{quote_name(column.name)} IS {text}").fetchall()

    def find_damaged(self) -> list[str]:
        """Return the paths of the parts of a local store that are missing or were changed, by their hashes.

        Raises
        ------
        BadValue
            If the store is remote.
        """
        if self._parts is not None:
            raise BadValue(f"{self.location} is not a folder. Copy the store, or call find_damaged on its computer.")
        files = (file for name in self.tables for file in self._description.files(name))
        return [file.path for file in files if not is_intact(Path(self.location), file)]

    def _check_files(self, name: str) -> None:
        """Raise CorruptFile if a file of a local store is missing: DuckDB would notice it when a query needs it."""
        for file in self._description.files(name) if self._parts is None else ():
            path = Path(self.location) / file.path
            try:
                size = path.stat().st_size
            except OSError:
                size = -1
            if size != file.size:
                state = "is missing" if size < 0 else f"has {size:,} bytes; expected {file.size:,}"
                raise _damaged(self.location, file.path, state)

    def _select(self, name: str, session: int | None = None) -> str:
        """Return the SELECT statement of a table, or of the part of it that has a session."""
        files = self._description.files(name)
        if session is not None and name != SESSIONS_TABLE:
            files = [part.files[name] for part in self._description.parts if session in part.ids]
        root = f"{self.location}{os.sep}" if self._parts is None else f"{PROTOCOL}://"
        return select_files(name, self.tables, [root + file.path for file in files])

    def __getattr__(self, name: str) -> CohortTable:
        if name in BY_NAME and name in self.__dict__.get("tables", ()):
            return CohortTable(self, name)
        text = f"{type(self).__name__!r} object has no attribute {name!r}"
        if name in BY_NAME:
            text += f": the store was built without this table. It has {', '.join(self.tables)}"
        raise AttributeError(text, name=name, obj=self)

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_database", "_parts")}
        return kept | {"_origin": None if self._parts is None else self._parts.origin}

    def __setstate__(self, state: dict[str, Any]) -> None:
        origin = state.pop("_origin")
        self.__dict__.update(state, _lock=threading.Lock(), _database=None, _viewed=set())
        self._parts = None if origin is None else RemoteParts(origin[0], origin[1], self._description)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.tables]

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.count(name):,} {name}" for name in self.tables)
        return f"<{type(self).__name__} in {self.location}: {counts}>"


class CohortTable:
    """A table of a cohort, not read yet.

    Parameters
    ----------
    cohort : Cohort
    name : str
    """

    def __init__(self, cohort: Cohort, name: str) -> None:
        self._cohort = cohort
        self.name = name

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in table_columns(self.name, self._cohort.tables)]

    def read(
        self, columns: str | Iterable[str] | None = None, where: str | None = None, *, format: str = "pandas"
    ) -> Any:
        """Return rows of the table: see `Cohort.table`."""
        return self._cohort.table(self.name, columns, where, format=format)

    def describe(self) -> pd.DataFrame:
        """Return type, unit and meaning of each column."""
        return self._cohort.describe(self.name)

    def __len__(self) -> int:
        return self._cohort.count(self.name)

    def __repr__(self) -> str:
        return f"<table {self.name} of {count_text(len(self), 'row')}: {', '.join(self.columns)}>"


def _damaged(location: str, path: str, state: str) -> CorruptFile:
    return CorruptFile(
        f"{path} of the cohort in {location} {state}. Build the cohort again, which writes the part again, or copy it again.",
        path=path,
    )
