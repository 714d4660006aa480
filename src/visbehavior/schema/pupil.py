"""The pupil's diameter."""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table

PUPIL_DIAMETER = Table(
    name="pupil_diameter",
    summary="Diameter of the pupil over time.",
    group="",
    columns=(
        Column(name="timestamps", dtype="float64", unit="s", path=None, meaning="Time of the frame of the eye camera."),
        Column(
            name="pupil_diameter",
            dtype="float64",
            unit="pixels",
            path=None,
            meaning="2 sqrt(area / pi), with the pupil_area of eye_tracking; NaN at likely blinks.",
        ),
    ),
    notes="The camera's pixels are not calibrated. A session without eye tracking has an empty table, and a warning says so.",
)
