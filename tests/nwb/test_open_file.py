"""Contract of `OpenFile`: the same checks on an HDF5 file and on a file in memory."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import pytest

from tests.nwb.memory_file import MemoryFile, load_tree
from tests.nwbfiles import TEXT
from visbehavior import BadValue, CorruptFile, MissingData
from visbehavior.nwb.hdf5 import Hdf5File
from visbehavior.nwb.open_file import OpenFile
from visbehavior.schema.ragged import Ragged

NUMBERS = {
    "int64": np.arange(5),
    "uint8": np.array([3, 1, 255], dtype=np.uint8),
    "float32": np.array([0.5, np.nan, -1], dtype=np.float32),
    "float64": np.array([0.1, np.inf, 7.25]),
    "bool": np.array([True, False, True]),
    "big_endian": np.array([1.5, 2.5, -3], dtype=">f8"),
    "big_endian_integers": np.array([1, 2, 300], dtype=">i4"),
    "no_numbers": np.empty(0),
    "chunked": np.arange(30.0),
    "matrix": np.arange(6.0).reshape(3, 2),
    "stack": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "scalar": np.array(2.5),
    "many": np.arange(1001),
    "complex": np.array([1j, 2]),
}
TEXTS = {
    "text": ["im065", "größe", ""],
    "ascii": [b"a", b"bc", b"a"],
    "no_text": [],
    "one_text": "im065",
    "rows_of_text": [["a", "b"], ["c", "d"]],
}
RAGGED = {
    # Name: values, ends of the rows.
    "times": ([1.0, 2.0, 3.0], [2, 2, 3]),
    "no_times": ([""], [0, 0]),
    "no_rows": ([], []),
    "beyond": ([1.0, 2.0], [1, 3]),
    "decreasing": ([1.0, 2.0], [2, 1, 2]),
    "negative": ([1.0, 2.0], [-1, 2]),
    "words": (["a", "b"], [1, 2]),
    "half": ([1.0, 2.0], [0.5, 2]),
}
ATTRIBUTES: dict[str, Any] = {
    "whole": np.int32(7),
    "number": 0.25,
    "truth": True,
    "text": "images",
    "numbers": np.array([0.15, 0.75]),
    "texts": np.array(["a", "ü"], dtype=TEXT),
    "nothing": h5py.Empty("f8"),
}


@pytest.fixture(scope="module")
def hdf5_path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("open_file") / "file.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("data")
        for name, values in NUMBERS.items():
            group.create_dataset(name, data=values, chunks=(7,) if name == "chunked" else None)
        for name, texts in TEXTS.items():
            group.create_dataset(name, data=texts, dtype="S2" if name == "ascii" else TEXT, shape=np.shape(texts))
        for name, (flat, stops) in RAGGED.items():
            group.create_dataset(
                f"ragged/{name}", data=flat, dtype=TEXT if flat and isinstance(flat[0], str) else float
            )
            group[f"ragged/{name}_index"] = np.array(stops, dtype=None if name in ("half", "negative") else np.uint8)
        group["null"] = h5py.Empty("f8")
        group["deeper/er/values"] = np.arange(2)
        group["linked"] = h5py.SoftLink("/data/int64")
        file["linked_group"] = h5py.SoftLink("/data/deeper")
        file.create_group("empty")
        group.attrs.update(ATTRIBUTES)
    return path


@pytest.fixture(scope="module")
def memory_file(hdf5_path: pathlib.Path) -> MemoryFile:
    with h5py.File(hdf5_path) as stored:
        return MemoryFile(load_tree(stored))


@pytest.fixture(params=["hdf5", "memory"])
def file(hdf5_path: pathlib.Path, memory_file: MemoryFile, request: pytest.FixtureRequest) -> Iterator[OpenFile]:
    if request.param == "memory":
        yield memory_file
    else:
        with Hdf5File(str(hdf5_path)) as opened:
            yield opened


def assert_identical(actual: np.ndarray, expected: Any, dtype: Any) -> None:
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == dtype
    assert actual.dtype.isnative
    assert actual.shape == np.shape(expected)


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "complex"])
def test_numbers_have_the_stored_values_and_dtype_in_native_order(file: OpenFile, name: str) -> None:
    expected = NUMBERS[name]
    values = file.numbers("data", name, ndim=expected.ndim)
    assert_identical(values, expected, expected.dtype.newbyteorder("="))
    assert file.is_numeric("data", name)
    assert file.shape("data", name) == expected.shape
    assert file.length("data", name) == (len(expected) if expected.ndim else 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", ["im065", "größe", ""]),
        ("ascii", ["a", "bc", "a"]),
        ("no_text", []),
        ("one_text", "im065"),
        ("rows_of_text", [["a", "b"], ["c", "d"]]),
    ],
)
def test_text_is_an_object_array_of_str(file: OpenFile, name: str, expected: Any) -> None:
    values = file.text("data", name, ndim=np.ndim(expected))
    assert_identical(values, np.array(expected, dtype=object), object)
    assert all(type(value) is str for value in values.ravel())
    assert not file.is_numeric("data", name)
    assert file.shape("data", name) == np.shape(expected)


def test_column_returns_numbers_or_text(file: OpenFile) -> None:
    assert_identical(file.column("data", "bool"), NUMBERS["bool"], bool)
    assert_identical(file.column("data", "text"), np.array(TEXTS["text"], dtype=object), object)


@pytest.mark.parametrize("name", ["int64", "text", "bool"])
def test_each_read_returns_a_new_array(file: OpenFile, name: str) -> None:
    first, second = file.column("data", name), file.column("data", name)
    expected = second.copy()
    first[:] = first[0]
    assert first.flags.writeable
    np.testing.assert_array_equal(second, expected)
    np.testing.assert_array_equal(file.column("data", name), expected)


def test_names_may_be_paths(file: OpenFile) -> None:
    for group, name in (("data/deeper/er", "values"), ("data", "deeper/er/values"), ("", "data/deeper/er/values")):
        assert file.numbers(group, name).tolist() == [0, 1]
        assert file.has_dataset(group, name)


def test_soft_links_are_followed(file: OpenFile) -> None:
    assert file.numbers("data", "linked").tolist() == [0, 1, 2, 3, 4]
    assert file.numbers("linked_group/er", "values").tolist() == [0, 1]
    assert file.has("linked_group/er")
    assert file.names("linked_group") == ["er"]


@pytest.mark.parametrize("name", ["int64", "uint8", "big_endian_integers"])
def test_whole_numbers_are_int64(file: OpenFile, name: str) -> None:
    assert_identical(file.whole_numbers("data", name), NUMBERS[name], np.int64)


@pytest.mark.parametrize("name", ["float64", "bool"])
def test_other_numbers_are_not_whole_numbers(file: OpenFile, name: str) -> None:
    with pytest.raises(BadValue, match=rf"/data/{name} holds values of type {name}, expected whole numbers"):
        file.whole_numbers("data", name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scalar", 2.5),
        ("one_text", "im065"),
        ("uint8", [3, 1, 255]),
        ("text", ["im065", "größe", ""]),
        ("no_numbers", []),
    ],
)
def test_small_datasets_are_plain_values(file: OpenFile, name: str, expected: Any) -> None:
    value = file.small("data", name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("name", "shape"), [("many", r"\(1001,\)"), ("matrix", r"\(3, 2\)")])
def test_large_datasets_are_not_small(file: OpenFile, name: str, shape: str) -> None:
    with pytest.raises(BadValue, match=rf"/data/{name} has the shape {shape}, expected a value or a few"):
        file.small("data", name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whole", 7),
        ("number", 0.25),
        ("truth", True),
        ("text", "images"),
        ("numbers", [0.15, 0.75]),
        ("texts", ["a", "ü"]),
        ("nothing", None),
    ],
)
def test_attributes_are_plain_values(file: OpenFile, name: str, expected: Any) -> None:
    value = file.attribute("data", name)
    assert value == expected
    assert type(value) is type(expected)
    assert file.has_attribute("data", name)


def test_missing_attribute_is_reported_with_the_existing_ones(file: OpenFile) -> None:
    assert not file.has_attribute("data", "none")
    with pytest.raises(MissingData, match=r"has no /data@none \(attributes: .*number.*whole\)"):
        file.attribute("data", "none")
    with pytest.raises(MissingData, match=r"has no /empty@none \(attributes: none\)"):
        file.attribute("empty", "none")


@pytest.mark.parametrize(("name", "expected"), [("int64", (0, 4)), ("chunked", (0, 29)), ("big_endian", (1.5, -3))])
def test_ends_are_the_first_and_last_value(file: OpenFile, name: str, expected: tuple[float, float]) -> None:
    ends = file.ends("data", name)
    assert ends == expected
    assert ends is not None
    assert all(type(value) is float for value in ends)


def test_empty_dataset_has_no_ends(file: OpenFile) -> None:
    assert file.ends("data", "no_numbers") is None


@pytest.mark.parametrize("name", ["int64", "stack", "chunked", "big_endian", "no_numbers"])
def test_extent_is_the_position_of_the_values_or_none(file: OpenFile, name: str, hdf5_path: pathlib.Path) -> None:
    expected = NUMBERS[name]
    extent = file.extent("data", name, expected.ndim)
    if extent is not None:
        values = np.frombuffer(hdf5_path.read_bytes(), extent.dtype, expected.size, extent.offset)
        np.testing.assert_array_equal(values.reshape(extent.shape), expected)
    assert extent is None or (extent.dtype.isnative and name != "chunked")


def test_groups(file: OpenFile) -> None:
    assert file.has("")
    assert file.has("data")
    assert file.has("data/deeper/er")
    assert not file.has("none")
    assert not file.has("none/deeper")
    assert file.names("empty") == []
    assert {"data", "empty"} <= set(file.subgroups("")) <= set(file.names(""))
    assert file.subgroups("empty") == []
    assert file.names("") == ["data", "empty", "linked_group"]
    assert set(NUMBERS) | set(TEXTS) | {"null", "deeper", "linked", "ragged"} == set(file.names("data"))


def test_members_exist_only_in_existing_groups(file: OpenFile) -> None:
    assert file.has_dataset("data", "int64")
    assert file.has_dataset("data", "null")
    assert not file.has_dataset("data", "none")
    assert not file.has_dataset("none", "int64")
    assert not file.has_dataset("data", "none/int64")


def test_optional_group_needs_its_top_level_group(file: OpenFile) -> None:
    assert file.has_optional("data/deeper")
    assert not file.has_optional("data/none")
    with pytest.raises(MissingData, match="has no /none"):
        file.has_optional("none/deeper")


def test_required_group_must_exist(file: OpenFile) -> None:
    file.require("data/deeper")
    with pytest.raises(MissingData, match=r"has no /data/none \(/data\)\. Files of the release have it"):
        file.require("data/none")


READS = {
    "numbers": lambda file, group, name: file.numbers(group, name),
    "text": lambda file, group, name: file.text(group, name),
    "column": lambda file, group, name: file.column(group, name),
    "shape": lambda file, group, name: file.shape(group, name),
    "length": lambda file, group, name: file.length(group, name),
    "is_numeric": lambda file, group, name: file.is_numeric(group, name),
    "small": lambda file, group, name: file.small(group, name),
    "ends": lambda file, group, name: file.ends(group, name),
    "ragged": lambda file, group, name: file.ragged(group, name),
}
reads = pytest.mark.parametrize("read", READS.values(), ids=READS.keys())


@reads
def test_missing_dataset_is_reported_with_the_existing_members(file: OpenFile, read: Any) -> None:
    with pytest.raises(MissingData, match=r"has no /data/deeper/none \(/data/deeper holds er\)") as caught:
        read(file, "data/deeper", "none")
    assert caught.value.path == file.path
    with pytest.raises(MissingData, match=r"has no /empty/none \(/empty holds nothing\)"):
        read(file, "empty", "none")
    with pytest.raises(MissingData, match="has no /none"):
        read(file, "none", "values")


@reads
def test_null_dataset_is_rejected(file: OpenFile, read: Any) -> None:
    with pytest.raises(BadValue, match=r"/data/null has no values \(null dataspace\)"):
        read(file, "data", "null")


@reads
def test_group_is_not_a_dataset(file: OpenFile, read: Any) -> None:
    with pytest.raises((BadValue, CorruptFile), match=r"/data/deeper .*not a dataset"):
        read(file, "data", "deeper")


@pytest.mark.parametrize("method", ["has", "names", "require"])
def test_dataset_is_not_a_group(file: OpenFile, method: str) -> None:
    with pytest.raises((BadValue, CorruptFile), match=r"/data/int64 .*not a group"):
        getattr(file, method)("data/int64")


@pytest.mark.parametrize("name", ["text", "one_text", "complex"])
def test_text_and_complex_values_are_not_numbers(file: OpenFile, name: str) -> None:
    message = (
        "holds values of type complex128, expected numbers" if name == "complex" else "holds text, expected numbers"
    )
    for method in (file.numbers, file.ends):
        with pytest.raises(BadValue, match=f"/data/{name} {message}"):
            method("data", name)


@pytest.mark.parametrize("name", ["int64", "bool", "complex"])
def test_numbers_are_not_text(file: OpenFile, name: str) -> None:
    with pytest.raises(BadValue, match=f"/data/{name} holds values of type {NUMBERS[name].dtype}, expected text"):
        file.text("data", name)


@pytest.mark.parametrize(("name", "ndim"), [("matrix", 2), ("stack", 3), ("scalar", 0)])
def test_other_numbers_of_dimensions_are_rejected(file: OpenFile, name: str, ndim: int) -> None:
    with pytest.raises(BadValue, match=f"/data/{name} has {ndim} dimensions, expected 1"):
        file.numbers("data", name)
    with pytest.raises(BadValue, match=f"/data/{name} has {ndim} dimensions, expected 4"):
        file.numbers("data", name, ndim=4)
    with pytest.raises(BadValue, match="/data/one_text has 0 dimensions, expected 1"):
        file.text("data", "one_text")


@pytest.mark.parametrize(
    ("name", "rows"), [("times", [[1.0, 2.0], [], [3.0]]), ("no_times", [[], []]), ("no_rows", [])]
)
def test_ragged_column_with_an_index_has_rows(file: OpenFile, name: str, rows: list[list[float]]) -> None:
    values = file.ragged("data/ragged", name)
    assert isinstance(values, Ragged)
    assert values.counts.dtype == np.int64
    assert [row.tolist() for row in values.split()] == rows


def test_ragged_column_without_an_index_is_flat(file: OpenFile) -> None:
    assert_identical(file.ragged("data", "float64"), NUMBERS["float64"], np.float64)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "beyond",
            "/data/ragged/beyond_index does not match /data/ragged/beyond: it ends at 3 of 2 values, or decreases",
        ),
        ("decreasing", "/data/ragged/decreasing_index does not match .*it ends at 2 of 2 values, or decreases"),
        ("negative", "/data/ragged/negative_index does not match .*it ends at 2 of 2 values, or decreases"),
        ("words", "/data/ragged/words holds text, expected numbers"),
        ("half", "/data/ragged/half_index holds values of type float64, expected whole numbers"),
    ],
)
def test_ragged_column_with_a_wrong_index_is_rejected(file: OpenFile, name: str, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        file.ragged("data/ragged", name)
