"""Metadata and task parameters of NWB files."""

from __future__ import annotations

import datetime
import pathlib
import uuid
from typing import Any

import h5py
import numpy as np
import pytest

from tests.nwb.damaged_files import (
    DamageFile,
    assert_bad_value,
    assert_missing,
    delete,
    opened,
    replace,
    set_attribute,
)
from tests.nwbfiles import TEXT, write_session
from tests.synthetic_session import IMAGE_SET, make_session
from visbehavior import UnsupportedFile
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.imaging import IMAGING_METADATA
from visbehavior.schema.session import METADATA, TASK_PARAMETERS


def test_metadata_and_task_parameters_are_read_as_written(session_file: pathlib.Path, layout: str) -> None:
    session = opened(session_file)
    assert session.behavior_session_id == 990200001
    assert session.metadata == {
        "equipment_name": "BEH.D-Box2",
        "sex": "F",
        "age_in_days": 114,
        "stimulus_frame_rate": 60.0,
        "session_type": "OPHYS_3_images_A",
        "date_of_acquisition": datetime.datetime(2019, 6, 20, 11, 18, 15, 777000, tzinfo=datetime.UTC),
        "reporter_line": "Ai148(TIT2L-GC6f-ICL-tTA2)",
        "cre_line": "Sst-IRES-Cre",
        "behavior_session_uuid": uuid.UUID("edea5d17-c573-4450-9a56-4037a231c600"),
        "driver_line": ["Camk2a-tTA", "Sst-IRES-Cre"],
        "mouse_id": "457841",
        "project_code": "VisualBehavior" if layout == "1.1" else "Not Available",
        "full_genotype": "Sst-IRES-Cre/wt;Ai148(TIT2L-GC6f-ICL-tTA2)/wt",
        "behavior_session_id": 990200001,
    }
    assert session.task_parameters["response_window_sec"] == [0.15, 0.75]
    assert session.task_parameters["stimulus_name"] == (IMAGE_SET if layout == "1.1" else None)
    assert type(session.task_parameters["n_stimulus_frames"]) is int


@pytest.mark.parametrize("table", [METADATA, TASK_PARAMETERS], ids=lambda table: table.name)
def test_entries_are_in_declared_order(newer_file: pathlib.Path, table: Any) -> None:
    assert list(getattr(opened(newer_file), table.name)) == table.names()


@pytest.mark.parametrize(
    ("session_type", "image_set"),
    [("OPHYS_6_images_B", "images_B"), ("TRAINING_1_gratings", "gratings"), ("something else", None)],
)
def test_image_set_is_that_of_the_session_type(
    damage_file: DamageFile, session_type: str, image_set: str | None
) -> None:
    path = damage_file(set_attribute("general/task_parameters", "session_type", session_type))
    assert opened(path).task_parameters["image_set"] == image_set
    assert NwbReader(path).read(TASK_PARAMETERS, "image_set".__eq__) == {"image_set": image_set}


def test_text_for_a_missing_reporter_line_is_none(damage_file: DamageFile) -> None:
    path = damage_file(set_attribute("general/subject", "reporter_line", "None"))
    assert opened(path).metadata["reporter_line"] is None


@pytest.mark.parametrize(
    ("member", "names"), [("sex", ["sex"]), ("age", ["age_in_days"]), ("genotype", ["full_genotype", "cre_line"])]
)
def test_absent_optional_entries_are_none(damage_file: DamageFile, member: str, names: list[str]) -> None:
    metadata = opened(damage_file(delete(f"general/subject/{member}"))).metadata
    assert [metadata[name] for name in names] == [None] * len(names)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("general/subject/subject_id", "has no /general/subject/subject_id"),
        ("general/subject", "has no /general/subject"),
        ("session_start_time", "has no /session_start_time"),
    ],
)
def test_missing_required_entries_are_reported(damage_file: DamageFile, member: str, message: str) -> None:
    assert_missing(damage_file(delete(member)), "metadata", message)


def test_missing_required_attribute_is_reported(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        del file["general/task_parameters"].attrs["reward_volume"]

    path = damage_file(damage)
    assert_missing(
        path, "task_parameters", "has no /general/task_parameters@reward_volume .attributes: .*auto_reward_volume"
    )


@pytest.mark.parametrize(
    ("member", "data", "message"),
    [
        ("session_start_time", "yesterday", "date_of_acquisition .* is 'yesterday', expected datetime"),
        ("general/subject/sex", np.arange(2), r"sex .* is \[0, 1\], expected text"),
        ("general/subject/age", np.zeros(2000), r"age has the shape \(2000,\), expected a value or a few"),
    ],
)
def test_unexpected_datasets_are_rejected(damage_file: DamageFile, member: str, data: Any, message: str) -> None:
    options = {"dtype": TEXT} if isinstance(data, str) else {}
    assert_bad_value(damage_file(replace(member, data, **options)), "metadata", message)


@pytest.mark.parametrize(
    ("group", "name", "value", "attribute"),
    [
        ("task_parameters", "response_window_sec", 0.15, "task_parameters"),
        ("task_parameters", "reward_volume", "much", "task_parameters"),
        ("task_parameters", "task", 7, "task_parameters"),
        ("task_parameters", "n_stimulus_frames", float("inf"), "task_parameters"),
        ("task_parameters", "response_window_sec", h5py.Empty("f8"), "get_reward_rate"),
        ("task_parameters", "response_window_sec", np.empty(0), "get_reward_rate"),
        ("metadata", "behavior_session_uuid", "no uuid", "metadata"),
        ("metadata", "behavior_session_uuid", 7, "metadata"),
        ("metadata", "stimulus_frame_rate", "60", "metadata"),
        ("metadata", "session_type", h5py.Empty(TEXT), "metadata"),
        ("metadata", "behavior_session_id", "many", "behavior_session_id"),
        ("metadata", "behavior_session_id", float("inf"), "behavior_session_id"),
        ("metadata", "behavior_session_id", 990.5, "behavior_session_id"),
        ("metadata", "behavior_session_id", h5py.Empty("i8"), "behavior_session_id"),
    ],
)
def test_attributes_of_other_types_are_rejected(
    damage_file: DamageFile, group: str, name: str, value: Any, attribute: str
) -> None:
    path = damage_file(set_attribute(f"general/{group}", name, value))
    assert_bad_value(path, attribute, f"{name} .*is .*expected")


def test_imaging_metadata_has_the_stored_entries(tmp_path: pathlib.Path) -> None:
    synthetic = make_session().replace(metadata={"ophys_experiment_id": 7, "imaging_plane_group": -1})
    reader = NwbReader(write_session(tmp_path / "s.nwb", synthetic, "1.0"))
    assert reader.read(IMAGING_METADATA) == {"ophys_experiment_id": 7, "imaging_plane_group": -1}


def test_behavior_only_file_has_no_imaging_metadata(newer_file: pathlib.Path) -> None:
    assert NwbReader(newer_file).read(IMAGING_METADATA) == {}


def test_metadata_of_another_name_is_found_by_its_type(damage_file: DamageFile, newer_file: pathlib.Path) -> None:
    """Tools of DANDI name it after the plane in files of several planes."""

    def damage(file: h5py.File) -> None:
        file["general/metadata"].attrs["neurodata_type"] = "OphysBehaviorMetadata"
        file.move("general/metadata", "general/metadata_plane_1")
        file.create_group("general/another").attrs["neurodata_type"] = "LabMetaData"

    assert opened(damage_file(damage)).metadata == opened(newer_file).metadata


def test_metadata_of_another_type_is_none(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        file["general/metadata"].attrs["neurodata_type"] = "LabMetaData"
        file.move("general/metadata", "general/others")

    with pytest.raises(UnsupportedFile, match="has no group /general/metadata"):
        opened(damage_file(damage))
