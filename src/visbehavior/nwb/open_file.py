"""Interface of an open NWB file: typed reads of groups, attributes and datasets.

`visbehavior.nwb.hdf5.Hdf5File` implements it for HDF5. Another storage, such as a Zarr folder, needs the abstract methods
only. Paths are absolute without the leading slash; "" is the root.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, MissingData
from visbehavior.schema.ragged import Ragged

NEURODATA_TYPE = "neurodata_type"
"""Attribute that names the type of a group in NWB."""

_MAX_SMALL_VALUES = 1000
"""Values of a dictionary entry such as a position; more is damage."""


class Extent(NamedTuple):
    """Position of a contiguous dataset in its file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class OpenFile(ABC):
    """An NWB file, open for one read or a batch of reads.

    Attributes
    ----------
    path : str
        Name of the file in messages.
    """

    path: str

    @abstractmethod
    def has(self, group: str) -> bool:
        """Return True if there is such a group."""

    @abstractmethod
    def has_attribute(self, group: str, name: str) -> bool:
        """Return True if a group has the attribute."""

    @abstractmethod
    def has_dataset(self, group: str, name: str) -> bool:
        """Return True if a group has a member of this name. False if there is no such group."""

    @abstractmethod
    def names(self, group: str) -> list[str]:
        """Return the names of a group's members, in the order of the file."""

    @abstractmethod
    def subgroups(self, group: str) -> list[str]:
        """Return the names of a group's members that are groups, in the order of the file."""

    @abstractmethod
    def attribute(self, group: str, name: str) -> Any:
        """Return an attribute: a number, a text, or a list of either; None if it is null."""

    @abstractmethod
    def dataset_attribute(self, group: str, name: str, attribute: str) -> Any:
        """Return an attribute of a dataset, as `attribute`."""

    @abstractmethod
    def is_numeric(self, group: str, name: str) -> bool:
        """Return True if a dataset holds numbers or truth values, False if it holds text."""

    @abstractmethod
    def shape(self, group: str, name: str) -> tuple[int, ...]:
        """Return the shape of a dataset, without reading its values."""

    @abstractmethod
    def numbers(self, group: str, name: str, ndim: int = 1) -> NDArray[Any]:
        """Return a dataset of numbers or truth values, in native byte order."""

    @abstractmethod
    def text(self, group: str, name: str, ndim: int = 1) -> NDArray[np.object_]:
        """Return a dataset of text as an object array of str."""

    @abstractmethod
    def ends(self, group: str, name: str) -> tuple[float, float] | None:
        """Return the first and the last value of a numeric dataset; None if it is empty."""

    def rows(self, group: str, name: str, start: int, stop: int) -> NDArray[Any]:
        """Return rows of a dataset of numbers with two dimensions. Storage that can read them alone should do so."""
        return self.numbers(group, name, 2)[start:stop]

    def extent(self, group: str, name: str, ndim: int) -> Extent | None:
        """Return the position of a dataset in the file; None if it cannot be mapped into memory."""
        return None

    def has_optional(self, group: str) -> bool:
        """Return True if there is a group that a session may lack. The top-level group must exist."""
        self.require(group.split("/")[0])
        return self.has(group)

    def find_group(self, group: str, types: Collection[str]) -> str:
        """Return a group or, if there is none, the first one beside it of a neurodata type; without either the group."""
        parent = group.rpartition("/")[0]
        if self.has(group) or not self.has(parent):
            return group
        others = (f"{parent}/{name}" for name in sorted(self.subgroups(parent)))
        return next((other for other in others if self.neurodata_type(other) in types), group)

    def neurodata_type(self, group: str) -> Any:
        """Return the neurodata type of a group; None if it has none."""
        return self.attribute(group, NEURODATA_TYPE) if self.has_attribute(group, NEURODATA_TYPE) else None

    def require(self, group: str) -> None:
        """Raise MissingData if there is no such group."""
        if not self.has(group):
            raise self.missing(f"/{group}", f"/{group.rpartition('/')[0]}")

    def length(self, group: str, name: str) -> int:
        """Return the number of rows of a dataset, without reading its values."""
        shape = self.shape(group, name)
        return int(shape[0]) if shape else 1

    def column(self, group: str, name: str) -> NDArray[Any]:
        """Return a dataset of numbers or of text."""
        return self.numbers(group, name) if self.is_numeric(group, name) else self.text(group, name)

    def whole_numbers(self, group: str, name: str) -> NDArray[np.int64]:
        """Return a dataset of whole numbers as int64."""
        values = self.numbers(group, name)
        if values.dtype.kind not in "iu":
            raise self.wrong(f"/{group}/{name}", f"holds values of type {values.dtype}, expected whole numbers")
        return values.astype(np.int64)

    def small(self, group: str, name: str) -> Any:
        """Return a dataset of a few values: a number, a text, or a list of either."""
        shape = self.shape(group, name)
        if len(shape) > 1 or shape > (_MAX_SMALL_VALUES,):
            raise self.wrong(f"/{group}/{name}", f"has the shape {shape}, expected a value or a few")
        read = self.numbers if self.is_numeric(group, name) else self.text
        return read(group, name, len(shape)).tolist()

    def ragged(self, group: str, name: str) -> Ragged | NDArray[Any]:
        """Return a column of arrays (in NWB: values, and the end of each row in ``<name>_index``).

        Returns
        -------
        Ragged or numpy.ndarray
            The values as they are if there is no index.
        """
        flat = self.column(group, name)
        index_name = f"{name}_index"
        if not self.has_dataset(group, index_name):
            return flat
        stops = self.whole_numbers(group, index_name)
        counts = np.diff(stops, prepend=0)
        if flat.dtype.kind == "O" and not stops.any():
            # AllenSDK cannot write an empty column of arrays and writes one empty text instead.
            flat = np.empty(0, dtype=object)
        if flat.dtype.kind == "O" and len(flat):
            raise self.wrong(f"/{group}/{name}", "holds text, expected numbers")
        last = stops[-1] if len(stops) else len(flat)
        if (counts < 0).any() or last != len(flat):
            raise self.wrong(
                f"/{group}/{index_name}",
                f"does not match /{group}/{name}: it ends at {last} of {len(flat)} values, or decreases",
            )
        return Ragged(flat, counts)

    def missing(self, where: str, container: str) -> MissingData:
        """Return the error of a member that does not exist. `container` describes what exists."""
        return MissingData(
            f"{self.path} has no {where} ({container}). Files of the release have it: this file is incomplete, was changed, or "
            "was written by another program.",
            path=self.path,
            name=where,
        )

    def wrong(self, where: str, problem: str) -> BadValue:
        """Return the error of a member with unexpected content."""
        return BadValue(
            f"{self.path}: {where} {problem}. This file was changed, is damaged, or was written by another program.",
            path=self.path,
            name=where,
        )
