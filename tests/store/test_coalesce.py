"""Runs of blocks: every needed byte is requested once, in as few and as long runs as allowed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from visbehavior.store.coalesce import (
    BLOCK,
    DOWNLOAD_MAX_BLOCKS,
    STREAM_MAX_BLOCKS,
    STREAM_MAX_GAP,
    Span,
    blocks_containing,
    coalesce_blocks,
)

BLOCK_COUNT = 40

block_sets = st.sets(st.integers(0, BLOCK_COUNT - 1))
gaps = st.integers(0, 6)
lengths = st.integers(1, 12)
# Offsets at and next to the borders of blocks, where errors are likely.
offsets = st.builds(lambda block, shift: max(block * BLOCK + shift, 0), st.integers(0, 5), st.integers(-2, 2))
span_lists = st.lists(st.tuples(offsets, offsets), max_size=6)


def slow_blocks_containing(spans: list[Span]) -> set[int]:
    """Each block that shares a byte with a span."""
    return {
        block
        for block in range(8)
        for start, stop in spans
        if max(start, block * BLOCK) < min(stop, (block + 1) * BLOCK)
    }


def slow_coalesce_blocks(blocks: set[int], max_gap: int, max_blocks: int) -> list[Span]:
    """From each first block to the last one within the maximum length that no wide gap separates from it."""
    runs = []
    remaining = set(blocks)
    while remaining:
        first = min(remaining)
        reachable = [
            last
            for last in remaining
            if last - first + 1 <= max_blocks and has_no_wide_gap(blocks & set(range(first, last + 1)), max_gap)
        ]
        runs.append((first, max(reachable) + 1))
        remaining -= set(range(*runs[-1]))
    return runs


def has_no_wide_gap(blocks: set[int], max_gap: int) -> bool:
    return all(after - before - 1 <= max_gap for before, after in pairwise(sorted(blocks)))


@given(block_sets, gaps, lengths)
@example(set(), 0, 1)
@example(set(range(BLOCK_COUNT)), 0, 1)
def test_runs_equal_those_of_the_slow_reference(blocks: set[int], max_gap: int, max_blocks: int) -> None:
    assert coalesce_blocks(blocks, max_gap, max_blocks) == slow_coalesce_blocks(blocks, max_gap, max_blocks)


@given(block_sets, gaps, lengths)
def test_every_block_is_in_exactly_one_run(blocks: set[int], max_gap: int, max_blocks: int) -> None:
    in_runs = [block for run in coalesce_blocks(blocks, max_gap, max_blocks) for block in range(*run)]
    assert len(in_runs) == len(set(in_runs))
    assert blocks <= set(in_runs)


@given(block_sets, gaps, lengths)
def test_no_run_is_longer_than_the_maximum(blocks: set[int], max_gap: int, max_blocks: int) -> None:
    assert all(0 < stop - first <= max_blocks for first, stop in coalesce_blocks(blocks, max_gap, max_blocks))


@given(block_sets, gaps, lengths)
def test_a_run_begins_and_ends_with_a_given_block(blocks: set[int], max_gap: int, max_blocks: int) -> None:
    assert all({first, stop - 1} <= blocks for first, stop in coalesce_blocks(blocks, max_gap, max_blocks))


@given(block_sets, gaps, lengths)
def test_no_gap_in_a_run_exceeds_the_maximum(blocks: set[int], max_gap: int, max_blocks: int) -> None:
    for run in coalesce_blocks(blocks, max_gap, max_blocks):
        assert has_no_wide_gap(blocks & set(range(*run)), max_gap)


@given(block_sets, gaps, lengths)
def test_no_run_could_include_the_first_block_of_the_next(blocks: set[int], max_gap: int, max_blocks: int) -> None:
    runs = coalesce_blocks(blocks, max_gap, max_blocks)
    assert runs == sorted(runs)
    for (first, stop), (following, _) in pairwise(runs):
        assert following - stop > max_gap or following + 1 - first > max_blocks


@given(st.lists(st.integers(0, BLOCK_COUNT - 1)), gaps, lengths)
def test_order_and_repetition_do_not_matter(blocks: list[int], max_gap: int, max_blocks: int) -> None:
    assert coalesce_blocks(iter(blocks), max_gap, max_blocks) == coalesce_blocks(set(blocks), max_gap, max_blocks)


@given(span_lists)
@example([(0, 1)])
@example([(BLOCK - 1, BLOCK + 1)])
@example([(BLOCK, 2 * BLOCK)])
@example([(BLOCK, BLOCK), (2 * BLOCK, BLOCK)])
def test_blocks_containing_equals_the_slow_reference(spans: list[Span]) -> None:
    assert blocks_containing(iter(spans)) == slow_blocks_containing(spans)


@given(span_lists, gaps, lengths)
def test_every_byte_is_requested_exactly_once(spans: list[Span], max_gap: int, max_blocks: int) -> None:
    blocks = blocks_containing(spans)
    runs = [(first * BLOCK, stop * BLOCK) for first, stop in coalesce_blocks(blocks, max_gap, max_blocks)]
    for start, stop in spans:
        # Runs begin and end at borders of blocks: one byte of each block is enough.
        for byte in {*range(start, stop, BLOCK), stop - 1} if start < stop else ():
            assert [first <= byte < end for first, end in runs].count(True) == 1


@pytest.mark.parametrize("max_blocks", [STREAM_MAX_BLOCKS, DOWNLOAD_MAX_BLOCKS])
def test_a_complete_file_is_cut_into_the_longest_runs(max_blocks: int) -> None:
    runs = coalesce_blocks(range(2 * max_blocks + 1), 0, max_blocks)
    assert runs == [(0, max_blocks), (max_blocks, 2 * max_blocks), (2 * max_blocks, 2 * max_blocks + 1)]


def test_narrow_gaps_are_included_and_wide_gaps_are_not() -> None:
    narrow, wide = STREAM_MAX_GAP + 1, STREAM_MAX_GAP + 2
    assert coalesce_blocks([0, narrow], STREAM_MAX_GAP, STREAM_MAX_BLOCKS) == [(0, narrow + 1)]
    assert coalesce_blocks([0, wide], STREAM_MAX_GAP, STREAM_MAX_BLOCKS) == [(0, 1), (wide, wide + 1)]
