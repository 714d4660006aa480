"""Identifiers, subject, rig and task parameters of written files."""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import pynwb
import pytest

from tests.nwb.damaged_files import opened
from tests.synthetic_session import as_session, make_session
from visbehavior import BadValue, MissingData, __version__, write_nwb
from visbehavior.nwb.nwb_header import get_attribute, make_nwb_file
from visbehavior.schema.session import LICKS


@pytest.fixture
def session() -> Any:
    return as_session(make_session(2, 20), templates=False)


def test_header_has_the_metadata_of_the_session(session: Any) -> None:
    file = make_nwb_file(session)
    assert isinstance(file, pynwb.NWBFile)
    assert file.identifier == "990200001"
    assert file.session_start_time == session.metadata["date_of_acquisition"]
    assert list(file.devices) == ["BEH.D-Box2"]
    assert (file.subject.subject_id, file.subject.sex, file.subject.age) == ("457841", "F", "P114D")
    assert file.subject.species == "Mus musculus"
    assert file.subject.genotype == session.metadata["full_genotype"]
    assert file.lab_meta_data["metadata"].behavior_session_id == 990200001
    task = file.lab_meta_data["task_parameters"]
    assert list(task.response_window_sec) == ["0.15", "0.75"]
    assert task.reward_volume == 0.007


@pytest.mark.parametrize(
    ("project_code", "institution"),
    [("VisualBehaviorMultiscope", "Allen Institute for Brain Science"), ("MyProject", None), ("Not Available", None)],
)
def test_institution_is_known_for_projects_of_the_release_only(
    session: Any, project_code: str, institution: str | None
) -> None:
    session.metadata["project_code"] = project_code
    assert make_nwb_file(session).institution == institution


@pytest.mark.parametrize(
    "name", ["age_in_days", "sex", "reporter_line", "behavior_session_uuid", "driver_line", "full_genotype"]
)
def test_missing_optional_metadata_are_read_as_none(tmp_path: pathlib.Path, session: Any, name: str) -> None:
    session.metadata[name] = None
    assert opened(write_nwb(session, tmp_path / "s.nwb", templates=False)).metadata[name] is None


@pytest.mark.parametrize("name", ["mouse_id", "session_type", "date_of_acquisition", "behavior_session_id"])
def test_missing_required_metadata_are_reported(session: Any, name: str) -> None:
    session.metadata[name] = None
    with pytest.raises(MissingData, match=f"metadata of the session has no {name}") as caught:
        make_nwb_file(session)
    assert caught.value.name == name


@pytest.mark.parametrize("rig", ["BEH/1", "C:rig"])
def test_rig_name_must_be_a_valid_name_of_a_group(session: Any, rig: str) -> None:
    session.metadata["equipment_name"] = rig
    with pytest.raises(BadValue, match=f"equipment_name is '{rig}'; expected a name without '/' or ':'"):
        make_nwb_file(session)


def test_file_names_its_source_and_the_version_that_wrote_it(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = write_nwb(opened(newer_file), tmp_path / "s.nwb", templates=False)
    with h5py.File(path) as file:
        source = file["general/source_script"][()].decode()
    assert source == f"written by visbehavior {__version__} from {newer_file}"


def test_object_without_an_attribute_is_reported_by_its_class() -> None:
    with pytest.raises(
        MissingData, match=r"^int has no attribute licks; write_nwb needs an object with the attributes"
    ):
        get_attribute(3, LICKS)
