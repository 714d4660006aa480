"""The pynwb file of a session without its tables: identifiers, subject, rig, task parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from visbehavior._version import __version__
from visbehavior.errors import BadValue, MissingData, brief_repr
from visbehavior.extras import import_extra
from visbehavior.nwb import extensions
from visbehavior.nwb.metadata import NO_TEXT
from visbehavior.schema.columns import Table
from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.session import METADATA, TASK_PARAMETERS

NO_AGE = "null"
"""Text that AllenSDK writes, and reads, for an age of None."""
INSTITUTION, INSTITUTION_PROJECTS = "Allen Institute for Brain Science", "VisualBehavior"
"""Institution of projects whose code begins like this; for others it is unknown."""
_SPECIES = "Mus musculus"
_WRITTEN_IF_NONE = ("reporter_line", "behavior_session_uuid")


def make_nwb_file(session: Any, imaging: Mapping[str, Any] | None = None) -> Any:
    """Return a pynwb file with the metadata and task parameters of a session.

    Parameters
    ----------
    session : BehaviorSession
    imaging : mapping or None
        Entries of an imaging plane; None for a session of behavior alone.

    Raises
    ------
    MissingData
        If an entry is missing that AllenSDK's reader needs.
    BadValue
        If the name of the rig cannot be stored.
    """
    pynwb, files = import_extra("pynwb"), import_extra("pynwb.file")
    metadata = dict(get_attribute(session, METADATA))
    missing = [c.name for c in METADATA if c.required and metadata.get(c.name) is None]
    if missing:
        raise MissingData(
            f"metadata of the session has no {', '.join(missing)}. Add it before writing.", name=missing[0]
        )
    rig = metadata["equipment_name"]
    if not rig or set(rig) & set("/:"):
        raise BadValue(
            f"equipment_name is {brief_repr(rig)}; expected a name without '/' or ':', at least one character long.",
            value=rig,
        )
    source = getattr(getattr(session, "source", None), "location", type(session).__name__)
    file = pynwb.NWBFile(
        session_description="Visual Behavior: change detection task",
        # AllenSDK reads the id of an imaging plane or a recording here.
        identifier=str(_identifier(session, metadata, imaging)),
        session_start_time=metadata["date_of_acquisition"],
        experiment_description="Mice detect changes of flashed images and lick for water.",
        institution=INSTITUTION if str(metadata["project_code"]).startswith(INSTITUTION_PROJECTS) else None,
        keywords=["visual", "behavior", "task"],
        source_script=f"written by visbehavior {__version__} from {source}",
        source_script_file_name="visbehavior",
    )
    file.add_device(files.Device(name=rig, description="The rig."))
    file.subject = _container("BehaviorSubject", METADATA, "subject", metadata, **_subject(metadata))
    file.add_lab_meta_data(_session_metadata(metadata, imaging))
    task = dict(get_attribute(session, TASK_PARAMETERS))
    file.add_lab_meta_data(_container("BehaviorTaskParameters", TASK_PARAMETERS, "", task, name="task_parameters"))
    return file


def _session_metadata(metadata: Mapping[str, Any], imaging: Mapping[str, Any] | None) -> Any:
    if imaging is None:
        return _container("BehaviorMetadata", METADATA, "metadata", metadata, name="metadata")
    attributes = extensions.stored_attributes(IMAGING_METADATA, "")
    stored = {name: int(imaging[name]) for name in attributes if imaging.get(name) is not None}
    return _container("OphysBehaviorMetadata", METADATA, "metadata", metadata, name="metadata", **stored)


def _identifier(session: Any, metadata: Mapping[str, Any], imaging: Mapping[str, Any] | None) -> Any:
    recording = getattr(session, "ecephys_session_id", None)
    number = metadata["behavior_session_id"] if recording is None else recording
    return (imaging or {}).get("ophys_experiment_id", number)


def get_attribute(session: Any, table: Table) -> Any:
    """Return the table of a session, or of an object with the same attributes."""
    try:
        return getattr(session, table.name)
    except AttributeError:
        raise MissingData(
            f"{type(session).__name__} has no attribute {table.name}; write_nwb needs an object with the attributes of a "
            "BehaviorSession.",
            name=table.name,
        ) from None


def _subject(metadata: Mapping[str, Any]) -> dict[str, Any]:
    age, genotype, sex = (metadata.get(name) for name in ("age_in_days", "full_genotype", "sex"))
    return {
        "age": NO_AGE if age is None else f"P{age}D",
        **({} if genotype is None else {"genotype": genotype}),
        **({} if sex is None else {"sex": sex}),
        "species": _SPECIES,
        "subject_id": str(metadata["mouse_id"]),
        "description": "A mouse of the Visual Behavior data set.",
    }


def _container(kind: str, table: Table, group: str, entries: Mapping[str, Any], **more: Any) -> Any:
    """Return an object of an extension's type with the entries of a dictionary as attributes."""
    values = {}
    for attribute, column in extensions.stored_attributes(table, group).items():
        value = entries.get(column.name)
        if value is None and column.required:
            raise MissingData(
                f"{table.name} of the session has no {column.name}. Add it before writing.", name=column.name
            )
        if value is not None or column.name in _WRITTEN_IF_NONE:
            values[attribute] = _stored(column.dtype, value)
    return extensions.container_class(extensions.BEHAVIOR, kind)(**values, **more)


def _stored(dtype: str, value: Any) -> Any:
    if value is None:
        return NO_TEXT
    if dtype == "floats":
        return np.array([repr(float(number)) for number in value])
    if dtype == "texts":
        return list(value)
    return {"integer": int, "float64": float}.get(dtype, str)(value)
