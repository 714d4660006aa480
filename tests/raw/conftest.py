"""Fixtures of the tests of raw files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rawfiles import make_raw


@pytest.fixture(scope="session")
def raw() -> dict[str, Any]:
    """A pickle with images, omissions and a movie; tests must not change it."""
    return make_raw(gray_before=False, seed=1)
