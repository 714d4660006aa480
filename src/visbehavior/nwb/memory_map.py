"""Large arrays of a local file, mapped into memory copy-on-write.

Why own code on POSIX: Python's ``mmap`` keeps a file descriptor open for each map (since 3.13 this can be switched off).
With it 1,000 sessions with their images exceed the usual limit of 1,024 descriptors, so the C library's ``mmap`` is called.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import os
import sys
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.nwb.open_file import Extent

_log = logging.getLogger("visbehavior")

_MADV_POPULATE_READ = 22
"""Linux's advice to load pages now, which the module mmap of Python 3.11 lacks."""


def map_array(path: str, extent: Extent) -> NDArray[Any]:
    """Return a contiguous dataset as an array that reads the file when it is accessed.

    Parameters
    ----------
    path : str
        The file.
    extent : Extent
        Position of the values.

    Returns
    -------
    numpy.ndarray
        Writing to it changes the array, never the file. A copy if the system cannot map the file.
    """
    count = int(np.prod(extent.shape, dtype=np.int64))
    size = count * extent.dtype.itemsize
    if not size:
        return np.empty(extent.shape, extent.dtype)
    start = extent.offset % mmap.ALLOCATIONGRANULARITY
    with open(path, "rb") as file:
        try:
            buffer = _map(file.fileno(), start + size, extent.offset - start)
        except (OSError, ValueError, AttributeError) as error:
            _log.info("%s cannot be mapped (%s): it is read instead", path, error)
            file.seek(extent.offset)
            buffer, start = bytearray(file.read(size)), 0
    return np.frombuffer(buffer, extent.dtype, count, start).reshape(extent.shape)


def load_pages(arrays: Iterable[NDArray[Any]]) -> None:
    """Load mapped arrays before they are written to a file.

    Linux writes pages that are not loaded in small pieces, which takes twice as long, and so does flushing the pieces.
    """
    if sys.platform != "linux":
        return
    advise = ctypes.CDLL(None).madvise
    for array in arrays:
        if array.flags.c_contiguous:
            start = array.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
            size = array.ctypes.data + array.nbytes - start
            # Fails before Linux 5.14, and if the file was truncated. The pages are then loaded when they are written.
            advise(ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(_MADV_POPULATE_READ))


if sys.platform == "win32":

    def _map(descriptor: int, length: int, offset: int) -> Any:
        return mmap.mmap(descriptor, length, access=mmap.ACCESS_COPY, offset=offset)

else:

    def _map(descriptor: int, length: int, offset: int) -> Any:
        library = ctypes.CDLL(None, use_errno=True)
        library.mmap.restype = ctypes.c_void_p
        library.mmap.argtypes = (
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            # off_t
            ctypes.c_long,
        )
        library.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        address = library.mmap(None, length, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, descriptor, offset)
        if address in (None, ctypes.c_void_p(-1).value):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        # The array references this buffer. When the last array is deleted, the memory is unmapped.
        buffer = (ctypes.c_char * length).from_address(address)
        weakref.finalize(buffer, library.munmap, address, length).atexit = False
        return buffer
