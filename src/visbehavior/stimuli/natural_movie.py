"""The natural movie of the sessions, as the mouse saw it: stretched to the width of the monitor, and warped.

Definition: AllenSDK 2.16, ``brain_observatory/stimulus_info.py`` (``BrainObservatoryMonitor``) and
``brain_observatory/behavior/data_objects/stimuli/stimulus_templates.py``; of the stretching, Pillow's
``src/libImaging/Resample.c``; of the rest, `visbehavior.stimuli.warp`.
"""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.errors import BadValue, CorruptFile
from visbehavior.progress import progress_bar
from visbehavior.stimuli.warp import PART, PART_CORNER, SCREEN, Bytes, shared_geometry, unwarped, warped

NAME = "natural_movie_one"
INDEX = "movie_frame_index"

MOVIE_ON_SCREEN = (1080, 1920)
"""Rows and columns of the stretched movie, in the middle of the monitor."""
_FIXED_POINT_BITS = 22
_TOGETHER = 4
"""Frames that share the weights of their pixels."""

Stretch = tuple[NDArray[np.intp], NDArray[np.int32]]


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
    there are 90 MB a thread at work, and 38 MB that stay. Give a part of the movie (``raw_movie[:100]``) where that is too much.

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
    geometry = shared_geometry(jobs)
    seen, sent = np.empty(count, dtype=object), np.empty(count, dtype=object)

    def show(group: range) -> range:
        images = [_stretched(_stretched(raw_movie[at].T, columns).T, rows) for at in group]
        for at, image, screen in zip(group, images, warped(images, geometry), strict=True):
            seen[at], sent[at] = unwarped(image, geometry), screen
        return group

    threads = jobs or os.cpu_count() or 1
    pool = ThreadPoolExecutor(threads)
    try:
        done = itertools.chain.from_iterable(pool.map(show, _groups(count, threads)))
        # disable=None: none where stderr is no terminal.
        for _ in progress_bar(progress, done, total=count, unit="frame", leave=False):
            pass
    finally:
        # Who interrupts does not want to wait for the frames that were not begun.
        pool.shutdown(cancel_futures=True)
    return _table(seen, sent)


def _groups(count: int, threads: int) -> list[range]:
    """The frames that are computed together: few enough that every thread has some."""
    size = min(_TOGETHER, -(-count // threads))
    return [range(begin, min(begin + size, count)) for begin in range(0, count, size)]


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


def _table(seen: NDArray[Any], sent: NDArray[Any]) -> pd.DataFrame:
    index = pd.Index(np.arange(len(sent), dtype=np.int64), name=INDEX)
    frame = pd.DataFrame({"unwarped": seen, "warped": sent}, index=index)
    frame.name = NAME
    return frame


def _stretch(length: int, axis: int) -> Stretch:
    """How to resize one side: which source pixels each pixel of the part is made of, and their weights.

    Pillow's bilinear filter: a triangle as wide as two source pixels, or two target pixels where those are wider;
    weights sum to 1 and are rounded to fixed point. Both results are (pixels of the triangle) x (pixels of the part).
    """
    scale = length / MOVIE_ON_SCREEN[axis]
    reach = max(scale, 1.0)
    skipped = PART_CORNER[axis] - (SCREEN[axis] - MOVIE_ON_SCREEN[axis]) // 2
    center = (skipped + np.arange(PART[axis]) + 0.5) * scale
    first = np.maximum((center - reach + 0.5).astype(np.intp), 0)
    behind = np.minimum((center + reach + 0.5).astype(np.intp), length)
    source = first + np.arange(np.max(behind - first))[:, None]
    weight = np.maximum(1.0 - np.abs((source - center + 0.5) * (1.0 / reach)), 0.0) * (source < behind)
    weight /= weight.sum(axis=0)
    return np.minimum(source, length - 1), (weight * 2**_FIXED_POINT_BITS + 0.5).astype(np.int32)


def _stretched(image: Bytes, stretch: Stretch) -> Bytes:
    """The image with other rows."""
    total = np.full((len(stretch[0][0]), image.shape[1]), 2 ** (_FIXED_POINT_BITS - 1), dtype=np.int32)
    for source, weight in zip(*stretch, strict=True):
        total += image[source] * weight[:, None]
    return (total >> _FIXED_POINT_BITS).astype(np.uint8)
