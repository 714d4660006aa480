"""Types of the Allen Institute's NWB extensions that a session needs, derived from `visbehavior.schema`.

Names, attributes and shapes are those of the specifications in the release's files.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

from visbehavior.extras import import_extra
from visbehavior.schema.columns import Column, Table
from visbehavior.schema.imaging import EVENTS as EVENT_TABLE
from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.session import EYE_TRACKING_RIG_GEOMETRY, METADATA, TASK_PARAMETERS

BEHAVIOR = "ndx-aibs-behavior-ophys"
TEMPLATES = "ndx-aibs-stimulus-template"
EYE_TRACKING = "ndx-ellipse-eye-tracking"
EVENTS = "ndx-aibs-ophys-event-detection"
_VERSIONS = {EVENTS: "0.1.0", BEHAVIOR: "0.2.0", TEMPLATES: "0.1.0", EYE_TRACKING: "0.1.0"}
_CONTACTS = {
    BEHAVIOR: ("Allen Institute for Brain Science", "waynew@alleninstitute.org"),
    EVENTS: ("Allen Institute for Brain Science", "waynew@alleninstitute.org"),
    TEMPLATES: ("Allen Institute for Brain Science", "waynew@alleninstitute.org"),
    EYE_TRACKING: ("Ben Dichter", "bdichter@lbl.gov"),
}
# The release stores pairs of numbers as pairs of texts.
_SPEC_DTYPES = {
    "text": "text",
    "float64": "float",
    "integer": "int",
    "number": "int",
    "uuid": "text",
    "floats": "text",
    "texts": "text",
}


@functools.cache
def container_class(namespace: str, name: str) -> Any:
    """Return the class of an extension's type. The first call registers the extension with pynwb.

    If another library has registered the extension in this process, its class is returned.

    Raises
    ------
    MissingExtra
        If pynwb is not installed.
    """
    pynwb = import_extra("pynwb")
    if namespace not in pynwb.available_namespaces():
        _register(namespace)
    return pynwb.get_class(name, namespace)


def stored_attributes(table: Table, group: str) -> dict[str, Column]:
    """Return the entries of a dictionary that are attributes of a group, by the name of the attribute."""
    paths = ((column, (column.path or "").partition("@")) for column in table)
    return {name: column for column, (folder, at, name) in paths if at and folder == group}


def _register(namespace: str) -> None:
    pynwb, spec = import_extra("pynwb"), import_extra("pynwb.spec")
    author, contact = _CONTACTS[namespace]
    builder = spec.NWBNamespaceBuilder(
        doc="Types of Visual Behavior files",
        name=namespace,
        version=_VERSIONS[namespace],
        author=author,
        contact=contact,
    )
    builder.include_namespace("core")
    for group in _TYPES[namespace](spec):
        builder.add_spec(f"{namespace}.extensions.yaml", group)
    with tempfile.TemporaryDirectory() as folder:
        builder.export(f"{namespace}.namespace.yaml", outdir=folder)
        pynwb.load_namespaces(str(Path(folder) / f"{namespace}.namespace.yaml"))


def _behavior_types(spec: Any) -> list[Any]:
    def attributes(table: Table, group: str) -> list[Any]:
        return [_attribute(spec, name, column) for name, column in stored_attributes(table, group).items()]

    def group(name: str, parent: str, table: Table, folder: str, **parts: Any) -> Any:
        return spec.NWBGroupSpec(
            doc=table.summary,
            neurodata_type_def=name,
            neurodata_type_inc=parent,
            attributes=attributes(table, folder),
            **parts,
        )

    rig = EYE_TRACKING_RIG_GEOMETRY
    unit = spec.NWBAttributeSpec(name="unit_of_measurement", doc="Unit of the values.", dtype="text")
    positions = [
        spec.NWBDatasetSpec(doc=column.meaning, name=column.path, dtype="float", shape=(None,), attributes=[unit])
        for column in rig
        if "@" not in str(column.path)
    ]
    return [
        group("BehaviorMetadata", "LabMetaData", METADATA, "metadata"),
        group("OphysBehaviorMetadata", "BehaviorMetadata", IMAGING_METADATA, ""),
        group("BehaviorTaskParameters", "LabMetaData", TASK_PARAMETERS, ""),
        group("BehaviorSubject", "Subject", METADATA, "subject"),
        group("OphysEyeTrackingRigMetadata", "NWBDataInterface", rig, "", datasets=positions),
    ]


def _attribute(spec: Any, name: str, column: Column) -> Any:
    shape = {"floats": (2,), "texts": (None,)}.get(column.dtype)
    return spec.NWBAttributeSpec(
        name=name, doc=column.meaning, dtype=_SPEC_DTYPES[column.dtype], shape=shape, required=column.required
    )


def _template_types(spec: Any) -> list[Any]:
    unwarped = spec.NWBDatasetSpec(
        doc="Images as the mouse saw them, NaN outside the visible part of the monitor.",
        name="unwarped",
        dtype="float",
        shape=(None, None, None),
    )
    return [
        spec.NWBGroupSpec(
            doc="Images as sent to the monitor (warped), and as the mouse saw them.",
            neurodata_type_def="StimulusTemplate",
            neurodata_type_inc="ImageSeries",
            datasets=[unwarped],
        )
    ]


def _eye_types(spec: Any) -> list[Any]:
    def numbers(name: str, doc: str) -> Any:
        return spec.NWBDatasetSpec(doc=doc, name=name, dtype="float", shape=(None,))

    ellipse = spec.NWBGroupSpec(
        doc="An ellipse over time.",
        neurodata_type_def="EllipseSeries",
        neurodata_type_inc="SpatialSeries",
        datasets=[
            spec.NWBDatasetSpec(
                doc="Center of the ellipse, x and y.",
                name="data",
                dtype="numeric",
                shape=(None, 2),
                dims=("num_times", "x, y"),
            ),
            numbers("area", "Area, NaN at likely blinks."),
            numbers("area_raw", "Area, blinks included."),
            numbers("width", "First half axis."),
            numbers("height", "Second half axis."),
            numbers("angle", "Rotation."),
        ],
    )
    series = [
        spec.NWBGroupSpec(doc=f"The {description}.", name=name, neurodata_type_inc="EllipseSeries")
        for name, description in (
            ("eye_tracking", "eye"),
            ("pupil_tracking", "pupil"),
            ("corneal_reflection_tracking", "corneal reflection"),
        )
    ]
    blink = spec.NWBGroupSpec(
        doc="True if the mouse probably blinked.", name="likely_blink", neurodata_type_inc="TimeSeries"
    )
    eye = spec.NWBGroupSpec(
        doc="Ellipses fitted to the eye.",
        neurodata_type_def="EllipseEyeTracking",
        # In the release it is an EyeTracking, which newer versions of NWB restrict to SpatialSeries.
        neurodata_type_inc="NWBDataInterface",
        default_name="EyeTracking",
        groups=[*series, blink],
    )
    return [ellipse, eye]


def _event_types(spec: Any) -> list[Any]:
    numbers = [
        spec.NWBDatasetSpec(doc=EVENT_TABLE.by_name[name].meaning, name=path, dtype="float", shape=(None,))
        for name, path in (("lambda", "lambdas"), ("noise_std", "noise_stds"))
    ]
    return [
        spec.NWBGroupSpec(
            doc=EVENT_TABLE.summary,
            neurodata_type_def="OphysEventDetection",
            neurodata_type_inc="RoiResponseSeries",
            default_name="event_detection",
            datasets=numbers,
        )
    ]


_TYPES = {EVENTS: _event_types, BEHAVIOR: _behavior_types, TEMPLATES: _template_types, EYE_TRACKING: _eye_types}
