"""Images of NWB files."""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import numpy as np
import pytest

from tests.nwb.damaged_files import DamageFile, assert_bad_value, assert_missing, delete, opened, replace
from tests.nwbfiles import TEMPLATES, TEXT
from tests.synthetic_session import IMAGE_SET, IMAGE_SHAPE, IMAGES, template_stacks
from visbehavior.nwb.reader import NwbReader
from visbehavior.schema.session import STIMULUS_TEMPLATES


def test_templates_are_read_as_written(session_file: pathlib.Path) -> None:
    templates = opened(session_file).stimulus_templates
    assert list(templates.index) == list(IMAGES)
    assert templates.index.name == "image_name"
    assert list(templates) == ["unwarped", "warped"]
    assert templates.name == f"{IMAGE_SET}.07.14"
    warped, unwarped = template_stacks()
    for i, name in enumerate(IMAGES):
        np.testing.assert_array_equal(templates.loc[name, "warped"], warped[i])
        np.testing.assert_array_equal(templates.loc[name, "unwarped"], unwarped[i])
        assert type(templates.loc[name, "warped"]) is np.ndarray
        assert templates.loc[name, "warped"].dtype == np.uint8


def test_writing_to_a_template_does_not_change_the_file(newer_file: pathlib.Path) -> None:
    before = newer_file.read_bytes()
    opened(newer_file).stimulus_templates.loc["im065", "warped"][:] = 7
    assert newer_file.read_bytes() == before
    assert opened(newer_file).stimulus_templates.loc["im065", "warped"][0, 0] == 0


@pytest.mark.parametrize(
    "options",
    [{"chunks": (1, *IMAGE_SHAPE[1:]), "compression": "gzip"}, {"dtype": ">f8"}],
    ids=["chunked", "big endian"],
)
def test_templates_that_cannot_be_mapped_are_read(damage_file: DamageFile, options: dict[str, Any]) -> None:
    warped, _ = template_stacks()
    path = damage_file(replace(f"{TEMPLATES}/data", warped, **options))
    np.testing.assert_array_equal(opened(path).stimulus_templates.loc["im077", "warped"], warped[1])


def test_first_group_with_names_is_the_image_set(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        file.create_group("stimulus/templates/A_without_names")
        file.copy(TEMPLATES, "stimulus/templates/Z_later")

    assert opened(damage_file(damage)).stimulus_templates.name == f"{IMAGE_SET}.07.14"


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (TEMPLATES, "has no images: /stimulus/templates has no image set"),
        (f"{TEMPLATES}/control_description", "has no images: /stimulus/templates has no image set"),
        (f"{TEMPLATES}/unwarped", f"has no /{TEMPLATES}/unwarped"),
        ("stimulus/templates", "has no /stimulus/templates"),
    ],
)
def test_missing_members_are_reported(damage_file: DamageFile, member: str, message: str) -> None:
    assert_missing(damage_file(delete(member)), "stimulus_templates", message)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("data", np.zeros((3, 2)), "data has 2 dimensions, expected 3"),
        ("data", np.zeros((3, 12, 16)), "have different lengths: image_name 4, unwarped 4, warped 3"),
        ("control_description", ["im065"], "have different lengths: image_name 1, unwarped 4, warped 4"),
        ("control_description", np.arange(4), "control_description holds values of type int64, expected text"),
        ("unwarped", [[["a"]]], "unwarped holds text, expected numbers"),
    ],
)
def test_unexpected_content_is_rejected(damage_file: DamageFile, name: str, data: Any, message: str) -> None:
    options = {"dtype": TEXT} if isinstance(data, list) else {}
    assert_bad_value(damage_file(replace(f"{TEMPLATES}/{name}", data, **options)), "stimulus_templates", message)


def repackage(file: h5py.File) -> None:
    """Store the images as NWB's `Images`, and unwarped ones in a group of their own, as tools of DANDI do."""
    warped, unwarped = template_stacks()
    del file[TEMPLATES]
    for suffix, stack in (("", warped), ("_unwarped", unwarped)):
        group = file.create_group(f"{TEMPLATES}{suffix}")
        group.attrs["neurodata_type"] = "Images"
        for name, image in zip(IMAGES, stack, strict=True):
            group.create_dataset(name, data=image, compression="gzip")


def test_images_stored_one_by_one_are_the_same_table(damage_file: DamageFile, session_file: pathlib.Path) -> None:
    path = damage_file(repackage)
    expected = opened(session_file).stimulus_templates
    templates = opened(path).stimulus_templates
    assert templates.name == expected.name
    assert sorted(templates.index) == sorted(expected.index)
    for name, row in expected.iterrows():
        np.testing.assert_array_equal(templates.loc[name, "warped"], row["warped"])
        np.testing.assert_array_equal(templates.loc[name, "unwarped"], row["unwarped"])
    assert NwbReader(path).count_rows(STIMULUS_TEMPLATES) == len(IMAGES)


def test_images_without_unwarped_ones_are_reported(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        repackage(file)
        del file[f"{TEMPLATES}_unwarped"]

    assert_missing(damage_file(damage), "stimulus_templates", "no image set with warped and unwarped images")
