"""Images of an NWB file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import Any

from numpy.typing import NDArray

from visbehavior.errors import MissingData
from visbehavior.nwb.file import NwbFile
from visbehavior.nwb.memory_map import map_array
from visbehavior.nwb.tables import check_lengths
from visbehavior.reader import NOTHING, every_column
from visbehavior.schema.session import STIMULUS_TEMPLATES

NAMES = "control_description"
"""Dataset with the names of the images."""


def read_templates(
    file: NwbFile, wanted: Callable[[str], bool] = every_column, known: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Read `visbehavior.schema.session.STIMULUS_TEMPLATES`; ``name`` is the name of the image set."""
    table = STIMULUS_TEMPLATES
    with file.opened():
        groups = template_groups(file)
        if not groups:
            raise MissingData(
                f"{file.path} has no images: /{table.group} has no image set. Files of the release have one.",
                path=file.path,
                name=table.name,
            )
        columns = {table.index: file.read_one(methodcaller("text", groups[0], NAMES))}
        columns |= {column.name: _read_stack(file, groups[0], str(column.path)) for column in table}
        check_lengths(file, table, columns)
    return {name: list(values) for name, values in columns.items()} | {"name": groups[0].rpartition("/")[2]}


def template_groups(file: NwbFile) -> list[str]:
    """Return the groups of image sets."""
    groups = [f"{STIMULUS_TEMPLATES.group}/{name}" for name in _names(file)]
    exists = file.read({group: methodcaller("has_dataset", group, NAMES) for group in groups})
    return [group for group in groups if exists[group]]


def _names(file: NwbFile) -> list[str]:
    names: list[str] = file.read_one(methodcaller("names", STIMULUS_TEMPLATES.group))
    return names


def _read_stack(file: NwbFile, group: str, name: str) -> NDArray[Any]:
    extent, path = file.read_one(methodcaller("extent", group, name, ndim=3)), file.local_path
    if extent is not None and path is not None:
        return map_array(path, extent)
    stack: NDArray[Any] = file.read_one(methodcaller("numbers", group, name, ndim=3))
    return stack
