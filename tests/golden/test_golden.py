"""Comparison with what AllenSDK itself returned for the same files, where those recordings are at hand.

They are not part of this repository. ``VISBEHAVIOR_GOLDEN`` names their folder; without it ``../shared/golden`` is looked for.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from scripts.history_report import HABITUATION, REMOVED, differences
from tests.oracle import PYTHON, needs_allensdk
from visbehavior.analysis.history import compute_history

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = pathlib.Path(os.environ.get("VISBEHAVIOR_GOLDEN", ROOT.parent / "shared" / "golden"))
TOOL = GOLDEN.parent / "tools" / "conformance.py"
CHILD = ROOT / "tests" / "nwb" / "allensdk_child.py"

pytestmark = pytest.mark.skipif(
    not TOOL.exists(),
    reason=f"AllenSDK's recordings are not at {GOLDEN}: nothing was compared with AllenSDK (set VISBEHAVIOR_GOLDEN)",
)


def conformance(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-B", str(TOOL), *options, str(GOLDEN)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


def test_every_table_equals_allensdks() -> None:
    assert conformance("--api", "BehaviorSession").startswith("0 differences in ")


def test_every_table_of_a_raw_file_equals_allensdks() -> None:
    assert conformance("--raw").startswith("0 differences in ")


def test_the_real_sessions_counts_are_the_published_ones(tmp_path: pathlib.Path) -> None:
    """The project table was made by other people's code from the same session."""
    sys.path.insert(0, str(TOOL.parent))
    try:
        import conformance as tool
    finally:
        sys.path.remove(str(TOOL.parent))
    from visbehavior import BehaviorSession, compute_session_rates

    packed = GOLDEN / "project_metadata" / "v1.1.0" / "behavior_session_table.csv.gz"
    published = pd.read_csv(io.BytesIO(gzip.decompress(packed.read_bytes())), index_col="behavior_session_id").loc[
        891635659
    ]
    session = BehaviorSession.from_nwb_path(
        tool.unpacked(GOLDEN / "v1.1" / "behavior_session_891635659.nwb.xz", tmp_path)
    )
    metrics = session.get_performance_metrics()
    names = ["trial", "go_trial", "catch_trial", "hit_trial", "miss_trial", "false_alarm_trial", "correct_reject_trial"]
    for name in names:
        assert metrics[f"{name}_count"] == published[f"{name}_count"], name
    assert [metrics[f"{name}_count"] for name in names] == [953, 94, 16, 81, 13, 6, 10]
    assert compute_session_rates(session.trials)["hit_rate"] == 81 / 94


def test_every_project_table_equals_allensdks() -> None:
    """But for the index of the imaging sessions: ``Int64`` in both (`test_cache` asks AllenSDK), it is recorded as what numpy makes
    of it, which is objects under AllenSDK's pandas 1.5 and int64 under any that is supported here."""
    done = subprocess.run(
        [sys.executable, "-B", str(TOOL), "--tables", str(GOLDEN)], capture_output=True, text=True, check=False
    )
    *differences, last = done.stdout.splitlines()
    assert " values of 3 files" in last
    assert [line for line in differences if "get_ophys_session_table().index: " not in line] == []


@needs_allensdk
def test_the_real_pickle_becomes_the_file_that_allensdk_made_of_it(tmp_path: pathlib.Path) -> None:
    """By one command; AllenSDK finds the same in both files."""
    known = GOLDEN / "raw" / "behavior_session_891635659.input.json"
    command = [sys.executable, "-m", "visbehavior", "convert", known, "-o", tmp_path]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    theirs = tmp_path / "theirs.nwb"
    with lzma.open(GOLDEN / "v1.1" / "behavior_session_891635659.nwb.xz") as packed, open(theirs, "wb") as plain:
        shutil.copyfileobj(packed, plain)
    found = []
    for number, path in enumerate((made, theirs)):
        subprocess.run([PYTHON, CHILD, path, tmp_path / f"{number}.npz"], check=True, capture_output=True)
        with np.load(tmp_path / f"{number}.npz") as arrays:
            found.append({name: arrays[name] for name in arrays})
    assert found[0].keys() == found[1].keys()
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name], err_msg=name)


def test_what_mice_had_before_is_counted_as_in_the_public_table() -> None:
    """But for the rows whose earlier sessions were removed, or whose habituation had omissions by mistake."""
    packed = GOLDEN / "project_metadata" / "v1.1.0" / "behavior_session_table.csv.gz"
    table = pd.read_csv(io.BytesIO(gzip.decompress(packed.read_bytes())), index_col="behavior_session_id")
    history = compute_history(table)
    for name in ("session_number", "image_set", "behavior_type"):
        assert (history[name].eq(table[name]) | (history[name].isna() & table[name].isna())).all(), name
    counts = differences(table).groupby(["column", "cause"]).size()
    assert counts.to_dict() == {
        ("prior_exposures_to_session_type", REMOVED): 13,
        ("prior_exposures_to_image_set", REMOVED): 19,
        ("prior_exposures_to_omissions", HABITUATION): 170,
        ("prior_exposures_to_omissions", REMOVED): 35,
    }
