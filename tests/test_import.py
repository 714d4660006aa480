"""The public face of the package."""

from __future__ import annotations

import ast
import importlib
import pathlib
import pkgutil
import subprocess
import sys

import pytest

import visbehavior


def imported_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_loads_neither_numpy_nor_pandas() -> None:
    loaded = imported_by("import visbehavior; visbehavior.VisBehaviorError")
    assert "visbehavior" in loaded
    assert not loaded & {"numpy", "pandas", "h5py", "click", "tqdm", "importlib.metadata"}


def test_a_session_needs_no_scipy_and_no_tqdm() -> None:
    loaded = imported_by("import visbehavior; visbehavior.BehaviorSession")
    assert {"numpy", "pandas", "h5py"} <= loaded
    assert not loaded & {"scipy", "tqdm", "pynwb", "matplotlib", "click"}


def test_each_public_name_is_there() -> None:
    for name in visbehavior.__all__:
        assert getattr(visbehavior, name) is not None
    assert dir(visbehavior) == sorted(visbehavior.__all__)
    assert visbehavior.__version__


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = visbehavior.nonsense


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(pathlib.Path(visbehavior.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == {name: f"visbehavior.{module}" for name, module in visbehavior._PUBLIC.items()}


def test_no_public_name_is_a_modules_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(visbehavior.__path__)}
    assert not modules & set(visbehavior.__all__)


def test_public_functions_and_classes_have_docstrings() -> None:
    for name, module in visbehavior._PUBLIC.items():
        thing = getattr(importlib.import_module(f"visbehavior.{module}"), name)
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if not member.startswith("_") and callable(getattr(value, "__func__", value)):
                assert value.__doc__, f"{name}.{member}"
