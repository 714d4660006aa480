"""Metadata of the package that depend on the address of its repository."""

from __future__ import annotations

import importlib.util
import pathlib
import re
from types import ModuleType

import pytest

ROOT = pathlib.Path(__file__).parents[1]
ADDRESS = "https://example.org/owner/visbehavior"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_metadata", ROOT / "hatch_metadata.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_of_the_readme_work_on_a_package_index(hook: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text()
    assert hook.absolute_links(readme, "") == readme
    made = hook.absolute_links(readme, ADDRESS)
    for before, after in zip(re.findall(r"\]\(([^)]+)\)", readme), re.findall(r"\]\(([^)]+)\)", made), strict=True):
        assert after == (before if before.startswith(("http", "#")) else f"{ADDRESS}/raw/main/{before}")
        assert before.startswith(("http", "#")) or (ROOT / before.partition("#")[0]).exists()


def test_urls_are_set_with_the_address(hook: ModuleType) -> None:
    assert hook.project_urls("") == {}
    urls = hook.project_urls(ADDRESS)
    assert urls["Homepage"] == ADDRESS
    assert all(url.startswith(ADDRESS) for url in urls.values())
