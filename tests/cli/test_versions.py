"""``visbehavior versions``."""

from __future__ import annotations

import pytest

from tests.cli.command import run

pytestmark = pytest.mark.usefixtures("public_data")


def test_cached_and_used_releases_are_marked() -> None:
    run("show", 838515247, "--data-version", "1.0.1")
    done = run("versions")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0.1  cached, in use\n1.1.0\n", "")


def test_releases_are_compared() -> None:
    done = run("versions", "--compare", "1.0.1", "1.1.0")
    assert done.stdout.startswith(
        "From release 1.0.1 to 1.1.0:\n1 file added:\n  project_metadata/ophys_cells_table.csv\n"
    )
