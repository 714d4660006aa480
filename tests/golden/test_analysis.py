"""Flash tables, lick bouts, engagement and responses equal what the field's own utilities gave."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import warnings
from typing import Any

import pytest

from tests.golden import analysis_results
from tests.golden.recordings import GOLDEN, needs_recordings, recordings, unpacked

pytestmark = needs_recordings
CHECKER = GOLDEN.parent / "tools" / "analysis_check.py"
FUNCTIONS = {"analysis": analysis_results.results, "responses": analysis_results.responses}
RECORDS = [path for kind in FUNCTIONS for path in recordings(f"analysis/*/*.{kind}.npz")]


@pytest.fixture(scope="module")
def checker() -> Any:
    """The program that compares a record with our values, which is part of the recordings."""
    spec = importlib.util.spec_from_file_location("analysis_check", CHECKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_results_equal_the_recorded_ones(
    record: pathlib.Path, checker: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stem, kind, _ = record.name.rsplit(".", 2)
    folder = tmp_path_factory.getbasetemp() / record.parent.name
    folder.mkdir(exist_ok=True)
    file = unpacked(GOLDEN / record.parent.name / f"{stem}.nwb.xz", folder)
    recorded = checker.load_record(record)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = FUNCTIONS[kind](str(file))
    lines = [line for name, values in given.items() for line in checker.compare(recorded, name, values)]
    assert not lines, "\n".join(lines)
    assert len(given) > 5
