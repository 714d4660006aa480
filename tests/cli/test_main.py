"""Help, version and usage errors of the command."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from tests.cli.command import run
from visbehavior._version import __version__
from visbehavior.cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("performance",), ("nonsense",), ("performance", "x.nwb", "--format", "xml"), ("show", "a", "b")],
)
def test_usage_errors_exit_with_status_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: visbehavior")


@pytest.mark.parametrize("name", sorted(main.commands))
def test_command_has_help_with_an_example_and_is_in_the_readme(name: str) -> None:
    done = run(name, "-h")
    assert done.returncode == 0
    assert f"  visbehavior {name} " in done.stdout
    readme = pathlib.Path(__file__).parents[2] / "README.md"
    assert f"visbehavior {name} " in readme.read_text()


def test_help_lists_commands_with_complete_summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    output = run("-h").stdout
    commands = output[output.index("Commands:") :].splitlines()[1:]
    assert [line.split()[0] for line in commands] == sorted(main.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)


def test_version() -> None:
    assert run("--version").stdout == f"visbehavior, version {__version__}\n"


def test_command_is_installed(newer_file: pathlib.Path) -> None:
    command = pathlib.Path(sys.executable).with_name("visbehavior")
    if not command.exists() and not command.with_suffix(".exe").exists():
        pytest.skip("the package is not installed in this environment")
    done = subprocess.run([command, "show", newer_file], capture_output=True, text=True, check=True)
    assert "OPHYS_3_images_A" in done.stdout
