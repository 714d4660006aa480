"""Slow reference for `visbehavior.stimuli.warp`, one pixel at a time and from the definition alone.

A pixel of the flat monitor shows the image pixel in the same direction from the center. The distance of the image pixel
from the center is the arc, on a sphere around the eye, under which the distance on the flat monitor appears. Between
pixels the image is the cubic spline through all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

ROWS, COLUMNS = 1200, 1920
EYE_TO_MONITOR = 15.0
HEIGHT = 61.214 / math.hypot(1, 1.6)
WARP_SIZE, MASK_SIZE = (HEIGHT * 1.6, HEIGHT), (51.0, 32.5)
POLE = math.sqrt(3) - 2
# Pixels farther away have a weight below 1e-11.
REACH = 20


def image_offset(row: float, column: float, size: tuple[float, float]) -> tuple[float, float]:
    """Return the offset of the image pixel that a monitor pixel shows; offsets are from the center, in pixels."""
    x, y = column / COLUMNS * size[0], row / ROWS * size[1]
    distance = math.hypot(x, y)
    scale = EYE_TO_MONITOR * math.atan(distance / EYE_TO_MONITOR) / distance if distance else 1.0
    return row * scale, column * scale


def b_spline(distance: float) -> float:
    """Return the cubic B-spline."""
    distance = abs(distance)
    if distance >= 2:
        return 0.0
    return (2 - distance) ** 3 / 6 if distance >= 1 else 2 / 3 - distance**2 + distance**3 / 2


def spline_weights(position: float) -> tuple[list[int], list[float]]:
    """Return the pixels near a position, and their weights in the cubic spline through all pixels."""
    knots = range(math.floor(position) - 1, math.floor(position) + 3)
    pixels = list(range(knots[0] - REACH, knots[-1] + REACH + 1))
    return pixels, [
        sum(b_spline(position - knot) * math.sqrt(3) * POLE ** abs(pixel - knot) for knot in knots) for pixel in pixels
    ]


def warped_pixel(gray_level: Callable[[int, int], int], row: int, column: int) -> int:
    """Return a pixel of the warped image; `gray_level` returns the pixel of the image at a row and a column."""
    row_offset, column_offset = image_offset(row - ROWS / 2, column - COLUMNS / 2, WARP_SIZE)
    rows, row_weights = spline_weights(row_offset + ROWS / 2)
    columns, column_weights = spline_weights(column_offset + COLUMNS / 2)
    pixels = np.array([[gray_level(r, c) for c in columns] for r in rows], dtype=np.float64)
    return min(max(math.floor(np.array(row_weights) @ pixels @ np.array(column_weights) + 0.5), 0), 255)


def sample_pixels(count: int) -> list[tuple[int, int]]:
    """Return the corners, pixels on both axes and `count` random pixels.

    The central pixel is left out, because AllenSDK replaces its angle of 0 by a small number.
    """
    rng = np.random.default_rng(0)
    fixed = [(0, 0), (0, COLUMNS - 1), (ROWS - 1, 0), (ROWS - 1, COLUMNS - 1), (0, 960), (600, 0), (601, 961)]
    return fixed + [(int(rng.integers(ROWS)), int(rng.integers(COLUMNS))) for _ in range(count)]
