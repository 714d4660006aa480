"""The natural movie of the sessions, as the mouse saw it.

The monitor is flat and close: what lies towards its corners is farther from the eye. The stimulus is therefore warped
as if the picture lay on a sphere around the eye. The movie (natural_movie_one) was stretched to the width of the
monitor and warped; the middle of each frame, 1,162 x 915 of 1,920 x 1,080 pixels, filled the whole screen.

Definition: AllenSDK 2.16, ``brain_observatory/stimulus_info.py`` (``BrainObservatoryMonitor``,
``warp_stimulus_coords``, ``make_display_mask``) and
``brain_observatory/behavior/data_objects/stimuli/stimulus_templates.py``; of the interpolations, Pillow's
``src/libImaging/Resample.c`` and SciPy's ``ndimage/src/ni_splines.c``.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue, CorruptFile
from visbehavior.progress import progress_bar

NAME = "natural_movie_one"
INDEX = "movie_frame_index"

SCREEN = (1200, 1920)
"""Rows and columns of the monitor."""
MOVIE_ON_SCREEN = (1080, 1920)
"""Rows and columns of the stretched movie, in the middle of the monitor."""
EYE_TO_SCREEN = 15.0
"""Distance of the eye from the middle of the monitor (cm)."""
SCREEN_DIAGONAL = 61.214
"""Of the monitor that frames are warped for (cm)."""
SCREEN_SIZE_OF_MASK = (51.0, 32.5)
"""Width and height of the monitor that says which pixels are seen (cm): not quite those of the diagonal."""

_PART_CORNER = (60, 312)
_PART = (1080, 1296)
"""Where on the screen the part begins that the warp looks at, and its rows and columns: all of the movie but 312 columns
on either side. The pixels that count are 66 or more from its edges."""
_ON_SCREEN = tuple(slice(begin, begin + length) for begin, length in zip(_PART_CORNER, _PART, strict=True))
_FIXED_POINT_BITS = 22
_POLE = -0.267949192431122706472553658494127633
"""sqrt(3) - 2: the pole of the filter that turns pixels into coefficients of cubic B-splines."""
_BLOCK = 65_536
"""Pixels at a time: few enough for a core's cache, enough that threads seldom wait for each other."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Stretch = tuple[NDArray[np.intp], NDArray[np.int32]]


class _Warp(NamedTuple):
    """What is the same for every frame."""

    visible: NDArray[np.bool_]
    """Of each pixel of the part: is it seen?"""
    corner: NDArray[np.intp]
    """Of each pixel of the screen: where in the part its 4 x 4 neighbours begin."""
    down: Floats
    """Weights of the four rows (4 x pixels)."""
    across: Floats
    """Weights of the four columns (4 x pixels)."""


def read_movie(path: str | os.PathLike[str]) -> Bytes:
    """The movie as it was filmed, from its file.

    Raises
    ------
    CorruptFile
        If it is no array of numpy's.
    """
    try:
        frames: Bytes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptFile(
            f"{path} is not the natural movie: {error}. Delete it, and it is fetched again.", path=str(path)
        ) from error
    return frames


def compute_movie_template(raw_movie: Bytes, jobs: int | None = None, progress: bool = False) -> pd.DataFrame:
    """The movie stretched to the screen, and as the screen showed it.

    A frame takes 20.7 MB (18.4 MB unwarped, 2.3 MB warped): the 900 frames of the movie take 18.7 GB. Beside the result
    there are 0.3 GB at work and 40 MB a thread. Give a part of the movie (``raw_movie[:100]``) where that is too much.

    Parameters
    ----------
    raw_movie : numpy.ndarray
        uint8, frames x rows x columns, first row on top: the movie of the release is 900 x 304 x 608. Frames of other
        sizes are stretched likewise, first across, then down (Pillow 13: down first, for some that lose rows).
    jobs : int or None
        Threads to share the work; None: one a core.
    progress : bool
        Whether to show a progress bar (on stderr, or in the notebook).

    Returns
    -------
    pandas.DataFrame
        One row a frame, index movie_frame_index (int64, from 0), ``name`` natural_movie_one. Both columns hold arrays of
        1,200 x 1,920 pixels, first row on top. unwarped: float64, the stretched frame, NaN where the mouse sees nothing
        of it; warped: uint8, what the screen showed.

    Raises
    ------
    BadValue
        If `raw_movie` is no such array, or `jobs` below 1.

    Notes
    -----
    Definition: AllenSDK 2.16, ``VisualBehaviorOphysProjectCache.get_natural_movie_template``, which leads to
    ``StimulusMovieTemplateFactory.from_unprocessed``
    (``brain_observatory/behavior/data_objects/stimuli/stimulus_templates.py``). Pixels are the same, bit for bit, where
    numpy's trigonometric functions are: their last bit, which processors may differ in, moves a pixel only if its value
    before rounding lies within some 1e-8 of a half.
    """
    _check(raw_movie, jobs)
    count, *size = raw_movie.shape
    rows, columns = (_stretch(size[axis], axis) for axis in (0, 1))
    warp = _warp()
    unwarped, warped = np.empty(count, dtype=object), np.empty(count, dtype=object)

    def show(at: int) -> None:
        picture = _stretched(_stretched(raw_movie[at].T, columns).T, rows)
        unwarped[at], warped[at] = _unwarped(picture, warp), _warped(picture, warp)

    pool = ThreadPoolExecutor(jobs or os.cpu_count() or 1)
    try:
        done = pool.map(show, range(count))
        # disable=None: none where stderr is no terminal.
        for _ in progress_bar(progress, done, total=count, unit="frame", leave=False):
            pass
    finally:
        # Who interrupts does not want to wait for the frames that were not begun.
        pool.shutdown(cancel_futures=True)
    return _table(unwarped, warped)


def _check(raw_movie: Any, jobs: int | None) -> None:
    is_array = isinstance(raw_movie, np.ndarray)
    if not is_array or raw_movie.dtype != np.uint8 or raw_movie.ndim != 3 or not raw_movie.size:
        found = f"{raw_movie.dtype} with the shape {raw_movie.shape}" if is_array else f"a {type(raw_movie).__name__}"
        raise BadValue(
            f"raw_movie is {found}; expected a numpy array of uint8, frames x rows x columns, none of them 0 (the movie of "
            "the release is 900 x 304 x 608). Load it with numpy.load; give a single frame as frame[None].",
            name="raw_movie",
        )
    if jobs is not None and jobs < 1:
        raise BadValue(f"jobs is {jobs}; expected 1 or more, or None for all cores.", name="jobs", value=jobs)


def _table(unwarped: NDArray[Any], warped: NDArray[Any]) -> pd.DataFrame:
    index = pd.Index(np.arange(len(warped), dtype=np.int64), name=INDEX)
    frame = pd.DataFrame({"unwarped": unwarped, "warped": warped}, index=index)
    frame.name = NAME
    return frame


def _stretch(length: int, axis: int) -> Stretch:
    """How to resize one side: which source pixels each pixel of the part is made of, and their weights.

    Pillow's bilinear filter: a triangle as wide as two source pixels, or two target pixels where those are wider;
    weights sum to 1 and are rounded to fixed point. Both results are (pixels of the triangle) x (pixels of the part).
    """
    scale = length / MOVIE_ON_SCREEN[axis]
    reach = max(scale, 1.0)
    skipped = _PART_CORNER[axis] - (SCREEN[axis] - MOVIE_ON_SCREEN[axis]) // 2
    center = (skipped + np.arange(_PART[axis]) + 0.5) * scale
    first = np.maximum((center - reach + 0.5).astype(np.intp), 0)
    behind = np.minimum((center + reach + 0.5).astype(np.intp), length)
    source = first + np.arange(np.max(behind - first))[:, None]
    weight = np.maximum(1.0 - np.abs((source - center + 0.5) * (1.0 / reach)), 0.0) * (source < behind)
    weight /= weight.sum(axis=0)
    return np.minimum(source, length - 1), (weight * 2**_FIXED_POINT_BITS + 0.5).astype(np.int32)


def _stretched(picture: Bytes, stretch: Stretch) -> Bytes:
    """The picture with other rows."""
    total = np.full((len(stretch[0][0]), picture.shape[1]), 2 ** (_FIXED_POINT_BITS - 1), dtype=np.int32)
    for source, weight in zip(*stretch, strict=True):
        total += picture[source] * weight[:, None]
    return (total >> _FIXED_POINT_BITS).astype(np.uint8)


def _warp() -> _Warp:
    """The geometry: what of the movie is shown where."""
    rows, columns = (np.arange(length, dtype=np.float64) - length / 2 for length in SCREEN)
    height = np.sqrt(SCREEN_DIAGONAL**2 / (1 + (SCREEN[1] / SCREEN[0]) ** 2))
    # The definition gives the rows here as its first axis, the columns in the mask. As pixels are square that
    # matters to the last bits only, and in the very middle.
    row, column = _looked_up(rows[:, None], columns, (height * (SCREEN[1] / SCREEN[0]), height))
    row, column = row + SCREEN[0] / 2, column + SCREEN[1] / 2
    corner = (np.floor(row) - 1 - _PART_CORNER[0]) * _PART[1] + (np.floor(column) - 1 - _PART_CORNER[1])
    return _Warp(_visible(rows, columns), corner.astype(np.intp).ravel(), _spline_weights(row), _spline_weights(column))


def _visible(rows: Floats, columns: Floats) -> NDArray[np.bool_]:
    column, row = _looked_up(columns, rows[:, None], SCREEN_SIZE_OF_MASK)
    visible = np.zeros(SCREEN, dtype=np.bool_)
    # Cut towards the middle, as the definition does, not down.
    visible[row.astype(np.intp) + SCREEN[0] // 2, column.astype(np.intp) + SCREEN[1] // 2] = True
    return visible[_ON_SCREEN]


def _looked_up(first: Floats, second: Floats, size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Where in the flat picture lies what the screen shows at a place.

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
        Places in the picture from its middle (pixels).
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
    beyond = (place - np.floor(place)).ravel()
    before = 1.0 - beyond
    weights = np.empty((4, beyond.size))
    weights[0] = before * before * before / 6.0
    weights[1] = (beyond * beyond * (beyond - 2.0) * 3.0 + 4.0) / 6.0
    weights[2] = (before * before * (before - 2.0) * 3.0 + 4.0) / 6.0
    weights[3] = 1.0 - weights[0] - weights[1] - weights[2]
    return weights


def _unwarped(picture: Bytes, warp: _Warp) -> Floats:
    """On the screen, NaN where it is not seen; nor are the gray bars above and below the movie."""
    shown = np.full(SCREEN, np.nan)
    np.copyto(shown[_ON_SCREEN], picture, where=warp.visible)
    return shown


def _warped(picture: Bytes, warp: _Warp) -> Bytes:
    coefficients = _spline_coefficients(picture).ravel()
    shown = np.empty(SCREEN, dtype=np.uint8)
    flat = shown.reshape(-1)
    for begin in range(0, flat.size, _BLOCK):
        block = slice(begin, begin + _BLOCK)
        value = _interpolated(coefficients, warp.corner[block], warp.down[:, block], warp.across[:, block])
        # To the nearest, halves up; splines overshoot what they pass through.
        flat[block] = np.clip(value + 0.5, 0, 255)
    return shown


def _interpolated(coefficients: Floats, corner: NDArray[np.intp], down: Floats, across: Floats) -> Floats:
    total, part = np.zeros(corner.shape), np.empty(corner.shape)
    for row in range(4):
        for column in range(4):
            # clip: no place is outside, and numpy would copy what it takes to be sure.
            coefficients[row * _PART[1] + column :].take(corner, out=part, mode="clip")
            part *= down[row]
            part *= across[column]
            total += part
    return total


def _spline_coefficients(picture: Bytes) -> Floats:
    """Of the surface of cubic B-splines through the pixels.

    The filter forgets: a pixel weighs 0.27 times its neighbour. What lies beyond the edges of the part (SciPy has it
    mirrored at those of the screen) weighs less than 1e-37 where it counts, and is left out.
    """
    down = _spline_filtered(picture.astype(np.float64))
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
