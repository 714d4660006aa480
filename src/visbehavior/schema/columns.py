"""`Column` and `Table`: the vocabulary in which tables are declared.

The declarations are in the other modules of this package. Readers, the writer, both naming conventions, docstrings,
reference pages and test data are derived from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from visbehavior.schema.wrapping import wrap

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

DTYPES = {
    "bool": "bool",
    "boolean": "bool, or boolean with <NA> where some rows have no value",
    "int64": "int64",
    "Int64": "Int64, <NA> if missing",
    "float64": "float64",
    "number": "int64 or float64, as stored",
    "text": "text",
    "times": "arrays of float64",
    "list": "lists, NaN if missing",
    "image": "2-dimensional arrays",
    "trace": "arrays of float64 (float32 in some files), one value per imaging frame",
    # Values of dictionaries.
    "integer": "int",
    "days": "int",
    "floats": "list of floats",
    "texts": "list of texts",
    "uuid": "uuid.UUID",
    "datetime": "datetime.datetime",
}
"""Name of a type in a declaration, and its description in the docs."""

MISSING_INTEGER = -99
"""Missing value of integer columns, as in AllenSDK 2.16."""
MISSING_TEXT = "N/A"
"""Missing text in the release's files."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table, or an entry of a dictionary.

    Parameters
    ----------
    name : str
        Name in the convention of AllenSDK 2.16, the only one used inside the package.
    dtype : str
        One of `DTYPES`.
    meaning : str
        One or more sentences: what the values are, and pitfalls.
    unit : str
        Unit; "" for counts, names and truth values.
    path : str or None
        Path in an NWB file, relative to the table's group; ``group@name`` is an attribute. "" means the column's own
        name, None that the column is computed.
    renamed_2_10 : str
        Name in the convention of AllenSDK 2.10 if it differs.
    absent_2_10 : bool
        True if AllenSDK 2.10 does not return the column.
    only_2_10 : bool
        True if AllenSDK 2.16 does not return the column.
    required : bool
        True if every file of the release has the column, so that the writer must write it.
    """

    name: str
    dtype: str
    meaning: str
    unit: str = ""
    path: str | None = ""
    renamed_2_10: str = ""
    absent_2_10: bool = False
    only_2_10: bool = False
    required: bool = True

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise TypeError(f"column {self.name!r}: unknown dtype {self.dtype!r}; one of {sorted(DTYPES)}")
        if not self.meaning.endswith("."):
            raise TypeError(f"column {self.name!r}: its meaning must be a sentence")
        if self.path == "":
            object.__setattr__(self, "path", self.name)

    def name_in(self, convention: str) -> str | None:
        """Return the name in a convention, None if the convention does not have the column."""
        if convention == "2.10":
            return None if self.absent_2_10 else self.renamed_2_10 or self.name
        return None if self.only_2_10 else self.name


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, a dictionary or an array of a session or project.

    Parameters
    ----------
    name : str
        Name of the session's attribute, or of the project table.
    summary : str
        One line.
    group : str
        Group of the NWB file that holds the columns.
    columns : tuple of Column
        In the order of AllenSDK 2.16.
    kind : str
        "table", "dictionary" or "array".
    index : str
        Name of the index; "" if it has none.
    index_meaning : str
        Meaning of the index.
    index_dtype : str
        dtype of the index of a project table.
    order_2_10 : tuple of str
        Order of the columns in AllenSDK 2.10 if it differs from `columns`.
    notes : str
        Pitfalls of the table as a whole.
    optional : bool
        True if a session may have no such table; it is then empty.
    """

    name: str
    summary: str
    group: str = ""
    columns: tuple[Column, ...] = ()
    kind: str = "table"
    index: str = ""
    index_meaning: str = ""
    index_dtype: str = "int64"
    order_2_10: tuple[str, ...] = ()
    notes: str = ""
    optional: bool = False
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)
    by_path: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {column.name: column for column in self.columns}
        if len(by_name) != len(self.columns):
            raise TypeError(f"table {self.name!r}: two columns have the same name")
        unknown = set(self.order_2_10) - set(by_name)
        if unknown:
            raise TypeError(f"table {self.name!r}: order_2_10 names {sorted(unknown)}, which are not columns")
        object.__setattr__(self, "by_name", by_name)
        object.__setattr__(self, "by_path", {column.path: column for column in self.columns if column.path})

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def is_series(self) -> bool:
        """True if every column is part of a time series, so that no code but the declaration is needed to read it."""
        ends = ("/data", "/timestamps")
        return self.kind != "dictionary" and all((column.path or "").endswith(ends) for column in self)

    def names(self, convention: str = "2.16") -> list[str]:
        """Return the names of the columns in a convention, in that convention's order."""
        in_2_10 = convention == "2.10" and self.order_2_10
        columns = [self.by_name[name] for name in self.order_2_10] if in_2_10 else self.columns
        return [name for column in columns if (name := column.name_in(convention)) is not None]

    def empty(self) -> pd.DataFrame:
        """Return the table without rows. All columns are float64, as in AllenSDK."""
        import numpy as np
        import pandas as pd

        index = pd.Index(np.empty(0), name=self.index) if self.index else None
        return pd.DataFrame(np.empty((0, len(self.names()))), columns=self.names(), index=index)

    def sample(self, rows: int, rng: np.random.Generator) -> dict[str, Any]:
        """Return random values of every stored column, for tests."""
        return {column.name: _sample(column.dtype, rows, rng) for column in self if column.path}

    def docstring(self) -> str:
        """Return the docstring of the attribute that returns this table, in numpydoc form."""
        returned = {"table": "pandas.DataFrame", "dictionary": "dict", "array": "numpy.ndarray"}[self.kind]
        lines = [self.summary, "", "Returns", "-------", returned]
        if self.index_meaning:
            lines.append(_indented(f"Index {self.index or '0, 1, 2, ...'}: {self.index_meaning}"))
        for column in self.columns:
            lines += ["", f"    {column.name} : {DTYPES[column.dtype]}{', ' + column.unit if column.unit else ''}"]
            lines.append(_indented(column.meaning + _note_on_2_10(column), 8))
        if self.notes:
            lines += ["", "Notes", "-----", wrap(self.notes, 100)]
        return "\n".join(lines) + "\n"


def _sample(dtype: str, rows: int, rng: np.random.Generator) -> Any:
    if dtype in ("bool", "boolean"):
        return rng.random(rows) < 0.5
    if dtype in ("int64", "number"):
        return rng.integers(0, 1000, rows)
    if dtype in ("text", "float64"):
        numbers = rng.normal(size=rows)
        return numbers if dtype == "float64" else numbers.astype(str).astype(object)
    raise TypeError(f"no random values of dtype {dtype!r}")


def _indented(text: str, spaces: int = 4) -> str:
    return wrap(text, 100, " " * spaces)


def _note_on_2_10(column: Column) -> str:
    if column.only_2_10:
        return " Only in the convention of AllenSDK 2.10."
    if column.absent_2_10:
        return " Not in the convention of AllenSDK 2.10."
    return f" `{column.renamed_2_10}` in the convention of AllenSDK 2.10." if column.renamed_2_10 else ""
