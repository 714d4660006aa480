"""A restricted unpickler that builds containers, arrays, numbers and dates only.

Unpickling an untrusted file can run any code. This reader builds the few classes that a stimulus pickle contains and
rejects all others before they are called. Nothing that numpy would trust comes from the pickle: dtypes and arrays are
rebuilt from checked parts. Memory and time are bounded by the size of the file.
"""

from __future__ import annotations

import collections
import datetime
import gzip
import io
import os
import pickle
import re
import threading
import zlib
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from visbehavior.errors import CorruptFile, NotFound, UnsupportedFile
from visbehavior.raw.pickle_scan import RejectedPickle, check_opcodes

MAX_PLAIN_SIZE = 64 << 20
"""A gzipped pickle may have so many bytes ..."""
MAX_GZIP_RATIO = 60
"""... plus so many times its packed size. The rigs' pickles have 11 times their packed size."""
_BUDGET = 16 << 20
"""Bytes that a pickle may build from repeated parts, beyond twice its own size."""
_STACK_PER_TUPLE = 512
"""Bytes of stack to hash a level of nested tuples, which Python does without a recursion check."""
_MAX_STACK = 1 << 30
_SHALLOW = 10_000

_GZIP = b"\x1f\x8b"
_EXPECTED = "Expected the stimulus pickle of a camstim rig (.pkl or .pkl.gz)."
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]|c(?:8|16)|[SU]\d{1,7}|O[48]?|\?")
_MAX_DIMENSIONS = 8

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
)
"""Errors raised for arbitrary bytes."""


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
            f"{path} is truncated or damaged ({_short(error)}). Copy it from the rig again.", path=path
        ) from error
    except UNPICKLING_ERRORS as error:
        if "truncated" in _short(error):
            raise CorruptFile(
                f"{path} is truncated ({_short(error)}). Copy it from the rig again.", path=path
            ) from error
        raise UnsupportedFile(f"{path} is not a readable pickle ({_short(error)}). {_EXPECTED}", path=path) from error


def load_pickle(data: bytes) -> Any:
    """Return the content of a pickle in memory.

    Raises
    ------
    The errors in `UNPICKLING_ERRORS`, EOFError, and an error for a forbidden class.
    """
    check_opcodes(data)
    unpickler = _Unpickler(io.BytesIO(data), budget=2 * len(data) + _BUDGET)
    return _with_stack(unpickler.load, sum(map(data.count, (b"t", b"\x85", b"\x86", b"\x87"))))


def _read_plain(path: str) -> bytes:
    if os.path.isdir(path) or (os.path.exists(path) and not os.path.isfile(path)):
        raise UnsupportedFile(f"{path} is a folder, a device or a pipe. {_EXPECTED}", path=path)
    with open(path, "rb") as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not is_packed:
            return file.read()
        limit = MAX_PLAIN_SIZE + MAX_GZIP_RATIO * os.path.getsize(path)
        with gzip.open(file) as stream:
            data = stream.read(limit + 1)
    if len(data) > limit:
        raise RejectedPickle(f"it unpacks to more than {limit:,} bytes")
    return data


def _with_stack(load: Callable[[], Any], tuples: int) -> Any:
    """Call a function with a stack that is deep enough for tuples nested in one another."""
    if tuples < _SHALLOW:
        return load()
    if tuples * _STACK_PER_TUPLE > _MAX_STACK:
        raise RejectedPickle(f"it has {tuples:,} tuples")
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.extend((load(), None))
        except BaseException as error:
            outcome.extend((None, error))

    before = threading.stack_size(max(tuples * _STACK_PER_TUPLE, 16 << 20) // 4096 * 4096)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    value, error = outcome
    if error is not None:
        raise error
    return value


class _ForbiddenClass(Exception):
    """A class that stimulus pickles do not contain."""


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


class _NdarrayClass:
    """Stands for numpy.ndarray as an argument; it cannot be called."""

    __slots__ = ()


class _Dtype:
    """A dtype from a pickle: a type code and a byte order."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: Any, *_: Any) -> None:
        code = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"a dtype that no rig writes: {_short(code)}")
        self._code, self._order = code, "="

    def __setstate__(self, state: Any) -> None:
        _, order, subarray, names, fields, *_ = state
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "=") or (subarray, names, fields) != (None, None, None):
            raise pickle.UnpicklingError("a dtype with fields or an unknown byte order")
        self._order = order

    def resolve(self) -> np.dtype[Any]:
        """Return the numpy dtype."""
        order: Any = self._order
        return np.dtype(self._code).newbyteorder(order)


class _PickledArray(np.ndarray[Any, np.dtype[Any]]):
    """An array that checks its state before numpy gets it."""

    def __setstate__(self, state: Any) -> None:
        *version, shape, dtype, is_fortran, content = state
        if version not in ([], [1]) or not isinstance(dtype, _Dtype) or not isinstance(is_fortran, (bool, int)):
            raise pickle.UnpicklingError("an array of an unknown form")
        resolved, count = dtype.resolve(), _checked_count(shape)
        if resolved.kind == "O":
            if type(content) is not list or len(content) != count:
                raise pickle.UnpicklingError("an array of objects without its objects")
            size = 8 * count
        else:
            content = _checked_bytes(content, count * resolved.itemsize)
            size = len(content)
        self._spend(size)
        checked: Any = (1, shape, resolved, bool(is_fortran), content)
        super().__setstate__(checked)

    _spend: Callable[[int], None] = staticmethod(lambda size: None)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, budget: int) -> None:
        super().__init__(stream, encoding="latin1")
        self._budget = budget
        array, frombuffer, ndarray = _Builder(self._array), _Builder(self._frombuffer), _NdarrayClass()
        scalar = _Builder(self._scalar)
        self._array_class = type("_PickledArray", (_PickledArray,), {"_spend": staticmethod(self._spend)})
        self._allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): _Builder(self._ordered),
            ("datetime", "datetime"): _Builder(datetime.datetime),
            ("numpy", "ndarray"): ndarray,
            ("numpy", "dtype"): _Builder(_Dtype),
            ("_codecs", "encode"): _Builder(self._encode),
            **{(module, "bytes"): _Builder(_empty_bytes) for module in ("__builtin__", "builtins")},
        }
        for core in ("numpy.core", "numpy._core"):
            self._allowed[f"{core}.multiarray", "_reconstruct"] = array
            self._allowed[f"{core}.multiarray", "scalar"] = scalar
            self._allowed[f"{core}.numeric", "_frombuffer"] = frombuffer

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise _ForbiddenClass(_short(f"{module}.{name}")) from None

    def _spend(self, size: int) -> None:
        """Count bytes that are built from parts of the pickle, which may be used many times."""
        self._budget -= size + 64
        if self._budget < 0:
            raise RejectedPickle("it uses its parts so often that they need more memory than the file justifies")

    def _array(self, kind: Any, shape: Any, dtype: Any) -> Any:
        """Return an empty array; the pickle then sets its state."""
        if not isinstance(kind, _NdarrayClass):
            raise pickle.UnpicklingError("an array of another class")
        self._spend(0)
        return np.ndarray.__new__(self._array_class, (0,), np.int8)

    def _frombuffer(self, content: Any, dtype: Any, shape: Any, order: Any) -> Any:
        """Return an array of protocol 5."""
        if not isinstance(dtype, _Dtype) or dtype.resolve().kind == "O" or order not in ("C", "F"):
            raise pickle.UnpicklingError("an array of an unknown form")
        plain = dtype.resolve()
        checked = _checked_bytes(content, _checked_count(shape) * plain.itemsize)
        self._spend(len(checked))
        return np.frombuffer(checked, plain).reshape(shape, order=order).copy(order=order)

    def _scalar(self, dtype: Any, content: Any) -> Any:
        if not isinstance(dtype, _Dtype) or dtype.resolve().kind == "O":
            raise pickle.UnpicklingError("a scalar of an unknown form")
        plain = dtype.resolve()
        self._spend(plain.itemsize)
        return np.frombuffer(_checked_bytes(content, plain.itemsize), plain)[0]

    def _ordered(self, *arguments: Any) -> Any:
        pairs = arguments[0] if arguments else ()
        if len(arguments) > 1 or type(pairs) not in (list, tuple):
            raise pickle.UnpicklingError("an OrderedDict of something else than pairs")
        self._spend(100 * len(pairs))
        return collections.OrderedDict(pairs)

    def _encode(self, text: Any, encoding: Any = "latin1") -> bytes:
        """Return the bytes that a pickle of protocol 2 stores as text."""
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("bytes in another encoding")
        self._spend(len(text))
        return text.encode("latin1")


def _empty_bytes(*arguments: Any) -> bytes:
    if arguments:
        raise pickle.UnpicklingError("bytes with an argument")
    return b""


def _checked_count(shape: Any) -> int:
    """Return the number of values of an array with this shape."""
    is_shape = type(shape) is tuple and len(shape) <= _MAX_DIMENSIONS
    if not is_shape or not all(type(length) is int and 0 <= length < 1 << 40 for length in shape):
        raise pickle.UnpicklingError(f"a shape that no array has: {_short(shape)}")
    return prod(shape)


def _checked_bytes(content: Any, size: int) -> bytes:
    """Return the content of an array if it has the size that its dtype and shape need."""
    if type(content) is str:
        # Python 2 stores bytes as text.
        content = content.encode("latin1")
    if type(content) not in (bytes, bytearray) or len(content) != size:
        raise pickle.UnpicklingError(f"an array whose content is not {size} bytes")
    return bytes(content)


def _short(value: Any) -> str:
    """Return the start of a text, or of the text of an exception."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, Exception) else type(value).__name__
    return " ".join(text[:300].split())[:120] or type(value).__name__
