"""Values and tables that no function expects, and checks of the errors that they cause."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import functools
import os
import pathlib
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd

from visbehavior import BehaviorSession, VisBehaviorError, VisualBehaviorOphysProjectCache

MAX_MESSAGE = 500
TIMEOUT = 30
"""Seconds after which a call counts as hanging."""

ORDINARY_NAMES = ("text Arabic digit", "text number", "text nan", "text inf", "text braces")
"""Labels of texts that are ordinary names of files."""


class Hang(BaseException):
    """A call takes too long. TimeoutError would be an OSError, which functions handle."""


class UnprintableObject:
    def __repr__(self) -> str:
        raise RuntimeError("it has no repr")


def hostile_paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return paths that cannot be what a function expects."""
    paths = {
        "folder": folder / "a folder",
        "empty file": folder / "empty",
        "path below a file": folder / "empty" / "file",
        "missing file": folder / "missing",
        "path with a newline": folder / "two\nlines",
        "path that is too long": folder / ("x" * 10_000),
    }
    paths["folder"].mkdir(exist_ok=True)
    paths["empty file"].touch()
    if hasattr(os, "mkfifo"):
        paths["pipe"] = folder / "pipe"
        if not paths["pipe"].exists():
            os.mkfifo(paths["pipe"])
    return paths


def hostile_texts(folder: pathlib.Path) -> dict[str, str]:
    """Return texts that cannot be what a function expects."""
    texts = {
        "empty": "",
        "long": "x" * 10_000,
        "NUL": "\0",
        "lines": "two\nlines\r\n\x1b[31m",
        "surrogate": "\ud800",
        "undecodable byte": "\udcff",
        "5,000 digits": "9" * 5_000,
        "Arabic digit": "\u0661",
        "unknown user": "~nobody_has_this_name/x",
        "number": "-1",
        "nan": "nan",
        "inf": "1e999",
        "braces": "{0}%s",
        "URL": "https://[",
    }
    return {f"text {name}": text for name, text in texts.items()} | {
        name: str(path) for name, path in hostile_paths(folder).items()
    }


def hostile_values(folder: pathlib.Path) -> dict[str, Any]:
    """Return values of all kinds."""
    recursive: list[Any] = []
    recursive.append(recursive)
    table = pd.DataFrame({"a": [1, 2]}, index=[0, 0])
    values: list[Any] = [None, True, 0, -1, 0.5, 10**5_000, -(10**5_000), np.int64(1), float("nan"), float("inf")]
    values += [1j, decimal.Decimal("sNaN"), pd.NA, pd.NaT, np.bool_(True), np.datetime64("NaT"), b"bytes", b"\xff"]
    values += [datetime.datetime.max, datetime.datetime(1, 1, 1, tzinfo=datetime.UTC), datetime.date(2024, 1, 8)]
    values += [
        [],
        (),
        {},
        set(),
        [None],
        ["x"],
        [[1], [2, 3]],
        recursive,
        range(10),
        iter([1]),
        object(),
        object,
        lambda: None,
    ]
    values += [table, table["a"], pd.DataFrame(), np.zeros((2, 2)), np.array(1.0), np.array(["x"])]
    named = {f"{type(value).__name__} {number}": value for number, value in enumerate(values)}
    named["unprintable object"] = UnprintableObject()
    named["list of an unprintable object"] = [UnprintableObject()]
    return named | hostile_texts(folder) | {f"Path {name}": path for name, path in hostile_paths(folder).items()}


def broken_tables(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table with repeated and shuffled rows and columns, and as dictionaries that are no table."""
    return {
        "two sessions": pd.concat([table, table]),
        "two sessions with a new index": pd.concat([table, table], ignore_index=True),
        "shuffled": table.sample(frac=1, random_state=0),
        "shuffled with a new index": table.sample(frac=1, random_state=0, ignore_index=True),
        "columns twice": pd.concat([table, table], axis=1),
        "columns with two levels": pd.concat({"a": table}, axis=1),
        "columns with numbers": table.set_axis(range(len(table.columns)), axis=1),
        "no rows": table.iloc[:0],
        "one row": table.iloc[:1],
        "categories": table.map(str).astype("category"),
        "columns of unequal length": {name: table[name].to_numpy()[row:] for row, name in enumerate(table)},
        "scalars": dict.fromkeys(table, 1),
        "nested lists": {name: [[1, 2], [3]] for name in table},
    }


def broken_columns(table: pd.DataFrame, is_used: Callable[[pd.DataFrame], bool]) -> dict[str, pd.DataFrame]:
    """Return a table with columns of other types: all types for the columns that a function uses, few for others."""
    few = ["x", UnprintableObject()]
    many = [*few, None, pd.NA, b"x", 10**5_000, 1j, pd.NaT, np.zeros(3), [1]]
    broken = {}
    for name in table:
        without = table.drop(columns=name)
        broken[f"without {name}"] = without
        for filler in many if is_used(without) else few:
            column = pd.Series([filler] * len(table), index=table.index, dtype=object)
            broken[f"{name} of {type(filler).__name__}"] = table.assign(**{str(name): column})
    return broken


def hostile_variants(valid: Any, folder: pathlib.Path) -> dict[str, Any]:
    """Return what an argument is replaced by: hostile values, and its own value with hostile parts."""
    values = hostile_values(folder)
    if isinstance(valid, pd.DataFrame):
        return values | broken_tables(valid)
    if isinstance(valid, os.PathLike):
        return {label: value for label, value in values.items() if label not in ORDINARY_NAMES and label[:5] != "Path "}
    if isinstance(valid, list | tuple):
        return values | {f"items {name}": type(valid)([value]) for name, value in values.items()}
    if isinstance(valid, dict):
        entries = {f"{key}: {name}": valid | {key: value} for key in valid for name, value in values.items()}
        return values | {f"keys {name}": {value: 1} for name, value in hostile_texts(folder).items()} | entries
    return values


def find_problem(call: Callable[[], Any]) -> str:
    """Call a function, and describe the problem unless it returns or raises a VisBehaviorError of one short line."""
    with warnings.catch_warnings(), time_limit():
        warnings.simplefilter("ignore")
        try:
            use(call())
        except VisBehaviorError as error:
            return "" if is_one_line(str(error)) else f"message of {len(str(error))} characters: {str(error)[:200]!r}"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            frame = traceback.extract_tb(error.__traceback__)
            inside = [entry for entry in frame if "/visbehavior/" in entry.filename.replace("\\", "/")]
            where = f"{inside[-1].filename}:{inside[-1].lineno}" if inside else "the call"
            return f"{type(error).__name__} at {where}: {str(error)[:150]!r}"
    return ""


def is_one_line(message: str) -> bool:
    return len(message.splitlines()) == 1 and len(message) <= MAX_MESSAGE


def use(result: Any) -> None:
    """Use a result as far as is needed to see whether wrong arguments were accepted."""
    if isinstance(result, Iterator):
        next(result, None)
    elif isinstance(result, BehaviorSession):
        for read in (result.describe, lambda: result.stimulus_timestamps, lambda: result.stimulus_templates):
            read()
    elif isinstance(result, VisualBehaviorOphysProjectCache):
        result.get_behavior_session_table()


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
    """Raise Hang in a call that hangs, such as one that opens a pipe."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise Hang(f"no result after {TIMEOUT} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, TIMEOUT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def find_problems(call: Callable[[Any], Any], valid: Any, folder: pathlib.Path) -> list[str]:
    """Call a function of one argument with each variant of a valid argument, and describe the problems."""

    def is_refused(value: Any) -> bool:
        try:
            call(value)
        except VisBehaviorError:
            return True
        return False

    variants = hostile_variants(valid, folder)
    if isinstance(valid, pd.DataFrame):
        variants |= broken_columns(valid, is_refused)
    problems = {label: find_problem(functools.partial(call, value)) for label, value in variants.items()}
    return [f"{label}: {problem}" for label, problem in problems.items() if problem]
