"""``visbehavior verify``."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import run
from tests.faultserver import FOREVER, Fault, FaultServer
from visbehavior.project.verify import COMPLETE, DAMAGED, REPAIRED


@pytest.mark.usefixtures("public_data")
def test_empty_cache_is_reported() -> None:
    done = run("verify")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Nothing is cached yet.\n")


def test_damaged_files_are_reported_and_repaired(public_data: FaultServer) -> None:
    path = pathlib.Path(run("fetch", "837658854", "--plane", "22").stdout.splitlines()[0])
    verified = run("verify")
    assert (verified.returncode, verified.stderr) == (0, f"4 {COMPLETE}\n")
    path.write_bytes(path.read_bytes()[:-1])
    damaged = run("verify", "--format", "csv")
    assert (damaged.returncode, damaged.stderr) == (1, f"3 {COMPLETE}, 1 {DAMAGED}\n")
    assert f"behavior_session_837658854.nwb,{DAMAGED}," in damaged.stdout
    public_data.faults = [Fault("403", key="*.nwb", times=FOREVER)]
    assert run("verify", "--repair").stderr.endswith(f"3 {COMPLETE}, 1 not repaired\n")
    public_data.reset()
    assert run("verify", "--repair").stderr == f"3 {COMPLETE}, 1 {REPAIRED}\n"
    assert run("verify").returncode == 0
