"""The vocabulary in which tables are declared: `Column` and `Table`.

Instances stand in the modules beside this one; whatever needs to know a column (the readers, the two naming conventions,
the docstrings) asks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import fill

DTYPES = {
    "bool": "bool",
    "boolean": "bool, or boolean with <NA> where some rows have no value",
    "int64": "int64",
    "Int64": "Int64, <NA> where there is none",
    "float64": "float64",
    "number": "int64 or float64, as the file has it",
    "text": "text",
    "times": "arrays of float64",
    "list": "lists, NaN where there is none",
    "image": "2-dimensional arrays",
    # Values of dictionaries.
    "integer": "int",
    "days": "int",
    "floats": "list of floats",
    "texts": "list of texts",
    "uuid": "uuid.UUID",
    "datetime": "datetime.datetime",
}
MISSING_INTEGER = -99
"""What stands for "none" in integer columns, as in AllenSDK 2.16."""
MISSING_TEXT = "N/A"
"""What the release's files store for a missing text."""


@dataclass(frozen=True)
class Column:
    """A column of a table, or an entry of a dictionary.

    Parameters
    ----------
    name : str
        Its name in the convention of AllenSDK 2.16, the only one used inside the package.
    dtype : str
        One of `DTYPES`.
    unit : str
        Unit; "" for what has none (counts, names, truth values).
    meaning : str
        What it is, and what to look out for.
    path : str or None
        Where it lies in an NWB file, relative to the table's group; ``group@name`` is an attribute. None: computed.
    name_2_10 : str or None
        Its name in the convention of AllenSDK 2.10, where that differs; None where 2.10 does not have it.
    in_2_16 : bool
        Whether the convention of 2.16 returns it.
    required : bool
        Whether its absence from a file is an error.
    """

    name: str
    dtype: str
    unit: str
    meaning: str
    path: str | None = None
    name_2_10: str | None = ""
    in_2_16: bool = True
    required: bool = True

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise TypeError(f"column {self.name!r}: unknown dtype {self.dtype!r}; one of {sorted(DTYPES)}")
        if not self.meaning.endswith("."):
            raise TypeError(f"column {self.name!r}: its meaning must be a sentence")

    def named(self, convention: str) -> str | None:
        """Its name in a convention; None where the convention does not have it."""
        if convention == "2.10":
            return self.name if self.name_2_10 == "" else self.name_2_10
        return self.name if self.in_2_16 else None


@dataclass(frozen=True)
class Table:
    """A table, a dictionary or an array that a session gives.

    Parameters
    ----------
    name : str
        The attribute of the session.
    summary : str
        One line.
    group : str
        The group of the NWB file that holds it.
    columns : tuple of Column
        In the order of AllenSDK 2.16; empty for an array.
    kind : str
        What it is: "table", "dictionary" or "array".
    index : str
        Name of the index; "" where it has none.
    index_meaning : str
        What the index is.
    index_dtype : str
        Its type, of a project table.
    order_2_10 : tuple of str
        The order of AllenSDK 2.10, where that is not the order of `columns`.
    notes : str
        Pitfalls of the table as a whole.
    optional : bool
        Whether a session may have none; the table is then empty.
    """

    name: str
    summary: str
    group: str
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
            raise TypeError(f"table {self.name!r}: two columns of one name")
        unknown = set(self.order_2_10) - set(by_name)
        if unknown:
            raise TypeError(f"table {self.name!r}: order_2_10 names {sorted(unknown)}, which are no columns")
        object.__setattr__(self, "by_name", by_name)
        object.__setattr__(self, "by_path", {column.path: column for column in self.columns if column.path})

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def names(self, convention: str = "2.16") -> list[str]:
        """The names of its columns in a convention, in that convention's order."""
        ordered = (
            [self.by_name[n] for n in self.order_2_10] if convention == "2.10" and self.order_2_10 else self.columns
        )
        return [name for column in ordered if (name := column.named(convention)) is not None]

    def docstring(self) -> str:
        """The docstring of the attribute that gives this table, in numpydoc's form."""
        returned = {"table": "pandas.DataFrame", "dictionary": "dict", "array": "numpy.ndarray"}[self.kind]
        lines = [self.summary, "", "Returns", "-------", returned]
        if self.index_meaning:
            lines.append(_indented(f"Index {self.index or '0, 1, 2, ...'}: {self.index_meaning}"))
        for column in self.columns:
            lines += ["", f"    {column.name} : {DTYPES[column.dtype]}{', ' + column.unit if column.unit else ''}"]
            lines.append(_indented(column.meaning + _other_name(column), 8))
        if self.notes:
            lines += ["", "Notes", "-----", fill(self.notes, 100)]
        return "\n".join(lines) + "\n"


def _indented(text: str, spaces: int = 4) -> str:
    return fill(text, 100, initial_indent=" " * spaces, subsequent_indent=" " * spaces)


def _other_name(column: Column) -> str:
    if not column.in_2_16:
        return " Only in the convention of AllenSDK 2.10."
    if column.name_2_10 is None:
        return " Not in the convention of AllenSDK 2.10."
    return f" AllenSDK 2.10 calls it `{column.name_2_10}`." if column.name_2_10 else ""
