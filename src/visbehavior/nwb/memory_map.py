"""Large arrays of a file on this disk, mapped into memory copy on write.

Python's own ``mmap`` keeps a file descriptor for each map (until 3.13, where it can be told not to), and a thousand
sessions with their images would run out of them; on POSIX systems the C library's is called instead.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import os
import sys
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.nwb.hdf5 import Extent

_log = logging.getLogger("visbehavior")


def map_array(path: str, extent: Extent) -> NDArray[Any]:
    """A contiguous dataset of a file as an array that reads the file when it is looked at.

    Parameters
    ----------
    path : str
        The file.
    extent : Extent
        Where the values lie.

    Returns
    -------
    numpy.ndarray
        A plain array. Writing to it changes the array, never the file. Where the system refuses to map, a copy.
    """
    count = int(np.prod(extent.shape, dtype=np.int64))
    size = count * extent.dtype.itemsize
    if not size:
        return np.empty(extent.shape, extent.dtype)
    start = extent.offset % mmap.ALLOCATIONGRANULARITY
    with open(path, "rb") as file:
        try:
            mapped = _mapped(file.fileno(), start + size, extent.offset - start)
        except (OSError, ValueError, AttributeError) as error:
            _log.info("%s cannot be mapped (%s): read instead", path, error)
            file.seek(extent.offset)
            mapped, start = bytearray(file.read(size)), 0
    return np.frombuffer(mapped, extent.dtype, count, start).reshape(extent.shape)


if sys.platform == "win32":

    def _mapped(descriptor: int, length: int, offset: int) -> Any:
        return mmap.mmap(descriptor, length, access=mmap.ACCESS_COPY, offset=offset)

else:

    def _mapped(descriptor: int, length: int, offset: int) -> Any:
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
        # The array holds this buffer; when the last array that looks at it is gone, the map goes too.
        buffer = (ctypes.c_char * length).from_address(address)
        weakref.finalize(buffer, library.munmap, address, length).atexit = False
        return buffer
