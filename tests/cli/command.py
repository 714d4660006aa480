"""Run the command ``visbehavior`` in a child process."""

from __future__ import annotations

import csv
import io
import pathlib
import subprocess
import sys
from collections.abc import Callable

Invoke = Callable[..., tuple[int, str, str]]
"""Type of the fixture `invoke`."""

SESSION_TYPES = ["TRAINING_0_gratings_autorewards_15min", "TRAINING_1_gratings", "OPHYS_1_images_A"]
"""Sessions of each mouse in `simulated_pickles`."""

MOUSE_SESSIONS = ["838515247", "837658854", "848613406"]
"""Sessions of mouse 445002 in the synthetic bucket, in order of acquisition."""


def run(*arguments: object, cwd: pathlib.Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "visbehavior", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def run_csv(*arguments: object) -> list[dict[str, str]]:
    """Run a command with ``--format csv`` and return the rows."""
    done = run(*arguments, "--format", "csv")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))
