"""Arrays mapped from a file."""

from __future__ import annotations

import gc
import os
import pathlib
import platform
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visbehavior.nwb import memory_map
from visbehavior.nwb.memory_map import load_pages, map_array
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


def loaded_kilobytes(path: pathlib.Path) -> int:
    """Return how much of a mapped file is loaded."""
    _, _, entry = pathlib.Path("/proc/self/smaps").read_text().partition(str(path))
    return int(re.search(r"Rss: *(\d+)", entry)[1])  # type: ignore[index]


has_populate = sys.platform == "linux" and tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (5, 14)


@pytest.mark.skipif(not has_populate, reason="needs Linux 5.14")
def test_all_pages_of_an_array_are_loaded(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(500_000, dtype="<f8").tobytes())
    array = map_array(str(path), Extent(8, (499_999,), np.dtype("<f8")))
    assert loaded_kilobytes(path) < 1000
    load_pages([array])
    assert loaded_kilobytes(path) > 3900
    np.testing.assert_array_equal(array, np.arange(1, 500_000))


def test_arrays_of_any_kind_can_be_loaded(numbers_file: pathlib.Path) -> None:
    mapped = map_array(str(numbers_file), Extent(0, (50, 60), np.dtype("<f8")))
    arrays = [mapped, mapped.T, mapped[::2], np.array("text", object), np.empty(0), np.zeros(3, bool), np.arange(9)]
    before = [array.copy() for array in arrays]
    load_pages(arrays)
    for array, expected in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_pages_of_a_truncated_file_are_left_out(tmp_path: pathlib.Path) -> None:
    """Reading them would end the process."""
    path = tmp_path / "numbers"
    path.write_bytes(bytes(1 << 20))
    array = map_array(str(path), Extent(0, (1 << 20,), np.dtype("u1")))
    os.truncate(path, 100_000)
    load_pages([array])
    assert not array[:100_000].any()


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
