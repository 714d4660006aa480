"""Words of messages."""

from __future__ import annotations


def count_text(count: int, singular: str, plural: str | None = None) -> str:
    """Return a number of things as text: ``1 file``, ``1,234 files``, ``2 mice``."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
