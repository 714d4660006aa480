"""An open NWB file in HDF5.

Groups and datasets are opened relative to their group with h5py's low-level interface: opening each by its path from the
root takes four times as long. Contiguous values are read by their offset in the file.

A file is not trusted: links to other files, external and virtual storage are rejected before anything is read through them,
and nothing is allocated before its size was compared with the size of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5i, h5l, h5o, h5s
from numpy.typing import NDArray

from visbehavior.errors import CorruptFile, MissingData
from visbehavior.nwb.hdf5_errors import DOWNLOAD_AGAIN, H5PY_ERRORS, damage, hdf5_errors
from visbehavior.nwb.hdf5_open import ByteSource, DiskFile, open_local, open_remote, request_heaps, request_values
from visbehavior.nwb.hdf5_types import StoredType, decode_text, describe_type, type_of
from visbehavior.nwb.open_file import Extent, OpenFile

if TYPE_CHECKING:
    from visbehavior.nwb.hdf5_lookup import ObjectLookup
    from visbehavior.store.remote_file import RemoteFile

_MAX_COMPRESSION = 1032
"""Largest compression ratio of deflate. A chunk that claims to be larger is damaged."""
_MAX_LINKS = 16
"""Soft links followed in a row; more is a loop."""
_NUMBERS = "iufb"
_TEXT_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
"""How HDF5 stores a text of variable length: its length, the address of a heap collection, and a position in it."""


class _Dataset(NamedTuple):
    """An open dataset."""

    where: str
    data: h5d.DatasetID
    shape: tuple[int, ...]
    type: StoredType
    nbytes: int
    offset: int | None


class Hdf5File(OpenFile):
    """An open NWB file in HDF5.

    Parameters
    ----------
    path : str
        The file; for a remote file its URL, used in messages.
    remote : RemoteFile or None
        The downloaded part of a remote file. Reads of other bytes raise `visbehavior.store.not_here.NotHere`.
    """

    def __init__(self, path: str, remote: RemoteFile | None = None) -> None:
        self.path = path
        self.remote = remote
        self._lookup = None if remote is None else _make_lookup(remote)
        self._groups: dict[str, h5g.GroupID] = {}
        self._absent: set[str] = set()
        self._datasets: dict[str, _Dataset] = {}
        self._attributes: dict[str, Any] = {}
        with hdf5_errors(path, "the file"):
            self._h5 = open_local(path) if remote is None else open_remote(remote)
            self._bytes: ByteSource = DiskFile(path) if remote is None else remote
        self.size = self._bytes.size
        self.identity = self._bytes.identity

    def __enter__(self) -> Hdf5File:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._groups.clear()
        self._datasets.clear()
        self._bytes.close()
        if error is not None:
            # The traceback references open objects, and the file stays open as long as they do.
            for opened in h5f.get_obj_ids(self._h5, h5f.OBJ_LOCAL | h5f.OBJ_DATASET | h5f.OBJ_GROUP | h5f.OBJ_ATTR):
                h5i.dec_ref(opened)
        # FileID.close() would look through all open objects of the process.
        del self._h5

    def has(self, group: str) -> bool:
        """Return True if there is such a group."""
        if group in self._absent:
            return False
        if self._lookup is not None and self._lookup.is_group(group):
            return True
        try:
            self._group(group)
        except MissingData:
            self._absent.add(group)
            return False
        return True

    def has_attribute(self, group: str, name: str) -> bool:
        """Return True if a group has the attribute."""
        with hdf5_errors(self.path, f"/{group}@{name}"):
            return bool(h5a.exists(self._group(group), name.encode()))

    def has_dataset(self, group: str, name: str) -> bool:
        """Return True if a group has a member of this name. False if there is no such group."""
        group, name = _split(group, name)
        with hdf5_errors(self.path, f"/{group}/{name}"):
            return self.has(group) and bool(self._group(group).links.exists(name.encode()))

    def names(self, group: str) -> list[str]:
        """Return the names of a group's members, in the order of the file."""
        with hdf5_errors(self.path, f"/{group}"):
            return [name.decode("utf-8", "replace") for name in self._group(group)]

    def subgroups(self, group: str) -> list[str]:
        """Return the names of a group's members that are groups, in the order of the file. Links are left out."""
        parent = self._group(group)
        with hdf5_errors(self.path, f"/{group}"):
            return [name for name in self.names(group) if _is_group(parent, name.encode())]

    def attribute(self, group: str, name: str) -> Any:
        """Return an attribute: a number, a text, or a list of either; None if it is null."""
        return self._read_attribute(self._group(group), name, f"/{group}")

    def dataset_attribute(self, group: str, name: str, attribute: str) -> Any:
        """Return an attribute of a dataset, as `attribute`."""
        dataset = self._dataset(group, name)
        return self._read_attribute(dataset.data, attribute, dataset.where)

    def _read_attribute(self, owner: h5g.GroupID | h5d.DatasetID, name: str, owner_path: str) -> Any:
        where = f"{owner_path}@{name}"
        if where in self._attributes:
            return copy(self._attributes[where])
        with hdf5_errors(self.path, where):
            if not h5a.exists(owner, name.encode()):
                names = [
                    h5a.open(owner, index=i).name.decode("utf-8", "replace") for i in range(h5a.get_num_attrs(owner))
                ]
                raise self.missing(where, f"attributes: {', '.join(names) or 'none'}")
            attribute = h5a.open(owner, name.encode())
            if attribute.get_space().get_simple_extent_type() == h5s.NULL:
                return None
            shape, dtype = attribute.shape, attribute.dtype
            self._check_size(math.prod(shape) * dtype.itemsize, where)
            values = np.empty(shape, dtype)
            attribute.read(values)
        flat = decode_text(values.ravel(), where, self.path) if values.dtype.kind in "OS" else values.ravel()
        listed = flat.tolist()
        value = listed[0] if values.ndim == 0 else listed
        if self.remote is not None:
            # Reads of a remote file are repeated.
            self._attributes[where] = copy(value)
        return value

    def is_numeric(self, group: str, name: str) -> bool:
        """Return True if a dataset holds numbers or truth values, False if it holds anything else."""
        return self._dataset(group, name).type.dtype.kind in _NUMBERS

    def shape(self, group: str, name: str) -> tuple[int, ...]:
        """Return the shape of a dataset, without reading its values."""
        return self._dataset(group, name).shape

    def numbers(self, group: str, name: str, ndim: int = 1) -> NDArray[Any]:
        """Return a dataset of numbers or truth values, in native byte order."""
        return self._values(self._numeric(group, name, ndim))

    def text(self, group: str, name: str, ndim: int = 1) -> NDArray[np.object_]:
        """Return a dataset of text as an object array of str."""
        dataset = self._dataset(group, name)
        if not dataset.type.is_text:
            raise self.wrong(dataset.where, f"holds {describe_type(dataset.type)}, expected text")
        self._check_ndim(dataset, ndim)
        self._check_stored(dataset)
        with hdf5_errors(self.path, dataset.where):
            self._request(dataset)
            if dataset.type.is_variable:
                self._check_references(dataset)
            values = np.empty(dataset.shape, dataset.type.dtype)
            dataset.data.read(h5s.ALL, h5s.ALL, values)
        return decode_text(values.ravel(), dataset.where, self.path).reshape(dataset.shape)

    def rows(self, group: str, name: str, start: int, stop: int) -> NDArray[Any]:
        """Return rows of a dataset of numbers with two dimensions. If they are contiguous, only their bytes are read."""
        dataset = self._numeric(group, name, 2)
        extent = self._extent(dataset)
        if extent is None:
            return self._values(dataset)[start:stop]
        count, columns = dataset.shape
        start, stop = max(start, 0), min(max(start, stop), count)
        row = columns * extent.dtype.itemsize
        content = self._read(extent.offset + start * row, (stop - start) * row, dataset.where)
        return content.view(extent.dtype).reshape(stop - start, columns)

    def ends(self, group: str, name: str) -> tuple[float, float] | None:
        """Return the first and the last value of a numeric dataset; None if it is empty."""
        dataset = self._numeric(group, name, 1)
        if not dataset.shape[0]:
            return None
        extent = self._extent(dataset)
        if extent is None:
            values = self._values(dataset)
            return float(values[0]), float(values[-1])
        size = extent.dtype.itemsize
        offsets = extent.offset, extent.offset + (dataset.shape[0] - 1) * size
        first, last = (self._read(offset, size, dataset.where).view(extent.dtype)[0] for offset in offsets)
        return float(first), float(last)

    def extent(self, group: str, name: str, ndim: int) -> Extent | None:
        """Return the position of a dataset in the file; None if it cannot be mapped into memory."""
        return self._extent(self._numeric(group, name, ndim))

    def _numeric(self, group: str, name: str, ndim: int) -> _Dataset:
        dataset = self._dataset(group, name)
        if dataset.type.dtype.kind not in _NUMBERS:
            raise self.wrong(dataset.where, f"holds {describe_type(dataset.type)}, expected numbers")
        self._check_ndim(dataset, ndim)
        return dataset

    def _extent(self, dataset: _Dataset) -> Extent | None:
        dtype = dataset.type.dtype
        with hdf5_errors(self.path, dataset.where):
            offset, stored = dataset.offset, self._check_written(dataset)
        is_plain = stored == dataset.nbytes and dtype.isnative
        if offset is None or not is_plain or offset + stored > self.size:
            return None
        return Extent(offset, dataset.shape, dtype)

    def _values(self, dataset: _Dataset) -> NDArray[Any]:
        extent, dtype = self._extent(dataset), dataset.type.dtype
        if extent is not None:
            content = self._read(extent.offset, dataset.nbytes, dataset.where)
            # Bytes other than 0 and 1 must not become truth values that are neither.
            return (content != 0 if dtype.kind == "b" else content.view(dtype)).reshape(dataset.shape)
        self._check_stored(dataset)
        with hdf5_errors(self.path, dataset.where):
            self._request(dataset)
            values = np.empty(dataset.shape, dtype)
            dataset.data.read(h5s.ALL, h5s.ALL, values)
        return values.astype(dtype.newbyteorder("="), copy=False)

    def _read(self, offset: int, count: int, where: str) -> NDArray[np.uint8]:
        content = np.empty(count, np.uint8)
        try:
            self._bytes.read_at(offset, content.data)
        except EOFError:
            raise CorruptFile(
                f"{self.path} ends before the values of {where}. {DOWNLOAD_AGAIN}", path=self.path, name=where
            ) from None
        return content

    def _request(self, dataset: _Dataset) -> None:
        if self.remote is not None:
            request_values(self.remote, dataset.data)

    def _check_ndim(self, dataset: _Dataset, ndim: int) -> None:
        if len(dataset.shape) != ndim:
            raise self.wrong(dataset.where, f"has {len(dataset.shape)} dimensions, expected {ndim}")

    def _check_written(self, dataset: _Dataset) -> int:
        """Return the stored size. Raise if nothing was ever written: HDF5 would return zeros."""
        stored = int(dataset.data.get_storage_size())
        if dataset.nbytes and not stored:
            raise self.wrong(dataset.where, "was never written")
        return stored

    def _check_stored(self, dataset: _Dataset) -> None:
        """Raise unless all values are stored in this file, before memory is allocated for them."""
        with hdf5_errors(self.path, dataset.where):
            stored, plist = self._check_written(dataset), dataset.data.get_create_plist()
            layout = plist.get_layout()
            if layout == h5d.CONTIGUOUS and plist.get_external_count():
                raise self.wrong(dataset.where, "is stored in another file, which is not opened")
            if layout != h5d.CHUNKED:
                self._check_size(dataset.nbytes, dataset.where)
                return
            expected = math.prod(
                -(-size // chunk) for size, chunk in zip(dataset.shape, plist.get_chunk(), strict=True)
            )
            chunks = dataset.data.get_num_chunks()
        if chunks < expected:
            raise self.wrong(dataset.where, f"is incomplete: it has {chunks} of {expected} chunks")
        self._check_size(dataset.nbytes // _MAX_COMPRESSION, dataset.where, stored)

    def _check_references(self, dataset: _Dataset) -> None:
        """Raise if a text claims to be longer than the file: HDF5 would allocate what it claims."""
        count, offset = math.prod(dataset.shape), dataset.offset
        if offset is None:
            return
        references = self._read(offset, count * _TEXT_REFERENCE.itemsize, dataset.where).view(_TEXT_REFERENCE)
        if count:
            self._check_size(int(references["length"].max()), dataset.where)
        if self.remote is not None:
            request_heaps(self.remote, np.unique(references["address"][references["length"] > 0]).tolist())

    def _check_size(self, claimed: int, where: str, available: int | None = None) -> None:
        available = self.size if available is None else available
        if claimed > available:
            raise CorruptFile(
                f"{self.path}: {where} claims {claimed} bytes, but only {available} are stored. {DOWNLOAD_AGAIN}",
                path=self.path,
                name=where,
            )

    def _group(self, group: str, links: int = 0) -> h5g.GroupID:
        opened = self._groups.get(group)
        if opened is None:
            if not group:
                opened = h5g.open(self._h5, b"/")
            elif (opened := self._group_at_address(group)) is None:
                opened = self._open(h5g.open, *_split(group), links)
            self._groups[group] = opened
        return opened

    def _group_at_address(self, group: str) -> h5g.GroupID | None:
        """Open a group of a remote file without reading the groups above it; None if HDF5 must find it."""
        if self._lookup is None or not (address := self._lookup.address(group)):
            return None
        try:
            opened = self._lookup.open_at(self._h5, address)
        except H5PY_ERRORS:
            return None
        return opened if isinstance(opened, h5g.GroupID) else None

    def _dataset(self, group: str, name: str) -> _Dataset:
        group, name = _split(group, name)
        where = f"/{group}/{name}" if group else f"/{name}"
        if where in self._datasets:
            return self._datasets[where]
        data = self._open(h5d.open, group, name)
        with hdf5_errors(self.path, where):
            offset = data.get_offset()
            if offset is None and data.get_create_plist().get_layout() == h5d.VIRTUAL:
                # HDF5 would open the other files even to return the shape.
                raise self.wrong(where, "is stored in another file, which is not opened")
            dtype, shape = type_of(data), data.shape
        if shape is None:
            raise self.wrong(where, "has no values (null dataspace)")
        if self.remote is None:
            # The last dataset is kept, because its type, shape and values are read one after the other. Of a remote file all
            # datasets are kept, because its reads are repeated.
            self._datasets.clear()
        opened = _Dataset(where, data, shape, dtype, math.prod(shape) * dtype.dtype.itemsize, offset)
        self._datasets[where] = opened
        return opened

    def _open(self, opener: Callable[[h5g.GroupID, bytes], Any], group: str, name: str, links: int = 0) -> Any:
        """Open a member of a group. Soft links are followed here, so that none leads through a link to another file."""
        where = f"/{group}/{name}" if group else f"/{name}"
        parent = self._group(group, links)
        try:
            kind = parent.links.get_info(name.encode()).type
            if kind == h5l.TYPE_HARD:
                return opener(parent, name.encode())
        except H5PY_ERRORS as error:
            with hdf5_errors(self.path, where):
                if not parent.links.exists(name.encode()):
                    members = ", ".join(self.names(group)) or "nothing"
                    raise self.missing(where, f"/{group} holds {members}") from None
            raise damage(self.path, where, error) from error
        if kind != h5l.TYPE_SOFT or links >= _MAX_LINKS:
            raise self.wrong(where, "is a link to another file" if kind != h5l.TYPE_SOFT else "is a loop of links")
        with hdf5_errors(self.path, where):
            target = parent.links.get_val(name.encode()).decode()
        absolute = target.strip("/") if target.startswith("/") else f"{group}/{target}".strip("/")
        return self._open(opener, *_split(absolute), links + 1)


def _make_lookup(remote: RemoteFile) -> ObjectLookup:
    """Return the lookup of a remote file. It is imported here because local files need none."""
    from visbehavior.nwb.hdf5_lookup import ObjectLookup

    return ObjectLookup(remote)


def _is_group(parent: h5g.GroupID, name: bytes) -> bool:
    is_link = parent.links.get_info(name).type != h5l.TYPE_HARD
    return not is_link and h5o.get_info(parent, name).type == h5o.TYPE_GROUP


def _split(group: str, name: str = "") -> tuple[str, str]:
    """Return the group that directly holds a member, and the member's name in it."""
    parent, _, last = f"{group}/{name}".strip("/").rpartition("/")
    return parent, last
