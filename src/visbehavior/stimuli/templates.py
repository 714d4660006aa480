"""Templates of a session's images and gratings: as the mouse saw them, and as sent to the monitor.

Templates of images are computed from the image set; templates of gratings are read from PNG files.

Definition: AllenSDK 2.16, ``brain_observatory/behavior/data_objects/stimuli/templates.py`` and
``brain_observatory/behavior/stimulus_processing.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visbehavior.errors import BadValue, CorruptFile, NotFound, brief_repr
from visbehavior.extras import import_extra
from visbehavior.schema.stimulus_pickle import IMAGE_SHAPE
from visbehavior.stimuli.warp import MONITOR_SHAPE, Bytes, Floats, mask_image, shared_geometry, warp_image

IMAGE_CORNER = (141, 373)
"""Row and column of the monitor where an image begins; images are centered."""
BACKGROUND = 127
"""Gray level of the monitor around an image."""
UNWARPED_GRATING = "masked_unwarped_grating_{:g}.png"
WARPED_GRATING = "warped_grating_{:g}.png"
"""File names of a grating; the number is its orientation in degrees."""

_GRAY_8_BITS = "L"
"""Pillow's name of this mode."""
_DAMAGE_ERRORS = (OSError, SyntaxError, ValueError, IndexError)
"""Errors that Pillow raises for damaged files."""


def compute_templates(images: Mapping[str, Bytes]) -> tuple[list[Floats], list[Bytes]]:
    """Return the templates of an image set.

    Eight images take 166 MB. The computation takes about 25 MB more per thread, and 39 MB stay allocated afterwards.

    Parameters
    ----------
    images : mapping of str to numpy.ndarray
        Image set, by image name: uint8, 918 x 1,174 gray levels, first row on top.

    Returns
    -------
    unwarped : list of numpy.ndarray
        float64, 1,200 x 1,920 each, in the order of `images`: the image in the center of the monitor, NaN for pixels
        that the mouse cannot see.
    warped : list of numpy.ndarray
        uint8, 1,200 x 1,920 each: the image as sent to the monitor.

    Raises
    ------
    BadValue
        If an image is not such an array.
    MissingExtra
        If scipy is not installed.

    See Also
    --------
    visbehavior.stimuli.warp : the warp and its definition.
    """
    screens = [_on_background(name, image) for name, image in images.items()]
    geometry = shared_geometry()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        warped = pool.map(partial(warp_image, geometry=geometry), screens)
        unwarped = pool.map(partial(mask_image, geometry=geometry), screens)
        return list(unwarped), list(warped)


def read_gratings(
    folder: str | os.PathLike[str], orientations: Sequence[float]
) -> tuple[list[NDArray[np.float32]], list[Bytes]]:
    """Read the templates of gratings from PNG files.

    Parameters
    ----------
    folder : path
        Folder with ``masked_unwarped_grating_<degrees>.png`` and ``warped_grating_<degrees>.png``: 8-bit gray,
        1,920 x 1,200 pixels.
    orientations : sequence of float
        Orientations of the gratings (degrees).

    Returns
    -------
    unwarped : list of numpy.ndarray
        float32 (as in NWB files), 1,200 x 1,920 each, in the order of `orientations`; without NaN.
    warped : list of numpy.ndarray
        uint8, 1,200 x 1,920 each.

    Raises
    ------
    NotFound
        If a file is missing.
    CorruptFile
        If a file is damaged, or not a PNG file.
    BadValue
        If an image has another size or mode, or an orientation is not a number.
    MissingExtra
        If Pillow is not installed.
    """
    for orientation in orientations:
        if not isinstance(orientation, Real):
            raise BadValue(
                f"The orientation of a grating is {brief_repr(orientation)}; expected a number (degrees).",
                name="orientations",
                value=orientation,
            )
    unwarped = [_read_png(Path(folder, UNWARPED_GRATING.format(degrees))) for degrees in orientations]
    warped = [_read_png(Path(folder, WARPED_GRATING.format(degrees))) for degrees in orientations]
    return [image.astype(np.float32) for image in unwarped], warped


def _on_background(name: str, image: Any) -> Bytes:
    """Return the monitor with the image in its center."""
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.dtype != np.uint8 or image.shape != IMAGE_SHAPE:
        actual = f"{image.dtype} with the shape {image.shape}" if is_array else f"a {type(image).__name__}"
        raise BadValue(
            f"The image {brief_repr(name)} is {actual}; expected a numpy array of uint8 with {IMAGE_SHAPE[0]} rows x {IMAGE_SHAPE[1]} columns, "
            "as in the image sets of the change detection task. Use the image set named in the session's pickle.",
            name=name,
        )
    screen = np.full(MONITOR_SHAPE, BACKGROUND, dtype=np.uint8)
    row, column = IMAGE_CORNER
    screen[row : row + IMAGE_SHAPE[0], column : column + IMAGE_SHAPE[1]] = image
    return screen


def _read_png(path: Path) -> Bytes:
    pillow = import_extra("PIL.Image")
    try:
        with pillow.open(path, formats=["PNG"]) as image:
            _check_header(path, image.size, image.mode)
            # Decoding does not verify the checksums of the pixel data. verify() does, and then needs a new open().
            image.verify()
        with pillow.open(path, formats=["PNG"]) as image:
            return np.array(image)
    except FileNotFoundError as error:
        raise NotFound(
            f"{path} is missing; expected two images for each orientation in {path.parent}, such as "
            f"{UNWARPED_GRATING.format(90)} and {WARPED_GRATING.format(90)}. Pass the folder with the images of the gratings.",
            path=str(path),
        ) from error
    except BadValue:
        raise
    except pillow.DecompressionBombError as error:
        raise _unexpected_image(path, str(error)) from error
    except _DAMAGE_ERRORS as error:
        raise CorruptFile(
            f"{path} is damaged, or not a PNG file: {error}. Copy the file again from its source.", path=str(path)
        ) from error


def _check_header(path: Path, size: tuple[int, int], mode: str) -> None:
    """Raise BadValue unless the image has the expected size and mode; no pixel is decoded before this check."""
    if size != MONITOR_SHAPE[::-1] or mode != _GRAY_8_BITS:
        raise _unexpected_image(path, f"{size[0]} x {size[1]} pixels, mode {mode}")


def _unexpected_image(path: Path, actual: str) -> BadValue:
    return BadValue(
        f"{path} has an unexpected size or mode ({actual}); expected 8-bit gray (mode L), {MONITOR_SHAPE[1]} x {MONITOR_SHAPE[0]} "
        "pixels. Save the image in this format without changing its gray levels.",
        path=str(path),
    )
