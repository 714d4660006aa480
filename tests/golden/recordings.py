"""Recordings of what AllenSDK returned for a set of files, and their comparison with our values.

The recordings are not part of this repository. The environment variable VISBEHAVIOR_GOLDEN names their folder.

A recording is an ``.npz`` file: ``tree``, a JSON tree of typed nodes, and the arrays that nodes refer to. Python and numpy
scalars of one kind are equal, and so are text columns of any dtype. Names, order, width of numbers and missing values are
compared exactly; floats to the bit unless a tolerance is given.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import pathlib
import re
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

GOLDEN = pathlib.Path(os.environ.get("VISBEHAVIOR_GOLDEN", pathlib.Path(__file__).parents[3] / "shared" / "golden"))
"""Folder of the recordings: the only place that names it."""

needs_recordings = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason=f"no recordings of AllenSDK in {GOLDEN}: nothing is compared (set VISBEHAVIOR_GOLDEN)"
)

TOLERANCES = {
    "get_performance_metrics": 1e-12,
    "get_rolling_performance_df": 1e-12,
    "get_reward_rate": 1e-12,
    "eye_tracking": 1e-12,
    "events": 1e-10,
}
"""Relative tolerance of computed values, whose last digits vary between versions of pandas and numpy in AllenSDK itself."""

UNORDERED = {
    "active",
    "is_sham_change",
    "stimulus_name",
    "phase",
    "spatial_frequency",
    "orientation",
    "temporal_frequency",
    "position_x",
    "position_y",
    "contrast",
    "color",
    "rewarded",
    "stimulus_index",
    "num_depths_per_area",
    "num_targeted_structures",
    "ophys_experiment_id",
    "file_id",
    "published_at",
    "isi_experiment_id",
}
"""Columns that AllenSDK appends in an order that varies from process to process."""

# AllenSDK 2.10.2 renamed two metrics after the published notebook, whose names are the convention.
_NOTEBOOK_NAMES = {"auto_rewarded_trial_count": "auto_reward_count", "rewarded_trial_count": "earned_reward_count"}

Node = dict[str, Any]


def recordings(pattern: str) -> list[pathlib.Path]:
    """Return the recordings below the folder that match a pattern."""
    return sorted(GOLDEN.glob(pattern)) if GOLDEN.is_dir() else []


def unpacked(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Return the plain file of an ``.xz`` file, unpacked into a folder once."""
    target = folder / path.stem
    if not target.exists():
        part = target.with_suffix(f".part{os.getpid()}")
        with lzma.open(path) as packed, open(part, "wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
        part.replace(target)
    return target


def load(path: pathlib.Path) -> Iterator[tuple[str, str, Recorded]]:
    """Yield options of ``from_nwb_path``, the expression, and the recorded value of each entry."""
    corrected = path.with_name(re.sub(r"\.sdk-(2\.1\d)\.npz$", r".mended-\1.npz", path.name))
    entries: dict[str, Recorded] = {}
    for file in (path, corrected) if corrected.exists() else (path,):
        with np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files if name != "tree"}
            tree = json.loads(str(stored["tree"]))
        entries |= {key["v"]: Recorded(value, arrays) for key, value in tree["v"]}
    for key, value in entries.items():
        match = re.fullmatch(r"(?:from_nwb_path\((.*)\): )?(.*)", key, re.S)
        assert match
        if "add_is_change_to" not in (match[1] or ""):
            yield match[1] or "", match[2], value


class Recorded:
    """A recorded value."""

    def __init__(self, node: Node, arrays: dict[str, np.ndarray]) -> None:
        self._node, self._arrays = node, arrays

    @property
    def raises(self) -> bool:
        """True if AllenSDK raised."""
        return bool(self._node.get("t") == "raises")

    @property
    def must_raise(self) -> bool:
        """True if there is no right value."""
        return bool(self._node.get("must"))

    def differences(self, value: Any, rtol: float = 0.0) -> list[str]:
        """Return how a value differs from the recorded one, in words."""
        return list(self._compare(self._node, value, "", rtol))

    def _compare(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        kind = node["t"]
        compare = getattr(self, f"_compare_{kind}", None)
        if compare is not None:
            yield from compare(node, value, where, rtol)
        elif not _is_scalar(node, value, rtol):
            yield f"{where or 'value'} is {value!r:.80}, expected {node.get('v', kind)!r:.80}"

    def _compare_list(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        if type(value).__name__ != node["t"] or len(value) != len(node["v"]):
            yield f"{where or 'value'} is {value!r:.80}, expected a {node['t']} of {len(node['v'])}"
            return
        for number, (expected, item) in enumerate(zip(node["v"], value, strict=True)):
            yield from self._compare(expected, item, f"{where}[{number}]", rtol)

    _compare_tuple = _compare_list

    def _compare_dict(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        expected = {_NOTEBOOK_NAMES.get(key["v"], key["v"]): item for key, item in node["v"]}
        if not isinstance(value, dict) or set(value) != set(expected):
            yield f"{where or 'value'}: keys {sorted(value)!r:.300}, expected {sorted(expected)!r:.300}"
            return
        for key, item in expected.items():
            yield from self._compare(item, value[key], f"{where}[{key!r}]", rtol)

    def _compare_array(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        array = np.asarray(value)
        if "ref" in node:
            yield from _compare_arrays(self._arrays[node["ref"]], array, where, rtol)
        elif list(array.shape) != node["shape"]:
            yield f"{where}: shape {array.shape}, expected {node['shape']}"
        else:
            for number, (expected, item) in enumerate(zip(node["items"], array.ravel().tolist(), strict=True)):
                yield from self._compare(expected, item, f"{where}[{number}]", rtol)

    def _compare_image(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        yield from self._compare(node["data"], value.data, f"{where}.data", rtol)
        if list(value.spacing) != node["spacing"] or value.unit != node["unit"]:
            yield f"{where} has pixels of {value.spacing} {value.unit}, expected {node['spacing']} {node['unit']}"

    def _compare_digest(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        array = np.ascontiguousarray(value)
        found = str(array.dtype), list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()
        if found != (node["dtype"], node["shape"], node["sha256"]):
            yield f"{where}: another array: {found[:2]}, expected {node['dtype']}, {node['shape']}"

    def _compare_frame(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        columns = [str(name) for name in value.columns]
        fixed = [name for name in node["columns"] if name not in UNORDERED and not name.endswith("_trial_count")]
        ordered = [name for name in columns if name in fixed]
        if sorted(columns) != sorted(node["columns"]) or ordered != fixed or len(value) != node["rows"]:
            yield f"{where or 'value'}: {len(value)} rows of {columns}, expected {node['rows']} of {node['columns']}"
            return
        yield from self._compare_index(node["index"], value.index, f"{where}.index", rtol)
        for name, column in zip(node["columns"], node["data"], strict=True):
            yield from self._compare_column(column, value[name], f"{where}[{name!r}]", rtol)

    def _compare_series(self, node: Node, value: Any, where: str, rtol: float) -> Iterator[str]:
        yield from self._compare_index(node["index"], value.index, f"{where}.index", rtol)
        yield from self._compare_column(node["data"], value, where, rtol)

    def _compare_index(self, node: Node, index: pd.Index, where: str, rtol: float) -> Iterator[str]:
        if index.name != node["name"]:
            yield f"{where}: name {index.name!r}, expected {node['name']!r}"
        # pandas 1.5, which recorded, made objects of a nullable index.
        is_nullable = str(index.dtype) == "Int64"
        yield from self._compare_column(
            node["values"], index.to_series().astype(object if is_nullable else index.dtype), where, rtol
        )

    def _compare_column(self, node: Node, column: pd.Series, where: str, rtol: float) -> Iterator[str]:
        kind = node["k"]
        if kind == "numbers":
            yield from _compare_arrays(self._arrays[node["ref"]], column.to_numpy(), where, rtol)
        elif kind == "nullable":
            missing = column.isna().to_numpy()
            filled = column.fillna(False if node["dtype"] == "boolean" else 0).to_numpy()
            yield from _compare_arrays(self._arrays[node["missing"]], missing, f"{where} missing", 0.0)
            yield from _compare_arrays(
                self._arrays[node["values"]], filled.astype(bool if node["dtype"] == "boolean" else "i8"), where, 0.0
            )
            if str(column.dtype) != node["dtype"]:
                yield f"{where}: dtype {column.dtype}, expected {node['dtype']}"
        elif kind == "datetimes":
            utc = column.dt.tz_convert("UTC").dt.tz_localize(None) if node["tz"] else column
            values = utc.to_numpy().astype("datetime64[ns]").view("i8")
            yield from _compare_arrays(self._arrays[node["ref"]], values, where, 0.0)
        elif kind == "ragged":
            lengths = np.array([len(row) for row in column], dtype="i8")
            yield from _compare_arrays(self._arrays[node["lengths"]], lengths, f"{where} lengths", 0.0)
            if lengths.any():
                yield from _compare_arrays(self._arrays[node["flat"]], np.concatenate(list(column)), where, rtol)
        elif kind == "text":
            yield from _compare_text(node["values"], column.tolist(), where)
        else:
            yield from self._compare_list({"t": "list", "v": node["values"]}, column.tolist(), where, rtol)


def _compare_arrays(expected: np.ndarray, value: np.ndarray, where: str, rtol: float) -> Iterator[str]:
    if expected.dtype != value.dtype or expected.shape != value.shape:
        yield f"{where}: {value.dtype} {value.shape}, expected {expected.dtype} {expected.shape}"
        return
    same = expected == value
    if expected.dtype.kind == "f":
        same |= np.isnan(expected) & np.isnan(value)
        if rtol:
            with np.errstate(invalid="ignore"):
                same |= np.abs(expected - value) <= rtol * np.maximum(1.0, np.abs(expected))
        else:
            same &= np.isnan(expected) | (np.signbit(expected) == np.signbit(value))
    if not same.all():
        at = int(np.flatnonzero(~same.ravel())[0])
        yield f"{where}: {(~same).sum()} values differ, first {value.ravel()[at]!r}, expected {expected.ravel()[at]!r}"


def _compare_text(expected: list[Any], values: list[Any], where: str) -> Iterator[str]:
    # 0 stands for None and 1 for NaN.
    for number, (text, value) in enumerate(zip(expected, values, strict=True)):
        if text != value and not (text == 0 and value is None) and not (text == 1 and value != value):
            yield f"{where}[{number}] is {value!r}, expected {text!r}"
            return


def _is_scalar(node: Node, value: Any, rtol: float) -> bool:
    kind = node["t"]
    if kind == "float":
        expected = float.fromhex(node["v"])
        is_float = isinstance(value, (float, np.floating))
        both_nan = expected != expected and is_float and value != value
        return is_float and (both_nan or expected == value or abs(expected - value) <= rtol * max(1.0, abs(expected)))
    if kind in ("none", "NA", "NaT"):
        return value is {"none": None, "NA": pd.NA, "NaT": pd.NaT}[kind]
    if kind == "int":
        return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value == node["v"]
    if kind == "bool":
        return isinstance(value, (bool, np.bool_)) and bool(value) == node["v"]
    if kind == "datetime":
        return pd.Timestamp(value).isoformat() == node["v"]
    return str(value) == node["v"]
