"""Eye tracking of an NWB file, as stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import Any

import numpy as np

from visbehavior.errors import BadValue
from visbehavior.nwb.file import NwbFile, optional
from visbehavior.nwb.tables import check_lengths, series_pieces
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.session import ELLIPSE_CENTERS, EYE_TRACKING


def read_eye_tracking(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read the stored columns of `visbehavior.schema.session.EYE_TRACKING`; {} if the session has none."""
    table = EYE_TRACKING
    pieces = series_pieces(table)
    for prefix, name in ELLIPSE_CENTERS.items():
        pieces[_center(prefix)] = optional(methodcaller("numbers", table.group, name, ndim=2), table.group)
    columns: dict[str, Any] = file.read(pieces)
    if all(values is None for values in columns.values()):
        return {}
    check_lengths(file, table, columns)
    for prefix, name in ELLIPSE_CENTERS.items():
        centers = columns.pop(_center(prefix))
        if centers.shape[1:] != (2,):
            raise BadValue(
                f"{file.path}: /{table.group}/{name} has the shape {centers.shape}, expected two columns, x and y. The file was "
                "changed or damaged.",
                path=file.path,
                name=name,
            )
        columns[f"{prefix}_center_x"], columns[f"{prefix}_center_y"] = np.ascontiguousarray(centers.T)
    return columns


def _center(prefix: str) -> str:
    return f"{prefix}_center"
