from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames

from visbehavior import BadValue
from visbehavior.cohort.packing import pack, unpack
from visbehavior.schema.columns import Column

COLUMNS = tuple(
    Column(name=dtype, dtype=dtype, path=None, meaning="A value.")
    for dtype in ("bool", "boolean", "int64", "Int64", "float64", "text", "times")
)
LARGE = 2**62 + 1
FRAMES = data_frames(
    [
        column("bool", elements=st.booleans(), dtype=bool),
        column("boolean", elements=st.sampled_from([True, False, None]), dtype=object),
        column("int64", elements=st.integers(-LARGE, LARGE), dtype="int64"),
        column("Int64", elements=st.sampled_from([1, -99, None]), dtype=object),
        column("float64", elements=st.floats(width=64), dtype="float64"),
        column("text", elements=st.sampled_from(["im065", "omitted", "é", "", None]), dtype=object),
        column("times", elements=st.sampled_from([None, (), (1.5,), (2.0, -0.5)]), dtype=object),
    ]
)


def as_tables(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the dtypes that readers return."""
    times = [None if value is None else np.array(value, dtype=float) for value in frame["times"]]
    made = frame.assign(boolean=frame["boolean"].astype("boolean"), Int64=frame["Int64"].astype("Int64"))
    return made.assign(times=pd.Series(times, dtype=object, index=frame.index))


def plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if pd.isna(value) else value  # type: ignore[call-overload]


@given(FRAMES)
def test_tables_are_unpacked_as_they_were(frame: pd.DataFrame) -> None:
    frame = as_tables(frame)
    unpacked = unpack(COLUMNS, pack(COLUMNS, frame))
    for name in frame:
        assert [plain(value) for value in unpacked[name]] == [plain(value) for value in frame[name]]
    assert pack(COLUMNS, unpacked) == pack(COLUMNS, frame)


@given(FRAMES)
def test_the_same_values_in_other_dtypes_are_the_same_bytes(frame: pd.DataFrame) -> None:
    frame = as_tables(frame)
    objects = frame.assign(bool=frame["bool"].astype(object), boolean=frame["boolean"].astype(object))
    assert pack(COLUMNS, objects) == pack(COLUMNS, frame)


def test_one_other_value_changes_the_bytes() -> None:
    columns = COLUMNS[4:5]
    packed = {pack(columns, pd.DataFrame({"float64": [1.0, value]})) for value in (0.0, -0.0, np.nan, np.inf, 5e-324)}
    assert len(packed) == 5


def test_whole_numbers_in_float_columns_are_the_same_bytes() -> None:
    columns = COLUMNS[4:5]
    assert pack(columns, pd.DataFrame({"float64": [1, 2]})) == pack(columns, pd.DataFrame({"float64": [1.0, 2.0]}))


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("bool", [0.5]), ("bool", ["x"]), ("int64", ["x"]), ("float64", ["x"]), ("text", [5]), ("times", [["x"]])],
)
def test_values_of_another_type_are_reported(dtype: str, values: list[object]) -> None:
    columns = [column for column in COLUMNS if column.name == dtype]
    with pytest.raises(BadValue, match=f"The column {dtype} has values that are not {dtype}"):
        pack(columns, pd.DataFrame({dtype: values}))
