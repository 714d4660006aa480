"""Eye tracking of NWB files."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from tests import reference
from tests.nwb.damaged_files import DamageFile, assert_bad_value, assert_missing, delete, opened, replace
from tests.nwbfiles import write_session
from tests.synthetic_session import ELLIPSES, SyntheticSession, make_session
from visbehavior import VisBehaviorWarning
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.session import EYE_TRACKING

GROUP = EYE_TRACKING.group


def test_eye_tracking_is_read_with_nan_at_likely_blinks(
    session_file: pathlib.Path, synthetic_session: SyntheticSession
) -> None:
    stored = synthetic_session.eye
    assert stored is not None
    eye = opened(session_file).eye_tracking
    areas = stored["eye_tracking"]["area_raw"].tolist(), stored["pupil_tracking"]["area_raw"].tolist()
    blink = np.array(reference.likely_blinks(*areas, 3.0, 2))
    assert list(eye) == EYE_TRACKING.names()
    assert len(eye.columns) == 23
    assert eye.index.name == "frame"
    np.testing.assert_array_equal(eye["likely_blink"], blink)
    np.testing.assert_array_equal(eye["timestamps"], stored["timestamps"])
    for prefix, group in ELLIPSES.items():
        ellipse = stored[group]
        np.testing.assert_array_equal(eye[[f"{prefix}_center_x", f"{prefix}_center_y"]], ellipse["data"])
        np.testing.assert_array_equal(eye[f"{prefix}_area_raw"], ellipse["area_raw"])
        np.testing.assert_array_equal(eye[f"{prefix}_area"], np.where(blink, np.nan, ellipse["area_raw"]))
        for column, name in (("width", "width"), ("height", "height"), ("phi", "angle")):
            values = ellipse[name] if prefix == "cr" else np.where(blink, np.nan, ellipse[name])
            np.testing.assert_array_equal(eye[f"{prefix}_{column}"], values)


def test_blink_options_of_the_session_are_used(session_file: pathlib.Path, synthetic_session: SyntheticSession) -> None:
    stored = synthetic_session.eye
    assert stored is not None
    areas = stored["eye_tracking"]["area_raw"].tolist(), stored["pupil_tracking"]["area_raw"].tolist()
    session = opened(session_file, eye_tracking_z_threshold=1.0, eye_tracking_dilation_frames=5)
    assert session.eye_tracking["likely_blink"].tolist() == reference.likely_blinks(*areas, 1.0, 5)


def test_reader_returns_the_stored_columns(session_file: pathlib.Path) -> None:
    computed = {"likely_blink", "cr_area", "eye_area", "pupil_area"}
    assert set(NwbReader(session_file).read(EYE_TRACKING)) == set(EYE_TRACKING.names()) - computed


def test_rig_geometry_is_read_as_written(session_file: pathlib.Path) -> None:
    assert opened(session_file).eye_tracking_rig_geometry == {
        "camera_position_mm": [0.0, 1.0, 2.0],
        "camera_rotation_deg": [0.5, 1.5, 2.5],
        "equipment": "CAM2P.3",
        "led_position": [1.0, 2.0, 3.0],
        "monitor_position_mm": [1.5, 2.5, 3.5],
        "monitor_rotation_deg": [2.0, 3.0, 4.0],
    }


@pytest.mark.parametrize("layout", ["1.0", "1.1"])
def test_session_without_eye_tracking_warns_once(tmp_path: pathlib.Path, layout: str) -> None:
    session = opened(write_session(tmp_path / "s.nwb", make_session(), layout))
    with pytest.warns(VisBehaviorWarning, match="without eye tracking") as caught:
        eye = session.eye_tracking
    assert caught[0].filename == __file__
    assert session.eye_tracking is eye
    assert eye.empty
    assert set(eye.dtypes) == {np.dtype("float64")}
    assert len(eye.columns) == 23
    assert session.eye_tracking_rig_geometry == {}


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("pupil_tracking", f"has no /{GROUP}/pupil_tracking"),
        ("eye_tracking/timestamps", f"has no /{GROUP}/eye_tracking/timestamps"),
        ("corneal_reflection_tracking/data", f"has no /{GROUP}/corneal_reflection_tracking/data"),
    ],
)
def test_missing_members_are_reported(damage_file: DamageFile, member: str, message: str) -> None:
    assert_missing(damage_file(delete(f"{GROUP}/{member}")), "eye_tracking", message)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "eye_tracking/area_raw",
            np.zeros(5),
            "the columns of eye_tracking .* have different lengths: .*eye_area_raw 5",
        ),
        ("pupil_tracking/data", np.zeros(300), "pupil_tracking/data has 1 dimensions, expected 2"),
        ("pupil_tracking/data", np.zeros((5, 2)), "have different lengths: .*pupil_center 5"),
        (
            "pupil_tracking/data",
            np.zeros((300, 3)),
            r"pupil_tracking/data has the shape \(300, 3\), expected two columns",
        ),
    ],
)
def test_unexpected_content_is_rejected(damage_file: DamageFile, name: str, data: Any, message: str) -> None:
    assert_bad_value(damage_file(replace(f"{GROUP}/{name}", data)), "eye_tracking", message)


def test_missing_entry_of_the_rig_geometry_is_reported(damage_file: DamageFile) -> None:
    group = "processing/eye_tracking_rig_metadata/eye_tracking_rig_metadata"
    path = damage_file(delete(f"{group}/led_position"))
    assert_missing(path, "eye_tracking_rig_geometry", f"has no /{group}/led_position")
