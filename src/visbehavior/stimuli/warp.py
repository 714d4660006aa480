"""Warp images for a flat monitor close to the mouse's eye, and mask the pixels that the mouse cannot see.

The corners of a flat monitor are farther from the eye than its center. Images are therefore warped as if they lay on a
sphere around the eye. The central 1,162 x 915 pixels of an image fill the 1,920 x 1,200 pixels of the monitor.

Definition: AllenSDK 2.16, ``brain_observatory/stimulus_info.py`` (``BrainObservatoryMonitor``,
``warp_stimulus_coords``, ``make_display_mask``) and
``brain_observatory/behavior/data_objects/stimuli/stimulus_templates.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visbehavior.extras import import_extra

MONITOR_SHAPE = (1200, 1920)
"""Rows and columns of the monitor."""
EYE_TO_MONITOR = 15.0
"""Distance from the eye to the center of the monitor (cm)."""
WARP_DIAGONAL = 61.214
"""Diagonal of the monitor in the definition of the warp (cm)."""
MASK_SIZE = (51.0, 32.5)
"""Width and height of the monitor in the definition of the mask (cm); they differ a little from those of the warp."""

CROP = (slice(60, 1140), slice(312, 1608))
"""Rows and columns that are warped. The warp samples no pixel within 65 pixels of their edges, so the spline through
the cropped image gives the same pixels as the spline through the complete image, in less time."""
_BAND = 8
"""Rows per task when the geometry is computed; small temporary arrays stay in a core's cache."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


class Geometry(NamedTuple):
    """Arrays that are the same for all images (39 MB), read-only; see `shared_geometry`.

    Parameters
    ----------
    visible : numpy.ndarray
        bool, 1,200 x 1,920: image pixels that the mouse can see.
    coordinates : numpy.ndarray
        float64, 2 x 1,200 x 1,920: row and column in ``image[CROP]`` that each pixel of the monitor shows (pixels).
    """

    visible: NDArray[np.bool_]
    coordinates: Floats


_shared: list[Geometry] = []


def shared_geometry(jobs: int | None = None) -> Geometry:
    """Return the geometry, which is computed once per process.

    Parameters
    ----------
    jobs : int or None
        Number of threads; None: one per core.
    """
    # No lock, because a forked child could inherit a locked one. At worst the geometry is computed twice.
    if not _shared:
        _shared.append(_compute_geometry(jobs))
    return _shared[0]


def mask_image(image: Bytes, geometry: Geometry) -> Floats:
    """Return an image as float64, with NaN for the pixels that the mouse cannot see.

    Parameters
    ----------
    image : numpy.ndarray
        uint8, 1,200 x 1,920: the image on the monitor, not warped.
    geometry : Geometry
        Result of `shared_geometry`.
    """
    return np.where(geometry.visible, image, np.nan)


def warp_image(image: Bytes, geometry: Geometry) -> Bytes:
    """Return an image as sent to the monitor.

    Parameters
    ----------
    image : numpy.ndarray
        uint8, 1,200 x 1,920: the image on the monitor, not warped.
    geometry : Geometry
        Result of `shared_geometry`.

    Returns
    -------
    numpy.ndarray
        uint8, 1,200 x 1,920.

    Raises
    ------
    MissingExtra
        If scipy is not installed.

    Notes
    -----
    Pixels are equal to AllenSDK's bit for bit if numpy's trigonometric functions are. These may differ in the last bit
    between processors, which changes a pixel only if its value before rounding is within about 1e-8 of a half.
    """
    warped: Bytes = import_extra("scipy.ndimage").map_coordinates(image[CROP], geometry.coordinates, order=3)
    return warped


def _compute_geometry(jobs: int | None) -> Geometry:
    height = np.sqrt(WARP_DIAGONAL**2 / (1 + (MONITOR_SHAPE[1] / MONITOR_SHAPE[0]) ** 2))
    warp_size = (height * (MONITOR_SHAPE[1] / MONITOR_SHAPE[0]), height)
    coordinates = np.empty((2, *MONITOR_SHAPE))
    visible = np.zeros(MONITOR_SHAPE, dtype=np.bool_)
    center_row, center_column = (length // 2 for length in MONITOR_SHAPE)
    rows, columns = (np.arange(length, dtype=np.float64) - length / 2 for length in MONITOR_SHAPE)

    def compute_band(band: slice) -> None:
        # AllenSDK passes rows as the first axis in the warp, and columns in the mask. Pixels are square, so the order
        # matters only for the last bits and for the central pixel.
        coordinates[0, band], coordinates[1, band] = _image_offsets(rows[band, None], columns, warp_size)
        across, down = _image_offsets(columns, rows[band, None], MASK_SIZE)
        # astype truncates towards the center, as AllenSDK does.
        visible[down.astype(np.intp) + center_row, across.astype(np.intp) + center_column] = True

    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        # list() raises the errors of the tasks.
        list(pool.map(compute_band, _bands()))
    for axis, (center, crop) in enumerate(zip((center_row, center_column), CROP, strict=True)):
        # Two steps, because the first one rounds as AllenSDK does and the second one is exact.
        coordinates[axis] += center
        coordinates[axis] -= crop.start
    geometry = Geometry(visible, coordinates)
    for values in geometry:
        values.flags.writeable = False
    return geometry


def _bands() -> Iterator[slice]:
    return (slice(start, start + _BAND) for start in range(0, MONITOR_SHAPE[0], _BAND))


def _image_offsets(first: Floats, second: Floats, monitor_size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the image pixels that monitor pixels show.

    The image pixel is in the same direction from the center as the monitor pixel. Its distance from the center is the
    length of the arc on the sphere around the eye.

    Parameters
    ----------
    first, second : numpy.ndarray
        Offsets of monitor pixels from the center along two axes (pixels); shapes that broadcast.
    monitor_size : tuple of float
        Width and height of the monitor (cm).

    Returns
    -------
    tuple of numpy.ndarray
        Offsets of image pixels from the center along the same axes (pixels).
    """
    # Shorter formulas differ in the last bits, which can change how a pixel is rounded. This is AllenSDK's order of
    # operations, with its small number in place of 0.
    x = (first / MONITOR_SHAPE[1] + 0.5) * monitor_size[0] - 0.5 * monitor_size[0]
    y = (second / MONITOR_SHAPE[0] + 0.5) * monitor_size[1] - 0.5 * monitor_size[1]
    from_eye = np.sqrt(np.square(x) + np.square(y) + np.square(EYE_TO_MONITOR))
    azimuth, altitude = np.arctan(x / EYE_TO_MONITOR), np.arcsin(y / from_eye)
    azimuth, altitude = (np.where(angle == 0, np.finfo(np.float32).eps, angle) for angle in (azimuth, altitude))
    arc = np.arccos(np.cos(altitude) * np.cos(azimuth)) * EYE_TO_MONITOR
    across, down = (EYE_TO_MONITOR * (1 + offset / from_eye) - EYE_TO_MONITOR for offset in (x, y))
    direction = np.arctan2(down, across)
    return (
        arc * np.cos(direction) / monitor_size[0] * MONITOR_SHAPE[1],
        arc * np.sin(direction) / monitor_size[1] * MONITOR_SHAPE[0],
    )
