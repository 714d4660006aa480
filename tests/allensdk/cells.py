"""Run notebook cells in a child process, with visbehavior installed as AllenSDK."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

CHILD = pathlib.Path(__file__).with_name("notebook_child.py")
METRICS = [
    "trial_count",
    "go_trial_count",
    "catch_trial_count",
    "hit_trial_count",
    "miss_trial_count",
    "false_alarm_trial_count",
    "correct_reject_trial_count",
    "auto_reward_count",
    "earned_reward_count",
    "total_reward_count",
    "total_reward_volume",
    "maximum_reward_rate",
    "engaged_trial_count",
    "mean_hit_rate",
    "mean_hit_rate_uncorrected",
    "mean_hit_rate_engaged",
    "mean_false_alarm_rate",
    "mean_false_alarm_rate_uncorrected",
    "mean_false_alarm_rate_engaged",
    "mean_dprime",
    "mean_dprime_engaged",
    "max_dprime",
    "max_dprime_engaged",
]
"""The performance metrics in AllenSDK's order."""


def run_cells(cells: list[str], version: str, folder: pathlib.Path) -> list[object]:
    """Run cells in a folder, as AllenSDK of that version, and return their values as `notebook_child` writes them."""
    (folder / "cells.json").write_text(json.dumps(cells))
    command = [sys.executable, CHILD, version, "cells.json", "out.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    values: list[object] = json.loads((folder / "out.json").read_text())
    return values
