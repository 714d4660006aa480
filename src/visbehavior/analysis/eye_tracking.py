"""The columns of the eye tracking table that depend on blinks.

Definition: AllenSDK 2.16, ``brain_observatory/behavior/eye_tracking_processing.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from visbehavior.analysis.blinks import compute_likely_blinks
from visbehavior.arguments import check_number, check_whole_number
from visbehavior.schema.session import ELLIPSE_CENTERS, EYE_TRACKING

_NAN_AT_BLINKS = ("eye_width", "eye_height", "eye_phi", "pupil_width", "pupil_height", "pupil_phi")


def compute_eye_tracking(
    stored: Mapping[str, Any], z_threshold: float, dilation_frames: int, keep_shapes: bool = False
) -> dict[str, Any]:
    """Find blinks and set values at blinks to NaN.

    Parameters
    ----------
    stored : mapping
        The stored columns of `visbehavior.schema.session.EYE_TRACKING`.
    z_threshold, dilation_frames
        As for `compute_likely_blinks`.
    keep_shapes : bool
        Whether widths, heights and angles stay as they were stored, as in AllenSDK 2.10.

    Returns
    -------
    dict
        All columns of the table.
    """
    columns = dict(stored)
    blink = compute_likely_blinks(columns["eye_area_raw"], columns["pupil_area_raw"], z_threshold, dilation_frames)
    columns["likely_blink"] = blink
    for prefix in ELLIPSE_CENTERS:
        columns[f"{prefix}_area"] = np.where(blink, np.nan, columns[f"{prefix}_area_raw"])
    for name in () if keep_shapes else _NAN_AT_BLINKS:
        columns[name] = np.where(blink, np.nan, columns[name])
    return {column.name: columns[column.name] for column in EYE_TRACKING}


def checked_blink_options(z_threshold: float, dilation_frames: int) -> tuple[float, int]:
    """Return the options of blink detection; BadValue if one is out of range."""
    check_number("eye_tracking_z_threshold", z_threshold, above=0, unit="standard deviations")
    check_whole_number("eye_tracking_dilation_frames", dilation_frames, least=0, unit="frames")
    return float(z_threshold), int(dilation_frames)
