"""All commands with hostile options and arguments: exit status 0, 1 or 2, and messages of one short line each.

The commands and their parameters are found through `main`. A new command needs valid arguments in `VALID`.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import shutil
from collections.abc import Iterator
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from tests.hostile import MAX_MESSAGE, ORDINARY_NAMES, hostile_texts, time_limit
from tests.nwbfiles import write_session
from tests.project.synthetic_release import PROJECT, UNREACHABLE, make_bucket_tree
from tests.rawfiles import write_raw
from tests.synthetic_session import make_session
from tests.test_hostile_folders import damage_columns
from visbehavior import build_release, simulate
from visbehavior.cli import demo, release
from visbehavior.cli.main import main
from visbehavior.plots import figure

FIRST_STAGE = "TRAINING_0_gratings_autorewards_15min"
VALID: dict[str, dict[str, str]] = {
    "show": {"session": "session.nwb"},
    "performance": {"sessions": "11"},
    "plot": {"session": "11", "start": "10", "stop": "20"},
    "plot-performance": {"sessions": "11"},
    "sessions": {},
    "strategy": {"sessions": "session.nwb"},
    "fetch": {"ids": "11"},
    "verify": {},
    "versions": {},
    "convert": {"raw": "990400001.pkl", "output_dir": "nwb"},
    "simulate": {"session_types": FIRST_STAGE, "output_dir": "rig", "minutes": "1"},
    "release build": {"sessions": "990400001.pkl", "output_dir": "new bucket"},
    "release check": {"folder": "release"},
    "release serve": {"folder": "release"},
    "cache ls": {},
    "cache size": {},
    "cache prune": {},
    "completion": {"shell": "bash"},
    "demo": {"output_dir": "demo"},
}
"""Values of the parameters with which each command succeeds. Files are relative to the current folder."""

PYTHON = re.compile(r"\b[a-z_]{4,}\(|\b[a-z_]{3,}=[\w'\"]|\bfrom_\w+")
"""Code in a message: a call, or an argument."""

MESSAGE = re.compile(
    r"Usage: |Try |Error: |Warning: |Wrote |Stopped\.|No problems|Problems found: |Nothing is |\d[\d,]* "
)
"""Beginnings of the lines on stderr."""


def list_commands(group: click.Group = main, prefix: str = "") -> dict[str, click.Command]:
    commands = {}
    for name, command in group.commands.items():
        is_group = isinstance(command, click.Group)
        commands |= list_commands(command, f"{name} ") if is_group else {f"{prefix}{name}": command}
    return commands


COMMANDS = list_commands()
PARAMETERS = [(name, str(p.name)) for name, command in COMMANDS.items() for p in command.params if p.name != "debug"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Folder with the files that the commands read."""
    folder = tmp_path_factory.mktemp("inputs")
    make_bucket_tree(folder)
    shutil.rmtree(folder / "cache")
    write_session(folder / "session.nwb", make_session(seed=1, trials=30))
    raw = simulate(FIRST_STAGE, minutes=1, seed=1)
    write_raw(folder / "990400001.pkl", raw)
    build_release([raw], folder / "release")
    return folder


@pytest.fixture(autouse=True)
def _isolated(inputs: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a copy of the inputs, without a network, with a small demo and a server that stops at once."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", UNREACHABLE)
    monkeypatch.setenv("VISBEHAVIOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(release, "time", SimpleNamespace(sleep=interrupt))
    monkeypatch.setattr(figure, "DOTS_PER_INCH", 10)
    monkeypatch.setattr(demo, "MICE", 1)
    monkeypatch.setattr(demo, "MINUTES", 1)
    monkeypatch.setattr(demo, "SESSION_TYPES", (FIRST_STAGE,))
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def run(name: str, changes: dict[str, str]) -> Result:
    """Run a command with its valid values, and others for some parameters."""
    with time_limit():
        return CliRunner().invoke(main, [*name.split(), *arguments_of(COMMANDS[name], VALID[name] | changes)])


def arguments_of(command: click.Command, values: dict[str, str]) -> Iterator[str]:
    if any(
        parameter.name == "bucket" and "mirror" in str(getattr(parameter, "help", "")) for parameter in command.params
    ):
        values = {"bucket": "./bucket"} | values
    for parameter in command.params:
        if parameter.name not in values:
            continue
        value = values[parameter.name]
        if isinstance(parameter, click.Argument):
            yield value
        elif getattr(parameter, "is_flag", False):
            yield f"{parameter.opts[0]}={value}"
        else:
            yield from [parameter.opts[0], *[value] * parameter.nargs]


def describe_problem(result: Result) -> str:
    """Describe what is wrong with the outcome of a command; "" if nothing is."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"{type(result.exception).__name__}: {str(result.exception)[:150]!r}"
    lines = [line for line in result.stderr.splitlines() if line]
    wrong = [line for line in lines if len(line) > MAX_MESSAGE or not MESSAGE.match(line)]
    if wrong:
        return f"line of {len(wrong[0])} characters: {wrong[0][:200]!r}"
    spoken = [line for line in lines if PYTHON.search(line)]
    if spoken:
        return f"Python on the command line: {spoken[0][:200]!r}"
    if "Cannot write the output" in result.stderr:
        return f"an OSError of the package: {lines[-1]!r}"
    if result.exit_code not in (0, 1, 2) or (result.exit_code and not lines and not result.stdout):
        return f"exit status {result.exit_code}, {lines}"
    return ""


@pytest.mark.parametrize("name", COMMANDS)
def test_valid_arguments_are_accepted(name: str) -> None:
    assert name in VALID, f"add valid arguments of {name} to VALID"
    result = run(name, {})
    assert (result.exit_code, describe_problem(result)) == (0, ""), result.output


def test_damaged_tables_are_reported_in_one_line(tmp_path: pathlib.Path) -> None:
    project = tmp_path / "bucket" / PROJECT
    path = project / "project_metadata" / "behavior_session_table.csv"
    manifest_path = next((project / "manifests").iterdir())
    problems = []
    for number, (label, content) in enumerate(damage_columns(path.read_text())):
        path.write_text(content)
        manifest = json.loads(manifest_path.read_text())
        manifest["metadata_files"][path.stem]["file_hash"] = hashlib.blake2b(content.encode()).hexdigest()
        manifest_path.write_text(json.dumps(manifest))
        options = {"cache_dir": f"cache{number}", "session_type": "ophys", "cre": "vip", "mouse": "457841"}
        for name in ("", "session_type", "cre", "mouse"):
            selected = {option: options[option] for option in ("cache_dir", name) if option}
            problems.append(f"{label}, {name}: {describe_problem(run('sessions', selected))}")
    problems = [problem for problem in problems if not problem.endswith(": ")]
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_hostile_values_are_reported_in_one_line(name: str, parameter: str, tmp_path: pathlib.Path) -> None:
    texts = hostile_texts(tmp_path)
    if any(p.name == parameter and isinstance(p.type, click.Path) for p in COMMANDS[name].params):
        texts = {label: text for label, text in texts.items() if label not in ORDINARY_NAMES}
    results = {label: describe_problem(run(name, {parameter: text})) for label, text in texts.items()}
    problems = [f"{label}: {problem}" for label, problem in results.items() if problem]
    assert not problems, "\n".join([f"{len(problems)} problems", *problems])
