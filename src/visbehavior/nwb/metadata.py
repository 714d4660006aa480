"""Subject, session, rig and task of an NWB file."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.tables import read_dictionary
from visbehavior.schema.session import IMAGING_ENTRIES, METADATA, TASK_PARAMETERS
from visbehavior.schema.session_type import NO_PROJECT_CODE, cre_line_of, image_set_of

# What AllenSDK writes for a reporter line that is None.
NO_TEXT = "None"


def read_metadata(file: NwbFile) -> dict[str, Any]:
    """`visbehavior.schema.session.METADATA`."""
    found = read_dictionary(file, METADATA)
    if found["reporter_line"] == NO_TEXT:
        found["reporter_line"] = None
    found["cre_line"] = cre_line_of(found["full_genotype"])
    if found["project_code"] is None:
        found["project_code"] = NO_PROJECT_CODE
    return found


def read_imaging_metadata(file: NwbFile) -> dict[str, Any]:
    """The imaging entries of an imaging file's metadata, as they stand; {} in a behavior file."""
    group = "general/metadata"
    found = file.read({name: partial(_attribute_or_none, group=group, name=name) for name in IMAGING_ENTRIES})
    return {name: value for name, value in found.items() if value is not None}


def read_task_parameters(file: NwbFile, only: Collection[str] = ()) -> dict[str, Any]:
    """`visbehavior.schema.session.TASK_PARAMETERS`; `only` names some of its entries."""
    found = read_dictionary(file, TASK_PARAMETERS, only)
    if only:
        return found
    found["image_set"] = image_set_of(found["session_type"])
    return {column.name: found[column.name] for column in TASK_PARAMETERS}


def _attribute_or_none(handle: Hdf5File, group: str, name: str) -> Any:
    return handle.attribute(group, name) if handle.has_attribute(group, name) else None
