"""An open NWB file: typed reads, and h5py's exceptions mapped to ours in one place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5fd, h5g, h5i, h5p, h5s
from numpy.typing import NDArray

from visbehavior.errors import BadValue, CorruptFile, MissingData, NotFound, VisBehaviorError
from visbehavior.nwb.hdf5_lookup import ObjectLookup, open_at
from visbehavior.schema.ragged import Ragged
from visbehavior.store.partial_file import read_at
from visbehavior.store.remote_file import RemoteFile

DOWNLOAD_AGAIN = "Get the file again, and compare its size with the source's."
"""The way out of most damage."""

# Deflate cannot shrink more than this: a chunked dataset that claims more than it stores times this lies.
_GREATEST_COMPRESSION = 1032
# Bytes of a collection of texts, at least; texts refer to theirs by its address.
_LEAST_HEAP = 4096
_NUMBERS = "iufb"
# Of a dictionary's entries, such as a position; more is damage.
_MOST_SMALL_VALUES = 1000
# What h5py raises on damaged files; KeyError is also its word for an absent name, told apart in Hdf5File._opened.
_H5PY_ERRORS = (
    OSError,
    KeyError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    MemoryError,
    SystemError,
)


class Extent(NamedTuple):
    """Where the values of a contiguous dataset lie in the file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Hdf5File:
    """An NWB file, open for the time of one read.

    Groups and datasets are opened relative to their group, by h5py's low-level interface: by path from the root each
    would cost four times as much. Paths are absolute without the leading slash; "" is the root.

    Parameters
    ----------
    path : str
        The file; where it is remote, its name in messages.
    remote : RemoteFile or None
        What of it is here. Reads of other bytes raise `visbehavior.store.remote_file.NotHere`.
    """

    def __init__(self, path: str, remote: RemoteFile | None = None) -> None:
        self.path = path
        self.remote = remote
        self._tables = None if remote is None else ObjectLookup(remote)
        self._groups: dict[str, h5g.GroupID] = {}
        with _mapped(path, "it"):
            self._h5 = _opened_without_lock(path) if remote is None else _opened_remotely(remote)
            self._own_name = h5f.get_name(self._h5)
            self._raw = _DiskFile(path) if remote is None else remote
        self.size = self._raw.size
        self.identity = self._raw.identity

    def __enter__(self) -> Hdf5File:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._groups.clear()
        self._raw.close()
        if error is not None:
            # The traceback holds datasets, and the file stays open as long as they do.
            for opened in h5f.get_obj_ids(self._h5, h5f.OBJ_LOCAL | h5f.OBJ_DATASET | h5f.OBJ_GROUP | h5f.OBJ_ATTR):
                h5i.dec_ref(opened)
        self._h5.close()

    def has(self, group: str) -> bool:
        """Whether there is such a group."""
        try:
            self._group(group)
        except MissingData:
            return False
        return True

    def has_optional(self, group: str) -> bool:
        """Whether there is a group that a session may lack; the file's own parts, such as /processing, must be there."""
        self._group(group.split("/")[0])
        return self.has(group)

    def has_attribute(self, group: str, name: str) -> bool:
        """Whether a group has such an attribute."""
        with _mapped(self.path, f"/{group}@{name}"):
            return bool(h5a.exists(self._group(group), name.encode()))

    def has_dataset(self, group: str, name: str) -> bool:
        """Whether a group holds something of this name."""
        folder, _, last = name.rpartition("/")
        group = f"{group}/{folder}".strip("/")
        with _mapped(self.path, f"/{group}/{last}"):
            return self.has(group) and bool(self._group(group).links.exists(last.encode()))

    def names(self, group: str) -> list[str]:
        """The names in a group, in their order in the file."""
        with _mapped(self.path, f"/{group}"):
            return [name.decode("utf-8", "replace") for name in self._group(group)]

    def attribute(self, group: str, name: str) -> Any:
        """An attribute: a number, a text, or a list of either; MissingData if there is none."""
        where = f"/{group}@{name}"
        opened = self._group(group)
        if not self.has_attribute(group, name):
            raise self._missing(where, f"attributes there: {', '.join(self._attribute_names(group)) or 'none'}")
        with _mapped(self.path, where):
            attribute = h5a.open(opened, name.encode())
            if attribute.get_space().get_simple_extent_type() == h5s.NULL:
                return None
            self._check_size(_nbytes(attribute.shape, attribute.dtype), where)
            values = np.empty(attribute.shape, attribute.dtype)
            attribute.read(values)
        found = _decoded(values.ravel(), where, self.path) if values.dtype.kind in "OS" else values.ravel()
        listed = found.tolist()
        return listed[0] if values.ndim == 0 else listed

    def numbers(self, group: str, name: str, ndim: int = 1) -> NDArray[Any]:
        """A dataset of numbers or truth values, as it is stored."""
        where = f"/{group}/{name}"
        data, shape, dtype = self._numeric(group, name, ndim)
        return self._values(data, shape, dtype, where)

    def whole_numbers(self, group: str, name: str) -> NDArray[np.int64]:
        """A dataset of whole numbers, as int64."""
        values = self.numbers(group, name)
        if values.dtype.kind not in "iu":
            raise self._wrong(f"/{group}/{name}", f"holds values of type {values.dtype}, expected whole numbers")
        return values.astype(np.int64)

    def text(self, group: str, name: str, ndim: int = 1) -> NDArray[np.object_]:
        """A dataset of text, as an object array of str."""
        where = f"/{group}/{name}"
        with _mapped(self.path, where):
            data = self._dataset(group, name)
            dtype, shape = _dtype(data), self._shape(data, where)
            if dtype.kind not in "OS" or (dtype.kind == "O" and h5py.check_string_dtype(dtype) is None):
                raise self._wrong(where, f"holds {_kind(dtype)}, expected text")
            if len(shape) != ndim:
                raise self._wrong(where, f"has {len(shape)} dimensions, expected {ndim}")
            size = _nbytes(shape, dtype)
            self._check_size(size, where)
            self._check_own(data, size, where)
            self._need(data)
            self._check_references(data, shape, where)
            values = np.empty(shape, dtype)
            data.read(h5s.ALL, h5s.ALL, values)
        return _decoded(values.ravel(), where, self.path).reshape(shape)

    def column(self, group: str, name: str) -> NDArray[Any]:
        """A dataset of either kind."""
        with _mapped(self.path, f"/{group}/{name}"):
            dtype = _dtype(self._dataset(group, name))
        return self.numbers(group, name) if dtype.kind in _NUMBERS else self.text(group, name)

    def small(self, group: str, name: str) -> Any:
        """A dataset of one value or a few: a number, a text, or a list of either."""
        where = f"/{group}/{name}"
        with _mapped(self.path, where):
            data = self._dataset(group, name)
            shape = self._shape(data, where)
            if len(shape) > 1 or shape > (_MOST_SMALL_VALUES,):
                raise self._wrong(where, f"has the shape {shape}, expected a value or a few")
            read = self.numbers if _dtype(data).kind in _NUMBERS else self.text
        return read(group, name, len(shape)).tolist()

    def ragged(self, group: str, name: str) -> Ragged | NDArray[Any]:
        """A column of arrays (NWB: values, and ``<name>_index`` with the end of each row); without the index, its values."""
        flat = self.column(group, name)
        index_name = f"{name}_index"
        if not self.has_dataset(group, index_name):
            return flat
        stops = self.whole_numbers(group, index_name)
        counts = np.diff(stops, prepend=0)
        if flat.dtype.kind == "O":
            # AllenSDK cannot write an empty ragged column, and writes a single empty text instead.
            flat = np.empty(0, dtype=object) if not stops.any() else flat
        if flat.dtype.kind == "O" and len(flat):
            raise self._wrong(f"/{group}/{name}", "holds text, expected numbers")
        if (counts < 0).any() or (len(stops) and stops[-1] != len(flat)):
            last = stops[-1] if len(stops) else 0
            raise self._wrong(
                f"/{group}/{index_name}",
                f"does not fit /{group}/{name}: it ends at {last} of {len(flat)} values, or falls",
            )
        return Ragged(flat, counts)

    def length(self, group: str, name: str) -> int:
        """How many rows a dataset has, without reading it."""
        with _mapped(self.path, f"/{group}/{name}"):
            shape = self._shape(self._dataset(group, name), f"/{group}/{name}")
        return int(shape[0]) if shape else 1

    def ends(self, group: str, name: str) -> tuple[float, float] | None:
        """The first and the last value of a dataset; None if it is empty."""
        where = f"/{group}/{name}"
        data, shape, dtype = self._numeric(group, name, 1)
        if not shape[0]:
            return None
        extent = self._extent(data, shape, dtype, where)
        if extent is None:
            values = self._values(data, shape, dtype, where)
            return float(values[0]), float(values[-1])
        first, last = (
            self._bytes(extent.offset + at * dtype.itemsize, dtype.itemsize, where).view(dtype)[0]
            for at in (0, shape[0] - 1)
        )
        return float(first), float(last)

    def extent(self, group: str, name: str, ndim: int) -> Extent | None:
        """Where the values of a dataset lie in the file; None where they are not in one piece."""
        return self._extent(*self._numeric(group, name, ndim), f"/{group}/{name}")

    def _numeric(self, group: str, name: str, ndim: int) -> tuple[h5d.DatasetID, tuple[int, ...], np.dtype[Any]]:
        where = f"/{group}/{name}"
        with _mapped(self.path, where):
            data = self._dataset(group, name)
            dtype, shape = _dtype(data), self._shape(data, where)
        if dtype.kind not in _NUMBERS:
            raise self._wrong(where, f"holds {_kind(dtype)}, expected numbers")
        if len(shape) != ndim:
            raise self._wrong(where, f"has {len(shape)} dimensions, expected {ndim}")
        return data, shape, dtype

    def _shape(self, data: h5d.DatasetID, where: str) -> tuple[int, ...]:
        shape: tuple[int, ...] | None = data.shape
        if shape is None:
            raise self._wrong(where, "is empty: it has no values at all, not even none of them")
        return shape

    def _check_own(self, data: h5d.DatasetID, size: int, where: str) -> int:
        """Bytes that the dataset has in this very file: what lies elsewhere, or was never written, is no data of it."""
        if h5f.get_name(data) != self._own_name:
            raise self._wrong(where, "is a link to another file")
        stored = data.get_storage_size()
        if size and not stored:
            raise self._wrong(where, "was never written")
        return int(stored)

    def _extent(self, data: h5d.DatasetID, shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> Extent | None:
        with _mapped(self.path, where):
            size = _nbytes(shape, dtype)
            offset, stored = data.get_offset(), self._check_own(data, size, where)
        if offset is None or stored != size or not dtype.isnative or offset + size > self.size:
            return None
        return Extent(offset, shape, dtype)

    def _values(self, data: h5d.DatasetID, shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> NDArray[Any]:
        extent = self._extent(data, shape, dtype, where)
        size = _nbytes(shape, dtype)
        if extent is not None:
            values = self._bytes(extent.offset, size, where)
            # A byte other than 0 and 1 must not become a truth value that is neither.
            return (values != 0 if dtype.kind == "b" else values.view(dtype)).reshape(shape)
        with _mapped(self.path, where):
            chunked = data.get_create_plist().get_layout() == h5d.CHUNKED
            self._check_size(size // _GREATEST_COMPRESSION if chunked else size, where)
            self._need(data)
            values = np.empty(shape, dtype)
            data.read(h5s.ALL, h5s.ALL, values)
        return values.astype(dtype.newbyteorder("="), copy=False)

    def _bytes(self, offset: int, count: int, where: str) -> NDArray[np.uint8]:
        values = np.empty(count, np.uint8)
        try:
            self._raw.read_at(offset, values.data)
        except EOFError:
            raise CorruptFile(
                f"{self.path} ends before the values of {where}. {DOWNLOAD_AGAIN}", path=self.path, name=where
            ) from None
        return values

    def _need(self, data: h5d.DatasetID) -> None:
        """Ask for all stored values of a dataset at once: HDF5 would ask for one chunk after the other."""
        if self.remote is None:
            return
        offset = data.get_offset()
        if offset is not None:
            self.remote.need([(offset, offset + data.get_storage_size())])
        elif data.get_create_plist().get_layout() == h5d.CHUNKED:
            chunks = [data.get_chunk_info(i) for i in range(data.get_num_chunks())]
            self.remote.need([(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in chunks])

    def _check_references(self, data: h5d.DatasetID, shape: tuple[int, ...], where: str) -> None:
        """No text may claim to be longer than the file: HDF5 itself would allocate what it claims."""
        count = int(np.prod(shape, dtype=np.int64))
        reference = np.dtype([("length", "<u4"), ("address", "<u8"), ("place", "<u4")])
        offset = data.get_offset()
        if offset is None or data.get_storage_size() != count * reference.itemsize:
            return
        references = self._bytes(offset, count * reference.itemsize, where).view(reference)
        if count:
            self._check_size(int(references["length"].max()), where)
        if self.remote is not None:
            heaps = np.unique(references["address"][references["length"] > 0]).tolist()
            self.remote.need([(heap, heap + _LEAST_HEAP) for heap in heaps])

    def _check_size(self, claimed: int, where: str) -> None:
        if claimed > self.size:
            raise CorruptFile(
                f"{self.path}: {where} claims {claimed} bytes in a file of {self.size}. {DOWNLOAD_AGAIN}",
                path=self.path,
                name=where,
            )

    def _group(self, group: str) -> h5g.GroupID:
        found = self._groups.get(group)
        if found is None:
            if not group:
                found = h5g.open(self._h5, b"/")
            elif (found := self._group_at_once(group)) is None:
                parent, _, name = group.rpartition("/")
                found = self._opened(h5g.open, self._group(parent), parent, name)
            self._groups[group] = found
        return found

    def _group_at_once(self, group: str) -> h5g.GroupID | None:
        """A group of a remote file, opened without those on the way; None where HDF5 must go there itself."""
        address = None if self._tables is None else self._tables.address(group)
        if not address:
            return None
        try:
            found = open_at(self._h5, address)
        except _H5PY_ERRORS:
            return None
        return found if isinstance(found, h5g.GroupID) else None

    def _dataset(self, group: str, name: str) -> h5d.DatasetID:
        folder, _, last = name.rpartition("/")
        group = f"{group}/{folder}".strip("/")
        return self._opened(h5d.open, self._group(group), group, last)

    def _opened(self, opener: Callable[[h5g.GroupID, bytes], Any], parent: h5g.GroupID, group: str, name: str) -> Any:
        where = f"/{group}/{name}".replace("//", "/")
        try:
            return opener(parent, name.encode())
        except _H5PY_ERRORS as error:
            with _mapped(self.path, where):
                if not parent.links.exists(name.encode()):
                    raise self._missing(where, f"/{group} holds {', '.join(self.names(group)) or 'nothing'}") from None
            raise _damaged(self.path, where, error) from error

    def _attribute_names(self, group: str) -> list[str]:
        with _mapped(self.path, f"/{group}"):
            opened = self._group(group)
            return [h5a.open(opened, index=i).name.decode("utf-8", "replace") for i in range(h5a.get_num_attrs(opened))]

    def _missing(self, where: str, there: str) -> MissingData:
        return MissingData(
            f"{self.path} has no {where} ({there}). The files of the release have it: this one was cut, changed, or "
            "written by another program.",
            path=self.path,
            name=where,
        )

    def _wrong(self, where: str, what: str) -> BadValue:
        return BadValue(
            f"{self.path}: {where} {what}. The files of the release have that: this one was changed, damaged, or written by "
            "another program.",
            path=self.path,
            name=where,
        )


class _DiskFile:
    """The bytes of a file on this machine's disk."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        found = os.fstat(self._file)
        self.size = found.st_size
        self.identity: tuple[Any, ...] = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def read_at(self, start: int, view: memoryview) -> None:
        read_at(self._file, start, view)

    def close(self) -> None:
        os.close(self._file)


_dtypes: dict[bytes, np.dtype[Any]] = {}


def _dtype(data: h5d.DatasetID) -> np.dtype[Any]:
    """The numpy type of a dataset. Finding it is half the time of reading a short column, and there are a handful."""
    encoded = data.get_type().encode()
    found = _dtypes.get(encoded)
    if found is None:
        found = _dtypes[encoded] = data.dtype
    return found


def _opened_without_lock(path: str) -> h5f.FileID:
    """The files are never written to once they are there, and many cluster file systems refuse locks.

    As h5py.File does it, in half the time.
    """
    for locking in ((False, True), None, (True, False), (True, True)):
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
        if locking is not None:
            access.set_file_locking(*locking)
        try:
            return h5f.open(os.fsencode(path), h5f.ACC_RDONLY, fapl=access)
        except OSError as error:
            # HDF5 wants every handle of a process on one file to agree; somebody else's asked otherwise.
            refused = error
            if "flag values don't match" not in str(error):
                break
    raise refused


def _opened_remotely(remote: RemoteFile) -> h5f.FileID:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    access.set_fileobj_driver(h5fd.fileobj_driver, remote)
    return h5f.open(b"remote", h5f.ACC_RDONLY, fapl=access)


@contextmanager
def _mapped(path: str, where: str) -> Iterator[None]:
    """h5py's exceptions as ours."""
    try:
        yield
    except VisBehaviorError:
        raise
    except _H5PY_ERRORS as error:
        raise _damaged(path, where, error) from error


def _damaged(path: str, where: str, error: BaseException) -> VisBehaviorError:
    if "://" not in path and not os.path.exists(path):
        return NotFound(f"{path} is gone: there is no such file any more. Put it back, or open another.", path=path)
    text = " ".join(str(error).split())
    cut = re.search(r"truncated file: eof = (\d+), sblock->base_addr = \d+, stored_eof = (\d+)", text)
    if cut:
        return CorruptFile(
            f"{path} is cut short: {cut[1]} bytes of {cut[2]} are there. A download may have been interrupted. {DOWNLOAD_AGAIN}",
            path=path,
            size=int(cut[1]),
            expected_size=int(cut[2]),
        )
    return CorruptFile(
        f"{path} is damaged: {where} cannot be read ({text or type(error).__name__}). {DOWNLOAD_AGAIN}",
        path=path,
        name=where,
    )


def _decoded(values: NDArray[Any], where: str, path: str) -> NDArray[np.object_]:
    """Bytes as str, each distinct value decoded once."""
    listed = values.tolist()
    try:
        distinct = {value: value if isinstance(value, str) else value.decode() for value in set(listed)}
    except (UnicodeDecodeError, AttributeError, TypeError) as error:
        raise BadValue(
            f"{path}: {where} holds text that is not UTF-8 ({error}). {DOWNLOAD_AGAIN}", path=path, name=where
        ) from error
    return np.array([distinct[value] for value in listed], dtype=object)


def _nbytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    size = dtype.itemsize
    for length in shape:
        size *= length
    return size


def _kind(dtype: np.dtype[Any]) -> str:
    is_text = dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None
    return "text" if is_text else f"values of type {dtype}"
