"""Eye tracking of an NWB file: ellipse fits, blinks, areas."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.analysis.blinks import compute_likely_blinks
from visbehavior.errors import BadValue
from visbehavior.nwb.file import NwbFile, optional
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.tables import check_lengths, column_pieces, empty_table, read_dictionary
from visbehavior.schema.session import EYE_TRACKING, EYE_TRACKING_RIG_GEOMETRY

# The two centre columns of each ellipse lie in one dataset.
CENTERS = {"cr": "corneal_reflection_tracking/data", "eye": "eye_tracking/data", "pupil": "pupil_tracking/data"}
_FILTERED = ("eye_width", "eye_height", "eye_phi", "pupil_width", "pupil_height", "pupil_phi")


def read_eye_tracking(file: NwbFile, z_threshold: float, dilation_frames: int) -> pd.DataFrame:
    """`visbehavior.schema.session.EYE_TRACKING`; empty where the session has none."""
    table = EYE_TRACKING
    pieces = column_pieces(table)
    for prefix, name in CENTERS.items():
        pieces[f"{prefix}_center"] = optional(
            partial(Hdf5File.numbers, group=table.group, name=name, ndim=2), table.group
        )
    found: dict[str, Any] = file.read(pieces)
    if all(values is None for values in found.values()):
        return empty_table(table)
    check_lengths(file, table, found)
    for prefix, name in CENTERS.items():
        shape = found[f"{prefix}_center"].shape
        if shape[1:] != (2,):
            raise BadValue(
                f"{file.path}: /{table.group}/{name} has the shape {shape}, expected two columns, x and y. The file was changed or damaged.",
                path=file.path,
                name=name,
            )
    for prefix in CENTERS:
        found[f"{prefix}_center_x"], found[f"{prefix}_center_y"] = np.ascontiguousarray(found.pop(f"{prefix}_center").T)
    blink = compute_likely_blinks(found["eye_area_raw"], found["pupil_area_raw"], z_threshold, dilation_frames)
    found["likely_blink"] = blink
    for prefix in CENTERS:
        found[f"{prefix}_area"] = np.where(blink, np.nan, found[f"{prefix}_area_raw"])
    for name in _FILTERED:
        found[name] = np.where(blink, np.nan, found[name])
    index = pd.RangeIndex(len(blink), name=table.index)
    return pd.DataFrame({column.name: found[column.name] for column in table}, index=index, copy=False)


def read_eye_tracking_rig_geometry(file: NwbFile) -> dict[str, Any]:
    """`visbehavior.schema.session.EYE_TRACKING_RIG_GEOMETRY`."""
    return read_dictionary(file, EYE_TRACKING_RIG_GEOMETRY)
