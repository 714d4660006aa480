"""Wrapping the text of docstrings."""

from __future__ import annotations


def wrap(text: str, width: int, first: str = "", rest: str | None = None) -> str:
    """Return text in lines of at most some characters, if its words allow.

    The docstrings of a session are made when it is imported; `textwrap` would take a fifth of that time.

    Parameters
    ----------
    text : str
        Words with any white space between them.
    width : int
        Characters of a line, with its beginning.
    first, rest : str
        Beginning of the first line, and of the others; None: as the first.
    """
    lines: list[str] = []
    beginning, line = first, ""
    for word in text.split():
        if line and len(beginning) + len(line) + len(word) + 1 > width:
            lines.append(beginning + line)
            beginning, line = first if rest is None else rest, word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, beginning + line])
