"""Which ranges are asked for: every wanted byte once, in as few and as large runs as are allowed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from visbehavior.store.coalesce import (
    BLOCK,
    DOWNLOAD_LARGEST,
    STREAM_GAP,
    STREAM_LARGEST,
    Span,
    blocks_of,
    plan_requests,
)

BLOCKS = 40

wanted_blocks = st.sets(st.integers(0, BLOCKS - 1))
gaps = st.integers(0, 6)
maxima = st.integers(1, 12)
# At and beside the borders of blocks is where arithmetic goes wrong.
places = st.builds(lambda block, beside: max(block * BLOCK + beside, 0), st.integers(0, 5), st.integers(-2, 2))
spans = st.lists(st.tuples(places, places), max_size=6)


def slow_blocks_of(spans: list[Span]) -> set[int]:
    """Each block that shares a byte with a span."""
    return {
        block
        for block in range(8)
        for start, stop in spans
        if max(start, block * BLOCK) < min(stop, (block + 1) * BLOCK)
    }


def slow_plan(wanted: set[int], gap: int, largest: int) -> list[Span]:
    """From each first block to the furthest wanted one that the maximum allows and that no wide hole parts from it."""
    runs = []
    left = set(wanted)
    while left:
        first = min(left)
        reachable = [
            last
            for last in left
            if last - first + 1 <= largest and is_without_wide_hole(wanted & set(range(first, last + 1)), gap)
        ]
        runs.append((first, max(reachable) + 1))
        left -= set(range(*runs[-1]))
    return runs


def is_without_wide_hole(blocks: set[int], gap: int) -> bool:
    return all(after - before - 1 <= gap for before, after in pairwise(sorted(blocks)))


@given(wanted_blocks, gaps, maxima)
@example(set(), 0, 1)
@example(set(range(BLOCKS)), 0, 1)
def test_as_by_the_slow_reference(wanted: set[int], gap: int, largest: int) -> None:
    assert plan_requests(wanted, gap, largest) == slow_plan(wanted, gap, largest)


@given(wanted_blocks, gaps, maxima)
def test_every_wanted_block_is_in_exactly_one_run(wanted: set[int], gap: int, largest: int) -> None:
    asked = [block for run in plan_requests(wanted, gap, largest) for block in range(*run)]
    assert len(asked) == len(set(asked))
    assert wanted <= set(asked)


@given(wanted_blocks, gaps, maxima)
def test_no_run_is_larger_than_the_maximum(wanted: set[int], gap: int, largest: int) -> None:
    assert all(0 < stop - first <= largest for first, stop in plan_requests(wanted, gap, largest))


@given(wanted_blocks, gaps, maxima)
def test_a_run_begins_and_ends_with_a_wanted_block(wanted: set[int], gap: int, largest: int) -> None:
    assert all({first, stop - 1} <= wanted for first, stop in plan_requests(wanted, gap, largest))


@given(wanted_blocks, gaps, maxima)
def test_inside_a_run_no_hole_is_wider_than_the_gap(wanted: set[int], gap: int, largest: int) -> None:
    for run in plan_requests(wanted, gap, largest):
        assert is_without_wide_hole(wanted & set(range(*run)), gap)


@given(wanted_blocks, gaps, maxima)
def test_no_run_could_take_in_the_first_block_of_the_next(wanted: set[int], gap: int, largest: int) -> None:
    runs = plan_requests(wanted, gap, largest)
    assert runs == sorted(runs)
    for (first, stop), (following, _) in pairwise(runs):
        assert following - stop > gap or following + 1 - first > largest


@given(st.lists(st.integers(0, BLOCKS - 1)), gaps, maxima)
def test_neither_order_nor_repetition_matters(wanted: list[int], gap: int, largest: int) -> None:
    assert plan_requests(iter(wanted), gap, largest) == plan_requests(set(wanted), gap, largest)


@given(spans)
@example([(0, 1)])
@example([(BLOCK - 1, BLOCK + 1)])
@example([(BLOCK, 2 * BLOCK)])
@example([(BLOCK, BLOCK), (2 * BLOCK, BLOCK)])
def test_the_blocks_of_spans_are_those_that_share_a_byte_with_one(spans: list[Span]) -> None:
    assert blocks_of(iter(spans)) == slow_blocks_of(spans)


@given(spans, gaps, maxima)
def test_every_wanted_byte_is_asked_for_exactly_once(spans: list[Span], gap: int, largest: int) -> None:
    runs = [(first * BLOCK, stop * BLOCK) for first, stop in plan_requests(blocks_of(spans), gap, largest)]
    for start, stop in spans:
        # A run begins and ends with a block: if the bytes beside each border are in one, those between are.
        for byte in {*range(start, stop, BLOCK), stop - 1} if start < stop else ():
            assert [first <= byte < end for first, end in runs].count(True) == 1


@pytest.mark.parametrize("largest", [STREAM_LARGEST, DOWNLOAD_LARGEST])
def test_a_whole_file_is_asked_for_in_the_largest_pieces(largest: int) -> None:
    runs = plan_requests(range(2 * largest + 1), 0, largest)
    assert runs == [(0, largest), (largest, 2 * largest), (2 * largest, 2 * largest + 1)]


def test_a_narrow_hole_is_brought_along_and_a_wide_one_is_not() -> None:
    assert plan_requests([0, STREAM_GAP + 1], STREAM_GAP, STREAM_LARGEST) == [(0, STREAM_GAP + 2)]
    assert plan_requests([0, STREAM_GAP + 2], STREAM_GAP, STREAM_LARGEST) == [
        (0, 1),
        (STREAM_GAP + 2, STREAM_GAP + 3),
    ]
