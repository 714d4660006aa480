"""How a session makes its tables of what its reader returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from visbehavior.analysis.eye_tracking import compute_eye_tracking
from visbehavior.analysis.running import correct_polarity
from visbehavior.errors import naming_file, warn
from visbehavior.frames import make_frame
from visbehavior.read_once import ReadOnce
from visbehavior.reader import SessionReader
from visbehavior.schema import session as schema
from visbehavior.schema.columns import Table
from visbehavior.schema.convention import (
    LISTED_EXPERIMENT,
    absent_table,
    dictionary_to_convention,
    is_in_convention,
    mouse_id_2_10,
    to_convention,
)
from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.ragged import Ragged
from visbehavior.session_metrics import kept_for_metrics
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

if TYPE_CHECKING:
    import pandas as pd


class SessionTables(ReadOnce):
    """Reads tables through a reader, and names their columns by a convention.

    Parameters
    ----------
    reader : SessionReader
    convention : str
        "2.16" or "2.10".
    blink_options : tuple
        Options of blink detection, as `visbehavior.analysis.eye_tracking.checked_blink_options` returns them.
    """

    def __init__(self, reader: SessionReader, convention: str, blink_options: tuple[float, int]) -> None:
        super().__init__(reader.location)
        self._reader = reader
        self._convention = convention
        self._blink_options = blink_options

    # Type checkers would accept every name.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):
                # A property raised an AttributeError: raise it again.
                return object.__getattribute__(self, name)
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in LISTED_EXPERIMENT[DEFAULT_ALLENSDK_VERSION]:
                text += (
                    ", which belongs to an imaging plane: open it with BehaviorOphysExperiment.from_nwb_path(path), or "
                )
                text += "from the cache with get_behavior_ophys_experiment(id)."
            raise AttributeError(text, name=name, obj=self)

    def _table(self, table: Table, compute: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> pd.DataFrame:
        """Return a table: read, computed where needed, and renamed to the convention."""

        def make() -> pd.DataFrame:
            columns = self._columns(table)
            if not columns:
                if table is schema.EYE_TRACKING:
                    # The same text for all sessions, so that a loop over thousands shows it once.
                    warn("A session without eye tracking: its eye_tracking table is empty.")
                return absent_table(table, self._convention)
            layout = self._reader.layout if self._convention == "2.10" else ""
            with naming_file(self._reader.location):
                computed = compute(columns)
            return to_convention(table, make_frame(table, computed), self._convention, layout)

        return self._once(table.name, make)

    def _compute_eye_tracking(self, columns: dict[str, Any]) -> dict[str, Any]:
        return compute_eye_tracking(columns, *self._blink_options, keep_shapes=self._convention == "2.10")

    def _running(self, table: Table) -> pd.DataFrame:
        return self._table(table, correct_polarity if self._convention == "2.16" else dict)

    def _columns(self, table: Table) -> dict[str, Any]:
        """Return the stored columns of a table. Those that metrics use are copies, since users may change tables."""
        known = self._cache.get(kept_for_metrics(table), {})
        columns = self._reader.read(table, lambda name: is_in_convention(table, self._convention, name), known)
        if table in (schema.TRIALS, schema.REWARDS):
            self._once(kept_for_metrics(table), lambda: columns)
            return {name: values if isinstance(values, Ragged) else values.copy() for name, values in columns.items()}
        return columns

    def _dictionary(self, table: Table) -> dict[str, Any]:
        return self._once(
            table.name, lambda: dictionary_to_convention(table, self._reader.read(table), self._convention)
        )

    def _read_metadata(self) -> dict[str, Any]:
        entries = self._reader.read(schema.METADATA)
        if self._convention == "2.16":
            return dictionary_to_convention(schema.METADATA, entries, self._convention)
        entries["mouse_id"] = mouse_id_2_10(entries["mouse_id"])
        imaging = self._reader.read(IMAGING_METADATA)
        return imaging | dictionary_to_convention(schema.METADATA, entries, self._convention)
