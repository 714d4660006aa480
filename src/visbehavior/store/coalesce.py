"""Arithmetic on blocks: which blocks contain a range of bytes, and which runs of blocks to request."""

from __future__ import annotations

from collections.abc import Iterable

BLOCK = 1 << 16
"""Bytes of a block, the unit that is cached, checked and requested. With 1 MiB the licks of a session would cost 5 MB, not 0.7."""

STREAM_MAX_GAP = (256 << 10) // BLOCK
"""While streaming, needed blocks with at most this many other blocks between them share a request."""

STREAM_MAX_BLOCKS = (1 << 20) // BLOCK
"""Blocks per request while streaming; longer runs are cut so that several connections share them."""

DOWNLOAD_MAX_BLOCKS = (4 << 20) // BLOCK
"""Blocks per request of a download. Eight requests of 16 MiB at once would take 225 MB of memory."""

Span = tuple[int, int]
"""First index and one past the last, of bytes or of blocks."""


def blocks_containing(spans: Iterable[Span]) -> set[int]:
    """Return the blocks that contain any of these bytes."""
    return {block for start, stop in spans if stop > start for block in range(start // BLOCK, (stop - 1) // BLOCK + 1)}


def coalesce_blocks(blocks: Iterable[int], max_gap: int, max_blocks: int) -> list[Span]:
    """Return runs of blocks that contain all the given blocks.

    Parameters
    ----------
    blocks : iterable of int
    max_gap : int
        Runs with at most this many other blocks between them are merged.
    max_blocks : int
        Maximum length of a run.

    Returns
    -------
    list of (int, int)
        First block and one past the last, ascending; each run begins and ends with a given block.
    """
    runs: list[list[int]] = []
    for block in sorted(set(blocks)):
        if runs and block - runs[-1][1] <= max_gap and block - runs[-1][0] < max_blocks:
            runs[-1][1] = block + 1
        else:
            runs.append([block, block + 1])
    return [(first, stop) for first, stop in runs]
