"""The warp: against a slow twin made from the definition, and what must hold for any image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.slowwarp import COLUMNS, MASK_SIZE, ROWS, WARP_SIZE, looked_up, sample_places
from tests.slowwarp import warped as slowly_warped
from visbehavior.stimuli import warp as module
from visbehavior.stimuli.warp import PART, PART_CORNER, SCREEN, shared_geometry, unwarped, warped

Bytes = NDArray[np.uint8]
TOP, LEFT = PART_CORNER
SEEN = 931_286


def random_part(seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, PART, dtype=np.uint8)


def black_and_white_part() -> Bytes:
    """The hardest: splines overshoot by half the range."""
    return random_part(1) // 128 * np.uint8(255)


def warped_one(image: Bytes) -> Bytes:
    return warped([image], shared_geometry())[0]


@pytest.mark.parametrize("part", [random_part(), black_and_white_part()], ids=["random", "black and white"])
def test_each_pixel_is_the_definitions(part: Bytes) -> None:
    shown = warped_one(part)
    for place in sample_places(40):
        assert shown[place] == slowly_warped(lambda row, column: part[row - TOP, column - LEFT], *place), place


def test_places_are_the_definitions() -> None:
    geometry = shared_geometry()
    row, column = (places.reshape(SCREEN) for places in (geometry.row, geometry.column))
    for place in sample_places(200):
        expected = looked_up(place[0] - ROWS / 2, place[1] - COLUMNS / 2, WARP_SIZE)
        assert (row[place] - ROWS / 2, column[place] - COLUMNS / 2) == pytest.approx(expected, abs=1e-3), place


def test_what_is_seen_is_what_some_pixel_of_the_screen_looks_at() -> None:
    seen = np.zeros(SCREEN, dtype=bool)
    for row in range(-600, 600):
        for column in range(-960, 960):
            row_offset, column_offset = looked_up(row, column, MASK_SIZE)
            seen[600 + int(row_offset), 960 + int(column_offset)] = True
    assert seen.sum() == SEEN
    shown = unwarped(random_part(), shared_geometry())
    np.testing.assert_array_equal(~np.isnan(shown), seen)


def test_unwarped_is_what_was_drawn_where_it_is_seen() -> None:
    part, geometry = random_part(), shared_geometry()
    shown = unwarped(part, geometry)
    assert (shown.dtype, shown.shape) == (np.float64, SCREEN)
    on_part = shown[TOP : TOP + PART[0], LEFT : LEFT + PART[1]]
    np.testing.assert_array_equal(on_part[geometry.visible], part[geometry.visible])
    assert np.isnan(on_part[~geometry.visible]).all()
    assert np.isnan(shown).sum() == shown.size - SEEN


def test_all_that_is_looked_at_lies_far_from_the_edges_of_the_part() -> None:
    """What lies beyond them is left out, which holds only if it counts for nothing."""
    geometry = shared_geometry()
    for places, begin, length in zip((geometry.row, geometry.column), PART_CORNER, PART, strict=True):
        assert np.floor(places).min() - 1 - begin >= 65
        assert begin + length - 1 - (np.floor(places).max() + 2) >= 65
    part = random_part()
    framed = part.copy()
    framed[:5] = framed[-5:] = 255
    framed[:, :5] = framed[:, -5:] = 0
    np.testing.assert_array_equal(warped_one(framed), warped_one(part))


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_a_plain_image_stays_plain(level: int) -> None:
    assert (warped_one(np.full(PART, level, dtype=np.uint8)) == level).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_slope_is_looked_up_exactly(axis: int) -> None:
    """Cubic splines pass straight lines through."""
    at = np.arange(PART[axis])
    at = at[:, None] if axis == 0 else at[None, :]
    rises = np.broadcast_to(np.clip((at - PART[axis] // 2) + 100, 0, 255).astype(np.uint8), PART)
    geometry = shared_geometry()
    place = (geometry.row, geometry.column)[axis] - PART_CORNER[axis] - PART[axis] // 2 + 100
    on_slope = (place > 20) & (place < 235)
    np.testing.assert_array_equal(warped_one(rises).ravel()[on_slope], np.floor(place[on_slope] + 0.5))


def test_the_negative_of_a_image_is_shown_as_its_negative() -> None:
    part = random_part()
    # Of a value that lies on a half both are rounded up; there is none here.
    np.testing.assert_array_equal(warped_one(255 - part), 255 - warped_one(part))


def test_several_at_once_are_as_one_by_one() -> None:
    parts = [random_part(seed) for seed in range(3)]
    kept = [part.copy() for part in parts]
    together = warped(parts, shared_geometry())
    for part, copy, shown in zip(parts, kept, together, strict=True):
        np.testing.assert_array_equal(part, copy)
        np.testing.assert_array_equal(shown, warped_one(part))
        assert (shown.dtype, shown.shape, shown.base) == (np.uint8, SCREEN, None)
        assert shown.flags.writeable
    assert warped([], shared_geometry()) == []


def test_any_layout_in_memory_will_do() -> None:
    part, geometry = random_part(), shared_geometry()
    wide = np.zeros((PART[0], 2 * PART[1]), dtype=np.uint8)
    wide[:, ::2] = part
    for other in (np.asfortranarray(part), wide[:, ::2]):
        np.testing.assert_array_equal(warped_one(other), warped_one(part))
        np.testing.assert_array_equal(unwarped(other, geometry), unwarped(part, geometry))


def test_the_geometry_is_computed_once_and_nobody_changes_it() -> None:
    geometry = shared_geometry()
    assert shared_geometry(1) is geometry
    for values in geometry:
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


@pytest.mark.parametrize("jobs", [1, 3])
def test_threads_do_not_matter(jobs: int) -> None:
    for ours, theirs in zip(module._compute_geometry(jobs), shared_geometry(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
