"""Stimulus presentations of an NWB file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.analysis.presentations import add_computed_columns, join_groups
from visbehavior.errors import MissingData, naming_file
from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.tables import (
    check_booleans,
    check_columns,
    check_lengths,
    column_piece,
    read_column_names,
)
from visbehavior.nwb.trials import read_trials
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.columns import MISSING_TEXT
from visbehavior.schema.session import PRESENTATIONS_SUFFIX, STIMULUS_PRESENTATIONS, TRIALS

_NEEDED_TO_COMPUTE = {"start_time", "image_name", "omitted", "stimulus_block", "start_frame", "trials_id", "active"}
_NEEDED_OF_TRIALS = {TRIALS.index, "start_time", "stop_time", "change_frame", "catch"}


def read_presentations(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read the wanted columns of `visbehavior.schema.session.STIMULUS_PRESENTATIONS` that the file has or lacks.

    Columns that the file lacks and that can be computed come after those that it has.
    """
    with file.opened():
        columns = _read_groups(file, wanted)
        stored: dict[str, Any] = {
            name: columns[name] for name in ("omitted", "is_image_novel", "rewarded") if name in columns
        }
        check_booleans(file, STIMULUS_PRESENTATIONS, stored)
        add_computed_columns(columns, wanted, lambda: read_trials(file, _NEEDED_OF_TRIALS.__contains__))
    return columns


def presentation_groups(file: NwbFile) -> list[str]:
    """Return the groups of presentations: one per image in files of release 1.0.x, one per stimulus in release 1.1.0."""
    names = file.read_one(methodcaller("names", STIMULUS_PRESENTATIONS.group))
    return [f"{STIMULUS_PRESENTATIONS.group}/{name}" for name in names if name.endswith(PRESENTATIONS_SUFFIX)]


def read_layout(file: NwbFile) -> str:
    """Return the layout of the file, by the columns of its presentations.

    "1.1": release 1.1.0. "1.0": releases 1.0.x. "0": older, without ``is_change``.
    """
    names = read_column_names(file, presentation_groups(file)[:1])
    stored = next(iter(names.values()), [])
    return "1.1" if "stimulus_name" in stored else "1.0" if "is_change" in stored else "0"


def _read_groups(file: NwbFile, wanted: Callable[[str], bool]) -> dict[str, NDArray[Any]]:
    table = STIMULUS_PRESENTATIONS
    stored_names = read_column_names(file, presentation_groups(file))
    if not stored_names:
        raise MissingData(
            f"{file.path} has no group /{table.group}/*{PRESENTATIONS_SUFFIX}, which holds the presentations. This file is "
            "incomplete, was changed, or was written by another program.",
            path=file.path,
            name=table.name,
        )
    pieces = {}
    for group, names in stored_names.items():
        check_columns(file, table, group, ("start_time", "stop_time"), names)
        for stored in names:
            name = _name(stored)
            if wanted(name) or name in _NEEDED_TO_COMPUTE or name not in table.by_name:
                pieces[group, name] = column_piece(table, name, group, stored)
    values = file.read({f"{group}/{name}": piece for (group, name), piece in pieces.items()})
    groups: dict[str, dict[str, NDArray[Any]]] = {group: {} for group in stored_names}
    for group, name in pieces:
        groups[group][name] = _without_missing_text(values[f"{group}/{name}"])
    for columns in groups.values():
        check_lengths(file, table, columns)
    with naming_file(file.path):
        return join_groups(list(groups.values()))


def _name(stored: str) -> str:
    column = STIMULUS_PRESENTATIONS.by_path.get(stored)
    return column.name if column else stored


def _without_missing_text(values: NDArray[Any]) -> NDArray[Any]:
    """Return text with the empty text for the release's missing text, as AllenSDK does."""
    if values.dtype.kind != "O":
        return values
    missing = values == MISSING_TEXT
    return np.where(missing, "", values) if missing.any() else values
