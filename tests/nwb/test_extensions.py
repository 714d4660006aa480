"""Types of the Allen Institute's NWB extensions."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import h5py
import pytest

from tests.nwbfiles import PRESENTATIONS, TEMPLATES
from visbehavior import MissingExtra
from visbehavior.nwb import extensions
from visbehavior.nwb.extensions import BEHAVIOR, EYE_TRACKING, container_class, stored_attributes
from visbehavior.schema import session as schema
from visbehavior.schema.columns import Table


@pytest.mark.parametrize(
    ("table", "group", "names"),
    [
        (schema.METADATA, "subject", {"driver_line", "reporter_line"}),
        (
            schema.METADATA,
            "metadata",
            {
                "behavior_session_id",
                "behavior_session_uuid",
                "equipment_name",
                "project_code",
                "session_type",
                "stimulus_frame_rate",
            },
        ),
        (schema.TASK_PARAMETERS, "", set(schema.TASK_PARAMETERS.names()) - {"image_set"}),
        (schema.EYE_TRACKING_RIG_GEOMETRY, "", {"equipment"}),
    ],
)
def test_attributes_of_a_group_are_those_declared(table: Table, group: str, names: set[str]) -> None:
    attributes = stored_attributes(table, group)
    assert set(attributes) == names
    assert all(column.path == f"{group}@{name}" for name, column in attributes.items())


def test_class_of_a_type_is_registered_once() -> None:
    ellipse = container_class(EYE_TRACKING, "EllipseSeries")
    assert ellipse.__name__ == "EllipseSeries"
    assert container_class(EYE_TRACKING, "EllipseSeries") is ellipse
    assert {"area", "area_raw", "width", "height", "angle"} <= set(dir(ellipse))


@pytest.mark.parametrize(
    ("group", "namespace", "kind"),
    [
        ("general/metadata", BEHAVIOR, "BehaviorMetadata"),
        ("general/task_parameters", BEHAVIOR, "BehaviorTaskParameters"),
        ("general/subject", BEHAVIOR, "BehaviorSubject"),
        ("processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata", BEHAVIOR, "OphysEyeTrackingRigMetadata"),
        ("acquisition/EyeTracking", EYE_TRACKING, "EllipseEyeTracking"),
        ("acquisition/EyeTracking/pupil_tracking", EYE_TRACKING, "EllipseSeries"),
        (TEMPLATES, extensions.TEMPLATES, "StimulusTemplate"),
        (PRESENTATIONS, "core", "TimeIntervals"),
    ],
)
def test_groups_have_the_types_that_allensdk_reads(
    newer_file: pathlib.Path, group: str, namespace: str, kind: str
) -> None:
    with h5py.File(newer_file) as file:
        attributes = file[group].attrs
        assert (attributes["namespace"], attributes["neurodata_type"]) == (namespace, kind)


def test_extension_of_another_library_is_used() -> None:
    """Registering a namespace twice would replace the classes of the other library."""
    code = (
        "import pynwb\n"
        "from visbehavior.nwb import extensions\n"
        "extensions._register(extensions.EYE_TRACKING)\n"
        "theirs = pynwb.get_class('EllipseSeries', extensions.EYE_TRACKING)\n"
        "def fail(namespace): raise AssertionError(namespace)\n"
        "extensions._register = fail\n"
        "assert extensions.container_class(extensions.EYE_TRACKING, 'EllipseSeries') is theirs\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_missing_pynwb_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(MissingExtra, match="pynwb"):
        container_class(BEHAVIOR, "a type that was not requested before")
