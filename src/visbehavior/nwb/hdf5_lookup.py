"""Where an object lies in a file, found without opening the groups on the way to it.

HDF5 reads the header of every group on a path, and in a file of a gigabyte each lies elsewhere: over a wire, a trip for a
few bytes. Of groups as pynwb writes them none is needed: the entry of a group in its parent repeats where its names and its
members are kept.

The structures are those of the HDF5 File Format Specification 3.0: II.A (superblock), III.A.1 (B-trees, version 1), III.B and
III.C (symbol table nodes and their entries), III.D (local heaps). Whatever looks otherwise than expected is left to HDF5,
which knows every kind and names what is damaged.
"""

from __future__ import annotations

import struct
import threading
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5f, h5p, h5r, h5s, h5t

from visbehavior.store.remote_file import RemoteFile

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Of the superblock's two older versions; both keep the root group's entry at the end.
_SUPERBLOCKS = {0: 56, 1: 60}
_ENTRY = struct.Struct("<QQI4xQQ")
_HEAP = struct.Struct("<4sB3xQQQ")
_NODE = struct.Struct("<4sBBHQQ")
_LEAF = struct.Struct("<4sBxH")
_OF_A_GROUP = 1
# More is damage: names of a group, levels of its tree.
_MOST_NAMES = 1 << 20
_MOST_LEVELS = 8


class _Strange(Exception):
    """What is there is not what is known here."""


class _Entry(NamedTuple):
    """One of a group's members; of a group also where its own members are."""

    name: int
    header: int
    kind: int
    tree: int
    heap: int


class ObjectLookup:
    """The groups of a file as far as they were looked at.

    Parameters
    ----------
    file : RemoteFile
        What of it is here.
    """

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._found: dict[str, _Entry | None] = {}

    def address(self, path: str) -> int | None:
        """Where the header of an object lies.

        Parameters
        ----------
        path : str
            From the root, without the leading slash; "" is the root.

        Returns
        -------
        int or None
            None where HDF5 has to look: there is no such object, or it is not kept as known here.

        Raises
        ------
        NotHere
            If bytes are missing; they were noted.
        """
        entry = self._entry(path)
        return None if entry is None else entry.header

    def _entry(self, path: str) -> _Entry | None:
        if path not in self._found:
            try:
                self._found[path] = self._look(path)
            except (_Strange, EOFError):
                self._found[path] = None
        return self._found[path]

    def _look(self, path: str) -> _Entry | None:
        if not path:
            return _root(self._file)
        parent, _, name = path.rpartition("/")
        group = self._entry(parent)
        return None if group is None else _member(self._file, group, name.encode())


def open_at(file: h5f.FileID, address: int) -> Any:
    """The object whose header is at an address, as h5py has it."""
    return h5r.dereference(_scratch.reference(address), file)


class _Scratch(threading.local):
    """An attribute in memory, each thread's own, through which any address becomes a reference: h5py makes one by name only."""

    def __init__(self) -> None:
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_fapl_core(backing_store=False)
        self._file = h5f.create(b"scratch", h5f.ACC_TRUNC, fapl=access)
        self._attribute = h5a.create(self._file, b"reference", h5t.STD_REF_OBJ, h5s.create(h5s.SCALAR))

    def reference(self, address: int) -> h5r.Reference:
        self._attribute.write(np.array(address, np.uint64), mtype=h5t.STD_REF_OBJ)
        found = np.empty((), h5py.ref_dtype)
        self._attribute.read(found)
        return found[()]


_scratch = _Scratch()


def _root(file: RemoteFile) -> _Entry:
    superblock = _read(file, 0, max(_SUPERBLOCKS.values()) + _ENTRY.size)
    _expect(superblock.startswith(_SIGNATURE) and superblock[8] in _SUPERBLOCKS)
    sizes, base = superblock[13:15], superblock[24:32]
    _expect(sizes == b"\x08\x08" and not any(base))
    return _Entry(*_ENTRY.unpack_from(superblock, _SUPERBLOCKS[superblock[8]]))


def _member(file: RemoteFile, group: _Entry, name: bytes) -> _Entry:
    _expect(group.kind == _OF_A_GROUP)
    file.need([(group.tree, group.tree + _NODE.size), (group.heap, group.heap + _HEAP.size)])
    names = _names(file, group.heap)
    leaf = _leaf(file, group.tree, names, name)
    found = [entry for entry in _entries(file, leaf) if _name(names, entry.name) == name]
    _expect(len(found) == 1)
    return found[0]


def _names(file: RemoteFile, heap: int) -> bytes:
    signature, version, size, _, start = _HEAP.unpack(_read(file, heap, _HEAP.size))
    _expect(signature == b"HEAP" and version == 0 and size <= _MOST_NAMES)
    return _read(file, start, size)


def _name(names: bytes, start: int) -> bytes:
    stop = names.find(b"\0", start)
    _expect(stop >= 0)
    return names[start:stop]


def _leaf(file: RemoteFile, tree: int, names: bytes, name: bytes) -> int:
    """Where those members are that a name may be among."""
    for _ in range(_MOST_LEVELS):
        signature, kind, level, count, _, _ = _NODE.unpack(_read(file, tree, _NODE.size))
        _expect(signature == b"TREE" and kind == 0)
        # Between the children stand the last names of each.
        content = _read(file, tree + _NODE.size, 16 * count + 8)
        children = struct.unpack(f"<{2 * count + 1}Q", content)[1::2]
        lasts = struct.unpack(f"<{2 * count + 1}Q", content)[2::2]
        tree = next((child for child, last in zip(children, lasts, strict=True) if name <= _name(names, last)), 0)
        _expect(tree > 0)
        if level == 0:
            return tree
    raise _Strange


def _entries(file: RemoteFile, leaf: int) -> list[_Entry]:
    signature, version, count = _LEAF.unpack(_read(file, leaf, _LEAF.size))
    _expect(signature == b"SNOD" and version == 1)
    content = _read(file, leaf + _LEAF.size, count * _ENTRY.size)
    return [_Entry(*values) for values in _ENTRY.iter_unpack(content)]


def _read(file: RemoteFile, start: int, count: int) -> bytes:
    content = bytearray(count)
    file.read_at(start, memoryview(content))
    return bytes(content)


def _expect(is_so: bool) -> None:
    if not is_so:
        raise _Strange
