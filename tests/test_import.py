"""Public names of the package and what importing them loads."""

from __future__ import annotations

import ast
import importlib
import pathlib
import pkgutil
import subprocess
import sys

import pytest

import visbehavior
from tests.nwbfiles import write_session
from tests.synthetic_session import make_session


def modules_imported_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_import_loads_neither_numpy_nor_pandas() -> None:
    loaded = modules_imported_by("import visbehavior; visbehavior.VisBehaviorError")
    assert "visbehavior" in loaded
    assert not loaded & {"numpy", "pandas", "h5py", "click", "tqdm", "importlib.metadata"}


def test_session_needs_neither_pandas_nor_scipy() -> None:
    loaded = modules_imported_by("import visbehavior; visbehavior.BehaviorSession")
    assert {"numpy", "h5py"} <= loaded
    assert not loaded & {"pandas", "scipy", "tqdm", "pynwb", "matplotlib", "click"}


def test_pandas_is_imported_only_where_a_table_is_made(tmp_path: pathlib.Path) -> None:
    path = str(write_session(tmp_path / "session.nwb", make_session()))
    show = f"from visbehavior.cli.main import main; main(['show', {path!r}], standalone_mode=False)"
    session = f"import visbehavior; session = visbehavior.BehaviorSession.from_nwb_path({path!r})"
    metrics = f"{session}; session.get_performance_metrics()"
    assert not {"pandas", "filelock"} & modules_imported_by(show)
    assert "pandas" not in modules_imported_by(metrics)
    assert "pandas" in modules_imported_by(f"{session}; session.trials")


def test_public_names_can_be_imported() -> None:
    for name in visbehavior.__all__:
        assert getattr(visbehavior, name) is not None
    assert dir(visbehavior) == sorted(visbehavior.__all__)
    assert visbehavior.__version__


def test_unknown_names_raise_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = visbehavior.nonsense


def test_type_checking_block_has_the_public_names() -> None:
    tree = ast.parse(pathlib.Path(visbehavior.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    names = {
        alias.asname: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert names == {name: f"visbehavior.{module}" for name, module in visbehavior._PUBLIC.items()}


def test_public_names_differ_from_module_names() -> None:
    modules = {module.name for module in pkgutil.iter_modules(visbehavior.__path__)}
    assert not modules & set(visbehavior.__all__)


def test_public_functions_and_classes_have_docstrings() -> None:
    for name, module in visbehavior._PUBLIC.items():
        public = getattr(importlib.import_module(f"visbehavior.{module}"), name)
        assert public.__doc__, name
        for member, value in vars(public).items() if isinstance(public, type) else ():
            if not member.startswith("_") and callable(getattr(value, "__func__", value)):
                assert value.__doc__, f"{name}.{member}"


def test_type_checkers_report_names_that_do_not_exist(tmp_path: pathlib.Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(
        "import visbehavior\n"
        "visbehavior.plot_timeline\n"
        "visbehavior.plot_strech\n"
        "session = visbehavior.BehaviorSession.from_nwb_path('x.nwb')\n"
        "session.licks\n"
        "session.lick\n"
    )
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--config-file", "", str(snippet)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    reported = [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line]
    assert reported == ["3", "6"], done.stdout
