"""Which ranges to ask for: arithmetic alone, no input or output."""

from __future__ import annotations

from collections.abc import Iterable

BLOCK = 1 << 16
"""Bytes of a block: what is kept, checked and asked for as one. At 1 MiB the licks of a session would cost 5 MB, not 0.7."""

STREAM_GAP = (256 << 10) // BLOCK
"""PartialFile between two wanted ones that are brought along rather than asked for apart."""

STREAM_LARGEST = (1 << 20) // BLOCK
"""PartialFile of one request while streaming: longer runs are cut, so that several connections share them."""

DOWNLOAD_LARGEST = (4 << 20) // BLOCK
"""PartialFile of one request of a whole file. Of 16 MiB each, eight at once would take 225 MB of memory."""

Span = tuple[int, int]
"""First and one past the last, of bytes or of blocks."""


def blocks_of(spans: Iterable[Span]) -> set[int]:
    """The blocks that hold any of these bytes."""
    return {block for start, stop in spans if stop > start for block in range(start // BLOCK, (stop - 1) // BLOCK + 1)}


def plan_requests(wanted: Iterable[int], gap: int, largest: int) -> list[Span]:
    """The runs of blocks to ask for.

    Parameters
    ----------
    wanted : iterable of int
        PartialFile.
    gap : int
        Runs with at most so many unwanted blocks between them become one.
    largest : int
        PartialFile of a run at most.

    Returns
    -------
    list of (int, int)
        First block and one past the last, ascending; each begins and ends with a wanted block.
    """
    runs: list[list[int]] = []
    for block in sorted(set(wanted)):
        if runs and block - runs[-1][1] <= gap and block - runs[-1][0] < largest:
            runs[-1][1] = block + 1
        else:
            runs.append([block, block + 1])
    return [(first, stop) for first, stop in runs]
