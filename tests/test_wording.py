"""Words of messages."""

from __future__ import annotations

import pytest

from visbehavior.wording import count_text


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("file",), "0 files"),
        (1, ("file",), "1 file"),
        (1234, ("file",), "1,234 files"),
        (1, ("mouse", "mice"), "1 mouse"),
        (2, ("mouse", "mice"), "2 mice"),
    ],
)
def test_one_thing_is_singular(count: int, words: tuple[str, ...], text: str) -> None:
    assert count_text(count, *words) == text
