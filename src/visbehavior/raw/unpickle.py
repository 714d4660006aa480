"""A restricted unpickler that builds containers, arrays, numbers and dates only.

Unpickling an untrusted file can run any code. This reader builds the few classes that a stimulus pickle contains and
rejects all others before they are called. Nothing that numpy would trust comes from the pickle: dtypes and arrays are
rebuilt from checked parts. Memory and time are bounded by the size of the file.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zlib
from collections.abc import Callable
from typing import IO, Any

from visbehavior.errors import CorruptFile, NotFound, UnsupportedFile
from visbehavior.raw import pickle_arrays, pickle_values
from visbehavior.raw.pickle_arrays import PickledArray
from visbehavior.raw.pickle_scan import DICTIONARY, RejectedPickle, check_opcodes
from visbehavior.raw.pickle_values import Budget, PickledDictionary, short_text

MAX_PLAIN_SIZE = 64 << 20
"""A gzipped pickle may have so many bytes ..."""
MAX_GZIP_RATIO = 60
"""... plus so many times its packed size. The rigs' pickles have 11 times their packed size."""
_CHUNK = 1 << 20
_BUDGET_RATIO, _BUDGET = 8, 16 << 20
"""A pickle may build so many times its own size, plus so many bytes, from parts that it uses many times."""
_VALUES_RATIO, _VALUES = 4, 1 << 20
"""It may have so many values for each of its bytes, plus so many, when shared containers are counted each time."""
_MAX_DEPTH = 64
_CONTAINERS = frozenset((list, tuple, PickledDictionary, PickledArray))

_GZIP = b"\x1f\x8b"
_EXPECTED = "Expected the stimulus pickle of a camstim rig (.pkl or .pkl.gz)."

UNPICKLING_ERRORS = (
    pickle.UnpicklingError,
    RejectedPickle,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    Warning,
)
"""Errors raised for arbitrary bytes. Unknown escapes in text are warnings, which Python may be told to raise."""


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """Return the content of a stimulus pickle; byte strings of Python 2 become text (latin1).

    Parameters
    ----------
    path : str or os.PathLike
        Pickle, plain or gzipped.

    Raises
    ------
    NotFound
        If the file does not exist.
    UnsupportedFile
        If it is not a pickle, needs a class other than containers, arrays, numbers and dates, or asks for more memory
        than its size justifies. No code of the pickle is run.
    CorruptFile
        If it is truncated or damaged.
    """
    path = os.fspath(path)
    try:
        return load_pickle(_read_plain(path))
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}. {_EXPECTED}", path=path) from error
    except _ForbiddenClass as error:
        raise UnsupportedFile(
            f"{path} needs the class {error}, which is not allowed in a stimulus pickle: the file is from another program, or is "
            f"malicious. No code from it was run. {_EXPECTED}",
            path=path,
            name=str(error),
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFile(
            f"{path} is truncated or damaged ({short_text(error)}). Copy it from the rig again.", path=path
        ) from error
    except UNPICKLING_ERRORS as error:
        if "truncated" in short_text(error):
            raise CorruptFile(
                f"{path} is truncated ({short_text(error)}). Copy it from the rig again.", path=path
            ) from error
        raise UnsupportedFile(
            f"{path} is not a readable pickle ({short_text(error)}). {_EXPECTED}", path=path
        ) from error


def load_pickle(data: bytes) -> Any:
    """Return the content of a pickle in memory.

    Raises
    ------
    The errors in `UNPICKLING_ERRORS`, EOFError, and an error for a forbidden class.
    """
    content = _Unpickler(check_opcodes(data), Budget(_BUDGET_RATIO * len(data) + _BUDGET)).load()
    _check_nesting(content, _VALUES_RATIO * len(data) + _VALUES)
    return content


class _ForbiddenClass(Exception):
    """A class that stimulus pickles do not contain."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, budget: Budget) -> None:
        # Without a buffer the unpickler calls read for every opcode.
        super().__init__(io.BufferedReader(io.BytesIO(data)), encoding="latin1")
        self._allowed = _allowed_classes(budget)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise _ForbiddenClass(short_text(f"{module}.{name}")) from None


class _Builder:
    """A function that a pickle may call. It has no attributes that a pickle could set."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("a pickle must not change what it calls")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a pickle must not change what it calls")


def _allowed_classes(budget: Budget) -> dict[tuple[str, str], Any]:
    """Return what a pickle gets for each class and function that it may name."""

    def builder(build: Callable[..., Any]) -> _Builder:
        return _Builder(lambda *arguments: build(budget, *arguments))

    array, scalar, contiguous = (
        builder(pickle_arrays.empty_array),
        builder(pickle_arrays.scalar),
        builder(pickle_arrays.contiguous_array),
    )
    allowed: dict[tuple[str, str], Any] = {
        DICTIONARY: builder(PickledDictionary),
        ("collections", "OrderedDict"): builder(pickle_values.ordered),
        ("datetime", "datetime"): builder(pickle_values.date),
        ("numpy", "ndarray"): pickle_arrays.NDARRAY,
        ("numpy", "dtype"): builder(pickle_arrays.PickledDtype),
        ("_codecs", "encode"): builder(pickle_values.encode),
        **{(module, "bytes"): builder(pickle_values.empty_bytes) for module in ("__builtin__", "builtins")},
    }
    for core in ("numpy.core", "numpy._core"):
        allowed[f"{core}.multiarray", "_reconstruct"] = array
        allowed[f"{core}.multiarray", "scalar"] = scalar
        allowed[f"{core}.numeric", "_frombuffer"] = contiguous
    return allowed


def _read_plain(path: str) -> bytes:
    if os.path.isdir(path) or (os.path.exists(path) and not os.path.isfile(path)):
        raise UnsupportedFile(f"{path} is a folder, a device or a pipe. {_EXPECTED}", path=path)
    with open(path, "rb") as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not is_packed:
            return file.read()
        return _decompress(file, MAX_PLAIN_SIZE + MAX_GZIP_RATIO * os.path.getsize(path))


def _decompress(file: IO[bytes], limit: int) -> bytes:
    chunks, size = [], 0
    with gzip.open(file) as stream:
        while chunk := stream.read(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise RejectedPickle(f"it unpacks to more than {limit:,} bytes")
    return b"".join(chunks)


def _check_nesting(content: Any, limit: int) -> None:
    """Raise if containers nest too deeply, or have too many values if each shared one is counted every time.

    Code that converts nested lists visits them as often: few containers could keep it busy for years.
    """
    level: list[Any] = [[content]]
    for _ in range(_MAX_DEPTH):
        nested: list[Any] = []
        for container in level:
            is_array = type(container) is PickledArray
            limit -= container.size if is_array else len(container)
            if limit < 0:
                raise RejectedPickle("it uses its lists so often that they have more values than the file justifies")
            if not is_array:
                nested += _containers_in(container)
        if not nested:
            return
        level = nested
    raise RejectedPickle(f"its containers nest more than {_MAX_DEPTH} levels deep")


def _containers_in(container: Any) -> list[Any]:
    values = container.values() if type(container) is PickledDictionary else container
    # Most lists have numbers only.
    if _CONTAINERS.isdisjoint(set(map(type, values))):
        return []
    return [value for value in values if type(value) in _CONTAINERS]
