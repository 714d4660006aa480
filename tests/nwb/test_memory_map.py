"""Arrays mapped from a file."""

from __future__ import annotations

import gc
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visbehavior.nwb import memory_map
from visbehavior.nwb.memory_map import map_array
from visbehavior.nwb.open_file import Extent


@pytest.fixture(scope="module")
def numbers_file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("memory_map") / "numbers"
    path.write_bytes(np.arange(3000, dtype="<f8").tobytes() + b"tail")
    return path


@given(offset=st.integers(0, 20000), rows=st.integers(0, 5), columns=st.integers(0, 7))
def test_any_offset_and_shape_can_be_mapped(numbers_file: pathlib.Path, offset: int, rows: int, columns: int) -> None:
    array = map_array(str(numbers_file), Extent(offset, (rows, columns), np.dtype("<f8")))
    assert array.shape == (rows, columns)
    expected = np.frombuffer(numbers_file.read_bytes()[offset:], "<f8", rows * columns)
    np.testing.assert_array_equal(array.ravel(), expected)


def test_writing_changes_only_the_array(numbers_file: pathlib.Path) -> None:
    before = numbers_file.read_bytes()
    extent = Extent(8, (10,), np.dtype("<f8"))
    first, second = map_array(str(numbers_file), extent), map_array(str(numbers_file), extent)
    first[:] = -1
    assert second[0] == 1
    assert numbers_file.read_bytes() == before


def test_file_that_cannot_be_mapped_is_copied(numbers_file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(memory_map, "_map", fail)
    array = map_array(str(numbers_file), Extent(16, (3,), np.dtype("<f8")))
    np.testing.assert_array_equal(array, [2, 3, 4])
    array[:] = 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc of Linux")
def test_memory_is_unmapped_with_the_last_array(numbers_file: pathlib.Path) -> None:
    def count_maps() -> int:
        return pathlib.Path("/proc/self/maps").read_text().count(str(numbers_file))

    before = count_maps()
    array = map_array(str(numbers_file), Extent(0, (3000,), np.dtype("<f8")))
    part = array[2000:2002]
    del array
    gc.collect()
    assert count_maps() == before + 1
    assert part[0] == 2000
    del part
    gc.collect()
    assert count_maps() == before
