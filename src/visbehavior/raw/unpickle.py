"""A safe unpickler: containers, arrays, numbers and dates, nothing else.

A pickle is a program, and one from elsewhere may do anything. This reader builds the handful of classes that a rig's file
holds and refuses every other by name, before anything of it is called.
"""

from __future__ import annotations

import builtins
import collections
import datetime
import gzip
import os
import pickle
import zlib
from typing import Any

import numpy as np

from visbehavior.errors import CorruptFile, NotFound, UnsupportedFile

try:
    from numpy._core import multiarray
except ImportError:  # numpy before 2.0
    from numpy.core import multiarray  # type: ignore[no-redef]

_GZIP = b"\x1f\x8b"
_WANTED = "Expected the stimulus pickle of a camstim rig (.pkl, or .pkl.gz)."


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How a pickle of protocol 2 writes bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def _array(kind: type, shape: Any, dtype: Any) -> Any:
    """An empty array, to be filled; of no other class."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f"an array of the class {kind!r}")
    return multiarray._reconstruct(np.ndarray, shape, dtype)


_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("datetime", "datetime"): datetime.datetime,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): builtins.bytes,
    ("builtins", "bytes"): builtins.bytes,
    **{(module, "_reconstruct"): _array for module in _NUMPY},
    **{(module, "scalar"): multiarray.scalar for module in _NUMPY},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _RefusedClass(f"{module}.{name}") from None


class _RefusedClass(Exception):
    """A class that no rig's file holds."""


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """What a rig's pickle holds; byte strings of Python 2 as text (latin1).

    Parameters
    ----------
    path : str or os.PathLike
        Plain or gzip.

    Raises
    ------
    NotFound
        If there is no such file.
    UnsupportedFile
        If it is no pickle, or wants to build anything but containers, arrays, numbers and dates. Nothing of it is run.
    CorruptFile
        If it is cut short or damaged.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
        with gzip.open(path) if packed else open(path, "rb") as stream:
            return _Unpickler(stream, encoding="latin1").load()
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}. {_WANTED}", path=path) from error
    except _RefusedClass as error:
        raise UnsupportedFile(
            f"{path} wants to build {error}, which no rig's file holds: it is another program's pickle, or a harmful one. Nothing of it was "
            f"run. {_WANTED}",
            path=path,
            name=str(error),
        ) from error
    except IsADirectoryError as error:
        raise UnsupportedFile(f"{path} is a folder. {_WANTED}", path=path) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFile(
            f"{path} is cut short or damaged ({error}). Copy it from the rig again.", path=path
        ) from error
    except _OF_DAMAGE as error:
        what = " ".join(str(error).split()) or type(error).__name__
        if "truncated" in what:
            raise CorruptFile(f"{path} is cut short ({what}). Copy it from the rig again.", path=path) from error
        raise UnsupportedFile(f"{path} is no pickle that can be read ({what}). {_WANTED}", path=path) from error


# What unpickling of arbitrary bytes raises.
_OF_DAMAGE = (
    pickle.UnpicklingError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
    OSError,
)
