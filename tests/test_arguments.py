"""Checks of arguments: what they accept, and the message for the rest."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from visbehavior import BadValue
from visbehavior.arguments import (
    as_iterable,
    check_failures,
    check_flags,
    check_jobs,
    check_number,
    check_whole_number,
    parse_path,
)


def test_path_is_expanded(tmp_path: pathlib.Path) -> None:
    assert parse_path("path", "~/x.nwb") == pathlib.Path.home() / "x.nwb"
    assert parse_path("path", tmp_path / "none" / "x") == tmp_path / "none" / "x"
    (tmp_path / "file").touch()
    assert parse_path("path", tmp_path / "file" / "x") == tmp_path / "file" / "x"


@pytest.mark.parametrize("path", [None, 5, b"x", "", ["x"]])
def test_path_is_text_or_path(path: Any) -> None:
    with pytest.raises(BadValue, match=r"^out_dir is .*; expected a path, as a str or pathlib.Path") as caught:
        parse_path("out_dir", path)
    assert (caught.value.name, caught.value.value) == ("out_dir", path)


@pytest.mark.parametrize("path", ["x" * 5_000, "a\0b", "~nobody_has_this_name/x", pathlib.Path("x" * 300)])
def test_path_that_no_file_can_have_is_an_error(path: Any) -> None:
    with pytest.raises(BadValue, match=r"^path is .*, which is not a usable path: "):
        parse_path("path", path)


@pytest.mark.parametrize("value", [0, 1.5, np.float32(2), np.int64(3), float("inf")])
def test_numbers_are_accepted(value: Any) -> None:
    check_number("rate", value)


@pytest.mark.parametrize("value", [None, True, "1", float("nan"), 1j, np.array([1.0])])
def test_other_values_are_no_numbers(value: Any) -> None:
    with pytest.raises(BadValue, match=r"^rate is .*; expected a number \(per minute\)\.$"):
        check_number("rate", value, unit="per minute")


def test_numbers_have_limits() -> None:
    with pytest.raises(BadValue, match=r"^rate is an integer of 16610 bits; expected a number"):
        check_number("rate", 10**5_000)
    check_number("rate", 1, 1, 2)
    with pytest.raises(BadValue, match=r"^rate is 0; expected a number from 1 to 2\.$"):
        check_number("rate", 0, 1, 2)
    with pytest.raises(BadValue, match=r"^rate is 0; expected a number above 0 \(Hz\)\.$"):
        check_number("rate", 0, above=0, unit="Hz")


def test_whole_numbers_have_limits() -> None:
    check_whole_number("seed", 10**5_000, 0)
    check_whole_number("seed", np.int64(3), 0, 3)
    for value in (-1, 1.0, True, "1", None):
        with pytest.raises(BadValue, match=r"^seed is .*; expected a whole number of frames, 0 or more"):
            check_whole_number("seed", value, 0, unit="frames")
    with pytest.raises(BadValue, match=r"^jobs is 1001; expected a whole number from 1 to 1000"):
        check_jobs("jobs", 1001)


def test_flags_are_true_or_false() -> None:
    check_flags(repair=True, progress=np.bool_(False), download=1)
    for value in (None, 2, "no", [], 10**5_000):
        with pytest.raises(BadValue, match=r"^progress is .*; expected True or False"):
            check_flags(repair=True, progress=value)


def test_failures_is_a_dictionary_or_none() -> None:
    check_failures(None)
    check_failures({})
    with pytest.raises(BadValue, match="expected a dictionary, which receives the errors, or None"):
        check_failures([])


def test_one_item_or_several() -> None:
    assert list(as_iterable("paths", "ab", (str,), "paths")) == ["ab"]
    assert list(as_iterable("paths", iter("ab"), (bytes,), "paths")) == ["a", "b"]
    for value in (None, 5, np.array(1.0)):
        with pytest.raises(BadValue, match=r"^paths is .*; expected the path of a file, or several"):
            as_iterable("paths", value, (str,), "the path of a file, or several")
