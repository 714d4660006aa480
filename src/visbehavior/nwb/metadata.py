"""Metadata and task parameters of an NWB file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.tables import read_dictionary
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.session import METADATA, TASK_PARAMETERS
from visbehavior.schema.session_type import NO_PROJECT_CODE, parse_cre_line, parse_session_type

NO_TEXT = "None"
"""Text that AllenSDK writes for a reporter line that is None."""


def read_metadata(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read `visbehavior.schema.session.METADATA`."""
    entries = read_dictionary(file, METADATA, wanted)
    if entries.get("reporter_line") == NO_TEXT:
        entries["reporter_line"] = None
    if "cre_line" in entries:
        entries["cre_line"] = parse_cre_line(entries["cre_line"])
    if "project_code" in entries and entries["project_code"] is None:
        entries["project_code"] = NO_PROJECT_CODE
    return entries


def read_imaging_metadata(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read `visbehavior.schema.imaging.IMAGING_METADATA`; {} from a behavior-only file."""
    entries = read_dictionary(file, IMAGING_METADATA, wanted)
    return {name: value for name, value in entries.items() if value is not None}


def read_task_parameters(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read `visbehavior.schema.session.TASK_PARAMETERS`."""
    if not wanted("image_set"):
        return read_dictionary(file, TASK_PARAMETERS, wanted)
    entries = read_dictionary(file, TASK_PARAMETERS, lambda name: wanted(name) or name == "session_type")
    entries["image_set"] = parse_session_type(entries["session_type"]).image_set
    return {column.name: entries[column.name] for column in TASK_PARAMETERS if wanted(column.name)}
