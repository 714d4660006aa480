"""The SQL of tables: which files a table has, and the columns that are computed from others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from visbehavior.cohort.database import quote_name, quote_text
from visbehavior.schema.cohort import DERIVED, SESSION_ID, sql_type, table_columns

_ONE_SESSION = re.compile(rf"\s*{SESSION_ID.name}\s*=\s*(\d{{1,18}})\s*(and\b(.*))?", re.IGNORECASE | re.DOTALL)
_ONE_TABLE = re.compile(
    r"\s*select\b[^;]*?\bfrom\s+(?P<table>\w+)\s+where\b(?P<where>[^;]*?)(\b(group|order)\s+by\b[^;]*|\blimit\b[^;]*)?;?\s*",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"\b(select|from|union|intersect|except|with)\b", re.IGNORECASE)
_OR = re.compile(r"\bor\b|--|/\*", re.IGNORECASE)


def select_files(name: str, tables: Sequence[str], paths: Sequence[str]) -> str:
    """Return the SELECT statement of the rows of a table in some files.

    Parameters
    ----------
    name : str
        Table.
    tables : sequence of str
        Tables of the store.
    paths : sequence of str
        Paths of Parquet files, as DuckDB opens them. None: a table without rows.
    """
    columns = table_columns(name, tables)
    if not paths:
        empty = ", ".join(f"CAST(NULL AS {sql_type(column)}) AS {quote_name(column.name)}" for column in columns)
        return f"SELECT {empty} WHERE false"
    derived = DERIVED if name == "flashes" else {}
    selected = ", ".join(
        f"{derived[column.name]} AS {column.name}" if column.name in derived else quote_name(column.name)
        for column in columns
    )
    return f"SELECT {selected} FROM read_parquet([{', '.join(map(quote_text, paths))}])"


def find_single_session(query: str, names: Sequence[str]) -> tuple[str, int] | None:
    """Return the table and the session of a query of one table whose condition is a session; None for any other query."""
    match = _ONE_TABLE.fullmatch(query) if len(_CLAUSE.findall(query)) == 2 else None
    if match is None or match["table"].lower() not in names:
        return None
    session = find_session(match["where"])
    return None if session is None else (match["table"].lower(), session)


def find_session(where: str | None) -> int | None:
    """Return the session that a condition selects with ``behavior_session_id = N``; None if it may select others."""
    match = None if where is None else _ONE_SESSION.fullmatch(where)
    if match is None or _OR.search(match[3] or ""):
        return None
    return int(match[1])
