"""Columns whose rows are arrays of different lengths, stored as one flat array."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ragged(NamedTuple):
    """Rows of different lengths, concatenated.

    Parameters
    ----------
    flat : numpy.ndarray
        Values of all rows, row after row.
    counts : numpy.ndarray
        Number of values in each row.
    """

    flat: NDArray[Any]
    counts: NDArray[np.int64]

    @classmethod
    def from_rows(cls, rows: Any) -> Ragged:
        """Concatenate a column (a Series or a list) of arrays."""
        rows = list(rows)
        counts = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        flat = np.concatenate(rows).astype(np.float64) if counts.any() else np.empty(0)
        return cls(flat, counts)

    @property
    def row(self) -> NDArray[np.int64]:
        """Row number of each value."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def split(self) -> NDArray[np.object_]:
        """Return the rows as an object array of arrays, which are views of one copy of `flat`."""
        flat = self.flat.copy()
        stops = np.cumsum(self.counts)
        bounds = zip((stops - self.counts).tolist(), stops.tolist(), strict=True)
        return np.fromiter((flat[start:stop] for start, stop in bounds), dtype=object, count=len(stops))
