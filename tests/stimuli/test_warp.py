"""The warp: comparison with the slow reference, and properties of any image."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.slowwarp import COLUMNS, MASK_SIZE, ROWS, WARP_SIZE, image_offset, sample_pixels, warped_pixel
from visbehavior import MissingExtra
from visbehavior.stimuli import warp as module
from visbehavior.stimuli.warp import CROP, MONITOR_SHAPE, mask_image, shared_geometry, warp_image

Bytes = NDArray[np.uint8]
VISIBLE_PIXELS = 931_286


def random_image(seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, MONITOR_SHAPE, dtype=np.uint8)


def black_and_white_image() -> Bytes:
    """Return the hardest image: its spline overshoots by half the range."""
    return random_image(1) // 128 * np.uint8(255)


def warp(image: Bytes) -> Bytes:
    return warp_image(image, shared_geometry())


def image_coordinates() -> NDArray[np.float64]:
    """Return the row and the column of the complete image that each monitor pixel shows."""
    return shared_geometry().coordinates + np.array([crop.start for crop in CROP])[:, None, None]


@pytest.mark.parametrize("image", [random_image(), black_and_white_image()], ids=["random", "black and white"])
def test_warped_pixels_equal_the_reference(image: Bytes) -> None:
    warped = warp(image)
    for pixel in sample_pixels(40):
        assert warped[pixel] == warped_pixel(lambda row, column: image[row, column], *pixel), pixel


def test_coordinates_equal_the_reference() -> None:
    rows, columns = image_coordinates()
    for pixel in sample_pixels(200):
        expected = image_offset(pixel[0] - ROWS / 2, pixel[1] - COLUMNS / 2, WARP_SIZE)
        assert (rows[pixel] - ROWS / 2, columns[pixel] - COLUMNS / 2) == pytest.approx(expected, abs=1e-3), pixel


def test_visible_pixels_are_those_that_a_monitor_pixel_shows() -> None:
    visible = np.zeros(MONITOR_SHAPE, dtype=bool)
    for row in range(-600, 600):
        for column in range(-960, 960):
            row_offset, column_offset = image_offset(row, column, MASK_SIZE)
            visible[600 + int(row_offset), 960 + int(column_offset)] = True
    assert visible.sum() == VISIBLE_PIXELS
    np.testing.assert_array_equal(~np.isnan(mask_image(random_image(), shared_geometry())), visible)


def test_masking_keeps_visible_pixels() -> None:
    image, geometry = random_image(), shared_geometry()
    masked = mask_image(image, geometry)
    assert (masked.dtype, masked.shape) == (np.float64, MONITOR_SHAPE)
    np.testing.assert_array_equal(masked[geometry.visible], image[geometry.visible])
    assert np.isnan(masked[~geometry.visible]).all()
    assert np.isnan(masked).sum() == masked.size - VISIBLE_PIXELS


@pytest.mark.parametrize("image", [random_image(), black_and_white_image()], ids=["random", "black and white"])
def test_cropping_does_not_change_warped_pixels(image: Bytes) -> None:
    for coordinates, crop in zip(shared_geometry().coordinates, CROP, strict=True):
        assert np.floor(coordinates).min() - 1 >= 65
        assert crop.stop - crop.start - 1 - (np.floor(coordinates).max() + 2) >= 65
    np.testing.assert_array_equal(warp(image), ndimage.map_coordinates(image, image_coordinates(), order=3))
    framed = image.copy()
    framed[:65] = framed[-65:] = 255
    framed[:, :317] = framed[:, -317:] = 0
    np.testing.assert_array_equal(warp(framed), warp(image))


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_uniform_image_stays_uniform(level: int) -> None:
    assert (warp(np.full(MONITOR_SHAPE, level, dtype=np.uint8)) == level).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_linear_gradient_is_interpolated_exactly(axis: int) -> None:
    """A cubic spline through points on a line is the line."""
    offset = np.arange(MONITOR_SHAPE[axis]) - MONITOR_SHAPE[axis] // 2
    level = np.clip(offset + 100, 0, 255).astype(np.uint8)
    gradient = np.broadcast_to(level[:, None] if axis == 0 else level[None, :], MONITOR_SHAPE)
    expected = image_coordinates()[axis] - MONITOR_SHAPE[axis] // 2 + 100
    not_clipped = (expected > 20) & (expected < 235)
    np.testing.assert_array_equal(warp(gradient)[not_clipped], np.floor(expected[not_clipped] + 0.5))


def test_negative_of_an_image_is_warped_to_the_negative() -> None:
    image = random_image()
    # Values of exactly one half would break the symmetry, because both are rounded up; this image has none.
    np.testing.assert_array_equal(warp(255 - image), 255 - warp(image))


def test_results_are_new_arrays() -> None:
    image = random_image()
    copy = image.copy()
    for result, dtype in ((warp(image), np.uint8), (mask_image(image, shared_geometry()), np.float64)):
        assert (result.dtype, result.shape, result.base) == (dtype, MONITOR_SHAPE, None)
        assert result.flags.writeable
        assert result.flags.c_contiguous
    np.testing.assert_array_equal(image, copy)


def test_memory_layout_does_not_matter() -> None:
    image, geometry = random_image(), shared_geometry()
    wide = np.zeros((ROWS, 2 * COLUMNS), dtype=np.uint8)
    wide[:, ::2] = image
    for other in (np.asfortranarray(image), wide[:, ::2]):
        np.testing.assert_array_equal(warp(other), warp(image))
        np.testing.assert_array_equal(mask_image(other, geometry), mask_image(image, geometry))
        assert mask_image(other, geometry).flags.c_contiguous


def test_geometry_is_computed_once_and_read_only() -> None:
    geometry = shared_geometry()
    assert shared_geometry(1) is geometry
    for values in geometry:
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0


@pytest.mark.parametrize("jobs", [1, 3])
def test_number_of_threads_does_not_matter(jobs: int) -> None:
    for values, expected in zip(module._compute_geometry(jobs), shared_geometry(), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_missing_scipy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("scipy", "scipy.ndimage"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r'needs scipy, .*pip install "visbehavior\[raw\]"'):
        warp(random_image())
