"""Templates of the natural movie: resized to the width of the monitor, and warped.

Definition: AllenSDK 2.16, ``brain_observatory/stimulus_info.py`` (``BrainObservatoryMonitor``) and
``brain_observatory/behavior/data_objects/stimuli/stimulus_templates.py``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from visbehavior.arguments import check_jobs
from visbehavior.errors import BadValue, CorruptFile
from visbehavior.extras import import_extra
from visbehavior.progress import progress_bar
from visbehavior.stimuli.warp import MONITOR_SHAPE, Bytes, Floats, mask_image, shared_geometry, warp_image

NAME = "natural_movie_one"
INDEX = "movie_frame_index"

MOVIE_SHAPE = (1080, 1920)
"""Rows and columns of a resized frame, which is in the center of the monitor."""


def read_movie(path: str | os.PathLike[str]) -> Bytes:
    """Read the natural movie of the release.

    Raises
    ------
    CorruptFile
        If the file is not a numpy array.
    """
    try:
        frames: Bytes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptFile(
            f"{path} is not a numpy array: {error}. Delete the file to download the natural movie again.",
            path=str(path),
        ) from error
    return frames


def compute_movie_template(raw_movie: Bytes, jobs: int | None = None, progress: bool = False) -> pd.DataFrame:
    """Return the templates of a movie's frames: as the mouse saw them, and as sent to the monitor.

    A frame takes 20.7 MB (18.4 MB unwarped, 2.3 MB warped); the 900 frames of the movie take 18.7 GB. If memory is
    short, pass part of the movie (``raw_movie[:100]``). The computation takes about 25 MB more per thread, and 39 MB
    stay allocated afterwards.

    Parameters
    ----------
    raw_movie : numpy.ndarray
        uint8, frames x rows x columns, first row on top. The movie of the release is 900 x 304 x 608. Frames of other
        sizes are accepted; their pixels are those of the installed Pillow version.
    jobs : int or None
        Number of threads; None: one per core.
    progress : bool
        Whether to show a progress bar (on stderr, or in the notebook).

    Returns
    -------
    pandas.DataFrame
        One row per frame, index movie_frame_index (int64, from 0), ``name`` natural_movie_one. Both columns hold arrays
        of 1,200 x 1,920 pixels, first row on top. unwarped: float64, the resized frame, NaN for pixels that the mouse
        cannot see; warped: uint8, the frame as sent to the monitor.

    Raises
    ------
    BadValue
        If `raw_movie` is not such an array, or `jobs` is below 1.
    MissingExtra
        If Pillow or scipy is not installed.

    Notes
    -----
    Definition: AllenSDK 2.16, ``VisualBehaviorOphysProjectCache.get_natural_movie_template``, which calls
    ``StimulusMovieTemplateFactory.from_unprocessed``
    (``brain_observatory/behavior/data_objects/stimuli/stimulus_templates.py``). Pixels are equal to AllenSDK's for
    frames of the release's size, with the limits given in `visbehavior.stimuli.warp.warp_image`.
    """
    _check_arguments(raw_movie, jobs)
    pillow = import_libraries()
    geometry = shared_geometry(jobs)

    def compute_frame(number: int) -> tuple[Floats, Bytes]:
        screen = _on_monitor(pillow, raw_movie[number])
        return mask_image(screen, geometry), warp_image(screen, geometry)

    pool = ThreadPoolExecutor(jobs or os.cpu_count())
    try:
        frames = pool.map(compute_frame, range(len(raw_movie)))
        return _table(list(progress_bar(progress, frames, total=len(raw_movie), unit="frame", leave=False)))
    finally:
        # After an interrupt, do not compute the frames that have not started.
        pool.shutdown(cancel_futures=True)


def import_libraries() -> Any:
    """Return Pillow; MissingExtra if it or scipy is not installed."""
    import_extra("scipy.ndimage")
    return import_extra("PIL.Image")


def _check_arguments(raw_movie: Any, jobs: int | None) -> None:
    is_array = isinstance(raw_movie, np.ndarray)
    if not is_array or raw_movie.dtype != np.uint8 or raw_movie.ndim != 3 or not raw_movie.size:
        actual = f"{raw_movie.dtype} with the shape {raw_movie.shape}" if is_array else f"a {type(raw_movie).__name__}"
        raise BadValue(
            f"raw_movie is {actual}; expected a numpy array of uint8, frames x rows x columns, at least one of each (the movie of "
            "the release is 900 x 304 x 608). Load the movie with numpy.load; pass a single frame as frame[None].",
            name="raw_movie",
        )
    if jobs is not None:
        check_jobs("jobs", jobs)


def _on_monitor(pillow: Any, frame: Bytes) -> Bytes:
    """Return the monitor with the resized frame in its center and 0 in the other rows, which the mouse cannot see."""
    resized = pillow.fromarray(frame).resize(MOVIE_SHAPE[::-1], pillow.Resampling.BILINEAR)
    margin = (MONITOR_SHAPE[0] - MOVIE_SHAPE[0]) // 2
    return np.pad(np.asarray(resized), ((margin, margin), (0, 0)))


def _table(frames: Sequence[tuple[Floats, Bytes]]) -> pd.DataFrame:
    index = pd.Index(np.arange(len(frames), dtype=np.int64), name=INDEX)
    unwarped, warped = (_object_array(images) for images in zip(*frames, strict=True))
    table = pd.DataFrame({"unwarped": unwarped, "warped": warped}, index=index)
    table.name = NAME
    return table


def _object_array(images: Sequence[NDArray[Any]]) -> NDArray[np.object_]:
    return np.fromiter(images, dtype=object, count=len(images))
