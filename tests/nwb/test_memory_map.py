"""Arrays mapped from a file."""

from __future__ import annotations

import gc
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visbehavior.nwb import memory_map as mapping
from visbehavior.nwb.hdf5 import Extent


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("mapping") / "numbers"
    path.write_bytes(np.arange(3000, dtype="<f8").tobytes() + b"tail")
    return path


@given(offset=st.integers(0, 20000), rows=st.integers(0, 5), columns=st.integers(0, 7))
def test_any_place_and_shape(numbers: pathlib.Path, offset: int, rows: int, columns: int) -> None:
    extent = Extent(offset, (rows, columns), np.dtype("<f8"))
    expected = (
        np.frombuffer(numbers.read_bytes(), "<f8", rows * columns, offset).reshape(rows, columns)
        if rows * columns
        else None
    )
    got = mapping.map_array(str(numbers), extent)
    assert got.shape == (rows, columns)
    if expected is not None:
        np.testing.assert_array_equal(got, expected)


def test_writing_changes_the_array_alone(numbers: pathlib.Path) -> None:
    before = numbers.read_bytes()
    extent = Extent(8, (10,), np.dtype("<f8"))
    first, second = mapping.map_array(str(numbers), extent), mapping.map_array(str(numbers), extent)
    first[:] = -1
    assert second[0] == 1
    assert numbers.read_bytes() == before


def test_a_system_that_refuses_gets_a_copy(numbers: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(mapping, "_mapped", refuse)
    got = mapping.map_array(str(numbers), Extent(16, (3,), np.dtype("<f8")))
    np.testing.assert_array_equal(got, [2, 3, 4])
    got[:] = 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_a_map_goes_with_the_last_array_that_looks_at_it(numbers: pathlib.Path) -> None:
    def maps() -> int:
        return pathlib.Path("/proc/self/maps").read_text().count(str(numbers))

    before = maps()
    array = mapping.map_array(str(numbers), Extent(0, (3000,), np.dtype("<f8")))
    part = array[2000:2002]
    del array
    gc.collect()
    assert maps() == before + 1
    assert part[0] == 2000
    del part
    gc.collect()
    assert maps() == before
