"""Trials of an NWB file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.analysis.presentations import fill_integers
from visbehavior.errors import BadValue, naming_file
from visbehavior.nwb.file import NwbFile, Piece
from visbehavior.nwb.tables import (
    check_booleans,
    check_columns,
    check_lengths,
    column_piece,
    read_column_names,
)
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.ragged import Ragged
from visbehavior.schema.session import TRIALS

ID_COLUMN = "id"
"""Stored name of the index of every table of intervals."""

# AllenSDK 2.10.1 wrote another name. The first files also had the licks of each trial as lick_events.
_RENAMED = {"stimulus_change": "is_change"}
_IGNORED = {"lick_events"}


def read_trials(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read the columns of `visbehavior.schema.session.TRIALS` that the file has, in its order."""
    group = TRIALS.group
    with file.opened():
        stored = read_column_names(file, [group])[group]
        names = {_RENAMED.get(name, name): name for name in stored if name not in _IGNORED}
        pieces: dict[str, Piece] = {TRIALS.index: methodcaller("whole_numbers", group, ID_COLUMN)}
        pieces |= {name: column_piece(TRIALS, name, group, path) for name, path in names.items() if wanted(name)}
        values = file.read({name: piece for name, piece in pieces.items() if name not in known})
        columns: dict[str, Any] = {name: known[name] if name in known else values[name] for name in pieces}
        check_lengths(file, TRIALS, {name: v for name, v in columns.items() if not _lacks_index(name, v)})
        check_booleans(file, TRIALS, columns)
        if "change_frame" in columns:
            with naming_file(file.path):
                columns["change_frame"] = fill_integers("change_frame", columns["change_frame"])
        if _lacks_index("lick_times", columns.get("lick_times")):
            columns["lick_times"] = _assigned_to_trials(file, columns["lick_times"], columns.get("start_time"))
    return columns


def _lacks_index(name: str, values: Any) -> bool:
    return name == "lick_times" and values is not None and not isinstance(values, Ragged)


def _assigned_to_trials(file: NwbFile, licks: NDArray[np.float64], start_time: NDArray[np.float64] | None) -> Ragged:
    """Assign licks to trials by their times, if the file has no index that does.

    AllenSDK's writer omits the index of ``lick_times`` if the session has as many licks as trials. A lick belongs to the
    last trial that started before it; a lick at the boundary of two trials belongs to the first.
    """
    if start_time is None:
        group = TRIALS.group
        check_columns(file, TRIALS, group, ("start_time",), read_column_names(file, [group])[group])
        start_time = read_trials(file, "start_time".__eq__)["start_time"]
    trial = np.searchsorted(start_time, licks, side="left") - 1
    if len(licks) and (trial.min() < 0 or (np.diff(trial) < 0).any()):
        raise BadValue(
            f"{file.path}: /{TRIALS.group}/lick_times has no index of the licks of each trial, and the times of the licks do not "
            "determine it. The file was changed or damaged. Download or copy it again.",
            path=file.path,
            name="lick_times",
        )
    return Ragged(licks, np.bincount(trial, minlength=len(start_time)).astype(np.int64))
