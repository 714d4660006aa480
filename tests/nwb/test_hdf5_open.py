"""Opening of local HDF5 files without locks."""

from __future__ import annotations

import pathlib

import h5py
import pytest

from tests.nwb.damaged_files import opened
from visbehavior.nwb.hdf5_open import DiskFile


@pytest.mark.parametrize("locking", [None, False, True, "best-effort"])
def test_file_that_another_library_has_open_is_opened(newer_file: pathlib.Path, locking: bool | str | None) -> None:
    with h5py.File(newer_file, "r", locking=locking):
        assert len(opened(newer_file).trials) == 60


def test_disk_file_reads_bytes_at_an_offset(tmp_path: pathlib.Path) -> None:
    (tmp_path / "bytes").write_bytes(bytes(range(10)))
    file = DiskFile(str(tmp_path / "bytes"))
    buffer = bytearray(4)
    file.read_at(6, memoryview(buffer))
    assert (bytes(buffer), file.size) == (bytes([6, 7, 8, 9]), 10)
    with pytest.raises(EOFError):
        file.read_at(7, memoryview(buffer))
    file.close()


def test_identity_of_a_disk_file_changes_with_its_content(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"abc")
    first, second = DiskFile(str(path)), DiskFile(str(path))
    path.write_bytes(b"abcd")
    third = DiskFile(str(path))
    assert first.identity == second.identity != third.identity
    for file in (first, second, third):
        file.close()
