"""`Column` and `Table`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from visbehavior.schema.columns import DTYPES, Column, Table


def column(name: str = "x", **options: Any) -> Column:
    return Column(**{"name": name, "dtype": "float64", "unit": "s", "meaning": "A time.", **options})


def table(*columns: Column, **options: Any) -> Table:
    return Table(**{"name": "times", "summary": "Times.", "group": "processing/times", "columns": columns, **options})


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: column(dtype="flaot64"), "column 'x': unknown dtype 'flaot64'; one of .*float64"),
        (lambda: column(meaning="a time"), "column 'x': its meaning must be a sentence"),
        (lambda: table(column(), column()), "table 'times': two columns have the same name"),
        (lambda: table(column(), order_2_10=("y",)), r"table 'times': order_2_10 names \['y'\], which are not columns"),
        (lambda: Column("x", "float64", "A time."), "positional argument"),  # type: ignore[call-arg,misc]
    ],
)
def test_errors_in_declarations_are_rejected(declare: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        declare()


def test_path_is_the_name_unless_declared() -> None:
    assert column().path == "x"
    assert column(path="speed/data").path == "speed/data"
    assert column(path=None).path is None


@pytest.mark.parametrize(
    ("options", "name_2_16", "name_2_10"),
    [
        ({}, "x", "x"),
        ({"renamed_2_10": "y"}, "x", "y"),
        ({"absent_2_10": True}, "x", None),
        ({"only_2_10": True}, None, "x"),
    ],
)
def test_name_in_a_convention(options: dict[str, Any], name_2_16: str | None, name_2_10: str | None) -> None:
    assert column(**options).name_in("2.16") == name_2_16
    assert column(**options).name_in("2.10") == name_2_10


def test_names_are_in_the_order_of_the_convention() -> None:
    columns = column("a", renamed_2_10="alpha"), column("b"), column("c", absent_2_10=True), column("d", only_2_10=True)
    assert table(*columns).names() == ["a", "b", "c"]
    assert table(*columns).names("2.10") == ["alpha", "b", "d"]
    ordered = table(*columns, order_2_10=("d", "b", "a"))
    assert ordered.names("2.10") == ["d", "b", "alpha"]
    assert ordered.names("2.16") == ["a", "b", "c"]


def test_columns_are_found_by_name_and_path() -> None:
    times = table(column("a", path="speed/data"), column("b", path=None))
    assert list(times) == list(times.columns)
    assert times.by_name == {"a": times.columns[0], "b": times.columns[1]}
    assert times.by_path == {"speed/data": times.columns[0]}
    longer = replace(times, columns=(*times.columns, column("c")))
    assert set(longer.by_name) == {"a", "b", "c"}
    assert set(times.by_name) == {"a", "b"}


@pytest.mark.parametrize(
    ("paths", "kind", "is_series"),
    [
        (("speed/data", "speed/timestamps"), "table", True),
        (("speed/timestamps",), "array", True),
        (("speed/data", "speed/unit"), "table", False),
        (("speed/data", None), "table", False),
        (("speed/data",), "dictionary", False),
    ],
)
def test_series_have_only_data_and_timestamps(paths: tuple[str | None, ...], kind: str, is_series: bool) -> None:
    columns = [column(f"x{i}", path=path) for i, path in enumerate(paths)]
    assert table(*columns, kind=kind).is_series == is_series


def test_empty_table_has_float_columns() -> None:
    times = table(column("a", dtype="bool", unit=""), column("b", only_2_10=True), index="frame")
    expected = pd.DataFrame({"a": np.empty(0)}, index=pd.Index(np.empty(0), name="frame"))
    pd.testing.assert_frame_equal(times.empty(), expected)
    pd.testing.assert_index_equal(replace(times, index="").empty().index, pd.RangeIndex(0))


def test_sample_has_values_of_the_declared_dtypes() -> None:
    dtypes = {
        "bool": bool,
        "boolean": bool,
        "int64": np.int64,
        "number": np.int64,
        "float64": np.float64,
        "text": object,
    }
    times = table(*(column(dtype, dtype=dtype) for dtype in dtypes), column("computed", path=None))
    sample = times.sample(7, np.random.default_rng(1))
    assert {name: values.dtype.type for name, values in sample.items()} == {
        name: np.dtype(dtype).type for name, dtype in dtypes.items()
    }
    assert all(len(values) == 7 for values in sample.values())
    assert all(isinstance(value, str) for value in sample["text"])
    np.testing.assert_equal(times.sample(7, np.random.default_rng(1)), sample)
    with pytest.raises(TypeError, match="no random values of dtype 'times'"):
        table(column(dtype="times")).sample(1, np.random.default_rng(1))


def test_docstring_describes_each_column() -> None:
    columns = (
        column("a", renamed_2_10="alpha"),
        column("b", absent_2_10=True, dtype="bool", unit="", meaning="A flag."),
        column("c", only_2_10=True),
    )
    times = table(*columns, index="frame", index_meaning="number of the frame.", notes="Beware.")
    text = times.docstring()
    assert text.startswith("Times.\n\nReturns\n-------\npandas.DataFrame\n    Index frame: number of the frame.\n")
    assert "    a : float64, s\n        A time. `alpha` in the convention of AllenSDK 2.10.\n" in text
    assert f"    b : {DTYPES['bool']}\n        A flag. Not in the convention of AllenSDK 2.10.\n" in text
    assert "    c : float64, s\n        A time. Only in the convention of AllenSDK 2.10.\n" in text
    assert text.endswith("\nNotes\n-----\nBeware.\n")
