"""Tests of `visbehavior.raw.unpickle`: allowed classes, rejected classes and damaged files.

Hostile files that may crash are read in test_unpickle_attacks.py.
"""

from __future__ import annotations

import collections
import copy
import datetime
import gzip
import os
import pathlib
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.raw import hostile_pickles as made
from tests.rawfiles import write_raw
from visbehavior import BehaviorSession, CorruptFile, MissingData, NotFound, UnsupportedFile, VisBehaviorError
from visbehavior.raw.unpickle import read_pickle


class Malicious:
    def __init__(self, target: pathlib.Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


CONTENT = {
    "numbers": [
        0,
        -5,
        300,
        70_000,
        -(2**31),
        2**40,
        -(2**63),
        2**64 - 1,
        2.5,
        -1e-300,
        float("inf"),
        True,
        False,
        None,
    ],
    "text": ["", "a", "\u00e9", "im065\n'\"\\", "\u2603", "x" * 300, "y" * 70_000],
    "bytes": [b"", b"abc", bytes(range(256)), bytes(70_000)],
    "nested": {"a": [(1, (2, "b")), [], (), {}], "c": {"d": {"e": [[["f"]]]}}},
    "many": [[i, float(i), str(i)] for i in range(2500)],
    "keys": {1: "a", 2.5: "b", None: "c", False: "d", ("im065", 0): "e", b"f": 3, np.int64(7): 4},
    "large": {str(i): i for i in range(2500)},
    "ordered": collections.OrderedDict([("b", 1), ("a", [2])]),
    "when": [datetime.datetime(2019, 6, 20, 11, 18, 15, 777_000), datetime.datetime.min, datetime.datetime.max],
    "scalars": [
        np.float64(2.5),
        np.float32("nan"),
        np.int8(-1),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.str_("\u2603"),
    ],
    "big-endian scalar": np.array([1.5], ">f8")[0],
    "arrays": [
        np.arange(7, dtype=code) for code in ("i1", "<i2", ">i4", "i8", "u1", "u8", "f2", ">f4", "f8", "c8", "c16")
    ],
    "shapes": [np.zeros((0,)), np.array(3.0), np.ones((2, 3, 4)), np.zeros((0, 3)), np.asfortranarray(np.eye(3)[:2])],
    "strided": np.arange(20).reshape(4, 5)[::2, ::-1],
    "boolean": np.array([[True, False], [False, True]]),
    "fixed text": [np.array(["im065", "\u2603", ""]), np.array([b"ab", b""]), np.array(["a"], ">U3")],
    "objects": [np.array(["im065", None, 3, 2.5, b"x"], object), np.array([], object), np.full((2, 3), "a", object)],
    "large array": np.arange(50_000.0),
}


def assert_same(value: Any, expected: Any) -> None:
    """Check values, types, dtypes, shapes and order. Dictionaries may be of another class."""
    if isinstance(expected, dict):
        assert isinstance(value, dict)
        assert list(value) == list(expected)
        assert [type(key) for key in value] == [type(key) for key in expected]
        for key in expected:
            assert_same(value[key], expected[key])
    elif isinstance(expected, np.ndarray):
        assert isinstance(value, np.ndarray)
        assert value.dtype == expected.dtype
        assert value.dtype.byteorder == expected.dtype.byteorder
        assert np.isfortran(value) == np.isfortran(expected)
        np.testing.assert_array_equal(value, expected, strict=True)
    else:
        assert type(value) is type(expected)
        if isinstance(expected, (list, tuple)):
            for one, other in zip(value, expected, strict=True):
                assert_same(one, other)
        else:
            np.testing.assert_equal(value, expected)


def read(folder: pathlib.Path, content: bytes) -> Any:
    path = folder / "a.pkl"
    path.write_bytes(content)
    return read_pickle(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("protocol", range(6))
def test_content_is_read_as_it_was_written(
    tmp_path: pathlib.Path, protocol: int, pack: Callable[[bytes], bytes]
) -> None:
    for name, value in CONTENT.items():
        content = pickle.dumps({name: value}, protocol=protocol)
        assert_same(read(tmp_path, pack(content)), pickle.loads(content))


@pytest.mark.parametrize("protocol", range(6))
def test_sessions_of_all_protocols_are_read(tmp_path: pathlib.Path, raw: dict[str, Any], protocol: int) -> None:
    assert_same(read_pickle(write_raw(tmp_path / "a.pkl.gz", raw, protocol)), raw)


@pytest.mark.parametrize("protocol", range(6))
def test_shared_parts_stay_shared(tmp_path: pathlib.Path, protocol: int) -> None:
    part = {"a": [1]}
    first, second = read(tmp_path, pickle.dumps([part, part], protocol=protocol))
    assert first is second


def test_byte_strings_of_python_2_are_text(tmp_path: pathlib.Path) -> None:
    """Python 2 writes text, and the content of arrays and dates, as byte strings."""
    escaped = rb"S'im065\xe9\n\''" + b"\n"
    assert read(tmp_path, escaped + b".") == "im065\xe9\n'"
    assert read(tmp_path, b"U\x03a\xe9b.") == "a\xe9b"
    array = made.array("f8", b"U\x10" + np.array([1.5, -2]).tobytes(), 2)
    assert_same(read(tmp_path, array + b"."), np.array([1.5, -2]))
    assert read(tmp_path, made.scalar("f8", b"U\x08" + np.float64(2.5).tobytes()) + b".") == 2.5
    when = made.call("datetime.datetime", b"U\x0a" + made.DATE)
    assert read(tmp_path, when + b".") == datetime.datetime(2019, 4, 11, 19, 31, 50)
    assert read(tmp_path, made.call("collections.OrderedDict", b"](](U\x01aK\x01ee") + b".") == {"a": 1}
    assert read(tmp_path, made.call("__builtin__.bytes") + b".") == b""


def test_content_can_be_copied_and_pickled(tmp_path: pathlib.Path) -> None:
    content = read(tmp_path, pickle.dumps({"a": {"b": np.arange(3)}}, 2))
    for copied in (
        copy.deepcopy(content),
        copy.copy(content),
        *(pickle.loads(pickle.dumps(content, n)) for n in range(6)),
    ):
        assert_same(copied, {"a": {"b": np.arange(3)}})
    content["a"]["b"][0] = 7
    assert content["a"]["b"].tolist() == [7, 1, 2]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_truncated_pickles_are_an_error_at_every_byte(tmp_path: pathlib.Path, protocol: int) -> None:
    content = {"a": [1, 2.5, "b", (None, True)], "c": np.arange(3.0), "d": datetime.datetime(2019, 4, 11), "e": 2**40}
    complete = pickle.dumps(content | {"f": np.array(["x", None], object), "g": np.float64(1)}, protocol)
    for packed in (complete, gzip.compress(complete)):
        for size in range(len(packed)):
            with pytest.raises((CorruptFile, UnsupportedFile)):
                read(tmp_path, packed[:size])


def test_hostile_file_does_not_change_how_the_next_is_read(tmp_path: pathlib.Path) -> None:
    good = pickle.dumps(CONTENT, 2)
    for group in ("classes", "states", "dtypes", "values"):
        for content in made.attacks(group).values():
            with pytest.raises(VisBehaviorError):
                read(tmp_path, content)
    assert_same(read(tmp_path, good), pickle.loads(good))


@pytest.mark.filterwarnings("error")
def test_unknown_escapes_are_an_error_if_warnings_are(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnsupportedFile, match="invalid escape sequence"):
        read(tmp_path, rb"S'\d'" + b"\n.")


def test_arrays_of_a_file_share_no_bytes(tmp_path: pathlib.Path) -> None:
    content = made.content(bytes(8000)) + b"q\x01"
    arrays = made.list_of(*(made.array("f8", part, 1000) for part in (content, b"h\x01", b"h\x01")), content)
    first, second, third, values = read(tmp_path, arrays + b".")
    first[:] = 1
    assert not second.any()
    assert not third.any()
    assert values == bytes(8000)


@pytest.mark.parametrize("protocol", range(6))
def test_malicious_pickle_is_rejected_and_not_run(tmp_path: pathlib.Path, protocol: int) -> None:
    path, target = tmp_path / "evil.pkl", tmp_path / "made"
    path.write_bytes(pickle.dumps({"items": Malicious(target)}, protocol=protocol))
    with pytest.raises(UnsupportedFile, match=r"needs the class (posix|nt)\.mkdir, which is not allowed"):
        read_pickle(path)
    assert not target.exists()


def test_missing_files_folders_and_other_content_are_reported(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        read_pickle(tmp_path / "none.pkl")
    with pytest.raises(UnsupportedFile, match="is a folder"):
        read_pickle(tmp_path)
    path = tmp_path / "a.pkl"
    for content, error in (
        (b"", CorruptFile),
        (b"hello world", UnsupportedFile),
        (pickle.dumps([1] * 99, 2)[:-9], CorruptFile),
    ):
        path.write_bytes(content)
        with pytest.raises(error):
            read_pickle(path)


def test_damaged_files_and_other_pickles_are_reported_by_name(tmp_path: pathlib.Path, raw: dict[str, Any]) -> None:
    complete = write_raw(tmp_path / "complete.pkl.gz", raw).read_bytes()
    behavior = r"\['items'\]\['behavior'\]"
    cases = {
        "text.pkl": (b"frames,licks\n1,2\n", UnsupportedFile, "is not a readable pickle"),
        "empty.pkl": (b"", CorruptFile, "is truncated or damaged"),
        "half.pkl.gz": (complete[: len(complete) // 2], CorruptFile, "is truncated"),
        "plain.pkl": (gzip.decompress(complete)[:-500], CorruptFile, "is truncated"),
        "other.pkl": (
            pickle.dumps({"items": {"foraging": 1}}, 2),
            MissingData,
            rf"has no {behavior}: \['items'\] contains foraging",
        ),
        "list.pkl": (
            pickle.dumps([1, 2], 2),
            MissingData,
            r"has no \['items'\]: the pickle is of type list\. Expected the stimulus pickle",
        ),
    }
    for name, (content, error, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        session = BehaviorSession.from_json({"behavior_stimulus_file": tmp_path / name})
        with pytest.raises(error, match=message) as caught:
            _ = session.licks
        assert re.search(re.escape(name), str(caught.value))
    with pytest.raises(NotFound, match="no file"):
        _ = BehaviorSession.from_json({"behavior_stimulus_file": tmp_path / "absent.pkl"}).licks
