"""The imaging entries of a plane's file.

Source: files of releases 1.0.x and 1.1.0, in the order in which AllenSDK 2.10 returns the entries.
"""

from __future__ import annotations

from visbehavior.schema.columns import Column, Table
from visbehavior.schema.session import METADATA_GROUP


def _entry(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name=name, dtype="number", unit=unit, path=f"@{name}", required=False, meaning=meaning)


IMAGING_METADATA = Table(
    name="imaging_metadata",
    summary="Imaging plane, its session and its container, as stored.",
    group=METADATA_GROUP,
    kind="dictionary",
    columns=(
        _entry("ophys_experiment_id", "The imaging plane."),
        _entry("ophys_session_id", "The imaging session."),
        _entry("experiment_container_id", "The container, in files of release 1.0.x."),
        _entry("ophys_container_id", "The container, in files of release 1.1.0."),
        _entry("field_of_view_width", "Width of the field of view.", "pixels"),
        _entry("field_of_view_height", "Height of the field of view.", "pixels"),
        _entry("imaging_depth", "Depth of the plane.", "um"),
        _entry("targeted_imaging_depth", "Mean depth of the container's planes.", "um"),
        _entry("imaging_plane_group", "Group of planes imaged together; -1 if none."),
        _entry("imaging_plane_group_count", "Number of groups; 0 if none."),
    ),
)
