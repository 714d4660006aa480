"""AllenSDK in an environment of its own (`make oracle`), to compare with."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import pytest

PYTHON = pathlib.Path(__file__).parents[1] / ".venv-oracle" / ("Scripts" if os.name == "nt" else "bin") / "python"


def needs_allensdk(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that runs AllenSDK; it is skipped, with a word, where that is not installed."""
    absent = pytest.mark.skipif(not PYTHON.exists(), reason="AllenSDK is not installed: run `make oracle`")
    return pytest.mark.oracle(absent(test))
