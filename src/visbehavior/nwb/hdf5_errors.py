"""h5py's exceptions as errors of visbehavior, in one table."""

from __future__ import annotations

import os
import re
from types import TracebackType

from visbehavior.errors import CorruptFile, NotFound, VisBehaviorError

DOWNLOAD_AGAIN = "Download or copy the file again and compare its size with the source."
"""Advice for a damaged file."""

H5PY_ERRORS = (
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
"""Exceptions that h5py raises on damaged files. HDF5 has one code for most kinds of damage, so the class tells little."""

_TRUNCATED = r"truncated file: eof = (\d+), sblock->base_addr = \d+, stored_eof = (\d+)"


class hdf5_errors:
    """Context in which exceptions of h5py become errors of visbehavior.

    A class and not a generator, because entering a generator takes longer than most of h5py's low-level calls.

    Parameters
    ----------
    path : str
        The file.
    where : str
        Member of the file that is read.
    """

    __slots__ = ("_path", "_where")

    def __init__(self, path: str, where: str) -> None:
        self._path, self._where = path, where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and isinstance(error, H5PY_ERRORS) and not isinstance(error, VisBehaviorError):
            raise damage(self._path, self._where, error) from error


def damage(path: str, where: str, error: BaseException) -> VisBehaviorError:
    """Return the error that describes an exception of h5py."""
    if "://" not in path and not os.path.exists(path):
        return NotFound(f"{path} no longer exists. Restore it, or open another file.", path=path)
    text = " ".join(str(error).split())
    truncated = re.search(_TRUNCATED, text)
    if truncated:
        return CorruptFile(
            f"{path} is truncated: it has {truncated[1]} of {truncated[2]} bytes. A download may have been interrupted. "
            f"{DOWNLOAD_AGAIN}",
            path=path,
            size=int(truncated[1]),
            expected_size=int(truncated[2]),
        )
    return CorruptFile(
        f"{path} is damaged: {where} cannot be read ({text[:200] or type(error).__name__}). {DOWNLOAD_AGAIN}",
        path=path,
        name=where,
    )
