"""Hostile pickles, read in child processes with limits of memory and time.

Each must raise an error of one line. It must not crash, run code, use much more memory than its size, or change how the next
file is read.
"""

from __future__ import annotations

import itertools
import json
import pathlib
from typing import Any

import pytest

from tests.fuzzing import run_child
from tests.raw.hostile_pickles import GROUPS, attacks

MEMORY, MEMORY_RATIO = 150 << 20, 25
"""A file may need so many bytes, plus so many for each of its own."""


def read_in_children(folder: pathlib.Path, count: int) -> list[dict[str, Any]]:
    """Read all files of a folder and return the outcome of each; a child process that crashes is replaced."""
    results: list[dict[str, Any]] = []
    while len(results) < count:
        process = run_child("-m", "tests.raw.unpickle_child", folder, len(results))
        lines = [json.loads(line) for line in process.stdout.splitlines()]
        results += [line for line in lines if "outcome" in line]
        if process.returncode or not lines:
            results += [{}] * (len(lines) % 2)
            results[-1]["outcome"] = f"the process ended with {process.returncode}: {process.stderr[-1500:]}"
    return results


def is_rejected(result: dict[str, Any], size: int) -> bool:
    has_error = result["outcome"].startswith(("UnsupportedFile: ", "CorruptFile: "))
    return has_error and result["growth"] < MEMORY + MEMORY_RATIO * size


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_pickles_are_rejected(tmp_path: pathlib.Path, group: str) -> None:
    sizes = {}
    for number, (name, content) in enumerate(attacks(group).items()):
        (tmp_path / f"hostile_{number:03}.pkl").write_bytes(content)
        sizes[name] = len(content)
    results = dict(zip(sizes, read_in_children(tmp_path, len(sizes)), strict=True))
    assert {name: result for name, result in results.items() if not is_rejected(result, sizes[name])} == {}


def test_no_message_contains_the_data(tmp_path: pathlib.Path) -> None:
    names = itertools.count()
    for group in ("claims", "states", "dtypes"):
        for content in attacks(group).values():
            (tmp_path / f"hostile_{next(names):03}.pkl").write_bytes(content)
    for result in read_in_children(tmp_path, next(names)):
        assert "x" * 200 not in result["outcome"]
        assert "9" * 200 not in result["outcome"]
