"""DataFrames of the columns that a reader returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from visbehavior.reader import SessionReader
from visbehavior.schema.columns import Table
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import STIMULUS_TEMPLATES

if TYPE_CHECKING:
    import pandas as pd

F = TypeVar("F", bound=Callable[..., Any])


def documented(table: Table) -> Callable[[F], F]:
    """Set the docstring of an attribute from the declaration of its table."""

    def document(function: F) -> F:
        function.__doc__ = table.docstring()
        return function

    return document


def make_frame(table: Table, columns: dict[str, Any]) -> pd.DataFrame:
    """Make a DataFrame of a table's columns. Columns of arrays become object columns of separate arrays."""
    import pandas as pd

    data = {name: values.split() if isinstance(values, Ragged) else values for name, values in columns.items()}
    stored_index = data.pop(table.index, None) if table.index else None
    rows = len(next(iter(data.values()), ()))
    index = pd.RangeIndex(rows, name=table.index or None) if stored_index is None else pd.Index(stored_index)
    frame = pd.DataFrame(data, index=index, copy=False)
    frame.index.name = table.index or None
    return frame


def make_templates(reader: SessionReader) -> pd.DataFrame:
    """Make the table of images, a row per image."""
    import pandas as pd

    columns = reader.read(STIMULUS_TEMPLATES)
    data = {column.name: pd.Series(columns[column.name], dtype=object) for column in STIMULUS_TEMPLATES}
    frame = pd.DataFrame(data)
    frame.index = pd.Index(np.array(columns[STIMULUS_TEMPLATES.index], dtype=object), name=STIMULUS_TEMPLATES.index)
    # AllenSDK's users find the name of the image set here.
    frame.name = columns["name"]
    return frame


def object_column(values: Iterable[Any]) -> NDArray[np.object_]:
    """Return an object array of arrays. numpy would stack arrays of equal lengths."""
    listed = list(values)
    column = np.empty(len(listed), dtype=object)
    for row, value in enumerate(listed):
        column[row] = value
    return column
