"""Tests of `visbehavior.raw.reader`: every table against the reference, and damaged pickles."""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import pathlib
import pickle as pickles
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.recordings import GOLDEN
from tests.raw import reference
from tests.raw.reference_presentations import presentations
from tests.rawfiles import IMAGES, changed_session, make_raw, session_data, session_of, write_raw
from visbehavior import BadValue, BehaviorSession, MissingData, VisBehaviorError

RECORDED = [path for path in sorted((GOLDEN / "raw").glob("*.input.json")) if "sync_file" not in path.read_text()]
CASES: dict[str, dict[str, Any]] = {
    "images": {},
    "images, another seed": {"seed": 1},
    "no gray before": {"gray_before": False, "seed": 2},
    "gray before, no movie": {"movie": False, "seed": 14},
    "no movie": {"movie": False, "gray_before": False, "seed": 3},
    "no omissions": {"omissions": False, "seed": 4},
    "an omission first": {"begins_with_omission": True, "seed": 5},
    "an omission first, no gray before": {"begins_with_omission": True, "gray_before": False, "seed": 6},
    "no licks": {"licks": False, "seed": 7},
    "passive": {"passive": True, "seed": 8},
    "static gratings": {"stimulus": "gratings", "omissions": False, "movie": False, "gray_before": False, "seed": 9},
    "static gratings and a movie": {"stimulus": "gratings", "omissions": False, "seed": 10},
    "flashed gratings": {"stimulus": "gratings", "movie": False, "gray_before": False, "seed": 11},
    "backward wheel, additional voltage": {"backward": True, "surplus": 1, "gray_before": False, "seed": 12},
    "many trials": {"trials": 100, "movie": False, "gray_before": False, "seed": 13},
}
TABLES = (
    "licks",
    "rewards",
    "trials",
    "stimulus_presentations",
    "raw_running_speed",
    "running_speed",
    "encoder",
    "metadata",
    "task_parameters",
    "stimulus_timestamps",
)


def plain(value: Any) -> Any:
    """Return a value without numpy types."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def expected_dtype(values: list[Any]) -> str:
    """Return the dtype of a column with these values."""
    kinds = {type(plain(value)) for value in values}
    if str in kinds or list in kinds:
        return "text" if str in kinds else "object"
    if bool in kinds:
        return "boolean" if type(None) in kinds else "bool"
    return "int64" if kinds == {int} else "float64"


def is_same(value: Any, expected: Any) -> bool:
    """Return True for values equal to the last bit and the sign of 0, and for missing values."""
    return value is pd.NA or value is None or value != value if expected is None else repr(value) == repr(expected)


def check_column(column: pd.Series, expected: list[Any], name: str) -> None:
    dtype = expected_dtype(expected)
    assert len(column) == len(expected), name
    assert pd.api.types.is_string_dtype(column.dtype) if dtype == "text" else column.dtype == dtype, name
    # A whole number in a column of floats is a float.
    values = [float(value) if dtype == "float64" else plain(value) for value in expected]
    pairs = zip((plain(value) for value in column), values, strict=True)
    assert [(row, *pair) for row, pair in enumerate(pairs) if not is_same(*pair)][:5] == [], name


def check_table(table: pd.DataFrame, expected: reference.Table, name: str) -> None:
    assert list(table.columns) == list(expected), name
    for column, values in expected.items():
        check_column(table[column], values, f"{name}.{column}")


def check_session(data: dict[str, Any], pickle: reference.Pickle, names: list[Any]) -> None:
    """Check every table from the pickle, and the clock, against the reference."""
    delay = data.get("monitor_delay", reference.DELAY)
    session = BehaviorSession.from_json(data)
    assert session.stimulus_timestamps.tolist() == reference.clocks(pickle, delay)[2]
    for name in ("licks", "rewards", "raw_running_speed", "running_speed"):
        check_table(getattr(session, name), getattr(reference, name)(pickle), name)
    trials = reference.trials(pickle, delay)
    assert session.trials.index.tolist() == trials.pop("trials_id")
    check_table(session.trials, trials, "trials")
    expected = presentations(pickle, delay, data.get("prior_images_shown", ()), names, data.get("project_code"))
    check_table(session.stimulus_presentations, expected, "stimulus_presentations")
    assert session.stimulus_presentations.index.tolist() == list(range(len(expected["start_time"])))
    # repr distinguishes 0 from 0.0, and NaN equals NaN in it.
    assert repr(session.task_parameters) == repr(reference.task_parameters(pickle))


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_tables_equal_the_reference(tmp_path: pathlib.Path, options: dict[str, Any]) -> None:
    pickle = make_raw(**options)
    check_session(session_data(write_raw(tmp_path / "a.pkl", pickle)), pickle, list(IMAGES))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_gzipped_pickles_of_all_protocols_equal_the_reference(tmp_path: pathlib.Path, protocol: int) -> None:
    pickle = make_raw(gray_before=False, seed=20 + protocol)
    check_session(session_data(write_raw(tmp_path / "a.pkl.gz", pickle, protocol)), pickle, list(IMAGES))


@pytest.mark.parametrize(
    "entries",
    [{"monitor_delay": 0.0361}, {"monitor_delay": 0.0}, {"project_code": None}, {"prior_images_shown": []}],
    ids=["long delay", "no delay", "no project", "no earlier session"],
)
def test_tables_with_other_session_data_equal_the_reference(tmp_path: pathlib.Path, entries: dict[str, Any]) -> None:
    pickle = make_raw(seed=30)
    data = session_data(write_raw(tmp_path / "a.pkl", pickle), **entries)
    check_session({key: value for key, value in data.items() if value is not None}, pickle, list(IMAGES))


@pytest.mark.skipif(
    not RECORDED, reason=f"no recordings of AllenSDK in {GOLDEN}: no pickle of a rig was read (set VISBEHAVIOR_GOLDEN)"
)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name.removesuffix(".input.json"))
def test_tables_of_recorded_pickles_equal_the_reference(path: pathlib.Path) -> None:
    data = json.loads(path.read_text())
    for key in ("behavior_stimulus_file", "image_set_file", "grating_images_dir"):
        if key in data:
            data[key] = str(path.parent / data[key])
    with gzip.open(data["behavior_stimulus_file"]) as file:
        pickle = pickles.load(file, encoding="latin1")
    check_session(data, pickle, image_set_names(data.get("image_set_file")))


def image_set_names(path: str | None) -> list[Any]:
    """Return the names of the images of a set, in its order."""
    if path is None:
        return []
    with gzip.open(path) as file:
        return [name for category in pickles.load(file, encoding="bytes").values() for name in category]


def test_missing_entries_do_not_affect_other_tables(raw: dict[str, Any]) -> None:
    session = changed_session(raw, lambda b: (b["encoders"].clear(), b.pop("trial_log")))
    assert session.licks.equals(session_of(raw).licks)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda b: b["config"].pop("DoC"),
            MissingData,
            r"has no \['items'\]\['behavior'\]\['config'\]\['DoC'\]",
        ),
        (lambda b: b["config"]["DoC"].update(response_window="x"), BadValue, r"'response_window'\]"),
        (
            lambda b: b["config"]["DoC"].update(response_window=[]),
            BadValue,
            r"'response_window'\] is empty; expected numbers",
        ),
    ],
)
def test_invalid_task_parameters_are_reported(
    raw: dict[str, Any], change: Any, error: type[Exception], message: str
) -> None:
    session = changed_session(raw, change)
    with pytest.raises(error, match=message):
        _ = session.task_parameters


@pytest.mark.parametrize(
    ("key", "value", "table", "message"),
    [
        ("age", "old", "metadata", "age is 'old'; expected days, such as P114"),
        (
            "date_of_acquisition",
            "yesterday",
            "metadata",
            "date_of_acquisition is 'yesterday'; expected a date and time",
        ),
        ("image_set_file", __file__, "stimulus_presentations", "is not a readable pickle"),
    ],
)
def test_invalid_session_data_is_reported(raw: dict[str, Any], key: str, value: Any, table: str, message: str) -> None:
    with pytest.raises(VisBehaviorError, match=message):
        getattr(session_of(raw, **{key: value}), table)


REPLACEMENTS = (None, -1, 10**9, 0.5, float("nan"), "x", b"x", [], {}, [None], True, [1, 2, 3], np.array([[1.0]]))


def key_paths(value: Any, depth: int = 5) -> list[tuple[Any, ...]]:
    """Return the keys of all values of a pickle, to some depth; for lists the first values only."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:6]) if isinstance(value, list) else ()
    paths = []
    for key, inner in items:
        paths.append((key,))
        paths += [(key, *rest) for rest in key_paths(inner, depth - 1)] if depth else []
    return paths


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_changed_pickles_raise_only_errors_of_the_package(raw: dict[str, Any], seed: int) -> None:
    rng = random.Random(seed)
    changed = copy.deepcopy(raw)
    *above, last = rng.choice(key_paths(changed["items"]))
    parent = changed["items"]
    for key in above:
        parent = parent[key]
    if isinstance(parent, dict) and rng.random() < 0.2:
        del parent[last]
    else:
        parent[last] = copy.deepcopy(rng.choice(REPLACEMENTS))
    with contextlib.suppress(VisBehaviorError):
        session = session_of(changed)
        for name in TABLES:
            with contextlib.suppress(VisBehaviorError):
                getattr(session, name)
