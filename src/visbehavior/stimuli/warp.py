"""What the mouse saw: images warped for a flat monitor close to the eye.

What lies towards the corners of the monitor is farther from the eye. Images are therefore warped as if they lay on a
sphere around it. The middle of an image, 1,162 x 915 of 1,920 x 1,200 pixels, fills the whole screen.

Definition: AllenSDK 2.16, ``brain_observatory/stimulus_info.py`` (``BrainObservatoryMonitor``,
``warp_stimulus_coords``, ``make_display_mask``) and
``brain_observatory/behavior/data_objects/stimuli/stimulus_templates.py``; of the interpolation, SciPy's
``ndimage/src/ni_splines.c`` and ``ni_interpolation.c`` (``map_coordinates``, order 3).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SCREEN = (1200, 1920)
"""Rows and columns of the monitor."""
PART_CORNER = (60, 312)
"""Where on the screen the part begins that the warp looks at."""
PART = (1080, 1296)
"""Rows and columns of that part. The pixels that count are 65 or more from its edges."""
EYE_TO_SCREEN = 15.0
"""Distance of the eye from the middle of the monitor (cm)."""
SCREEN_DIAGONAL = 61.214
"""Of the monitor that images are warped for (cm)."""
SCREEN_SIZE_OF_MASK = (51.0, 32.5)
"""Width and height of the monitor that says which pixels are seen (cm): not quite those of the diagonal."""

_ON_SCREEN = tuple(slice(begin, begin + length) for begin, length in zip(PART_CORNER, PART, strict=True))
_POLE = -0.267949192431122706472553658494127633
"""sqrt(3) - 2: the pole of the filter that turns pixels into coefficients of cubic B-splines."""
_BLOCK = 16_384
"""Pixels at a time: few enough for a core's cache, enough that threads seldom wait for each other."""
_BAND = 8
"""Rows at a time, likewise."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


class Geometry(NamedTuple):
    """What is the same for every image (38 MB); `shared_geometry` gives it. Not to be written to."""

    visible: NDArray[np.bool_]
    """Of each pixel of the part (1,080 x 1,296): is it seen?"""
    row: Floats
    """Of each pixel of the screen (1,200 x 1,920, flat): the row that is looked at, from the screen's first (pixels)."""
    column: Floats
    """Likewise the column."""


_shared: list[Geometry] = []


def shared_geometry(jobs: int | None = None) -> Geometry:
    """The geometry, computed once a process.

    Parameters
    ----------
    jobs : int or None
        Threads to share the work; None: one a core.
    """
    # Without a lock, which a forked child might find taken for ever: at worst it is computed twice.
    if not _shared:
        _shared.append(_compute_geometry(jobs))
    return _shared[0]


def unwarped(image: Bytes, geometry: Geometry) -> Floats:
    """The image as the mouse saw it.

    Parameters
    ----------
    image : numpy.ndarray
        uint8, 1,080 x 1,296: the part of the screen from `PART_CORNER`, as drawn.
    geometry : Geometry
        From `shared_geometry`.

    Returns
    -------
    numpy.ndarray
        float64, 1,200 x 1,920: the screen as drawn, NaN where no pixel of the screen looks.
    """
    shown = np.full(SCREEN, np.nan)
    np.copyto(shown[_ON_SCREEN], image, where=geometry.visible)
    return shown


def warped(images: Sequence[Bytes], geometry: Geometry) -> list[Bytes]:
    """Images as they were sent to the screen. Several at once take less time than one by one.

    Parameters
    ----------
    images : sequence of numpy.ndarray
        uint8, 1,080 x 1,296 each: the part of the screen from `PART_CORNER`, as drawn.
    geometry : Geometry
        From `shared_geometry`.

    Returns
    -------
    list of numpy.ndarray
        uint8, 1,200 x 1,920 each.

    Notes
    -----
    Pixels are those of SciPy's ``map_coordinates``, bit for bit, where numpy's trigonometric functions are: their last
    bit, which processors may differ in, moves a pixel only if its value before rounding lies within some 1e-8 of a half.
    """
    surfaces = [_spline_coefficients(image).ravel() for image in images]
    shown = [np.empty(SCREEN, dtype=np.uint8) for _ in images]
    for block in _slices(SCREEN[0] * SCREEN[1], _BLOCK):
        row, column = geometry.row[block], geometry.column[block]
        # Where in the part the 4 x 4 neighbours begin.
        corner = (np.floor(row) - 1 - PART_CORNER[0]) * PART[1] + (np.floor(column) - 1 - PART_CORNER[1])
        near = corner.astype(np.intp), _spline_weights(row), _spline_weights(column)
        for surface, screen in zip(surfaces, shown, strict=True):
            # To the nearest, halves up; splines overshoot what they pass through.
            screen.reshape(-1)[block] = np.clip(_interpolated(surface, *near) + 0.5, 0, 255)
    return shown


def _slices(length: int, step: int) -> Iterator[slice]:
    return (slice(begin, min(begin + step, length)) for begin in range(0, length, step))


def _compute_geometry(jobs: int | None) -> Geometry:
    height = np.sqrt(SCREEN_DIAGONAL**2 / (1 + (SCREEN[1] / SCREEN[0]) ** 2))
    size = (height * (SCREEN[1] / SCREEN[0]), height)
    row, column = np.empty(SCREEN), np.empty(SCREEN)
    visible = np.zeros(SCREEN, dtype=np.bool_)
    rows, columns = (np.arange(length, dtype=np.float64) - length / 2 for length in SCREEN)

    def look(band: slice) -> None:
        # The definition gives the rows here as its first axis, the columns in the mask. As pixels are square that
        # matters to the last bits only, and in the very middle.
        row[band], column[band] = _looked_up(rows[band, None], columns, size)
        across, down = _looked_up(columns, rows[band, None], SCREEN_SIZE_OF_MASK)
        # Cut towards the middle, as the definition does, not down.
        visible[down.astype(np.intp) + SCREEN[0] // 2, across.astype(np.intp) + SCREEN[1] // 2] = True

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        # The results are asked for so that an error is heard of.
        list(pool.map(look, _slices(SCREEN[0], _BAND)))
    row += SCREEN[0] / 2
    column += SCREEN[1] / 2
    found = Geometry(visible[_ON_SCREEN].copy(), row.reshape(-1), column.reshape(-1))
    for values in found:
        values.flags.writeable = False
    return found


def _looked_up(first: Floats, second: Floats, size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Where in the flat image lies what the screen shows at a place.

    In the direction of the place as seen from the middle, at the distance that is the arc on the sphere around the eye.

    Parameters
    ----------
    first, second : numpy.ndarray
        Places on the screen from its middle (pixels); shapes that broadcast.
    size : tuple of float
        Width and height of the screen (cm).

    Returns
    -------
    tuple of numpy.ndarray
        Places in the image from its middle (pixels).
    """
    # Shorter formulas give the same but for the last bits, and those decide how a pixel is rounded: this is the
    # definition's order of operations, its small number in place of 0 included.
    x = (first / SCREEN[1] + 0.5) * size[0] - 0.5 * size[0]
    y = (second / SCREEN[0] + 0.5) * size[1] - 0.5 * size[1]
    from_eye = np.sqrt(np.square(x) + np.square(y) + np.square(EYE_TO_SCREEN))
    azimuth, altitude = np.arctan(x / EYE_TO_SCREEN), np.arcsin(y / from_eye)
    azimuth, altitude = (np.where(angle == 0, np.finfo(np.float32).eps, angle) for angle in (azimuth, altitude))
    arc = np.arccos(np.cos(altitude) * np.cos(azimuth)) * EYE_TO_SCREEN
    across, down = (EYE_TO_SCREEN * (1 + side / from_eye) - EYE_TO_SCREEN for side in (x, y))
    direction = np.arctan2(down, across)
    return arc * np.cos(direction) / size[0] * SCREEN[1], arc * np.sin(direction) / size[1] * SCREEN[0]


def _spline_weights(place: Floats) -> Floats:
    """Cubic B-splines at their distances from `place`: of the pixel before it, the one below, and the two behind."""
    beyond = place - np.floor(place)
    before = 1.0 - beyond
    weights = np.empty((4, place.size))
    weights[0] = before * before * before / 6.0
    weights[1] = (beyond * beyond * (beyond - 2.0) * 3.0 + 4.0) / 6.0
    weights[2] = (before * before * (before - 2.0) * 3.0 + 4.0) / 6.0
    weights[3] = 1.0 - weights[0] - weights[1] - weights[2]
    return weights


def _interpolated(coefficients: Floats, corner: NDArray[np.intp], down: Floats, across: Floats) -> Floats:
    total, part = np.zeros(corner.shape), np.empty(corner.shape)
    for row in range(4):
        for column in range(4):
            # clip: no place is outside, and numpy would copy what it takes to be sure.
            coefficients[row * PART[1] + column :].take(corner, out=part, mode="clip")
            part *= down[row]
            part *= across[column]
            total += part
    return total


def _spline_coefficients(image: Bytes) -> Floats:
    """Of the surface of cubic B-splines through the pixels.

    The filter forgets: a pixel weighs 0.27 times its neighbour. What lies beyond the edges of the part (SciPy has it
    mirrored at those of the screen) weighs less than 1e-37 where it counts, and is left out.
    """
    down = _spline_filtered(image.astype(np.float64))
    return np.ascontiguousarray(_spline_filtered(np.ascontiguousarray(down.T)).T)


def _spline_filtered(values: Floats) -> Floats:
    """The filter along the first axis, in place: forth, then back."""
    values *= (1 - _POLE) * (1 - 1 / _POLE)
    for at in range(1, len(values)):
        values[at] += _POLE * values[at - 1]
    values[-1] *= -_POLE
    for at in range(len(values) - 2, -1, -1):
        np.subtract(values[at + 1], values[at], out=values[at])
        values[at] *= _POLE
    return values
