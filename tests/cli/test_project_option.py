"""The option --project, which selects the data set."""

from __future__ import annotations

import pathlib

import pytest

from tests.cli.command import run, run_csv
from tests.project.neuropixels_release import FILES, MANIFEST, PROJECT, VERSION, make_bucket_tree
from visbehavior.cli.cache_options import BUCKETS
from visbehavior.cli.main import main
from visbehavior.project.manifest import manifest_file_name
from visbehavior.project.projects import NEUROPIXELS


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_bucket_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def options(tree: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Options that select the synthetic release, with an empty cache."""
    monkeypatch.chdir(tmp_path)
    return ["--project", "neuropixels", "--bucket", tree, "--cache-dir", tmp_path / "cache"]


def test_every_command_with_a_bucket_has_the_option() -> None:
    named = {name: {parameter.name for parameter in command.params} for name, command in main.commands.items()}
    with_cache = [name for name, parameters in named.items() if "cache_dir" in parameters]
    assert {"show", "performance", "plot", "plot-performance", "sessions", "fetch", "verify", "versions"} <= {
        *with_cache
    }
    assert all("project" in named[name] for name in with_cache)
    assert BUCKETS["neuropixels"] == NEUROPIXELS.bucket


def test_sessions_are_selected_by_mouse_and_genotype(options: list[object]) -> None:
    done = run("sessions", "--mouse", 530862, *options)
    assert (done.returncode, done.stderr) == (0, "3 sessions.\n")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["11", "13", "12"]
    assert done.stdout.splitlines()[-1].endswith("True")
    rows = run_csv("sessions", "--session-type", "EPHYS", "--cre", "sst", *options)
    assert [row["behavior_session_id"] for row in rows] == ["14", "15"]
    assert rows[0]["genotype"] == "Sst-IRES-Cre/wt"


def test_recording_is_described_with_probes_and_units(options: list[object]) -> None:
    done = run("show", 12, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "recording      2 probes, 7 units" in done.stdout


def test_performance_of_a_mouse(options: list[object]) -> None:
    rows = run_csv("performance", "--mouse", 530862, *options)
    assert [(row["behavior_session_id"], row["trial_count"]) for row in rows] == [
        ("11", "20"),
        ("13", "20"),
        ("12", "20"),
    ]


def test_timeline_of_a_recording(options: list[object], tmp_path: pathlib.Path) -> None:
    assert run("plot", 12, "--start", 12, "--stop", 20, "-o", "timeline.png", *options).returncode == 0
    assert (tmp_path / "timeline.png").exists()


def test_fetch_versions_and_verify(options: list[object], tmp_path: pathlib.Path) -> None:
    done = run("fetch", 12, *options)
    assert done.stdout == f"{tmp_path / 'cache' / f'{PROJECT}-{VERSION}' / FILES['5006'][0]}\n"
    assert run("versions", *options).stdout == f"{VERSION}  cached, in use\n"
    assert manifest_file_name(VERSION, NEUROPIXELS) == MANIFEST
    assert run("versions", "--compare", VERSION, VERSION, *options).stdout.startswith("From release 0.5.0 to 0.5.0")
    assert run("verify", *options).returncode == 0
    planes = run("fetch", "--plane", 3, *options)
    assert planes.returncode == 2
    assert "There are imaging planes only with --project ophys." in planes.stderr


def test_id_of_the_other_project_is_explained(options: list[object]) -> None:
    done = run("show", 837658854, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("are found with --project ophys.\n")


@pytest.mark.usefixtures("public_data")
def test_other_project_is_the_default() -> None:
    done = run("show", 990)
    assert done.stderr.endswith("are found with --project neuropixels.\n")
