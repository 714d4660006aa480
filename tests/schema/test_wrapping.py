"""Wrapping of docstrings."""

from __future__ import annotations

from textwrap import fill

from hypothesis import given
from hypothesis import strategies as st

from visbehavior.schema.wrapping import wrap

WORDS = st.lists(st.text("abc.", min_size=1, max_size=12), max_size=30)


@given(WORDS, st.integers(1, 40), st.sampled_from(["", "- ", "        "]))
def test_lines_are_those_of_textwrap(words: list[str], width: int, first: str) -> None:
    text, rest = "  ".join(words), " " * len(first)
    options = {"break_long_words": False, "initial_indent": first, "subsequent_indent": rest}
    expected = fill(" ".join(words), max(width, len(first) + 1), **options) if words else first
    assert wrap(text, max(width, len(first) + 1), first, rest) == expected


def test_all_lines_begin_like_the_first_by_default() -> None:
    assert wrap("one two", 5, "  ") == "  one\n  two"
