"""An NWB file in memory: the smallest implementation of `visbehavior.nwb.open_file.OpenFile`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import MissingData
from visbehavior.nwb.open_file import OpenFile


class MemoryFile(OpenFile):
    """Nested dictionaries of arrays. The key of an attribute begins with @; a null dataset is None."""

    path, identity = "memory", ("memory",)

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree

    def has(self, group: str) -> bool:
        return self.has_dataset("", group) and self._group(group) is not None

    def has_attribute(self, group: str, name: str) -> bool:
        return f"@{name}" in self._group(group)

    def has_dataset(self, group: str, name: str) -> bool:
        with suppress(MissingData):
            self._member(f"{group}/{name}")
            return True
        return False

    def names(self, group: str) -> list[str]:
        return [name for name in self._group(group) if not name.startswith("@")]

    def dataset_attribute(self, group: str, name: str, attribute: str) -> Any:
        return self.attribute(f"{group}/{name}", attribute)

    def subgroups(self, group: str) -> list[str]:
        return [name for name in self.names(group) if isinstance(self._group(group)[name], dict)]

    def attribute(self, group: str, name: str) -> Any:
        attributes = {key[1:]: value for key, value in self._group(group).items() if key.startswith("@")}
        if name not in attributes:
            raise self.missing(f"/{group}@{name}", f"attributes: {', '.join(attributes) or 'none'}")
        return attributes[name]

    def is_numeric(self, group: str, name: str) -> bool:
        return self._dataset(group, name).dtype.kind in "iufb"

    def shape(self, group: str, name: str) -> tuple[int, ...]:
        return self._dataset(group, name).shape

    def numbers(self, group: str, name: str, ndim: int = 1) -> NDArray[Any]:
        return self._dataset(group, name, ndim, "iufb", "numbers").copy()

    def text(self, group: str, name: str, ndim: int = 1) -> NDArray[np.object_]:
        return self._dataset(group, name, ndim, "O", "text").copy()

    def ends(self, group: str, name: str) -> tuple[float, float] | None:
        values = self.numbers(group, name)
        return (float(values[0]), float(values[-1])) if len(values) else None

    def _dataset(self, group: str, name: str, ndim: int | None = None, kinds: str = "", expected: str = "") -> Any:
        values, where = self._member(f"{group}/{name}"), f"/{group}/{name}"
        if values is None or isinstance(values, dict):
            raise self.wrong(where, "has no values (null dataspace)" if values is None else "is not a dataset")
        if kinds and values.dtype.kind not in kinds:
            found = "text" if values.dtype.kind == "O" else f"values of type {values.dtype}"
            raise self.wrong(where, f"holds {found}, expected {expected}")
        if ndim not in (None, values.ndim):
            raise self.wrong(where, f"has {values.ndim} dimensions, expected {ndim}")
        return values

    def _group(self, path: str) -> dict[str, Any]:
        group = self._member(path)
        if not isinstance(group, dict):
            raise self.wrong(f"/{path}", "is not a group")
        return group

    def _member(self, path: str) -> Any:
        parent, _, name = path.strip("/").rpartition("/")
        group = self._group(parent) if name else {"": self._tree}
        if name not in group:
            raise self.missing(f"/{path}".replace("//", "/"), f"/{parent} holds {', '.join(group) or 'nothing'}")
        return group[name]


def load_tree(group: h5py.Group) -> dict[str, Any]:
    """Return the content of an HDF5 group. Attributes of datasets are left out."""
    members = {name: load_tree(m) if isinstance(m, h5py.Group) else _dataset(m) for name, m in group.items()}
    return members | {f"@{name}": _plain(value) for name, value in group.attrs.items()}


def _dataset(data: h5py.Dataset) -> Any:
    if h5py.check_string_dtype(data.dtype) is not None:
        return np.array(data.asstr()[()], dtype=object)
    return None if data.shape is None else np.array(data[()]).astype(data.dtype.newbyteorder("="))


def _plain(value: Any) -> Any:
    return None if isinstance(value, h5py.Empty) else value.tolist() if hasattr(value, "tolist") else value
