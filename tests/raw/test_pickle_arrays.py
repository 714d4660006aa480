"""Tests of `visbehavior.raw.pickle_arrays`: dtypes, shapes and contents of arrays."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from visbehavior.raw.pickle_arrays import NDARRAY, PickledArray, PickledDtype, contiguous_array, empty_array, scalar
from visbehavior.raw.pickle_scan import RejectedPickle
from visbehavior.raw.pickle_values import Budget

CODES = (
    "b1",
    "?",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u4",
    "u8",
    "f2",
    "f4",
    "f8",
    "c8",
    "c16",
    "S3",
    "U3",
    "O",
    "O8",
)


@pytest.fixture
def budget() -> Budget:
    return Budget(1 << 20)


def set_array(budget: Budget, shape: Any, dtype: Any, content: Any, is_fortran: Any = False) -> PickledArray:
    array = empty_array(budget, NDARRAY, (0,), b"b")
    array.__setstate__((1, shape, dtype, is_fortran, content))
    return array


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("order", ["<", ">", "|", "=", b"<"])
def test_plain_dtypes_are_accepted(budget: Budget, code: str, order: str) -> None:
    dtype = PickledDtype(budget, code, False, True)
    dtype.__setstate__((3, order, None, None, None, -1, -1, 0))
    is_big = order == ">" and np.dtype(code).newbyteorder(">") != np.dtype(code)
    assert dtype.resolve() == (np.dtype(code).newbyteorder(">") if is_big else np.dtype(code))


@pytest.mark.parametrize(
    "code",
    ["V8", "M8", "m8", "S0", "U0", "U", "S12345678", "f16", "i3", "O16", "f8,O", "(2,)f8", "f8\n", "٣", 8, None, []],
)
def test_other_dtypes_are_rejected(budget: Budget, code: Any) -> None:
    with pytest.raises(pickle.UnpicklingError):
        PickledDtype(budget, code)


@pytest.mark.parametrize(
    "state",
    [
        None,
        (),
        "<<<<<<",
        (3, "<"),
        (3, "<", ("f8", (2,)), None, None, -1, -1, 0),
        (3, "<", None, ("a",), None, -1, -1, 0),
        (3, "<", None, None, {}, -1, -1, 0),
        (3, "!", None, None, None, -1, -1, 0),
        (3, np.zeros(3), None, None, None, -1, -1, 0),
    ],
)
def test_dtypes_with_fields_are_rejected(budget: Budget, state: Any) -> None:
    dtype = PickledDtype(budget, "f8")
    with pytest.raises(pickle.UnpicklingError):
        dtype.__setstate__(state)
    assert dtype.resolve() == np.float64


@pytest.mark.parametrize("build", [set_array, contiguous_array])
@pytest.mark.parametrize(
    "shape", [(2,), (0,), (-1,), (2**62,), (2**33, 2**33), (1.0,), (True,), [1], 1, None, (1,) * 9]
)
def test_shapes_must_fit_the_bytes(budget: Budget, build: Any, shape: Any) -> None:
    dtype = PickledDtype(budget, "f8")
    arguments = (shape, dtype, bytes(8)) if build is set_array else (bytes(8), dtype, shape, "C")
    with pytest.raises(pickle.UnpicklingError, match=r"a shape that no array has|an array whose content is not"):
        build(budget, *arguments)


def test_empty_arrays_have_a_limited_number_of_rows(budget: Budget) -> None:
    assert set_array(budget, (1000, 0), PickledDtype(budget, "f8"), b"").shape == (1000, 0)
    with pytest.raises(pickle.UnpicklingError, match="an empty array with too many rows"):
        set_array(budget, (2**20, 0), PickledDtype(budget, "f8"), b"")


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("b1", b"\0\2"),
        ("b1", b"\xff\1"),
        ("U1", b"a\0\0\0\0\0\x11\0"),
        ("U1", b"\xff" * 8),
        ("i1", "\u2603a"),
        ("i1", None),
    ],
)
def test_contents_must_be_values_of_the_dtype(budget: Budget, code: str, content: Any) -> None:
    with pytest.raises((pickle.UnpicklingError, UnicodeEncodeError)):
        set_array(budget, (2,), PickledDtype(budget, code), content)


def test_objects_never_come_from_bytes(budget: Budget) -> None:
    dtype = PickledDtype(budget, "O8")
    for content in (bytes(8), bytearray(8), "a" * 8, ("a",), np.zeros(1), None, [], ["a", "b"]):
        with pytest.raises(pickle.UnpicklingError, match="an array of objects without its objects"):
            set_array(budget, (1,), dtype, content)
    with pytest.raises(pickle.UnpicklingError, match="an array of objects without its objects"):
        contiguous_array(budget, bytes(8), dtype, (1,), "C")
    with pytest.raises(pickle.UnpicklingError, match="a scalar of an unknown form"):
        scalar(budget, dtype, bytes(8))


@pytest.mark.parametrize("value", [[], (), {}, np.zeros(1), object(), PickledDtype, bytearray()])
def test_objects_must_be_plain(budget: Budget, value: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match=f"an array of objects with {type(value).__name__}"):
        set_array(budget, (1,), PickledDtype(budget, "O"), [value])


@pytest.mark.parametrize("is_fortran", [2, -1, "F", None, 2**70, np.zeros(2)])
def test_order_must_be_a_boolean(budget: Budget, is_fortran: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match="an array of an unknown form"):
        set_array(budget, (1,), PickledDtype(budget, "i1"), b"a", is_fortran)


def test_arrays_are_set_once(budget: Budget) -> None:
    dtype = PickledDtype(budget, "i1")
    for array in (set_array(budget, (1,), dtype, b"a"), contiguous_array(budget, b"a", dtype, (1,), "C")):
        with pytest.raises(pickle.UnpicklingError, match="an array of an unknown form"):
            array.__setstate__((1, (1,), dtype, False, b"b"))
        assert array.tolist() == [97]


def test_repeated_arrays_use_up_the_budget() -> None:
    budget = Budget(1 << 20)
    dtype = PickledDtype(budget, "i1")
    with pytest.raises(RejectedPickle):
        _ = [set_array(budget, (1000,), dtype, bytes(1000)) for _ in range(2000)]
