"""Opening an HDF5 file: from disk without locks, or from a partially downloaded one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from h5py import h5d, h5f, h5fd, h5p

from visbehavior.store.os_files import open_binary, read_at

if TYPE_CHECKING:
    from visbehavior.store.remote_file import RemoteFile

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file."""
_MIN_HEAP_SIZE = 4096
_MAX_HEAP_SIZE = 1 << 16
"""Sizes of an HDF5 global heap collection (bytes); a single longer text makes a larger one. Texts refer to theirs by its address."""


class ByteSource(Protocol):
    """The bytes of an open file."""

    @property
    def size(self) -> int: ...
    @property
    def identity(self) -> tuple[Any, ...]: ...
    def read_at(self, start: int, view: memoryview) -> None: ...
    def close(self) -> None: ...


class DiskFile:
    """The bytes of a local file."""

    def __init__(self, path: str) -> None:
        self._file = open_binary(path, os.O_RDONLY)
        status = os.fstat(self._file)
        self.size = status.st_size
        self.identity: tuple[Any, ...] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a buffer with the bytes from an offset; EOFError if the file ends before."""
        read_at(self._file, start, view)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def open_local(path: str) -> h5f.FileID:
    """Open a local file without locking it.

    The files never change, and many cluster file systems do not support locks. h5py.File does the same in twice the time.
    """
    for locking in ((False, True), None, (True, False), (True, True)):
        access = _access()
        if locking is not None:
            access.set_file_locking(*locking)
        try:
            return h5f.open(os.fsencode(path), h5f.ACC_RDONLY, fapl=access)
        except OSError as error:
            # HDF5 requires the same locking of all handles of a process on one file; another library may have opened it.
            failure = error
            if "flag values don't match" not in str(error):
                break
    raise failure


def open_remote(remote: RemoteFile) -> h5f.FileID:
    """Open a partially downloaded file. Reads of missing bytes raise `visbehavior.store.not_here.NotHere`."""
    access = _access()
    access.set_fileobj_driver(h5fd.fileobj_driver, remote)
    return h5f.open(b"remote", h5f.ACC_RDONLY, fapl=access)


def request_values(remote: RemoteFile, data: h5d.DatasetID) -> None:
    """Request all stored values of a dataset at once: HDF5 would request one chunk after the other."""
    offset = data.get_offset()
    if offset is not None:
        remote.require([(offset, offset + data.get_storage_size())])
    elif data.get_create_plist().get_layout() == h5d.CHUNKED:
        chunks = [data.get_chunk_info(i) for i in range(data.get_num_chunks())]
        remote.require([(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in chunks])


def request_heaps(remote: RemoteFile, addresses: list[int]) -> None:
    """Request the heap collections that hold the texts of a dataset, all at once."""
    remote.require([(address, address + _MIN_HEAP_SIZE) for address in addresses], _MAX_HEAP_SIZE - _MIN_HEAP_SIZE)


def _access() -> Any:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    return access
