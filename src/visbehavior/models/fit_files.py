"""Fits as ``.npz`` files: arrays only, no pickle."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visbehavior.arguments import parse_path
from visbehavior.atomic import atomic_write
from visbehavior.errors import BadValue, NotFound, UnsupportedFile

_TABLES = ("weights", "bands")
_NUMBERS = ("evidence", "log_likelihood", "auc")
_LABEL_KINDS = "iufU"
"""Kinds of dtypes that labels may have: numbers and texts."""
_READ_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
)


def write_fit(path: str | os.PathLike[str], parts: dict[str, Any]) -> None:
    """Write the parts of a `StrategyFit` to a file."""
    target = parse_path("path", path).absolute()
    weights = parts["weights"]
    arrays = {name: parts[name].to_numpy() for name in (*_TABLES, "sigma")} | {name: parts[name] for name in _NUMBERS}
    arrays["flashes"], arrays["regressors"] = _labels(weights.index), _labels(weights.columns)
    arrays["index_name"] = np.array(str(weights.index.name or ""))
    with atomic_write(target) as part, open(part, "wb") as file:
        np.savez(file, **arrays)


def read_fit(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the parts of a `StrategyFit` from a file."""
    target = parse_path("path", path)
    if not target.exists():
        raise NotFound(f"There is no file {target}. Expected one that StrategyFit.save wrote.", path=str(target))
    if not target.is_file():
        raise UnsupportedFile(f"{target} is not a file. Expected one that StrategyFit.save wrote.", path=str(target))
    try:
        return _read_parts(target)
    except _READ_ERRORS as error:
        raise UnsupportedFile(
            f"{target} cannot be read as a fit: {error}. Expected a file that StrategyFit.save wrote.", path=str(target)
        ) from error


def _read_parts(target: Path) -> dict[str, Any]:
    # numpy leaves a file open that it cannot read.
    with open(target, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        index = pd.Index(arrays["flashes"], name=str(arrays["index_name"]) or None)
        columns = pd.Index(arrays["regressors"])
        parts: dict[str, Any] = {name: pd.DataFrame(arrays[name], index=index, columns=columns) for name in _TABLES}
        parts["sigma"] = pd.Series(arrays["sigma"], index=columns)
        return parts | {name: float(arrays[name]) for name in _NUMBERS}


def _labels(index: pd.Index) -> np.ndarray[Any, Any]:
    labels: np.ndarray[Any, Any] = index.to_numpy()
    if labels.dtype.kind not in _LABEL_KINDS and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)
    if labels.dtype.kind not in _LABEL_KINDS:
        raise BadValue(f"The labels of a fit are {labels.dtype}; expected numbers or texts. Rename them before saving.")
    return labels
