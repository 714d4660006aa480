"""Reads of HDF5 files that are not trusted: links, storage in other files, missing and oversized values."""

from __future__ import annotations

import pathlib
import tracemalloc
import zlib
from typing import Any

import h5py
import numpy as np
import pyfive
import pytest

from tests.nwb.damaged_files import Damage, DamageFile, assert_bad_value, opened, replace, replace_link
from tests.nwbfiles import TEXT
from visbehavior import BadValue, CorruptFile, MissingData
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.schema.session import RUNNING_SPEED

SPEED = "processing/running/speed/data"
NAMES = "intervals/trials/change_image_name"


@pytest.fixture
def other_file(tmp_path: pathlib.Path) -> pathlib.Path:
    """Another HDF5 file with values that must not be read."""
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as other:
        other["padding"], other["group/data"] = np.zeros(5000), np.arange(3.0)
        other.create_dataset("growing", data=np.arange(7.0), maxshape=(None,), chunks=(7,))
        other["text"] = ["secret"]
    return path


@pytest.mark.parametrize("member", [SPEED, "processing/running/speed", "processing"])
def test_external_links_are_not_followed(damage_file: DamageFile, other_file: pathlib.Path, member: str) -> None:
    path = damage_file(replace_link(member, h5py.ExternalLink(str(other_file), "/group/data")))
    assert_bad_value(path, "running_speed", f"/{member} is a link to another file")


def test_soft_link_through_an_external_link_is_not_followed(damage_file: DamageFile, other_file: pathlib.Path) -> None:
    def damage(file: h5py.File) -> None:
        file["outside"] = h5py.ExternalLink(str(other_file), "/group")
        replace_link(SPEED, h5py.SoftLink("/outside/data"))(file)

    assert_bad_value(damage_file(damage), "running_speed", "/outside is a link to another file")


def test_soft_links_are_followed(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        file.move("processing/running/speed", "elsewhere")
        file["processing/running/speed"] = h5py.SoftLink("/chain")
        file["chain"] = h5py.SoftLink("elsewhere")
        file.move(NAMES, f"{NAMES}_moved")
        file[NAMES] = h5py.SoftLink("change_image_name_moved")

    path = damage_file(damage)
    assert opened(path).running_speed["speed"].notna().all()
    assert set(opened(path).trials["change_image_name"]) == {"im061", "im065", "im066", "im077"}


def test_dangling_soft_link_is_missing_data(damage_file: DamageFile) -> None:
    session = opened(damage_file(replace_link(SPEED, h5py.SoftLink("/processing/nowhere"))))
    with pytest.raises(MissingData, match=r"has no /processing/nowhere \(/processing holds "):
        _ = session.running_speed


def _loop_of_datasets(file: h5py.File) -> None:
    replace_link(SPEED, h5py.SoftLink("/loop"))(file)
    file["loop"] = h5py.SoftLink(f"/{SPEED}")


def _loop_of_groups(file: h5py.File) -> None:
    replace_link("processing/running", h5py.SoftLink("/a/b"))(file)
    file["a"] = h5py.SoftLink("/processing/running/c")


@pytest.mark.parametrize(
    "damage",
    [
        replace_link(SPEED, h5py.SoftLink(f"/{SPEED}")),
        replace_link("processing/running", h5py.SoftLink("/processing/running")),
        _loop_of_datasets,
        _loop_of_groups,
    ],
)
def test_loops_of_soft_links_are_rejected(damage_file: DamageFile, damage: Damage) -> None:
    assert_bad_value(damage_file(damage), "running_speed", "is a loop of links")


@pytest.mark.parametrize("dtype", ["f8", "S3"])
def test_external_storage_is_not_read(damage_file: DamageFile, tmp_path: pathlib.Path, dtype: str) -> None:
    (tmp_path / "raw.bin").write_bytes(bytes(range(1, 61)) * 8)
    member, attribute = (SPEED, "running_speed") if dtype == "f8" else (NAMES, "trials")

    def damage(file: h5py.File) -> None:
        del file[member]
        external = [(str(tmp_path / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(member, (60,), dtype, external=external)

    assert_bad_value(damage_file(damage), attribute, f"/{member} is stored in another file, which is not opened")


@pytest.mark.parametrize("is_growing", [False, True])
def test_virtual_storage_is_not_read(damage_file: DamageFile, other_file: pathlib.Path, is_growing: bool) -> None:
    """HDF5 opens the source of a growing virtual dataset even to return its shape."""

    def damage(file: h5py.File) -> None:
        del file[SPEED]
        maxshape, stop = ((None,), h5py.h5s.UNLIMITED) if is_growing else (None, 7)
        layout = h5py.VirtualLayout((7,), "f8", maxshape=maxshape)
        source = h5py.VirtualSource(str(other_file), "growing", (7,), maxshape=maxshape)
        layout[:stop] = source[:stop]
        file.create_virtual_dataset(SPEED, layout)

    path = damage_file(damage)
    message = f"/{SPEED} is stored in another file, which is not opened"
    assert_bad_value(path, "running_speed", message)
    with Hdf5File(str(path)) as file, pytest.raises(BadValue, match=message):
        file.shape("", SPEED)


@pytest.mark.parametrize(("member", "attribute"), [(SPEED, "running_speed"), (NAMES, "trials")])
def test_values_that_were_never_written_are_rejected(damage_file: DamageFile, member: str, attribute: str) -> None:
    def damage(file: h5py.File) -> None:
        shape, dtype = file[member].shape, file[member].dtype
        del file[member]
        file.create_dataset(member, shape, dtype)

    assert_bad_value(damage_file(damage), attribute, f"/{member} was never written")


@pytest.mark.parametrize(("member", "attribute", "dtype"), [(SPEED, "running_speed", "f8"), (NAMES, "trials", TEXT)])
def test_missing_chunks_are_rejected(damage_file: DamageFile, member: str, attribute: str, dtype: Any) -> None:
    def damage(file: h5py.File) -> None:
        del file[member]
        data = file.create_dataset(member, (60,), dtype, chunks=(8,))
        data[:16] = "im065" if dtype is TEXT else 1.0

    assert_bad_value(damage_file(damage), attribute, f"/{member} is incomplete: it has 2 of 8 chunks")


def test_more_missing_chunks_than_memory_are_rejected(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        del file[SPEED]
        data = file.create_dataset(SPEED, shape=(1 << 50,), dtype="f8", chunks=(1024,))
        data[:5] = 1.0

    assert_bad_value(damage_file(damage), "running_speed", rf"/{SPEED} is incomplete: it has 1 of {1 << 40} chunks")


def test_no_memory_is_allocated_for_an_impossible_compression(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        del file[SPEED]
        data = file.create_dataset(SPEED, (1 << 27,), "f8", chunks=(1 << 27,), compression="gzip")
        data.id.write_direct_chunk((0,), zlib.compress(bytes(1000)))

    session = opened(damage_file(damage))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFile, match=rf"/{SPEED} claims \d+ bytes, but only \d+ are stored\. Download"):
            _ = session.running_speed
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_text_that_claims_to_be_longer_than_the_file_is_corrupt(
    newer_file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with h5py.File(newer_file) as file:
        offset = file[NAMES].id.get_offset()
    content = bytearray(newer_file.read_bytes())
    content[offset : offset + 4] = (1 << 31).to_bytes(4, "little")
    (tmp_path / "s.nwb").write_bytes(content)
    with pytest.raises(CorruptFile, match=rf"/{NAMES} claims 2147483648 bytes, but only {len(content)} are stored"):
        _ = opened(tmp_path / "s.nwb").trials


def test_text_that_is_not_utf8_is_rejected(damage_file: DamageFile) -> None:
    names = np.array([b"im065"] * 59 + [b"\xff\xfe"], dtype=object)
    path = damage_file(replace(NAMES, names, dtype=h5py.string_dtype("ascii")))
    assert_bad_value(path, "trials", f"/{NAMES} holds text that is not UTF-8")


def test_attribute_of_references_is_no_text(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        file["general/task_parameters"].attrs["stimulus"] = file["intervals"].ref

    path = damage_file(damage)
    assert_bad_value(
        path, "task_parameters", "/general/task_parameters@stimulus holds values of type Reference, expected text"
    )


@pytest.mark.parametrize(
    ("member", "data", "options", "message"),
    [
        ("hit", h5py.Empty("f8"), {}, r"hit has no values \(null dataspace\)"),
        ("change_image_name", "im065", {"dtype": TEXT}, "change_image_name has 0 dimensions, expected 1"),
        ("lick_times", "x", {"dtype": TEXT}, "lick_times has 0 dimensions, expected 1"),
        ("hit", np.zeros(60, dtype=[("x", "f8")]), {}, "hit holds values of type .*'x'.*, expected numbers"),
        ("hit", np.zeros(60, dtype=complex), {}, "hit holds values of type complex128, expected numbers"),
    ],
)
def test_unexpected_dataspaces_and_types_are_rejected(
    damage_file: DamageFile, member: str, data: Any, options: dict[str, Any], message: str
) -> None:
    assert_bad_value(damage_file(replace(f"intervals/trials/{member}", data, **options)), "trials", message)


def test_group_in_place_of_a_dataset_is_corrupt(damage_file: DamageFile) -> None:
    def damage(file: h5py.File) -> None:
        del file[SPEED]
        file.create_group(SPEED)

    with pytest.raises(CorruptFile, match=f"is damaged: /{SPEED} cannot be read .*not a dataset"):
        _ = opened(damage_file(damage)).running_speed


def test_byte_order_and_compression_do_not_matter(damage_file: DamageFile, newer_file: pathlib.Path) -> None:
    def damage(file: h5py.File) -> None:
        data, clock = file[SPEED][:], file["processing/running/speed/timestamps"][:]
        replace(SPEED, data.astype(">f8"))(file)
        replace("processing/running/speed/timestamps", clock, chunks=True, compression="gzip")(file)

    speed, expected = opened(damage_file(damage)).running_speed, opened(newer_file).running_speed
    assert speed["speed"].dtype.isnative
    np.testing.assert_array_equal(speed, expected)


def test_every_nonzero_byte_is_true(damage_file: DamageFile) -> None:
    path = damage_file(lambda file: None)
    with h5py.File(path) as file:
        offset = file["intervals/trials/hit"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[offset : offset + 60] = bytes(range(60))
    path.write_bytes(content)
    hit = opened(path).trials["hit"]
    assert hit.tolist() == [False] + [True] * 59
    assert hit.to_numpy().view(np.uint8).max() == 1


def test_values_past_the_end_of_the_file_are_corrupt(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    content = newer_file.read_bytes()
    with h5py.File(newer_file) as file:
        address = file[SPEED].id.get_offset().to_bytes(8, "little")
    assert content.count(address) == 1
    (tmp_path / "s.nwb").write_bytes(content.replace(address, (len(content) - 50).to_bytes(8, "little")))
    with pytest.raises(CorruptFile, match=f"is damaged: /{SPEED} cannot be read"):
        _ = opened(tmp_path / "s.nwb").running_speed


def test_second_hdf5_library_reads_the_same_values(newer_file: pathlib.Path) -> None:
    with open(newer_file, "rb") as raw, pyfive.File(raw) as file:
        session = opened(newer_file)
        np.testing.assert_array_equal(session.licks["timestamps"], file["processing/licking/licks/timestamps"][:])
        np.testing.assert_array_equal(session.trials["change_time"], file["intervals/trials/change_time"][:])
        for column in RUNNING_SPEED:
            stored = file[f"{RUNNING_SPEED.group}/{column.path}"][:]
            np.testing.assert_array_equal(session.running_speed[column.name], stored)


def test_errors_inside_the_context_do_not_keep_the_file_open(newer_file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "copy.nwb"
    path.write_bytes(newer_file.read_bytes())
    with pytest.raises(MissingData) as caught, Hdf5File(str(path)) as file:
        file.numbers("processing/running", "none")
    assert caught.value.path == str(path)
    with h5py.File(path, "a") as written:
        written["new"] = 1
