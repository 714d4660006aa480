"""The slow twin of `visbehavior.stimuli.warp`, a pixel at a time and from the definition alone.

The definition in words: a pixel of the flat monitor shows what lies, on a sphere around the eye, as far from the middle
as the pixel lies on the monitor; between pixels the image is the cubic spline that passes through all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

ROWS, COLUMNS = 1200, 1920
DISTANCE = 15.0
HEIGHT = 61.214 / math.hypot(1, 1.6)
WARP_SIZE, MASK_SIZE = (HEIGHT * 1.6, HEIGHT), (51.0, 32.5)
POLE = math.sqrt(3) - 2
REACH = 20


def looked_up(row: float, column: float, size: tuple[float, float]) -> tuple[float, float]:
    """Offsets from the middle, in pixels: as far along the sphere around the eye as the place is on the flat screen."""
    x, y = column / COLUMNS * size[0], row / ROWS * size[1]
    on_screen = math.hypot(x, y)
    shrunk = DISTANCE * math.atan(on_screen / DISTANCE) / on_screen if on_screen else 1.0
    return row * shrunk, column * shrunk


def spline(distance: float) -> float:
    """The cubic B-spline."""
    distance = abs(distance)
    if distance >= 2:
        return 0.0
    return (2 - distance) ** 3 / 6 if distance >= 1 else 2 / 3 - distance**2 + distance**3 / 2


def influence(place: float) -> tuple[list[int], list[float]]:
    """Pixels near a place, and the weight of each in the cubic spline that passes through all of them."""
    knots = range(math.floor(place) - 1, math.floor(place) + 3)
    pixels = list(range(knots[0] - REACH, knots[-1] + REACH + 1))
    return pixels, [
        sum(spline(place - knot) * math.sqrt(3) * POLE ** abs(pixel - knot) for knot in knots) for pixel in pixels
    ]


def warped(level: Callable[[int, int], int], row: int, column: int) -> int:
    """A pixel of the warped screen; `level` is the gray level that was drawn at a row and a column of it."""
    row_offset, column_offset = looked_up(row - ROWS / 2, column - COLUMNS / 2, WARP_SIZE)
    rows, down = influence(row_offset + ROWS / 2)
    columns, across = influence(column_offset + COLUMNS / 2)
    pixels = np.array([[level(at, beside) for beside in columns] for at in rows], dtype=np.float64)
    return min(max(math.floor(np.array(down) @ pixels @ np.array(across) + 0.5), 0), 255)


def sample_places(count: int) -> list[tuple[int, int]]:
    """Corners, both axes (but not the very middle, which is not looked at exactly) and `count` places at random."""
    rng = np.random.default_rng(0)
    corners = [(0, 0), (0, COLUMNS - 1), (ROWS - 1, 0), (ROWS - 1, COLUMNS - 1), (0, 960), (600, 0), (601, 961)]
    return corners + [(int(rng.integers(ROWS)), int(rng.integers(COLUMNS))) for _ in range(count)]
