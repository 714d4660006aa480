"""Images of an NWB file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import Any, NamedTuple

from numpy.typing import NDArray

from visbehavior.errors import MissingData
from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.open_file import OpenFile
from visbehavior.nwb.tables import check_lengths
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.session import STIMULUS_TEMPLATES

NAMES = "control_description"
"""Dataset with the names of the images."""

IMAGES = "Images"
"""Neurodata type of a group with a dataset for each image."""

_UNWARPED = "_unwarped"
"""End of the name of the group with the unwarped images."""


def read_templates(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read `visbehavior.schema.session.STIMULUS_TEMPLATES`; ``name`` is the name of the image set."""
    table = STIMULUS_TEMPLATES
    with file.opened():
        groups = template_groups(file)
        columns, name = _read_template(file, groups[0]) if groups else _read_images(file)
        check_lengths(file, table, columns)
    return {column: list(values) for column, values in columns.items()} | {"name": name}


def template_groups(file: NwbFile) -> list[str]:
    """Return the groups of image sets in AllenSDK's form, a stack of images with a list of their names."""
    groups = [f"{STIMULUS_TEMPLATES.group}/{name}" for name in _names(file, STIMULUS_TEMPLATES.group)]
    exists = file.read({group: methodcaller("has_dataset", group, NAMES) for group in groups})
    return [group for group in groups if exists[group]]


def _names(file: NwbFile, group: str) -> list[str]:
    names: list[str] = file.read_one(methodcaller("names", group))
    return names


def _read_template(file: NwbFile, group: str) -> tuple[dict[str, Any], str]:
    columns = {STIMULUS_TEMPLATES.index: file.read_one(methodcaller("text", group, NAMES))}
    columns |= {column.name: file.read_array(group, str(column.path), 3) for column in STIMULUS_TEMPLATES}
    return columns, group.rpartition("/")[2]


class Images(NamedTuple):
    """An image set in NWB's form, a group with a dataset for each image, as DANDI's and NWB-Zarr's tools write it."""

    name: str
    image_names: list[str]


def find_images(file: NwbFile) -> Images | None:
    """Return the first image set in NWB's form that has warped and unwarped images; None if there is none."""
    return file.read_one(_find_images) if file.read_one(methodcaller("has", STIMULUS_TEMPLATES.group)) else None


def _find_images(file: OpenFile) -> Images | None:
    group = STIMULUS_TEMPLATES.group
    names = [name for name in file.subgroups(group) if file.neurodata_type(f"{group}/{name}") == IMAGES]
    sets = [name for name in names if f"{name}{_UNWARPED}" in names]
    return Images(sets[0], file.names(f"{group}/{sets[0]}")) if sets else None


def _read_images(file: NwbFile) -> tuple[dict[str, Any], str]:
    table, images = STIMULUS_TEMPLATES, find_images(file)
    if images is None:
        raise MissingData(
            f"{file.path} has no images: /{table.group} has no image set with warped and unwarped images. Files of the release have one.",
            path=file.path,
            name=table.name,
        )

    def read(group: str) -> list[NDArray[Any]]:
        pieces = {name: methodcaller("numbers", group, name, ndim=2) for name in images.image_names}
        return list(file.read(pieces).values())

    warped = f"{table.group}/{images.name}"
    columns = {table.index: images.image_names, "unwarped": read(f"{warped}{_UNWARPED}"), "warped": read(warped)}
    return columns, images.name
