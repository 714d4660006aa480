"""``visbehavior completion``."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.cli.command import run
from visbehavior.cli.completion import SHELLS


@pytest.mark.parametrize("shell", SHELLS)
def test_script_names_the_command(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_VISBEHAVIOR_COMPLETE" in done.stdout
    assert shell == "fish" or "visbehavior" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_script_is_valid_for_bash() -> None:
    script = run("completion", "bash").stdout
    environment = {**os.environ, "BASH_ENV": ""}
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False, env=environment)
    assert checked.returncode == 0, checked.stderr
