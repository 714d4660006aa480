"""Paths of the files that accompany an incomplete download."""

from __future__ import annotations

from pathlib import Path


def partial_path(final: Path) -> Path:
    """Return the path of the partial file of a file."""
    return final.with_name(final.name + ".blocks")


def journal_path(final: Path) -> Path:
    """Return the path of the journal that lists the blocks of the partial file."""
    return final.with_name(final.name + ".blocks.journal")


def lock_path(final: Path) -> Path:
    """Return the path of the lock that a process holds while it downloads the file."""
    return final.with_name(final.name + ".blocks.lock")


def has_partial(final: Path) -> bool:
    """Return True if a partial file exists."""
    return partial_path(final).exists()
