"""``visbehavior plot-performance``."""

from __future__ import annotations

import pathlib

from tests.cli.command import run
from tests.faultserver import FaultServer


def test_files(nwb_files: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    done = run("plot-performance", *nwb_files, "-o", tmp_path / "mouse.svg")
    message = f"Wrote the maximum d' of 3 sessions of mouse 457841: {tmp_path / 'mouse.svg'}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", message)
    assert "<svg" in (tmp_path / "mouse.svg").read_text()


def test_unreadable_file_does_not_stop_the_others(nwb_files: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    done = run("plot-performance", nwb_files[0], tmp_path / "none.nwb", cwd=tmp_path)
    assert done.returncode == 1
    assert "There is no file" in done.stderr
    assert (tmp_path / "mouse_457841_max_dprime.png").exists()


def test_computed_metrics_are_not_requested_again(public_data: FaultServer, tmp_path: pathlib.Path) -> None:
    assert run("performance", "--mouse", "445002").returncode == 0
    public_data.requests.clear()
    done = run("plot-performance", "--mouse", "445002")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mouse_445002_max_dprime.png").exists()
    assert not any(request.key.endswith(".nwb") for request in public_data.requests)
