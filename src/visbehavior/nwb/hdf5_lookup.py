"""Address of an object in an HDF5 file, without opening the groups above it.

Why own code: HDF5 reads the header of every group on a path, and in a file of 1 GB each header is in another place, so
each costs a request. In files written by pynwb no header is needed: the symbol table entry of a group in its parent
repeats where the group's names and members are. This saves 2 of 10 requests of the metrics of an imaging session. No
library parses symbol tables over bytes that are only partly available; pyfive needs the same requests as HDF5.

The header of the root group is followed from part to part before HDF5 opens the file: each failed attempt to open it
takes as long as opening three datasets.

The structures are those of the HDF5 File Format Specification 3.0: II.A (superblock), III.A.1 (version 1 B-trees), III.B
and III.C (symbol table nodes and entries), III.D (local heaps), IV.A.1 (version 1 object headers). Anything unexpected is
left to HDF5, which knows every kind of file and names what is damaged.
"""

from __future__ import annotations

import itertools
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5f, h5p, h5r, h5s, h5t

from visbehavior.nwb.hdf5_open import SIGNATURE
from visbehavior.store.not_here import NotHere

if TYPE_CHECKING:
    from visbehavior.store.remote_file import RemoteFile

# Versions 0 and 1 of the superblock, and the offset of the root group's entry in each.
_SUPERBLOCKS = {0: 56, 1: 60}
_ENTRY = struct.Struct("<QQI4xQQ")
_HEAP = struct.Struct("<4sB3xQQQ")
_NODE = struct.Struct("<4sBBHQQ")
_LEAF = struct.Struct("<4sBxH")
_GROUP_ENTRY = 1
_HEADER = struct.Struct("<B7xI4x")
_MESSAGE = struct.Struct("<HH4x")
_CONTINUATION = struct.Struct("<QQ")
_CONTINUATION_MESSAGE = 16
# Limits on bytes of names and levels of a tree; more is damage.
_MAX_NAMES = 1 << 20
_MAX_LEVELS = 8
_MAX_HEADER_PARTS = 64


class _Unexpected(Exception):
    """The bytes are not a structure known to this module."""


class _Entry(NamedTuple):
    """Symbol table entry: a member of a group and, if it is a group itself, where its members are."""

    name: int
    header: int
    kind: int
    tree: int
    heap: int


class ObjectLookup:
    """Finds the addresses of objects and keeps those that were found.

    Parameters
    ----------
    file : RemoteFile
        The partially downloaded file.
    """

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._entries: dict[str, _Entry | None] = {}

    def address(self, path: str) -> int | None:
        """Return the address of an object's header.

        Parameters
        ----------
        path : str
            Path from the root without the leading slash; "" is the root.

        Returns
        -------
        int or None
            None if HDF5 must find the object: there is none, or the file is of an unknown kind.

        Raises
        ------
        NotHere
            If bytes are missing. They are then requested.
        """
        entry = self._entry(path)
        return None if entry is None else entry.header

    def is_group(self, path: str) -> bool:
        """Return True if there is such a group; False if HDF5 must find it, or if it is no group. Raises as `address`."""
        entry = self._entry(path)
        return entry is not None and entry.kind == _GROUP_ENTRY

    @staticmethod
    def open_at(file: h5f.FileID, address: int) -> Any:
        """Open the object whose header is at an address."""
        return h5r.dereference(_scratch.reference(address), file)

    def _entry(self, path: str) -> _Entry | None:
        if path not in self._entries:
            try:
                self._entries[path] = self._find(path)
            except (_Unexpected, EOFError):
                self._entries[path] = None
        return self._entries[path]

    def _find(self, path: str) -> _Entry | None:
        if not path:
            return _root(self._file)
        parent, _, name = path.rpartition("/")
        group = self._entry(parent)
        return None if group is None else _member(self._file, group, name.encode())


def require_root_header(file: RemoteFile) -> None:
    """Raise NotHere unless the header of the root group is cached. HDF5 needs it to open a file, and a failed attempt takes long."""
    with suppress(_Unexpected, EOFError, struct.error):
        header = _root(file).header
        version, size = _HEADER.unpack(_read(file, header, _HEADER.size))
        _expect(version == 1)
        parts = [(header + _HEADER.size, size)]
        for start, size in parts:
            _expect(size <= _MAX_NAMES and len(parts) <= _MAX_HEADER_PARTS)
            content = bytearray(size)
            file.seek(start)
            file.readinto(content)
            parts += _continuations(content)


def _continuations(part: bytearray) -> list[tuple[int, int]]:
    """Return address and size of the continuations that a part of an object header names."""
    found, position = [], 0
    while position + _MESSAGE.size <= len(part):
        kind, size = _MESSAGE.unpack_from(part, position)
        position += _MESSAGE.size
        if kind == _CONTINUATION_MESSAGE:
            found.append(_CONTINUATION.unpack_from(part, position))
        position += size
    return found


def request_groups(file: RemoteFile, paths: Iterable[str]) -> None:
    """Request the parts of the symbol tables that lead to groups, as far as their addresses are known by now."""
    lookup = ObjectLookup(file)
    for path in paths:
        with suppress(NotHere):
            lookup.address(path)


class _Scratch(threading.local):
    """An attribute in memory, one per thread, that turns an address into a reference: h5py makes references by name only."""

    def __init__(self) -> None:
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_fapl_core(backing_store=False)
        # HDF5 refuses to create a file of a name that is open, even in memory.
        self._file = h5f.create(b"scratch %d" % next(_numbers), h5f.ACC_TRUNC, fapl=access)
        self._attribute = h5a.create(self._file, b"reference", h5t.STD_REF_OBJ, h5s.create(h5s.SCALAR))

    def reference(self, address: int) -> h5r.Reference:
        self._attribute.write(np.array(address, np.uint64), mtype=h5t.STD_REF_OBJ)
        reference = np.empty((), h5py.ref_dtype)
        self._attribute.read(reference)
        return reference[()]


_numbers = itertools.count()
_scratch = _Scratch()


def _root(file: RemoteFile) -> _Entry:
    superblock = _read(file, 0, max(_SUPERBLOCKS.values()) + _ENTRY.size)
    _expect(superblock.startswith(SIGNATURE) and superblock[8] in _SUPERBLOCKS)
    sizes, base = superblock[13:15], superblock[24:32]
    _expect(sizes == b"\x08\x08" and not any(base))
    return _Entry(*_ENTRY.unpack_from(superblock, _SUPERBLOCKS[superblock[8]]))


def _member(file: RemoteFile, group: _Entry, name: bytes) -> _Entry:
    _expect(group.kind == _GROUP_ENTRY)
    file.require([(group.tree, group.tree + _NODE.size), (group.heap, group.heap + _HEAP.size)])
    names = _names(file, group.heap)
    leaf = _leaf(file, group.tree, names, name)
    matches = [entry for entry in _entries(file, leaf) if names.startswith(name + b"\0", entry[0])]
    _expect(len(matches) == 1)
    return _Entry(*matches[0])


def _names(file: RemoteFile, heap: int) -> bytes:
    signature, version, size, _, start = _HEAP.unpack(_read(file, heap, _HEAP.size))
    _expect(signature == b"HEAP" and version == 0 and size <= _MAX_NAMES)
    return _read(file, start, size)


def _name(names: bytes, start: int) -> bytes:
    stop = names.find(b"\0", start)
    _expect(stop >= 0)
    return names[start:stop]


def _leaf(file: RemoteFile, tree: int, names: bytes, name: bytes) -> int:
    """Return the address of the symbol table node that may contain a name."""
    for _ in range(_MAX_LEVELS):
        signature, kind, level, count, _, _ = _NODE.unpack(_read(file, tree, _NODE.size))
        _expect(signature == b"TREE" and kind == 0)
        # Children alternate with the last name of each.
        content = struct.unpack(f"<{2 * count + 1}Q", _read(file, tree + _NODE.size, 16 * count + 8))
        children, last_names = content[1::2], content[2::2]
        tree = next((child for child, last in zip(children, last_names, strict=True) if name <= _name(names, last)), 0)
        _expect(tree > 0)
        if level == 0:
            return tree
    raise _Unexpected


def _entries(file: RemoteFile, leaf: int) -> list[tuple[int, ...]]:
    signature, version, count = _LEAF.unpack(_read(file, leaf, _LEAF.size))
    _expect(signature == b"SNOD" and version == 1)
    content = _read(file, leaf + _LEAF.size, count * _ENTRY.size)
    return list(_ENTRY.iter_unpack(content))


def _read(file: RemoteFile, start: int, count: int) -> bytes:
    content = bytearray(count)
    file.read_at(start, memoryview(content))
    return bytes(content)


def _expect(condition: bool) -> None:
    if not condition:
        raise _Unexpected
