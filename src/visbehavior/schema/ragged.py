"""Columns whose rows are arrays of any length, held flat."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ragged(NamedTuple):
    """Rows of any length, one after the other.

    Parameters
    ----------
    flat : numpy.ndarray
        The values of all rows.
    counts : numpy.ndarray
        How many values each row has.
    """

    flat: NDArray[Any]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Any) -> Ragged:
        """From a column (a Series, a list) of arrays."""
        rows = list(rows)
        counts = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        flat = np.concatenate(rows).astype(np.float64) if counts.any() else np.empty(0)
        return cls(flat, counts)

    @property
    def owner(self) -> NDArray[np.int64]:
        """The row of each value."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def split(self) -> NDArray[np.object_]:
        """The rows as an object array of arrays: pieces of one fresh copy."""
        flat = self.flat.copy()
        stops = np.cumsum(self.counts)
        bounds = zip((stops - self.counts).tolist(), stops.tolist(), strict=True)
        return np.fromiter((flat[start:stop] for start, stop in bounds), dtype=object, count=len(stops))
