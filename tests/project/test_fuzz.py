"""Mutated manifests and project tables, used in child processes: only errors of visbehavior, and no file outside the cache."""

from __future__ import annotations

import pathlib

from tests.fuzzing import CASES, run_seeds


def test_mutated_releases_raise_errors_of_visbehavior(tmp_path: pathlib.Path) -> None:
    failures = [
        f"seed {seed}: {process.returncode}: {process.stderr[-3000:]}"
        for seed, process in run_seeds(["-m", "tests.project.fuzz_child", tmp_path], CASES, batch=250)
    ]
    assert not failures, "\n".join(failures)
