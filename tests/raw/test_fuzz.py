"""Mutated pickles, read in child processes: only errors of visbehavior, no crash, no hang, no growth of memory."""

from __future__ import annotations

import pathlib

from tests.fuzzing import CASES, run_seeds


def test_mutated_pickles_raise_errors_of_visbehavior(tmp_path: pathlib.Path) -> None:
    failures = [
        f"seed {seed}: {process.returncode}: {process.stderr[-3000:]}"
        for seed, process in run_seeds(["-m", "tests.raw.fuzz_child", tmp_path], CASES, batch=500)
    ]
    assert not failures, "\n".join(failures)
